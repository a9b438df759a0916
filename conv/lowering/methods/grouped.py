"""Grouped convolutions with more than one channel a group.

By columns with the batch innermost, slices at a stride and of short rows copy runs of as many
elements as there are images, and the product of a group's kernel and columns is long however small
an image is. Going there and back are transposes of matrices, (images, the rest), which XLA does
block by block.
"""

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import lax

from convgrad import _jax

from .._batch import by_parts, chunk_of, divisor, over_batch, part_of, times_columns
from .._layout import at_tap, columns, offsets, pad_space, total
from .._method import Method
from .._problem import Problem
from .depthwise import sums_of_products


def columns_of_group(p: Problem) -> int:
    """Return the bytes of one group's columns of one image."""
    return p.per_group[0] * p.taps * p.length * p.itemsize


def one_thread_groups(p: Problem, size: int) -> int:
    """Return how many groups go together in steps that XLA leaves to one thread, 0 if none may.

    `size` is the bytes of the largest array of one group and image. With two cores or fewer only:
    what one core writes and the other one reads takes twice as long where they share no cache.
    """
    if p.cores > p.limits.few_cores:
        return 0
    return divisor(p.groups, p.limits.one_thread_bytes // size)


def long_rows(p: Problem) -> bool:
    """Whether copies of rows are long enough, so that one thread keeps up with two."""
    return p.dims > 1 and p.out[-1] >= p.limits.one_thread_row


# Shifted products.


def _elementwise(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve as sums of shifted products, as the depthwise ones: for groups of a few channels."""
    n, o, groups, dims = p.batch, p.out_channels, p.groups, p.dims
    per_group, out_per_group = p.per_group
    padded = pad_space(x, p.padding)
    grouped = padded.reshape(n, groups, 1, per_group, *padded.shape[2:])
    factors = w.reshape(groups, out_per_group, per_group, -1)
    terms = []
    for i in range(per_group):
        for t, tap in enumerate(offsets(p.kernel, p.dilation)):
            shifted = at_tap(grouped[:, :, :, i], tap, p.out, (1,) * dims)
            terms.append(shifted * factors[:, :, i, t].reshape(1, groups, -1, *(1,) * dims))
    return total(terms).reshape(n, o, *p.out)


def _elementwise_weight(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Return the weight gradient (O, C / groups, *kernel) by sums of products."""
    n, groups = p.batch, p.groups
    per_group, out_per_group = p.per_group
    if p.channels_last and p.onednn:
        x, g = _jax.written_out(x), _jax.written_out(g)
    padded = pad_space(x, p.padding)
    left = padded.reshape(n, groups, 1, per_group, *padded.shape[2:])
    right = g.reshape(n, groups, out_per_group, 1, *p.out)
    taps = offsets(p.kernel, p.dilation)
    products = [at_tap(left, tap, p.out, p.stride) * right for tap in taps]
    sums = sums_of_products(products, range(4, 4 + p.dims), 31)
    return jnp.stack(sums, -1).sum(0).reshape(p.result_shape)


ELEMENTWISE = Method(
    "elementwise",
    {"forward": _elementwise, "weight": _elementwise_weight},
    lambda p: not p.spreads and (p.role == "weight" or p.unit_stride),
    grows=True,
)


# A product of columns for each group.


def batch_step(p: Problem) -> tuple[int, int]:
    """Return how many images and groups have their columns written out together, batch innermost.

    (0, 0) where the columns of one group, and of enough images to copy in runs, are too large.
    """
    size, limits = columns_of_group(p), p.limits
    fitting = min(limits.innermost_images, limits.innermost_bytes // size)
    images = divisor(p.batch, fitting)
    if images < min(limits.innermost_few, divisor(p.batch, limits.innermost_images)):
        return 0, 0
    return images, divisor(p.groups, max(1, limits.innermost_loop_bytes // (images * size)))


def _by_groups(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve some images and some groups after the other, in a loop: (N, O, *out)."""
    n, o = p.batch, p.out_channels
    per_group, out_per_group = p.per_group
    images, together = batch_step(p)
    parts = p.groups // together
    kernels = w.reshape(parts, together, out_per_group, per_group * p.taps)
    window = ((*p.kernel, 1), (*p.out, images), (*p.stride, 1), (*p.dilation, 1))

    def step(part: jax.Array, some: jax.Array) -> jax.Array:
        data = pad_space(some.T.reshape(-1, 1, *p.space, images), [*p.padding, (0, 0)])
        product = times_columns(kernels, part, columns(data, *window, axis=1))
        return product.reshape(-1, images).T

    return by_parts(step, x.reshape(n, -1), (n, o * p.length), images, parts).reshape(n, o, *p.out)


BY_GROUPS = Method(
    "by_groups",
    {"forward": _by_groups},
    lambda p: not p.spreads and all(batch_step(p)),
    grows=True,
)


def group_step(p: Problem) -> int:
    """Return how many groups of one image of a strided convolution go together, 0 if none may."""
    if p.unit_stride or not long_rows(p):
        return 0
    return one_thread_groups(p, columns_of_group(p))


def _product(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve some groups of one image after the other, in steps of one thread: (N, O, *out)."""
    together = group_step(p)
    parts = p.groups // together
    kernels = w.reshape(parts, together, p.per_group[1], -1)

    def step(part: jax.Array, some: jax.Array) -> jax.Array:
        data = pad_space(some.swapaxes(0, 1), p.padding)
        patches = columns(data, p.kernel, p.out, p.stride, p.dilation, axis=1)
        return times_columns(kernels, part, patches).reshape(1, -1, *p.out)

    return by_parts(step, x, (p.batch, p.out_channels, *p.out), 1, parts)


def _weight_step(p: Problem, size: int) -> tuple[int, int]:
    """Return how many images and groups of a weight gradient go together.

    `size` is the bytes of one group's columns of one image.
    """
    together = 0 if p.unit_stride else one_thread_groups(p, size)
    if together:
        return 1, together
    return chunk_of(p.batch, p.groups * size, p.limits.group_chunk_bytes), p.groups


def _product_weight(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Return the weight gradient by a product of columns and gradients for each group.

    Some images at a time, or some groups of one image. Columns stand on the left, where a product
    of few gradients is up to twice as fast.
    """
    n, groups = p.batch, p.groups
    per_group, out_per_group = p.per_group
    rows = per_group * p.taps
    chunk, together = _weight_step(p, jnp.dtype(x.dtype).itemsize * rows * p.length)

    def step(images: jax.Array, gradients: jax.Array) -> jax.Array:
        padded = pad_space(images, p.padding).swapaxes(0, 1)
        patches = columns(padded, p.kernel, p.out, p.stride, p.dilation, axis=1)
        left = patches.reshape(together, rows, -1)
        right = gradients.swapaxes(0, 1).reshape(together, out_per_group, -1)
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

        sums = lax.fori_loop(0, n * parts, add, jnp.zeros((groups, rows, out_per_group), x.dtype))
    return sums.swapaxes(1, 2).reshape(p.result_shape)


PRODUCT_A_GROUP = Method(
    "product_a_group",
    {"forward": _product, "weight": _product_weight},
    lambda p: not p.spreads and (p.role == "weight" or bool(group_step(p))),
    grows=True,
)


# Long kernels over few positions.


def _one_by_one(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve one group after the other, by columns."""
    kernels = w.reshape(p.groups, p.per_group[1], -1)

    def one(both: tuple[jax.Array, jax.Array]) -> jax.Array:
        data, kernel = both
        patches = columns(data, p.kernel, p.out, p.stride, p.dilation, axis=1)
        return kernel @ patches.reshape(kernel.shape[1], -1)

    y = lax.map(one, (_by_group(p, pad_space(x, p.padding)), kernels))
    return y.reshape(p.out_channels, p.batch, *p.out).swapaxes(0, 1)


def _one_by_one_weight(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Return the weight gradient of such a convolution, one group after the other."""

    def one(both: tuple[jax.Array, jax.Array]) -> jax.Array:
        data, gradient = both
        rows = gradient.reshape(p.per_group[1], -1)
        patches = columns(data, p.kernel, p.out, p.stride, p.dilation, axis=1)
        return lax.dot_general(rows, patches.reshape(-1, rows.shape[1]), (((1,), (1,)), ((), ())))

    pairs = (_by_group(p, pad_space(x, p.padding)), _by_group(p, g))
    return lax.map(one, pairs).reshape(p.result_shape)


def _by_group(p: Problem, x: jax.Array) -> jax.Array:
    """Turn (N, C, *space) into (groups, C / groups, N, *space)."""
    n, c, *space = x.shape
    return x.swapaxes(0, 1).reshape(p.groups, c // p.groups, n, *space)


GROUP_BY_GROUP = Method(
    "group_by_group",
    {"forward": _one_by_one, "weight": _one_by_one_weight},
    lambda p: not p.spreads,
)


# Each group as a dense convolution of its own.


def _one_group(p: Problem) -> Problem:
    per_group, out_per_group = p.per_group
    return replace(p, in_channels=per_group, out_channels=out_per_group, groups=1)


def _each_dense(
    p: Problem,
    x: jax.Array,
    w: jax.Array,
    solve: Callable[[Problem, jax.Array, jax.Array], jax.Array],
) -> jax.Array:
    """Convolve one group after the other into its output channels.

    A loop, so that temporary arrays are one group's, and one group is compiled. Merging groups to
    one with zeros beside their kernels would carry a NaN from one group to the others.
    """
    inner = _one_group(p)
    c, o = p.per_group

    def one(k: jax.Array, y: jax.Array) -> jax.Array:
        data = lax.dynamic_slice_in_dim(x, k * c, c, 1)
        kernel = lax.dynamic_slice_in_dim(w, k * o, o, 0)
        return lax.dynamic_update_slice_in_dim(y, solve(inner, data, kernel), k * o, 1)

    start = jnp.zeros((p.batch, p.out_channels, *p.out), x.dtype)
    return lax.fori_loop(0, p.groups, one, start)


EACH_DENSE = Method(
    "each_dense",
    {"forward": _each_dense, "transposed": _each_dense},
    lambda p: p.groups > 1,
    grows=True,
    inner=_one_group,
)
