"""Windows written out as columns (im2col), then a matrix product, forward and for weights."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .._batch import chunk_of, image_by_image, over_batch, product_for_each
from .._layout import columns, pad_space, total
from .._method import Method
from .._problem import Problem
from .._product import library_multiplies, product


def _dense(p: Problem) -> bool:
    return p.groups == 1 and not p.spreads


def _weights(p: Problem) -> tuple[int, int, int]:
    """Return the sizes of a weight gradient's product."""
    return p.out_channels, p.batch * p.length, p.in_channels * p.taps


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
        y = product(p, flat, patches.reshape(flat.shape[1], -1))
        return y.reshape(o, images, *p.out).swapaxes(0, 1)

    return image_by_image(step, x, images)


def _weight(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """One product of all columns, both factors channels first."""
    padded = pad_space(x, p.padding).swapaxes(0, 1)
    patches = columns(padded, p.kernel, p.out, p.stride, p.dilation, axis=1)
    rows = g.swapaxes(0, 1).reshape(p.out_channels, -1)
    return product(p, rows, patches.reshape(-1, rows.shape[1]), (1, 1)).reshape(p.result_shape)


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
    result = lax.dot_general(left, right, (((2,), (2,)), ((0,), (0,)))).sum(0)
    return (result.T if patches_first else result).reshape(p.result_shape)


def _strips(p: Problem, most: int) -> tuple[int, int]:
    """Return into how many strips an image is cut, and how many images go together.

    So that the columns of each part stay below `most` bytes, where halves of the rows allow it.
    """
    size = p.in_channels * p.taps * p.length * p.itemsize
    strips = 1
    while size / strips > most and p.out[0] % (2 * strips) == 0:
        strips *= 2
    return strips, chunk_of(p.batch, size, most)


# A program spells out so many products of columns, and no more.
PARTS = 16


def _parts(p: Problem) -> int:
    strips, chunk = _strips(p, p.limits.onednn_columns_bytes)
    return strips * (p.batch // chunk)


def _strip(
    p: Problem, x: jax.Array, g: jax.Array, k: Any, rows: int
) -> tuple[jax.Array, jax.Array]:
    """Slice strip k of padded images, and of their gradients: `rows` rows."""
    tall = (rows - 1) * p.stride[0] + p.dilation[0] * (p.kernel[0] - 1) + 1
    images = lax.dynamic_slice_in_dim(x, k * rows * p.stride[0], tall, axis=2)
    return images, lax.dynamic_slice_in_dim(g, k * rows, rows, axis=2)


def _sides(p: Problem, x: jax.Array, g: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the columns of padded images (C * taps, L), and the gradients (O, L)."""
    patches = columns(x.swapaxes(0, 1), p.kernel, g.shape[2:], p.stride, p.dilation, axis=1)
    lines = g.swapaxes(0, 1).reshape(p.out_channels, -1)
    return patches.reshape(-1, lines.shape[1]), lines


def _weight_in_chunks(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Go through the batch, or through strips of large images: some columns at a time."""
    strips, _ = _strips(p, p.limits.strip_bytes)
    _, chunk = _strips(p, p.limits.chunk_bytes)
    rows = p.out[0] // strips
    positions = rows * math.prod(p.out[1:]) * chunk
    patches_first = positions >= p.limits.columns_left

    def multiply(images: jax.Array, gradients: jax.Array) -> jax.Array:
        left, right = _sides(p, images, gradients)
        if not patches_first:
            left, right = right, left
        return product(p, left, right, (1, 1))

    def step(images: jax.Array, gradients: jax.Array) -> jax.Array:
        padded = pad_space(images, p.padding)
        if strips == 1:
            return multiply(padded, gradients)

        def add(k: jax.Array, total: jax.Array) -> jax.Array:
            return total + multiply(*_strip(p, padded, gradients, k, rows))

        flat = p.in_channels * p.taps
        shape = (flat, p.out_channels) if patches_first else (p.out_channels, flat)
        return lax.fori_loop(0, strips, add, jnp.zeros(shape, x.dtype))

    result = over_batch(step, x, g, chunk)
    if patches_first:
        result = result.T
    return result.reshape(p.result_shape)


def _weight_by_library(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Add up products of some columns, spelled out: a loop would leave its copies to one thread."""
    strips, chunk = _strips(p, p.limits.onednn_columns_bytes)
    rows = p.out[0] // strips
    padded = pad_space(x, p.padding)
    parts = []
    for n in range(0, p.batch, chunk):
        images, gradients = padded[n : n + chunk], g[n : n + chunk]
        for k in range(strips):
            patches, lines = _sides(p, *_strip(p, images, gradients, k, rows))
            parts.append(product(p, lines, patches, (1, 1)))
    return total(parts).reshape(p.result_shape)


COLUMNS = Method("columns", {"forward": _forward, "weight": _weight}, _dense, grows=True)
COLUMNS_IN_STEPS = Method("columns_in_steps", {"forward": _forward_in_steps}, _dense, grows=True)
IMAGES = Method("images", {"weight": _weight_by_images}, _dense, grows=True)
CHUNKS = Method("chunks", {"weight": _weight_in_chunks}, _dense, grows=True)
COLUMNS_OF_LIBRARY = Method(
    "onednn_columns",
    {"weight": _weight_by_library},
    lambda p: (
        _dense(p) and p.onednn and library_multiplies(p.dtype, *_weights(p)) and _parts(p) <= PARTS
    ),
    grows=True,
    in_float32=False,
)
