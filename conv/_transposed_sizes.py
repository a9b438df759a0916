"""Arguments and sizes of the transposed convolutions. No JAX here."""

from collections.abc import Sequence
from dataclasses import dataclass

from ._arguments import IntOrTuple, Pairs, bounded_integers, integer
from ._sizes import check_empty_space, check_input_rank, known


@dataclass(frozen=True)
class ConvTransposeArguments:
    """The canonical form of a transposed convolution's arguments; hashable and static."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    output_padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    @property
    def dims(self) -> int:
        """The number of spatial dimensions."""
        return len(self.stride)

    def forward_padding(self, kernel: Sequence[int]) -> Pairs:
        """The padding of the plain convolution over the stretched input; negative ones crop."""
        sides = zip(kernel, self.padding, self.output_padding, self.dilation, strict=True)
        return tuple((d * (k - 1) - p, d * (k - 1) - p + extra) for k, p, extra, d in sides)


def conv_transpose_arguments(
    weight_shape: Sequence[int],
    dims: int,
    where: str,
    stride: IntOrTuple,
    padding: IntOrTuple,
    output_padding: IntOrTuple,
    groups: int,
    dilation: IntOrTuple,
) -> ConvTransposeArguments:
    """Bring a transposed convolution's arguments to canonical form, or say which is wrong."""
    if len(weight_shape) != dims + 2:
        raise ValueError(
            f"{where}: weight must have {dims + 2} dimensions "
            f"(in_channels, out_channels / groups, *kernel_size), "
            f"got weight.shape={tuple(weight_shape)}"
        )
    kernel = tuple(weight_shape[2:])
    if any(known(k) and k < 1 for k in kernel):
        raise ValueError(f"{where}: kernel_size must be positive, got kernel_size={kernel}")
    args = ConvTransposeArguments(
        stride=bounded_integers("stride", stride, dims, 1, where),
        padding=bounded_integers("padding", padding, dims, 0, where),
        output_padding=bounded_integers("output_padding", output_padding, dims, 0, where),
        dilation=bounded_integers("dilation", dilation, dims, 1, where),
        groups=integer("groups", groups, where),
    )
    if args.groups < 1:
        raise ValueError(f"{where}: groups must be positive, got groups={groups}")
    for extra, s, d in zip(args.output_padding, args.stride, args.dilation, strict=True):
        if extra >= max(s, d):
            raise ValueError(
                f"{where}: output_padding must be smaller than either stride or dilation, "
                f"got output_padding={args.output_padding} with stride={args.stride} and "
                f"dilation={args.dilation}"
            )
    return args


def conv_transpose_output(
    input_shape: Sequence[int],
    weight_shape: Sequence[int],
    args: ConvTransposeArguments,
    where: str,
) -> tuple[int, ...]:
    """Check an input against a weight and return the output's shape.

    A size of 0 comes out of an empty batch only. Of other batches PyTorch's kernel for float32 lets
    some pass, those for the other dtypes none.
    """
    dims = args.dims
    check_input_rank(input_shape, dims, where)
    channels = input_shape[-dims - 1]
    in_channels, per_group = weight_shape[:2]
    if in_channels < args.groups or in_channels % args.groups:
        raise ValueError(
            f"{where}: weight.shape[0], the input channels, must be a positive multiple of "
            f"groups={args.groups}, got weight.shape={tuple(weight_shape)}"
        )
    if known(channels) and channels != in_channels:
        raise ValueError(
            f"{where}: input must have weight.shape[0] = {in_channels} channels, got {channels}: "
            f"input.shape={tuple(input_shape)}, weight.shape={tuple(weight_shape)}"
        )
    if per_group == 0:
        raise ValueError(
            f"{where}: weight.shape[1], the output channels of a group, must be positive, "
            f"got weight.shape={tuple(weight_shape)}"
        )
    space = []
    least = 0 if any(known(n) and n == 0 for n in input_shape[: -dims - 1]) else 1
    sizes = zip(
        input_shape[-dims:], weight_shape[2:], args.forward_padding(weight_shape[2:]), strict=True
    )
    for axis, (size, kernel, pair) in enumerate(sizes):
        reach = args.dilation[axis] * (kernel - 1)
        length = (size - 1) * args.stride[axis] + 1 + sum(pair) - reach
        if known(length) and length < least:
            raise ValueError(
                f"{where}: the output's sizes must be {least} or more, but in spatial dimension "
                f"{axis} (size - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + "
                f"output_padding + 1 = {length}: input.shape={tuple(input_shape)}, "
                f"weight.shape={tuple(weight_shape)}, padding={args.padding}"
            )
        space.append(length)
    check_empty_space(input_shape, dims, where)
    return (*input_shape[: -dims - 1], per_group * args.groups, *space)


def conv_transpose_output_shape(
    input_shape: Sequence[int],
    weight_shape: Sequence[int],
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    output_padding: IntOrTuple = 0,
    groups: int = 1,
    dilation: IntOrTuple = 1,
) -> tuple[int, ...]:
    r"""Return the shape of a transposed convolution's output, by its inputs' shapes alone.

    In each spatial dimension, with padding p and output_padding e:

    .. math:: L_{out} = (L_{in} - 1) s - 2p + d (k-1) + e + 1

    Args:
      input_shape: (N, C, *space) or, unbatched, (C, *space); 1 to 3 spatial dimensions.
      weight_shape: (C, O / groups, *kernel_size); its length says how many dimensions there are.
      stride, padding, output_padding, groups, dilation: as in `conv_transpose1d`.

    Returns:
      (N, O, *space) or (O, *space).

    Raises:
      ValueError: for every combination that the transposed convolution itself refuses.
      TypeError: where an argument is not made of integers.

    Example:
      >>> from conv import conv_transpose_output_shape
      >>> conv_transpose_output_shape((1, 256, 8, 8), (256, 128, 4, 4), stride=2, padding=1)
      (1, 128, 16, 16)

    Reference: the shape section of torch.nn.ConvTranspose1d, 2d and 3d.
    """
    where = "conv_transpose_output_shape"
    dims = len(weight_shape) - 2
    if dims not in (1, 2, 3):
        raise ValueError(
            f"{where}: weight_shape must have 3, 4 or 5 entries "
            f"(in_channels, out_channels / groups, *kernel_size), got {tuple(weight_shape)}"
        )
    args = conv_transpose_arguments(
        weight_shape, dims, where, stride, padding, output_padding, groups, dilation
    )
    return conv_transpose_output(tuple(input_shape), tuple(weight_shape), args, where)
