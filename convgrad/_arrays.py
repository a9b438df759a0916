"""Which Python objects are arrays, and what their dtypes can do."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

# What is taken for an array: JAX's, NumPy's, or a scalar of NumPy.
Array = jax.Array | np.ndarray | np.bool_ | np.number
NUMBERS = (bool, int, float, complex)


def is_array(value: object) -> bool:
    """Whether a value is an array: JAX's (traced or not), NumPy's, or a scalar of NumPy.

    Python's numbers are none.
    """
    return isinstance(value, jax.Array | np.ndarray | np.generic)


def is_number(value: object) -> bool:
    """Whether a value is a number of Python's, or what JAX makes of one where it hands it on.

    NumPy's scalars are arrays, though some of them are floats of Python's too.
    """
    return isinstance(value, NUMBERS) and not isinstance(value, np.generic)


def array(name: str, value: object, where: str, *, numbers: bool = False) -> jax.Array:
    """Return `value` as a JAX array: an array, what wraps one, or with `numbers` a Python number.

    Raises:
      TypeError: for all else, by the name of the argument and of the function that takes it.
    """
    if isinstance(value, jax.Array):
        return value
    if isinstance(value, np.ndarray | np.generic) or (numbers and is_number(value)):
        return jnp.asarray(value)
    if hasattr(value, "__jax_array__"):
        return jnp.asarray(value.__jax_array__())
    kinds = "an array or a number" if numbers else "an array"
    raise TypeError(f"{where}: {name} must be {kinds}, got {name}={value!r}")


def is_inexact(dtype: DTypeLike) -> bool:
    """Whether values of a dtype can carry a gradient: floating point or complex."""
    return bool(jnp.issubdtype(dtype, jnp.inexact))


def is_floating(dtype: DTypeLike) -> bool:
    """Whether a dtype is a real floating one."""
    return bool(jnp.issubdtype(dtype, jnp.floating))


def is_complex(dtype: DTypeLike) -> bool:
    """Whether a dtype is complex."""
    return bool(jnp.issubdtype(dtype, jnp.complexfloating))


def conj(x: jax.Array) -> jax.Array:
    """Return the complex conjugate of an array, and the array itself where it is real."""
    return jnp.conj(x) if is_complex(x.dtype) else x
