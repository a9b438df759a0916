"""Winograd's minimal filtering along one axis: 6 products where a kernel of 3 rows takes 12.

Four rows of the output need six of the input, d, and three of the kernel, g:

    y = A ((G g) * (B d)),

with A, G and B below. Along the other axes the kernel's elements stay as they are, as columns:
rows are added up whole, so no element leaves its place within a row, and a product of half the
work is left. In two dimensions (tiles of 4 x 4) it would be a quarter, but the error ten times as
large and the transforms scattered.

Reference: A. Lavin and S. Gray, Fast algorithms for convolutional neural networks, CVPR 2016.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._batch import over_batch
from ._layout import beside, columns, total
from ._problem import TILE, Problem
from ._steps import Tiling, winograd_axis, winograd_step

# The polynomials are evaluated here, and at infinity. 0, 1, -1, 2, -2 lose twice as many digits.
POINTS = (0.0, 0.625, -0.625, 1.5, -1.5)
SIZE = len(POINTS) + 1
TAPS = SIZE - TILE + 1


def _transforms() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A (tile, size), G (size, taps) and B (size, size), by Toom and Cook.

    The correlation of d and g is the transpose of a product of two polynomials: A and G evaluate,
    B interpolates, divided up so that G holds the denominators.
    """
    output, kernel, data = (np.zeros(s) for s in ((TILE, SIZE), (SIZE, TAPS), (SIZE, SIZE)))
    for j, point in enumerate(POINTS):
        others = [other for other in POINTS if other != point]
        output[:, j] = [point**i for i in range(TILE)]
        kernel[j] = [point**i / np.prod(point - np.array(others)) for i in range(TAPS)]
        data[j, :-1] = np.poly(others)[::-1]
    output[-1, -1] = kernel[-1, -1] = 1
    data[-1] = np.poly(POINTS)[::-1]
    return output, kernel, data


OUTPUT, KERNEL, DATA = _transforms()


def _mixed(factors: np.ndarray, parts: Sequence[jax.Array]) -> jax.Array:
    """Add up the parts that have a factor."""
    return total(
        [
            part if f == 1 else part * np.asarray(f, part.dtype)
            for f, part in zip(factors, parts, strict=True)
            if f
        ]
    )


def _every(x: jax.Array, axis: int, first: int, count: int) -> jax.Array:
    """Take `count` rows, one of each tile."""
    return lax.slice_in_dim(x, first, first + TILE * (count - 1) + 1, TILE, axis)


def _plan(p: Problem) -> tuple[int, Tiling]:
    """Return the axis, and how the problem is cut along it."""
    cut = winograd_step(p)
    assert cut is not None, "chosen for problems that can be cut"
    return winograd_axis(p), cut


def _columns(p: Problem, strip: jax.Array, axis: int, cut: Tiling) -> jax.Array:
    """Turn padded input (N, C, *space) into (size, C taps, positions), taps of the other axes."""
    rows = strip.swapaxes(0, 1)
    parts = [_every(rows, 2 + axis, j, cut.tiles) for j in range(SIZE)]
    kernel, out = _instead(p.kernel, axis, 1), _positions(p, axis, cut)
    ones = (1,) * p.dims
    mixed = jnp.stack([_mixed(factors, parts) for factors in DATA])
    mixed = mixed.reshape(SIZE * rows.shape[0], *mixed.shape[2:])
    patches = columns(mixed, kernel, out, ones, p.dilation, axis=1)
    return patches.reshape(SIZE, rows.shape[0] * p.taps // TAPS, -1)


def _instead(sizes: tuple[int, ...], axis: int, n: int) -> tuple[int, ...]:
    return (*sizes[:axis], n, *sizes[axis + 1 :])


def _positions(p: Problem, axis: int, cut: Tiling) -> tuple[int, ...]:
    """Return the sizes of a strip in tiles."""
    sizes = _instead(p.out, axis, cut.tiles)
    return (*sizes[:-1], sizes[-1] + cut.extra)


def _padded(p: Problem, x: jax.Array, axis: int, rows: int, extra: int) -> jax.Array:
    """Pad some images, with as many rows as `rows` of the output need."""
    pairs = list(p.padding)
    low, _ = pairs[axis]
    pairs[axis] = (low, max(0, rows + TAPS - 1 - low - p.space[axis]))
    pairs[-1] = (pairs[-1][0], pairs[-1][1] + extra)
    return beside(x, pairs)


def by_tiles(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve some images, or a strip of an image, after the other: (N, O, *out)."""
    axis, cut = _plan(p)
    images, along, rows, last = cut.images, 2 + axis, TILE * cut.tiles, p.out[axis]
    parts = [lax.index_in_dim(w, i, along, keepdims=False) for i in range(TAPS)]
    kernels = jnp.stack([_mixed(f, parts) for f in KERNEL]).reshape(SIZE, p.out_channels, -1)

    def strip(padded: jax.Array, first: jax.Array | int) -> jax.Array:
        data = lax.dynamic_slice_in_dim(padded, first, rows + TAPS - 1, along)
        product = jnp.matmul(kernels, _columns(p, data, axis, cut))
        each = product.reshape(SIZE, p.out_channels, images, *_positions(p, axis, cut))
        each = lax.slice_in_dim(each, 0, p.out[-1], axis=each.ndim - 1)
        y = jnp.stack([_mixed(f, list(each)) for f in OUTPUT], along + 1)
        return y.reshape(p.out_channels, images, *_instead(p.out, axis, rows)).swapaxes(0, 1)

    def step(k: jax.Array, y: jax.Array) -> jax.Array:
        some = lax.dynamic_slice_in_dim(x, k * images, images)
        starts = [k * images] + [jnp.zeros_like(k)] * (p.dims + 1)
        if cut.strips == 1:
            found = strip(_padded(p, some, axis, rows, cut.extra), 0)
            return lax.dynamic_update_slice(y, lax.slice_in_dim(found, 0, last, axis=along), starts)
        padded = _padded(p, some, axis, last, cut.extra)

        def add(i: jax.Array, y: jax.Array) -> jax.Array:
            # The last strip begins where it ends with the image: it overlaps the one before.
            starts[along] = jnp.minimum(i * rows, last - rows)
            return lax.dynamic_update_slice(y, strip(padded, starts[along]), starts)

        return lax.fori_loop(0, cut.strips, add, y)

    start = jnp.zeros((p.batch, p.out_channels, *p.out), x.dtype)
    return lax.fori_loop(0, p.batch // images, step, start)


def weight_by_tiles(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Return the weight gradient (O, C, *kernel): the transpose, with the same columns.

    The products of transformed gradients and columns are added up over tiles, images and strips,
    and transformed once.
    """
    axis, cut = _plan(p)
    along, rows = 2 + axis, TILE * cut.tiles
    whole = cut.strips * rows

    def strip(padded: jax.Array, gradients: jax.Array) -> jax.Array:
        parts = [_every(gradients.swapaxes(0, 1), along, j, cut.tiles) for j in range(TILE)]
        mixed = jnp.stack([_mixed(f, parts) for f in OUTPUT.T])
        lines = mixed.reshape(SIZE, p.out_channels, -1)
        patches = _columns(p, padded, axis, cut)
        return lax.dot_general(lines, patches, (((2,), (2,)), ((0,), (0,))))

    shape = (SIZE, p.out_channels, p.in_channels * p.taps // TAPS)
    missing = [(0, whole - m if d == axis else 0) for d, m in enumerate(p.out)]

    def step(some: jax.Array, gradients: jax.Array) -> jax.Array:
        padded = _padded(p, some, axis, whole, cut.extra)
        gradients = beside(gradients, missing)
        if cut.strips == 1:
            return strip(padded, gradients)

        def add(i: jax.Array, sums: jax.Array) -> jax.Array:
            data = lax.dynamic_slice_in_dim(padded, i * rows, rows + TAPS - 1, along)
            lines = lax.dynamic_slice_in_dim(gradients, i * rows, rows, along)
            return sums + strip(data, lines)

        return lax.fori_loop(0, cut.strips, add, jnp.zeros(shape, x.dtype))

    sums = over_batch(step, x, g, cut.images)
    rest = (p.in_channels, *p.kernel[:axis], *p.kernel[axis + 1 :])
    parts = [_mixed(f, list(sums)).reshape(p.out_channels, *rest) for f in KERNEL.T]
    return jnp.stack(parts, along)
