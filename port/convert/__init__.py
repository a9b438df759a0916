"""Networks of PyTorch, exported by torch.export, as pure JAX functions."""

from ._export import convert
from ._graph import Graph, Input, Node, Value
from ._program import Program

__all__ = ["Graph", "Input", "Node", "Program", "Value", "convert"]
