"""A network as plain data: what it takes, what it computes, what it gives. No torch, no JAX."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ._structure import Structure

DTypes = str | tuple["DTypes", ...] | None  # of one result, or of several


@dataclass(frozen=True)
class Value:
    """Stands, in a node's arguments, for what an input or another node gives."""

    name: str


@dataclass(frozen=True)
class DType:
    """Stands, in a node's arguments, for a dtype."""

    name: str


@dataclass(frozen=True)
class Input:
    """What the graph takes.

    Attributes:
      name: by which nodes refer to it.
      kind: 'param', 'buffer', 'constant' (a tensor that the network made in Python) or 'argument'.
      target: the name in the state_dict, of the constant, or the argument's path ("x", "args[0]").
      shape: its sizes; a string where the exported program leaves a size open.
      dtype: its dtype's name, or None for a Python number, which the program is made for.
      value: that number (or string, or None).
    """

    name: str
    kind: str
    target: str
    shape: tuple[int | str, ...] = ()
    dtype: str | None = None
    value: Any = None


class Frame(NamedTuple):
    """A module whose call is under way.

    Attributes:
      path: the module, as in the state_dict: 'layer1.0.conv1', and '' for the network itself.
      kind: its class, with the package: 'torch.nn.modules.conv.Conv2d'.
      call: which call of the module it is: 0, and more where it is called again.
    """

    path: str
    kind: str
    call: int


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
      name: by which others refer to its result; each name is given once.
      operation: PyTorch's name of it, such as 'aten.conv2d.default' or 'operator.getitem'.
      args: numbers, strings, None, `DType`s, tuples of such, and `Value`s.
      kwargs: the same, by name.
      stack: the modules whose calls it is part of, from the network itself down.
      shape: sizes of the result (a string where one is open), or a tuple of such tuples.
      dtype: name of the result's dtype; a tuple of them for several; None for Python numbers.
      cast: the dtype that the result is cast to, where JAX promotes otherwise than PyTorch; a tuple
        for several results.
      line: where in Python it stands: 'net.py:12, in forward: x = self.conv(x)'.
      draw: how many operations of the same module draw random numbers before it.
    """

    name: str
    operation: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    stack: tuple[Frame, ...] = ()
    shape: Any = None
    dtype: DTypes = None
    cast: DTypes = None
    line: str = ""
    draw: int = 0

    @property
    def module(self) -> str:
        """Path of the innermost module whose call it is part of; '' for the network itself."""
        return self.stack[-1].path if self.stack else ""

    def uses(self) -> Iterator[str]:
        """Yield the names of what it takes, in order."""
        yield from names((self.args, dict(self.kwargs)))


@dataclass(frozen=True)
class Graph:
    """Inputs, nodes in the order in which they are computed, and what they give.

    Attributes:
      inputs: parameters, buffers, constants and arguments.
      nodes: the operations.
      arguments: structure of (args, kwargs), with the names of inputs at its leaves.
      output: structure of the output, with `Value`s and Python numbers at its leaves.
      updates: {name of a buffer: the Value it has afterwards}.
      versions: {name of a node: the buffer whose value it is from then on}.
      kind: class of the network.
      tied: {name in the state_dict: the parameter's first name}, for parameters with several.
      sizes: {an open size, as it stands in shapes: what it was when the network was exported}.
      train: whether it is the network in training.
    """

    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    arguments: Structure
    output: Structure
    updates: Mapping[str, Value]
    versions: Mapping[str, str] = field(default_factory=dict)
    kind: str = "Module"
    tied: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    train: bool = False

    def last_uses(self) -> dict[str, list[str]]:
        """Return {node: the names that no later node takes}, so that arrays can be freed."""
        kept = set(names((self.output.leaves(), list(self.updates.values()))))
        last: dict[str, str] = {}
        for node in self.nodes:
            last[node.name] = node.name
            for name in node.uses():
                last[name] = node.name
        freed: dict[str, list[str]] = {}
        for name, by in last.items():
            if name not in kept:
                freed.setdefault(by, []).append(name)
        return freed


def names(argument: object) -> Iterator[str]:
    """Yield the names of all `Value`s in an argument."""
    if isinstance(argument, Value):
        yield argument.name
    elif isinstance(argument, Mapping):
        for part in argument.values():
            yield from names(part)
    elif isinstance(argument, Sequence) and not isinstance(argument, str):
        for part in argument:
            yield from names(part)


def replace(argument: Any, found: Callable[[Value | DType], Any]) -> Any:
    """Return an argument with `found(leaf)` in the place of each Value and DType."""
    if isinstance(argument, Value | DType):
        return found(argument)
    if isinstance(argument, tuple | list):
        return tuple(replace(part, found) for part in argument)
    if isinstance(argument, Mapping):
        return {key: replace(part, found) for key, part in argument.items()}
    return argument
