"""Sizes: what comes out of a convolution, and how much padding keeps a size. No JAX here.

A size may also be a symbolic dimension of `jax.export`: it is computed with, and a rule that it
might break is left to the program that will know it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ._arguments import (
    IntOrTuple,
    Pairs,
    bounded_integers,
    integer,
    padding_pairs,
    same_pairs,
)


def known(size: object) -> bool:
    """Whether a size is a plain number, not a symbol."""
    return isinstance(size, int)


def is_symbolic(size: object) -> bool:
    """Whether a size is a symbolic dimension, by the protocol that JAX has for them."""
    return hasattr(size, "dimension_as_value")


def empty(shape: Sequence[int]) -> bool:
    """Whether one of the sizes is a plain 0."""
    return any(known(n) and n == 0 for n in shape)


def window_output_size(
    size: int, kernel: int, stride: int, pair: tuple[int, int], dilation: int
) -> int:
    """Count the places of a window: floor((size + low + high - d(k-1) - 1) / stride) + 1."""
    return (size + pair[0] + pair[1] - dilation * (kernel - 1) - 1) // stride + 1


@dataclass(frozen=True)
class ConvArguments:
    """The canonical form of what a convolution is told beside its arrays; hashable and static."""

    stride: tuple[int, ...]
    padding: Pairs
    dilation: tuple[int, ...]
    groups: int

    @property
    def dims(self) -> int:
        """The number of spatial dimensions."""
        return len(self.stride)

    @property
    def dilated(self) -> bool:
        """Whether the kernel has holes."""
        return any(d != 1 for d in self.dilation)


def conv_arguments(
    weight_shape: Sequence[int],
    dims: int,
    where: str,
    stride: IntOrTuple,
    padding: IntOrTuple | str,
    dilation: IntOrTuple,
    groups: int,
) -> ConvArguments:
    """Bring a convolution's arguments to their canonical form, or say which is wrong."""
    if len(weight_shape) != dims + 2:
        raise ValueError(
            f"{where}: weight must have {dims + 2} dimensions "
            f"(out_channels, in_channels / groups, *kernel_size), "
            f"got weight.shape={tuple(weight_shape)}"
        )
    kernel = tuple(weight_shape[2:])
    if any(known(k) and k < 1 for k in kernel):
        raise ValueError(f"{where}: kernel_size must be positive, got kernel_size={kernel}")
    strides = bounded_integers("stride", stride, dims, 1, where)
    dilations = bounded_integers("dilation", dilation, dims, 1, where)
    count = integer("groups", groups, where)
    if count < 1:
        raise ValueError(f"{where}: groups must be positive, got groups={count}")
    pairs = padding_pairs(padding, kernel, strides, dilations, where)
    return ConvArguments(strides, pairs, dilations, count)


def check_input_rank(input_shape: Sequence[int], dims: int, where: str) -> None:
    """Refuse an input that is neither (C, *space) nor (N, C, *space)."""
    if len(input_shape) not in (dims + 1, dims + 2):
        raise ValueError(
            f"{where}: input must have {dims + 1} dimensions (unbatched) or {dims + 2} (batched), "
            f"got input.shape={tuple(input_shape)}"
        )


def check_empty_space(input_shape: Sequence[int], dims: int, where: str) -> None:
    """Refuse an empty spatial size, unless batch or channels are empty: PyTorch's rule."""
    space, lead = input_shape[-dims:], input_shape[:-dims]
    if empty(space) and not empty(lead):
        raise ValueError(
            f"{where}: a spatial size of 0 is allowed only with an empty batch or no channels, "
            f"got input.shape={tuple(input_shape)}"
        )


def conv_output(
    input_shape: Sequence[int], weight_shape: Sequence[int], args: ConvArguments, where: str
) -> tuple[int, ...]:
    """Check an input against a weight and return the output's shape."""
    dims = args.dims
    check_input_rank(input_shape, dims, where)
    channels = input_shape[-dims - 1]
    out_channels, channels_per_group = weight_shape[:2]
    if known(channels) and channels != channels_per_group * args.groups:
        raise ValueError(
            f"{where}: input must have weight.shape[1] * groups = "
            f"{channels_per_group} * {args.groups} channels, got {channels}: "
            f"input.shape={tuple(input_shape)}, weight.shape={tuple(weight_shape)}"
        )
    if out_channels < args.groups or out_channels % args.groups:
        raise ValueError(
            f"{where}: weight.shape[0], the output channels, must be a positive multiple of "
            f"groups={args.groups}, got weight.shape={tuple(weight_shape)}"
        )
    space = []
    windows = zip(
        input_shape[-dims:], weight_shape[2:], args.stride, args.padding, args.dilation, strict=True
    )
    for axis, (size, kernel, stride, pair, dilation) in enumerate(windows):
        padded, extent = size + sum(pair), dilation * (kernel - 1) + 1
        if known(padded) and padded < extent:
            raise ValueError(
                f"{where}: the kernel must fit into the padded input; in spatial dimension {axis} "
                f"it reaches over dilation * (kernel_size - 1) + 1 = {extent}, the padded input "
                f"over {padded}: input.shape={tuple(input_shape)}, "
                f"weight.shape={tuple(weight_shape)}"
            )
        space.append(window_output_size(size, kernel, stride, pair, dilation))
    check_empty_space(input_shape, dims, where)
    # PyTorch: no channels in, no channels out, whatever the weight says.
    out = 0 if known(channels) and channels == 0 else out_channels
    return (*input_shape[: -dims - 1], out, *space)


def check_bias(bias_shape: Sequence[int], out_channels: int, where: str) -> None:
    """Refuse a bias that is not one number an output channel."""
    if tuple(bias_shape) != (out_channels,):
        raise ValueError(
            f"{where}: bias must have the shape (out_channels,) = ({out_channels},), "
            f"got bias.shape={tuple(bias_shape)}"
        )


def conv_output_shape(
    input_shape: Sequence[int],
    weight_shape: Sequence[int],
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> tuple[int, ...]:
    r"""Return the shape of a convolution's output, by its inputs' shapes alone.

    In each spatial dimension, with p zeros before and after (and 'same' splitting d(k-1)):

    .. math:: L_{out} = \lfloor (L_{in} + 2p - d(k-1) - 1) / s \rfloor + 1

    Args:
      input_shape: (N, C, *space) or, unbatched, (C, *space); 1 to 3 spatial dimensions.
      weight_shape: (O, C / groups, *kernel_size); its length says how many dimensions there are.
      stride: step of the kernel, in samples; an int, or one a spatial dimension.
      padding: zeros on both sides, in samples; an int, one a dimension, 'valid' or 'same'.
      dilation: distance of the kernel's elements, in samples.
      groups: number of groups that the channels are split into.

    Returns:
      (N, O, *space) or (O, *space).

    Raises:
      ValueError: for every combination that the convolution itself refuses.
      TypeError: where an argument is not made of integers.

    Example:
      >>> from conv import conv_output_shape
      >>> conv_output_shape((1, 2, 64), (16, 2, 3))
      (1, 16, 62)
      >>> conv_output_shape((1, 20, 64, 128), (16, 20, 3, 5), padding=(1, 2))
      (1, 16, 64, 128)

    Reference: the shape section of torch.nn.Conv1d, Conv2d and Conv3d.
    """
    where = "conv_output_shape"
    dims = len(weight_shape) - 2
    if dims not in (1, 2, 3):
        raise ValueError(
            f"{where}: weight_shape must have 3, 4 or 5 entries "
            f"(out_channels, in_channels / groups, *kernel_size), got {tuple(weight_shape)}"
        )
    args = conv_arguments(weight_shape, dims, where, stride, padding, dilation, groups)
    return conv_output(tuple(input_shape), tuple(weight_shape), args, where)


def same_padding(kernel_size: IntOrTuple, dilation: IntOrTuple = 1) -> Pairs:
    r"""Return the (low, high) padding of padding='same': what keeps the size at stride 1.

    .. math:: low = \lfloor d(k-1)/2 \rfloor, \quad high = d(k-1) - low

    Args:
      kernel_size: kernel size in samples: an int (one dimension), or one a spatial dimension.
      dilation: distance of the kernel's elements: an int, or one a spatial dimension.

    Returns:
      A (low, high) pair a spatial dimension; where d(k-1) is odd, the high side has one more.

    Raises:
      ValueError: for a size below 1, or lengths that do not go together.
      TypeError: where an argument is not made of integers.

    Example:
      >>> from conv import same_padding
      >>> same_padding((3, 5))
      ((1, 1), (2, 2))
      >>> same_padding(4)
      ((1, 2),)

    Reference: torch.nn.functional.conv2d, padding='same'.
    """
    where = "same_padding"
    dims = max(len(v) if isinstance(v, tuple | list) else 1 for v in (kernel_size, dilation))
    kernel = bounded_integers("kernel_size", kernel_size, dims, 1, where)
    return same_pairs(kernel, bounded_integers("dilation", dilation, dims, 1, where))
