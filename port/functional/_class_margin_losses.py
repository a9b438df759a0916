"""Losses of margins between the scores of several classes."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ._arguments import array, check_dtype, check_same_dtype, number, optional
from ._reduction import (
    check_inside,
    class_numbers,
    known,
    outside_is_nan,
    reduced,
    reduction_of,
)

DTYPES = ("float32", "float64")


def _scores(where: str, input: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Return the scores, and as a matrix of examples by classes."""
    x = array("input", input, where)
    check_dtype("input", x, DTYPES, where)
    if x.ndim > 2 or (x.ndim and x.shape[-1] == 0):
        raise ValueError(
            f"{where}: input must have at most two dimensions, and a class, "
            f"got input.shape={x.shape}"
        )
    return x, x if x.ndim == 2 else x.reshape(1, -1)


def _positive(x: jax.Array) -> jax.Array:
    """Return the positive part; the derivative at 0 is 0."""
    return jnp.where(x > 0, x, jnp.zeros_like(x))


def multi_margin_loss(
    input: ArrayLike,
    target: ArrayLike,
    p: int = 1,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> jax.Array:
    r"""Return a loss that puts one class's score above all others: multi_margin_loss.

    .. math:: l_n = \frac{1}{C} \sum_{c \ne t_n} w_{t_n} \max(m - x_{n, t_n} + x_{n, c},\, 0)^p

    Args:
      input: (N, C), (C) or (): scores, float32 or float64.
      target: (N), or () and (1) for one example: class numbers from 0 to C - 1, int64 (int32 where
        JAX's 64-bit dtypes are off).
      p: 1 or 2.
      margin: m.
      weight: (C), of input's dtype: a factor for each class.
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      reduction: 'none', 'mean' or 'sum'.

    Returns:
      A scalar of input's dtype; with 'none' an array of target's shape.

    Raises:
      ValueError: shapes that do not fit; another p; a class number outside, where it is known.
      TypeError: a dtype that PyTorch refuses.

    A class number outside that is not known, under jit say, has the loss nan, where PyTorch raises.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import multi_margin_loss
      >>> multi_margin_loss(jnp.array([[1.0, 1.5]]), jnp.array([1]))
      Array(0.25, dtype=float32)

    Reference: torch.nn.functional.multi_margin_loss.
    """
    where = "multi_margin_loss"
    kind = reduction_of(where, reduction, size_average, reduce)
    if known("p", p, where) not in (1, 2):
        raise ValueError(f"{where}: p must be 1 or 2, got {p=}")
    x, rows = _scores(where, input)
    numbers = class_numbers("target", target, where)
    classes = rows.shape[1]
    if numbers.ndim > 1 or numbers.size != rows.shape[0]:
        raise ValueError(
            f"{where}: target must have one number for each of input's {rows.shape[0]} examples, "
            f"got target.shape={numbers.shape}"
        )
    w = optional("weight", weight, where)
    if w is not None and w.shape != (classes,):
        raise ValueError(
            f"{where}: weight must have one number for each of the {classes} classes, "
            f"got weight.shape={w.shape}"
        )
    check_same_dtype("input", x, where, weight=w)
    outside = (numbers < 0) | (numbers >= classes)
    check_inside("target", outside, numbers, f"from 0 to {classes - 1}", where)

    chosen = jnp.arange(classes) == numbers.reshape(-1, 1)
    own = jnp.where(chosen, rows, jnp.zeros_like(rows)).sum(1, keepdims=True)
    short = _positive(number("margin", margin, where) - own + rows)
    loss = jnp.where(chosen, jnp.zeros_like(rows), short if p == 1 else short * short)
    if w is not None:
        loss = loss * jnp.where(chosen, w, jnp.zeros_like(w)).sum(1, keepdims=True)
    loss = (loss.sum(1) / classes).reshape(numbers.shape)
    return reduced(outside_is_nan(loss, outside), kind, x.dtype)


def multilabel_margin_loss(
    input: ArrayLike,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> jax.Array:
    r"""Return a loss that puts several classes' scores above all others.

    .. math:: l_n = \frac{1}{C} \sum_{t} \sum_{c} \max(1 - x_{n,t} + x_{n,c},\, 0)

    over the targets t of an example, and the classes c that are none of them.

    Args:
      input: (N, C), (C) or (): scores, float32 or float64.
      target: of input's shape: class numbers from 0 to C - 1, up to the first -1 of each example;
        int64 (int32 where JAX's 64-bit dtypes are off).
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      reduction: 'none', 'mean' or 'sum'.

    Returns:
      A scalar of input's dtype; with 'none' (N), or () for one example.

    Raises:
      ValueError: shapes that do not fit; a class number outside, where it is known.
      TypeError: a dtype that PyTorch refuses.

    A class number outside that is not known, under jit say, has the loss nan, where PyTorch raises.
    All pairs of targets and classes are held at once: N C C numbers.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import multilabel_margin_loss
      >>> x, t = jnp.array([[0.5, 0.0, 1.0]]), jnp.array([[2, 0, -1]])
      >>> multilabel_margin_loss(x, t)
      Array(0.16666667, dtype=float32)

    Reference: torch.nn.functional.multilabel_margin_loss.
    """
    where = "multilabel_margin_loss"
    kind = reduction_of(where, reduction, size_average, reduce)
    x, rows = _scores(where, input)
    given = class_numbers("target", target, where)
    fits = given.shape == x.shape if x.ndim == 2 else given.ndim < 2 and given.size == x.size
    if not fits:
        raise ValueError(
            f"{where}: target must have input's shape {x.shape}, got target.shape={given.shape}"
        )
    numbers = given.reshape(rows.shape)
    classes = rows.shape[1]
    outside = (numbers < -1) | (numbers >= classes)
    check_inside("target", outside, numbers, f"from -1 to {classes - 1}", where)

    counts = jnp.cumsum(numbers < 0, axis=1) == 0  # up to the first -1
    named = counts[:, :, None] & (numbers[:, :, None] == jnp.arange(classes))
    own = jnp.where(named, rows[:, None, :], 0).sum(2)
    short = _positive(1 - own[:, :, None] + rows[:, None, :])
    pairs = counts[:, :, None] & ~named.any(1, keepdims=True)
    loss = jnp.where(pairs, short, jnp.zeros_like(short)).sum((1, 2)) / classes
    loss = outside_is_nan(loss, outside.any(1))
    return reduced(loss if x.ndim == 2 else loss.reshape(()), kind, x.dtype)
