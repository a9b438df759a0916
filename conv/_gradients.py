"""The gradients of a convolution as functions of their own: torch.nn.grad."""

from collections.abc import Sequence
from functools import partial

import jax
from jax.typing import ArrayLike

from ._adjoint import input_gradient, weight_gradient
from ._arguments import Arguments, IntOrTuple, integers
from ._arrays import FLOATING, array, check_dtype, check_same_dtype
from ._docs import documented
from ._sizes import ConvArguments, conv_arguments, conv_output, is_symbolic


def _check(
    dims: int,
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    grad_output: jax.Array,
    arguments: Arguments,
    where: str,
) -> ConvArguments:
    stride, padding, dilation, groups = arguments
    if isinstance(padding, str):
        raise TypeError(f"{where}: padding must be made of integers, got padding={padding!r}")
    if len(input_shape) != dims + 2:
        raise ValueError(
            f"{where}: input must have {dims + 2} dimensions (N, C, *space), got {input_shape}"
        )
    args = conv_arguments(weight_shape, dims, where, stride, padding, dilation, groups)
    expected = conv_output(input_shape, weight_shape, args, where)
    if tuple(grad_output.shape) != expected:
        raise ValueError(
            f"{where}: grad_output must have the shape of the convolution's output, {expected}, "
            f"got grad_output.shape={grad_output.shape}"
        )
    return args


def _shape(name: str, value: Sequence[int], n: int, where: str) -> tuple[int, ...]:
    if not isinstance(value, tuple | list):
        raise TypeError(f"{where}: {name} must be a tuple of integers, got {name}={value!r}")
    # A symbolic size stands for itself; in its place 1 passes the check of the others.
    plain = tuple(1 if is_symbolic(part) else part for part in value)
    checked = integers(name, plain, n, where, expand=False)
    return tuple(v if is_symbolic(v) else c for v, c in zip(value, checked, strict=True))


def _conv_input(
    dims: int,
    input_size: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    arguments: Arguments,
) -> jax.Array:
    where = f"conv{dims}d_input"
    w, g = array("weight", weight, where), array("grad_output", grad_output, where)
    shape = _shape("input_size", input_size, dims + 2, where)
    args = _check(dims, shape, w.shape, g, arguments, where)
    check_dtype("grad_output", g, (*FLOATING, "int64") if args.dilated else FLOATING, where)
    check_same_dtype("grad_output", g, where, weight=w)
    return input_gradient(w, g, shape, args)


def _conv_weight(
    dims: int,
    input: ArrayLike,
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    arguments: Arguments,
) -> jax.Array:
    where = f"conv{dims}d_weight"
    x, g = array("input", input, where), array("grad_output", grad_output, where)
    shape = _shape("weight_size", weight_size, dims + 2, where)
    args = _check(dims, x.shape, shape, g, arguments, where)
    check_dtype("grad_output", g, (*FLOATING, "int64") if args.dilated else FLOATING, where)
    check_same_dtype("grad_output", g, where, input=x)
    return weight_gradient(x, g, shape, args)


_INPUT_DOCS = r"""
.. math:: \bar x_{n,c,\,s \odot i + d \odot u - p} \mathrel{+}= w_{o,c,u}\, \bar y_{n,o,i}

Args:
  input_size: shape of the input, (N, C, $space).
  weight: kernels, (O, C / groups, $kernel).
  grad_output: gradient of the output, in the shape of ``conv${dims}d(input, weight, ...)``, of a
    floating dtype, the weight's; with a dilation int64 too.
  stride, padding, dilation, groups: as in `conv${dims}d`; padding in numbers only.

Returns:
  The gradient, of shape `input_size` and the dtype of grad_output.
"""
_WEIGHT_DOCS = r"""
.. math:: \bar w_{o,c,u} = \sum_{n,i} x_{n,c,\,s \odot i + d \odot u - p}\, \bar y_{n,o,i}

Args:
  input: the convolution's input, (N, C, $space), of the dtype of grad_output.
  weight_size: shape of the weight, (O, C / groups, $kernel).
  grad_output: gradient of the output, in the shape of ``conv${dims}d(input, weight, ...)``, of a
    floating dtype; with a dilation int64 too.
  stride, padding, dilation, groups: as in `conv${dims}d`; padding in numbers only.

Returns:
  The gradient, of shape `weight_size` and the dtype of grad_output.
"""
_RAISES = """
Raises:
  ValueError: shapes that do not belong together, and what `conv${dims}d` refuses.
  TypeError: a dtype that PyTorch refuses, dtypes that differ, or arguments of a wrong type.
"""
_input_docs = partial(documented, _INPUT_DOCS + _RAISES, "torch.nn.grad")
_weight_docs = partial(documented, _WEIGHT_DOCS + _RAISES, "torch.nn.grad")


@_input_docs(1)
def conv1d_input(
    input_size: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> jax.Array:
    """Return the gradient of conv1d with respect to its input: torch.nn.grad.conv1d_input.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import conv1d_input
      >>> conv1d_input((1, 1, 4), jnp.ones((1, 1, 3)), jnp.ones((1, 1, 2)))
      Array([[[1., 2., 2., 1.]]], dtype=float32)
    """
    arguments = (stride, padding, dilation, groups)
    return _conv_input(1, input_size, weight, grad_output, arguments)


@_weight_docs(1)
def conv1d_weight(
    input: ArrayLike,
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> jax.Array:
    """Return the gradient of conv1d with respect to its weight: torch.nn.grad.conv1d_weight.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import conv1d_weight
      >>> conv1d_weight(jnp.ones((1, 1, 4)), (1, 1, 3), jnp.ones((1, 1, 2)))
      Array([[[2., 2., 2.]]], dtype=float32)
    """
    arguments = (stride, padding, dilation, groups)
    return _conv_weight(1, input, weight_size, grad_output, arguments)


@_input_docs(2)
def conv2d_input(
    input_size: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> jax.Array:
    """Return the gradient of conv2d with respect to its input: torch.nn.grad.conv2d_input.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import conv2d_input
      >>> conv2d_input((1, 2, 5, 5), jnp.ones((3, 2, 3, 3)), jnp.ones((1, 3, 3, 3))).shape
      (1, 2, 5, 5)
    """
    arguments = (stride, padding, dilation, groups)
    return _conv_input(2, input_size, weight, grad_output, arguments)


@_weight_docs(2)
def conv2d_weight(
    input: ArrayLike,
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> jax.Array:
    """Return the gradient of conv2d with respect to its weight: torch.nn.grad.conv2d_weight.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import conv2d_weight
      >>> conv2d_weight(jnp.ones((1, 2, 5, 5)), (3, 2, 3, 3), jnp.ones((1, 3, 3, 3))).shape
      (3, 2, 3, 3)
    """
    arguments = (stride, padding, dilation, groups)
    return _conv_weight(2, input, weight_size, grad_output, arguments)


@_input_docs(3)
def conv3d_input(
    input_size: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> jax.Array:
    """Return the gradient of conv3d with respect to its input: torch.nn.grad.conv3d_input.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import conv3d_input
      >>> conv3d_input((1, 2, 5, 5, 5), jnp.ones((3, 2, 3, 3, 3)), jnp.ones((1, 3, 3, 3, 3))).shape
      (1, 2, 5, 5, 5)
    """
    arguments = (stride, padding, dilation, groups)
    return _conv_input(3, input_size, weight, grad_output, arguments)


@_weight_docs(3)
def conv3d_weight(
    input: ArrayLike,
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> jax.Array:
    """Return the gradient of conv3d with respect to its weight: torch.nn.grad.conv3d_weight.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import conv3d_weight
      >>> conv3d_weight(jnp.ones((1, 2, 5, 5, 5)), (3, 2, 3, 3, 3), jnp.ones((1, 3, 3, 3, 3))).shape
      (3, 2, 3, 3, 3)
    """
    arguments = (stride, padding, dilation, groups)
    return _conv_weight(3, input, weight_size, grad_output, arguments)
