"""Kernels whose elements lie so far apart that most of them meet zeros of the padding.

Each element is a matrix product over the positions where it meets the input, and no others: with a
dilation of 12 on an image of 33 x 33 (atrous pyramids) 0.57 of all products, with 24 a quarter.
"""

from collections.abc import Iterator
from itertools import product

import jax
import jax.numpy as jnp
from jax import lax

from ._layout import Pairs, pad_space, total
from ._problem import Problem, meets


def _windows(
    p: Problem, x: jax.Array
) -> Iterator[tuple[tuple[int, ...], list[tuple[int, int]], jax.Array]]:
    """Yield each tap that meets the input, the outputs it does so for, and what it meets."""
    for tap in product(*map(range, p.kernel)):
        spans = [meets(p, d, u) for d, u in enumerate(tap)]
        if any(first >= last for first, last in spans):
            continue
        shifts = [u * e - low for u, e, (low, _) in zip(tap, p.dilation, p.padding, strict=True)]
        starts = [first + shift for (first, _), shift in zip(spans, shifts, strict=True)]
        stops = [last + shift for (_, last), shift in zip(spans, shifts, strict=True)]
        window = lax.slice(x, [0, 0, *starts], [*x.shape[:2], *stops])
        yield tap, spans, window.reshape(*x.shape[:2], -1)


def tap_by_tap(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Add up the products of all taps: (N, O, *out)."""
    kernels = jnp.moveaxis(w, (0, 1), (-2, -1))
    parts = []
    for tap, spans, window in _windows(p, x):
        shared = jnp.broadcast_to(kernels[tap], (p.batch, p.out_channels, p.in_channels))
        sizes = (last - first for first, last in spans)
        part = jnp.matmul(shared, window).reshape(p.batch, p.out_channels, *sizes)
        around: Pairs = [(first, m - last) for (first, last), m in zip(spans, p.out, strict=True)]
        parts.append(pad_space(part, around))
    return total(parts) if parts else jnp.zeros((p.batch, p.out_channels, *p.out), x.dtype)


def weight_tap_by_tap(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Return the weight gradient (O, C, *kernel): one product a tap."""
    zeros = jnp.zeros((p.out_channels, p.in_channels), x.dtype)
    found = dict.fromkeys(product(*map(range, p.kernel)), zeros)
    gradients = g.swapaxes(0, 1)
    for tap, spans, window in _windows(p, x.swapaxes(0, 1)):
        starts, stops = zip(*spans, strict=True)
        part = lax.slice(gradients, [0, 0, *starts], [*gradients.shape[:2], *stops])
        left, right = (a.reshape(a.shape[0], -1) for a in (part, window))
        found[tap] = lax.dot_general(left, right, (((1,), (1,)), ((), ())))
    return jnp.stack(list(found.values()), -1).reshape(p.out_channels, p.in_channels, *p.kernel)
