"""Depthwise convolutions: one input channel a group. Sums of shifted products.

Row by row: the products of one kernel row are added up before the rows are. XLA fuses all of it
into one loop over the output. No transpose of the data may stand near it: layout assignment would
move the whole computation to a layout in which it is several times slower. So there are two of
them, for channels first and for arrays that come with their channels last.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .._layout import at_tap, interleave, offsets, pad_before, pad_space, total, trim
from .._method import Method
from .._problem import Problem
from .direct import kernel_last


def _scaled(x: jax.Array, factors: jax.Array, dims: int) -> jax.Array:
    return x * factors.reshape(1, *factors.shape, *(1,) * dims)


def _padded(p: Problem, x: jax.Array) -> jax.Array:
    few = p.per_group[1] == 1 and p.taps <= p.limits.shared_padding_taps
    few = few and x.shape[-1] >= p.limits.shared_padding_length
    return pad_before(x, p.padding) if few else pad_space(x, p.padding)


def _forward(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve (N, C, *space) with (C M, 1, *kernel): M outputs an input channel."""
    n, c = x.shape[:2]
    many = w.shape[0] // c
    dims, kernel = p.dims, p.kernel
    padded = _padded(p, x)
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
                padded, [t * d for t, d in zip(tap, p.dilation, strict=True)], p.out, p.stride
            )
            terms.append(_scaled(shifted, factors[(slice(None),) * lead + tap], dims))
        rows.append(total(terms))
    return total(rows).reshape(n, c * many, *p.out)


def _forward_last(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve arrays whose channels are innermost: one output a channel."""
    x = jnp.moveaxis(x, 1, -1)  # as it came: the two transposes cancel
    # Back to the order that it came in, before anything else: a copy in another order would be read
    # at a distance of `taps` elements.
    factors = kernel_last(w)[..., 0, :]
    padded = pad_space(x, [*p.padding, (0, 0)])
    rows: dict[int, list[jax.Array]] = {}
    taps = product(*map(range, p.kernel))
    for tap, starts in zip(taps, offsets(p.kernel, p.dilation), strict=True):
        shifted = at_tap(padded, [*starts, 0], [*p.out, x.shape[-1]], [*p.stride, 1])
        rows.setdefault(tap[0], []).append(shifted * factors[tap])
    return jnp.moveaxis(total([total(terms) for terms in rows.values()]), -1, 1)


def _spread(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Write out the zeros between the input's elements, then convolve."""
    spaced = pad_space(x, p.padding, [s - 1 for s in p.spread])
    plain = replace(
        p, role="forward", space=spaced.shape[2:], padding=((0, 0),) * p.dims, spread=(1,) * p.dims
    )
    return _forward(plain, spaced, w)


def _phases(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve x with `spread - 1` zeros between its elements, phase by phase: (N, O, *out).

    Output s m + r meets the taps u with s dividing r - low + d u, which lie at whole distances in
    the input that has no zeros. For any groups of few channels, the depthwise ones included.
    """
    n, dims, groups, out, spread = p.batch, p.dims, p.groups, p.out, p.spread
    per_group, out_per_group = p.per_group
    counts = [-(-m // s) for m, s in zip(out, spread, strict=True)]
    taps = [
        [
            [(u, (r - low + u * d) // s) for u in range(k) if (r - low + u * d) % s == 0]
            for r in range(s)
        ]
        for k, (low, _), s, d in zip(p.kernel, p.padding, spread, p.dilation, strict=True)
    ]
    found = [[o for phase in axis for _, o in phase] or [0] for axis in taps]
    lows = [max(0, -min(o)) for o in found]
    highs = [max(0, max(o) + m - size) for o, m, size in zip(found, counts, p.space, strict=True)]
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
        whole = total(terms) if terms else jnp.zeros((n, groups, out_per_group, *counts))
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


def _weight(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Return the weight gradient (C M, 1, *kernel) from x (N, C, *space) and g (N, C M, *out)."""
    n, c = x.shape[:2]
    many = p.per_group[1]
    padded = _padded(p, x)
    if many > 1:
        padded, g = padded[:, :, None], g.reshape(n, c, many, *p.out)
    products = [at_tap(padded, tap, p.out, p.stride) * g for tap in offsets(p.kernel, p.dilation)]
    axes = range(g.ndim - p.dims, g.ndim)
    most = len(products) if len(products) <= 31 else 25
    sums = sums_of_products(products, axes, most)
    # Each image by itself, then all: half the rounding error of one long sum.
    return jnp.stack(sums, -1).sum(0).reshape(c * many, 1, *p.kernel)


def _weight_by_taps(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Do the same by a sum for each kernel element.

    On a GPU, where one sum of them all takes 1.2 to 1.7 times as long.
    """
    n, c = x.shape[:2]
    padded = pad_space(x, p.padding)[:, :, None]
    each = g.reshape(n, c, -1, *p.out)
    axes = (0, *range(3, 3 + p.dims))
    sums = [
        (at_tap(padded, tap, p.out, p.stride) * each).sum(axes)
        for tap in offsets(p.kernel, p.dilation)
    ]
    return jnp.stack(sums, -1).reshape(p.out_channels, 1, *p.kernel)


# Elements of a long kernel that one step of a loop takes: the program does not grow with it.
STEP = 16


def _windows(p: Problem, padded: jax.Array, first: Any, count: int = STEP) -> list[jax.Array]:
    """Return what some elements of a kernel along a line meet, from element `first` on."""
    (out,), (stride,), (dilation,) = p.out, p.stride, p.dilation
    span = stride * (out - 1) + 1
    some = lax.dynamic_slice_in_dim(padded, first * dilation, span + dilation * (count - 1), 2)
    starts = (u * dilation for u in range(count))
    return [lax.slice_in_dim(some, start, start + span, stride, 2) for start in starts]


def _in_steps(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve along a line with a long kernel, some of its elements in each step of a loop."""
    n, c = x.shape[:2]
    many, (steps, rest) = p.per_group[1], divmod(p.taps, STEP)
    padded = pad_space(x, p.padding)
    factors = w.reshape(c, many, p.taps)

    def some(first: Any, count: int) -> jax.Array:
        here = lax.dynamic_slice_in_dim(factors, first, count, 2)
        windows = _windows(p, padded, first, count)
        return total(
            [window[:, :, None] * here[None, :, :, u, None] for u, window in enumerate(windows)]
        )

    def step(i: jax.Array, y: jax.Array) -> jax.Array:
        return y + some(i * STEP, STEP)

    y = lax.fori_loop(0, steps, step, jnp.zeros((n, c, many, *p.out), x.dtype))
    if rest:  # by themselves: zeros behind the kernel would carry a NaN where it does not reach
        y = y + some(steps * STEP, rest)
    return y.reshape(n, c * many, *p.out)


def _weight_in_steps(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Return the weight gradient of such a convolution, some elements in each step."""
    n, c = x.shape[:2]
    many, steps = p.per_group[1], -(-p.taps // STEP)
    ((low, high),) = p.padding
    reach = p.stride[0] * (p.out[0] - 1) + p.dilation[0] * (steps * STEP - 1) + 1
    padded = pad_space(x, [(low, max(high, reach - p.space[0] - low))])
    each = g.reshape(n, c, many, *p.out)

    def step(i: jax.Array, sums: jax.Array) -> jax.Array:
        products = [window[:, :, None] * each for window in _windows(p, padded, i * STEP)]
        found = jnp.stack(sums_of_products(products, (3,), STEP), -1).sum(0)
        return lax.dynamic_update_slice_in_dim(sums, found, i * STEP, 2)

    sums = lax.fori_loop(0, steps, step, jnp.zeros((c, many, steps * STEP), x.dtype))
    return lax.slice_in_dim(sums, 0, p.taps, axis=2).reshape(p.result_shape)


def _one_channel(p: Problem) -> bool:
    return p.per_group[0] == 1 and not p.spreads


DEPTHWISE = Method("depthwise", {"forward": _forward, "weight": _weight}, _one_channel, grows=True)
DEPTHWISE_BY_TAPS = Method(
    "depthwise", {"forward": _forward, "weight": _weight_by_taps}, _one_channel, grows=True
)
DEPTHWISE_LAST = Method(
    "depthwise_last",
    {"forward": _forward_last},
    lambda p: _one_channel(p) and p.per_group[1] == 1,
    grows=True,
)
DEPTHWISE_SPREAD = Method(
    "depthwise_spread", {"transposed": _spread}, lambda p: p.per_group[0] == 1, grows=True
)
ELEMENTWISE_PHASES = Method(
    "elementwise_phases", {"transposed": _phases}, lambda p: p.unit_stride, grows=True
)
DEPTHWISE_IN_STEPS = Method(
    "depthwise_in_steps",
    {"forward": _in_steps, "weight": _weight_in_steps},
    lambda p: _one_channel(p) and p.dims == 1,
)
