"""Losses of a difference: mse_loss, l1_loss, smooth_l1_loss, huber_loss."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from custom_vjp import functional as conventions

from ._arguments import array, is_complex, is_floating, is_inexact, optional, wide
from ._reduction import known, promoted, reduced, reduction_of, warn_of_sizes


def _difference(
    where: str, input: ArrayLike, target: ArrayLike
) -> tuple[jax.Array, jax.Array, np.dtype]:
    """Return the input as an array, input - target, and the promoted dtype."""
    first, second = array("input", input, where), array("target", target, where)
    warn_of_sizes(where, first, second)
    (x, y), dtype = promoted(where, input=first, target=second)
    if dtype.name == "bool":
        raise TypeError(f"{where}: input and target must not both be bool")
    return first, x - y, dtype


def _floating(where: str, dtype: np.dtype) -> None:
    if not is_floating(dtype):
        raise TypeError(
            f"{where}: input and target must be floating together, got the dtype {dtype.name}"
        )


def _factors(where: str, weight: ArrayLike | None, shape: tuple[int, ...]) -> jax.Array | None:
    w = optional("weight", weight, where)
    if w is not None and w.shape != shape:
        raise ValueError(
            f"{where}: weight must have input's shape {shape}, got weight.shape={w.shape}"
        )
    return w


def _weighted_mean(
    loss: jax.Array, w: jax.Array | None, reduction: str, dtype: np.dtype
) -> jax.Array:
    """Sum losses up; their mean, where they have factors, is divided by the sum of these."""
    if w is None:
        return reduced(loss, reduction, dtype)
    dtype = jnp.result_type(dtype, w)
    loss = loss * wide(w)
    if reduction == "mean":
        return (loss.sum() / wide(w).sum()).astype(dtype)
    return reduced(loss, reduction, dtype)


def _kind(
    where: str,
    reduction: str,
    size_average: bool | None,
    reduce: bool | None,
    weight: ArrayLike | None,
) -> str:
    also = ("elementwise_mean",) if weight is None else ()
    return reduction_of(where, reduction, size_average, reduce, also=also)


def mse_loss(
    input: ArrayLike,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: ArrayLike | None = None,
) -> jax.Array:
    r"""Return the mean squared difference: torch.nn.functional.mse_loss.

    .. math:: l = w\,(x - t)^2, \qquad \text{mean} = \sum l / \sum w

    Args:
      input, target: arrays that broadcast, at least one of a floating dtype. Different shapes are
        warned of, as in PyTorch.
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      reduction: 'none', 'mean' or 'sum'.
      weight: factors w, of input's shape.

    Returns:
      A scalar of the promoted dtype; with 'none' an array of the broadcast shape.

    Raises:
      ValueError: shapes that do not fit, another reduction.
      TypeError: a dtype that PyTorch refuses.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import mse_loss
      >>> mse_loss(jnp.array([1.0, 2.0]), jnp.array([1.0, 4.0]))
      Array(2., dtype=float32)

    Reference: torch.nn.functional.mse_loss.
    """
    where = "mse_loss"
    x, apart, dtype = _difference(where, input, target)
    kind = _kind(where, reduction, size_average, reduce, weight)
    _floating(where, dtype)
    w = _factors(where, weight, x.shape)
    return _weighted_mean(apart * apart, w, kind, dtype)


def l1_loss(
    input: ArrayLike,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: ArrayLike | None = None,
) -> jax.Array:
    r"""Return the mean absolute difference: torch.nn.functional.l1_loss.

    .. math:: l = w\,|x - t|, \qquad \text{mean} = \sum l / \sum w

    with the derivative 0 where x is t.

    Args:
      input, target: arrays that broadcast, integer, floating or complex; not both integer with
        'mean'. Different shapes are warned of, as in PyTorch.
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      reduction: 'none', 'mean' or 'sum'.
      weight: factors w, of input's shape.

    Returns:
      A scalar of the promoted dtype, real for a complex one; with 'none' an array of the broadcast
      shape.

    Raises:
      ValueError: shapes that do not fit, another reduction.
      TypeError: a dtype that PyTorch refuses.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from port.functional import l1_loss
      >>> jax.grad(l1_loss)(jnp.array([1.0, 2.0]), jnp.array([1.0, 0.0]))
      Array([0. , 0.5], dtype=float32)

    Reference: torch.nn.functional.l1_loss.
    """
    where = "l1_loss"
    x, apart, dtype = _difference(where, input, target)
    kind = _kind(where, reduction, size_average, reduce, weight)
    for name, value in (("input", x), ("target", array("target", target, where))):
        if value.dtype == bool:
            raise TypeError(f"{where}: {name} must not be bool, which has no difference")
    w = _factors(where, weight, x.shape)
    if kind == "mean" and w is None and not is_inexact(dtype):
        raise TypeError(
            f"{where}: integers have no mean, got the dtype {dtype.name} with reduction='mean'"
        )
    loss = conventions.abs(apart)
    return _weighted_mean(loss, w, kind, loss.dtype if is_complex(dtype) else dtype)


def smooth_l1_loss(
    input: ArrayLike,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> jax.Array:
    r"""Return a loss that is square near 0 and absolute far from it.

    .. math:: l = \frac{(x - t)^2}{2 \beta} \text{ for } |x - t| < \beta, \qquad
        |x - t| - \frac{\beta}{2} \text{ else}

    Args:
      input, target: arrays that broadcast, at least one of a floating dtype. Different shapes are
        warned of, as in PyTorch.
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      reduction: 'none', 'mean' or 'sum'.
      beta: where the square ends, not negative; 0 makes it `l1_loss`.

    Returns:
      A scalar of the promoted dtype; with 'none' an array of the broadcast shape.

    Raises:
      ValueError: shapes that do not fit, another reduction, a negative beta.
      TypeError: a dtype that PyTorch refuses.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import smooth_l1_loss
      >>> smooth_l1_loss(jnp.array([1.0, 3.0]), jnp.zeros(2), reduction="none")
      Array([0.5, 2.5], dtype=float32)

    Reference: torch.nn.functional.smooth_l1_loss.
    """
    where = "smooth_l1_loss"
    _, apart, dtype = _difference(where, input, target)
    kind = reduction_of(where, reduction, size_average, reduce)
    _floating(where, dtype)
    width = known("beta", beta, where)
    if width < 0:
        raise ValueError(f"{where}: beta must not be negative, got beta={width}")
    size = conventions.abs(apart)
    if width == 0:
        return reduced(size, kind, dtype)
    loss = jnp.where(size < width, 0.5 * apart * apart / width, size - 0.5 * width)
    return reduced(loss, kind, dtype)


def huber_loss(
    input: ArrayLike,
    target: ArrayLike,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: ArrayLike | None = None,
) -> jax.Array:
    r"""Return a loss that is square near 0 and linear far from it: torch.nn.functional.huber_loss.

    .. math:: l = \tfrac12 w\,(x - t)^2 \text{ for } |x - t| \le \delta, \qquad
        w\,\delta\,(|x - t| - \tfrac12 \delta) \text{ else}

    Args:
      input, target: arrays that broadcast, input of a floating dtype. Different shapes are warned
        of, as in PyTorch.
      reduction: 'none', 'mean' or 'sum'.
      delta: where the square ends, positive.
      weight: factors w, of input's shape; the mean is over the elements.

    Returns:
      A scalar of input's dtype, promoted with weight's; with 'none' an array of the broadcast
      shape.

    Raises:
      ValueError: shapes that do not fit, another reduction, a delta that is not positive.
      TypeError: a dtype that PyTorch refuses.

    Where input and target have different dtypes, PyTorch has no gradient.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import huber_loss
      >>> huber_loss(jnp.array([1.0, 3.0]), jnp.zeros(2), reduction="none", delta=2.0)
      Array([0.5, 4. ], dtype=float32)

    Reference: torch.nn.functional.huber_loss.
    """
    where = "huber_loss"
    x, apart, _ = _difference(where, input, target)
    kind = _kind(where, reduction, None, None, weight)
    dtype = x.dtype
    _floating(where, dtype)
    width = known("delta", delta, where)
    if width <= 0:
        raise ValueError(f"{where}: delta must be positive, got delta={width}")
    w = _factors(where, weight, x.shape)
    size = conventions.abs(apart)
    loss = jnp.where(size < width, 0.5 * apart * apart, width * (size - 0.5 * width))
    if w is not None:
        loss, dtype = loss * wide(w), jnp.result_type(dtype, w)
    return reduced(loss, kind, dtype)
