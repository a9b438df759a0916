"""Losses of probabilities and logits of two classes."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from custom_vjp.functional._rules import derivative

from ._arguments import array, check_same_dtype, floating, optional, wide
from ._reduction import EPSILON, check_inside, outside_is_nan, reduced, reduction_of
from ._smooth import logsigmoid


@derivative(
    lambda t, _, x, y: t * ((x - y) / jnp.maximum((1 - x) * x, EPSILON)),
    lambda t, _, x, *__: t * (jnp.log(1 - x) - jnp.log(x)),
)
def _entropy(x: jax.Array, y: jax.Array) -> jax.Array:
    """Return -y log(x) - (1 - y) log(1 - x), the logarithms not below -100."""
    return (y - 1) * jnp.maximum(jnp.log1p(-x), -100) - y * jnp.maximum(jnp.log(x), -100)


def _check_pair(where: str, input: jax.Array, target: jax.Array) -> None:
    if input.shape != target.shape:
        raise ValueError(
            f"{where}: input and target must have the same shape, "
            f"got input.shape={input.shape} and target.shape={target.shape}"
        )


def _check_broadcasts(where: str, name: str, x: jax.Array | None, shape: tuple[int, ...]) -> None:
    """Refuse factors that would make the losses larger."""
    if x is None:
        return
    try:
        fits = jnp.broadcast_shapes(x.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{where}: {name} must broadcast to target's shape {shape}, got {name}.shape={x.shape}"
        )


def binary_cross_entropy(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> jax.Array:
    r"""Return the cross entropy of probabilities: torch.nn.functional.binary_cross_entropy.

    .. math:: l = -w\,(t \log x + (1 - t) \log(1 - x)), \qquad
        l'_x = w\,\frac{x - t}{\max(x (1 - x),\, 10^{-12})}

    with logarithms that are not below -100.

    Args:
      input: probabilities, from 0 to 1, of any shape and a floating dtype.
      target: probabilities, from 0 to 1, of input's shape and dtype.
      weight: factors that broadcast to input's shape.
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      reduction: 'none', 'mean' or 'sum'.

    Returns:
      A scalar of input's dtype; with 'none' an array of input's shape.

    Raises:
      ValueError: shapes that do not fit; a value outside of 0 to 1, where it is known.
      TypeError: a dtype that PyTorch refuses.

    A value outside that is not known, under jit say, gives nan, where PyTorch raises.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import binary_cross_entropy
      >>> binary_cross_entropy(jnp.array([0.0, 0.5]), jnp.array([1.0, 1.0]), reduction="none")
      Array([100.        ,   0.6931472], dtype=float32)

    Reference: torch.nn.functional.binary_cross_entropy.
    """
    where = "binary_cross_entropy"
    kind = reduction_of(where, reduction, size_average, reduce)
    x, y = floating("input", input, where), array("target", target, where)
    _check_pair(where, x, y)
    check_same_dtype("input", x, where, target=y)
    w = optional("weight", weight, where)
    _check_broadcasts(where, "weight", w, x.shape)
    outside = {name: ~((v >= 0) & (v <= 1)) for name, v in (("input", x), ("target", y))}
    for name, value in (("input", x), ("target", y)):
        check_inside(name, outside[name], value, "between 0 and 1", where)
    loss = outside_is_nan(_entropy(wide(x), wide(y)), outside["input"] | outside["target"])
    if w is not None:
        loss = loss * w.astype(loss.dtype)
    return reduced(loss, kind, x.dtype)


def binary_cross_entropy_with_logits(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: ArrayLike | None = None,
) -> jax.Array:
    r"""Return the cross entropy of logits of two classes.

    .. math:: l = -w\,(p\,t \log \sigma(x) + (1 - t) \log(1 - \sigma(x)))

    Args:
      input: logits, of any shape and a floating dtype.
      target: probabilities, of input's shape and a floating dtype.
      weight: factors w that broadcast to input's shape.
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      reduction: 'none', 'mean' or 'sum'.
      pos_weight: factors p of the positive class that broadcast to input's shape.

    Returns:
      A scalar of target's dtype; with 'none' an array of input's shape.

    Raises:
      ValueError: shapes that do not fit.
      TypeError: a dtype that PyTorch refuses.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import binary_cross_entropy_with_logits
      >>> binary_cross_entropy_with_logits(jnp.array([100.0]), jnp.array([0.0]))
      Array(100., dtype=float32)

    Reference: torch.nn.functional.binary_cross_entropy_with_logits.
    """
    where = "binary_cross_entropy_with_logits"
    kind = reduction_of(where, reduction, size_average, reduce)
    x, y = floating("input", input, where), floating("target", target, where)
    _check_pair(where, x, y)
    w, p = optional("weight", weight, where), optional("pos_weight", pos_weight, where)
    _check_broadcasts(where, "weight", w, y.shape)
    _check_broadcasts(where, "pos_weight", p, y.shape)
    a, b = wide(x), wide(y)
    logs = logsigmoid(a)
    if p is not None:
        logs = logs * ((wide(p) - 1) * b + 1)
    loss = (1 - b) * a - logs
    if w is not None:
        loss = loss * wide(w)
    return reduced(loss, kind, y.dtype)
