"""What the transformations of `grad.func` take and return, and refuse in PyTorch's words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from convgrad._arrays import is_array, is_complex, is_inexact
from convgrad._integers import as_integer

Argnums = int | tuple[int, ...]


@dataclass(frozen=True)
class Chosen:
    """The arguments of a call, with those taken out that are differentiated."""

    args: tuple[Any, ...]
    places: tuple[int, ...]
    single: bool

    @classmethod
    def by(cls, argnums: object, args: tuple[Any, ...]) -> Chosen:
        """Choose arguments by number, counted from the end where negative."""
        if not isinstance(argnums, int | tuple):
            raise RuntimeError(
                f"argnums must be int or Tuple[int, ...], got: {type(argnums)}: argnums={argnums!r}"
            )
        given = argnums if isinstance(argnums, tuple) else (argnums,)
        places = tuple(_place(argnum, len(args)) for argnum in given)
        if not places:
            raise RuntimeError("argnums must be non-empty, got argnums=()")
        if len(set(places)) != len(places):
            raise RuntimeError(f"argnums elements must be unique, got {argnums}")
        return cls(args, places, not isinstance(argnums, tuple))

    @property
    def values(self) -> Any:
        """The chosen argument, or a tuple of them."""
        found = tuple(self.args[i] for i in self.places)
        return found[0] if self.single else found

    def replace(self, values: Any) -> tuple[Any, ...]:
        """Return all arguments, with others in the places of those that were chosen."""
        new = dict(zip(self.places, (values,) if self.single else values, strict=True))
        return tuple(new.get(i, arg) for i, arg in enumerate(self.args))


def _place(argnum: object, count: int) -> int:
    if not isinstance(argnum, int) or isinstance(argnum, bool):
        raise RuntimeError(f"argnum must be int, got: {type(argnum)}: argnum={argnum!r}")
    if not -count <= argnum < count:
        raise RuntimeError(f"Got argnum={argnum}, but only {count} positional inputs")
    return argnum % count


def require_function(func: object, where: str) -> None:
    """Raise a TypeError for what cannot be called."""
    if not callable(func):
        raise TypeError(f"{where}: func must be a function, got {type(func).__name__}: {func!r}")


def require_primals(values: Any) -> None:
    """Every leaf is an array of a floating point or complex dtype."""
    leaves = jax.tree.leaves(values, is_leaf=lambda x: x is None and x is values)
    for leaf in leaves:
        if not is_array(leaf):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(leaf)}")
        if not is_inexact(leaf.dtype):
            raise RuntimeError(
                f"only Tensors of floating point dtype can require gradients, got {leaf.dtype}: "
                "convert it with .astype, or leave it out of what is differentiated"
            )


def require_outputs(outputs: Any, where: str) -> None:
    """There are outputs, and all of them are arrays."""
    leaves = jax.tree.leaves(outputs)
    if not leaves:
        raise RuntimeError(
            f"{where}: Expected f to be a function that has non-empty output (got output = "
            f"{outputs!r})"
        )
    for leaf in leaves:
        if not is_array(leaf):
            raise RuntimeError(
                f"{where}: expected f(*primals) to return only tensors, got unsupported type "
                f"{type(leaf)}"
            )


def require_real(values: Any, where: str, what: str) -> None:
    """No array among the leaves is complex."""
    for i, leaf in enumerate(jax.tree.leaves(values)):
        if is_array(leaf) and is_complex(leaf.dtype):
            raise RuntimeError(
                f"{where}: Expected all {what} to be real but received complex tensor at "
                f"flattened input idx: {i}"
            )


def split_aux(returned: Any, has_aux: bool, where: str) -> tuple[Any, Any]:
    """Take what a function returned apart, into output and aux, whose leaves must be arrays."""
    if not has_aux:
        return returned, None
    if not (isinstance(returned, tuple) and len(returned) == 2):
        raise RuntimeError(
            f"{where}: output of function f should be a tuple: (output, aux) if has_aux is True, "
            f"got {type(returned)}"
        )
    output, aux = returned
    for leaf in jax.tree.leaves(aux):
        if not is_array(leaf):
            raise RuntimeError(
                f"{where}: Expected tensors, got unsupported type {type(leaf)} in aux"
            )
    return output, aux


def as_arrays(tree: Any) -> Any:
    """Return a tree of arrays with NumPy's made JAX's."""
    return jax.tree.map(jnp.asarray, tree)


def read_chunk_size(value: object, where: str, words: str) -> int | None:
    """Return how many passes are made at once, None for all."""
    if value is None:
        return None
    size = as_integer(value)
    if size is None:
        raise TypeError(f"{where}: chunk_size must be an int or None, got chunk_size={value!r}")
    if size < 1:
        raise ValueError(f"{where}: {words}. (got {value})")
    return size


def map_in_chunks(
    function: Callable[..., tuple[Any, Any]], xs: list[jax.Array], size: int | None
) -> tuple[Any, Any]:
    """Return `function(xs)`, where it maps the leading axis, by some of its entries at once.

    It returns a pair of trees: what has the mapped axis in front, and what has none, of which the
    first chunk's is taken.
    """
    count = len(xs[0])
    if size is None or size >= count:
        return function(*xs)
    whole = count - count % size
    stacked, still = jax.lax.map(
        lambda part: function(*part),
        [x[:whole].reshape(whole // size, size, *x.shape[1:]) for x in xs],
    )
    mapped = jax.tree.map(lambda x: x.reshape(whole, *x.shape[2:]), stacked)
    if whole < count:
        rest, _ = function(*(x[whole:] for x in xs))
        mapped = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), mapped, rest)
    return mapped, jax.tree.map(lambda x: x[0], still)
