"""Smooth activations, as torch.nn.functional has them."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from custom_vjp import functional as conventions

from ._arguments import COMPLEX, FLOATING, INTEGER, array, check_dtype, floating, number, wide


def _inexact(input: ArrayLike, where: str, bools: bool = True) -> jax.Array:
    """Return the input, integers as float32: PyTorch's functions that take any dtype."""
    x = array("input", input, where)
    check_dtype("input", x, FLOATING + COMPLEX + INTEGER + (("bool",) if bools else ()), where)
    return x if x.dtype.name in FLOATING + COMPLEX else x.astype(jnp.float32)


def gelu(input: ArrayLike, approximate: str = "none") -> jax.Array:
    r"""Return x Phi(x), with the normal distribution: torch.nn.functional.gelu.

    .. math:: y = x\,\Phi(x), \qquad
        \text{'tanh': } y = \tfrac{x}{2} (1 + \tanh(\sqrt{2 / \pi}\,(x + 0.044715\,x^3)))

    Args:
      input: floating array of any shape.
      approximate: 'none' or 'tanh'.

    Returns:
      An array of input's shape and dtype.

    Raises:
      ValueError: another approximation.
      TypeError: input is not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import gelu
      >>> x = jnp.array(1.0)
      >>> round(float(gelu(x)), 5), round(float(gelu(x, "tanh")), 5)
      (0.84134, 0.84119)

    Reference: torch.nn.functional.gelu.
    """
    return conventions.gelu(floating("input", input, "gelu"), approximate)


def silu(input: ArrayLike, inplace: bool = False) -> jax.Array:  # noqa: ARG001 - PyTorch's
    r"""Return input times its sigmoid: torch.nn.functional.silu.

    .. math:: y = x / (1 + e^{-x})

    Args:
      input: floating or complex array of any shape.
      inplace: without effect, as arrays of JAX do not change.

    Returns:
      An array of input's shape and dtype.

    Raises:
      TypeError: another dtype, or no array.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import silu
      >>> [round(v, 3) for v in silu(jnp.array([-1.0, 0.0, 1.0])).tolist()]
      [-0.269, 0.0, 0.731]

    Reference: torch.nn.functional.silu.
    """
    x = floating("input", input, "silu", complex=True)
    return jax.nn.silu(wide(x)).astype(x.dtype)


def mish(input: ArrayLike, inplace: bool = False) -> jax.Array:  # noqa: ARG001 - PyTorch's
    r"""Return input times the tanh of its softplus: torch.nn.functional.mish.

    .. math:: y = x \tanh(\log(1 + e^x))

    Args:
      input: floating array of any shape.
      inplace: without effect, as arrays of JAX do not change.

    Returns:
      An array of input's shape and dtype.

    Raises:
      TypeError: input is not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import mish
      >>> [round(v, 3) for v in mish(jnp.array([-1.0, 0.0, 1.0])).tolist()]
      [-0.303, 0.0, 0.865]

    Reference: torch.nn.functional.mish.
    """
    x = floating("input", input, "mish")
    return jax.nn.mish(wide(x)).astype(x.dtype)


def sigmoid(input: ArrayLike) -> jax.Array:
    r"""Return 1 / (1 + exp(-x)): torch.nn.functional.sigmoid.

    Args:
      input: array of any shape and dtype.

    Returns:
      An array of input's shape and dtype; float32 for integers and bools.

    Raises:
      TypeError: no array.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import sigmoid
      >>> [round(v, 3) for v in sigmoid(jnp.array([-1.0, 0.0, 1.0])).tolist()]
      [0.269, 0.5, 0.731]

    Reference: torch.nn.functional.sigmoid.
    """
    x = _inexact(input, "sigmoid")
    return jax.nn.sigmoid(wide(x)).astype(x.dtype)


def tanh(input: ArrayLike) -> jax.Array:
    r"""Return the hyperbolic tangent: torch.nn.functional.tanh.

    Args:
      input: array of any shape and dtype.

    Returns:
      An array of input's shape and dtype; float32 for integers and bools.

    Raises:
      TypeError: no array.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import tanh
      >>> [round(v, 3) for v in tanh(jnp.array([-1.0, 0.0, 1.0])).tolist()]
      [-0.762, 0.0, 0.762]

    Reference: torch.nn.functional.tanh.
    """
    x = _inexact(input, "tanh")
    return jnp.tanh(wide(x)).astype(x.dtype)


def tanhshrink(input: ArrayLike) -> jax.Array:
    r"""Return what tanh takes away: torch.nn.functional.tanhshrink.

    .. math:: y = x - \tanh x

    Args:
      input: array of any shape and dtype but bool.

    Returns:
      An array of input's shape and dtype; float32 for integers.

    Raises:
      TypeError: a bool, or no array.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import tanhshrink
      >>> [round(v, 3) for v in tanhshrink(jnp.array([-1.0, 0.0, 1.0])).tolist()]
      [-0.238, 0.0, 0.238]

    Reference: torch.nn.functional.tanhshrink.
    """
    x = _inexact(input, "tanhshrink", bools=False)
    return x - tanh(x)


def softsign(input: ArrayLike) -> jax.Array:
    r"""Return x / (1 + abs(x)): torch.nn.functional.softsign.

    Args:
      input: array of any shape and dtype but bool.

    Returns:
      An array of input's shape and dtype; float32 for integers.

    Raises:
      TypeError: a bool, or no array.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import softsign
      >>> softsign(jnp.array([-1.0, 0.0, 3.0]))
      Array([-0.5 ,  0.  ,  0.75], dtype=float32)

    Reference: torch.nn.functional.softsign.
    """
    x = _inexact(input, "softsign", bools=False)
    return (wide(x) / (conventions.abs(wide(x)) + 1)).astype(x.dtype)


def softplus(input: ArrayLike, beta: float = 1.0, threshold: float = 20.0) -> jax.Array:
    r"""Return log(1 + exp(beta x)) / beta, and x above a threshold: torch.nn.functional.softplus.

    .. math:: y = \tfrac{1}{\beta} \log(1 + e^{\beta x}), \quad y = x \text{ for } \beta x > t

    Args:
      input: floating array of any shape.
      beta: the scale, a number.
      threshold: t, a number.

    Returns:
      An array of input's shape and dtype.

    Raises:
      TypeError: input is not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import softplus
      >>> [round(v, 3) for v in softplus(jnp.array([0.0, 3.0]), threshold=2).tolist()]
      [0.693, 3.0]

    Reference: torch.nn.functional.softplus.
    """
    x = floating("input", input, "softplus")
    scale, limit = number("beta", beta, "softplus"), number("threshold", threshold, "softplus")
    return conventions.softplus(wide(x), scale, limit).astype(x.dtype)


def logsigmoid(input: ArrayLike) -> jax.Array:
    r"""Return the logarithm of the sigmoid: torch.nn.functional.logsigmoid.

    .. math:: y = -\log(1 + e^{-x}), \qquad y' = 1 / (1 + e^x)

    Args:
      input: floating array of any shape.

    Returns:
      An array of input's shape and dtype.

    Raises:
      TypeError: input is not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import logsigmoid
      >>> [round(v, 3) for v in logsigmoid(jnp.array([-100.0, 0.0])).tolist()]
      [-100.0, -0.693]

    Reference: torch.nn.functional.logsigmoid.
    """
    x = floating("input", input, "logsigmoid")
    z = wide(x)
    return (-conventions.logaddexp(-z, jnp.zeros_like(z))).astype(x.dtype)
