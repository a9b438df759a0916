"""Weight gradients of dense convolutions: a product of output gradients and input columns."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from ._batch import over_batch
from ._layout import Pairs, at_tap, columns, pad_space
from ._limits import LIMITS
from ._steps import chunk_of
from ._volume import depth_slices


def pointwise_weight(
    x: jax.Array, g: jax.Array, stride: Sequence[int], groups: int = 1
) -> jax.Array:
    """Return the gradient (O, C / groups) of a kernel of one element, unpadded."""
    n, o, *out = g.shape
    if set(stride) != {1} or x.shape[2:] != g.shape[2:]:
        x = at_tap(x, (0,) * len(out), out, stride)
    c, length = x.shape[1], math.prod(out)
    if groups > 1:
        left, right = (a.reshape(n, groups, -1, length) for a in (g, x))
        each = lax.dot_general(left, right, (((3,), (3,)), ((0, 1), (0, 1))))
        return each.sum(0).reshape(o, -1)
    size = n * o * c * jnp.dtype(x.dtype).itemsize
    if length >= LIMITS.pointwise_weight_length and size <= LIMITS.pointwise_weight_bytes:
        each = lax.dot_general(
            g.reshape(n, o, length), x.reshape(n, c, length), (((2,), (2,)), ((0,), (0,)))
        )
        return each.sum(0)
    left, right = (a.swapaxes(0, 1).reshape(-1, n * length) for a in (g, x))
    return lax.dot_general(left, right, (((1,), (1,)), ((), ())))


def images_weight(
    x: jax.Array,
    g: jax.Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> jax.Array:
    """One product an image, then their sum: for small weights.

    The longer side stands on the left: columns, but where there are several times more gradients.
    """
    n, o, *out = g.shape
    c, length = x.shape[1], math.prod(out)
    patches = columns(pad_space(x, padding), kernel, out, stride, dilation).reshape(n, -1, length)
    lines = g.reshape(n, o, length)
    patches_first = o <= 2 * patches.shape[1]
    left, right = (patches, lines) if patches_first else (lines, patches)
    total = lax.dot_general(left, right, (((2,), (2,)), ((0,), (0,)))).sum(0)
    return (total.T if patches_first else total).reshape(o, c, *kernel)


def columns_weight(
    x: jax.Array,
    g: jax.Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> jax.Array:
    """One product of all columns, both factors channels first."""
    o, out = g.shape[1], g.shape[2:]
    c = x.shape[1]
    padded = pad_space(x, padding).swapaxes(0, 1)
    patches = columns(padded, kernel, out, stride, dilation, axis=1)
    rows = g.swapaxes(0, 1).reshape(o, -1)
    product = lax.dot_general(rows, patches.reshape(-1, rows.shape[1]), (((1,), (1,)), ((), ())))
    return product.reshape(o, c, *kernel)


def chunked_weight(
    x: jax.Array,
    g: jax.Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> jax.Array:
    """Go through the batch, or through strips of large images: some columns at a time."""
    n, o, *out = g.shape
    c = x.shape[1]
    taps = math.prod(kernel)
    size = c * taps * math.prod(out) * jnp.dtype(x.dtype).itemsize
    strips = 1
    while size / strips > LIMITS.strip_bytes and out[0] % (2 * strips) == 0:
        strips *= 2
    rows = out[0] // strips
    tall = (rows - 1) * stride[0] + dilation[0] * (kernel[0] - 1) + 1
    chunk = chunk_of(n, size, LIMITS.chunk_bytes)
    positions = rows * math.prod(out[1:]) * chunk
    patches_first = positions >= LIMITS.columns_left

    def product(images: jax.Array, gradients: jax.Array) -> jax.Array:
        here = gradients.shape[2:]
        patches = columns(images.swapaxes(0, 1), kernel, here, stride, dilation, axis=1)
        flat = patches.reshape(c * taps, positions)
        lines = gradients.swapaxes(0, 1).reshape(o, positions)
        left, right = (flat, lines) if patches_first else (lines, flat)
        return lax.dot_general(left, right, (((1,), (1,)), ((), ())))

    def step(images: jax.Array, gradients: jax.Array) -> jax.Array:
        padded = pad_space(images, padding)
        if strips == 1:
            return product(padded, gradients)

        def add(k: jax.Array, total: jax.Array) -> jax.Array:
            strip = lax.dynamic_slice_in_dim(padded, k * rows * stride[0], tall, axis=2)
            return total + product(
                strip, lax.dynamic_slice_in_dim(gradients, k * rows, rows, axis=2)
            )

        shape = (c * taps, o) if patches_first else (o, c * taps)
        return lax.fori_loop(0, strips, add, jnp.zeros(shape, x.dtype))

    total = over_batch(step, x, g, chunk)
    if patches_first:
        total = total.T
    return total.reshape(o, c, *kernel)


def volume_weight(
    x: jax.Array,
    g: jax.Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> tuple[jax.Array, jax.Array, bool]:
    """Turn depth into batch and channels: a weight gradient of two dimensions.

    Returns the images, their gradients, and whether the kernel's depth went into the gradients'
    channels (stride and dilation 1) rather than into the images'.
    """
    n, c, size = x.shape[:3]
    o, depth_out = g.shape[1:3]
    depth = kernel[0]
    if depth > 1 and stride[0] == dilation[0] == 1:
        low = padding[0][0]
        # g shifted by each u: slice z of x meets gradient z - u + low.
        room = pad_space(
            g, [(depth - 1, depth - 1 + max(0, size - depth_out + low)), (0, 0), (0, 0)]
        )
        shifted = [
            lax.slice_in_dim(room, low + depth - 1 - u, low + depth - 1 - u + size, axis=2)
            for u in range(depth)
        ]
        gradients = jnp.stack(shifted, 1).reshape(n, depth * o, size, *g.shape[3:])
        flat = [a.swapaxes(1, 2).reshape(n * size, -1, *a.shape[3:]) for a in (x, gradients)]
        return flat[0], flat[1], True
    slices = depth_slices(x, depth, depth_out, stride[0], padding[0], dilation[0])
    images = jnp.stack(slices, 2).reshape(n, c * depth, depth_out, *x.shape[3:])
    flat = [a.swapaxes(1, 2).reshape(n * depth_out, -1, *a.shape[3:]) for a in (images, g)]
    return flat[0], flat[1], False
