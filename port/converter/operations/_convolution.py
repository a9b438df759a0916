"""Convolutions, pools, pads, folds and interpolation: PyTorch's operations over `conv`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax

import conv
from port import functional as F

Array = jax.Array
Maxima = Array | tuple[Array, Array]  # with their indices
Sizes = int | Sequence[int]


def _convolution(
    input: Array,
    weight: Array,
    bias: Array | None,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    transposed: bool,
    output_padding: tuple[int, ...],
    groups: int,
) -> Array:
    dims = weight.ndim - 2
    if transposed:
        function = getattr(conv, f"conv_transpose{dims}d")
        return function(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return getattr(conv, f"conv{dims}d")(input, weight, bias, stride, padding, dilation, groups)


def _max_pool(function: Callable[..., Maxima], indices: bool) -> Callable[..., Maxima]:
    def max_pool(
        input: Array,
        kernel_size: Sizes,
        stride: Sizes = (),
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> Maxima:
        return function(input, kernel_size, stride or None, padding, dilation, ceil_mode, indices)

    return max_pool


def _avg_pool(function: Callable[..., Array]) -> Callable[..., Array]:
    def avg_pool(input: Array, kernel_size: Sizes, stride: Sizes = (), *others: Any) -> Array:
        return function(input, kernel_size, stride or None, *others)

    return avg_pool


def _adaptive_max_pool(function: Callable[..., Maxima]) -> Callable[..., Maxima]:
    return lambda input, output_size: function(input, output_size, return_indices=True)


def _max_unpool(function: Callable[..., Array], dims: int) -> Callable[..., Array]:
    """Write numbers to their places in a space of any size, whichever pool they come from."""

    def max_unpool(input: Array, indices: Array, output_size: Sequence[int], *_: object) -> Array:
        pairs = list(zip(output_size, input.shape[-dims:], strict=True))
        kernel = tuple(abs(to - n) + 1 for to, n in pairs)
        padding = tuple(max(n - to, 0) for to, n in pairs)
        return function(input, indices, kernel, 1, padding)

    return max_unpool


def _fractional_max_pool(function: Callable[..., Maxima]) -> Callable[..., Maxima]:
    return lambda input, kernel_size, output_size, samples: function(
        input, kernel_size, output_size, None, True, samples
    )


def _constant_pad(input: Array, pad: tuple[int, ...], value: float = 0) -> Array:
    return conv.pad(input, pad, "constant", value)


def _pad(mode: str) -> Callable[..., Array]:
    return lambda input, pad: conv.pad(input, pad, mode)


def _unfold(
    input: Array, kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes
) -> Array:
    return conv.unfold(input, kernel_size, dilation, padding, stride)


def _fold(
    input: Array,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes,
    padding: Sizes,
    stride: Sizes,
) -> Array:
    return conv.fold(input, output_size, kernel_size, dilation, padding, stride)


def _vector(mode: str, antialias: bool = False) -> Callable[..., Array]:
    """Interpolation as F.interpolate calls it: by size or by factors."""
    if mode.startswith("nearest"):
        return lambda input, size, factors: F.interpolate(input, size, factors, mode)
    return lambda input, size, align_corners, factors: F.interpolate(
        input, size, factors, mode, align_corners, antialias=antialias
    )


def _sized(mode: str, antialias: bool = False) -> Callable[..., Array]:
    """Interpolation to a size, by factors where there are some."""

    def with_corners(
        input: Array, size: Sequence[int], align_corners: bool | None, *factors: Any
    ) -> Array:
        fits = bool(factors) and all(
            f is not None and int(n * f) == m
            for f, n, m in zip(factors, input.shape[2:], size, strict=True)
        )
        given, to = (tuple(factors), None) if fits else (None, tuple(size))
        return F.interpolate(input, to, given, mode, align_corners, antialias=antialias)

    def nearest(input: Array, size: Sequence[int], *factors: Any) -> Array:
        return with_corners(input, size, None, *factors)

    return nearest if mode.startswith("nearest") else with_corners


# Names of modes by their numbers in aten.grid_sampler.
_INTERPOLATION = ("bilinear", "nearest", "bicubic")
_PADDING = ("zeros", "border", "reflection")


def _grid_sample(
    input: Array, grid: Array, interpolation: int, padding: int, align_corners: bool
) -> Array:
    return F.grid_sample(
        input, grid, _INTERPOLATION[interpolation], _PADDING[padding], align_corners
    )


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "aten.conv1d.default": conv.conv1d,
    "aten.conv2d.default": conv.conv2d,
    "aten.conv3d.default": conv.conv3d,
    "aten.conv1d.padding": conv.conv1d,
    "aten.conv2d.padding": conv.conv2d,
    "aten.conv3d.padding": conv.conv3d,
    "aten.conv_transpose1d.default": conv.conv_transpose1d,
    "aten.conv_transpose2d.input": conv.conv_transpose2d,
    "aten.conv_transpose3d.input": conv.conv_transpose3d,
    "aten.convolution.default": _convolution,
    "aten.max_pool1d.default": _max_pool(conv.max_pool1d, False),
    "aten.max_pool2d.default": _max_pool(conv.max_pool2d, False),
    "aten.max_pool3d.default": _max_pool(conv.max_pool3d, False),
    "aten.max_pool1d_with_indices.default": _max_pool(conv.max_pool1d, True),
    "aten.max_pool2d_with_indices.default": _max_pool(conv.max_pool2d, True),
    "aten.max_pool3d_with_indices.default": _max_pool(conv.max_pool3d, True),
    "aten.avg_pool1d.default": _avg_pool(conv.avg_pool1d),
    "aten.avg_pool2d.default": _avg_pool(conv.avg_pool2d),
    "aten.avg_pool3d.default": _avg_pool(conv.avg_pool3d),
    "aten.adaptive_avg_pool1d.default": conv.adaptive_avg_pool1d,
    "aten.adaptive_avg_pool2d.default": conv.adaptive_avg_pool2d,
    "aten.adaptive_avg_pool3d.default": conv.adaptive_avg_pool3d,
    "aten._adaptive_avg_pool2d.default": conv.adaptive_avg_pool2d,
    "aten._adaptive_avg_pool3d.default": conv.adaptive_avg_pool3d,
    "aten.adaptive_max_pool1d.default": _adaptive_max_pool(conv.adaptive_max_pool1d),
    "aten.adaptive_max_pool2d.default": _adaptive_max_pool(conv.adaptive_max_pool2d),
    "aten.adaptive_max_pool3d.default": _adaptive_max_pool(conv.adaptive_max_pool3d),
    "aten.max_unpool2d.default": _max_unpool(conv.max_unpool2d, 2),
    "aten.max_unpool3d.default": _max_unpool(conv.max_unpool3d, 3),
    "aten.fractional_max_pool2d.default": _fractional_max_pool(conv.fractional_max_pool2d),
    "aten.fractional_max_pool3d.default": _fractional_max_pool(conv.fractional_max_pool3d),
    "aten.pad.default": conv.pad,
    "aten.constant_pad_nd.default": _constant_pad,
    "aten.reflection_pad1d.default": _pad("reflect"),
    "aten.reflection_pad2d.default": _pad("reflect"),
    "aten.reflection_pad3d.default": _pad("reflect"),
    "aten.replication_pad1d.default": _pad("replicate"),
    "aten.replication_pad2d.default": _pad("replicate"),
    "aten.replication_pad3d.default": _pad("replicate"),
    "aten.im2col.default": _unfold,
    "aten.col2im.default": _fold,
    "aten.upsample_nearest1d.vec": _vector("nearest"),
    "aten.upsample_nearest2d.vec": _vector("nearest"),
    "aten.upsample_nearest3d.vec": _vector("nearest"),
    "aten._upsample_nearest_exact1d.vec": _vector("nearest-exact"),
    "aten._upsample_nearest_exact2d.vec": _vector("nearest-exact"),
    "aten._upsample_nearest_exact3d.vec": _vector("nearest-exact"),
    "aten.upsample_linear1d.vec": _vector("linear"),
    "aten.upsample_bilinear2d.vec": _vector("bilinear"),
    "aten.upsample_trilinear3d.vec": _vector("trilinear"),
    "aten.upsample_bicubic2d.vec": _vector("bicubic"),
    "aten._upsample_bilinear2d_aa.vec": _vector("bilinear", antialias=True),
    "aten._upsample_bicubic2d_aa.vec": _vector("bicubic", antialias=True),
    "aten.upsample_nearest1d.default": _sized("nearest"),
    "aten.upsample_nearest2d.default": _sized("nearest"),
    "aten.upsample_nearest3d.default": _sized("nearest"),
    "aten._upsample_nearest_exact1d.default": _sized("nearest-exact"),
    "aten._upsample_nearest_exact2d.default": _sized("nearest-exact"),
    "aten._upsample_nearest_exact3d.default": _sized("nearest-exact"),
    "aten.upsample_linear1d.default": _sized("linear"),
    "aten.upsample_bilinear2d.default": _sized("bilinear"),
    "aten.upsample_trilinear3d.default": _sized("trilinear"),
    "aten.upsample_bicubic2d.default": _sized("bicubic"),
    "aten._upsample_bilinear2d_aa.default": _sized("bilinear", antialias=True),
    "aten._upsample_bicubic2d_aa.default": _sized("bicubic", antialias=True),
    "aten.grid_sampler.default": _grid_sample,
    "aten.grid_sampler_2d.default": _grid_sample,
    "aten.grid_sampler_3d.default": _grid_sample,
    "aten.affine_grid_generator.default": lambda *a: F.affine_grid(*a),
    "aten.pixel_shuffle.default": F.pixel_shuffle,
    "aten.pixel_unshuffle.default": F.pixel_unshuffle,
    "aten.channel_shuffle.default": F.channel_shuffle,
}
