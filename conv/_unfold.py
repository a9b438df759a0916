"""unfold and fold: windows to columns, and their sum back. One spatial axis after the other."""

import math
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from ._arguments import IntOrTuple, bounded_integers, integer
from ._arrays import COLUMNS, array, check_dtype
from ._sizes import known, window_output_size
from ._taps import taps_of
from ._windows import Windows

Pair = tuple[Windows, Windows]


def _windows(
    size: Sequence[int],
    kernel_size: IntOrTuple,
    dilation: IntOrTuple,
    padding: IntOrTuple,
    stride: IntOrTuple,
    name: str,
    where: str,
) -> Pair:
    kernel = bounded_integers("kernel_size", kernel_size, 2, 1, where, expand=False)
    dilations = bounded_integers("dilation", dilation, 2, 1, where, expand=False)
    pads = bounded_integers("padding", padding, 2, 0, where, expand=False)
    strides = bounded_integers("stride", stride, 2, 1, where, expand=False)
    counts = []
    for n, k, s, p, d in zip(size, kernel, strides, pads, dilations, strict=True):
        n = integer(f"each part of {name}", n, where)
        counts.append(window_output_size(n, k, s, (p, p), d))
    if min(counts) < 1:
        raise ValueError(
            f"{where}: there must be at least one window in each dimension, but {name}={size} with "
            f"kernel_size={kernel}, dilation={dilations}, padding={pads}, stride={strides} "
            f"has {tuple(counts)}"
        )
    rows, columns = (
        Windows(size[i], counts[i], kernel[i], strides[i], pads[i], dilations[i]) for i in (0, 1)
    )
    return rows, columns


@partial(jax.jit, static_argnames=("windows",), inline=True)
def _unfold(x: jax.Array, windows: Pair) -> jax.Array:
    zero = jnp.zeros((), x.dtype)
    for axis, window in zip((2, 4), windows, strict=True):
        x = jnp.stack(taps_of(x, axis, window, zero), axis)  # the axis becomes (kernel, count)
    n, c, kh, oh, kw, ow = x.shape
    return x.transpose(0, 1, 2, 4, 3, 5).reshape(n, c * kh * kw, oh * ow)


@partial(jax.jit, static_argnames=("windows",), inline=True)
def _fold(x: jax.Array, windows: Pair) -> jax.Array:
    rows, columns = windows
    channels = x.shape[1] // (rows.kernel * columns.kernel)
    x = x.reshape(x.shape[0], channels, rows.kernel, columns.kernel, rows.count, columns.count)
    x = x.transpose(0, 1, 2, 4, 3, 5)
    return _add_taps(_add_taps(x, 4, columns), 2, rows)


def _add_taps(x: jax.Array, axis: int, windows: Windows) -> jax.Array:
    """Add the taps up to where they were taken from: (kernel, count) becomes one axis again."""
    add = jnp.logical_or if x.dtype == bool else jnp.add
    padded = windows.size + 2 * windows.padding
    span = windows.stride * (windows.count - 1) + 1
    total = jnp.zeros((), x.dtype)
    for t in range(windows.kernel):
        first = windows.dilation * t
        config = [(0, 0, 0)] * (x.ndim - 1)
        config[axis] = (first, padded - first - span, windows.stride - 1)
        tap = lax.index_in_dim(x, t, axis, keepdims=False)
        total = add(total, lax.pad(tap, jnp.zeros((), x.dtype), config))
    return lax.slice_in_dim(total, windows.padding, windows.padding + windows.size, axis=axis)


def unfold(
    input: ArrayLike,
    kernel_size: IntOrTuple,
    dilation: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    stride: IntOrTuple = 1,
) -> jax.Array:
    r"""Write each window of an image as a column: torch.nn.functional.unfold (im2col).

    .. math:: y_{n,\,(c,u,v),\,(i,j)} = x_{n,c,\,s_1 i + d_1 u - p_1,\,s_2 j + d_2 v - p_2}

    so that ``weight.reshape(O, -1) @ unfold(x, ...)`` is a convolution.

    Args:
      input: the images, (N, C, H, W), or one, (C, H, W). A float or complex dtype, or bool.
      kernel_size: size of the windows, in pixels: an int, or (height, width).
      dilation: distance between a window's elements, in pixels: an int or a pair.
      padding: zeros on both sides, in pixels: an int or a pair.
      stride: distance between windows, in pixels: an int or a pair.

    Returns:
      (N, C kH kW, L) or (C kH kW, L), with L the number of windows, row by row.

    Raises:
      ValueError: an input of another rank, sizes that leave no window, an empty input (an empty
        batch is fine).
      TypeError: a dtype that PyTorch refuses, or arguments of a wrong type.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import unfold
      >>> unfold(jnp.arange(6.0).reshape(1, 2, 3), 2)
      Array([[0., 1.],
             [1., 2.],
             [3., 4.],
             [4., 5.]], dtype=float32)

    Reference: torch.nn.functional.unfold.
    """
    where = "unfold"
    x = array("input", input, where)
    if x.ndim not in (3, 4):
        raise ValueError(
            f"{where}: input must have 3 dimensions (unbatched) or 4 (batched), "
            f"got input.shape={x.shape}"
        )
    if any(known(n) and n == 0 for n in x.shape[-3:]):
        raise ValueError(
            f"{where}: of input's sizes only the batch may be 0, got input.shape={x.shape}"
        )
    check_dtype("input", x, COLUMNS, where)
    windows = _windows(x.shape[-2:], kernel_size, dilation, padding, stride, "size", where)
    return _unfold(x, windows) if x.ndim == 4 else _unfold(x[None], windows)[0]


def fold(
    input: ArrayLike,
    output_size: IntOrTuple,
    kernel_size: IntOrTuple,
    dilation: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    stride: IntOrTuple = 1,
) -> jax.Array:
    r"""Add windows up to an image: torch.nn.functional.fold (col2im), the adjoint of unfold.

    .. math:: y_{n,c,\,s_1 i + d_1 u - p_1,\,s_2 j + d_2 v - p_2} \mathrel{+}= x_{n,(c,u,v),(i,j)}

    Args:
      input: the windows as columns, (N, C kH kW, L) or (C kH kW, L), as `unfold` returns them. A
        float or complex dtype, or bool (where adding is `or`).
      output_size: size of the image, in pixels: an int, or (H, W).
      kernel_size, dilation, padding, stride: as in `unfold`.

    Returns:
      (N, C, H, W) or (C, H, W).

    Raises:
      ValueError: an input of another rank, rows that are no multiple of kH kW, or a number of
        columns that is not that of the windows in an image of `output_size`.
      TypeError: a dtype that PyTorch refuses, or arguments of a wrong type.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import fold
      >>> fold(jnp.ones((4, 2)), (2, 3), 2)
      Array([[[1., 2., 1.],
              [1., 2., 1.]]], dtype=float32)

    Reference: torch.nn.functional.fold.
    """
    where = "fold"
    x = array("input", input, where)
    size = bounded_integers("output_size", output_size, 2, 1, where, expand=False)
    windows = _windows(size, kernel_size, dilation, padding, stride, "output_size", where)
    if x.ndim not in (2, 3) or any(known(n) and n == 0 for n in x.shape[-2:]):
        raise ValueError(
            f"{where}: input must have 2 dimensions (unbatched) or 3 (batched), of which only the "
            f"batch may be 0, got input.shape={x.shape}"
        )
    check_dtype("input", x, COLUMNS, where)
    rows, columns = x.shape[-2:]
    taps, counts = math.prod(w.kernel for w in windows), [w.count for w in windows]
    if rows % taps:
        raise ValueError(
            f"{where}: input.shape[-2] must be a multiple of kernel_size's product {taps}, "
            f"got input.shape={x.shape}"
        )
    if columns != counts[0] * counts[1]:
        raise ValueError(
            f"{where}: input.shape[-1] must be the number of windows, "
            f"{counts[0]} * {counts[1]} for output_size={size}, got input.shape={x.shape}"
        )
    return _fold(x, windows) if x.ndim == 3 else _fold(x[None], windows)[0]
