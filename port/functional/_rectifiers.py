"""Activations that pass what is positive: relu and its kin, as torch.nn.functional has them.

Their derivatives at 0, at other kinks and at nan are PyTorch's.
"""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from custom_vjp import functional as conventions

from ._arguments import (
    FLOATING,
    INTEGER,
    array,
    boolean,
    check_dtype,
    floating,
    number,
    random_key,
    wide,
)


def relu(input: ArrayLike, inplace: bool = False) -> jax.Array:  # noqa: ARG001 - PyTorch's
    r"""Return the positive part: torch.nn.functional.relu.

    .. math:: y = \max(x, 0), \qquad y' = 1 - [x \le 0]

    Args:
      input: array of any shape, floating or integer.
      inplace: without effect, as arrays of JAX do not change.

    Returns:
      An array of input's shape and dtype.

    Raises:
      TypeError: a bool or complex dtype, or no array.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from port.functional import relu
      >>> jax.grad(lambda x: relu(x).sum())(jnp.array([-1.0, 0.0, 2.0]))
      Array([0., 0., 1.], dtype=float32)

    Reference: torch.nn.functional.relu.
    """
    x = array("input", input, "relu")
    check_dtype("input", x, FLOATING + INTEGER, "relu")
    return conventions.relu(x)


def relu6(input: ArrayLike, inplace: bool = False) -> jax.Array:  # noqa: ARG001 - PyTorch's
    r"""Return the positive part, at most 6: torch.nn.functional.relu6.

    .. math:: y = \min(\max(x, 0), 6), \qquad y' = [0 < x < 6]

    Args:
      input: array of any shape, floating or integer.
      inplace: without effect, as arrays of JAX do not change.

    Returns:
      An array of input's shape and dtype.

    Raises:
      TypeError: a bool or complex dtype, or no array.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import relu6
      >>> relu6(jnp.array([-1.0, 2.0, 8.0]))
      Array([0., 2., 6.], dtype=float32)

    Reference: torch.nn.functional.relu6.
    """
    x = array("input", input, "relu6")
    check_dtype("input", x, FLOATING + INTEGER, "relu6")
    return conventions.hardtanh(x, 0, 6)


def leaky_relu(
    input: ArrayLike,
    negative_slope: float = 0.01,
    inplace: bool = False,  # noqa: ARG001 - PyTorch's
) -> jax.Array:
    r"""Scale the negative part by a slope: torch.nn.functional.leaky_relu.

    .. math:: y = x\,[x > 0] + s\,x\,[x \le 0], \qquad y' = 1 \text{ for } x > 0, \; s \text{ else}

    Args:
      input: floating array of any shape.
      negative_slope: the slope s, which is also the derivative at 0.
      inplace: without effect, as arrays of JAX do not change.

    Returns:
      An array of input's shape and dtype.

    Raises:
      TypeError: input is not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import leaky_relu
      >>> leaky_relu(jnp.array([-2.0, 3.0]), 0.1)
      Array([-0.2,  3. ], dtype=float32)

    Reference: torch.nn.functional.leaky_relu.
    """
    x = floating("input", input, "leaky_relu")
    slope = number("negative_slope", negative_slope, "leaky_relu")
    return conventions.leaky_relu(wide(x), slope).astype(x.dtype)


def prelu(input: ArrayLike, weight: ArrayLike) -> jax.Array:
    r"""Scale the negative part by a learned slope: torch.nn.functional.prelu.

    .. math:: y_{n,c} = x_{n,c} \text{ for } x_{n,c} > 0, \; w_c x_{n,c} \text{ else}

    Args:
      input: (N, C, ...) or an array of fewer dimensions, which has one channel; floating.
      weight: (C,) or (1,) or (), of input's dtype.

    Returns:
      An array of input's shape and dtype.

    Raises:
      ValueError: weight has more dimensions or another number of elements.
      TypeError: input is not floating; another dtype of weight.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from port.functional import prelu
      >>> x = jnp.array([-2.0, 3.0])
      >>> prelu(x, jnp.array(0.5)), jax.grad(lambda w: prelu(x, w).sum())(0.5)
      (Array([-1.,  3.], dtype=float32), Array(-2., dtype=float32, weak_type=True))

    Reference: torch.nn.functional.prelu.
    """
    x = floating("input", input, "prelu")
    w = array("weight", weight, "prelu")
    if w.ndim > 1:
        raise ValueError(
            f"prelu: weight must have one dimension or none, got weight.shape={w.shape}"
        )
    channels = x.shape[1] if x.ndim > 1 else 1
    if w.size not in (1, channels):
        raise ValueError(
            f"prelu: weight must have one element or as many as input has channels, {channels}, "
            f"got weight.shape={w.shape} for input.shape={x.shape}"
        )
    if w.dtype != x.dtype:
        raise TypeError(
            f"prelu: weight must have input's dtype, "
            f"got weight.dtype={w.dtype.name} and input.dtype={x.dtype.name}"
        )
    w = w.reshape(() if w.size == 1 else (-1,) + (1,) * (x.ndim - 2))
    return jnp.where(x > 0, x, w * x)


def rrelu(
    input: ArrayLike,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,  # noqa: ARG001 - PyTorch's
    *,
    rng: jax.Array | None = None,
) -> jax.Array:
    r"""Scale the negative part by slopes drawn by chance: torch.nn.functional.rrelu.

    .. math:: y_i = x_i \text{ for } x_i > 0, \; r_i x_i \text{ else}, \qquad r_i \sim U(a, b)

    Args:
      input: floating array of any shape.
      lower, upper: the bounds a and b of the slope, finite numbers.
      training: whether to draw a slope for each element; otherwise all are (a + b) / 2.
      inplace: without effect, as arrays of JAX do not change.
      rng: the JAX key that slopes are drawn from.

    Returns:
      An array of input's shape and dtype.

    Raises:
      ValueError: lower above upper, or one that is not finite; no rng although training=True.
      TypeError: input is not floating; training is no bool.

    PyTorch draws from a generator that it keeps: its slopes are others, of the same distribution.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from port.functional import rrelu
      >>> rrelu(jnp.array([-24.0, 3.0]))
      Array([-5.5,  3. ], dtype=float32)

    Reference: torch.nn.functional.rrelu.
    """
    x = floating("input", input, "rrelu")
    a, b = float(number("lower", lower, "rrelu")), float(number("upper", upper, "rrelu"))
    if not (math.isfinite(a) and math.isfinite(b) and a <= b):
        raise ValueError(
            f"rrelu: lower and upper must be finite, and lower not above upper, "
            f"got {lower=} and {upper=}"
        )
    z = wide(x)
    if not boolean("training", training, "rrelu"):
        return conventions.leaky_relu(z, (a + b) / 2).astype(x.dtype)
    slope = jax.random.uniform(random_key(rng, "rrelu"), x.shape, z.dtype, a, b)
    return jnp.where(z <= 0, slope * z, z).astype(x.dtype)


def threshold(
    input: ArrayLike,
    threshold: float,
    value: float,
    inplace: bool = False,  # noqa: ARG001 - PyTorch's
) -> jax.Array:
    r"""Replace what is not above a threshold: torch.nn.functional.threshold.

    .. math:: y = x \text{ for } x > t, \; v \text{ else}, \qquad y' = [x > t]

    Args:
      input: array of any shape, floating or integer.
      threshold: t, a number; converted to input's dtype.
      value: v, a number; converted to input's dtype.
      inplace: without effect, as arrays of JAX do not change.

    Returns:
      An array of input's shape and dtype; nan is kept.

    Raises:
      TypeError: a bool or complex dtype, or no array.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import threshold
      >>> threshold(jnp.array([0.0, 1.0, 2.0]), 1.0, 20.0)
      Array([20., 20.,  2.], dtype=float32)

    Reference: torch.nn.functional.threshold.
    """
    x = array("input", input, "threshold")
    check_dtype("input", x, FLOATING + INTEGER, "threshold")
    least = jnp.asarray(number("threshold", threshold, "threshold")).astype(x.dtype)
    other = jnp.asarray(number("value", value, "threshold")).astype(x.dtype)
    return jnp.where(x <= least, other, x)
