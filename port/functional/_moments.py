"""Mean and variance in one pass over the data, without the digits that squares lose."""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from convgrad import _jax

# One element in so many is read a second time, for a number near to the mean.
PART = 16
# A sum over more examples than this is left to XLA, which adds them up as a tree.
IN_A_ROW = 256

Pair = tuple[jax.Array, jax.Array]


class Moments(NamedTuple):
    """An array about its mean.

    Attributes:
      near: the array minus a constant that is near to its mean.
      rest: the mean minus that constant: near - rest has mean zero.
      mean, variance: of the array; the variance is divided by the number of elements.
    """

    near: jax.Array
    rest: jax.Array
    mean: jax.Array
    variance: jax.Array

    def scaled(self, scale: jax.Array, bias: jax.Array | None = None) -> jax.Array:
        """Return (near - rest) * scale + bias, for scale and bias of the size of the mean.

        With the numbers of the mean's size put together first: in the gradients of scale and bias
        the array's gradient is then added up as it comes, not written once more before.
        """
        constant = -self.rest * scale
        return self.near * scale + (constant if bias is None else bias + constant)


def moments(x: jax.Array, over: tuple[int, ...]) -> Moments:
    r"""Return x about its mean, the mean, and the variance (divided by n).

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
    return Moments(x - shift, mean, shift + mean, variance)


def _near_the_mean(x: jax.Array, over: tuple[int, ...]) -> jax.Array:
    """Return the mean of a part of the elements, or 0 where that is not finite; a constant.

    The part has all examples where it can: they may be spread over devices.
    """
    part, sizes = PART, list(x.shape)
    for i in sorted(over, key=lambda i: i == 0):
        if not isinstance(x.shape[i], int):  # a number of examples that is a symbol
            sizes[i] = 1
        elif part > 1:
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
def _about_jvp(over: tuple[int, ...], primals: Pair, tangents: Pair) -> tuple[Pair, Pair]:
    # The shift is a constant, on which the variance does not depend.
    (x, shift), (t, _) = primals, tangents
    n = math.prod(x.shape[i] for i in over)
    mean, variance = _about(over, x, shift)
    along = 2 * ((x - shift) - mean) * t
    of_mean, of_variance = (v.sum(over, keepdims=True) / n for v in (t, along))
    return (mean, variance), (of_mean, of_variance)


def _sums(d: jax.Array, over: tuple[int, ...]) -> Pair:
    """Return the sums of the numbers and of their squares.

    XLA reads the data once for two sums on GPU and TPU. On CPU it does if they are one reduction;
    that is fast over the first dimension, where the others are the lanes of vectors. Over several
    devices it would gather what each has added up, two numbers a position.
    """
    count, two = d.shape[0], partial(_two, over)
    if 0 in over and d.ndim > 2 and isinstance(count, int) and count <= IN_A_ROW:
        return _jax.on_one_cpu(partial(_in_one, over), two, d)
    return two(d)


def _two(over: tuple[int, ...], d: jax.Array) -> Pair:
    return d.sum(over, keepdims=True), (d * d).sum(over, keepdims=True)


def _in_one(over: tuple[int, ...], d: jax.Array) -> Pair:
    zero = jnp.zeros((), d.dtype)
    pair = lax.reduce((d, d * d), (zero, zero), lambda a, b: (a[0] + b[0], a[1] + b[1]), (0,))
    total, squares = (rows[None].sum(over, keepdims=True) for rows in pair)
    return total, squares
