"""Softmax and its kin, and gates, as torch.nn.functional has them."""

import warnings
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike, DTypeLike

from ._arguments import (
    FLOATING,
    array,
    axis,
    boolean,
    check_dtype,
    floating,
    number,
    random_key,
    wide,
)


def _along(
    function: Callable[..., jax.Array],
    where: str,
    input: ArrayLike,
    dim: int | None,
    dtype: DTypeLike | None,
) -> jax.Array:
    """Apply a function of jax.nn along a dimension, after a change of dtype."""
    x = array("input", input, where)
    if dtype is not None:
        x = x.astype(jnp.dtype(dtype))
    check_dtype("input", x, FLOATING, where)
    if dim is None:
        warnings.warn(
            f"{where}: dim should be given; without it a rule chooses it, which PyTorch has "
            f"deprecated",
            stacklevel=3,
        )
        dim = 0 if x.ndim in (0, 1, 3) else 1
    over = axis("dim", dim, x, where)
    if x.size == 0:
        return x
    z = wide(x).reshape(x.shape or (1,))
    return function(z, axis=over).reshape(x.shape).astype(x.dtype)


def softmax(
    input: ArrayLike,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: DTypeLike | None = None,
) -> jax.Array:
    r"""Return exponentials divided by their sum: torch.nn.functional.softmax.

    .. math:: y_i = e^{x_i} / \sum_j e^{x_j}

    Args:
      input: floating array of any shape; any dtype where `dtype` is given.
      dim: the dimension of the sum. None is 0 for arrays of 0, 1 and 3 dimensions, and 1 for
        others, with a warning.
      dtype: what to convert input to first.

    Returns:
      An array of input's shape.

    Raises:
      ValueError: no such dimension.
      TypeError: not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import softmax
      >>> softmax(jnp.array([0.0, 0.0]), 0)
      Array([0.5, 0.5], dtype=float32)

    Reference: torch.nn.functional.softmax.
    """
    return _along(jax.nn.softmax, "softmax", input, dim, dtype)


def softmin(
    input: ArrayLike,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: DTypeLike | None = None,
) -> jax.Array:
    r"""Return the softmax of the negated input: torch.nn.functional.softmin.

    .. math:: y_i = e^{-x_i} / \sum_j e^{-x_j}

    Args:
      input, dim, dtype: as of `softmax`.

    Returns:
      An array of input's shape.

    Raises:
      ValueError: no such dimension.
      TypeError: not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import softmin
      >>> softmin(jnp.array([0.0, 100.0]), 0)
      Array([1., 0.], dtype=float32)

    Reference: torch.nn.functional.softmin.
    """
    x = array("input", input, "softmin")
    if x.dtype == bool:
        raise TypeError("softmin: input must not be bool, which has no negative")
    return _along(jax.nn.softmax, "softmin", -x, dim, dtype)


def log_softmax(
    input: ArrayLike,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: DTypeLike | None = None,
) -> jax.Array:
    r"""Return the logarithm of the softmax: torch.nn.functional.log_softmax.

    .. math:: y_i = x_i - \log \sum_j e^{x_j}

    Args:
      input, dim, dtype: as of `softmax`.

    Returns:
      An array of input's shape.

    Raises:
      ValueError: no such dimension.
      TypeError: not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import log_softmax
      >>> log_softmax(jnp.array([0.0, 100.0]), 0)
      Array([-100.,    0.], dtype=float32)

    Reference: torch.nn.functional.log_softmax.
    """
    return _along(jax.nn.log_softmax, "log_softmax", input, dim, dtype)


def gumbel_softmax(
    logits: ArrayLike,
    tau: float = 1.0,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
    *,
    rng: jax.Array | None = None,
) -> jax.Array:
    r"""Sample from the Gumbel-Softmax distribution: torch.nn.functional.gumbel_softmax.

    .. math:: y = \mathrm{softmax}((x - \log(-\log u)) / \tau), \qquad u_i \sim U(0, 1)

    Args:
      logits: floating array of any shape: x, logarithms of probabilities up to a constant.
      tau: the temperature.
      hard: whether to return 1 at the largest and 0 elsewhere, with the gradient of y.
      eps: without effect, and deprecated, as in PyTorch.
      dim: the dimension of the softmax.
      rng: the JAX key that the sample is drawn from.

    Returns:
      An array of the shape and dtype of logits.

    Raises:
      ValueError: no such dimension; no rng.
      TypeError: logits is not floating.

    PyTorch draws from a generator that it keeps: its samples are others, of the same distribution.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from port.functional import gumbel_softmax
      >>> y = gumbel_softmax(jnp.zeros((100, 3)), hard=True, rng=jax.random.key(0))
      >>> y.sum(), sorted(set(y.ravel().tolist()))
      (Array(100., dtype=float32), [0.0, 1.0])

    Reference: torch.nn.functional.gumbel_softmax.
    """
    where = "gumbel_softmax"
    x = floating("logits", logits, where)
    if eps != 1e-10:
        warnings.warn(f"{where}: eps is deprecated and has no effect", stacklevel=2)
    over, one_hot = axis("dim", dim, x, where), boolean("hard", hard, where)
    z = wide(x).reshape(x.shape or (1,))
    noise = jax.random.gumbel(random_key(rng, where), z.shape, z.dtype)
    if x.size == 0:
        return x
    soft = jax.nn.softmax((z + noise) / number("tau", tau, where), axis=over)
    if one_hot:
        largest = jnp.argmax(soft, over, keepdims=True)
        chosen = lax.broadcasted_iota(largest.dtype, soft.shape, over) == largest
        # 1 and 0 with the derivative of `soft`: s - s is 0 without rounding.
        soft = chosen.astype(soft.dtype) + (soft - lax.stop_gradient(soft))
    return soft.reshape(x.shape).astype(x.dtype)


def glu(input: ArrayLike, dim: int = -1) -> jax.Array:
    r"""Gate one half of the input with the other: torch.nn.functional.glu.

    .. math:: y = a \odot \sigma(b)

    Args:
      input: floating array, a followed by b along dim.
      dim: the dimension, of an even size, that is halved.

    Returns:
      An array of input's dtype, half as long along dim.

    Raises:
      ValueError: no such dimension, or an odd one.
      TypeError: input is not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import glu
      >>> glu(jnp.array([4.0, 2.0, 0.0, 100.0]))
      Array([2., 2.], dtype=float32)

    Reference: torch.nn.functional.glu.
    """
    x = floating("input", input, "glu")
    over = axis("dim", dim, x, "glu")
    if x.ndim == 0 or x.shape[over] % 2:
        raise ValueError(
            f"glu: input must have an even size along dim, got {dim=} for input.shape={x.shape}"
        )
    a, b = jnp.split(wide(x), 2, over)
    return (a * jax.nn.sigmoid(b)).astype(x.dtype)
