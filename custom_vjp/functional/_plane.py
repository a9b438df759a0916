"""Angles and lengths in the plane, at its origin."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from convgrad._arrays import is_complex

from .._arguments import array, floating, reals, together
from ._rules import derivative, divide


@derivative(
    lambda t, _, y, x: t * divide(x, x * x + y * y),
    lambda t, _, y, x: t * divide(-y, x * x + y * y),
)
def _atan2(y: jax.Array, x: jax.Array) -> jax.Array:
    return jnp.arctan2(y, x)


def atan2(input: ArrayLike, other: ArrayLike) -> jax.Array:
    r"""Return the angle of the point (x, y); its derivatives at (0, 0) are 0.

    .. math:: z'_y = x / (x^2 + y^2), \qquad z'_x = -y / (x^2 + y^2)

    Args:
      input, other: y and x: arrays that broadcast, of real dtypes; integers become float32.

    Returns:
      The angle in radians, from -pi to pi, of the broadcast shape.

    Raises:
      TypeError: a complex dtype, or no array.
      ValueError: shapes that do not broadcast.

    JAX's own derivatives at (0, 0) are nan.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(F.atan2)(0.0, jnp.array(0.0))
      Array(0., dtype=float32, weak_type=True)

    Reference: torch.atan2.
    """
    return _atan2(*reals("atan2", input=input, other=other))


@derivative(lambda t, z, x, _: t * (x / z), lambda t, z, _, y: t * (y / z))
def _hypot(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.hypot(x, y)


def hypot(input: ArrayLike, other: ArrayLike) -> jax.Array:
    r"""Return the length of the vector (x, y); its derivatives at (0, 0) are nan.

    .. math:: z = \sqrt{x^2 + y^2}, \qquad z'_x = x / z, \quad z'_y = y / z

    Args:
      input, other: x and y: arrays that broadcast, floating.

    Returns:
      An array of the broadcast shape and the promoted dtype.

    Raises:
      TypeError: no floating array.
      ValueError: shapes that do not broadcast.

    JAX's own derivatives at (0, 0) are 0.5, and where one argument is infinite nan. PyTorch divides
    0 by 0 there, and so does this; `vector_norm` has 0.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(F.hypot)(3.0, jnp.array(4.0))
      Array(0.6, dtype=float32, weak_type=True)

    Reference: torch.hypot.
    """
    x, y = together("hypot", input=input, other=other)
    return _hypot(floating("input", x, "hypot"), y)


@derivative(
    lambda t, y, z: (
        jnp.imag(jnp.where(z == 0, 0, t / jnp.where(z == 0, 1, z))).astype(y.dtype)
        if is_complex(z.dtype)
        else jnp.zeros_like(y)
    )
)
def _angle(z: jax.Array) -> jax.Array:
    return jnp.angle(z) if is_complex(z.dtype) else jnp.where(z < 0, jnp.pi, z * 0).astype(z.dtype)


def angle(input: ArrayLike) -> jax.Array:
    r"""Return the angle of a number in the complex plane; the derivative of a real one is 0.

    .. math:: y = \arg z, \qquad dy = \mathrm{Im}(dz / z), \quad 0 \text{ for } z = 0

    Args:
      input: array of any shape and dtype; integers become float32.

    Returns:
      The angle in radians, from -pi to pi; a real input gives pi below 0, else 0, and nan for nan.

    Raises:
      TypeError: no array.

    JAX's own angle has a derivative of nan at 0, and is pi at -0.0.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.angle(x).sum())(jnp.array([-2.0, 0.0, 2.0]))
      Array([0., 0., 0.], dtype=float32)

    Reference: torch.angle.
    """
    (z,) = together("angle", as_floats=True, input=array("input", input, "angle"))
    return _angle(z)
