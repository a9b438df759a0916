"""Activations that bend what is negative to a limit: elu and its kin, as in torch.nn.functional."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ._arguments import floating, number, wide

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@jax.custom_jvp
def _expm1(x: jax.Array) -> jax.Array:
    """Return exp(x) - 1 for x not above 0; further derivatives at 0 itself are 0, as in PyTorch.

    The derivative is exp(x) also where that is lost beside 1.
    """
    return jnp.expm1(x)


_expm1.defjvps(lambda t, _, x: t * jnp.exp(jnp.where(x == 0, 0, x)))


def _elu(x: jax.Array, alpha: float, scale: float = 1.0, input_scale: float = 1.0) -> jax.Array:
    z = wide(x)
    below = z <= 0
    soft = _expm1(jnp.where(below, z, 0) * input_scale) * (alpha * scale)
    return jnp.where(below, soft, z * scale).astype(x.dtype)


def elu(
    input: ArrayLike,
    alpha: float = 1.0,
    inplace: bool = False,  # noqa: ARG001 - PyTorch's
) -> jax.Array:
    r"""Bend the negative part to a limit: torch.nn.functional.elu.

    .. math:: y = x \text{ for } x > 0, \; \alpha (e^x - 1) \text{ else}, \qquad
        y' = 1 \text{ for } x > 0, \; \alpha e^x \text{ else}

    Args:
      input: floating array of any shape.
      alpha: the limit is -alpha; alpha is also the derivative at 0.
      inplace: without effect, as arrays of JAX do not change.

    Returns:
      An array of input's shape and dtype.

    Raises:
      TypeError: input is not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import elu
      >>> [round(v, 3) for v in elu(jnp.array([-1.0, 2.0])).tolist()]
      [-0.632, 2.0]

    Reference: torch.nn.functional.elu.
    """
    return _elu(floating("input", input, "elu"), number("alpha", alpha, "elu"))


def celu(
    input: ArrayLike,
    alpha: float = 1.0,
    inplace: bool = False,  # noqa: ARG001 - PyTorch's
) -> jax.Array:
    r"""Bend the negative part to a limit, with the slope 1 at 0: torch.nn.functional.celu.

    .. math:: y = x \text{ for } x > 0, \; \alpha (e^{x / \alpha} - 1) \text{ else}

    Args:
      input: floating array of any shape.
      alpha: the limit is -alpha; a number other than 0.
      inplace: without effect, as arrays of JAX do not change.

    Returns:
      An array of input's shape and dtype.

    Raises:
      ValueError: alpha is 0.
      TypeError: input is not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import celu
      >>> [round(v, 3) for v in celu(jnp.array([-1.0, 2.0]), 2.0).tolist()]
      [-0.787, 2.0]

    Reference: torch.nn.functional.celu.
    """
    x = floating("input", input, "celu")
    a = float(number("alpha", alpha, "celu"))
    if a == 0:
        raise ValueError(f"celu: alpha must not be 0, got {alpha=}")
    return _elu(x, a, input_scale=1 / a)


def selu(input: ArrayLike, inplace: bool = False) -> jax.Array:  # noqa: ARG001 - PyTorch's
    r"""Bend the negative part, and scale, so that variance 1 is kept: torch.nn.functional.selu.

    .. math:: y = s\,x \text{ for } x > 0, \; s\,\alpha (e^x - 1) \text{ else}, \qquad
        \alpha = 1.6733, \; s = 1.0507

    Args:
      input: floating array of any shape.
      inplace: without effect, as arrays of JAX do not change.

    Returns:
      An array of input's shape and dtype; the derivative at 0 is s alpha.

    Raises:
      TypeError: input is not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import selu
      >>> [round(v, 3) for v in selu(jnp.array([-1.0, 2.0])).tolist()]
      [-1.111, 2.101]

    Reference: torch.nn.functional.selu.
    """
    return _elu(floating("input", input, "selu"), SELU_ALPHA, SELU_SCALE)
