"""The one place that chooses a method. Every threshold stands in `_limits`, with what set it."""

import math
from dataclasses import dataclass

from ._limits import LIMITS
from ._problem import TILE, Problem, meetings
from ._steps import (
    innermost_step,
    itemsize,
    phases_step,
    product_step,
    winograd_axis,
    winograd_step,
)


@dataclass(frozen=True)
class Route:
    """A method's name, and why it was chosen."""

    method: str
    why: str


def choose(problem: Problem) -> Route:
    """Choose the method for a problem; 'stock' is XLA's own lowering."""
    if _short_line(problem):
        return Route("stock", "a short line: a copy before the product would cost more")
    if _of_samples(problem):
        return Route("of_samples", "kernels larger than the output, by groups: weight gradients")
    rules = {"weight": _weight, "transposed": _transposed, "forward": _forward}
    chosen = rules[problem.role](problem)
    if chosen.method in UNROLLED and _operations(problem) > LIMITS.operations:
        return Route("stock", "so many kernel elements would take too long to compile")
    return chosen


# Methods whose program grows with the kernel: an operation for each of its elements.
UNROLLED = {
    "columns",
    "columns_in_steps",
    "depthwise",
    "depthwise_last",
    "depthwise_spread",
    "elementwise",
    "elementwise_phases",
    "product",
    "by_groups",
    "phases_by_groups",
    "blocks",
    "product_a_group",
    "images",
    "chunks",
    "volume",
    "exchanged",
    "winograd",
    "tap_by_tap",
}


def _tiled(p: Problem) -> bool:
    """Whether Winograd's tiles are faster, and exact enough."""
    axis = winograd_axis(p)
    if axis < 0 or p.groups > 1 or not p.unit_stride or p.exact:
        return False
    if p.channels_last and p.role == "forward":
        return False
    rows, few = p.out[axis], p.in_channels * p.out_channels < LIMITS.tile_few_weights
    if p.role == "forward" and few and rows <= LIMITS.tile_few_rows:
        return False
    least = LIMITS.tile_weight_outputs if p.role == "weight" else LIMITS.tile_outputs
    # Weight gradients are sums over positions, as long as PyTorch's own.
    most = LIMITS.tile_weight_products if p.role == "weight" else LIMITS.tile_products
    return (
        p.batch * p.length >= least
        and min(p.in_channels, p.out_channels) >= LIMITS.tile_channels
        and rows >= LIMITS.tile_rows
        and -rows // TILE * -TILE <= LIMITS.tile_waste * rows
        and p.in_channels * p.taps // p.kernel[axis] <= most
        and p.length // rows <= LIMITS.tile_positions
        and winograd_step(p) is not None
    )


def _apart(p: Problem) -> bool:
    """Whether most kernel elements meet zeros of the padding."""
    met = meetings(p) / (p.taps * p.length)
    few = min(p.in_channels, p.out_channels) < LIMITS.apart_channels
    # Transposed to channels first and back, as few as weight gradients.
    seldom = p.role == "weight" or p.channels_last
    most = LIMITS.apart_few if seldom else LIMITS.apart
    return p.groups == 1 and p.unit_stride and not few and met <= most


def _short_line(p: Problem) -> bool:
    """Whether a dense convolution along a line is a matter of microseconds."""
    plain = p.dims == p.groups == 1 and p.spread == (1,) and p.has_kernel
    return plain and _products(p) <= LIMITS.short_line_products


def _of_samples(p: Problem) -> bool:
    """Whether these are weight gradients, of a sample a group: what `jax.vmap` makes of them.

    Their kernels are gradients as large as an image, and their images are channels.
    """
    per_group, out_per_group = p.per_group
    large = p.taps >= LIMITS.samples_taps and p.taps > LIMITS.samples_ratio * p.length
    matrix = out_per_group > 1 and p.batch * out_per_group >= LIMITS.samples_outputs
    several = p.batch > 1 or per_group == 1
    if p.role == "weight" or p.groups == 1 or not (large and matrix and several):
        return False
    return choose(p.as_weight()).method != "stock"


def _products(p: Problem) -> int:
    """Return how many products a dense convolution adds up."""
    return p.batch * p.length * p.taps * p.in_channels * p.out_channels


def _small_strided(p: Problem) -> bool:
    """Whether XLA's own strided kernel is done before columns are copied."""
    if not p.has_kernel or p.in_channels < LIMITS.strided_channels:
        return False
    if p.sixteen_bits:  # which columns convert first
        return _products(p) <= LIMITS.strided_halves_products
    few = p.in_channels * p.out_channels <= LIMITS.strided_weights
    return few and _products(p) <= LIMITS.strided_products


def _operations(p: Problem) -> int:
    """Return about how many operations the program has: long lines are stacked in two steps."""
    if p.dims == 1 and p.groups == 1:
        return 2 * math.isqrt(p.taps)
    return p.taps


def _forward(p: Problem) -> Route:
    per_group, _ = p.per_group
    spectral = p.unit_stride and p.unit_dilation and not p.exact
    if p.channels_last and p.groups == 1 and p.has_kernel:
        strided = p.dims > 1 and not p.unit_stride and p.kernel != p.stride
        large = p.taps == 1 and p.length >= LIMITS.last_pointwise_length
        if strided or large or (p.taps == 1 and not p.unit_stride):
            return Route("stock", "channels last: XLA's own kernel takes them as they come")
    if p.taps == 1 and p.unpadded:
        return Route("pointwise", "a kernel of one element is a matrix product")
    if p.groups > 1:
        if per_group == 1:
            if p.dims == 1 and spectral and p.taps >= LIMITS.spectra_depthwise:
                return Route("spectra", "a long kernel is a product of spectra")
            if p.channels_last and p.in_channels == p.out_channels:
                return Route("depthwise_last", "the same, with the channels where they are: last")
            return Route("depthwise", "one channel a group: shifted products in one loop")
        if per_group * p.taps <= LIMITS.elementwise_products and p.unit_stride:
            return Route("elementwise", "a few channels a group: shifted products in one loop")
        if p.dims == 1 and p.taps > LIMITS.long_kernel:
            if p.unit_stride and p.unit_dilation and per_group >= LIMITS.stock_channels:
                return Route("stock", "long kernels over many channels a group: XLA's own is ahead")
            return Route("group_by_group", "long kernels: columns, one group after the other")
        if product_step(p):
            return Route("product_a_group", "groups: a product of columns for each, in a loop")
        if all(innermost_step(p)):
            return Route("by_groups", "columns with the batch innermost, some groups at a time")
        return Route("blocks", "groups merged to blocks, each a dense convolution")
    if p.kernel == p.stride and p.unpadded and p.unit_dilation:
        return Route("patchify", "windows that tile the input are channels")
    if p.dims == 1 and spectral and p.taps >= LIMITS.spectra_dense:
        return Route("spectra", "a long kernel is a product of spectra")
    if _apart(p):
        return Route("tap_by_tap", "most taps meet padding: a product for each, where it does not")
    if _tiled(p):
        return Route("winograd", "kernels of three rows: half the products, by tiles of four rows")
    if p.dims == 3:
        if p.kernel[0] > 1 and p.stride[0] == 1 and p.out_channels <= 64:
            return Route("depth_sums", "each slice by every depth of the kernel, in two dimensions")
        return Route("depth_slices", "depth becomes channels of a two-dimensional convolution")
    if p.dims == 2 and not p.unit_stride:
        if _small_strided(p):
            return Route("stock", "strided, of few products: a copy before would cost more")
        if p.batch > 1:
            large = p.taps >= LIMITS.stock_taps and p.has_kernel
            if large and p.out_channels == LIMITS.stock_outputs:
                return Route("stock", "strided, a large kernel, 64 outputs: XLA's own is as fast")
            return Route("columns_in_steps", "strided: columns, some images at a time")
        return Route("columns", "strided: columns")
    # XLA exchanges the operands where the kernel is longer than the input, and then finds no
    # kernel of its own for it.
    longer = any(k > n for k, n in zip(p.kernel, p.space, strict=True))
    few = p.in_channels * p.taps <= LIMITS.columns_rows
    if longer or (few and not (p.channels_last and p.unit_stride)):
        size = p.batch * p.in_channels * p.taps * p.length * itemsize(p)
        rows = p.in_channels * p.taps
        shared = rows > p.length and rows * p.out_channels >= LIMITS.shared_weights
        if size <= LIMITS.columns_bytes and (p.batch == 1 or not shared):
            return Route("columns", "few input channels, or a kernel beyond the input: columns")
        return Route("columns_in_steps", "such, and large, or many weights: some images at a time")
    if not p.has_kernel:
        return Route("direct", "dense: channels last; columns where XLA has no kernel for float64")
    # YNNPACK's kernel is at most as fast in training, and its rounding errors are several times
    # PyTorch's.
    return Route("direct", "dense: XLA's Eigen kernel, channels last")


def _transposed(p: Problem) -> Route:
    if not p.unit_stride:
        return Route("stock", "strides on both sides have no method")
    per_group, out_per_group = p.per_group
    if p.groups > 1:
        if per_group == out_per_group == 1:
            if p.taps <= 9:
                return Route("elementwise_phases", "one channel a group: shifted products by phase")
            return Route(
                "depthwise_spread", "one channel a group: zeros between, then shifted products"
            )
        if per_group * p.taps <= LIMITS.elementwise_phases * math.prod(p.spread):
            return Route("elementwise_phases", "a few channels a group: shifted products by phase")
        whole = p.whole_strides()
        wasteless = whole.kernel == p.kernel or max(p.per_group) <= LIMITS.phases_channels
        if p.unit_dilation and wasteless and phases_step(whole)[1]:
            return Route(
                "phases_by_groups", "all phases at once, by columns, some groups at a time"
            )
        return Route("blocks", "groups merged to blocks, each dense")
    small = p.taps >= math.prod(p.spread) and p.out_channels * p.taps <= 3 * p.in_channels
    line = p.dims == 1 and p.spread[0] < p.kernel[0] < 2 * p.spread[0]
    if p.kernel == p.spread and p.unit_dilation:
        return Route("product", "windows that do not overlap: one matrix product")
    if small or line:
        return Route("product", "few outputs an input: one matrix product, then sums")
    few = max(p.in_channels, p.out_channels) <= LIMITS.few_channels
    few = few or p.out_channels <= LIMITS.few_outputs
    if p.unit_dilation and (p.whole_strides().kernel == p.kernel or few):
        return Route("phases_as_one", "whole strides: all phases in one dense convolution")
    return Route("phases", "a small dense convolution for each phase")


def _weight(p: Problem) -> Route:
    if set(p.spread) != {1}:
        if p.unit_stride:
            return Route(
                "exchanged", "of a transposed convolution: input and gradient change places"
            )
        return Route("stock", "strides on both sides have no method")
    per_group, out_per_group = p.per_group
    spectral = p.unit_stride and p.unit_dilation and not p.exact
    if p.taps == 1 and all(low <= 0 and high <= 0 for low, high in p.padding):
        return Route("pointwise", "a kernel of one element is a matrix product")
    if p.groups > 1:
        if per_group == 1:
            if p.dims == 1 and spectral and p.taps >= LIMITS.spectra_depthwise:
                return Route("spectra", "a long kernel is a product of spectra")
            return Route("depthwise", "one channel a group: sums of products in one loop")
        if p.dims == 1 and p.taps > LIMITS.long_kernel:
            return Route("group_by_group", "long kernels: columns, one group after the other")
        if per_group * out_per_group <= LIMITS.elementwise_weights:
            return Route("elementwise", "a few channels a group: sums of products in one loop")
        return Route("product_a_group", "groups: a product of columns for each, in a loop")
    if p.dims == 1 and spectral and p.taps >= LIMITS.spectra_dense:
        return Route("spectra", "a long kernel is a product of spectra")
    if p.dims == 1 and p.out[0] <= p.space[0] and p.has_kernel:
        if p.channels_last:
            return Route("stock", "channels last: XLA's own kernel takes them as they come")
        if p.unit_stride and p.unit_dilation and p.taps <= LIMITS.stock_line_taps:
            return Route("stock", "a short kernel along a line: XLA's own is as fast")
    if _apart(p):
        return Route("tap_by_tap", "most taps meet padding: a product for each, where it does not")
    if _tiled(p):
        return Route("winograd", "kernels of three rows: half the products, by tiles of four rows")
    if p.dims == 3:
        return Route("volume", "depth becomes batch and channels of two dimensions")
    size = p.batch * p.in_channels * p.taps * p.length * itemsize(p)
    weights = p.in_channels * p.taps * p.out_channels
    if (
        weights <= LIMITS.small_weight
        and size <= LIMITS.columns_bytes
        and p.length >= LIMITS.images_length
    ):
        return Route("images", "a small weight: a product an image, then their sum")
    if size <= LIMITS.weight_columns_bytes:
        return Route("columns", "one product of all columns")
    return Route("chunks", "products of columns, some images at a time")
