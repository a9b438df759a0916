"""The variables of a tree of flax.nnx modules, each with its name in PyTorch's state."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from ._layouts import SAME, Layout, names
from .modules._base import Buffer
from .modules._containers import Ordered

# Neither of these is state in PyTorch: random streams, and what a call leaves for later.
PASSING = (nnx.RngState, nnx.Cache, nnx.Intermediate)
BATCHES = "num_batches_tracked"


@dataclass(frozen=True)
class Entry:
    """One tensor of a state: its name, and the variable or variables that hold it."""

    name: str
    variables: tuple[nnx.Variable, ...]
    layout: Layout

    def value(self) -> Any:
        """Return the tensor in PyTorch's layout; of a module without values, its shape."""
        values = [variable.get_value() for variable in self.variables]
        if all(isinstance(value, jax.Array) for value in values):
            return self._out(*values)
        return jax.eval_shape(self._out, *values)

    def form(self) -> jax.ShapeDtypeStruct:
        """Return the tensor's shape and dtype."""
        own = self.variables[0].get_value()
        if self.layout is SAME and len(self.variables) == 1:
            return jax.ShapeDtypeStruct(own.shape, own.dtype)
        return jax.eval_shape(self.value)

    def _out(self, *values: jax.Array) -> jax.Array:
        parts = [self.layout.out(value) for value in values]
        return parts[0] if len(parts) == 1 else jnp.concatenate(parts)

    def values(self, tensor: jax.Array) -> list[jax.Array]:
        """Return what the variables have to hold for `value` to be this tensor."""
        found, start = [], 0
        for variable in self.variables:
            own = variable.get_value()
            if len(self.variables) == 1:
                rows = tensor
            else:
                stop = start + jax.eval_shape(self.layout.out, own).shape[0]
                rows, start = tensor[start:stop], stop
            found.append(self.layout.back(rows, own.shape))
        return found


@dataclass(frozen=True)
class Tree:
    """All entries, and the prefixes of all modules ('' and 'layer1.' and so on), in order."""

    entries: dict[str, Entry]
    prefixes: tuple[str, ...]
    ignored: frozenset[str]


def tree(module: object) -> Tree:
    """Return the tree of a module.

    In a module its parameters come first, then its other variables, then its children: PyTorch's
    order, where the attributes were set in the order of PyTorch's.

    Raises:
      ValueError: two variables with one name, or a module that holds itself.
    """
    entries: dict[str, Entry] = {}
    prefixes, ignored = [], []
    for prefix, node in _nodes("", module, ()):
        prefixes.append(prefix)
        known = names(node)
        ignored += [prefix + name for name in known.ignored]
        for entry in _own(prefix, node):
            if entry.name in entries:
                raise ValueError(
                    f"{type(module).__name__}: two variables have the name {entry.name!r}"
                )
            entries[entry.name] = entry
    return Tree(entries, tuple(prefixes), frozenset(ignored))


def members(node: object) -> dict[str, Any]:
    """Return {path: module or function} of all that is below a module, itself under ''.

    Paths are those of PyTorch's modules; functions are there too, as activations often are. A
    module that is found twice is there under both paths.
    """
    found: dict[str, Any] = {}

    def visit(path: str, node: object, above: tuple[Any, ...]) -> None:
        if any(node is other for other in above):
            return
        found.setdefault(path, node)
        if not isinstance(node, nnx.Pytree | Mapping | list | tuple):
            return
        known = names(node)
        for name, child in _items(node):
            new = known.children.get(name, name)
            if new is not None and _can_be_called(child):
                inner = ".".join(part for part in (path, new) if part)
                visit(inner, child, (*above, node))

    visit("", node, ())
    return found


def _can_be_called(value: object) -> bool:
    """Whether a member is a module, a function, or a container of such."""
    if isinstance(value, nnx.Variable | type):
        return False
    if isinstance(value, Mapping | list | tuple):
        return any(_can_be_called(part) for _, part in _items(value))
    return callable(value) or isinstance(value, nnx.Pytree)


def _items(node: Any) -> list[tuple[str, Any]]:
    """Return the members of a module, mapping or sequence, each with its name."""
    if isinstance(node, nnx.Pytree):
        members = vars(node).items()
        if isinstance(node, Ordered):  # a merge sorts attributes, 10 before 2
            inside = node.members()
            return inside + [(k, v) for k, v in members if k not in dict(inside)]
        if isinstance(node, nnx.List):  # what was put in later can stand out of order
            return sorted(((k, v) for k, v in members if k.isdigit()), key=lambda kv: int(kv[0]))
        return list(members)
    if isinstance(node, Mapping):
        return [(str(key), value) for key, value in node.items()]
    return [(str(i), value) for i, value in enumerate(node)]


def _own(prefix: str, node: Any) -> Iterator[Entry]:
    """Yield the entries of one module, parameters first."""
    known = names(node)
    variables = [
        (name, value)
        for name, value in _items(node)
        if isinstance(value, nnx.Variable)
        and not isinstance(value, PASSING)
        and (not isinstance(value, Buffer) or value.persistent)
        and value.get_value() is not None
    ]
    for packed in known.packed:
        parts = tuple(_at(node, path) for path in packed.paths)
        yield Entry(prefix + packed.name, parts, packed.layout)
    renamed = [(*known.variables.get(name, (name, SAME)), value) for name, value in variables]
    for name, layout, value in sorted(renamed, key=_place):
        yield Entry(prefix + name, (value,), layout)


def _place(found: tuple[str, Layout, nnx.Variable]) -> tuple[bool, bool, bool]:
    """Sort parameters first; and where a merge has sorted attributes by name, weights before biases
    and the count of batches last.
    """
    name, _, variable = found
    return not isinstance(variable, nnx.Param), name != "weight", name == BATCHES


def _holds_variables(value: object) -> bool:
    """Whether a member is a module, or a container with modules or variables in it."""
    if isinstance(value, Mapping | list | tuple):
        return any(isinstance(v, nnx.Variable) or _holds_variables(v) for _, v in _items(value))
    return isinstance(value, nnx.Pytree)


def _at(node: Any, path: str) -> nnx.Variable:
    for name in path.split("."):
        node = getattr(node, name)
    return node


def _nodes(prefix: str, node: Any, above: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """Yield a module and all below it, each with the prefix of its names."""
    if any(node is other for other in above):
        raise ValueError(
            f"{type(above[0]).__name__}: {prefix.removesuffix('.')} is a module that holds it: "
            "the names in its state would have no end"
        )
    yield prefix, node
    known = names(node)
    for name, child in _items(node):
        new = known.children.get(name, name)
        if new is None or isinstance(child, nnx.Variable):
            continue
        if _holds_variables(child):
            yield from _nodes(f"{prefix}{new}." if new else prefix, child, (*above, node))
