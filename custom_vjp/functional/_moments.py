"""Variance and standard deviation with PyTorch's default correction and derivative."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from .._arguments import axes, floating, number
from ._rules import divide

Dim = int | tuple[int, ...] | list[int] | bool | None


def _count(x: jax.Array, over: tuple[int, ...]) -> int:
    total = 1
    for i in over:
        total *= x.shape[i]
    return total


def _quotient(x: jax.Array | float, y: float, like: jax.Array) -> jax.Array:
    return x / jnp.asarray(y, like.dtype)


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _variance(x: jax.Array, over: tuple[int, ...], correction: float) -> jax.Array:
    apart = x - x.mean(over, keepdims=True)
    squares = jnp.real(apart * apart.conj()).sum(over, keepdims=True)
    return _quotient(squares, max(_count(x, over) - correction, 0), squares)


@_variance.defjvp
def _variance_jvp(
    over: tuple[int, ...], correction: float, primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (x,), (t,) = primals, tangents
    y = _variance(x, over, correction)
    apart = x - x.mean(over, keepdims=True)
    scale = _quotient(2.0, _count(x, over) - correction, y)
    return y, jnp.real(scale * apart.conj() * t).sum(over, keepdims=True)


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _deviation(x: jax.Array, over: tuple[int, ...], correction: float) -> jax.Array:
    return jnp.sqrt(_variance(x, over, correction))


@_deviation.defjvp
def _deviation_jvp(
    over: tuple[int, ...], correction: float, primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    y = _deviation(primals[0], over, correction)
    t = jax.jvp(lambda x: _variance(x, over, correction), primals, tangents)[1]
    return y, divide(t, 2 * y)


def _moment(
    function: Callable[..., jax.Array],
    where: str,
    input: ArrayLike,
    dim: Dim,
    unbiased: bool | None,
    keepdim: bool,
    correction: float | None,
) -> jax.Array:
    x = floating("input", input, where, complex=True)
    if isinstance(dim, bool):  # torch.std(x, False)
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise TypeError(
            f"{where}: unbiased and correction must not both be given, "
            f"got {unbiased=} and {correction=}"
        )
    if correction is None:
        correction = 0 if unbiased is False else 1
    over = axes("dim", dim, x, where)
    y = function(x, over, number("correction", correction, where))
    return y if keepdim else y.squeeze(over)


def var(
    input: ArrayLike,
    dim: Dim = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> jax.Array:
    r"""Return the variance; without being told otherwise, the sum is divided by n - 1.

    .. math:: y = \frac{1}{\max(n - c, 0)} \sum_i |x_i - \bar x|^2, \qquad
        y'_{x_i} = \frac{2}{n - c} (x_i - \bar x)

    Args:
      input: floating or complex array of any shape.
      dim: one dimension or several; all where it is empty or None.
      unbiased: False is another way to say correction=0, True correction=1.
      keepdim: whether to keep the reduced dimensions with size 1.
      correction: c, a number; 1 if neither it nor unbiased is given.

    Returns:
      The variance, real; nan for n = c.

    Raises:
      TypeError: input is not floating or complex; unbiased and correction are both given.
      ValueError: no such dimension, or one given twice.

    jnp.var divides by n, and gives a single element the variance 0.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.value_and_grad(F.var)(jnp.array([1.0, 3.0]))
      (Array(2., dtype=float32), Array([-2.,  2.], dtype=float32))

    Reference: torch.var.
    """
    return _moment(_variance, "var", input, dim, unbiased, keepdim, correction)


def std(
    input: ArrayLike,
    dim: Dim = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> jax.Array:
    r"""Return the standard deviation; where it is 0, so is its derivative.

    .. math:: y = \sqrt{\mathrm{var}(x)}, \qquad
        y'_{x_i} = \frac{x_i - \bar x}{(n - c)\,y}, \quad 0 \text{ for } y = 0

    Args:
      input: floating or complex array of any shape.
      dim: one dimension or several; all where it is empty or None.
      unbiased: False is another way to say correction=0, True correction=1.
      keepdim: whether to keep the reduced dimensions with size 1.
      correction: c, a number; 1 if neither it nor unbiased is given.

    Returns:
      The standard deviation, real; nan for n = c.

    Raises:
      TypeError: input is not floating or complex; unbiased and correction are both given.
      ValueError: no such dimension, or one given twice.

    jnp.std divides by n, and its derivative where all elements are equal is nan.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(F.std)(jnp.array([2.0, 2.0, 2.0]))
      Array([0., 0., 0.], dtype=float32)

    Reference: torch.std.
    """
    return _moment(_deviation, "std", input, dim, unbiased, keepdim, correction)
