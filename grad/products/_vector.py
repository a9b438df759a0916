"""The vector `v` of a product with a Jacobian or a Hessian."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax.tree_util import PyTreeDef

from convgrad._arrays import Array

from .._trees import flatten

if TYPE_CHECKING:
    from convgrad._jax import Shaped


def read_vector(
    v: Any, like: Sequence[Shaped], structure: PyTreeDef, caller: str
) -> Sequence[Array]:
    """Flatten `v` and require the structure and the shapes of `like`, in PyTorch's words.

    An array and a tuple of one array are taken for each other, as PyTorch does.
    """
    vector, given = flatten("v", v, caller)
    nested = not jax.tree_util.treedef_is_leaf(structure)
    if len(vector) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(vector)}."
            if nested
            else f"The given v should contain a single Tensor, got {len(vector)}."
        )
    if len(like) > 1 and given != structure:
        raise RuntimeError(f"v has invalid structure: should be {structure} but got {given}.")
    for i, (entry, other) in enumerate(zip(vector, like, strict=True)):
        if entry.shape != other.shape:
            raise RuntimeError(
                f"{f'Entry {i} in ' if nested else ''}v has invalid size: should be "
                f"{tuple(other.shape)} but got {entry.shape}."
            )
    return vector


def read_input_vector(
    v: Any, leaves: Sequence[Array], structure: PyTreeDef, caller: str
) -> Sequence[Array]:
    """Read a `v` in the shapes of the inputs; left out, it is 1 for an input of one element."""
    if v is not None:
        return read_vector(v, leaves, structure, caller)
    if len(leaves) != 1 or leaves[0].size != 1:
        raise RuntimeError(
            "The vector v can only be None if the input to the user-provided function is a single "
            f"Tensor with a single element. The inputs have shapes {shapes_of(leaves)}: pass v in "
            "these shapes."
        )
    return ones_like(leaves)


def ones_like(avals: Sequence[Shaped]) -> list[jax.Array]:
    """Return an array of ones for each array or abstract value."""
    return [jnp.ones(aval.shape, aval.dtype) for aval in avals]


def shapes_of(avals: Sequence[Shaped]) -> str:
    """Write the shapes of several arrays behind each other."""
    return ", ".join(str(tuple(aval.shape)) for aval in avals)
