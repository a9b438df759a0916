"""The lecture's two views of a convolution: a sparse matrix, and scalar products with windows."""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from ._arguments import IntOrTuple, bounded_integers
from ._arrays import CONVOLUTION, array, check_conv_dtypes, check_dtype
from ._sizes import ConvArguments, check_bias, conv_arguments, conv_output, window_output_size


def _taps(
    length: int, kernel: int, stride: int, pair: tuple[int, int], dilation: int
) -> np.ndarray:
    """For output i and input j: which kernel element links them, or -1 (an (L_out, L_in) table)."""
    count = window_output_size(length, kernel, stride, pair, dilation)
    offset = np.arange(length)[None, :] + pair[0] - stride * np.arange(count)[:, None]
    inside = (offset >= 0) & (offset <= dilation * (kernel - 1)) & (offset % dilation == 0)
    return np.where(inside, offset // dilation, -1)


@partial(jax.jit, static_argnames=("length", "args"), inline=True)
def _matrix(weight: jax.Array, length: tuple[int, ...], args: ConvArguments) -> jax.Array:
    out_channels, per_group = weight.shape[:2]
    # Across groups the weight is zero: write them out as block-diagonal channels.
    blocks = jnp.zeros(
        (args.groups, out_channels // args.groups, args.groups, per_group, *weight.shape[2:]),
        weight.dtype,
    )
    group = np.arange(args.groups)
    grouped = weight.reshape(args.groups, -1, *weight.shape[1:])
    dense = blocks.at[group, :, group].set(grouped)
    matrix = dense.reshape(out_channels, args.groups * per_group, *weight.shape[2:])
    axis = 2
    for d in range(args.dims):
        kernel = weight.shape[2 + d]
        taps = _taps(length[d], kernel, args.stride[d], args.padding[d], args.dilation[d])
        # The kernel's axis becomes two, output and input position; zero off the band.
        spread = jnp.take(matrix, jnp.asarray(taps.clip(0)), axis=axis)
        band = (taps >= 0).reshape(taps.shape + (1,) * (args.dims - 1 - d))
        matrix = jnp.where(band, spread, jnp.zeros((), weight.dtype))
        axis += 2
    n = args.dims
    outputs, inputs = (range(2 + first, 2 + 2 * n, 2) for first in (0, 1))
    return matrix.transpose(0, *outputs, 1, *inputs)


def conv_matrix(
    weight: ArrayLike,
    length: IntOrTuple,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> jax.Array:
    r"""Write a convolution as the matrix that it is: kernels stacked and shifted, zero elsewhere.

    .. math:: A_{o,i,c,j} = w_{o,c,t} \text{ where } j = s i + d t - p, \quad 0 \text{ elsewhere}

    so that a convolution is a plain linear layer, y[o, i] = sum over c, j of A[o, i, c, j] x[c, j].
    For m kernels of length k over one channel this is the lecture's picture: m sparse Toeplitz
    layers of shape (n-k+1, n), and ``conv_matrix(weight, n) @ x`` is the convolution.

    Args:
      weight: (m, k) kernels for one channel, or (O, C / groups, *kernel_size) with 1 to 3 spatial
        dimensions. Any dtype that the convolutions take.
      length: n, the input's spatial size, in samples; one integer a dimension.
      stride, padding, dilation, groups: as in `conv1d`.

    Returns:
      (m, n-k+1, n) for one input channel, in one dimension; (O, *output, C, *length) otherwise.

    Raises:
      ValueError: whatever the convolution would refuse.
      TypeError: a dtype or an argument type that the convolution would refuse.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import conv_matrix
      >>> A = conv_matrix(jnp.array([[1.0, 2.0, 3.0]]), 4)
      >>> A
      Array([[[1., 2., 3., 0.],
              [0., 1., 2., 3.]]], dtype=float32)
      >>> A @ jnp.array([1.0, 1.0, 1.0, 2.0])
      Array([[6., 9.]], dtype=float32)

    Reference: the lecture's figures 1 and 2.
    """
    where = "conv_matrix"
    w = array("weight", weight, where)
    check_dtype("weight", w, CONVOLUTION, where)
    if w.ndim == 2:
        w = w[:, None]
    dims = w.ndim - 2
    if dims not in (1, 2, 3):
        raise ValueError(
            f"{where}: weight must have 2 dimensions (m, k) or 3 to 5 "
            f"(out_channels, in_channels / groups, *kernel_size), got weight.shape={w.shape}"
        )
    size = bounded_integers("length", length, dims, 0, where)
    args = conv_arguments(w.shape, dims, where, stride, padding, dilation, groups)
    channels = w.shape[1] * args.groups
    conv_output((channels, *size), w.shape, args, where)
    matrix = _matrix(w, size, args)
    return matrix[:, :, 0] if dims == 1 and channels == 1 else matrix


@partial(jax.jit, static_argnames=("args",), inline=True)
def _scalar_products(
    x: jax.Array, w: jax.Array, b: jax.Array | None, args: ConvArguments
) -> jax.Array:
    (stride,), (pair,), (dilation,) = args.stride, args.padding, args.dilation
    kernel = w.shape[-1]
    signal = jnp.pad(x, ((0, 0), pair))
    count = window_output_size(x.shape[-1], kernel, stride, pair, dilation)
    starts = stride * np.arange(count)[:, None] + dilation * np.arange(kernel)[None, :]
    windows = signal[:, starts].swapaxes(0, 1)  # (L_out, C, k): one window after the other
    groups = windows.reshape(count, args.groups, w.shape[1], kernel)
    kernels = w.reshape(args.groups, -1, *w.shape[1:])

    def product(kernel: jax.Array, window: jax.Array) -> jax.Array:
        return jnp.sum(kernel * window, dtype=w.dtype)

    over_windows = jax.vmap(product, in_axes=(None, 0))
    over_kernels = jax.vmap(over_windows, in_axes=(0, None))
    over_groups = jax.vmap(over_kernels, in_axes=(0, 1))
    y = over_groups(kernels, groups).reshape(w.shape[0], count)
    return y if b is None else y + b[:, None]


def scalar_products(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> jax.Array:
    r"""Convolve one signal the slow way: a scalar product of each kernel with each window.

    .. math:: y_{o,i} = \langle w_o, W_i \rangle + b_o, \qquad W_{i,c,j} = x_{c,\, s i + d j - p}

    Kernel and window have the thickness of the signal, c channels, and the kernel's length k. It
    computes what `conv1d` does, written as the lecture draws it; use `conv1d` for speed.

    Args:
      input: one signal, (C, L).
      weight: kernels, (O, C / groups, k), of the input's dtype.
      bias: (O,) of the input's dtype, or None.
      stride, padding, dilation, groups: as in `conv1d`.

    Returns:
      (O, M), row o made by kernel o: `conv1d` of the same arguments.

    Raises:
      ValueError, TypeError: as `conv1d`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import scalar_products
      >>> stereo = jnp.array([[1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 1.0]])
      >>> scalar_products(stereo, jnp.ones((1, 2, 3)))
      Array([[ 7., 11.]], dtype=float32)

    Reference: the lecture's figure 4.
    """
    where = "scalar_products"
    x, w = array("input", input, where), array("weight", weight, where)
    b = None if bias is None else array("bias", bias, where)
    if x.ndim != 2:
        raise ValueError(
            f"{where}: input must be one signal, (channels, length), got input.shape={x.shape}"
        )
    args = conv_arguments(w.shape, 1, where, stride, padding, dilation, groups)
    conv_output(x.shape, w.shape, args, where)
    check_conv_dtypes(x, w, b, args.dilated, where)
    if b is not None:
        check_bias(b.shape, w.shape[0], where)
    return _scalar_products(x, w, b, args)
