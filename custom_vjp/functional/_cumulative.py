"""The largest and the smallest element so far, along a dimension."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from convgrad._arrays import is_floating

from .._arguments import axis, real
from ._extremes import ValuesIndices


def _cumulate(
    where: str, input: ArrayLike, dim: int, run: Callable[..., jax.Array]
) -> ValuesIndices:
    x = real("input", input, where, bools=True)
    over = axis("dim", dim, x, where)
    flat = jnp.atleast_1d(lax.stop_gradient(x))
    flat = flat.astype(jnp.uint8) if flat.dtype == bool else flat
    reached = flat == run(flat, axis=over)
    if is_floating(flat.dtype):
        reached |= jnp.isnan(flat)  # from the first nan on nothing but another nan is one
    places = lax.broadcasted_iota(jax.dtypes.canonicalize_dtype(jnp.int64), flat.shape, over)
    indices = lax.cummax(jnp.where(reached, places, 0), axis=over)
    values = jnp.take_along_axis(jnp.atleast_1d(x), indices, over)
    return ValuesIndices(values.reshape(x.shape), indices.reshape(x.shape))


def cummax(input: ArrayLike, dim: int) -> ValuesIndices:
    r"""Return the largest element so far, and where it stands; of equal ones it is the last.

    .. math:: y_i = \max_{j \le i} x_j, \qquad \bar x_j = \sum_{i\,:\,k_i = j} \bar y_i

    with k the indices.

    Args:
      input: array of any shape and real dtype.
      dim: the dimension to go along.

    Returns:
      A named tuple (values, indices), both of input's shape. From the first nan on all is nan.

    Raises:
      TypeError: a complex dtype, no array, or a dim that is no integer.
      ValueError: no such dimension.

    jax.lax.cummax shares the gradient out between equal elements, by halves again and again.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.cummax(x, 0).values.sum())(jnp.array([1.0, 2.0, 2.0]))
      Array([1., 1., 1.], dtype=float32)

    Reference: torch.cummax.
    """
    return _cumulate("cummax", input, dim, lax.cummax)


def cummin(input: ArrayLike, dim: int) -> ValuesIndices:
    r"""Return the smallest element so far, and where it stands; of equal ones it is the last.

    Arguments, result and errors are those of `cummax`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.cummin(x, 0).values.sum())(jnp.array([2.0, 1.0, 1.0]))
      Array([1., 1., 1.], dtype=float32)

    Reference: torch.cummin.
    """
    return _cumulate("cummin", input, dim, lax.cummin)
