"""Three-dimensional convolutions by two-dimensional ones: depth becomes batch or channels."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from ._direct import convolve_last
from ._layout import Pairs, channels_first, channels_last, crop_space, pad_space, total


def depth_slices(
    x: jax.Array, kernel: int, out: int, stride: int, pair: tuple[int, int], dilation: int
) -> list[jax.Array]:
    """Return, for each element of the kernel's depth, the input's slices that it meets."""
    padded = pad_space(x, [pair, *[(0, 0)] * (x.ndim - 3)])
    span = stride * (out - 1) + 1
    return [
        lax.slice_in_dim(padded, dilation * u, dilation * u + span, stride, 2)
        for u in range(kernel)
    ]


def by_slices(
    x: jax.Array,
    w: jax.Array,
    out: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> jax.Array:
    """Stack the slices that a window meets into channels: one 2-D convolution over all depths."""
    n, c = x.shape[:2]
    o, depth = w.shape[0], w.shape[2]
    x, padding = crop_space(x, padding)
    slices = depth_slices(x, depth, out[0], stride[0], padding[0], dilation[0])
    flat = jnp.stack(slices, 1).reshape(n, depth * c, *slices[0].shape[2:])
    images = flat.transpose(0, 2, 3, 4, 1).reshape(n * out[0], *x.shape[3:], depth * c)
    kernel = w.transpose(3, 4, 2, 1, 0).reshape(*w.shape[3:], depth * c, o)
    y = convolve_last(images, kernel, stride[1:], padding[1:], dilation[1:])
    return channels_first(y.reshape(n, out[0], *y.shape[1:]))


def by_sums(
    x: jax.Array,
    w: jax.Array,
    out: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
    stride: Sequence[int],
) -> jax.Array:
    """Convolve each slice with every depth of the kernel, then add shifted results (stride 1)."""
    o, depth = w.shape[0], w.shape[2]
    x, padding = crop_space(x, padding)
    n, c, depth_in = x.shape[:3]
    images = channels_last(x).reshape(n * depth_in, *x.shape[3:], c)
    kernel = w.transpose(3, 4, 1, 2, 0).reshape(*w.shape[3:], c, depth * o)
    y = convolve_last(images, kernel, stride[1:], padding[1:], dilation[1:])
    y = y.reshape(n, depth_in, *y.shape[1:3], depth, o)
    rooms = ((0, 0), padding[0], (0, 0), (0, 0), (0, 0))
    shifted = [
        lax.slice_in_dim(
            jnp.pad(y[..., u, :], rooms), dilation[0] * u, dilation[0] * u + out[0], axis=1
        )
        for u in range(depth)
    ]
    return channels_first(total(shifted))
