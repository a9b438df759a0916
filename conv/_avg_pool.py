"""Average pooling as torch.nn.functional has it: doors over `_windows` and `_pooling`."""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from convgrad._paths import keep_path

from ._arguments import IntOrTuple, boolean, integer
from ._arrays import AVG_POOL, COMPLEX, FLOATING, array, check_dtype
from ._docs import FUNCTIONAL, REFUSED, documented
from ._pooling import avg_pool
from ._sizes import empty
from ._windows import (
    adaptive_counts,
    adaptive_windows,
    check_kernel_fits,
    check_not_empty,
    pool_windows,
)

Sizes = int | Sequence[int | None]


def averaged(
    dims: int,
    input: ArrayLike,
    arguments: tuple[IntOrTuple, IntOrTuple | None, IntOrTuple],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
    where: str | None = None,
) -> jax.Array:
    """Check the arguments of an average pool, or of what is made of one (`where`); compute it."""
    where = where or f"avg_pool{dims}d"
    x = array("input", input, where)
    ceil = boolean("ceil_mode", ceil_mode, where)
    count_pad = boolean("count_include_pad", count_include_pad, where)
    divisor = divisor_override
    if divisor is not None:
        divisor = integer("divisor_override", divisor, where)
        if divisor == 0:
            raise ValueError(f"{where}: divisor_override must not be zero, got 0")
    windows = pool_windows(x.shape, dims, *arguments, 1, ceil, where)
    if dims == 3:
        check_kernel_fits(x.shape, windows, where)
    allowed = ("float32", "float64", "int64") if dims == 3 else AVG_POOL
    check_dtype("input", x, allowed, where)
    return avg_pool(keep_path(x), windows, count_pad, divisor)


def _adaptive_avg_pool(dims: int, input: ArrayLike, output_size: Sizes) -> jax.Array:
    where = f"adaptive_avg_pool{dims}d"
    x = array("input", input, where)
    counts = adaptive_counts(x.shape, dims, output_size, where)
    # One window is a plain mean to PyTorch: of complex numbers too, and of nothing, which is NaN.
    mean = set(counts) == {1}
    if not mean:
        check_not_empty(x.shape, x.shape[-dims:] if dims < 3 else x.shape[1:], where)
    if dims < 3 and not mean and empty((*x.shape[:-dims], *counts)):
        return jnp.zeros((*x.shape[:-dims], *counts), x.dtype)  # of any dtype, as in PyTorch
    check_dtype("input", x, FLOATING + COMPLEX if mean else FLOATING, where)
    x = x if mean else keep_path(x)
    return avg_pool(x, adaptive_windows(x.shape, counts, where), False, None)


_DOCS = r"""
.. math:: y_{n,c,i} = \frac{1}{m_i} \sum_{u} x_{n,c,\,s \odot i + u - p}

where m_i is the number of the window's elements, padding counted or not.

Args:
  input: (N, C, $space) or (C, $space). $dtypes (divided towards zero).
  kernel_size: size of the window, in $units: $an_int$most.
  stride: step of the window, in $units; None is kernel_size.
  padding: zeros on both sides, in $units, at most half of kernel_size.
  ceil_mode: whether a last window may hang over the end (it starts inside).
  count_include_pad: whether the zeros of `padding` count as elements.$divisor
"""
_ADAPTIVE_DOCS = """
Window i of m over n elements reaches from floor(i n / m) up to, but without, ceil((i+1) n / m).

Args:
  input: (N, C, $space) or (C, $space), of a floating dtype; for a single window, complex too.
  output_size: number of windows: an int$none.
"""
_RETURNS = """
Returns:
  (N, C, $out) or (C, $out), of the input's dtype.
"""
_docs = partial(
    documented,
    _DOCS + _RETURNS + REFUSED,
    FUNCTIONAL,
    dtypes="A floating dtype or int64",
    most="",
    divisor="\n  divisor_override: what to divide every sum by, instead of the number of elements.",
)
_adaptive_docs = partial(documented, _ADAPTIVE_DOCS + _RETURNS + REFUSED, FUNCTIONAL)


@_docs(1, divisor="")
def avg_pool1d(
    input: ArrayLike,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> jax.Array:
    """Return the mean of each window of a signal: torch.nn.functional.avg_pool1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import avg_pool1d
      >>> x = jnp.array([[1.0, 3.0, 2.0, 5.0]])
      >>> avg_pool1d(x, 2)
      Array([[2. , 3.5]], dtype=float32)
    """
    arguments = (kernel_size, stride, padding)
    return averaged(1, input, arguments, ceil_mode, count_include_pad)


@_docs(2)
def avg_pool2d(
    input: ArrayLike,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> jax.Array:
    """Return the mean of each window of an image: torch.nn.functional.avg_pool2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import avg_pool2d
      >>> x = jnp.array([[[1.0, 3.0], [2.0, 5.0]]])
      >>> avg_pool2d(x, 2)
      Array([[[2.75]]], dtype=float32)
    """
    arguments = (kernel_size, stride, padding)
    return averaged(2, input, arguments, ceil_mode, count_include_pad, divisor_override)


@_docs(3, dtypes="float32, float64 or int64", most="; at most the input's")
def avg_pool3d(
    input: ArrayLike,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> jax.Array:
    """Return the mean of each window of a volume: torch.nn.functional.avg_pool3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import avg_pool3d
      >>> x = jnp.array([[[[1.0, 3.0], [2.0, 5.0]]]])
      >>> avg_pool3d(x, (1, 2, 2))
      Array([[[[2.75]]]], dtype=float32)
    """
    arguments = (kernel_size, stride, padding)
    return averaged(3, input, arguments, ceil_mode, count_include_pad, divisor_override)


@_adaptive_docs(1)
def adaptive_avg_pool1d(input: ArrayLike, output_size: IntOrTuple) -> jax.Array:
    """Return means over windows that cover a signal: torch.nn.functional.adaptive_avg_pool1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import adaptive_avg_pool1d
      >>> adaptive_avg_pool1d(jnp.arange(5.0)[None], 3)
      Array([[0.5, 2. , 3.5]], dtype=float32)
    """
    return _adaptive_avg_pool(1, input, output_size)


@_adaptive_docs(2)
def adaptive_avg_pool2d(input: ArrayLike, output_size: Sizes) -> jax.Array:
    """Return means over windows that cover an image: torch.nn.functional.adaptive_avg_pool2d.

    PyTorch takes inputs of any rank where `output_size` asks for a single window; here they must
    have one of the two shapes below.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import adaptive_avg_pool2d
      >>> adaptive_avg_pool2d(jnp.arange(4.0).reshape(1, 2, 2), 1)
      Array([[[1.5]]], dtype=float32)
    """
    return _adaptive_avg_pool(2, input, output_size)


@_adaptive_docs(3)
def adaptive_avg_pool3d(input: ArrayLike, output_size: Sizes) -> jax.Array:
    """Return means over windows that cover a volume: torch.nn.functional.adaptive_avg_pool3d.

    PyTorch takes inputs of any rank where `output_size` asks for a single window; here they must
    have one of the two shapes below.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import adaptive_avg_pool3d
      >>> adaptive_avg_pool3d(jnp.arange(8.0).reshape(1, 2, 2, 2), 1)
      Array([[[[3.5]]]], dtype=float32)
    """
    return _adaptive_avg_pool(3, input, output_size)
