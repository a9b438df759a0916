"""The nodes of a computational graph."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from convgrad._arrays import Array

# What one operand of a node was made by, and which of that node's outputs it is.
Edge = tuple["Node | None", int]
CONSTANT: Edge = (None, 0)


@dataclass(frozen=True, eq=False, repr=False)
class Node:
    """One differentiable operation.

    Attributes:
      name: PyTorch's name for it, such as `'SubBackward0'`.
      op: JAX's name for it, such as `'sub'`.
      shape: the shape of its (first) output.
      dtype: the dtype of its (first) output.
      next_functions: for each operand, the node that made it and the number of that node's
        output; `(None, 0)` for a constant.
    """

    name: str
    op: str
    shape: tuple[int, ...]
    dtype: np.dtype
    next_functions: tuple[Edge, ...]

    @property
    def title(self) -> str:
        """The name in text."""
        return self.name

    @property
    def short(self) -> str:
        """The name in a drawing: the operation alone."""
        return re.sub(r"Backward\d*$", "", self.name)

    def __repr__(self) -> str:
        return f"<{self.name} {self.shape}>"


@dataclass(frozen=True, eq=False, repr=False)
class AccumulateGrad(Node):
    """A leaf: an argument of the function, where a gradient arrives.

    Attributes:
      variable: the argument itself.
      label: its name in the function's signature.
    """

    variable: Array
    label: str

    @property
    def title(self) -> str:
        """The name in text, with the argument's."""
        return f"{self.name} {self.label}"

    @property
    def short(self) -> str:
        """The argument's name."""
        return self.label
