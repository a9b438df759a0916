"""Windows written out as columns (im2col), then a matrix product, forward and for weights."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from .._batch import chunk_of, image_by_image, over_batch, product_for_each
from .._layout import columns, pad_space
from .._method import Method
from .._problem import Problem


def _dense(p: Problem) -> bool:
    return p.groups == 1 and not p.spreads


def _forward(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve all images at once: a product for each."""
    n, o = x.shape[0], w.shape[0]
    flat = w.reshape(o, -1)
    patches = columns(pad_space(x, p.padding), p.kernel, p.out, p.stride, p.dilation)
    return product_for_each(flat, patches.reshape(n, flat.shape[1], -1)).reshape(n, o, *p.out)


def _forward_in_steps(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Do the same in a loop, with one product for the images of a step.

    Their columns stay in the cache, and small images share what a product reads of the kernel. With
    a small kernel there is little to share, and one image a step leaves nothing to transpose.
    """
    n, o = x.shape[0], w.shape[0]
    flat = w.reshape(o, -1)
    size = flat.shape[1] * p.length * jnp.dtype(x.dtype).itemsize
    large = flat.size >= p.limits.shared_weights
    images = chunk_of(n, size, p.limits.chunk_bytes) if large else 1

    def step(some: jax.Array) -> jax.Array:
        padded = pad_space(some.swapaxes(0, 1), p.padding)
        patches = columns(padded, p.kernel, p.out, p.stride, p.dilation, axis=1)
        product = flat @ patches.reshape(flat.shape[1], -1)
        return product.reshape(o, images, *p.out).swapaxes(0, 1)

    return image_by_image(step, x, images)


def _weight(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """One product of all columns, both factors channels first."""
    padded = pad_space(x, p.padding).swapaxes(0, 1)
    patches = columns(padded, p.kernel, p.out, p.stride, p.dilation, axis=1)
    rows = g.swapaxes(0, 1).reshape(p.out_channels, -1)
    product = lax.dot_general(rows, patches.reshape(-1, rows.shape[1]), (((1,), (1,)), ((), ())))
    return product.reshape(p.result_shape)


def _weight_by_images(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """One product an image, then their sum: for small weights.

    The longer side stands on the left: columns, but where there are several times more gradients.
    """
    n, o, length = p.batch, p.out_channels, p.length
    padded = pad_space(x, p.padding)
    patches = columns(padded, p.kernel, p.out, p.stride, p.dilation).reshape(n, -1, length)
    lines = g.reshape(n, o, length)
    patches_first = o <= 2 * patches.shape[1]
    left, right = (patches, lines) if patches_first else (lines, patches)
    total = lax.dot_general(left, right, (((2,), (2,)), ((0,), (0,)))).sum(0)
    return (total.T if patches_first else total).reshape(p.result_shape)


def _weight_in_chunks(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Go through the batch, or through strips of large images: some columns at a time."""
    n, o, c, out = p.batch, p.out_channels, p.in_channels, p.out
    size = c * p.taps * p.length * jnp.dtype(x.dtype).itemsize
    strips = 1
    while size / strips > p.limits.strip_bytes and out[0] % (2 * strips) == 0:
        strips *= 2
    rows = out[0] // strips
    tall = (rows - 1) * p.stride[0] + p.dilation[0] * (p.kernel[0] - 1) + 1
    chunk = chunk_of(n, size, p.limits.chunk_bytes)
    positions = rows * math.prod(out[1:]) * chunk
    patches_first = positions >= p.limits.columns_left

    def product(images: jax.Array, gradients: jax.Array) -> jax.Array:
        here = gradients.shape[2:]
        patches = columns(images.swapaxes(0, 1), p.kernel, here, p.stride, p.dilation, axis=1)
        flat = patches.reshape(c * p.taps, positions)
        lines = gradients.swapaxes(0, 1).reshape(o, positions)
        left, right = (flat, lines) if patches_first else (lines, flat)
        return lax.dot_general(left, right, (((1,), (1,)), ((), ())))

    def step(images: jax.Array, gradients: jax.Array) -> jax.Array:
        padded = pad_space(images, p.padding)
        if strips == 1:
            return product(padded, gradients)

        def add(k: jax.Array, total: jax.Array) -> jax.Array:
            strip = lax.dynamic_slice_in_dim(padded, k * rows * p.stride[0], tall, axis=2)
            return total + product(
                strip, lax.dynamic_slice_in_dim(gradients, k * rows, rows, axis=2)
            )

        shape = (c * p.taps, o) if patches_first else (o, c * p.taps)
        return lax.fori_loop(0, strips, add, jnp.zeros(shape, x.dtype))

    total = over_batch(step, x, g, chunk)
    if patches_first:
        total = total.T
    return total.reshape(p.result_shape)


COLUMNS = Method("columns", {"forward": _forward, "weight": _weight}, _dense, grows=True)
COLUMNS_IN_STEPS = Method("columns_in_steps", {"forward": _forward_in_steps}, _dense, grows=True)
IMAGES = Method("images", {"weight": _weight_by_images}, _dense, grows=True)
CHUNKS = Method("chunks", {"weight": _weight_in_chunks}, _dense, grows=True)
