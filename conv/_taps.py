"""What the windows of one axis see: a list of strided slices, one a tap, or all gathered."""

import jax
import jax.numpy as jnp
from jax import lax

from ._windows import Windows


def taps_of(x: jax.Array, axis: int, windows: Windows, fill: jax.Array) -> list[jax.Array]:
    """Return, for each tap, an array that holds what each window sees there; `fill` outside."""
    span = windows.stride * (windows.count - 1) + 1
    room = max(windows.room(), 0)
    config = [(0, 0, 0)] * x.ndim
    config[axis] = (windows.padding, room, 0)
    padded = lax.pad(x, fill, config) if windows.padding or room else x
    starts = (windows.dilation * t for t in range(windows.kernel))
    return [lax.slice_in_dim(padded, s, s + span, windows.stride, axis) for s in starts]


def gathered(x: jax.Array, axis: int, windows: Windows, fill: jax.Array) -> jax.Array:
    """Return what each window sees, in order, along a new axis behind `axis`; `fill` outside."""
    positions = windows.positions().clip(0, windows.size - 1)
    seen = jnp.take(x, jnp.asarray(positions), axis, mode="clip")
    inside = windows.inside()
    if inside.all():
        return seen
    mask = inside.reshape(*(1,) * axis, *inside.shape, *(1,) * (x.ndim - axis - 1))
    return jnp.where(mask, seen, fill)
