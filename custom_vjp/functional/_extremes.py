"""Maxima, minima and medians, of all elements or over a dimension."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from convgrad._arrays import is_floating

from .._arguments import axes, axis, not_empty, real
from ._pairs import maximum, minimum


class ValuesIndices(NamedTuple):
    """Elements that were chosen along a dimension, and where they stood."""

    values: jax.Array
    indices: jax.Array


Dim = int | tuple[int, ...] | list[int] | None
DimOrOther = int | jax.Array | np.ndarray | None  # an array is another input
Choose = Callable[..., jax.Array]


def _is_nan(x: jax.Array) -> jax.Array:
    return jnp.isnan(x) if is_floating(x.dtype) else jnp.zeros(x.shape, bool)


# Reductions to an element that stands in several places: each gets its share of the gradient.


class Reduction(NamedTuple):
    """How to reduce an array over dimensions, which are kept with size 1."""

    compute: Callable[[jax.Array, tuple[int, ...]], jax.Array]
    finds_nan: bool  # whether a nan in the result gives the gradient to the nans


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _shared(x: jax.Array, over: tuple[int, ...], how: Reduction) -> jax.Array:
    return how.compute(x, over)


@_shared.defjvp
def _shared_jvp(
    over: tuple[int, ...], how: Reduction, primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (x,), (t,) = primals, tangents
    y = _shared(x, over, how)
    mask = x == y
    if how.finds_nan:
        mask |= jnp.isnan(x) & jnp.isnan(y)
    count = mask.sum(over, keepdims=True).astype(x.dtype)
    share = jnp.where(count == 0, jnp.nan, jnp.where(mask, 1 / count, 0)).astype(x.dtype)
    return y, (share * t).sum(over, keepdims=True)


def _reduce(where: str, x: jax.Array, how: Reduction, dim: Dim, keepdim: bool) -> jax.Array:
    over = axes("dim", dim, x, where)
    not_empty(x, over, where)
    y = _shared(x, over, how)
    return y if keepdim else y.squeeze(over)


def _largest(x: jax.Array, over: tuple[int, ...]) -> jax.Array:
    return jnp.max(x, axis=over, keepdims=True)


def _smallest(x: jax.Array, over: tuple[int, ...]) -> jax.Array:
    return jnp.min(x, axis=over, keepdims=True)


# Where PyTorch reduces everything, it finds the nan that it returns; in amax and amin it does not.
AMAX, AMIN = Reduction(_largest, False), Reduction(_smallest, False)
MAX, MIN = Reduction(_largest, True), Reduction(_smallest, True)


def amax(input: ArrayLike, dim: Dim = (), keepdim: bool = False) -> jax.Array:
    r"""Return the maxima over dimensions; equal ones get equal shares of the gradient.

    Args:
      input: array of any shape and real dtype.
      dim: one dimension or several; all where it is empty or None.
      keepdim: whether to keep the reduced dimensions with size 1.

    Returns:
      The maxima, of input's dtype; nan where there is a nan.

    Raises:
      TypeError: a complex dtype, no array, or a dim that is no integer.
      ValueError: no such dimension, one given twice, or one without an element.

    jnp.max has the same derivative; it is here beside `max`, which over a dimension has another.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.amax(x, 0))(jnp.array([2.0, 2.0, 1.0]))
      Array([0.5, 0.5, 0. ], dtype=float32)

    Reference: torch.amax.
    """
    x = real("input", input, "amax", bools=True)
    return _reduce("amax", x, AMAX, dim, keepdim)


def amin(input: ArrayLike, dim: Dim = (), keepdim: bool = False) -> jax.Array:
    r"""Return the minima over dimensions; equal ones get equal shares of the gradient.

    Arguments, result and errors are those of `amax`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.amin(x, 0))(jnp.array([2.0, 1.0, 1.0]))
      Array([0. , 0.5, 0.5], dtype=float32)

    Reference: torch.amin.
    """
    x = real("input", input, "amin", bools=True)
    return _reduce("amin", x, AMIN, dim, keepdim)


# Reductions over one dimension choose one place, and it gets all of the gradient.


def _take(where: str, x: jax.Array, dim: int, keepdim: bool, choose: Choose) -> ValuesIndices:
    over = axis("dim", dim, x, where)
    flat = jnp.atleast_1d(x)
    not_empty(flat, (over,), where)
    indices = jnp.expand_dims(choose(flat, over), over)
    values = jnp.take_along_axis(flat, indices, over)
    if x.ndim == 0 or not keepdim:
        return ValuesIndices(values.squeeze(over), indices.squeeze(over))
    return ValuesIndices(values, indices)


def _extreme(
    where: str,
    input: ArrayLike,
    dim: DimOrOther,
    keepdim: bool,
    pair: Choose,
    how: Reduction,
    choose: Choose,
) -> jax.Array | ValuesIndices:
    x = real("input", input, where, bools=True)
    if dim is None:
        _no_keepdim(where, keepdim)
        return _reduce(where, x, how, None, False)
    if isinstance(dim, jax.Array | np.ndarray):
        return pair(input, dim)
    return _take(where, x, dim, keepdim, choose)


def _no_keepdim(where: str, keepdim: bool) -> None:
    if keepdim:
        raise TypeError(f"{where}: keepdim needs a dim, got dim=None and {keepdim=}")


def max(input: ArrayLike, dim: DimOrOther = None, keepdim: bool = False) -> Any:
    r"""Return the maximum, or the maxima over a dimension and where they stand.

    .. math:: \bar x_i = \bar y\,[x_i = y] / m \quad \text{(of m equal maxima)}, \qquad
        \bar x_i = \bar y\,[i = \text{the first of them}] \quad \text{(over a dimension)}

    Args:
      input: array of any shape and real dtype.
      dim: the dimension; None for the maximum of all elements. An array is another input: see
        `maximum`.
      keepdim: whether to keep the dimension with size 1.

    Returns:
      The maximum, a scalar; with dim a named tuple (values, indices). The first nan counts as the
      maximum.

    Raises:
      TypeError: a complex dtype, no array, or a dim that is no integer.
      ValueError: no such dimension, or none of its elements.

    jnp.max over a dimension shares the gradient out. The lecture's `custom_vjp.max` is another one.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> F.max(jnp.array([2.0, 2.0, 1.0]), 0)
      ValuesIndices(values=Array(2., dtype=float32), indices=Array(0, dtype=int32))
      >>> jax.grad(lambda x: F.max(x, 0).values)(jnp.array([2.0, 2.0, 1.0]))
      Array([1., 0., 0.], dtype=float32)

    Reference: torch.max.
    """
    return _extreme("max", input, dim, keepdim, maximum, MAX, jnp.argmax)


def min(input: ArrayLike, dim: DimOrOther = None, keepdim: bool = False) -> Any:
    r"""Return the minimum, or the minima over a dimension and where they stand.

    Arguments, result and errors are those of `max`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.min(x, 0).values)(jnp.array([2.0, 1.0, 1.0]))
      Array([0., 1., 0.], dtype=float32)

    Reference: torch.min.
    """
    return _extreme("min", input, dim, keepdim, minimum, MIN, jnp.argmin)


def _median_index(x: jax.Array, over: int, ignore_nan: bool) -> jax.Array:
    """Return where the lower one of the two in the middle stands, or the first nan."""
    order = jnp.argsort(x, axis=over)  # nans last
    nans = _is_nan(x)
    count = (~nans).sum(over, keepdims=True) if ignore_nan else x.shape[over]
    middle = jnp.maximum(jnp.asarray(count) - 1, 0) // 2
    shape = (*x.shape[:over], 1, *x.shape[over + 1 :])
    index = jnp.take_along_axis(order, jnp.broadcast_to(middle, shape), over).squeeze(over)
    return index if ignore_nan else jnp.where(nans.any(over), nans.argmax(over), index)


def _median_of_all(x: jax.Array, _: tuple[int, ...], ignore_nan: bool) -> jax.Array:
    flat = x.reshape(-1)
    return flat[_median_index(flat, 0, ignore_nan)].reshape((1,) * x.ndim)


MEDIAN = Reduction(partial(_median_of_all, ignore_nan=False), True)
NANMEDIAN = Reduction(partial(_median_of_all, ignore_nan=True), True)


def _median(
    where: str, input: ArrayLike, dim: int | None, keepdim: bool, ignore_nan: bool
) -> jax.Array | ValuesIndices:
    x = real("input", input, where)
    if dim is not None:
        return _take(where, x, dim, keepdim, partial(_median_index, ignore_nan=ignore_nan))
    _no_keepdim(where, keepdim)
    if x.size == 0 and is_floating(x.dtype):
        return x.sum() * jnp.nan
    return _reduce(where, x, NANMEDIAN if ignore_nan else MEDIAN, None, False)


def median(input: ArrayLike, dim: int | None = None, keepdim: bool = False) -> Any:
    r"""Return the median, or the medians over a dimension and where they stand.

    Of an even number of elements it is the lower one of the two in the middle. Of all elements,
    equal medians get equal shares of the gradient; over a dimension one of them gets all of it.

    Args:
      input: array of any shape; integer or floating.
      dim: the dimension; None for the median of all elements.
      keepdim: whether to keep the dimension with size 1.

    Returns:
      The median, a scalar; with dim a named tuple (values, indices). Where there is a nan, it is
      the first nan. The median of no floating elements at all is nan.

    Raises:
      TypeError: a bool or complex dtype, no array, or a dim that is no integer.
      ValueError: no such dimension, or none of its elements.

    Which of several equal medians over a dimension is chosen, PyTorch leaves open; here it is the
    one that a stable sort puts in the middle. jnp.median is the mean of the two in the middle.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> F.median(jnp.array([4.0, 1.0, 3.0, 2.0]))
      Array(2., dtype=float32)
      >>> jax.grad(F.median)(jnp.array([1.0, 2.0, 2.0]))
      Array([0. , 0.5, 0.5], dtype=float32)

    Reference: torch.median.
    """
    return _median("median", input, dim, keepdim, ignore_nan=False)


def nanmedian(input: ArrayLike, dim: int | None = None, keepdim: bool = False) -> Any:
    r"""Return the median of what is not nan, or such medians over a dimension and where they stand.

    Arguments, result and errors are those of `median`; the result is nan only where all is.

    Example:
      >>> import jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> F.nanmedian(jnp.array([1.0, jnp.nan, 2.0]))
      Array(1., dtype=float32)

    Reference: torch.nanmedian.
    """
    return _median("nanmedian", input, dim, keepdim, ignore_nan=True)
