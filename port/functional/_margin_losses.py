"""Losses of margins between scores: of pairs, of two classes, of several."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from custom_vjp import functional as conventions

from ._arguments import array, floating, is_complex, is_inexact, number, optional
from ._reduction import promoted, reduced, reduction_of
from ._smooth import logsigmoid


def margin_ranking_loss(
    input1: ArrayLike,
    input2: ArrayLike,
    target: ArrayLike,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> jax.Array:
    r"""Return a loss that ranks the first score above the second, or below.

    .. math:: l = \max(-t\,(x_1 - x_2) + m,\, 0)

    Args:
      input1, input2, target: arrays of the same number of dimensions that broadcast, of real
        dtypes; target is 1 or -1.
      margin: m.
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      reduction: 'none', 'mean' or 'sum'.

    Returns:
      A scalar of the promoted dtype, float32 for integers; with 'none' an array of the broadcast
      shape.

    Raises:
      ValueError: shapes that do not fit, another reduction.
      TypeError: a dtype that PyTorch refuses.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import margin_ranking_loss
      >>> margin_ranking_loss(jnp.array([1.0]), jnp.array([3.0]), jnp.array([1.0]))
      Array(2., dtype=float32)

    Reference: torch.nn.functional.margin_ranking_loss.
    """
    where = "margin_ranking_loss"
    kind = reduction_of(where, reduction, size_average, reduce)
    first, second = array("input1", input1, where), array("input2", input2, where)
    signs = array("target", target, where)
    if not first.ndim == second.ndim == signs.ndim:
        raise ValueError(
            f"{where}: all arrays must have equally many dimensions, got "
            f"input1.shape={first.shape}, "
            f"input2.shape={second.shape}, target.shape={signs.shape}"
        )
    (a, b, t), dtype = promoted(where, input1=first, input2=second, target=signs)
    if dtype.name == "bool" or is_complex(dtype):
        raise TypeError(f"{where}: the arrays must be integer or floating, got {dtype.name}")
    if not is_inexact(dtype):
        dtype = jnp.dtype("float32")
    score = (-t * (a - b)).astype(jnp.promote_types(dtype, jnp.float32))
    loss = conventions.clamp(score + number("margin", margin, where), min=0)
    return reduced(loss, kind, dtype)


def hinge_embedding_loss(
    input: ArrayLike,
    target: ArrayLike,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> jax.Array:
    r"""Return a loss that makes distances small, or as large as a margin.

    .. math:: l = x \text{ for } t = 1, \qquad \max(m - x, 0) \text{ for } t = -1

    and the sum of both for other targets.

    Args:
      input: distances, of a floating dtype.
      target: 1 or -1, of any dtype; it broadcasts with input.
      margin: m.
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      reduction: 'none', 'mean' or 'sum'.

    Returns:
      A scalar of input's dtype; with 'none' an array of the broadcast shape.

    Raises:
      ValueError: shapes that do not broadcast, another reduction.
      TypeError: a dtype that PyTorch refuses.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import hinge_embedding_loss
      >>> x, t = jnp.array([0.25, 0.25]), jnp.array([1, -1])
      >>> hinge_embedding_loss(x, t, reduction="none")
      Array([0.25, 0.75], dtype=float32)

    Reference: torch.nn.functional.hinge_embedding_loss.
    """
    where = "hinge_embedding_loss"
    kind = reduction_of(where, reduction, size_average, reduce)
    given, t = floating("input", input, where), array("target", target, where)
    (x, y), _ = promoted(where, input=given, target=t.astype(given.dtype))
    apart = conventions.clamp(number("margin", margin, where) - x, min=0)
    zero = jnp.zeros_like(x)
    loss = jnp.where(y != 1, apart, zero) + jnp.where(y != -1, x, zero)
    return reduced(loss, kind, given.dtype)


def soft_margin_loss(
    input: ArrayLike,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> jax.Array:
    r"""Return the logistic loss of two classes: torch.nn.functional.soft_margin_loss.

    .. math:: l = \log(1 + e^{-t x})

    Args:
      input: scores, of a floating dtype.
      target: 1 or -1, of a real dtype; it broadcasts to input's shape.
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      reduction: 'none', 'mean' or 'sum'.

    Returns:
      A scalar of input's dtype; with 'none' an array of input's shape.

    Raises:
      ValueError: shapes that do not fit, another reduction.
      TypeError: a dtype that PyTorch refuses.

    As in PyTorch, the exponential overflows: a score of -89 is an infinite loss in float32. PyTorch
    takes complex numbers, and this does not.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import soft_margin_loss
      >>> soft_margin_loss(jnp.array([0.0]), jnp.array([1.0])).round(4)
      Array(0.6931, dtype=float32)

    Reference: torch.nn.functional.soft_margin_loss.
    """
    where = "soft_margin_loss"
    kind = reduction_of(where, reduction, size_average, reduce)
    given, t = floating("input", input, where), array("target", target, where)
    (x, y), _ = promoted(where, input=given, target=t)
    if x.shape != given.shape:
        raise ValueError(
            f"{where}: target must broadcast to input's shape {given.shape}, "
            f"got target.shape={t.shape}"
        )
    return reduced(jnp.log1p(jnp.exp(-y * x)), kind, given.dtype)


def multilabel_soft_margin_loss(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> jax.Array:
    r"""Return the mean over classes of the cross entropies of their logits.

    .. math:: l_n = -\frac1C \sum_c w_c\,(t_{n,c} \log \sigma(x_{n,c})
        + (1 - t_{n,c}) \log \sigma(-x_{n,c}))

    Args:
      input: logits, of a floating dtype, the classes along the last dimension.
      target: probabilities that broadcast with input, of a real dtype.
      weight: factors w that broadcast with both.
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      reduction: 'none', 'mean' or 'sum'.

    Returns:
      A scalar of the promoted dtype; with 'none' an array of the broadcast shape without classes.

    Raises:
      ValueError: shapes that do not fit, another reduction.
      TypeError: a dtype that PyTorch refuses.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import multilabel_soft_margin_loss
      >>> multilabel_soft_margin_loss(jnp.zeros((1, 2)), jnp.ones((1, 2))).round(4)
      Array(0.6931, dtype=float32)

    Reference: torch.nn.functional.multilabel_soft_margin_loss.
    """
    where = "multilabel_soft_margin_loss"
    kind = reduction_of(where, reduction, size_average, reduce, also=())
    given, t = floating("input", input, where), array("target", target, where)
    if t.dtype == bool:
        raise TypeError(f"{where}: target must not be bool, which has no difference")
    if given.ndim == 0:
        raise ValueError(f"{where}: input must have a dimension for the classes, got a scalar")
    named: dict[str, Any] = {"input": given, "target": t}
    w = optional("weight", weight, where)
    if w is not None:
        named["weight"] = w
    (x, y, *factors), dtype = promoted(where, **named)
    loss = -(y * logsigmoid(x) + (1 - y) * logsigmoid(-x))
    if factors:
        loss = loss * factors[0]
    axis = given.ndim - 1  # counted from the front, as PyTorch does, also after broadcasting
    return reduced(loss.sum(axis) / given.shape[-1], kind, dtype)
