"""Mean and variance in one pass over the data, without the digits that squares lose."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

# One element in so many is read a second time, for a number near to the mean.
PART = 16
# A sum over more examples than this is left to XLA, which adds them up as a tree.
IN_A_ROW = 256

Pair = tuple[jax.Array, jax.Array]


def moments(x: jax.Array, over: tuple[int, ...]) -> tuple[jax.Array, jax.Array, jax.Array]:
    r"""Return what remains of x without its mean, the mean, and the variance (divided by n).

    .. math:: \bar x = s + \frac{1}{n} \sum_i (x_i - s), \qquad
        v = \frac{1}{n} \sum_i (x_i - s)^2 - (\bar x - s)^2

    Both sums are of one pass. The difference loses as many digits as (mean - s)^2 / v has. That is
    at most `PART`, with s the mean of one element in `PART`, whatever the data are: were s further
    away from the mean, those elements alone would make the variance larger.

    Args:
      x: floating array, with elements in the dimensions `over`.
      over: the dimensions to reduce; they are kept with size 1.
    """
    shift = _near_the_mean(x, over)
    mean, variance = _about(over, x, shift)
    return (x - shift) - mean, shift + mean, variance


def _near_the_mean(x: jax.Array, over: tuple[int, ...]) -> jax.Array:
    """Return the mean of a part of the elements, or 0 where that is not finite; a constant."""
    part, sizes = PART, list(x.shape)
    for i in over:
        sizes[i] = math.ceil(x.shape[i] / part)
        part = max(1, part * sizes[i] // x.shape[i])
    piece = lax.slice(lax.stop_gradient(x), (0,) * x.ndim, sizes)
    mean = piece.mean(over, keepdims=True)
    return jnp.where(jnp.isfinite(mean), mean, jnp.zeros_like(mean))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _about(over: tuple[int, ...], x: jax.Array, shift: jax.Array) -> Pair:
    """Return the mean of x - shift, and the variance of x."""
    n = math.prod(x.shape[i] for i in over)
    total, squares = _sums(x - shift, over)
    mean = total / n
    return mean, jnp.maximum(squares / n - mean * mean, 0)


@_about.defjvp
def _about_jvp(over: tuple[int, ...], primals: Any, tangents: Any) -> tuple[Pair, Pair]:
    # The shift is a constant, on which the variance does not depend.
    (x, shift), (t, _) = primals, tangents
    n = math.prod(x.shape[i] for i in over)
    mean, variance = _about(over, x, shift)
    along = 2 * ((x - shift) - mean) * t
    of_mean, of_variance = (v.sum(over, keepdims=True) / n for v in (t, along))
    return (mean, variance), (of_mean, of_variance)


def _sums(d: jax.Array, over: tuple[int, ...]) -> Pair:
    """Return the sums of the numbers and of their squares.

    XLA reads the data once for two sums if they are one reduction. On CPU that is fast over the
    first dimension, where the others are the lanes of vectors; what remains is little.
    """
    values = (d, d * d)
    if 0 in over and d.ndim > 2 and d.shape[0] <= IN_A_ROW:
        zero = jnp.zeros((), d.dtype)
        rows = lax.reduce(values, (zero, zero), lambda a, b: (a[0] + b[0], a[1] + b[1]), (0,))
        values = tuple(v[None] for v in rows)
    total, squares = (v.sum(over, keepdims=True) for v in values)
    return total, squares
