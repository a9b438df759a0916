"""Kernels whose elements lie so far apart that most of them meet zeros of the padding.

Each element is a matrix product over the positions where it meets the input, and no others: with a
dilation of 12 on an image of 33 x 33 (atrous pyramids) 0.57 of all products, with 24 a quarter.
"""

from collections.abc import Iterator
from itertools import product

import jax
import jax.numpy as jnp
from jax import lax

from .._batch import chunk_of, over_batch
from .._layout import pad_space, total
from .._method import Method
from .._problem import Problem, meetings, meets
from .._product import product as multiplied


def _windows(
    p: Problem, x: jax.Array
) -> Iterator[tuple[tuple[int, ...], list[tuple[int, int]], jax.Array]]:
    """Yield each tap that meets the input, the outputs it does so for, and what it meets."""
    for tap in product(*map(range, p.kernel)):
        spans = [meets(p, d, u) for d, u in enumerate(tap)]
        if any(first >= last for first, last in spans):
            continue
        shifts = [u * e - low for u, e, (low, _) in zip(tap, p.dilation, p.padding, strict=True)]
        rows = list(zip(spans, p.stride, shifts, strict=True))
        starts = [first * s + shift for (first, _), s, shift in rows]
        stops = [(last - 1) * s + shift + 1 for (_, last), s, shift in rows]
        strides = None if p.unit_stride else [1, 1, *p.stride]
        window = lax.slice(x, [0, 0, *starts], [*x.shape[:2], *stops], strides)
        yield tap, spans, window.reshape(*x.shape[:2], -1)


def _together(p: Problem) -> int:
    """Return how many images' windows and products stay below a limit."""
    size = meetings(p) * (p.in_channels + p.out_channels) * p.itemsize
    return chunk_of(p.batch, size, p.limits.apart_bytes)


def _forward(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Add up the products of all taps, some images at a time: (N, O, *out)."""
    kernels = jnp.moveaxis(w, (0, 1), (-2, -1))
    images = _together(p)

    def some(k: jax.Array) -> jax.Array:
        rows = lax.dynamic_slice_in_dim(x, k * images, images).swapaxes(0, 1)
        parts = []
        for tap, spans, window in _windows(p, rows):
            part = multiplied(p, kernels[tap], window.reshape(p.in_channels, -1))
            sizes = (last - first for first, last in spans)
            around = [(first, m - last) for (first, last), m in zip(spans, p.out, strict=True)]
            parts.append(pad_space(part.reshape(p.out_channels, images, *sizes), around))
        if not parts:
            return jnp.zeros((images, p.out_channels, *p.out), x.dtype)
        return total(parts).swapaxes(0, 1)

    if images == p.batch:
        return some(jnp.int32(0))
    y: jax.Array = lax.map(some, jnp.arange(p.batch // images))
    return y.reshape(p.batch, p.out_channels, *p.out)


def _weight(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Return the weight gradient (O, C, *kernel): one product a tap, added up over the images."""
    zeros = jnp.zeros((p.out_channels, p.in_channels), x.dtype)

    def some(images: jax.Array, gradients: jax.Array) -> jax.Array:
        found = dict.fromkeys(product(*map(range, p.kernel)), zeros)
        for tap, spans, window in _windows(p, images.swapaxes(0, 1)):
            starts, stops = zip(*spans, strict=True)
            part = lax.slice(gradients, [0, 0, *starts], [*gradients.shape[:2], *stops])
            lines = part.swapaxes(0, 1).reshape(p.out_channels, -1)
            right = window.reshape(p.in_channels, -1)
            found[tap] = multiplied(p, lines, right, (1, 1))
        return jnp.stack(list(found.values()))

    sums = over_batch(some, x, g, _together(p))
    return jnp.moveaxis(sums, 0, -1).reshape(p.out_channels, p.in_channels, *p.kernel)


TAP_BY_TAP = Method(
    "tap_by_tap",
    {"forward": _forward, "weight": _weight},
    lambda p: p.groups == 1 and not p.spreads,
    grows=True,
    adds_padding=False,
)
