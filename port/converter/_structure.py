"""The structure of arguments and outputs: tuples, lists, dicts, named tuples and dataclasses."""

import collections
import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax


@dataclass(frozen=True)
class Structure:
    """A tree as PyTorch flattens it: None is a leaf, and a dict keeps its order.

    Attributes:
      kind: 'leaf', or the type of container: 'tuple', 'list', 'dict', 'namedtuple', 'dataclass'.
      parts: the structures of its parts, in order.
      keys: the keys of a dict, or the fields' names.
      leaf: what stands at a leaf.
      type: the class that is made of the parts, where it isn't a plain tuple, list or dict.
    """

    kind: str
    parts: tuple["Structure", ...] = ()
    keys: tuple[Any, ...] = ()
    leaf: Any = None
    type: Any = None

    def leaves(self) -> list[Any]:
        """Return what stands at the leaves, in order."""
        if self.kind == "leaf":
            return [self.leaf]
        return [leaf for part in self.parts for leaf in part.leaves()]

    def filled(self, leaves: Iterator[Any]) -> "Structure":
        """Return the same structure with these leaves."""
        if self.kind == "leaf":
            return dataclasses.replace(self, leaf=next(leaves))
        parts = tuple(part.filled(leaves) for part in self.parts)
        return dataclasses.replace(self, parts=parts)

    def build(self, leaves: Iterator[Any]) -> Any:
        """Return the Python object that has these leaves."""
        if self.kind == "leaf":
            return next(leaves)
        parts = [part.build(leaves) for part in self.parts]
        if self.kind == "tuple":
            return tuple(parts)
        if self.kind == "list":
            return parts
        if self.kind == "namedtuple":
            return self.type(*parts)
        if self.kind == "dataclass":
            return self.type(**dict(zip(self.keys, parts, strict=True)))
        return (self.type or dict)(zip(self.keys, parts, strict=True))

    def flatten(self, tree: Any, where: str) -> list[Any]:
        """Return the leaves of an object of this structure.

        Raises:
          TypeError: where the object has another structure.
        """
        if self.kind == "leaf":
            return [tree]
        if self.kind == "dict":
            if not isinstance(tree, dict) or set(tree) != set(self.keys):
                raise TypeError(
                    f"{where} must be a dict with the keys {list(self.keys)}, got {tree!r}"
                )
            parts: Sequence[Any] = [tree[key] for key in self.keys]
        elif self.kind == "dataclass":
            if not isinstance(tree, self.type):
                raise TypeError(f"{where} must be a {self.type.__name__}, got {tree!r}")
            parts = [getattr(tree, key) for key in self.keys]
        else:
            if not isinstance(tree, tuple | list) or len(tree) != len(self.parts):
                raise TypeError(f"{where} must be {len(self.parts)} values, got {tree!r}")
            parts = tree
        marks = [
            f"{where}.{key}" if self.kind in ("namedtuple", "dataclass") else f"{where}[{key!r}]"
            for key in self.keys or range(len(parts))
        ]
        leaves: list[Any] = []
        for part, inside, mark in zip(self.parts, parts, marks, strict=True):
            leaves += part.flatten(inside, mark)
        return leaves


def leaf(value: Any = None) -> Structure:
    """Return a leaf."""
    return Structure("leaf", leaf=value)


def named_tuple(name: str, keys: Sequence[str], parts: Sequence[Structure]) -> Structure:
    """Return the structure of a named tuple, whose class is made anew: it may be PyTorch's."""
    made = collections.namedtuple(name, keys)  # type: ignore[misc]
    return Structure("namedtuple", tuple(parts), tuple(keys), type=made)


def data_class(type_: type, keys: Sequence[str], parts: Sequence[Structure]) -> Structure:
    """Return the structure of a dataclass, and make its class known to JAX where it isn't."""
    fields = [field.name for field in dataclasses.fields(type_) if field.init]
    with contextlib.suppress(ValueError):  # it is known already
        jax.tree_util.register_dataclass(type_, fields, [])
    return Structure("dataclass", tuple(parts), tuple(keys), type=type_)
