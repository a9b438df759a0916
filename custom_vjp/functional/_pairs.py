"""The larger and the smaller of two, and other functions of two arrays that compare."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from .._arguments import real, reals
from ._rules import derivative, keep


def _share(t: jax.Array, a: jax.Array, b: jax.Array, less: bool) -> jax.Array:
    """Return what of t goes to a: half where a equals b, nothing where b is taken, else all."""
    other = a > b if less else a < b
    return jnp.where(other, jnp.zeros_like(t), jnp.where(a == b, t / 2, t))


@derivative(
    lambda t, _, a, b: _share(t, a, b, less=False),
    lambda t, _, a, b: _share(t, b, a, less=False),
)
def _maximum(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.maximum(a, b)


@derivative(
    lambda t, _, a, b: _share(t, a, b, less=True),
    lambda t, _, a, b: _share(t, b, a, less=True),
)
def _minimum(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.minimum(a, b)


def maximum(input: ArrayLike, other: ArrayLike) -> jax.Array:
    r"""Return the larger of two, element by element; equal ones get half of the gradient each.

    Args:
      input, other: arrays that broadcast, of real dtypes.

    Returns:
      An array of the broadcast shape and the promoted dtype; nan where either is nan.

    Raises:
      TypeError: a complex dtype, or no array.
      ValueError: shapes that do not broadcast.

    Where one is nan, both get the full gradient, as in PyTorch; jnp.maximum gives none to either.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.maximum(x, jnp.ones(3)).sum())(jnp.array([0.0, 1.0, 2.0]))
      Array([0. , 0.5, 1. ], dtype=float32)

    Reference: torch.maximum.
    """
    return _maximum(*reals("maximum", as_floats=False, input=input, other=other))


def minimum(input: ArrayLike, other: ArrayLike) -> jax.Array:
    r"""Return the smaller of two, element by element; equal ones get half of the gradient each.

    Args:
      input, other: arrays that broadcast, of real dtypes.

    Returns:
      An array of the broadcast shape and the promoted dtype; nan where either is nan.

    Raises:
      TypeError: a complex dtype, or no array.
      ValueError: shapes that do not broadcast.

    Where one is nan, both get the full gradient, as in PyTorch; jnp.minimum gives none to either.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.minimum(x, jnp.ones(3)).sum())(jnp.array([0.0, 1.0, 2.0]))
      Array([1. , 0.5, 0. ], dtype=float32)

    Reference: torch.minimum.
    """
    return _minimum(*reals("minimum", as_floats=False, input=input, other=other))


@derivative(
    lambda t, _, a, b: keep((a >= b) | jnp.isnan(b), t),
    lambda t, _, a, b: keep(~((a >= b) | jnp.isnan(b)), t),
)
def _fmax(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.fmax(a, b)


@derivative(
    lambda t, _, a, b: keep((a <= b) | jnp.isnan(b), t),
    lambda t, _, a, b: keep(~((a <= b) | jnp.isnan(b)), t),
)
def _fmin(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.fmin(a, b)


def fmax(input: ArrayLike, other: ArrayLike) -> jax.Array:
    r"""Return the larger of two that is not nan; where they are equal, input gets the gradient.

    Args:
      input, other: arrays that broadcast, of real dtypes.

    Returns:
      An array of the broadcast shape and the promoted dtype; nan where both are nan.

    Raises:
      TypeError: a complex dtype, or no array.
      ValueError: shapes that do not broadcast.

    JAX's own fmax gives the gradient to other where they are equal.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.fmax(x, jnp.ones(3)).sum())(jnp.array([0.0, 1.0, 2.0]))
      Array([0., 1., 1.], dtype=float32)

    Reference: torch.fmax.
    """
    return _fmax(*reals("fmax", as_floats=False, input=input, other=other))


def fmin(input: ArrayLike, other: ArrayLike) -> jax.Array:
    r"""Return the smaller of two that is not nan; where they are equal, input gets the gradient.

    Args:
      input, other: arrays that broadcast, of real dtypes.

    Returns:
      An array of the broadcast shape and the promoted dtype; nan where both are nan.

    Raises:
      TypeError: a complex dtype, or no array.
      ValueError: shapes that do not broadcast.

    JAX's own fmin gives the gradient to other where they are equal.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.fmin(x, jnp.ones(3)).sum())(jnp.array([0.0, 1.0, 2.0]))
      Array([1., 1., 0.], dtype=float32)

    Reference: torch.fmin.
    """
    return _fmin(*reals("fmin", as_floats=False, input=input, other=other))


def _ratio(y: jax.Array, x: jax.Array) -> jax.Array:
    zero = x == 0
    return jnp.where(zero, jnp.zeros_like(x), y / jnp.where(zero, jnp.ones_like(x), x))


@derivative(lambda t, y, a, _: t * _ratio(y, a), lambda t, *_: jnp.zeros_like(t))
def _copysign(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.copysign(a, b)


def copysign(input: ArrayLike, other: ArrayLike) -> jax.Array:
    r"""Return the magnitude of one with the sign of the other; the derivative at 0 is 0.

    .. math:: y = |x|\,\mathrm{sgn}(o), \qquad y'_x = y / x, \; 0 \text{ for } x = 0, \quad y'_o = 0

    Args:
      input, other: arrays that broadcast, of real dtypes; integers become float32.

    Returns:
      A floating array of the broadcast shape.

    Raises:
      TypeError: a complex dtype, or no array.
      ValueError: shapes that do not broadcast.

    JAX's own derivative at 0 is 1 or -1, and so it is at an infinity, where PyTorch has nan.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.copysign(x, -1.0).sum())(jnp.array([-2.0, 0.0, 2.0]))
      Array([ 1.,  0., -1.], dtype=float32)

    Reference: torch.copysign.
    """
    return _copysign(*reals("copysign", input=input, other=other))


def _refused(*_: object) -> jax.Array:
    raise NotImplementedError("the derivative of floor_divide is not implemented")


@derivative(_refused, _refused)
def _floor_divide(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.floor_divide(a, b)


def floor_divide(input: ArrayLike, other: ArrayLike) -> jax.Array:
    r"""Divide and round down; it has no derivative.

    .. math:: y = \lfloor x / o \rfloor

    Args:
      input, other: arrays that broadcast, integer or floating.

    Returns:
      An array of the broadcast shape and the promoted dtype.

    Raises:
      TypeError: a complex dtype, or no array.
      ValueError: shapes that do not broadcast.
      NotImplementedError: when it is differentiated. Where the gradient is not wanted,
        `jax.lax.stop_gradient` the arguments.

    JAX's own floor_divide has the derivative 0.

    Example:
      >>> import jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> F.floor_divide(jnp.array([-3.0, 3.0]), 2.0)
      Array([-2.,  1.], dtype=float32)

    Reference: torch.floor_divide.
    """
    a, b = reals("floor_divide", as_floats=False, input=input, other=other)
    return _floor_divide(real("input", a, "floor_divide"), b)
