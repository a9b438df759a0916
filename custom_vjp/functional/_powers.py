"""Powers and logarithms of two arguments, and what PyTorch takes for their derivatives at 0."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy import special
from jax.typing import ArrayLike

from convgrad._arrays import is_complex, is_inexact, is_number

from .._arguments import array, floating, reals, together
from ._rules import derivative, keep


def _log_term(t: jax.Array, y: jax.Array, x: jax.Array, p: jax.Array) -> jax.Array:
    """Return t y log(x), and 0 where x is 0 and p is not negative."""
    real_p = (p.imag == 0) & (p.real >= 0) if is_complex(p.dtype) else p >= 0
    zero = (x == 0) & real_p
    return t * jnp.where(zero, jnp.zeros_like(y), y * jnp.log(jnp.where(zero, 1, x)))


def _base_term(t: jax.Array, x: jax.Array, p: jax.Array) -> jax.Array:
    """Return t p x**(p - 1), and 0 where p is 0."""
    zero = p == 0
    slope = p * _pow(x, jnp.where(zero, jnp.ones_like(p), p - 1))
    return keep(~zero, t * jnp.where(zero, jnp.zeros_like(p), slope))


@derivative(lambda t, _, x, p: _base_term(t, x, p), _log_term)
def _pow(x: jax.Array, p: jax.Array) -> jax.Array:
    return jnp.power(x, p)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _power(x: jax.Array, p: complex) -> jax.Array:
    """Return x**p for a Python number p."""
    return jnp.power(x, p)


@_power.defjvp
def _power_jvp(
    p: complex, primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (x,), (t,) = primals, tangents
    y = _power(x, p)
    return y, jnp.zeros_like(y) if p == 0 else t * (p * _power(x, p - 1))


def pow(input: ArrayLike, exponent: ArrayLike) -> jax.Array:
    r"""Raise to a power; an exponent of 0 has the derivative 0, also at 0 and at nan.

    .. math::
        y = x^p, \qquad y'_x = p\,x^{p-1}, \; 0 \text{ for } p = 0, \qquad
        y'_p = y \log x, \; 0 \text{ for } x = 0 \le p

    Args:
      input, exponent: arrays that broadcast, of any dtypes, or Python numbers.

    Returns:
      An array of the broadcast shape and the promoted dtype.

    Raises:
      TypeError: two bools, or no array.
      ValueError: integers to a negative Python integer; shapes that do not broadcast.

    JAX's own derivatives are nan at a base of 0 with an array of exponents 0 (for input) or below
    0 (for the exponent, where PyTorch has an infinity).

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.pow(x, jnp.array([0.0, 1.0, 2.0])).sum())(jnp.zeros(3))
      Array([0., 1., 0.], dtype=float32)

    Reference: torch.pow.
    """
    x, p = together("pow", input=input, exponent=exponent)
    if x.dtype == bool:
        raise TypeError("pow: input and exponent must not both be bool")
    exact = not is_inexact(x.dtype)
    if not is_number(exponent):
        return _pow(x, p)
    number: Any = exponent
    if not exact:
        return _power(x, number)
    if number < 0:
        raise ValueError(
            f"pow: integers must not be raised to a negative integer, got exponent={number} for "
            f"input.dtype={x.dtype.name}"
        )
    return jnp.power(x, p)


def float_power(input: ArrayLike, exponent: ArrayLike) -> jax.Array:
    r"""Raise to a power in float64, or complex128; derivatives as of `pow`.

    Args:
      input, exponent: arrays that broadcast, of any dtypes, or Python numbers.

    Returns:
      A float64 or complex128 array of the broadcast shape; float32 or complex64 where JAX's 64-bit
      dtypes are off.

    Raises:
      TypeError: no array.
      ValueError: shapes that do not broadcast.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(F.float_power)(0.0, jnp.array(0.0))
      Array(0., dtype=float32, weak_type=True)

    Reference: torch.float_power.
    """
    x, p = together("float_power", input=input, exponent=exponent)
    wide = jax.dtypes.canonicalize_dtype(np.complex128 if is_complex(x.dtype) else np.float64)
    x = array("input", input, "float_power").astype(wide)
    if is_number(exponent) and not isinstance(exponent, bool):
        return _power(x, exponent)
    p = array("exponent", exponent, "float_power").astype(wide)
    return _pow(*jnp.broadcast_arrays(x, p))


@derivative(
    lambda t, _, x, y: t * _log_or_zero(x, y, 0),
    lambda t, _, x, y: t * (x / y),
)
def _xlogy(x: jax.Array, y: jax.Array) -> jax.Array:
    return special.xlogy(x, y)


@derivative(
    lambda t, _, x, y: t * _log_or_zero(x, y, -1),
    lambda t, _, x, y: t * (x / (y + 1)),
)
def _xlog1py(x: jax.Array, y: jax.Array) -> jax.Array:
    return special.xlog1py(x, y)


def _log_or_zero(x: jax.Array, y: jax.Array, pole: int) -> jax.Array:
    """Return log(y - pole), and 0 where x is 0 and y is not above the pole."""
    zero = (x == 0) & (y <= pole)
    safe = jnp.where(zero, jnp.ones_like(y), y)
    return keep(~zero, jnp.log(safe) if pole == 0 else jnp.log1p(safe))


def xlogy(input: ArrayLike, other: ArrayLike) -> jax.Array:
    r"""Return x log(y), and 0 where x is 0; there its derivative is 0 for y not above 0.

    .. math:: z'_x = \log y, \; 0 \text{ for } x = 0 \ge y, \qquad z'_y = x / y

    Args:
      input, other: x and y: arrays that broadcast, of real dtypes; integers become float32.

    Returns:
      A floating array of the broadcast shape; nan where y is nan.

    Raises:
      TypeError: a complex dtype, or no array.
      ValueError: shapes that do not broadcast.

    JAX's own derivative at (0, 0) is -inf.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.xlogy(x, jnp.array([0.0, 1.0])).sum())(jnp.zeros(2))
      Array([0., 0.], dtype=float32)

    Reference: torch.xlogy.
    """
    return _xlogy(*reals("xlogy", input=input, other=other))


def xlog1py(input: ArrayLike, other: ArrayLike) -> jax.Array:
    r"""Return x log(1 + y), and 0 where x is 0; there its derivative is 0 for y not above -1.

    .. math:: z'_x = \log(1 + y), \; 0 \text{ for } x = 0, y \le -1, \qquad z'_y = x / (1 + y)

    Args:
      input, other: x and y: arrays that broadcast, of real dtypes; integers become float32.

    Returns:
      A floating array of the broadcast shape; nan where y is nan.

    Raises:
      TypeError: a complex dtype, or no array.
      ValueError: shapes that do not broadcast.

    JAX's own derivative at (0, -1) is -inf.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.xlog1py(x, jnp.array([-1.0, 0.0])).sum())(jnp.zeros(2))
      Array([0., 0.], dtype=float32)

    Reference: torch.special.xlog1py.
    """
    return _xlog1py(*reals("xlog1py", input=input, other=other))


def _add_exponentials(base: float) -> Callable[..., jax.Array]:
    scale = math.log(base)

    @derivative(
        lambda t, _, a, b: t * jax.nn.sigmoid((a - b) * scale),
        lambda t, _, a, b: t * jax.nn.sigmoid((b - a) * scale),
    )
    def add(a: jax.Array, b: jax.Array) -> jax.Array:
        return (jnp.logaddexp if base == math.e else jnp.logaddexp2)(a, b)

    return add


_logaddexp, _logaddexp2 = _add_exponentials(math.e), _add_exponentials(2.0)


def logaddexp(input: ArrayLike, other: ArrayLike) -> jax.Array:
    r"""Return log(exp(x) + exp(y)); its derivatives add up to 1, also at infinities.

    .. math:: z'_x = 1 / (1 + e^{y - x}), \qquad z'_y = 1 / (1 + e^{x - y})

    Args:
      input, other: x and y: arrays that broadcast, floating.

    Returns:
      An array of the broadcast shape and the promoted dtype.

    Raises:
      TypeError: no floating array.
      ValueError: shapes that do not broadcast.

    JAX's own derivative for x is exp(x) where y is infinite, where it should be 0. Beyond that,
    PyTorch takes complex numbers, and this does not.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(F.logaddexp)(1.0, jnp.array(jnp.inf))
      Array(0., dtype=float32, weak_type=True)

    Reference: torch.logaddexp.
    """
    x, y = together("logaddexp", input=input, other=other)
    return _logaddexp(floating("input", x, "logaddexp"), y)


def logaddexp2(input: ArrayLike, other: ArrayLike) -> jax.Array:
    r"""Return log2(2**x + 2**y); its derivatives add up to 1, also at infinities.

    .. math:: z'_x = 1 / (1 + 2^{y - x}), \qquad z'_y = 1 / (1 + 2^{x - y})

    Args:
      input, other: x and y: arrays that broadcast, floating.

    Returns:
      An array of the broadcast shape and the promoted dtype.

    Raises:
      TypeError: no floating array.
      ValueError: shapes that do not broadcast.

    JAX's own derivative for x is 2**x where y is infinite, where it should be 0.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(F.logaddexp2)(1.0, jnp.array(jnp.inf))
      Array(0., dtype=float32, weak_type=True)

    Reference: torch.logaddexp2.
    """
    x, y = together("logaddexp2", input=input, other=other)
    return _logaddexp2(floating("input", x, "logaddexp2"), y)
