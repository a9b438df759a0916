"""Losses of class numbers and of class probabilities: nll_loss and cross_entropy."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ._arguments import array, check_same_dtype, floating, integer, is_floating, optional, wide
from ._reduction import (
    check_inside,
    class_numbers,
    known,
    outside_is_nan,
    promoted,
    reduced,
    reduction_of,
)


def nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> jax.Array:
    r"""Return the negative of the target's entry: torch.nn.functional.nll_loss.

    .. math:: l_n = -w_{t_n} x_{n, t_n}, \qquad \text{mean} = \sum_n l_n / \sum_n w_{t_n}

    over the targets that are not to be ignored.

    Args:
      input: (N, C), (C) or (N, C, d1, ..., dK), of a floating dtype: logarithms of probabilities.
      target: (N), () or (N, d1, ..., dK): class numbers from 0 to C - 1, int64 (int32 where JAX's
        64-bit dtypes are off); uint8 too for an input of one or two dimensions.
      weight: (C), of input's dtype: a factor for each class.
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      ignore_index: a target whose loss and gradient are 0, and which does not count in the mean.
      reduction: 'none', 'mean' or 'sum'.

    Returns:
      A scalar of input's dtype; with 'none' an array of target's shape. The mean of nothing is nan.

    Raises:
      ValueError: shapes that do not fit; a class number outside, where it is known.
      TypeError: a dtype that PyTorch refuses.

    A class number outside that is not known, under jit say, has the loss nan, where PyTorch raises.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import nll_loss
      >>> nll_loss(jnp.array([[-1.0, -2.0], [-3.0, -4.0]]), jnp.array([0, 1]))
      Array(2.5, dtype=float32)

    Reference: torch.nn.functional.nll_loss.
    """
    where = "nll_loss"
    kind = reduction_of(where, reduction, size_average, reduce)
    x = floating("input", input, where)
    if x.ndim == 0:
        raise ValueError(f"{where}: input must have a dimension for the classes, got a scalar")
    return _of_numbers(where, x, wide(x), target, weight, ignore_index, 0.0, kind)


def cross_entropy(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> jax.Array:
    r"""Return the cross entropy of logits: torch.nn.functional.cross_entropy.

    .. math:: l_n = -\sum_c w_c\, q_{n,c} \log \mathrm{softmax}(x_n)_c

    with q the target's probabilities, or 1 for the target's class and 0 for the others. Smoothing
    by s takes (1 - s) q + s / C in their place.

    Args:
      input: (N, C), (C) or (N, C, d1, ..., dK), of a floating dtype: logits.
      target: class numbers as of `nll_loss`; or probabilities, of input's shape and floating.
      weight: (C): a factor for each class; of input's dtype where target has class numbers.
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      ignore_index: a class number whose loss and gradient are 0, and which does not count in the
        mean; not for probabilities.
      reduction: 'none', 'mean' or 'sum'. The mean divides by the sum of the targets' weights where
        target has class numbers, and by their number where it has probabilities.
      label_smoothing: s, at most 1; below 0 there is no smoothing.

    Returns:
      A scalar; with 'none' an array of input's shape without C. The mean of nothing is nan.

    Raises:
      ValueError: shapes that do not fit; a class number outside, where it is known.
      TypeError: a dtype that PyTorch refuses.

    A class number outside that is not known, under jit say, has the loss nan, where PyTorch raises.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import cross_entropy
      >>> cross_entropy(jnp.array([[0.0, 0.0]]), jnp.array([1])).round(4)
      Array(0.6931, dtype=float32)

    Reference: torch.nn.functional.cross_entropy.
    """
    where = "cross_entropy"
    kind = reduction_of(where, reduction, size_average, reduce)
    smoothing = known("label_smoothing", label_smoothing, where)
    if smoothing > 1:
        raise ValueError(
            f"{where}: label_smoothing must be between 0 and 1, got label_smoothing={smoothing}"
        )
    x = floating("input", input, where)
    if x.ndim == 0:
        raise ValueError(f"{where}: input must have a dimension for the classes, got a scalar")
    logs = jax.nn.log_softmax(wide(x), axis=_class_axis(x)) if x.size else wide(x)
    if array("target", target, where).shape != x.shape:
        return _of_numbers(where, x, logs, target, weight, ignore_index, max(smoothing, 0.0), kind)
    return _of_probabilities(where, x, logs, target, weight, ignore_index, smoothing, kind)


def _class_axis(x: jax.Array) -> int:
    return 0 if x.ndim == 1 else 1


def _weights(where: str, x: jax.Array, weight: ArrayLike | None) -> jax.Array | None:
    """Return the factors of the classes, one for each."""
    w = optional("weight", weight, where)
    classes = x.shape[_class_axis(x)]
    if w is not None and w.shape != (classes,):
        raise ValueError(
            f"{where}: weight must have one number for each of the {classes} classes, "
            f"got weight.shape={w.shape}"
        )
    return w


def _target(where: str, x: jax.Array, target: ArrayLike, smooth: bool) -> jax.Array:
    """Return the class numbers, of the shape that the losses have."""
    numbers = class_numbers("target", target, where, bytes=x.ndim <= 2)
    expected = x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()
    if x.ndim == 1 and numbers.shape == (1,) and not smooth:
        numbers = numbers.reshape(())
    if numbers.shape != expected:
        raise ValueError(
            f"{where}: target must have the shape {expected} for input.shape={x.shape}, "
            f"got target.shape={numbers.shape}"
        )
    return numbers


def _of_numbers(
    where: str,
    x: jax.Array,
    logs: jax.Array,
    target: ArrayLike,
    weight: ArrayLike | None,
    ignore_index: int,
    smoothing: float,
    reduction: str,
) -> jax.Array:
    """Return the loss of class numbers; `logs` is x, or its log-softmax, in the working dtype."""
    numbers = _target(where, x, target, smoothing > 0)
    w = _weights(where, x, weight)
    check_same_dtype("input", x, where, weight=w)
    axis, classes = _class_axis(x), x.shape[_class_axis(x)]
    ignored = numbers == integer("ignore_index", ignore_index, where)
    outside = ~ignored & ((numbers < 0) | (numbers >= classes))
    rule = f"a class number from 0 to {classes - 1}, or ignore_index={ignore_index}"
    check_inside("target", outside, numbers, rule, where)

    # A comparison and a sum rather than a gather: its gradient is no scatter.
    places = jnp.arange(classes).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    chosen = places == jnp.expand_dims(numbers, axis)
    factors = jnp.ones((classes,), logs.dtype) if w is None else wide(w)
    spread = factors.reshape(places.shape)
    of_targets = jnp.where(chosen, spread, 0).sum(axis)  # 0 for what is ignored and outside
    loss = -jnp.where(chosen, logs, 0).sum(axis) * of_targets
    if smoothing > 0:
        even = -(logs if w is None else logs * spread).sum(axis)
        loss = (1 - smoothing) * loss + smoothing / classes * even
    loss = jnp.where(ignored, jnp.zeros_like(loss), outside_is_nan(loss, outside))
    if reduction == "mean":
        counted = jnp.where(ignored, jnp.zeros_like(of_targets), of_targets)
        return (loss.sum() / counted.sum()).astype(x.dtype)
    return reduced(loss, reduction, x.dtype)


def _of_probabilities(
    where: str,
    x: jax.Array,
    logs: jax.Array,
    target: ArrayLike,
    weight: ArrayLike | None,
    ignore_index: int,
    smoothing: float,
    reduction: str,
) -> jax.Array:
    """Return the loss of class probabilities."""
    q = array("target", target, where)
    if not is_floating(q.dtype):
        raise TypeError(
            f"{where}: target of input's shape has probabilities and must be floating, "
            f"got target.dtype={q.dtype.name}"
        )
    if integer("ignore_index", ignore_index, where) >= 0:
        raise ValueError(
            f"{where}: ignore_index must not be given with probabilities, got {ignore_index=}"
        )
    w = _weights(where, x, weight)
    axis, classes = _class_axis(x), x.shape[_class_axis(x)]
    dtype = jnp.result_type(x, q) if w is None else jnp.result_type(x, q, w)
    (a, b), _ = promoted(where, input=logs, target=q)
    if smoothing > 0:
        b = b * (1 - smoothing) + smoothing / classes
    product = a * b
    if w is not None:
        product = product * w.reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    loss = -product.sum(axis)
    return reduced(loss, reduction, dtype)
