"""Activations of straight pieces: hard and soft limits, as torch.nn.functional has them.

Their derivatives at the kinks and at nan are PyTorch's.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from custom_vjp import functional as conventions

from ._arguments import FLOATING, INTEGER, array, check_dtype, floating, number, wide


def hardtanh(
    input: ArrayLike,
    min_val: float = -1.0,
    max_val: float = 1.0,
    inplace: bool = False,  # noqa: ARG001 - PyTorch's
) -> jax.Array:
    r"""Cut off at two bounds: torch.nn.functional.hardtanh.

    .. math:: y = \min(\max(x, a), b), \qquad y' = [a < x < b]

    Args:
      input: array of any shape, floating or integer.
      min_val, max_val: the bounds a and b, numbers; converted to input's dtype.
      inplace: without effect, as arrays of JAX do not change.

    Returns:
      An array of input's shape and dtype.

    Raises:
      ValueError: min_val above max_val; a negative bound for unsigned integers.
      TypeError: a bool or complex dtype, or no array.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from port.functional import hardtanh
      >>> jax.grad(lambda x: hardtanh(x).sum())(jnp.array([-1.0, 0.5, 1.0]))
      Array([0., 1., 0.], dtype=float32)

    Reference: torch.nn.functional.hardtanh.
    """
    x = array("input", input, "hardtanh")
    check_dtype("input", x, FLOATING + INTEGER, "hardtanh")
    low, high = number("min_val", min_val, "hardtanh"), number("max_val", max_val, "hardtanh")
    if x.dtype == jnp.uint8 and (low < 0 or high < 0):
        raise ValueError(
            f"hardtanh: min_val and max_val must not be negative for an input of dtype uint8, "
            f"got {min_val=} and {max_val=}"
        )
    return conventions.hardtanh(x, low, high)


@jax.custom_jvp
def _hardsigmoid(x: jax.Array) -> jax.Array:
    return jnp.clip(x + 3, 0, 6) / 6


@_hardsigmoid.defjvp
def _hardsigmoid_jvp(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (x,), (t,) = primals, tangents
    slope = float(np.float32(1) / np.float32(6))  # in float64 too, as in PyTorch
    return _hardsigmoid(x), jnp.where((x > -3) & (x < 3), t * slope, 0)


def hardsigmoid(input: ArrayLike, inplace: bool = False) -> jax.Array:  # noqa: ARG001 - PyTorch's
    r"""Rise from 0 at -3 to 1 at 3: torch.nn.functional.hardsigmoid.

    .. math:: y = \min(\max(x + 3, 0), 6) / 6, \qquad y' = [-3 < x < 3] / 6

    Args:
      input: floating array of any shape.
      inplace: without effect, as arrays of JAX do not change.

    Returns:
      An array of input's shape and dtype.

    Raises:
      TypeError: input is not floating.

    The sixth in the derivative is float32's, for float64 too, as in PyTorch. PyTorch has no second
    derivative of it; here it is 0.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import hardsigmoid
      >>> hardsigmoid(jnp.array([-4.0, 0.0, 1.5]))
      Array([0.  , 0.5 , 0.75], dtype=float32)

    Reference: torch.nn.functional.hardsigmoid.
    """
    x = floating("input", input, "hardsigmoid")
    return _hardsigmoid(wide(x)).astype(x.dtype)


def hardswish(input: ArrayLike, inplace: bool = False) -> jax.Array:  # noqa: ARG001 - PyTorch's
    r"""Return input times its hardsigmoid: torch.nn.functional.hardswish.

    .. math:: y = x \min(\max(x + 3, 0), 6) / 6, \qquad
        y' = 0 \text{ for } x \le -3, \; 1 \text{ for } x \ge 3, \; x / 3 + 1 / 2 \text{ between}

    Args:
      input: floating array of any shape.
      inplace: without effect, as arrays of JAX do not change.

    Returns:
      An array of input's shape and dtype.

    Raises:
      TypeError: input is not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import hardswish
      >>> hardswish(jnp.array([-4.0, 1.5, 4.0]))
      Array([-0.   ,  1.125,  4.   ], dtype=float32)

    Reference: torch.nn.functional.hardswish.
    """
    x = floating("input", input, "hardswish")
    z = wide(x)
    curved = (z > -3) & (z < 3)
    inner = jnp.where(curved, z, 0)  # so that what is infinite has no part in the derivative
    outer = jnp.where(z <= -3, z * 0, z)
    return jnp.where(curved, inner * ((inner + 3) / 6), outer).astype(x.dtype)


def hardshrink(input: ArrayLike, lambd: float = 0.5) -> jax.Array:
    r"""Set what is near to 0 to 0: torch.nn.functional.hardshrink.

    .. math:: y = x \text{ for } |x| > \lambda, \; 0 \text{ else}, \qquad y' = [|x| > \lambda]

    Args:
      input: floating array of any shape.
      lambd: the bound; nothing is within a negative one.

    Returns:
      An array of input's shape and dtype.

    Raises:
      TypeError: input is not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import hardshrink
      >>> hardshrink(jnp.array([-1.0, 0.5, 0.75]))
      Array([-1.  ,  0.  ,  0.75], dtype=float32)

    Reference: torch.nn.functional.hardshrink.
    """
    x = floating("input", input, "hardshrink")
    bound = number("lambd", lambd, "hardshrink")
    return jnp.where((x >= -bound) & (x <= bound), jnp.zeros_like(x), x)


def softshrink(input: ArrayLike, lambd: float = 0.5) -> jax.Array:
    r"""Move towards 0 by a number, and no further: torch.nn.functional.softshrink.

    .. math:: y = x - \lambda \text{ for } x > \lambda, \; x + \lambda \text{ for } x < -\lambda, \;
        0 \text{ else}, \qquad y' = [|x| > \lambda]

    Args:
      input: floating array of any shape.
      lambd: the number, not negative.

    Returns:
      An array of input's shape and dtype.

    Raises:
      ValueError: lambd is negative.
      TypeError: input is not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import softshrink
      >>> softshrink(jnp.array([-1.0, 0.5, 0.75]))
      Array([-0.5 ,  0.  ,  0.25], dtype=float32)

    Reference: torch.nn.functional.softshrink.
    """
    x = floating("input", input, "softshrink")
    bound = float(number("lambd", lambd, "softshrink"))
    if not 0 <= bound <= float(jnp.finfo(x.dtype).max):
        raise ValueError(f"softshrink: lambd must be finite and not negative, got {lambd=}")
    z = wide(x)
    beyond = jnp.where(z > 0, z - bound, z + bound)
    return jnp.where((z >= -bound) & (z <= bound), z * 0, beyond).astype(x.dtype)
