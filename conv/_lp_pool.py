"""Pooling by p-norms as torch.nn.functional has it: powers around an average pool."""

import math
from functools import partial

import jax
from jax.typing import ArrayLike

from custom_vjp import functional as F

from ._arguments import IntOrTuple, integer, integers
from ._arrays import AVG_POOL, array, check_dtype
from ._avg_pool import averaged
from ._docs import FUNCTIONAL, documented
from ._max_pool import maxima


def _lp_pool(
    dims: int,
    input: ArrayLike,
    norm_type: float,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None,
    ceil_mode: bool,
) -> jax.Array:
    where = f"lp_pool{dims}d"
    x = array("input", input, where)
    check_dtype("input", x, (*AVG_POOL, "bool"), where)
    if x.dtype == bool:
        x = x.astype(jax.dtypes.canonicalize_dtype("int64"))
    if not isinstance(norm_type, int | float):
        raise TypeError(f"{where}: norm_type must be a number, got norm_type={norm_type!r}")
    if norm_type == 0:
        raise ValueError(f"{where}: norm_type must not be 0, got norm_type={norm_type}")
    if x.dtype.name == "int64" and isinstance(norm_type, int) and norm_type < 0:
        raise ValueError(
            f"{where}: integers must not be raised to a negative integer, got "
            f"norm_type={norm_type} for input.dtype={x.dtype.name}"
        )
    if math.isinf(norm_type):
        sign = 1 if norm_type > 0 else -1
        arguments = (kernel_size, stride, 0, 1)
        return sign * maxima(dims, sign * F.abs(x), arguments, ceil_mode, False, where=where)
    if dims == 1:
        count = integer("kernel_size", kernel_size, where)
    else:
        count = math.prod(integers("kernel_size", kernel_size, dims, where, expand=False))
    means = averaged(
        dims, F.pow(x, norm_type), (kernel_size, stride, 0), ceil_mode, True, where=where
    )
    # PyTorch's formula, whose derivatives at 0 are those of its parts.
    sums = F.sign(means) * F.relu(F.abs(means)) * count
    return F.pow(sums, 1.0 / norm_type)


_DOCS = r"""
.. math:: y_{n,c,i} = \Bigl(\sum_u x_{n,c,\,s \odot i + u}^p\Bigr)^{1/p}

of the numbers themselves, not of their absolute values (with an odd p a sum may be negative, and
its root nan). An infinite p is the largest absolute value, -inf the smallest.

Args:
  input: (N, C, $space) or (C, $space). $dtypes; int64 and bool give float32.
  norm_type: p, a number; 1 is the sum, and a large p near the maximum.
  kernel_size: size of the window, in $units: $an_int$most.
  stride: step of the window, in $units; None is kernel_size.
  ceil_mode: whether a last window may hang over the end: its sum is scaled up to a full one.

Returns:
  (N, C, $out) or (C, $out), of the input's dtype.

Raises:
  ValueError: a shape or a size that PyTorch refuses; a norm_type of 0.
  TypeError: a dtype that PyTorch refuses, or arguments of a wrong type.
"""
_docs = partial(documented, _DOCS, FUNCTIONAL)


@_docs(1, dtypes="A floating dtype", most="")
def lp_pool1d(
    input: ArrayLike,
    norm_type: float,
    kernel_size: int,
    stride: IntOrTuple | None = None,
    ceil_mode: bool = False,
) -> jax.Array:
    """Return the p-norm of each window of a signal: torch.nn.functional.lp_pool1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import lp_pool1d
      >>> lp_pool1d(jnp.array([[3.0, 4.0, 0.0, 2.0]]), 2, 2)
      Array([[5., 2.]], dtype=float32)
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


@_docs(2, dtypes="A floating dtype", most="")
def lp_pool2d(
    input: ArrayLike,
    norm_type: float,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    ceil_mode: bool = False,
) -> jax.Array:
    """Return the p-norm of each window of an image: torch.nn.functional.lp_pool2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import lp_pool2d
      >>> lp_pool2d(jnp.array([[[1.0, 3.0], [1.0, 5.0]]]), 2, 2)
      Array([[[6.]]], dtype=float32)
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


@_docs(3, dtypes="float32, float64", most="; at most the input's")
def lp_pool3d(
    input: ArrayLike,
    norm_type: float,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    ceil_mode: bool = False,
) -> jax.Array:
    """Return the p-norm of each window of a volume: torch.nn.functional.lp_pool3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import lp_pool3d
      >>> lp_pool3d(jnp.array([[[[1.0, 3.0], [1.0, 5.0]]]]), 2, (1, 2, 2))
      Array([[[[6.]]]], dtype=float32)
    """
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
