"""Functions with a kink, and what PyTorch takes for their derivative there."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from convgrad._arrays import is_complex
from convgrad._jax import is_traced
from convgrad._paths import keep_path

from .._arguments import array, floating, real, together
from ._rules import derivative, divide, keep


def _sgn(x: jax.Array) -> jax.Array:
    """Return x / |x|, and 0 for 0 and for nan."""
    if is_complex(x.dtype):
        return divide(x, jnp.abs(x).astype(x.dtype))
    return jnp.where(jnp.isnan(x), jnp.zeros_like(x), jnp.sign(x))


@derivative(lambda t, y, x: jnp.real(_sgn(x).conj() * t).astype(y.dtype))
def _abs(x: jax.Array) -> jax.Array:
    return jnp.abs(x)


def abs(input: ArrayLike) -> jax.Array:
    r"""Return the absolute value; its derivative at 0 is 0.

    .. math:: y = |x|, \qquad y' = \mathrm{sgn}(x), \quad \mathrm{sgn}(0) = \mathrm{sgn}(nan) = 0

    Args:
      input: array of any shape; integer, floating or complex.

    Returns:
      The absolute value: input's dtype, the real one of a complex dtype.

    Raises:
      TypeError: a bool, or no array.

    JAX's own derivative at 0 is 1.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.abs(x).sum())(jnp.array([-2.0, 0.0, 3.0]))
      Array([-1.,  0.,  1.], dtype=float32)

    Reference: torch.abs.
    """
    x = array("input", input, "abs")
    return _abs(x if is_complex(x.dtype) else real("input", x, "abs"))


def sign(input: ArrayLike) -> jax.Array:
    r"""Return the sign: -1, 0 or 1, and 0 for nan; its derivative is 0.

    Args:
      input: array of any shape and real dtype.

    Returns:
      The sign, of input's dtype.

    Raises:
      TypeError: a complex dtype, or no array.

    JAX's own sign of nan is nan.

    Example:
      >>> import jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> F.sign(jnp.array([-2.0, 0.0, jnp.nan]))
      Array([-1.,  0.,  0.], dtype=float32)

    Reference: torch.sign.
    """
    x = real("input", input, "sign", bools=True)
    return x if x.dtype == bool else _sgn(x)


def relu(input: ArrayLike) -> jax.Array:
    r"""Return the positive part; its derivative is 0 at 0, and 1 at nan.

    .. math:: y = \max(x, 0), \qquad y' = 1 - [x \le 0]

    Args:
      input: array of any shape; integer or floating.

    Returns:
      The positive part, of input's shape and dtype.

    Raises:
      TypeError: a bool or complex dtype, or no array.

    JAX's own derivative at nan is 0, which hides that a nan was there.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.relu(x).sum())(jnp.array([-1.0, 0.0, 2.0, jnp.nan]))
      Array([0., 0., 1., 1.], dtype=float32)

    Reference: torch.nn.functional.relu.
    """
    x = keep_path(real("input", input, "relu"))
    return jnp.where(x <= 0, jnp.zeros_like(x), x)


def leaky_relu(input: ArrayLike, negative_slope: ArrayLike = 0.01) -> jax.Array:
    r"""Scale the negative part by a slope, which is also the derivative at 0.

    .. math:: y = x\,[x > 0] + s\,x\,[x \le 0], \qquad y' = 1 \text{ for } x > 0, \; s \text{ else}

    Args:
      input: floating array of any shape.
      negative_slope: the slope s, a number.

    Returns:
      An array of input's shape and dtype.

    Raises:
      TypeError: input is not floating.

    JAX's own derivative at 0 is 1. Beyond PyTorch, the slope may be an array, and has a gradient.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.leaky_relu(x, 0.1).sum())(jnp.array([-2.0, 0.0, 3.0]))
      Array([0.1, 0.1, 1. ], dtype=float32)

    Reference: torch.nn.functional.leaky_relu.
    """
    x = keep_path(floating("input", input, "leaky_relu"))
    slope = real("negative_slope", negative_slope, "leaky_relu").astype(x.dtype)
    x, slope = together("leaky_relu", input=x, negative_slope=slope)
    return jnp.where(x > 0, x, slope * x)


def hardtanh(input: ArrayLike, min_val: float = -1.0, max_val: float = 1.0) -> jax.Array:
    r"""Cut off at two bounds; the derivative at the bounds is 0.

    .. math:: y = \min(\max(x, a), b), \qquad y' = [a < x < b]

    Args:
      input: array of any shape; integer or floating.
      min_val, max_val: the bounds a and b, numbers.

    Returns:
      An array of input's shape and dtype.

    Raises:
      TypeError: a bool or complex dtype, or no array.
      ValueError: min_val above max_val.

    JAX's own hard_tanh has the derivative 1 at -1 and at 1. `clamp` has 1 there too.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.hardtanh(x).sum())(jnp.array([-1.0, 0.5, 1.0]))
      Array([0., 1., 0.], dtype=float32)

    Reference: torch.nn.functional.hardtanh.
    """
    x = keep_path(real("input", input, "hardtanh"))
    low = real("min_val", min_val, "hardtanh").astype(x.dtype)
    high = real("max_val", max_val, "hardtanh").astype(x.dtype)
    known = not any(is_traced(bound) for bound in (min_val, max_val))
    if known and min_val > max_val:
        raise ValueError(
            f"hardtanh: min_val must not be above max_val, got {min_val=} and {max_val=}"
        )
    return jnp.where(x <= low, low, jnp.where(x >= high, high, x))


@derivative(
    lambda t, _, x, a: keep(x >= a, t),
    lambda t, _, x, a: keep(x < a, t),
)
def _clamp_min(x: jax.Array, low: jax.Array) -> jax.Array:
    return jnp.maximum(x, low)


@derivative(
    lambda t, _, x, b: keep(x <= b, t),
    lambda t, _, x, b: keep(x > b, t),
)
def _clamp_max(x: jax.Array, high: jax.Array) -> jax.Array:
    return jnp.minimum(x, high)


@derivative(
    lambda t, _, x, a, b: keep((x >= a) & (x <= b), t),
    lambda t, _, x, a, b: keep((x < a) & (a < b), t),
    lambda t, _, x, a, b: keep((x > b) | (b < a), t),
)
def _clamp(x: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
    return jnp.minimum(jnp.maximum(x, low), high)


def clamp(
    input: ArrayLike, min: ArrayLike | None = None, max: ArrayLike | None = None
) -> jax.Array:
    r"""Cut off at one or two bounds; at a bound the derivative is all the input's.

    .. math:: y = \min(\max(x, a), b), \qquad
        y'_x = [a \le x \le b], \quad y'_a = [x < a < b], \quad y'_b = [x > b \text{ or } b < a]

    Args:
      input: array of any shape and real dtype.
      min, max: the bounds a and b: numbers or arrays that broadcast with input; None for no bound.
        Where min is above max, the result is max.

    Returns:
      An array of the broadcast shape and the promoted dtype; nan where an argument is nan.

    Raises:
      TypeError: a complex dtype, or no array.
      ValueError: neither bound is given; shapes that do not broadcast.

    JAX's own clip gives half to the input at a bound, and half to the bound. PyTorch 2.14 gives 0
    to the input there; this is 2.13. Beyond PyTorch, one bound may be a number, the other an array.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.clamp(x, -1, 1).sum())(jnp.array([-2.0, -1.0, 0.0, 1.0]))
      Array([0., 1., 1., 1.], dtype=float32)

    Reference: torch.clamp.
    """
    bounds: dict[str, Any] = {
        name: bound for name, bound in (("min", min), ("max", max)) if bound is not None
    }
    if not bounds:
        raise ValueError("clamp: at least one of min and max must be given, got None for both")
    for name, value in {"input": input, **bounds}.items():
        real(name, value, "clamp", bools=True)
    x, *limits = together("clamp", input=input, **bounds)
    if len(limits) == 2:
        return _clamp(x, *limits)
    return _clamp_min(x, *limits) if "min" in bounds else _clamp_max(x, *limits)


def l1_loss(input: ArrayLike, target: ArrayLike, reduction: str = "mean") -> jax.Array:
    r"""Return the mean absolute difference; its derivative where there is none is 0.

    .. math:: y = \frac{1}{n} \sum_i |x_i - t_i|, \qquad y'_{x_i} = \mathrm{sgn}(x_i - t_i) / n

    Args:
      input, target: floating or complex arrays that broadcast.
      reduction: 'mean', 'sum' or 'none'.

    Returns:
      A scalar; with 'none' an array of the broadcast shape.

    Raises:
      TypeError: no floating or complex array.
      ValueError: another reduction; shapes that do not broadcast.

    With jnp.abs the derivative where input and target are equal is 1 and -1.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(F.l1_loss)(jnp.array([1.0, 2.0]), jnp.array([1.0, 0.0]))
      Array([0. , 0.5], dtype=float32)

    Reference: torch.nn.functional.l1_loss.
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"l1_loss: reduction must be 'mean', 'sum' or 'none', got reduction={reduction!r}"
        )
    x, y = together("l1_loss", input=input, target=target)
    apart = abs(floating("input", x, "l1_loss", complex=True) - y)
    if reduction == "none":
        return apart
    return apart.mean() if reduction == "mean" else apart.sum()
