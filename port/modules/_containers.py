"""Sequential, ModuleList and ModuleDict: torch.nn's, as flax.nnx modules.

Members are attributes, so that their names in a state are PyTorch's, and their order is kept apart:
flax sorts attributes wherever it takes a module through a transformation.
"""

import inspect
import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, SupportsIndex

from flax import nnx

from ._base import Randomness, Switched


class Ordered(Switched):
    """Members by name, in the order in which they were put in."""

    _names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self._names)

    def members(self) -> list[tuple[str, Any]]:
        """Return the members with their names, in order."""
        return [(name, getattr(self, name)) for name in self._names]

    def _put(self, name: str, member: Any) -> None:
        """Add a member, or put it in the place of another."""
        where = type(self).__name__
        if not isinstance(name, str):
            raise TypeError(f"{where}: names must be strings, got {name!r}")
        if not name or "." in name:
            raise KeyError(f"{where}: names must not be empty, or with a dot, got {name!r}")
        if not callable(member):
            raise TypeError(f"{where}: members must be modules or functions, got {member!r}")
        if name not in self._names:
            if hasattr(self, name):
                raise KeyError(f"{where}: attribute {name!r} already exists")
            self._names = (*self._names, name)
        # Modules are data, functions are not: said outright, so that one can replace the other.
        mark = nnx.data if isinstance(member, nnx.Pytree) else nnx.static
        setattr(self, name, mark(member))

    def add_module(self, name: str, module: Any) -> None:
        """Add a member, or put it in the place of another of that name."""
        self._put(name, module)

    def _drop(self, name: str) -> Any:
        member = getattr(self, name)
        self._names = tuple(other for other in self._names if other != name)
        delattr(self, name)
        return member

    def _rename(self, members: list[Any]) -> None:
        """Hold these members, numbered from 0."""
        for name in self._names:
            self._drop(name)
        for i, member in enumerate(members):
            self._put(str(i), member)


class _Numbered(Ordered):
    """What Sequential and ModuleList have of a list."""

    def __iter__(self) -> Iterator[Any]:
        return iter([member for _, member in self.members()])

    def _name(self, index: SupportsIndex) -> str:
        place, size = operator.index(index), len(self)
        if not -size <= place < size:
            raise IndexError(f"{type(self).__name__}: index {place} is out of range, {size=}")
        return self._names[place]

    def __setitem__(self, index: int, module: Any) -> None:
        self._put(self._name(index), module)

    def append(self, module: Any) -> Self:
        """Add a member at the end, and return this module."""
        self._put(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Any]) -> Self:
        """Add several members at the end, and return this module."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Any) -> Self:
        """Add a member before that of an index, and number all anew."""
        members = list(self)
        if not -len(members) <= index <= len(members):
            raise IndexError(f"{type(self).__name__}: index {index} is out of range")
        members.insert(index, module)
        self._rename(members)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take a member out and return it; those after it are numbered anew."""
        member = getattr(self, self._name(index))
        del self[index]
        return member

    def __delitem__(self, index: int | slice) -> None:
        chosen = self._names[index] if isinstance(index, slice) else (self._name(index),)
        self._rename([member for name, member in self.members() if name not in chosen])


class Sequential(_Numbered):
    """Call one member after the other: torch.nn.Sequential as an nnx module.

    Args:
      args: modules (or functions of one argument), which are numbered; or one OrderedDict of them,
        which have its names.

    Indexing takes an int, or a slice, which gives a Sequential of the same members with the same
    names. `rngs` of a call is handed to the members that draw random numbers.

    Raises:
      TypeError: a member is neither module nor function.
      KeyError: a name is empty, has a dot, or is an attribute.
      IndexError: no such member.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from port import Linear, ReLU, Sequential, state_dict
      >>> rngs = nnx.Rngs(0)
      >>> net = Sequential(Linear(3, 8, rngs=rngs), ReLU(), Linear(8, 2, rngs=rngs))
      >>> net(jnp.ones((5, 3))).shape
      (5, 2)
      >>> list(state_dict(net))
      ['0.weight', '0.bias', '2.weight', '2.bias']

    Reference: torch.nn.Sequential.
    """

    def __init__(self, *args: Any) -> None:
        named = len(args) == 1 and isinstance(args[0], OrderedDict)
        members = args[0].items() if named else ((str(i), arg) for i, arg in enumerate(args))
        for name, member in members:
            self._put(name, member)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(self.members()[index]))
        return getattr(self, self._name(index))

    def __add__(self, other: "Sequential") -> "Sequential":
        if not isinstance(other, Sequential):
            return NotImplemented
        return Sequential(*self, *other)

    def __call__(self, input: Any, *, rngs: Randomness | None = None) -> Any:
        """Call all members in turn, each with the output of the one before."""
        for member in self:
            input = _call(member, input, rngs)
        return input


def _call(member: Any, input: Any, rngs: Randomness | None) -> Any:
    """Call a member, with `rngs` where one is given and it takes one."""
    if rngs is not None and "rngs" in inspect.signature(member.__call__).parameters:
        return member(input, rngs=rngs)
    return member(input)


class ModuleList(_Numbered):
    """Hold modules in a list: torch.nn.ModuleList as an nnx module.

    Args:
      modules: the modules (or functions). Default: none.

    Indexing takes an int, or a slice, which gives a ModuleList of the same members.

    Raises:
      TypeError: a member is neither module nor function.
      IndexError: no such member.

    Example:
      >>> from flax import nnx
      >>> from port import Linear, ModuleList, state_dict
      >>> layers = ModuleList(Linear(2, 2, bias=False, rngs=nnx.Rngs(i)) for i in range(3))
      >>> len(layers[1:]), list(state_dict(layers))
      (2, ['0.weight', '1.weight', '2.weight'])

    Reference: torch.nn.ModuleList.
    """

    def __init__(self, modules: Iterable[Any] | None = None) -> None:
        self.extend(() if modules is None else modules)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, self._name(index))

    def __add__(self, other: Iterable[Any]) -> "ModuleList":
        return ModuleList([*self, *other])


class ModuleDict(Ordered):
    """Hold modules by name: torch.nn.ModuleDict as an nnx module.

    Args:
      modules: {name: module or function}, or pairs of them. Default: none.

    It keeps the order in which they were put in, also within jit.

    Raises:
      TypeError: a name is no string, or a member neither module nor function.
      KeyError: no such member; or a name that is empty, has a dot, or is an attribute.

    Example:
      >>> from flax import nnx
      >>> from port import Linear, ModuleDict, ReLU, state_dict
      >>> layers = ModuleDict({"fc": Linear(2, 2, rngs=nnx.Rngs(0)), "act": ReLU()})
      >>> list(layers), list(state_dict(layers))
      (['fc', 'act'], ['fc.weight', 'fc.bias'])

    Reference: torch.nn.ModuleDict.
    """

    def __init__(self, modules: Mapping[str, Any] | None = None) -> None:
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        if key not in self._names:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, module: Any) -> None:
        self._put(key, module)

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __contains__(self, key: object) -> bool:
        return key in self._names

    def keys(self) -> Iterable[str]:
        """Return the names."""
        return self._names

    def values(self) -> Iterable[Any]:
        """Return the members."""
        return [member for _, member in self.members()]

    def items(self) -> Iterable[tuple[str, Any]]:
        """Return pairs of names and members."""
        return self.members()

    def pop(self, key: str) -> Any:
        """Take a member out and return it."""
        self[key]
        return self._drop(key)

    def clear(self) -> None:
        """Take all members out."""
        for name in self._names:
            self._drop(name)

    def update(self, modules: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Put members in, in the place of those that have the same names."""
        for name, member in dict(modules).items():
            self._put(name, member)
