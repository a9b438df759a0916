"""Transposed convolutions, and input gradients of strided ones: zeros between the input's elements.

None of the methods multiplies by these zeros. Output position s m + r (phase r) meets only the taps
u with s dividing r - low + d u, at whole distances in the input without zeros.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import jax
import jax.numpy as jnp

from .._batch import (
    by_parts,
    chunk_of,
    divisor,
    image_by_image,
    product_for_all,
    product_for_each,
    times_columns,
)
from .._layout import (
    Pairs,
    beside,
    channels_first,
    channels_last,
    columns,
    crop_space,
    cropped_away,
    interleave,
    pad_space,
    total,
    trim,
)
from .._method import Method
from .._problem import Problem
from .._product import product as multiplied
from .direct import convolve_last, kernel_last
from .grouped import columns_of_group, long_rows, one_thread_groups


def phase_taps(kernel: int, low: int, spread: int, dilation: int) -> list[tuple[range, int, int]]:
    """For each phase: its taps, where the first one looks, and the distance of the following."""
    step = spread // math.gcd(spread, dilation)
    phases = []
    for r in range(spread):
        first = next((u for u in range(step) if (r - low + u * dilation) % spread == 0), kernel)
        offset = (r - low + first * dilation) // spread
        phases.append((range(first, kernel, step), offset, step * dilation // spread))
    return phases


def phase_of(p: Problem, r: Sequence[int]) -> tuple[tuple[slice, ...], Problem] | None:
    """Return which kernel elements a phase takes, and the plain problem that it is.

    None where they meet no input. The plain problem's padding may be negative: it is to be cropped.
    """
    rows = zip(p.kernel, p.padding, p.spread, p.dilation, r, strict=True)
    chosen = [phase_taps(k, low, s, d)[i] for k, (low, _), s, d, i in rows]
    if any(len(taps) == 0 for taps, _, _ in chosen):
        return None
    counts = tuple(-(-m // s) for m, s in zip(p.out, p.spread, strict=True))
    pairs = tuple(
        (-offset, count - size + offset + distance * (len(taps) - 1))
        for (taps, offset, distance), count, size in zip(chosen, counts, p.space, strict=True)
    )
    if cropped_away(p.space, pairs):
        return None
    plain = replace(
        p,
        role="forward",
        kernel=tuple(len(taps) for taps, _, _ in chosen),
        out=counts,
        padding=pairs,
        spread=(1,) * p.dims,
        dilation=tuple(distance if len(taps) > 1 else 1 for taps, _, distance in chosen),
    )
    picked = tuple(slice(taps.start, taps.stop, taps.step) for taps, _, _ in chosen)
    return (slice(None), slice(None), *picked), plain


def _by_phases(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve each phase by itself, a small dense convolution, and interleave the results."""
    counts = [-(-m // s) for m, s in zip(p.out, p.spread, strict=True)]
    data = channels_last(x)

    def phase(r: tuple[int, ...]) -> jax.Array:
        found = phase_of(p, r)
        if found is None:
            return jnp.zeros((p.batch, *counts, p.out_channels), x.dtype)
        picked, q = found
        kernel = w[picked]
        cropped, rest = crop_space(x, q.padding)
        here = data if cropped is x else channels_last(cropped)
        return plain(p, here, kernel_last(kernel), rest, q.dilation)

    return channels_first(trim(interleave(phase, p.spread, 1), p.out, 1))


def plain(
    p: Problem, x: jax.Array, w: jax.Array, padding: Pairs, dilation: Sequence[int]
) -> jax.Array:
    """Convolve channels-last arrays with stride 1; a kernel of one element is a product."""
    dims = len(padding)
    if all(k == 1 for k in w.shape[:dims]) and all(pair == (0, 0) for pair in padding):
        y = multiplied(p, x.reshape(-1, x.shape[-1]), w.reshape(w.shape[-2:]))
        return y.reshape(*x.shape[:-1], -1)
    return convolve_last(p, x, w, (1,) * dims, padding, dilation)


def phases_of_kernel(p: Problem, w: jax.Array) -> jax.Array:
    """Split a kernel of whole strides to (*widths, C, *phases, O)."""
    order = [*range(2, 2 + 2 * p.dims, 2), 1, *range(3, 3 + 2 * p.dims, 2), 0]
    return _strides(w, p.spread).transpose(order)


def _as_one(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve all phases at once, as further output channels: for a kernel of whole strides."""
    q, early = p.phased()
    n, o, dims = p.batch, p.out_channels, p.dims
    if cropped_away(q.space, q.padding):
        return jnp.zeros((n, o, *p.out), x.dtype)
    kernel = phases_of_kernel(p, w).reshape(*q.kernel, p.in_channels, -1)
    cropped, rest = crop_space(x, q.padding)
    y = plain(p, channels_last(cropped), kernel, rest, q.dilation)
    y = y.reshape(n, *q.out, *p.spread, o)
    order = [0, 1 + 2 * dims, *(m for i in range(dims) for m in (1 + i, 1 + dims + i))]
    return _joined(y.transpose(order), p.out, early)


def phases_step(p: Problem) -> tuple[int, int]:
    """Return how many images and groups of a transposed problem of whole strides go together.

    The latter is 0 where one group is too much.
    """
    q, _ = p.phased()
    columns, products = columns_of_group(q), q.per_group[1] * q.length * p.itemsize
    together = one_thread_groups(p, max(columns, products))
    if together and long_rows(q):
        return 1, together
    size, limits = columns + products, p.limits
    images = divisor(p.batch, max(1, min(limits.innermost_images, limits.phases_bytes // size)))
    return images, divisor(p.groups, limits.phases_bytes // (images * size))


def _as_one_by_groups(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Do the same to some groups and images after the other, by columns: (N, O, *out)."""
    q, early = p.phased()
    dims = p.dims
    if cropped_away(q.space, q.padding):
        return jnp.zeros((p.batch, p.out_channels, *p.out), x.dtype)
    images, together = phases_step(p)
    out_per_group = together * p.per_group[1]
    parts = p.groups // together
    order = [0, *range(3, 3 + 2 * dims, 2), 1, *range(2, 2 + 2 * dims, 2)]
    kernels = _strides(w, p.spread).transpose(order)
    kernels = kernels.reshape(parts, together, q.out_channels // p.groups, -1)
    x, rest = crop_space(x, q.padding)
    order = [1 + dims, 0, *(m for i in range(dims) for m in (2 + dims + i, 1 + i))]
    ones = (1,) * dims

    def step(part: jax.Array, some: jax.Array) -> jax.Array:
        data = beside(some.swapaxes(0, 1), rest)
        patches = columns(data, q.kernel, q.out, ones, ones, axis=1)
        product = times_columns(kernels, part, patches)
        each = product.reshape(out_per_group, *p.spread, images, *q.out).transpose(order)
        return _joined(each, p.out, early)

    return by_parts(step, x, (p.batch, p.out_channels, *p.out), images, parts)


def _strides(w: jax.Array, spread: Sequence[int]) -> jax.Array:
    """Split a kernel to (O, C, width, phase, width, phase...): phase r takes tap s - 1 - r."""
    pairs = (m for k, s in zip(w.shape[2:], spread, strict=True) for m in (k // s, s))
    split = w.reshape(*w.shape[:2], *pairs)
    return jnp.flip(split, range(3, split.ndim, 2))


def _joined(y: jax.Array, out: Sequence[int], early: Sequence[int]) -> jax.Array:
    """Put (N, O, count, phase, count, phase...) together: (N, O, *out)."""
    space = [m * s for m, s in zip(y.shape[2::2], y.shape[3::2], strict=True)]
    return trim(y.reshape(*y.shape[:2], *space), out, 2, early)


def _by_product(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Multiply every input position by the whole kernel, then add up what falls together."""
    n, c, *space = x.shape
    o, kernel, out, spread = p.out_channels, p.kernel, p.out, p.spread
    rows = jnp.moveaxis(w, 1, -1).reshape(-1, c)
    length = math.prod(space)
    size = rows.shape[0] * length * jnp.dtype(x.dtype).itemsize
    limits = p.limits
    large = rows.size >= limits.shared_weights and length <= limits.pointwise_long
    if n > 1 and n * size > limits.product_bytes:
        images = chunk_of(n, size, limits.product_bytes) if large else 1
        some_images = replace(p, batch=images)
        return image_by_image(lambda some: _by_product(some_images, some, w), x, images)
    multiply = product_for_all if large else product_for_each
    each = multiply(rows, x.reshape(n, c, length)).reshape(n, o, *kernel, *space)
    counts = [-(-m // s) for m, s in zip(out, spread, strict=True)]
    axes = [
        phase_taps(k, low, s, d)
        for k, (low, _), s, d in zip(kernel, p.padding, spread, p.dilation, strict=True)
    ]

    def phase(r: tuple[int, ...]) -> jax.Array:
        terms = []
        taps = [
            [(u, offset + i * distance) for i, u in enumerate(taps)]
            for taps, offset, distance in (axis[i] for axis, i in zip(axes, r, strict=True))
        ]
        for tap in product(*taps):
            one = each[(slice(None), slice(None), *(u for u, _ in tap))]
            pairs = [
                (-offset, count - size + offset)
                for (_, offset), count, size in zip(tap, counts, space, strict=True)
            ]
            if all(
                -low < size and -high < size
                for (low, high), count, size in zip(pairs, counts, space, strict=True)
            ):
                terms.append(pad_space(one, pairs))
        return total(terms) if terms else jnp.zeros((n, o, *counts), x.dtype)

    return trim(interleave(phase, spread, 2), out, 2)


def _dense(p: Problem) -> bool:
    return p.groups == 1 and p.unit_stride


PRODUCT = Method("product", {"transposed": _by_product}, _dense, grows=True)
PHASES = Method("phases", {"transposed": _by_phases}, _dense)
PHASES_AS_ONE = Method(
    "phases_as_one",
    {"transposed": _as_one},
    lambda p: _dense(p) and p.unit_dilation and p.whole_strides,
)
PHASES_BY_GROUPS = Method(
    "phases_by_groups",
    {"transposed": _as_one_by_groups},
    lambda p: p.unit_stride and p.unit_dilation and p.whole_strides and phases_step(p)[1] > 0,
    grows=True,
)
