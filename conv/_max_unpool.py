"""Max unpooling as torch.nn.functional has it: values written back to where maxima stood."""

import math
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from convgrad._jax import is_traced

from ._arguments import IntOrTuple, at_least, bounded_integers, integer, integers
from ._arrays import FLOATING, array, check_dtype
from ._docs import FUNCTIONAL, documented
from ._windows import check_not_empty, check_pool_rank

Pair = tuple[jax.Array, jax.Array]


def _scatter(x: jax.Array, indices: jax.Array, size: int, once: bool) -> jax.Array:
    """Write rows of numbers into rows of zeros; `once` promises that no place is written twice."""
    rows = jnp.arange(x.shape[0])[:, None]
    empty = jnp.zeros((x.shape[0], size), x.dtype)
    return empty.at[rows, indices].set(
        x, mode="drop", unique_indices=once, wrap_negative_indices=False
    )


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _unpool(x: jax.Array, indices: jax.Array, size: int) -> jax.Array:
    return _scatter(x, indices, size, once=False)


@_unpool.defjvp
def _unpool_jvp(size: int, primals: Pair, tangents: Pair) -> Pair:
    """Transposed, the promise makes a plain reading of what was a writing.

    So each of several numbers that were written to one place gets its gradient, as in PyTorch.
    """
    (x, indices), (t, _) = primals, tangents
    return _unpool(x, indices, size), _scatter(t, indices, size, once=True)


@partial(jax.jit, static_argnames=("space",), inline=True)
def _unpooled(x: jax.Array, indices: jax.Array, space: tuple[int, ...]) -> jax.Array:
    lead, count = x.shape[: -len(space)], math.prod(x.shape[-len(space) :])
    rows = math.prod(lead)
    flat = _unpool(x.reshape(rows, count), indices.reshape(rows, count), math.prod(space))
    return flat.reshape(*lead, *space)


def _output_space(
    shape: Sequence[int],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    output_size: Sequence[int] | None,
    where: str,
) -> tuple[int, ...]:
    """Return the size that the pool came from: the least, or one that a pool takes to the same."""
    dims = len(kernel)
    least = tuple(
        (n - 1) * s + k - 2 * p
        for n, s, k, p in zip(shape[-dims:], stride, kernel, padding, strict=True)
    )
    if output_size is None:
        return least
    if not isinstance(output_size, tuple | list):
        raise TypeError(
            f"{where}: output_size must be a tuple of integers, got output_size={output_size!r}"
        )
    given = tuple(output_size)
    given = given[2:] if len(given) == dims + 2 else given
    if len(given) != dims:
        raise ValueError(
            f"{where}: output_size must have {dims} entries, or {dims + 2} with batch and "
            f"channels, got output_size={tuple(output_size)}"
        )
    sizes = tuple(integer(f"output_size[{i}]", n, where) for i, n in enumerate(given))
    if any(not d - s < n < d + s for n, d, s in zip(sizes, least, stride, strict=True)):
        raise ValueError(
            f"{where}: output_size must differ by less than stride={stride} from {least}, the "
            f"size that input.shape={tuple(shape)}, kernel_size={kernel} and padding={padding} "
            f"give, got output_size={sizes}"
        )
    return sizes


def _check_indices(indices: jax.Array, space: tuple[int, ...], where: str) -> None:
    """Refuse places outside of the output, where the indices are known."""
    if is_traced(indices) or 0 in (indices.size, math.prod(space)):
        return
    values = np.asarray(indices)
    low, high = values.min(), values.max()
    if low < 0 or high >= math.prod(space):
        raise ValueError(
            f"{where}: indices must be from 0 to {math.prod(space) - 1}, places in an output of "
            f"size {space}, got {low if low < 0 else high}"
        )


def _max_unpool(
    dims: int,
    input: ArrayLike,
    indices: ArrayLike,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None,
    padding: IntOrTuple,
    output_size: Sequence[int] | None,
) -> jax.Array:
    where = f"max_unpool{dims}d"
    x, places = array("input", input, where), array("indices", indices, where)
    kernel = bounded_integers("kernel_size", kernel_size, dims, 1, where, expand=False)
    strides = kernel
    if stride is not None:
        strides = bounded_integers("stride", stride, dims, 1, where, expand=False)
    pads = integers("padding", padding, dims, where, expand=False)
    check_pool_rank(x.shape, dims, where)
    space = _output_space(x.shape, kernel, strides, pads, output_size, where)
    wide = jax.dtypes.canonicalize_dtype(jnp.int64)
    if places.dtype != wide:
        raise TypeError(
            f"{where}: indices must be {wide.name}, as max_pool{dims}d returns them, "
            f"got indices.dtype={places.dtype.name}"
        )
    if places.shape != x.shape:
        raise ValueError(
            f"{where}: indices must have input's shape, got indices.shape={places.shape} and "
            f"input.shape={x.shape}"
        )
    check_not_empty(x.shape, x.shape[-dims - 1 :], where)
    at_least("output_size", space, 0, where)
    check_dtype("input", x, FLOATING, where)
    _check_indices(places, space, where)
    return _unpooled(x, places, space)


_DOCS = r"""
.. math:: y_{n,c,i} = x_{n,c,j} \text{ where } i = \mathrm{indices}_{n,c,j}, \text{ else } 0

Args:
  input: (N, C, $out) or (C, $out), as max_pool${dims}d returns it. A floating dtype.
  indices: $places, of input's shape: int64, as `max_pool${dims}d` returns them with
    return_indices=True (int32 where JAX has 64-bit dtypes switched off).
  kernel_size: size of the pool's window, in $units: $an_int.
  stride: step of the window, in $units; None is kernel_size.
  padding: $units on both sides that the pool added.
  output_size: $size, or (N, C, $space); $least

Returns:
  (N, C, $space) or (C, $space), of the input's dtype. Each number gets the gradient from its place.

Raises:
  ValueError: a shape or a size that PyTorch refuses; indices outside of the output, where they
    are known. Under jit what they point to is left out.
  TypeError: a dtype that PyTorch refuses, or arguments of a wrong type.

Where several numbers go to one place, one of them stays: on CPU the last.
"""
_LEAST_OF_A_LINE = """None is (M - 1) stride - 2 padding + kernel_size. Pools
    whose windows do not reach the end have several sizes with the same result."""
_LEAST = "None is the least size that the pool comes from."
_docs = partial(documented, _DOCS, FUNCTIONAL)


@_docs(1, places="positions in (L)", size="(L,)", least=_LEAST_OF_A_LINE)
def max_unpool1d(
    input: ArrayLike,
    indices: ArrayLike,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    output_size: Sequence[int] | None = None,
) -> jax.Array:
    """Write the maxima of a signal back to where they stood: torch.nn.functional.max_unpool1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import max_pool1d, max_unpool1d
      >>> x = jnp.array([[1.0, 3.0, 2.0, 5.0, 4.0]])
      >>> y, indices = max_pool1d(x, 2, return_indices=True)
      >>> max_unpool1d(y, indices, 2)
      Array([[0., 3., 0., 5.]], dtype=float32)
      >>> max_unpool1d(y, indices, 2, output_size=x.shape[-1:])
      Array([[0., 3., 0., 5., 0.]], dtype=float32)
    """
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


@_docs(2, places="flat positions in (H, W)", size="(H, W)", least=_LEAST)
def max_unpool2d(
    input: ArrayLike,
    indices: ArrayLike,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    output_size: Sequence[int] | None = None,
) -> jax.Array:
    """Write the maxima of an image back to where they stood: torch.nn.functional.max_unpool2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import max_pool2d, max_unpool2d
      >>> y, indices = max_pool2d(jnp.array([[[1.0, 3.0], [2.0, 5.0]]]), 2, return_indices=True)
      >>> max_unpool2d(y, indices, 2)
      Array([[[0., 0.],
              [0., 5.]]], dtype=float32)
    """
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


@_docs(3, places="flat positions in (D, H, W)", size="(D, H, W)", least=_LEAST)
def max_unpool3d(
    input: ArrayLike,
    indices: ArrayLike,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    output_size: Sequence[int] | None = None,
) -> jax.Array:
    """Write the maxima of a volume back to where they stood: torch.nn.functional.max_unpool3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import max_pool3d, max_unpool3d
      >>> x = jnp.array([[[[1.0, 3.0], [2.0, 5.0]]]])
      >>> y, indices = max_pool3d(x, (1, 2, 2), return_indices=True)
      >>> max_unpool3d(y, indices, (1, 2, 2)).shape
      (1, 1, 2, 2)
    """
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
