"""Windows written out as columns (im2col), then a matrix product, forward and for weights."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from convgrad import _jax

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


def _strips(p: Problem, most: int, size: int | None = None) -> tuple[int, int]:
    """Return into how many strips an image is cut, and how many images go together.

    So that the columns of each part stay below `most` bytes, where halves of the rows allow it;
    `size` is what an image takes.
    """
    size = size or p.in_channels * p.taps * p.length * p.itemsize
    strips = 1
    while size / strips > most and p.out[0] % (2 * strips) == 0:
        strips *= 2
    return strips, chunk_of(p.batch, size, most)


# A program spells out so many products of columns, and no more.
PARTS = 16


def _spelled_out(p: Problem, size: int | None = None) -> bool:
    strips, chunk = _strips(p, p.limits.onednn_columns_bytes, size)
    return strips * (p.batch // chunk) <= PARTS


def reach_down(p: Problem) -> int:
    """Return how many rows a window has after its first."""
    return p.dilation[0] * (p.kernel[0] - 1)


def _strip(
    p: Problem, x: jax.Array, g: jax.Array, k: Any, rows: int
) -> tuple[jax.Array, jax.Array]:
    """Slice strip k of padded images, and of their gradients: `rows` rows."""
    tall = (rows - 1) * p.stride[0] + reach_down(p) + 1
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


def _sum_of_parts(
    p: Problem,
    x: jax.Array,
    g: jax.Array,
    part: Callable[[Problem, jax.Array, jax.Array], jax.Array],
    size: int | None = None,
) -> jax.Array:
    """Add up products of some columns, spelled out: a loop would leave its copies to one thread."""
    strips, chunk = _strips(p, p.limits.onednn_columns_bytes, size)
    rows = p.out[0] // strips
    padded = pad_space(x, p.padding)
    parts = []
    for n in range(0, p.batch, chunk):
        images, gradients = padded[n : n + chunk], g[n : n + chunk]
        for k in range(strips):
            parts.append(part(p, *_strip(p, images, gradients, k, rows)))
    return total(parts)


def _product_of_columns(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    patches, lines = _sides(p, x, g)
    return product(p, lines, patches, (1, 1))


def _weight_by_library(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    return _sum_of_parts(p, x, g, _product_of_columns).reshape(p.result_shape)


def _split_sizes(p: Problem) -> tuple[int, int, int]:
    """Return the sizes of a product of split columns, of all images."""
    rows, columns = p.out_channels * p.kernel[0], p.in_channels * p.taps // p.kernel[0]
    return rows, p.length * p.batch, columns


def _split_bytes(p: Problem) -> int:
    """Return the size of the larger side's columns, of one image."""
    rows, positions, columns = _split_sizes(p)
    return max(rows, columns) * positions // p.batch * p.itemsize


def split_copies(p: Problem) -> float:
    """Return what split columns write, as a part of what columns write."""
    rows, _, columns = _split_sizes(p)
    return (rows + columns) / (p.in_channels * p.taps)


def _product_of_split_columns(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Multiply columns along the rows of padded images by gradients moved down: (O, k, C * k').

    A weight is the sum over r and c of x[r + i, c + j] g[r, c]. Over q = r + i instead the shift j
    is spelled out in the images and the shift i in the gradients: k + k' copies for k * k'
    elements. Rows q that not all shifts have gradients for go by themselves, an i at a time:
    zeros in their place would meet a NaN of the image.
    """
    rows, wide = g.shape[2], g.shape[3:]
    kernel, stride, dilation = ((1, *sizes[1:]) for sizes in (p.kernel, p.stride, p.dilation))
    moves = [p.dilation[0] * i for i in range(p.kernel[0])]
    reach = reach_down(p)
    images, gradients = x.swapaxes(0, 1), g.swapaxes(0, 1)

    def patches(some: jax.Array) -> jax.Array:
        out = (some.shape[2], *wide)
        return columns(some, kernel, out, stride, dilation, axis=1)

    def multiply(lines: jax.Array, patches: jax.Array) -> jax.Array:
        positions = math.prod(lines.shape[-len(wide) - 2 :])
        result = product(p, lines.reshape(-1, positions), patches.reshape(-1, positions), (1, 1))
        return result.reshape(*lines.shape[: -len(wide) - 2], -1)

    def both(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.concatenate([a, b], axis=2)

    inside = jnp.stack([gradients[:, :, reach - m : rows - m] for m in moves], axis=1)
    result = multiply(inside, patches(images[:, :, reach:rows]))
    ends = [
        multiply(
            both(gradients[:, :, : reach - m], gradients[:, :, rows - m :]),
            patches(both(images[:, :, m:reach], images[:, :, rows : rows + m])),
        )
        for m in moves
    ]
    return result + jnp.stack(ends, axis=1)


def _weight_by_split_columns(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    if p.channels_last:
        x, g = _jax.written_out(x), _jax.written_out(g)
    result = _sum_of_parts(p, x, g, _product_of_split_columns, _split_bytes(p))
    parts = result.reshape(p.out_channels, p.kernel[0], p.in_channels, *p.kernel[1:])
    return parts.swapaxes(1, 2)


def _splits(p: Problem) -> bool:
    strips, _ = _strips(p, p.limits.onednn_columns_bytes, _split_bytes(p))
    return p.dims == 2 and p.stride[0] == 1 and p.out[0] // strips > reach_down(p)


COLUMNS = Method("columns", {"forward": _forward, "weight": _weight}, _dense, grows=True)
COLUMNS_IN_STEPS = Method("columns_in_steps", {"forward": _forward_in_steps}, _dense, grows=True)
IMAGES = Method("images", {"weight": _weight_by_images}, _dense, grows=True)
CHUNKS = Method("chunks", {"weight": _weight_in_chunks}, _dense, grows=True)
COLUMNS_OF_LIBRARY = Method(
    "onednn_columns",
    {"weight": _weight_by_library},
    lambda p: (
        _dense(p) and p.onednn and library_multiplies(p.dtype, *_weights(p)) and _spelled_out(p)
    ),
    grows=True,
    in_float32=False,
)
SPLIT_COLUMNS_OF_LIBRARY = Method(
    "onednn_split_columns",
    {"weight": _weight_by_split_columns},
    lambda p: (
        _dense(p)
        and p.onednn
        and _splits(p)
        and library_multiplies(p.dtype, *_split_sizes(p))
        and _spelled_out(p, _split_bytes(p))
    ),
    grows=True,
    in_float32=False,
)
