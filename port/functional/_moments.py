"""Mean and variance in one pass over the data, without the digits that squares lose."""

import math

import jax
import jax.numpy as jnp
from jax import lax

# One element in so many is read a second time.
PART = 16


def _near_the_mean(x: jax.Array, over: tuple[int, ...]) -> jax.Array:
    """Return the mean of a part of the elements, 0 where it is not finite; without a gradient."""
    part, sizes = PART, list(x.shape)
    for i in over:
        sizes[i] = max(1, math.ceil(x.shape[i] / part))
        part = max(1, part * sizes[i] // x.shape[i])
    piece = lax.stop_gradient(lax.slice(x, (0,) * x.ndim, sizes))
    mean = piece.mean(over, keepdims=True)
    return jnp.where(jnp.isfinite(mean), mean, jnp.zeros_like(mean))


def moments(x: jax.Array, over: tuple[int, ...]) -> tuple[jax.Array, jax.Array, jax.Array]:
    r"""Return what remains of x without its mean, the mean, and the variance (divided by n).

    .. math:: \bar x = s + \frac{1}{n} \sum_i (x_i - s), \qquad
        v = \frac{1}{n} \sum_i (x_i - s)^2 - (\bar x - s)^2

    Both sums are of one pass. They lose as many digits as (mean - s)^2 / v has, so that s is the
    mean of one element in `PART`: because of those v cannot be less than (mean - s)^2 / PART,
    whatever the data are. s is a constant to differentiation; the terms that it would add cancel.

    Args:
      x: floating array, with elements in the dimensions `over`.
      over: the dimensions to reduce; they are kept with size 1.
    """
    n = math.prod(x.shape[i] for i in over)
    shift = _near_the_mean(x, over)
    d = x - shift
    mean = d.sum(over, keepdims=True) / n
    variance = (d * d).sum(over, keepdims=True) / n - mean * mean
    # Rounding may leave less than 0; the derivatives there are those of the formula.
    variance = variance + lax.stop_gradient(jnp.maximum(variance, 0) - variance)
    return d - mean, shift + mean, variance
