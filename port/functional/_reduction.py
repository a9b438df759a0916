"""What all losses share: their arguments brought to one form, and the three ways to sum up."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike

from custom_vjp._arguments import number as known
from custom_vjp._arguments import together

from ._arguments import array, check_dtype, is_traced, wide

__all__ = [
    "EPSILON",
    "REDUCTIONS",
    "check_inside",
    "class_numbers",
    "known",
    "outside_is_nan",
    "promoted",
    "reduced",
    "reduction_of",
    "warn_of_sizes",
]

REDUCTIONS = ("none", "mean", "sum")
EPSILON = float(np.float32(1e-12))  # PyTorch has it in float32, for all dtypes


def reduction_of(
    where: str,
    reduction: str,
    size_average: bool | None = None,
    reduce: bool | None = None,
    *,
    also: tuple[str, ...] = ("elementwise_mean",),
) -> str:
    """Return how a loss is summed up, also where it is asked for in PyTorch's former ways.

    Args:
      where: the loss.
      reduction: 'none', 'mean', 'sum', or one of `also`.
      size_average, reduce: if one is given, they say it in place of reduction, with a warning.
      also: what else the loss takes.
    """
    if size_average is not None or reduce is not None:
        each = reduce is not None and not reduce
        total = size_average is not None and not size_average
        reduction = "none" if each else "sum" if total else "mean"
        warnings.warn(
            f"{where}: size_average and reduce are deprecated. Use reduction={reduction!r}.",
            UserWarning,
            stacklevel=3,
        )
        return reduction
    if reduction not in (*REDUCTIONS, *also):
        raise ValueError(
            f"{where}: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction=}"
        )
    if reduction == "elementwise_mean":
        warnings.warn(
            f"{where}: reduction='elementwise_mean' is deprecated. Use reduction='mean'.",
            UserWarning,
            stacklevel=3,
        )
        return "mean"
    return str(reduction)


def reduced(loss: jax.Array, reduction: str, dtype: DTypeLike) -> jax.Array:
    """Return all losses, their mean or their sum, in a dtype."""
    if reduction == "mean":
        loss = loss.mean()
    elif reduction == "sum":
        loss = loss.sum()
    return loss.astype(dtype)


def promoted(
    where: str, *, as_floats: bool = False, **values: ArrayLike
) -> tuple[list[jax.Array], np.dtype]:
    """Bring arrays to one shape and dtype, as PyTorch promotes them, and say which.

    The arrays are float32 where the dtype has two bytes, so that they are rounded once, at the end.
    """
    arrays = {name: array(name, value, where) for name, value in values.items()}
    found = together(where, as_floats=as_floats, **arrays)
    return [wide(x) for x in found], found[0].dtype


def warn_of_sizes(where: str, input: jax.Array, target: jax.Array) -> None:
    """Warn where input and target have different shapes, as PyTorch does."""
    if input.shape != target.shape:
        warnings.warn(
            f"{where}: input and target should have the same shape, as broadcasting is likely to "
            f"give another result than is meant, got input.shape={input.shape} and "
            f"target.shape={target.shape}",
            UserWarning,
            stacklevel=4,
        )


def class_numbers(name: str, value: ArrayLike, where: str, *, bytes: bool = False) -> jax.Array:
    """Return an array of class numbers: int64, or int32 where JAX's 64-bit dtypes are off."""
    numbers = array(name, value, where)
    wanted = jax.dtypes.canonicalize_dtype(np.int64).name
    check_dtype(name, numbers, (wanted, "uint8") if bytes else (wanted,), where)
    return numbers


def check_inside(
    name: str,
    outside: jax.Array | np.ndarray,
    value: jax.Array | np.ndarray,
    rule: str,
    where: str,
) -> None:
    """Refuse values of which one is outside of what is allowed, where they are known."""
    if is_traced(outside):
        return
    found = np.asarray(outside)
    if found.any():
        first = np.asarray(value)[found].ravel()[0]
        raise ValueError(f"{where}: {name} must be {rule}, got {first}")


def outside_is_nan(loss: jax.Array, outside: jax.Array) -> jax.Array:
    """Return nan for a loss whose target is not allowed: a tracer cannot be refused."""
    return jnp.where(outside, jnp.full_like(loss, jnp.nan), loss)
