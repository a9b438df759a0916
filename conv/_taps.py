"""What every window of one axis sees at each of its taps: a list of strided slices."""

import jax
import jax.numpy as jnp
from jax import lax

from ._windows import Windows


def taps_of(x: jax.Array, axis: int, windows: Windows, fill: jax.Array) -> list[jax.Array]:
    """Return, for each tap, an array that holds what each window sees there; `fill` outside.

    Adaptive windows differ in length: their last tap may belong to the next window.
    """
    if windows.adaptive:
        columns = windows.positions().clip(0, windows.size - 1).T
        return [jnp.take(x, jnp.asarray(c), axis, indices_are_sorted=True) for c in columns]
    span = windows.stride * (windows.count - 1) + 1
    last = windows.dilation * (windows.kernel - 1) + span
    room = max(last - windows.size - windows.padding, 0)
    config = [(0, 0, 0)] * x.ndim
    config[axis] = (windows.padding, room, 0)
    padded = lax.pad(x, fill, config) if windows.padding or room else x
    starts = (windows.dilation * t for t in range(windows.kernel))
    return [lax.slice_in_dim(padded, s, s + span, windows.stride, axis) for s in starts]
