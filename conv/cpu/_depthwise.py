"""Depthwise convolutions: one input channel a group. Sums of shifted products.

Row by row: the products of one kernel row are added up before the rows are. XLA fuses all of it
into one loop over the output. No transpose of the data may stand near it: layout assignment would
move the whole computation to a layout in which it is several times slower. So there are two of
them, for channels first and for arrays that come with their channels last.
"""

import math
from collections.abc import Sequence
from itertools import product

import jax
import jax.numpy as jnp
from jax import lax

from ._direct import kernel_last
from ._layout import Pairs, at_tap, interleave, offsets, pad_before, pad_space, total, trim
from ._limits import LIMITS


def _scaled(x: jax.Array, factors: jax.Array, dims: int) -> jax.Array:
    return x * factors.reshape(1, *factors.shape, *(1,) * dims)


def _padded(x: jax.Array, padding: Pairs, kernel: Sequence[int], many: int) -> jax.Array:
    few = many == 1 and math.prod(kernel) <= LIMITS.shared_padding_taps
    few = few and x.shape[-1] >= LIMITS.shared_padding_length
    return pad_before(x, padding) if few else pad_space(x, padding)


def depthwise(
    x: jax.Array,
    w: jax.Array,
    out: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> jax.Array:
    """Convolve (N, C, *space) with (C M, 1, *kernel): M outputs an input channel."""
    n, c = x.shape[:2]
    many = w.shape[0] // c
    dims, kernel = len(out), w.shape[2:]
    padded = _padded(x, padding, kernel, many)
    factors = w.reshape(c, many, *kernel)
    if many == 1:
        factors = factors[:, 0]
    else:
        padded = padded[:, :, None]
    lead = factors.ndim - dims
    rows = []
    for u in range(kernel[0]):
        terms = []
        for rest in product(*map(range, kernel[1:])):
            tap = (u, *rest)
            shifted = at_tap(
                padded, [t * d for t, d in zip(tap, dilation, strict=True)], out, stride
            )
            terms.append(_scaled(shifted, factors[(slice(None),) * lead + tap], dims))
        rows.append(total(terms))
    return total(rows).reshape(n, c * many, *out)


def depthwise_last(
    x: jax.Array,
    w: jax.Array,
    out: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> jax.Array:
    """Convolve (N, *space, C) with (C, 1, *kernel) to (N, *out, C): one output a channel."""
    # Back to the order that it came in, before anything else: a copy in another order would be read
    # at a distance of `taps` elements.
    factors = kernel_last(w)[..., 0, :]
    padded = pad_space(x, [*padding, (0, 0)])
    rows: dict[int, list[jax.Array]] = {}
    taps = product(*map(range, w.shape[2:]))
    for tap, starts in zip(taps, offsets(w.shape[2:], dilation), strict=True):
        shifted = at_tap(padded, [*starts, 0], [*out, x.shape[-1]], [*stride, 1])
        rows.setdefault(tap[0], []).append(shifted * factors[tap])
    return total([total(terms) for terms in rows.values()])


def elementwise_phases(
    x: jax.Array,
    w: jax.Array,
    groups: int,
    out: Sequence[int],
    padding: Pairs,
    spread: Sequence[int],
    dilation: Sequence[int],
) -> jax.Array:
    """Convolve x with `spread - 1` zeros between its elements, phase by phase: (N, O, *out).

    Output s m + r meets the taps u with s dividing r - low + d u, which lie at whole distances in
    the input that has no zeros. For any groups of few channels, the depthwise ones included.
    """
    n, c, dims = *x.shape[:2], len(out)
    per_group = c // groups
    counts = [-(-m // s) for m, s in zip(out, spread, strict=True)]
    taps = [
        [
            [(u, (r - low + u * d) // s) for u in range(k) if (r - low + u * d) % s == 0]
            for r in range(s)
        ]
        for k, (low, _), s, d in zip(w.shape[2:], padding, spread, dilation, strict=True)
    ]
    found = [[o for phase in axis for _, o in phase] or [0] for axis in taps]
    lows = [max(0, -min(o)) for o in found]
    highs = [
        max(0, max(o) + m - size) for o, m, size in zip(found, counts, x.shape[2:], strict=True)
    ]
    padded = pad_space(x, list(zip(lows, highs, strict=True)))
    grouped = padded.reshape(n, groups, 1, per_group, *padded.shape[2:])
    factors = w.reshape(groups, -1, per_group, *w.shape[2:])

    def phase(r: tuple[int, ...]) -> jax.Array:
        terms = []
        for tap in product(*(axis[i] for axis, i in zip(taps, r, strict=True))):
            starts = [o + low for (_, o), low in zip(tap, lows, strict=True)]
            for i in range(per_group):
                shifted = at_tap(grouped[:, :, :, i], starts, counts, (1,) * dims)
                factor = factors[(slice(None), slice(None), i, *(u for u, _ in tap))]
                terms.append(_scaled(shifted, factor, dims))
        whole = total(terms) if terms else jnp.zeros((n, groups, w.shape[0] // groups, *counts))
        return whole.astype(x.dtype).reshape(n, -1, *counts)

    return trim(interleave(phase, spread, 2), out, 2)


def sums_of_products(pairs: Sequence[jax.Array], axes: Sequence[int], most: int) -> list[jax.Array]:
    """Sum each array over `axes`: one loop for up to `most` of them, that shares what it loads.

    The first of the axes is left for a second sum, so that no sum is long: the rounding errors of
    one sequential sum over all positions would be several times PyTorch's.
    """
    if len(axes) > 1:
        return [s.sum(axes[0]) for s in sums_of_products(pairs, axes[1:], most)]
    sums: list[jax.Array] = []
    for first in range(0, len(pairs), most):
        some = pairs[first : first + most]
        zeros = (jnp.zeros((), some[0].dtype),) * len(some)

        def add(a: tuple[jax.Array, ...], b: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            return tuple(p + q for p, q in zip(a, b, strict=True))

        if len(some) == 1:
            sums.append(jnp.sum(some[0], axes))
        else:
            sums.extend(lax.reduce(tuple(some), zeros, add, tuple(axes)))
    return sums


def depthwise_weight(
    x: jax.Array,
    g: jax.Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> jax.Array:
    """Return the weight gradient (C M, 1, *kernel) from x (N, C, *space) and g (N, C M, *out)."""
    n, c = x.shape[:2]
    out = g.shape[2:]
    many, dims = g.shape[1] // c, len(out)
    padded = _padded(x, padding, kernel, many)
    if many > 1:
        padded, g = padded[:, :, None], g.reshape(n, c, many, *out)
    products = [at_tap(padded, tap, out, stride) * g for tap in offsets(kernel, dilation)]
    axes = range(g.ndim - dims, g.ndim)
    most = len(products) if len(products) <= 31 else 25
    sums = sums_of_products(products, axes, most)
    # Each image by itself, then all: half the rounding error of one long sum.
    return jnp.stack(sums, -1).sum(0).reshape(c * many, 1, *kernel)
