"""Fractional max pooling as torch.nn.functional has it: windows at random steps."""

import math
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from convgrad._paths import keep_path

from ._arguments import IntOrTuple, bounded_integers
from ._arrays import FLOATING, array, check_dtype, check_same_dtype
from ._max_pool import Maxima
from ._windows import check_not_empty, check_pool_rank


def _starts(samples: jax.Array, size: int, count: int, kernel: int) -> jax.Array:
    """Return where the windows of one axis start, (..., count), for a sample in [0, 1) each."""
    last = jnp.full((*samples.shape, 1), size - kernel, jnp.int32)
    if count == 1:
        return last
    step = jnp.asarray(size - kernel, samples.dtype) / jnp.asarray(count - 1, samples.dtype)
    sample = samples[..., None]
    at = jnp.arange(count - 1).astype(samples.dtype)
    first = ((at + sample) * step).astype(jnp.int32) - (sample * step).astype(jnp.int32)
    return jnp.concatenate([first, last], -1)


@partial(jax.jit, static_argnames=("kernel", "counts"), inline=True)
def _pooled(
    x: jax.Array, samples: jax.Array, kernel: tuple[int, ...], counts: tuple[int, ...]
) -> tuple[jax.Array, jax.Array]:
    """Return the maxima of (N, C, *space), and their flat positions in the space."""
    x = keep_path(x)
    dims, space = len(kernel), x.shape[2:]
    index_type = jax.dtypes.canonicalize_dtype(jnp.int64)
    samples = lax.stop_gradient(samples)
    # PyTorch takes the samples of an image in the order (width, height), of a volume in that of
    # the dimensions.
    order = (1, 0) if dims == 2 else (0, 1, 2)
    flat = jnp.zeros((*x.shape[:2], *(1,) * (2 * dims)), index_type)
    for d, (size, count, k) in enumerate(zip(space, counts, kernel, strict=True)):
        starts = _starts(samples[..., order[d]], size, count, k)
        seen = starts[..., None] + jnp.arange(k)  # (N, C, count, k)
        shape = [*x.shape[:2], *(1,) * (2 * dims)]
        shape[2 + d], shape[2 + dims + d] = count, k
        flat = flat * size + seen.reshape(shape).astype(index_type)
    flat = flat.reshape(*x.shape[:2], math.prod(counts), math.prod(kernel))
    numbers = x.reshape(*x.shape[:2], math.prod(space))
    every = flat.reshape(*x.shape[:2], math.prod(counts) * math.prod(kernel))
    taps = jnp.take_along_axis(lax.stop_gradient(numbers), every, -1, mode="clip")
    taps = taps.reshape(flat.shape)
    # Of equal maxima the first; of several NaN the last.
    missing = jnp.isnan(taps)
    back = lax.argmax(jnp.flip(missing, -1), 3, jnp.int32)
    which = jnp.where(missing.any(-1), taps.shape[-1] - 1 - back, lax.argmax(taps, 3, jnp.int32))
    indices = jnp.take_along_axis(flat, which[..., None], -1)[..., 0]
    values = jnp.take_along_axis(numbers, indices, -1, mode="clip")
    return values.reshape(*x.shape[:2], *counts), indices.reshape(*x.shape[:2], *counts)


def _counts(
    shape: Sequence[int],
    dims: int,
    output_size: IntOrTuple | None,
    output_ratio: float | Sequence[float] | None,
    where: str,
) -> tuple[int, ...]:
    if output_size is not None:
        return bounded_integers("output_size", output_size, dims, 1, where, expand=False)
    if output_ratio is None:
        raise ValueError(f"{where}: output_size or output_ratio must be given, got None for both")
    each = output_ratio if isinstance(output_ratio, tuple | list) else (output_ratio,) * dims
    if len(each) != dims or not all(isinstance(r, int | float) for r in each):
        raise ValueError(
            f"{where}: output_ratio must be a number or {dims} of them, got "
            f"output_ratio={output_ratio!r}"
        )
    counts = tuple(int(n * r) for n, r in zip(shape[-dims:], each, strict=True))
    if min(counts) < 1:
        raise ValueError(
            f"{where}: output_ratio must leave a window in each dimension, got "
            f"output_ratio={output_ratio} for input.shape={tuple(shape)}"
        )
    return counts


def _samples(
    x: jax.Array, dims: int, given: ArrayLike | None, key: jax.Array | None, where: str
) -> jax.Array:
    """Return a number from [0, 1) for each image, channel and dimension."""
    batch = x.shape[0] if x.ndim == dims + 2 else 1
    shape = (batch, x.shape[-dims - 1], dims)
    if given is None:
        if key is None:
            raise ValueError(
                f"{where}: the windows are random: pass key=jax.random.key(...), or "
                f"_random_samples of shape {shape}"
            )
        return jax.random.uniform(key, shape, x.dtype)
    samples = array("_random_samples", given, where)
    check_same_dtype("input", x, where, _random_samples=samples)
    if samples.ndim != 3 or samples.shape[1:] != shape[1:] or samples.shape[0] < batch:
        raise ValueError(
            f"{where}: _random_samples must have the shape {shape}, (batch, channels, dimensions), "
            f"got _random_samples.shape={samples.shape}"
        )
    return samples[:batch]


def _fractional(
    dims: int,
    input: ArrayLike,
    kernel_size: IntOrTuple,
    output_size: IntOrTuple | None,
    output_ratio: float | Sequence[float] | None,
    return_indices: bool,
    given: ArrayLike | None,
    key: jax.Array | None,
) -> Maxima:
    where = f"fractional_max_pool{dims}d"
    x = array("input", input, where)
    kernel = bounded_integers("kernel_size", kernel_size, dims, 1, where, expand=False)
    check_pool_rank(x.shape, dims, where)
    counts = _counts(x.shape, dims, output_size, output_ratio, where)
    check_not_empty(x.shape, x.shape[-dims - 1 :], where)
    room = 1 if dims == 2 else 2  # PyTorch's volumes must leave a voxel more
    if any(
        n + k > size + 2 - room for n, k, size in zip(counts, kernel, x.shape[-dims:], strict=True)
    ):
        raise ValueError(
            f"{where}: output_size + kernel_size must not exceed the input's size"
            f"{' + 1' if dims == 2 else ''}, got {counts} windows of kernel_size={kernel} for "
            f"input.shape={x.shape}"
        )
    check_dtype("input", x, FLOATING, where)
    samples = _samples(x, dims, given, key, where)
    batched = x if x.ndim == dims + 2 else x[None]
    values, indices = _pooled(batched, samples, kernel, counts)
    if x.ndim == dims + 1:
        values, indices = values[0], indices[0]
    return (values, indices) if return_indices else values


def fractional_max_pool2d(
    input: ArrayLike,
    kernel_size: IntOrTuple,
    output_size: IntOrTuple | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: ArrayLike | None = None,
    *,
    key: jax.Array | None = None,
) -> Maxima:
    r"""Return maxima of windows at random steps: torch.nn.functional.fractional_max_pool2d.

    Window i of m, of k over n pixels, starts at

    .. math:: \lfloor (i + u) a \rfloor - \lfloor u a \rfloor, \quad a = (n - k) / (m - 1)

    with one number u from [0, 1) for each image, channel and dimension; the last one ends with the
    image. Of equal maxima the first, in row-major order, gets the gradient; NaN counts as the
    largest (of several, the last).

    Args:
      input: (N, C, H, W) or (C, H, W), of a floating dtype.
      kernel_size: size of the windows, in pixels: an int or a pair.
      output_size: number of windows: an int or (H', W').
      output_ratio: the same as a part of the input's size: a number or a pair.
      return_indices: whether to return where the maxima stand, too.
      _random_samples: the numbers u, (N, C, 2) or (1, C, 2), of input's dtype; the last dimension
        is (width, height), as in PyTorch.
      key: what to draw them with, where they are not given: a key of jax.random.

    Returns:
      (N, C, H', W') or (C, H', W'), of the input's dtype; with return_indices a pair with the flat
      positions in (H, W) of the maxima, int64 (int32 where JAX has 64-bit dtypes switched off).

    Raises:
      ValueError: a shape or a size that PyTorch refuses; neither key nor _random_samples.
      TypeError: a dtype that PyTorch refuses, or arguments of a wrong type.

    Departs from PyTorch, which has one state for all random numbers: a key is to be passed. Sizes
    of 0 are refused; output_ratio may be one number.

    Example:
      >>> import jax
      >>> from conv import fractional_max_pool2d
      >>> x = jax.random.normal(jax.random.key(0), (20, 16, 50, 32))
      >>> fractional_max_pool2d(x, 3, output_size=(13, 12), key=jax.random.key(1)).shape
      (20, 16, 13, 12)

    Reference: torch.nn.functional.fractional_max_pool2d.
    """
    return _fractional(
        2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples, key
    )


def fractional_max_pool3d(
    input: ArrayLike,
    kernel_size: IntOrTuple,
    output_size: IntOrTuple | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: ArrayLike | None = None,
    *,
    key: jax.Array | None = None,
) -> Maxima:
    r"""Return maxima of windows at random steps: torch.nn.functional.fractional_max_pool3d.

    Windows, ties and NaN are as in `fractional_max_pool2d`.

    Args:
      input: (N, C, D, H, W) or (C, D, H, W), of a floating dtype.
      kernel_size: size of the windows, in voxels: an int or one a dimension.
      output_size: number of windows: an int or (D', H', W').
      output_ratio: the same as a part of the input's size: a number or one a dimension.
      return_indices: whether to return where the maxima stand, too.
      _random_samples: numbers from [0, 1), (N, C, 3) or (1, C, 3), of input's dtype.
      key: what to draw them with, where they are not given: a key of jax.random.

    Returns:
      (N, C, D', H', W') or (C, D', H', W'), of the input's dtype; with return_indices a pair with
      the flat positions in (D, H, W) of the maxima, int64 (int32 where JAX has 64-bit dtypes
      switched off).

    Raises:
      ValueError: a shape or a size that PyTorch refuses; neither key nor _random_samples.
      TypeError: a dtype that PyTorch refuses, or arguments of a wrong type.

    Departs from PyTorch, which has one state for all random numbers: a key is to be passed. Sizes
    of 0 are refused.

    Example:
      >>> import jax
      >>> from conv import fractional_max_pool3d
      >>> x = jax.random.normal(jax.random.key(0), (2, 4, 9, 8, 7))
      >>> fractional_max_pool3d(x, 2, output_ratio=0.5, key=jax.random.key(1)).shape
      (2, 4, 4, 4, 3)

    Reference: torch.nn.functional.fractional_max_pool3d.
    """
    return _fractional(
        3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples, key
    )
