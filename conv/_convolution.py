"""conv1d, conv2d, conv3d: one function over the number of dimensions, behind three doors."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike, DTypeLike

from ._arguments import Arguments, IntOrTuple
from ._arrays import array, check_conv_dtypes
from ._docs import FUNCTIONAL, REFUSED_WITH_WEIGHT, documented
from ._lax import convolve
from ._sizes import ConvArguments, check_bias, conv_arguments, conv_output, empty
from .lowering import given


def add_bias(out: jax.Array, bias: jax.Array, dims: int) -> jax.Array:
    """Add one number a channel; two-byte floats in float32, so that the bias's gradient is too."""
    wide = jnp.float32 if out.dtype.name in ("float16", "bfloat16") else out.dtype
    total = out.astype(wide) + bias.astype(wide).reshape(-1, *(1,) * dims)
    return total.astype(out.dtype)


@partial(jax.jit, static_argnames=("args", "precision", "preferred_element_type"), inline=True)
def _convolution(
    input: jax.Array,
    weight: jax.Array,
    bias: jax.Array | None,
    args: ConvArguments,
    precision: lax.PrecisionLike,
    preferred_element_type: DTypeLike | None,
) -> jax.Array:
    batched = input.ndim == args.dims + 2
    out = convolve(
        input if batched else input[None],
        weight,
        args.stride,
        args.padding,
        args.dilation,
        args.groups,
        precision=precision,
        preferred_element_type=preferred_element_type,
    )
    if bias is not None:
        out = add_bias(out, bias, args.dims)
    return out if batched else out[0]


def _conv(
    dims: int,
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None,
    arguments: Arguments,
    precision: lax.PrecisionLike,
    preferred_element_type: DTypeLike | None,
) -> jax.Array:
    where = f"conv{dims}d"
    x, w = array("input", input, where), array("weight", weight, where)
    b = None if bias is None else array("bias", bias, where)
    args = conv_arguments(w.shape, dims, where, *arguments)
    shape = conv_output(x.shape, w.shape, args, where)
    check_conv_dtypes(x, w, b, args.dilated, where)
    if b is not None:
        check_bias(b.shape, w.shape[0], where)
    if empty(x.shape[:-dims]):
        return jnp.zeros(shape, preferred_element_type or x.dtype)
    if preferred_element_type is not None:
        preferred_element_type = jnp.dtype(preferred_element_type)
    with given(x):
        return _convolution(x, w, b, args, precision, preferred_element_type)


_DOCS = """
Args:
  input: the $things, (N, C, $space), or one, (C, $space). A float or complex dtype, int8, uint8,
    int16, int32 or int64; dilated, of the integers int64 only.
  weight: the kernels, (O, C / groups, $kernel), of the input's dtype.
  bias: one number an output channel, (O,), of the input's dtype; or None.
  stride: the kernel's step, in $units$each.
  padding: zeros on both sides, in $units$each; 'valid' is 0, 'same' keeps the size (stride 1 only;
    where d(k-1) is odd, the high side gets one more).
  dilation: distance between the kernel's elements, in $units$each.
  groups: number of groups; output channel o sees the input channels of its group only.
  precision: as in `jax.lax.conv_general_dilated`$exact.
  preferred_element_type: dtype to accumulate in and to return; None is the input's.

Returns:
  (N, O, $out) or (O, $out)$size. With no input channels there are no output channels, as in
  PyTorch.
"""
_SIZE = ": see `conv_output_shape`"
_docs = partial(documented, _DOCS + REFUSED_WITH_WEIGHT, FUNCTIONAL, exact="", size=_SIZE)


@_docs(
    1,
    exact="; HIGHEST also keeps to sums of products for the longest kernels",
    size=", with M = floor((L + 2 padding - dilation (k-1) - 1) / stride) + 1",
)
def conv1d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
    *,
    precision: lax.PrecisionLike = None,
    preferred_element_type: DTypeLike | None = None,
) -> jax.Array:
    r"""Convolve a signal with kernels: torch.nn.functional.conv1d.

    .. math:: y_{n,o,i} = b_o + \sum_{c,j} w_{o,c,j}\, x_{n,c,\,s i + d j - p}

    The kernel is not flipped (a cross-correlation), and x is 0 outside of the signal.

    It is a sum of products for each window: whole numbers come out whole, and a NaN stays in its
    windows. Very long kernels are the exception, at stride and dilation 1, where sums take more
    than ten times as long: on CPU from 2048 elements on (gradients of depthwise weights from 512,
    of dense ones from 1024), on NVIDIA GPUs from 128 depthwise and 1024 dense. They are computed
    by Fourier's spectra, unless precision is HIGHEST.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import conv1d
      >>> x = jnp.array([[[1.0, 2.0, 3.0, 4.0]]])
      >>> conv1d(x, jnp.ones((1, 1, 3)))
      Array([[[6., 9.]]], dtype=float32)
      >>> conv1d(x, jnp.ones((1, 1, 3)), stride=2, padding=1)
      Array([[[3., 9.]]], dtype=float32)
    """
    arguments = (stride, padding, dilation, groups)
    return _conv(1, input, weight, bias, arguments, precision, preferred_element_type)


@_docs(2)
def conv2d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
    *,
    precision: lax.PrecisionLike = None,
    preferred_element_type: DTypeLike | None = None,
) -> jax.Array:
    r"""Convolve an image with kernels: torch.nn.functional.conv2d.

    .. math:: y_{n,o,i,j} = b_o + \sum_{c,u,v} w_{o,c,u,v}\,
              x_{n,c,\,s_1 i + d_1 u - p_1,\,s_2 j + d_2 v - p_2}

    The kernel is not flipped (a cross-correlation), and x is 0 outside of the image.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import conv2d
      >>> x = jnp.ones((1, 20, 64, 128))
      >>> conv2d(x, jnp.ones((16, 20, 3, 5)), padding=(1, 2)).shape
      (1, 16, 64, 128)
    """
    arguments = (stride, padding, dilation, groups)
    return _conv(2, input, weight, bias, arguments, precision, preferred_element_type)


@_docs(3)
def conv3d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
    *,
    precision: lax.PrecisionLike = None,
    preferred_element_type: DTypeLike | None = None,
) -> jax.Array:
    r"""Convolve a volume or a film with kernels: torch.nn.functional.conv3d.

    .. math:: y_{n,o,i} = b_o + \sum_{c,u} w_{o,c,u}\, x_{n,c,\,s \odot i + d \odot u - p}

    with i and u running over three dimensions. The kernel is not flipped, and x is 0 outside.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import conv3d
      >>> conv3d(jnp.ones((2, 5, 6, 7)), jnp.ones((3, 2, 2, 3, 3)), padding='same').shape
      (3, 5, 6, 7)
    """
    arguments = (stride, padding, dilation, groups)
    return _conv(3, input, weight, bias, arguments, precision, preferred_element_type)
