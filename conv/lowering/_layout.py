"""Small pieces that the methods share: padding, slices at taps, columns, channels last."""

import math
from collections.abc import Callable, Sequence
from itertools import product

import jax
import jax.numpy as jnp
from jax import lax

Pairs = Sequence[tuple[int, int]]


def pad_space(x: jax.Array, pairs: Pairs, inner: Sequence[int] | None = None) -> jax.Array:
    """Pad (or crop, where negative) the spatial axes of (..., *space) with zeros."""
    between = inner or (0,) * len(pairs)
    if all(p == (0, 0) for p in pairs) and not any(between):
        return x
    lead = x.ndim - len(pairs)
    config = [(0, 0, 0)] * lead + [(a, b, i) for (a, b), i in zip(pairs, between, strict=True)]
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def beside(x: jax.Array, pairs: Pairs) -> jax.Array:
    """Pad the spatial axes of (..., *space) with zeros by concatenation.

    Half the time of `pad_space` where the result is written out: lax.pad tests every element's
    place, this copies rows. (Fused into what follows it would be slower.)
    """
    lead = x.ndim - len(pairs)
    for axis, (low, high) in reversed(list(enumerate(pairs, lead))):
        parts = [
            jnp.zeros((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype) for n in (low, high)
        ]
        if low or high:
            x = jnp.concatenate([parts[0], x, parts[1]], axis)
    return x


def pad_before(x: jax.Array, pairs: Pairs) -> jax.Array:
    """Pad as `pad_space` does, where each row's last zeros are the first ones of the next.

    XLA copies element by element where lax.pad has zeros on both sides of a row, and by vectors
    where it has them on one (a fourteenth of the time). What reads the result computes places in
    it: that is cheap for a few readers only.
    """
    low, high = pairs[-1]
    lead = x.ndim - len(pairs)
    if min(low, high) < 1 or any(min(pair) < 0 for pair in pairs):
        return pad_space(x, pairs)
    config = [(0, 0, 0)] * lead + [(a, b, 0) for a, b in pairs]
    first, last, _ = config[-2]
    config[-2:] = [(first, last + 1, 0), (low + high, 0, 0)]
    y = lax.pad(x, jnp.zeros((), x.dtype), config)
    *outer, rows, width = y.shape
    flat = y.reshape(*outer, rows * width)
    whole = lax.slice_in_dim(flat, high, high + (rows - 1) * width, axis=-1)
    return whole.reshape(*outer, rows - 1, width)


def crop_space(x: jax.Array, pairs: Pairs) -> tuple[jax.Array, tuple[tuple[int, int], ...]]:
    """Carry out the negative part of a padding, and return what remains of it."""
    x = pad_space(x, [(min(a, 0), min(b, 0)) for a, b in pairs])
    return x, tuple((max(a, 0), max(b, 0)) for a, b in pairs)


def cropped_away(space: Sequence[int], pairs: Pairs) -> bool:
    """Whether cropping leaves no element, so that a window meets zeros of the padding only."""
    return any(n + min(a, 0) + min(b, 0) < 1 for n, (a, b) in zip(space, pairs, strict=True))


def shifted(
    x: jax.Array, axis: int, offset: int, count: int, stride: int = 1, fill: jax.Array | None = None
) -> jax.Array:
    """Return x[offset + stride i] along an axis for i < count, and `fill`, or zero, outside of x.

    One `lax.pad`, which crops on one side what it pads on the other: where the axis is sharded, a
    shard stays in its place, and takes a halo from its neighbour. A slice of an array that was
    padded before would move most elements to other devices.
    """
    span = stride * (count - 1) + 1
    config = [(0, 0, 0)] * x.ndim
    config[axis] = (-offset, span - x.shape[axis] + offset, 0)
    y = lax.pad(x, jnp.zeros((), x.dtype) if fill is None else fill, config)
    return y if stride == 1 else lax.slice_in_dim(y, 0, span, stride, axis)


def at_tap(
    x: jax.Array, tap: Sequence[int], out: Sequence[int], stride: Sequence[int]
) -> jax.Array:
    """Slice the last axes of padded x: `out` elements from `tap` on, `stride` apart."""
    lead = x.ndim - len(tap)
    stops = [t + (n - 1) * s + 1 for t, n, s in zip(tap, out, stride, strict=True)]
    shape = x.shape[:lead]
    return lax.slice(x, [0] * lead + list(tap), [*shape, *stops], [1] * lead + list(stride))


def offsets(kernel: Sequence[int], dilation: Sequence[int]) -> list[tuple[int, ...]]:
    """List where a kernel's elements lie, in row-major order."""
    return [
        tuple(u * d for u, d in zip(tap, dilation, strict=True))
        for tap in product(*map(range, kernel))
    ]


def columns(
    x: jax.Array,
    kernel: Sequence[int],
    out: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    axis: int = 2,
) -> jax.Array:
    """Stack the taps of padded x (A, B, *space) to (A, B, taps, *out), or with taps at axis 1.

    One stack a dimension, and two for a long kernel: stacks of a few operands fuse into one copying
    loop, while one stack of all taps writes every slice out first, and takes long to compile. With
    many taps each dimension is copied by itself, which compiles in half the time.
    """
    lead = (*x.shape[:axis], math.prod(kernel), *x.shape[axis:2])
    if len(kernel) == 1 and kernel[0] > LONG_KERNEL:
        return _long_columns(x, kernel[0], out[0], stride[0], dilation[0], axis).reshape(
            *lead, *out
        )
    if math.prod(kernel) > LONG_KERNEL:
        y = x
        for d, k in enumerate(kernel):
            along = y.ndim - len(kernel) + d
            span = stride[d] * (out[d] - 1) + 1
            parts = [
                lax.slice_in_dim(y, dilation[d] * u, dilation[d] * u + span, stride[d], along)
                for u in range(k)
            ]
            y = jnp.stack(parts, axis + d)
        return y.reshape(*lead, *out)

    def stacked(prefix: tuple[int, ...]) -> jax.Array:
        if len(prefix) == len(kernel):
            return at_tap(x, prefix, out, stride)
        d = len(prefix)
        parts = [stacked((*prefix, u * dilation[d])) for u in range(kernel[d])]
        return jnp.stack(parts, axis)

    return stacked(()).reshape(*lead, *out)


# Stacks of more operands than this are made in two steps.
LONG_KERNEL = 16


def _long_columns(
    x: jax.Array, kernel: int, out: int, stride: int, dilation: int, axis: int
) -> jax.Array:
    """Stack taps u = inner * a + b of (A, B, length): first over b, then over a."""
    inner = math.isqrt(kernel - 1) + 1
    outer = -(-kernel // inner)
    step = inner * dilation
    reach = step * (outer - 1) + stride * (out - 1) + 1
    room = max(0, dilation * (inner - 1) + reach - x.shape[2])
    x = pad_space(x, [(0, room)])
    near = [lax.slice_in_dim(x, dilation * b, dilation * b + reach, axis=2) for b in range(inner)]
    block = jnp.stack(near, axis)
    span = stride * (out - 1) + 1
    far = [lax.slice_in_dim(block, step * a, step * a + span, stride, axis=3) for a in range(outer)]
    whole = jnp.stack(far, axis)
    merged = whole.reshape(*x.shape[:axis], outer * inner, *whole.shape[axis + 2 :])
    return lax.slice_in_dim(merged, 0, kernel, axis=axis)


def channels_last(x: jax.Array) -> jax.Array:
    """Turn (N, C, *space) into (N, *space, C)."""
    return jnp.moveaxis(x, 1, -1)


def channels_first(x: jax.Array) -> jax.Array:
    """Turn (N, *space, C) into (N, C, *space)."""
    return jnp.moveaxis(x, -1, 1)


def interleave(
    part: Callable[[tuple[int, ...]], jax.Array], steps: Sequence[int], lead: int
) -> jax.Array:
    """Put prod(steps) phases together: result[s m + r] = part(r)[m] along each spatial axis.

    Spatial axes begin at `lead`. One stack an axis, the last one first.
    """

    def whole(prefix: tuple[int, ...]) -> jax.Array:
        d = len(prefix)
        if d == len(steps):
            return part(prefix)
        inner = [whole((*prefix, r)) for r in range(steps[d])]
        if len(inner) == 1:
            return inner[0]
        axis = lead + d
        stacked = jnp.stack(inner, axis + 1)
        shape = inner[0].shape
        return stacked.reshape(*shape[:axis], shape[axis] * steps[d], *shape[axis + 1 :])

    return whole(())


def trim(
    x: jax.Array, out: Sequence[int], lead: int, start: Sequence[int] | None = None
) -> jax.Array:
    """Keep `out` elements of the spatial axes, which begin at `lead`."""
    first = list(start or (0,) * len(out))
    if not any(first) and tuple(x.shape[lead : lead + len(out)]) == tuple(out):
        return x
    starts = [0] * lead + first + [0] * (x.ndim - lead - len(out))
    stops = [
        *x.shape[:lead],
        *(a + n for a, n in zip(first, out, strict=True)),
        *x.shape[lead + len(out) :],
    ]
    return lax.slice(x, starts, stops)


def total(values: Sequence[jax.Array]) -> jax.Array:
    """Add arrays up, from the first to the last."""
    result = values[0]
    for value in values[1:]:
        result = result + value
    return result
