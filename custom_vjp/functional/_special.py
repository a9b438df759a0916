"""Special functions at their poles, and activations by PyTorch's formula."""

import math

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy import special
from jax.typing import ArrayLike

from .._arguments import floating, real, reals
from ._rules import derivative, keep


def _trigamma(x: jax.Array) -> jax.Array:
    infinite = x == jnp.inf
    return keep(~infinite, special.polygamma(1, jnp.where(infinite, jnp.ones_like(x), x)))


@derivative(lambda t, _, x: t * _trigamma(x))
def _digamma(x: jax.Array) -> jax.Array:
    pole = -jnp.copysign(jnp.full_like(x, jnp.inf), x)
    return jnp.where(x == 0, pole, special.digamma(x))


@derivative(lambda t, _, x: t * _digamma(x))
def _lgamma(x: jax.Array) -> jax.Array:
    return special.gammaln(x)


def digamma(input: ArrayLike) -> jax.Array:
    r"""Return the logarithmic derivative of the gamma function; at 0 it is -inf.

    .. math:: y = \Gamma'(x) / \Gamma(x), \qquad y' = \psi_1(x)

    Args:
      input: array of any shape and real dtype; integers become float32.

    Returns:
      A floating array of input's shape: -inf at 0, inf at -0.0, nan at negative integers.

    Raises:
      TypeError: a complex dtype, or no array.

    JAX's own digamma is nan at 0.

    Example:
      >>> import jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> F.digamma(jnp.array(0.0))
      Array(-inf, dtype=float32)

    Reference: torch.digamma, torch.special.psi.
    """
    return _digamma(*reals("digamma", input=input))


def lgamma(input: ArrayLike) -> jax.Array:
    r"""Return the logarithm of the absolute gamma function; its derivative at 0 is -inf.

    .. math:: y = \log |\Gamma(x)|, \qquad y' = \psi(x)

    Args:
      input: array of any shape and real dtype; integers become float32.

    Returns:
      A floating array of input's shape; inf at 0 and at negative integers.

    Raises:
      TypeError: a complex dtype, or no array.

    JAX's own derivative at 0 is nan.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(F.lgamma)(0.0)
      Array(-inf, dtype=float32, weak_type=True)

    Reference: torch.lgamma.
    """
    return _lgamma(*reals("lgamma", input=input))


@derivative(
    lambda t, _, x: t * jnp.where((x < 0) | (x > 1), jnp.full_like(x, jnp.nan), 1 / (x * (1 - x)))
)
def _logit(x: jax.Array) -> jax.Array:
    return jnp.log(x / (1 - x))


def logit(input: ArrayLike, eps: ArrayLike | None = None) -> jax.Array:
    r"""Return log(x / (1 - x)); outside of [0, 1] its derivative is nan, or 0 with eps.

    .. math:: y = \log \frac{x}{1 - x}, \qquad y' = \frac{1}{x (1 - x)}

    Args:
      input: array of any shape and real dtype; integers become float32.
      eps: cut input off at eps and 1 - eps first; the derivative is 0 beyond. None does not.

    Returns:
      A floating array of input's shape.

    Raises:
      TypeError: a complex dtype, or no array.

    JAX's own derivative outside of [0, 1], where the value is nan, is a number; it has no eps.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.logit(x, 0.1).sum())(jnp.array([0.5, 1.5]))
      Array([4., 0.], dtype=float32)

    Reference: torch.logit.
    """
    (x,) = reals("logit", input=input)
    if eps is None:
        return _logit(x)
    low = real("eps", eps, "logit").astype(x.dtype)
    high = 1 - low
    return _logit(jnp.where(x < low, low, jnp.where(x > high, high, x)))


def softplus(input: ArrayLike, beta: ArrayLike = 1.0, threshold: ArrayLike = 20.0) -> jax.Array:
    r"""Return log(1 + exp(beta x)) / beta, and x itself above a threshold.

    .. math:: y = \tfrac{1}{\beta} \log(1 + e^{\beta x}), \quad y = x \text{ for } \beta x > t,
        \qquad y' = \sigma(\beta x), \; 1 \text{ for } \beta x > t

    Args:
      input: floating array of any shape.
      beta: the scale, a number.
      threshold: t, a number.

    Returns:
      An array of input's shape and dtype.

    Raises:
      TypeError: input is not floating.

    JAX's own softplus has no threshold: at 20.5 it is larger by 1e-9, which float64 shows.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> F.softplus(jnp.array([0.0, 3.0]), threshold=2)
      Array([0.6931472, 3.       ], dtype=float32)

    Reference: torch.nn.functional.softplus.
    """
    x = floating("input", input, "softplus")
    beta = real("beta", beta, "softplus").astype(x.dtype)
    above = x * beta > real("threshold", threshold, "softplus").astype(x.dtype)
    soft = jax.nn.softplus(jnp.where(above, jnp.zeros_like(x), x * beta)) / beta
    return jnp.where(above, x, soft)


def _gelu_slope(x: jax.Array) -> jax.Array:
    # erf of -x, lest XLA keep erf of x from the forward pass: to write and to read it takes longer
    # than to compute it once more.
    below = 0.5 - 0.5 * lax.erf(-x * math.sqrt(0.5))
    return below + x * jnp.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))


@derivative(lambda t, _, x: t * _gelu_slope(x))
def _gelu(x: jax.Array) -> jax.Array:
    # As PyTorch's; JAX takes erfc, with which values below -5 keep more digits, in 4 times as long.
    return x * 0.5 * (1 + lax.erf(x * math.sqrt(0.5)))


def gelu(input: ArrayLike, approximate: str = "none") -> jax.Array:
    r"""Return x Phi(x), with the normal distribution function unless told otherwise.

    .. math:: y = x\,\Phi(x), \qquad
        \text{'tanh': } y = \tfrac{x}{2} (1 + \tanh(\sqrt{2 / \pi}\,(x + 0.044715\,x^3)))

    Args:
      input: floating array of any shape.
      approximate: 'none' or 'tanh'.

    Returns:
      An array of input's shape and dtype.

    Raises:
      TypeError: input is not floating.
      ValueError: another approximation.

    JAX's own gelu takes the one with tanh when nothing is said.

    Example:
      >>> import jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> F.gelu(jnp.array([1.0])), F.gelu(jnp.array([1.0]), "tanh")
      (Array([0.8413447], dtype=float32), Array([0.841192], dtype=float32))

    Reference: torch.nn.functional.gelu.
    """
    x = floating("input", input, "gelu")
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate=}")
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    if approximate == "tanh":
        return jax.nn.gelu(wide, approximate=True).astype(x.dtype)
    return _gelu(wide).astype(x.dtype)
