"""What the functions of this package take: arrays, dtypes, numbers, keys.

The checks that other packages have are used from there: this file is the one place that knows it.
"""

import numbers
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from conv._arguments import boolean, integer
from conv._arrays import COMPLEX, FLOATING, INTEGER, array, check_dtype, check_same_dtype
from convgrad._arrays import is_complex, is_floating, is_inexact
from convgrad._jax import is_traced
from custom_vjp._arguments import axis

__all__ = [
    "COMPLEX",
    "FLOATING",
    "INTEGER",
    "array",
    "axis",
    "boolean",
    "check_dtype",
    "check_parameters",
    "check_same_dtype",
    "floating",
    "integer",
    "is_complex",
    "is_floating",
    "is_inexact",
    "is_traced",
    "narrow",
    "number",
    "optional",
    "probability",
    "random_key",
    "shape_of",
    "wide",
]


def floating(name: str, value: ArrayLike, where: str, *, complex: bool = False) -> jax.Array:
    """Return `value` as an array of a floating dtype; a complex one where `complex` allows it."""
    x = array(name, value, where)
    check_dtype(name, x, FLOATING + COMPLEX if complex else FLOATING, where)
    return x


def optional(name: str, value: ArrayLike | None, where: str) -> jax.Array | None:
    """Return `value` as an array, or None where it is None."""
    return None if value is None else array(name, value, where)


def number(name: str, value: Any, where: str) -> Any:
    """Return `value`, a real number: Python's, or a scalar array, traced or not."""
    if isinstance(value, numbers.Real):
        return value
    if getattr(value, "shape", None) == () and not is_complex(value.dtype):
        return value
    raise TypeError(f"{where}: {name} must be a real number, got {name}={value!r}")


def probability(value: float, where: str, name: str = "p") -> float:
    """Return `value`, a number from 0 to 1 that is known while tracing."""
    if is_traced(value):
        raise TypeError(
            f"{where}: {name} must be known while tracing: close over it, got {name}={value}"
        )
    p = float(number(name, value, where))
    if not 0 <= p <= 1:
        raise ValueError(f"{where}: {name} must be between 0 and 1, got {name}={value}")
    return p


def random_key(rng: jax.Array | None, where: str) -> jax.Array:
    """Return `rng`, a JAX key, from which a function in training draws."""
    if rng is None:
        raise ValueError(
            f"{where}: rng must be a JAX key where the function draws by chance, as with "
            f"training=True, got {rng=}"
        )
    if not isinstance(rng, jax.Array):
        raise TypeError(f"{where}: rng must be a JAX key, as of jax.random.key(0), got {rng=!r}")
    return rng


def shape_of(name: str, value: Sequence[int], where: str) -> tuple[int, ...]:
    """Return `value`, a sequence of integers, as a tuple."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise TypeError(f"{where}: {name} must be a tuple of integers, got {name}={value!r}")
    return tuple(integer(f"{name}[{i}]", part, where) for i, part in enumerate(value))


def check_parameters(x: jax.Array, where: str, **parameters: jax.Array | None) -> None:
    """Refuse parameters of mixed dtypes: all have input's, or float32 beside one of two bytes."""
    given = {name: value for name, value in parameters.items() if value is not None}
    allowed = {x.dtype.name, "float32"} if narrow(x) else {x.dtype.name}
    found = {value.dtype.name for value in given.values()}
    if len(found) > 1 or not found <= allowed:
        shown = ", ".join(f"{name}.dtype={value.dtype.name}" for name, value in given.items())
        rule = "input's dtype" + (", or all float32" if narrow(x) else "")
        raise TypeError(
            f"{where}: parameters must have {rule}, got input.dtype={x.dtype.name} and {shown}"
        )


def wide(x: jax.Array) -> jax.Array:
    """Return a float16 or bfloat16 array as float32, in which PyTorch computes with them."""
    return x.astype(jnp.float32) if narrow(x) else x


def narrow(x: jax.Array) -> bool:
    """Whether a dtype has two bytes: PyTorch computes in float32, and rounds once at the end."""
    return x.dtype.name in ("float16", "bfloat16")
