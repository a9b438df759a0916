"""What the functions of this package take: arrays, dtypes, dimensions."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convgrad import _arrays
from convgrad._arrays import is_complex, is_floating, is_inexact, is_number
from convgrad._integers import as_integer
from convgrad._jax import is_traced

DEFAULT = np.dtype("float32")  # what PyTorch makes of integers where a function needs floats


def array(name: str, value: object, where: str) -> jax.Array:
    """Return `value` as a JAX array: an array, what wraps one, or a Python number."""
    return _arrays.array(name, value, where, numbers=True)


def real(name: str, value: object, where: str, *, bools: bool = False) -> jax.Array:
    """Return `value` as an array of a real dtype; a bool only where `bools` allows it."""
    x = array(name, value, where)
    if is_complex(x.dtype) or (x.dtype == bool and not bools):
        kinds = "bool, integer or floating" if bools else "integer or floating"
        raise TypeError(f"{where}: {name} must be {kinds}, got {name}.dtype={x.dtype.name}")
    return x


def number(name: str, value: Any, where: str) -> float:
    """Return `value`, a real number that is known while tracing, as a float."""
    if is_traced(value):
        raise TypeError(f"{where}: {name} must be known while tracing: close over it, got {value}")
    if real(name, value, where, bools=True).ndim != 0:
        raise TypeError(f"{where}: {name} must be a real number, got {name}={value!r}")
    return float(value)


def floating(name: str, value: object, where: str, *, complex: bool = False) -> jax.Array:
    """Return `value` as an array of a floating dtype; a complex one where `complex` allows it."""
    x = array(name, value, where)
    if not (is_floating(x.dtype) or (complex and is_complex(x.dtype))):
        kinds = "floating or complex" if complex else "floating"
        raise TypeError(f"{where}: {name} must be {kinds}, got {name}.dtype={x.dtype.name}")
    return x


def together(where: str, *, as_floats: bool = False, **values: object) -> list[jax.Array]:
    """Bring arrays and Python numbers to one dtype and one shape, as PyTorch promotes them.

    Integers beside a Python float become float32, and so do integers alone with `as_floats`.
    """
    arrays = {name: array(name, value, where) for name, value in values.items()}
    dtype = jnp.result_type(*(v if is_number(v) else arrays[n] for n, v in values.items()))
    exact = all(
        is_number(value) or not is_inexact(arrays[name].dtype) for name, value in values.items()
    )
    if exact and is_complex(dtype):
        dtype = np.dtype("complex64")
    elif exact and (as_floats or is_inexact(dtype)):
        dtype = DEFAULT
    try:
        shape = jnp.broadcast_shapes(*(x.shape for x in arrays.values()))
    except ValueError:
        given = ", ".join(f"{name}.shape={x.shape}" for name, x in arrays.items())
        raise ValueError(f"{where}: the shapes must broadcast, got {given}") from None
    return [jnp.broadcast_to(x.astype(dtype), shape) for x in arrays.values()]


def reals(where: str, *, as_floats: bool = True, **values: object) -> list[jax.Array]:
    """Bring arrays and numbers to one real dtype and one shape; integers become float32."""
    for name, value in values.items():
        real(name, value, where, bools=True)
    return together(where, as_floats=as_floats, **values)


def axis(name: str, value: object, x: jax.Array, where: str) -> int:
    """Return a dimension of `x`, counted from its end where negative, as a number from 0."""
    index = as_integer(value)
    if index is None:
        raise TypeError(f"{where}: {name} must be an integer, got {name}={value!r}")
    ndim = max(x.ndim, 1)  # an array of shape () may be asked for its dimension 0 or -1
    if not -ndim <= index < ndim:
        raise ValueError(
            f"{where}: {name} must be from {-ndim} to {ndim - 1} for an input of shape {x.shape}, "
            f"got {name}={value}"
        )
    return index % ndim


def axes(name: str, value: object, x: jax.Array, where: str) -> tuple[int, ...]:
    """Return dimensions of `x`; None and an empty tuple are all of them."""
    given = value if isinstance(value, tuple | list) else () if value is None else (value,)
    found = tuple(axis(name, part, x, where) for part in given)
    if len(set(found)) != len(found):
        raise ValueError(
            f"{where}: {name} must not have a dimension twice, got {name}={value} for an input of "
            f"shape {x.shape}"
        )
    if x.ndim == 0:
        return ()
    return found or tuple(range(x.ndim))


def not_empty(x: jax.Array, over: tuple[int, ...], where: str) -> None:
    """Refuse to reduce dimensions without an element."""
    if any(x.shape[i] == 0 for i in over):
        raise ValueError(
            f"{where}: the reduced dimensions must have an element, got dimensions {over} of an "
            f"input of shape {x.shape}"
        )
