"""What may stand where an array is asked for, and of which dtypes."""

import jax
from flax import nnx
from jax.typing import ArrayLike

from convgrad import _arrays

from ._sizes import empty

# The dtypes that PyTorch's CPU computes each function in; everything else is refused, as there.
FLOATING = ("float16", "bfloat16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
INTEGER = ("int8", "uint8", "int16", "int32", "int64")
CONVOLUTION = FLOATING + COMPLEX + INTEGER
DILATED_CONVOLUTION = (*FLOATING, *COMPLEX, "int64")
EDGE_PAD = CONVOLUTION
ANY_PAD = (*EDGE_PAD, "bool")
MAX_POOL = (*FLOATING, *INTEGER)
AVG_POOL = (*FLOATING, "int64")
COLUMNS = (*FLOATING, *COMPLEX, "bool")


def array(name: str, value: ArrayLike | nnx.Variable, where: str) -> jax.Array:
    """Return `value` as a JAX array: JAX and NumPy arrays, and what wraps one (nnx.Param)."""
    if isinstance(value, nnx.Variable):
        value = value[...]
    return _arrays.array(name, value, where)


def check_dtype(name: str, value: jax.Array, allowed: tuple[str, ...], where: str) -> None:
    """Refuse dtypes that are not in `allowed`."""
    if value.dtype.name not in allowed:
        raise TypeError(
            f"{where}: {name} must be of one of the dtypes {', '.join(allowed)}, "
            f"got {name}.dtype={value.dtype.name}"
        )


def check_conv_dtypes(
    x: jax.Array, weight: jax.Array, bias: jax.Array | None, dilated: bool, where: str
) -> None:
    """Refuse what PyTorch's CPU has no convolution for, and a mix of dtypes.

    With an empty batch or no channels there is nothing to compute, and any dtype will do.
    """
    if not empty(x.shape[: 2 - weight.ndim]):
        check_dtype("input", x, DILATED_CONVOLUTION if dilated else CONVOLUTION, where)
    check_same_dtype("input", x, where, weight=weight, bias=bias)


def check_same_dtype(first: str, value: jax.Array, where: str, **others: jax.Array | None) -> None:
    """Refuse a mix of dtypes: nothing is promoted, as in PyTorch."""
    for name, other in others.items():
        if other is not None and other.dtype != value.dtype:
            raise TypeError(
                f"{where}: {first} and {name} must have the same dtype, "
                f"got {first}.dtype={value.dtype.name} and {name}.dtype={other.dtype.name}"
            )
