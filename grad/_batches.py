"""What the batching rules of the loops share: mapped bodies, masks, and where the batch is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from convgrad import _jax
from convgrad._jax import Axis

from ._jaxprs import Flags, call

if TYPE_CHECKING:
    from convgrad._jax import ClosedJaxpr, ShapedArray


def map_body(body: ClosedJaxpr, ins: Flags, outs: Flags, axis: Axis) -> Callable[..., list[Any]]:
    """Return a body that maps over the flagged inputs and outputs."""
    return jax.vmap(
        lambda *args: call(body, args),
        in_axes=tuple(0 if flag else None for flag in ins),
        out_axes=[0 if flag else None for flag in outs],
        axis_size=axis.size,
        axis_name=axis.given_name,
        spmd_axis_name=axis.spmd_name,
    )


def map_avals(avals: Sequence[ShapedArray], flags: Sequence[bool], axis: Axis) -> list[ShapedArray]:
    """Give the flagged types a leading dimension for the axis."""
    return [
        _jax.stacked(axis.size, aval) if flag else aval
        for aval, flag in zip(avals, flags, strict=True)
    ]


def choose(active: jax.Array, new: jax.Array, old: jax.Array) -> jax.Array:
    """Return `new` for the examples that are active, else `old`."""
    return jnp.where(lax.expand_dims(active, range(active.ndim, new.ndim)), new, old)


def borrow(
    active: jax.Array, operands: Sequence[jax.Array], flags: Sequence[bool]
) -> list[jax.Array]:
    """Give the examples that are not active the flagged operands of one that is.

    What is computed for them is not used. But were it infinite, so would be its derivative, and in
    reverse mode that is multiplied by zero.
    """
    example = jnp.argmax(active)
    return [
        choose(active, value, value[example]) if flag else value
        for value, flag in zip(operands, flags, strict=True)
    ]


def to_front(value: ArrayLike, dim: int | None, place: int = 0) -> ArrayLike:
    """Move the batch dimension, if there is one, to `place`."""
    return value if dim is None else jnp.moveaxis(value, dim, place)


def broadcast(value: ArrayLike, dim: int | None, axis: Axis) -> jax.Array:
    """Return a value with the batch dimension in front, whether it had one or not."""
    if dim is not None:
        return jnp.moveaxis(value, dim, 0)
    return jnp.broadcast_to(value, (axis.size, *jnp.shape(value)))
