"""Max pooling as torch.nn.functional has it: doors over `_windows` and `_pooling`."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
from jax.typing import ArrayLike

from ._arguments import IntOrTuple, boolean
from ._arrays import FLOATING, MAX_POOL, array, check_dtype
from ._docs import FUNCTIONAL, REFUSED, documented
from ._pooling import max_pool
from ._windows import adaptive_counts, adaptive_windows, check_not_empty, pool_windows

Maxima = jax.Array | tuple[jax.Array, jax.Array]
Sizes = int | Sequence[int | None]


def maxima(
    dims: int,
    input: ArrayLike,
    arguments: tuple[IntOrTuple, IntOrTuple | None, IntOrTuple, IntOrTuple],
    ceil_mode: bool,
    return_indices: bool,
    where: str | None = None,
) -> Any:
    """Check the arguments of a max pool, or of a function (`where`) made of one; compute it."""
    where = where or f"max_pool{dims}d"
    x = array("input", input, where)
    with_indices = bool(return_indices)  # any truth value, as in PyTorch
    ceil = boolean("ceil_mode", ceil_mode, where)
    windows = pool_windows(x.shape, dims, *arguments, ceil, where)
    # PyTorch's own path for one dimension without indices knows floats only.
    check_dtype("input", x, FLOATING if dims == 1 and not with_indices else MAX_POOL, where)
    values, indices = max_pool(x, windows)
    return (values, indices) if with_indices else values


def _adaptive_max_pool(
    dims: int, input: ArrayLike, output_size: Sizes, return_indices: bool
) -> Maxima:
    where = f"adaptive_max_pool{dims}d"
    x = array("input", input, where)
    with_indices = bool(return_indices)  # any truth value, as in PyTorch
    counts = adaptive_counts(x.shape, dims, output_size, where)
    check_not_empty(x.shape, x.shape[1:], where)
    windows = adaptive_windows(x.shape, counts, where)
    check_dtype("input", x, FLOATING, where)
    values, indices = max_pool(x, windows)
    return (values, indices) if with_indices else values


_DOCS = r"""
.. math:: y_{n,c,i} = \max_{u} x_{n,c,\,s \odot i + d \odot u - p}

over the elements inside of the input. Of equal maxima the first, in row-major order, gets the
gradient; NaN counts as the largest (of several, the last).

Args:
  input: (N, C, $space) or (C, $space). $dtypes.
  kernel_size: size of the window, in $units: $an_int.
  stride: step of the window, in $units; None is kernel_size.
  padding: $units on both sides that no maximum takes, at most half of kernel_size.
  dilation: distance between a window's elements, in $units.
  ceil_mode: whether a last window may hang over the end (it starts inside).
  return_indices: whether to return where the maxima stand, too.
"""
_ADAPTIVE_DOCS = """
Window i of m over n elements reaches from floor(i n / m) up to, but without, ceil((i+1) n / m).
Ties and NaN are treated as by `max_pool${dims}d`.

Args:
  input: (N, C, $space) or (C, $space), of a floating dtype.
  output_size: number of windows: an int$none.
  return_indices: whether to return where the maxima stand, too.
"""
_RETURNS = """
Returns:
  (N, C, $out) or (C, $out), of the input's dtype; with return_indices a pair with the flat
  positions in ($space) of the maxima, int64 (int32 where JAX has 64-bit dtypes switched off).
"""
_DTYPES = "A floating dtype or int8, uint8, int16, int32, int64"
_docs = partial(documented, _DOCS + _RETURNS + REFUSED, FUNCTIONAL, dtypes=_DTYPES)
_adaptive_docs = partial(documented, _ADAPTIVE_DOCS + _RETURNS + REFUSED, FUNCTIONAL)


@_docs(1, dtypes="A floating dtype, or an integer one with return_indices")
def max_pool1d(
    input: ArrayLike,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Maxima:
    """Return the maximum of each window of a signal: torch.nn.functional.max_pool1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import max_pool1d
      >>> x = jnp.array([[1.0, 3.0, 2.0, 5.0]])
      >>> max_pool1d(x, 2)
      Array([[3., 5.]], dtype=float32)
    """
    arguments = (kernel_size, stride, padding, dilation)
    return maxima(1, input, arguments, ceil_mode, return_indices)


@_docs(2)
def max_pool2d(
    input: ArrayLike,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Maxima:
    """Return the maximum of each window of an image: torch.nn.functional.max_pool2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import max_pool2d
      >>> x = jnp.array([[[1.0, 3.0], [2.0, 5.0]]])
      >>> max_pool2d(x, 2)
      Array([[[5.]]], dtype=float32)
    """
    arguments = (kernel_size, stride, padding, dilation)
    return maxima(2, input, arguments, ceil_mode, return_indices)


@_docs(3)
def max_pool3d(
    input: ArrayLike,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Maxima:
    """Return the maximum of each window of a volume: torch.nn.functional.max_pool3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import max_pool3d
      >>> x = jnp.array([[[[1.0, 3.0], [2.0, 5.0]]]])
      >>> max_pool3d(x, (1, 2, 2))
      Array([[[[5.]]]], dtype=float32)
    """
    arguments = (kernel_size, stride, padding, dilation)
    return maxima(3, input, arguments, ceil_mode, return_indices)


@_adaptive_docs(1)
def adaptive_max_pool1d(
    input: ArrayLike, output_size: IntOrTuple, return_indices: bool = False
) -> Maxima:
    """Return maxima over windows that cover a signal: torch.nn.functional.adaptive_max_pool1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import adaptive_max_pool1d
      >>> adaptive_max_pool1d(jnp.arange(10.0)[None], 4)
      Array([[2., 4., 7., 9.]], dtype=float32)
    """
    return _adaptive_max_pool(1, input, output_size, return_indices)


@_adaptive_docs(2)
def adaptive_max_pool2d(
    input: ArrayLike, output_size: Sizes, return_indices: bool = False
) -> Maxima:
    """Return maxima over windows that cover an image: torch.nn.functional.adaptive_max_pool2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import adaptive_max_pool2d
      >>> adaptive_max_pool2d(jnp.arange(4.0).reshape(1, 2, 2), 1)
      Array([[[3.]]], dtype=float32)
    """
    return _adaptive_max_pool(2, input, output_size, return_indices)


@_adaptive_docs(3)
def adaptive_max_pool3d(
    input: ArrayLike, output_size: Sizes, return_indices: bool = False
) -> Maxima:
    """Return maxima over windows that cover a volume: torch.nn.functional.adaptive_max_pool3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import adaptive_max_pool3d
      >>> adaptive_max_pool3d(jnp.arange(8.0).reshape(1, 2, 2, 2), 1)
      Array([[[[7.]]]], dtype=float32)
    """
    return _adaptive_max_pool(3, input, output_size, return_indices)
