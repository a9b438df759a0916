"""What one call of a module computes, in terms of its own inputs and arrays.

Names of the graph become references: to an input of the call, to an array by its name under the
module, to what an earlier item gives. So two calls of one class can be held against each other.
"""

from dataclasses import dataclass, field
from typing import Any

from ..converter import Node
from ._tree import Block

Output = tuple[str, int]


@dataclass(frozen=True)
class Input:
    """The k-th input of a call."""

    k: int


@dataclass(frozen=True)
class Array:
    """A parameter or buffer, by its name under the module; or by its whole name."""

    name: str
    whole: bool = False


@dataclass(frozen=True)
class Result:
    """What an item gives; `k` is which of several."""

    item: int
    k: int = 0


@dataclass(frozen=True)
class Literal:
    """An array of one number, written as such."""

    text: str


Reference = Input | Array | Result | Literal


@dataclass
class Leaf:
    """A number, tuple or reference in an item's arguments; `name` is its parameter's."""

    value: Any
    name: str


@dataclass
class Item:
    """An operation, or a call of a function.

    Attributes:
      key: what two items have in common that are the same but for numbers.
      leaves: references and numbers, in order.
      form: the arguments, with a leaf's place for each leaf; and the keyword arguments.
      path: of the module, under the one that this is part of.
      outputs: how many values it gives.
      updates: {which output: the buffer that it is the new value of}.
      node: the operation, or None.
      callee: the function, or None.
      draw: the leaf that says which of its module's draws of random numbers it is, or None.
    """

    key: Any
    leaves: list[Leaf]
    form: tuple[Any, Any]
    path: str
    outputs: int
    updates: dict[int, Reference]
    node: Node | None = None
    callee: Any = None
    draw: int | None = None


@dataclass
class Body:
    """The items of a call, with the graph's names of its inputs and outputs.

    An input may be a list of values, of any length, that is joined.
    """

    block: Block
    items: list[Item] = field(default_factory=list)
    inputs: "list[Output | tuple[Output, ...]]" = field(default_factory=list)
    given: list[Output] = field(default_factory=list)
    outputs: list[Reference] = field(default_factory=list)


@dataclass(frozen=True)
class Slot:
    """Stands, in an item's form, for a leaf."""

    k: int


@dataclass(frozen=True)
class Shape:
    """What the operation's first argument is reshaped to, and its own shape."""

    target: tuple[int, ...]
    source: tuple[int, ...] = field(compare=False, repr=False)


@dataclass(frozen=True)
class OwnSize:
    """A size of the operation's own first argument: an index of its shape, and what that is."""

    index: str
    number: Any = field(compare=False, repr=False, default=None)
