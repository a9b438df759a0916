"""Grouped convolutions with more than one channel a group."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from ._batch import by_parts, over_batch, part_of, times_columns
from ._depthwise import sums_of_products
from ._layout import Pairs, at_tap, columns, offsets, pad_space, total
from ._problem import Problem
from ._steps import product_step, weight_step


def elementwise(
    x: jax.Array,
    w: jax.Array,
    groups: int,
    out: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> jax.Array:
    """Convolve as sums of shifted products, as the depthwise ones: for groups of a few channels."""
    n = x.shape[0]
    o, per_group = w.shape[:2]
    dims, kernel = len(out), w.shape[2:]
    padded = pad_space(x, padding)
    grouped = padded.reshape(n, groups, 1, per_group, *padded.shape[2:])
    factors = w.reshape(groups, o // groups, per_group, -1)
    terms = []
    for i in range(per_group):
        for t, tap in enumerate(offsets(kernel, dilation)):
            shifted = at_tap(grouped[:, :, :, i], tap, out, (1,) * dims)
            terms.append(shifted * factors[:, :, i, t].reshape(1, groups, -1, *(1,) * dims))
    return total(terms).reshape(n, o, *out)


def merged(w: jax.Array, groups: int, many: int) -> jax.Array:
    """Merge `many` groups to one, block-diagonally: (O, C / groups, ...) to (O, that * many)."""
    o, per_group, *kernel = w.shape
    split = w.reshape(groups // many, many, o // groups, 1, per_group, *kernel)
    blocks = jnp.eye(many, dtype=w.dtype).reshape(1, many, 1, many, 1, *(1,) * len(kernel))
    return (split * blocks).reshape(o, many * per_group, *kernel)


def elementwise_weight(
    x: jax.Array,
    g: jax.Array,
    groups: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> jax.Array:
    """Return the weight gradient (O, C / groups, *kernel) by sums of products."""
    n, c = x.shape[:2]
    o, out = g.shape[1], g.shape[2:]
    padded = pad_space(x, padding)
    left = padded.reshape(n, groups, 1, c // groups, *padded.shape[2:])
    right = g.reshape(n, groups, o // groups, 1, *out)
    products = [at_tap(left, tap, out, stride) * right for tap in offsets(kernel, dilation)]
    sums = sums_of_products(products, range(4, 4 + len(out)), 31)
    return jnp.stack(sums, -1).sum(0).reshape(o, c // groups, *kernel)


def by_columns_of_groups(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve some groups of one image after the other, in steps of one thread: (N, O, *out)."""
    together = product_step(p)
    parts = p.groups // together
    kernels = w.reshape(parts, together, p.per_group[1], -1)

    def step(part: jax.Array, some: jax.Array) -> jax.Array:
        data = pad_space(some.swapaxes(0, 1), p.padding)
        patches = columns(data, p.kernel, p.out, p.stride, p.dilation, axis=1)
        return times_columns(kernels, part, patches).reshape(1, -1, *p.out)

    return by_parts(step, x, (p.batch, p.out_channels, *p.out), 1, parts)


def product_weight(
    x: jax.Array,
    g: jax.Array,
    groups: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> jax.Array:
    """Return the weight gradient by a product of columns and gradients for each group.

    Some images at a time, or some groups of one image. Columns stand on the left, where a product
    of few gradients is up to twice as fast; blocks of groups would multiply the work to no gain.
    """
    n, c = x.shape[:2]
    o, out = g.shape[1], g.shape[2:]
    rows = c // groups * len(offsets(kernel, dilation))
    size = jnp.dtype(x.dtype).itemsize * rows * g[0, 0].size
    chunk, together = weight_step(n, groups, size, set(stride) != {1})

    def step(images: jax.Array, gradients: jax.Array) -> jax.Array:
        padded = pad_space(images, padding).swapaxes(0, 1)
        patches = columns(padded, kernel, out, stride, dilation, axis=1)
        left = patches.reshape(together, rows, -1)
        right = gradients.swapaxes(0, 1).reshape(together, o // groups, -1)
        return lax.dot_general(left, right, (((2,), (2,)), ((0,), (0,))))

    if together == groups:
        sums = over_batch(step, x, g, chunk)
    else:
        parts = groups // together

        def add(k: jax.Array, sums: jax.Array) -> jax.Array:
            image, part = k // parts, k % parts
            found = step(*(part_of(a, image, 1, part, parts) for a in (x, g)))
            before = lax.dynamic_slice_in_dim(sums, part * together, together)
            return lax.dynamic_update_slice_in_dim(sums, before + found, part * together, 0)

        sums = lax.fori_loop(0, n * parts, add, jnp.zeros((groups, rows, o // groups), x.dtype))
    return sums.swapaxes(1, 2).reshape(o, c // groups, *kernel)


def group_by_group(
    x: jax.Array,
    w: jax.Array,
    groups: int,
    out: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> jax.Array:
    """Convolve one group after the other, by columns: for long kernels over few positions."""
    n, o = x.shape[0], w.shape[0]
    kernels = w.reshape(groups, o // groups, -1)

    def one(both: tuple[jax.Array, jax.Array]) -> jax.Array:
        data, kernel = both
        patches = columns(data, w.shape[2:], out, stride, dilation, axis=1)
        return kernel @ patches.reshape(kernel.shape[1], -1)

    y = lax.map(one, (_by_group(pad_space(x, padding), groups), kernels))
    return y.reshape(o, n, *out).swapaxes(0, 1)


def group_by_group_weight(
    x: jax.Array,
    g: jax.Array,
    groups: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> jax.Array:
    """Return the weight gradient of such a convolution, one group after the other."""
    o, out = g.shape[1], g.shape[2:]

    def one(both: tuple[jax.Array, jax.Array]) -> jax.Array:
        data, gradient = both
        rows = gradient.reshape(o // groups, -1)
        patches = columns(data, kernel, out, stride, dilation, axis=1)
        return lax.dot_general(rows, patches.reshape(-1, rows.shape[1]), (((1,), (1,)), ((), ())))

    return lax.map(one, (_by_group(pad_space(x, padding), groups), _by_group(g, groups))).reshape(
        o, x.shape[1] // groups, *kernel
    )


def _by_group(x: jax.Array, groups: int) -> jax.Array:
    """Turn (N, C, *space) into (groups, C / groups, N, *space)."""
    n, c, *space = x.shape
    return x.swapaxes(0, 1).reshape(groups, c // groups, n, *space)
