"""Trees of arrays: PyTorch's array or tuple of arrays, and JAX's pytrees, taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from jax.tree_util import PyTreeDef

from convgrad._arrays import Array, is_array, is_number

OUTPUTS = "outputs of the user-provided function"


def is_none(x: object) -> bool:
    """Whether `x` is None: as a leaf, so that its place is seen."""
    return x is None


def flatten(name: str, tree: Any, caller: str) -> tuple[list[Array], PyTreeDef]:
    """Return the arrays in a tree and its structure; raise a TypeError for anything else in it.

    None is an empty subtree, as in JAX. Alone, or in the tuple of arrays that PyTorch takes, it is
    an array that is missing, and refused as by PyTorch.
    """
    top = tree if isinstance(tree, tuple) else (tree,)
    missing = any(entry is None for entry in top)
    leaves, structure = jax.tree.flatten(tree, is_leaf=is_none if missing else None)
    require_arrays(name, tree, leaves, caller)
    return leaves, structure


def require_arrays(name: str, given: object, leaves: Sequence[object], caller: str) -> None:
    """Raise PyTorch's TypeError unless every leaf of an argument is an array."""
    for i, leaf in enumerate(leaves):
        if not is_array(leaf):
            which = f"value at index {i}" if len(leaves) > 1 else f"given {name}"
            raise TypeError(
                f"The {name} given to {caller} must be either an array or a tuple (or another "
                f"pytree) of arrays but the {which} has type {type(leaf)}. {_advice(leaf)}"
            )
    if not leaves:
        raise TypeError(
            f"The {name} given to {caller} must be either an array or a tuple (or another pytree) "
            f"of arrays but {given!r} contains none."
        )


def _advice(leaf: object) -> str:
    if is_number(leaf):
        return "Wrap a number in jax.numpy.asarray."
    if leaf is None:
        return (
            "A None may stand inside of a dict, a list or another pytree, where it is an empty "
            "subtree, but not in the place of an array: close over it."
        )
    return (
        "Close over it, or put None in its place: jax.tree.map(lambda x: x if "
        "isinstance(x, jax.Array) else None, tree) does it, and so does equinox.filter."
    )


def unflatten_up_to(structure: PyTreeDef, tree: Any) -> list[Any] | None:
    """Return what `tree` has in the places of the arrays of a structure: arrays, or None.

    None (for all) where `tree` has another structure.
    """
    count = structure.num_leaves
    given: PyTreeDef
    leaves, given = jax.tree.flatten(tree, is_leaf=is_none)
    if count == 1 and len(leaves) == 1:
        return leaves  # an array and a tuple of one array are taken for each other
    numbered = jax.tree.unflatten(structure, range(count))
    places, wanted = jax.tree.flatten(numbered, is_leaf=is_none)
    pairs = list(zip(places, leaves, strict=False))
    if given != wanted or any(p is None and leaf is not None for p, leaf in pairs):
        return None
    return [leaf for place, leaf in pairs if place is not None]
