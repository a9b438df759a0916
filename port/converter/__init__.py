"""Networks of PyTorch, exported by torch.export, as pure JAX functions."""

from ._export import convert
from ._graph import DType, Frame, Graph, Input, Node, Value
from ._program import Program

__all__ = ["DType", "Frame", "Graph", "Input", "Node", "Program", "Value", "convert"]
