"""Losses between distributions: kl_div, poisson_nll_loss, gaussian_nll_loss."""

import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from custom_vjp import functional as conventions

from ._arguments import array, boolean, floating, is_floating, number
from ._reduction import check_inside, known, outside_is_nan, promoted, reduced, reduction_of


def kl_div(
    input: ArrayLike,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> jax.Array:
    r"""Return the Kullback-Leibler divergence of log-probabilities: torch.nn.functional.kl_div.

    .. math:: l = t\,(\log t - x), \qquad \text{with log_target } e^t\,(t - x)

    Args:
      input: logarithms of probabilities, of a floating dtype.
      target: probabilities, or their logarithms; they broadcast with input.
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      reduction: 'none', 'mean', 'sum' or 'batchmean', the sum divided by the size of input's first
        dimension. 'mean' divides by the number of elements, and is warned of, as in PyTorch.
      log_target: whether target has logarithms.

    Returns:
      A scalar of the promoted dtype; with 'none' an array of the broadcast shape.

    Raises:
      ValueError: shapes that do not broadcast, another reduction.
      TypeError: a dtype that PyTorch refuses.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import kl_div
      >>> half = jnp.array([[0.5, 0.5]])
      >>> kl_div(jnp.log(half), half, reduction="batchmean")
      Array(0., dtype=float32)

    Reference: torch.nn.functional.kl_div.
    """
    where = "kl_div"
    kind = reduction_of(
        where, reduction, size_average, reduce, also=("elementwise_mean", "batchmean")
    )
    if size_average is None and reduce is None and reduction == "mean":
        warnings.warn(
            f"{where}: reduction='mean' divides by the number of elements; 'batchmean' divides by "
            "the size of the batch, as the divergence is defined",
            UserWarning,
            stacklevel=2,
        )
    first, second = floating("input", input, where), floating("target", target, where)
    (x, y), dtype = promoted(where, input=first, target=second)
    if boolean("log_target", log_target, where):
        loss = jnp.exp(y) * (y - x)
    else:
        loss = conventions.xlogy(y, y) - y * x
    # 'batchmean' beside size_average or reduce divides all the same, as in PyTorch.
    if reduction != "batchmean":
        return reduced(loss, kind, dtype)
    total = reduced(loss, "sum" if kind == "batchmean" else kind, loss.dtype)
    return (total / first.shape[0] if first.ndim else total).astype(dtype)


def poisson_nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> jax.Array:
    r"""Return the negative log-likelihood of counts: torch.nn.functional.poisson_nll_loss.

    .. math:: l = e^x - t\,x, \qquad \text{without log_input } x - t \log(x + \epsilon)

    and with full for t > 1 Stirling's t log t - t + log(2 pi t) / 2 beside it.

    Args:
      input: logarithms of the expected counts; the counts themselves without log_input.
      target: counts; they broadcast with input.
      log_input: whether input has logarithms.
      full: whether to add Stirling's approximation of log(t!).
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      eps: what is added to counts before their logarithm is taken.
      reduction: 'none', 'mean' or 'sum'.

    Returns:
      A scalar of the promoted dtype, float32 for integers; with 'none' an array of the broadcast
      shape.

    Raises:
      ValueError: shapes that do not broadcast, another reduction.
      TypeError: a dtype that PyTorch refuses.

    With full the gradient of a target that is 0 is that of the rest, and in PyTorch nan.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import poisson_nll_loss
      >>> poisson_nll_loss(jnp.array([0.0]), jnp.array([3.0]))
      Array(1., dtype=float32)

    Reference: torch.nn.functional.poisson_nll_loss.
    """
    where = "poisson_nll_loss"
    kind = reduction_of(where, reduction, size_average, reduce, also=())
    (x, y), dtype = promoted(where, as_floats=True, input=input, target=target)
    if array("input", input, where).dtype == bool:
        raise TypeError(f"{where}: input must not be bool")
    if boolean("log_input", log_input, where):
        loss = jnp.exp(x) - y * x
    else:
        loss = x - y * jnp.log(x + number("eps", eps, where))
    if boolean("full", full, where):
        many = y > 1
        t = jnp.where(many, y, jnp.ones_like(y))
        stirling = t * jnp.log(t) - t + 0.5 * jnp.log(2 * math.pi * t)
        loss = loss + jnp.where(many, stirling, jnp.zeros_like(t))
    return reduced(loss, kind, dtype)


def gaussian_nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    var: ArrayLike,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> jax.Array:
    r"""Return the negative log-likelihood of a normal distribution.

    .. math:: l = \tfrac12 \left(\log v + (x - t)^2 / v\right), \qquad v = \max(\sigma^2, \epsilon)

    and with full log(2 pi) / 2 beside it. The gradient of the variance is that of v, also where it
    is below eps.

    Args:
      input: means, of a floating dtype.
      target: values that broadcast with them.
      var: variances, not negative: of input's shape; of that without its last dimension; with one
        of its dimensions 1; or a float.
      full: whether to add the constant.
      eps: the least variance.
      reduction: 'none', 'mean' or 'sum'.

    Returns:
      A scalar of the promoted dtype; with 'none' an array of the broadcast shape.

    Raises:
      ValueError: shapes that do not fit; a negative variance, where it is known.
      TypeError: a dtype that PyTorch refuses, an int for var.

    A negative variance that is not known, under jit say, gives nan, where PyTorch raises.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import gaussian_nll_loss
      >>> gaussian_nll_loss(jnp.array([1.0]), jnp.array([3.0]), 1.0)
      Array(2., dtype=float32)

    Reference: torch.nn.functional.gaussian_nll_loss.
    """
    where = "gaussian_nll_loss"
    x = floating("input", input, where)
    t = array("target", target, where)
    if isinstance(var, float):
        check_inside("var", np.asarray(var < 0), np.asarray(var), "not negative", where)
        v = jnp.full(x.shape, var, x.dtype)
    else:
        v = array("var", var, where)
    if not is_floating(v.dtype) or t.dtype == bool:
        raise TypeError(
            f"{where}: var must be floating and target not bool, "
            f"got var.dtype={v.dtype.name} and target.dtype={t.dtype.name}"
        )
    check_inside("var", v < 0, v, "not negative", where)
    v = _spread(where, x, v)
    kind = reduction_of(where, reduction, also=())
    (x, t, v), dtype = promoted(where, input=x, target=t, var=v)
    least = known("eps", eps, where)
    # The gradient passes where the variance is raised to eps.
    raised = v + lax.stop_gradient(jnp.where(v < least, least - v, jnp.zeros_like(v)))
    loss = outside_is_nan(0.5 * (jnp.log(raised) + (x - t) ** 2 / raised), v < 0)
    if full:  # any truth value, as in PyTorch
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, kind, dtype)


def _spread(where: str, x: jax.Array, v: jax.Array) -> jax.Array:
    """Return variances of a shape that broadcasts with input's."""
    if v.shape == x.shape:
        return v
    if v.shape == x.shape[:-1] and x.ndim:
        return v[..., None]
    if v.ndim == x.ndim:
        apart = [m for n, m in zip(x.shape, v.shape, strict=True) if n != m]
        if sum(apart) == 1:
            return v
    raise ValueError(
        f"{where}: var must have input's shape {x.shape}, that without the last dimension, or one "
        f"dimension of 1, got var.shape={v.shape}"
    )
