"""conv_transpose1d, 2d, 3d: the adjoint of a convolution, with PyTorch's weight layout."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike, DTypeLike

from ._arguments import IntOrTuple
from ._arrays import array, check_conv_dtypes
from ._convolution import add_bias
from ._docs import FUNCTIONAL, REFUSED_WITH_WEIGHT, documented
from ._lax import convolve
from ._sizes import check_bias, empty
from ._transposed_sizes import (
    ConvTransposeArguments,
    conv_transpose_arguments,
    conv_transpose_output,
)
from .lowering import given

# stride, padding, output_padding, groups, dilation
TransposedArguments = tuple[IntOrTuple, IntOrTuple, IntOrTuple, int, IntOrTuple]


def as_forward_kernel(weight: jax.Array, groups: int) -> jax.Array:
    """Turn (C, O / groups, *k) into the kernel (O, C / groups, *k) of a plain convolution.

    Within each group the two channel axes change places, and the kernel is flipped.
    """
    kernel = weight.shape[2:]
    grouped = weight.reshape(groups, weight.shape[0] // groups, weight.shape[1], *kernel)
    swapped = grouped.swapaxes(1, 2).reshape(-1, grouped.shape[1], *kernel)
    return lax.rev(swapped, range(2, weight.ndim))


@partial(jax.jit, static_argnames=("args", "precision", "preferred_element_type"), inline=True)
def _conv_transposed(
    input: jax.Array,
    weight: jax.Array,
    bias: jax.Array | None,
    args: ConvTransposeArguments,
    precision: lax.PrecisionLike,
    preferred_element_type: DTypeLike | None,
) -> jax.Array:
    batched = input.ndim == args.dims + 2
    out = convolve(
        input if batched else input[None],
        as_forward_kernel(weight, args.groups),
        (1,) * args.dims,
        args.forward_padding(weight.shape[2:]),
        args.dilation,
        args.groups,
        input_dilation=args.stride,
        precision=precision,
        preferred_element_type=preferred_element_type,
    )
    if bias is not None:
        out = add_bias(out, bias, args.dims)
    return out if batched else out[0]


def _conv_transpose(
    dims: int,
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None,
    arguments: TransposedArguments,
    precision: lax.PrecisionLike,
    preferred_element_type: DTypeLike | None,
) -> jax.Array:
    where = f"conv_transpose{dims}d"
    x, w = array("input", input, where), array("weight", weight, where)
    b = None if bias is None else array("bias", bias, where)
    args = conv_transpose_arguments(w.shape, dims, where, *arguments)
    shape = conv_transpose_output(x.shape, w.shape, args, where)
    check_conv_dtypes(x, w, b, True, where)
    if b is not None:
        check_bias(b.shape, w.shape[1] * args.groups, where)
    if preferred_element_type is not None:
        preferred_element_type = jnp.dtype(preferred_element_type)
    if empty(x.shape[:-dims]):
        return jnp.zeros(shape, preferred_element_type or x.dtype)
    with given(x):
        return _conv_transposed(x, w, b, args, precision, preferred_element_type)


_DOCS = """
Args:
  input: the $things, (N, C, $space), or one, (C, $space). A float or complex dtype, or int64.
  weight: the kernels, (C, O / groups, $kernel), of the input's dtype.
  bias: one number an output channel, (O,), of the input's dtype; or None. PyTorch casts a bias of
    another real dtype in some cases; here it is refused in all, as for a plain convolution.
  stride: distance between the places that neighbouring $units are written to$each.
  padding: $units cropped off both sides of the full result$each.
  output_padding: $units added to the high sides, below the larger of stride and dilation$each.
  groups: number of groups; each maps C / groups channels to O / groups.
  dilation: distance between the kernel's elements, in $units$each.
  precision: as in `jax.lax.conv_general_dilated`.
  preferred_element_type: dtype to accumulate in and to return; None is the input's.

Returns:
  (N, O, $out) or (O, $out)$size.
"""
_SIZE = ": see `conv_transpose_output_shape`"
_docs = partial(documented, _DOCS + REFUSED_WITH_WEIGHT, FUNCTIONAL, size=_SIZE)


@_docs(1, size=", M = (L-1) stride - 2 padding + dilation (k-1) + output_padding + 1")
def conv_transpose1d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    output_padding: IntOrTuple = 0,
    groups: int = 1,
    dilation: IntOrTuple = 1,
    *,
    precision: lax.PrecisionLike = None,
    preferred_element_type: DTypeLike | None = None,
) -> jax.Array:
    r"""Apply the adjoint of a convolution to a signal: torch.nn.functional.conv_transpose1d.

    .. math:: y_{n,o,\,s i + d j - p} \mathrel{+}= w_{c,o,j}\, x_{n,c,i},
              \qquad y = b \text{ at first}

    It is the linear map whose matrix is the transpose of `conv1d`'s with the same weight, stride,
    padding, dilation and groups: <conv1d(y, w), x> = <y, conv_transpose1d(x, w)>.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import conv_transpose1d
      >>> x, w = jnp.array([[1.0, 2.0]]), jnp.array([[[1.0, 2.0, 3.0]]])
      >>> conv_transpose1d(x, w, stride=2)
      Array([[1., 2., 5., 4., 6.]], dtype=float32)
      >>> conv_transpose1d(x, w, stride=2, padding=1, output_padding=1)
      Array([[2., 5., 4., 6.]], dtype=float32)
    """
    arguments = (stride, padding, output_padding, groups, dilation)
    return _conv_transpose(1, input, weight, bias, arguments, precision, preferred_element_type)


@_docs(2)
def conv_transpose2d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    output_padding: IntOrTuple = 0,
    groups: int = 1,
    dilation: IntOrTuple = 1,
    *,
    precision: lax.PrecisionLike = None,
    preferred_element_type: DTypeLike | None = None,
) -> jax.Array:
    r"""Apply the adjoint of a convolution to an image: torch.nn.functional.conv_transpose2d.

    .. math:: y_{n,o,\,s \odot i + d \odot u - p} \mathrel{+}= w_{c,o,u}\, x_{n,c,i},
              \qquad y = b \text{ at first}

    with i and u running over two dimensions. It is the linear map whose matrix is the transpose
    of `conv2d`'s with the same arguments.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import conv_transpose2d
      >>> conv_transpose2d(jnp.ones((1, 2, 3, 4)), jnp.ones((2, 5, 2, 2)), stride=2).shape
      (1, 5, 6, 8)
    """
    arguments = (stride, padding, output_padding, groups, dilation)
    return _conv_transpose(2, input, weight, bias, arguments, precision, preferred_element_type)


@_docs(3)
def conv_transpose3d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    output_padding: IntOrTuple = 0,
    groups: int = 1,
    dilation: IntOrTuple = 1,
    *,
    precision: lax.PrecisionLike = None,
    preferred_element_type: DTypeLike | None = None,
) -> jax.Array:
    r"""Apply the adjoint of a convolution to a volume: torch.nn.functional.conv_transpose3d.

    .. math:: y_{n,o,\,s \odot i + d \odot u - p} \mathrel{+}= w_{c,o,u}\, x_{n,c,i},
              \qquad y = b \text{ at first}

    with i and u running over three dimensions. It is the linear map whose matrix is the transpose
    of `conv3d`'s with the same arguments.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import conv_transpose3d
      >>> conv_transpose3d(jnp.ones((2, 3, 4, 5)), jnp.ones((2, 1, 3, 3, 3)), padding=1).shape
      (1, 3, 4, 5)
    """
    arguments = (stride, padding, output_padding, groups, dilation)
    return _conv_transpose(3, input, weight, bias, arguments, precision, preferred_element_type)
