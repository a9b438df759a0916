"""CPU: which method computes a problem. The thresholds, with what set them; then the order."""

import math
from dataclasses import dataclass, replace

from ._method import STOCK, Choice, Platform, turned
from ._problem import Problem, meetings
from .methods.columns import (
    CHUNKS,
    COLUMNS,
    COLUMNS_IN_STEPS,
    COLUMNS_OF_LIBRARY,
    IMAGES,
    SPLIT_COLUMNS_OF_LIBRARY,
    reach_down,
    split_copies,
)
from .methods.depthwise import (
    DEPTHWISE,
    DEPTHWISE_IN_STEPS,
    DEPTHWISE_LAST,
    DEPTHWISE_SPREAD,
    ELEMENTWISE_PHASES,
)
from .methods.direct import DIRECT
from .methods.divided import for_several_devices
from .methods.exchange import EXCHANGED, OF_SAMPLES
from .methods.fourier import SPECTRA
from .methods.grouped import (
    BY_GROUPS,
    EACH_DENSE,
    ELEMENTWISE,
    GROUP_BY_GROUP,
    PRODUCT_A_GROUP,
)
from .methods.onednn import ONEDNN, ONEDNN_IN_FLOAT32, at_once
from .methods.pointwise import PATCHIFY, POINTWISE, ROWS_OF_LIBRARY
from .methods.taps import TAP_BY_TAP
from .methods.transposed import PHASES, PHASES_AS_ONE, PHASES_BY_GROUPS, PRODUCT
from .methods.volume import DEPTH_SLICES, DEPTH_SUMS, IN_TWO_DIMENSIONS, VOLUME

MEGABYTE = 2**20


@dataclass(frozen=True)
class Limits:
    """Where one method becomes faster than another: measured on two cores of an AVX-512 Xeon.

    `elementwise_phases` and `images_length` were set on two cores of an AVX2 EPYC,
    `stock_channels`, `eigen_channels`, `elementwise_weights`, `group_chunk_bytes`, `product_bytes`,
    `innermost_*`, `phases_bytes`, `apart*`, `shared_padding_*`, `one_thread_*`,
    `stock_taps`, `stock_line_taps`, `pointwise_short`, `shared_weights`,
    `short_line_products`, `small_weight`, `strided_*` and `samples_*` on two of an AVX-512 EPYC.
    All are properties of caches and of XLA's kernels; `benchmarks/` times the layers that they were
    taken from.
    """

    # Columns of all images at once up to this size; above, image by image: fresh pages beyond 32 MB
    # cost more than the loop.
    columns_bytes: int = 24 * MEGABYTE
    # First layers: few enough rows for columns to beat a direct convolution.
    columns_rows: int = 160
    # First layers: strided kernels of so many elements, to 64 channels, which XLA's own kernel is
    # made for: columns take 0.9 to 1.2 of its time, and 1.15 to 1.4 where the cores share no cache
    # (32, 96 and 128 channels 0.3 to 0.8).
    stock_taps: int = 49
    stock_outputs: int = 64
    # Strided kernels in two dimensions of up to so many products, from so many input channels on
    # and up to so many times output channels, stay with XLA: 64 to 64 channels at 28 x 28 take
    # columns 1.4 times as long for one image and 1.25 for four, 32 to 32 at 56 x 56 1.5 and 1.4. In
    # 16 bits all of them do: 64 to 128 take columns 1.3 times as long, 256 to 512 1.3 times.
    strided_channels: int = 16
    strided_weights: int = 10 * 2**10
    strided_products: int = 100 * 2**20
    strided_halves_products: int = 2**27
    # Spectra spread a NaN over a whole signal, and whole numbers don't stay whole in them. So they
    # are for kernels along a line for which sums take more than ten times as long. Depthwise,
    # forward: 1024 elements 7 to 9 times, 2048 elements 14; weights: 128 elements 3.5, 1024
    # elements 24. Dense, forward: 300 elements 1 to 3, 1024 elements 8, 2048 elements 10 to 18;
    # weights: 300 elements 3 to 16, 1024 elements 10 to 56.
    spectra_depthwise: int = 2048
    spectra_depthwise_weight: int = 512
    spectra_dense: int = 2048
    spectra_dense_weight: int = 1024
    # Depthwise lines: from so many elements on, some of them in each step of a loop (48: 0.9 to 1.2
    # of the speed of all at once; 64: 1.0 to 1.2; 96: 0.7 to 1.6), which compiles in no time.
    depthwise_steps: int = 64
    long_kernel: int = 32
    # From so many channels a group, XLA's own grouped convolution is ahead for long kernels.
    stock_channels: int = 32
    # oneDNN, depthwise: ahead of sums over so few positions (49: 1.2 to 1.5 times; 196: 0.7 to
    # 0.9), and for so many elements (25 at a stride: 2.2 to 2.4 times; 49: 0.8 to 1.0 alone, and
    # ahead in ConvNeXt, where sums are computed again in what follows; 9: 0.4 to 0.9).
    onednn_positions: int = 49
    onednn_taps: int = 25
    # Weight gradients by oneDNN's products, of up to so many bytes of columns each (a half: 1.0 to
    # 1.5 times as long, a quarter: 0.9 to 1.6). Beyond 32 MB each call has fresh pages.
    onednn_columns_bytes: int = 30 * MEGABYTE
    # The same with the kernel's rows spelled out in the gradients, its columns in the images, where
    # an image has so many rows for each row that a window has after its first, and so much less is
    # copied (64 to 64 of 3 x 3: 40 rows 0.8 of the time, 128 rows 0.65; 256 to 128 at 64 rows 0.8;
    # at 20 rows and fewer 1.0 to 1.8; 64 to 16 of 5 x 5 at 64 rows 1.7).
    split_rows: int = 20
    split_copies: float = 0.8
    # Kernel elements that a program spells out: compiling takes about 20 ms for each.
    operations: int = 200
    # Dense: from so many input and output channels Eigen's kernel is faster than YNNPACK's, and
    # more exact; where channels come last, and nothing is transposed, only up to so many rows (112
    # rows take 1.18 times as long).
    eigen_channels: int = 48
    eigen_outputs: int = 16
    eigen_last_rows: int = 64
    # YNNPACK takes no convolution of so few channels on both sides.
    ynnpack_channels: int = 16
    # Grouped kernels of so many elements, and of so many for each position of the output, are
    # computed as weight gradients from so many images times outputs a group on. Weight gradients
    # of 8 to 64 samples take 0.02 to 0.9 of the time of columns, sums or XLA's own; kernels of 49
    # over 3 x 3, or of one output a group, up to 4 times as long.
    samples_taps: int = 32
    samples_ratio: int = 4
    samples_outputs: int = 6
    # Pointwise: from so many positions on, one product an image is faster than one of all with two
    # transposes; below so few the kernel stands on the right, where a transposed one (input
    # gradients) costs nothing (49: 1.1 to 2.4 times as fast; 196: 0.7 to 1.2).
    pointwise_long: int = 1024
    pointwise_short: int = 100
    # Kernels of so many weights are not spelled out for each image: one product for some images
    # (3k and 4k: 0.8 to 0.9 of its speed; 16k to 55k: 1.0 to 1.3; 295k: 1.7; 2.4M: 1.6 to 3.3).
    shared_weights: int = 2**14
    # Pointwise with channels last: XLA's own product from so many positions (3136: 1.1 times
    # faster, 196: 1.14 times slower).
    last_pointwise_length: int = 1024
    # Taps one by one where they meet the input for so small a part of the outputs (0.57: 1.1 to 1.3
    # times faster, weight gradients 1.0; 0.27: 2 to 2.5; 0.76: 0.9 to 1.0), with many weights.
    apart: float = 0.65
    apart_few: float = 0.4
    apart_bytes: int = 32 * MEGABYTE
    apart_channels: int = 64
    # Depthwise kernels of up to so many elements read rows that share their padding (9: 1.2 to 1.4
    # times faster, 49: 1.4 times slower), where the rows are this long (28 and 14: 0.7 to 1.1).
    shared_padding_taps: int = 9
    shared_padding_length: int = 48
    # Grouped: sums of shifted products up to so many products an output.
    elementwise_products: int = 36
    elementwise_phases: int = 10
    # Grouped, by columns with the batch innermost: steps of up to 8 images (16 take up to 1.5 times
    # as long, 4 as long, 2 up to 2.2 times) and 4 MB (2 MB take 1.2 to 1.6 times as long), or of
    # one group up to 8 MB.
    innermost_images: int = 8
    innermost_few: int = 4
    innermost_bytes: int = 8 * MEGABYTE
    innermost_loop_bytes: int = 4 * MEGABYTE
    # All phases of a transposed one: steps of up to 8 images and 4 MB of columns and products (2 MB
    # take up to 1.15 times as long, 1 MB 1.4).
    phases_bytes: int = 4 * MEGABYTE
    # Dense weight gradients along a line: up to so many elements XLA's own kernel takes 0.7 to 1.1
    # of the time of columns (3 to 7 were measured).
    stock_line_taps: int = 7
    # In all roles XLA's own takes 0.8 to 0.95 of the time of columns for so few products along a
    # line (0.07 ms a call; on a plane 0.9 to 1.1).
    short_line_products: int = 2**14
    # Weight gradients: sums of products up to so many weights an input and output channel pair.
    elementwise_weights: int = 32
    # One product an image for weights up to so many (150: 0.6 of the time of one product of all;
    # 864: 0.6 to 0.8; 16k: 0.9; 18k: 1.4; 74k: 1.5; 131k: 2.4). Of oneDNN's product of all, for
    # kernels of one element: 1.5k to 16k 0.4 to 0.9, 25k 2, 65k 2.8.
    small_weight: int = 2**14
    # Shorter sums over positions do not fill a product for each image; longer ones in one product
    # lose more digits than PyTorch's.
    images_length: int = 256
    weight_columns_bytes: int = 20 * MEGABYTE
    # Temporary arrays of one step of a loop. Weight gradients: 8 MB of columns at a time, images of
    # more than 12 MB in strips; of grouped ones 4 MB (8 and 16 MB take up to 1.1 and 1.4 times as
    # long). A product above 24 MB goes image by image (103 ms to 81 for ResNet's first layer,
    # forward and backward), pointwise weights above it go to one product of all images.
    chunk_bytes: int = 8 * MEGABYTE
    strip_bytes: int = 12 * MEGABYTE
    group_chunk_bytes: int = 4 * MEGABYTE
    # Strided grouped convolutions on so few cores go in steps of one thread, in all roles, forward
    # and backward where rows have so many elements: where the cores share a cache they take 1.1 to
    # 1.4 times as long, where they do not 0.5 to 0.7 of it (rows of 14: 1.1 to 1.4 and 0.8 to 1.0;
    # unstrided weight gradients 1.5 to 1.7 times as long where they share one).
    few_cores: int = 2
    one_thread_bytes: int = MEGABYTE // 4
    one_thread_row: int = 24
    product_bytes: int = 24 * MEGABYTE
    pointwise_weight_bytes: int = 24 * MEGABYTE
    pointwise_weight_length: int = 1024
    # From so many positions a product of columns and gradients is faster than the other order.
    columns_left: int = 1000


LIMITS = Limits()


def choose(p: Problem) -> Choice:
    """Choose the method for a problem."""
    if _short_line(p):
        return Choice(STOCK, "a short line: a copy before the product would cost more")
    if _of_samples(p):
        why = "kernels larger than the output, by groups: weight gradients"
        found = turned(OF_SAMPLES, why, p, choose)
        if found.inner is not None and not found.inner.stock:
            return found
    chosen = _in_two_dimensions(p) or _in_float32(p) or _BY_ROLE[p.role](p)
    if chosen.method.grows and _operations(p) > p.limits.operations:
        return Choice(STOCK, "so many kernel elements would take too long to compile")
    return chosen


def _inside(p: Problem) -> Choice:
    """Choose for a problem that another method has made, which JAX's own lowering never sees."""
    chosen = choose(p)
    if not chosen.stock:
        return chosen
    return Choice(CHUNKS if p.role == "weight" else DIRECT, f"inside of another: {chosen.why}")


def _in_float32(p: Problem) -> Choice | None:
    """Choose oneDNN's call in float32 where it would be chosen for that, and not for 16 bits."""
    # Along lines a training step takes twice as long so: it wants channels first.
    if p.dims == 1 or not ONEDNN_IN_FLOAT32.serves(p) or ONEDNN.serves(p):
        return None
    chosen = _BY_ROLE[p.role](replace(p, dtype="float32"))
    if chosen.method is not ONEDNN:
        return None
    return Choice(ONEDNN_IN_FLOAT32, f"16 bits in float32: {chosen.why}")


def _in_two_dimensions(p: Problem) -> Choice | None:
    """Choose two dimensions for what oneDNN computes in these only: bfloat16."""
    last = p.channels_last or p.innermost
    if not (
        p.dims == 3 and p.onednn and last and p.dtype == "bfloat16" and IN_TWO_DIMENSIONS.serves(p)
    ):
        return None
    found = turned(IN_TWO_DIMENSIONS, "a kernel of one slice, or of one position", p, _inside)
    inner = found.inner
    return found if inner is not None and not inner.method.in_float32 else None


def _apart(p: Problem) -> bool:
    """Whether most kernel elements meet zeros of the padding."""
    met = meetings(p) / (p.taps * p.length)
    few = min(p.in_channels, p.out_channels) < p.limits.apart_channels
    # Transposed to channels first and back, as few as weight gradients.
    seldom = p.role == "weight" or p.channels_last
    most = p.limits.apart_few if seldom else p.limits.apart
    return p.groups == 1 and p.unit_stride and not few and met <= most


def _short_line(p: Problem) -> bool:
    """Whether a dense convolution along a line is a matter of microseconds."""
    plain = p.dims == p.groups == 1 and not p.spreads and p.has_kernel
    return plain and _products(p) <= p.limits.short_line_products


def _of_samples(p: Problem) -> bool:
    """Whether these are weight gradients, of a sample a group: what `jax.vmap` makes of them.

    Their kernels are gradients as large as an image, and their images are channels.
    """
    per_group, out_per_group = p.per_group
    large = p.taps >= p.limits.samples_taps and p.taps > p.limits.samples_ratio * p.length
    matrix = out_per_group > 1 and p.batch * out_per_group >= p.limits.samples_outputs
    several = p.batch > 1 or per_group == 1
    return p.role != "weight" and p.groups > 1 and large and matrix and several


def _long(p: Problem) -> bool:
    """Whether a kernel along a line is so long that spectra compute it in a tenth of the time."""
    longest = p.limits.spectra_dense
    if p.groups > 1:
        longest = p.limits.spectra_depthwise if p.per_group[0] == 1 else p.taps + 1
    plain = p.unit_stride and p.unit_dilation and not p.exact
    return p.dims == 1 and plain and p.taps >= longest


def _once(p: Problem) -> bool:
    """Whether a depthwise layer has few positions, or a large kernel.

    XLA computes a sum of shifted products again in each operation that follows (a norm's mean, its
    variance, what it scales): with a large kernel that costs a network more than the layer gains.
    """
    few, large = p.length <= p.limits.onednn_positions, p.taps >= p.limits.onednn_taps
    return p.per_group == (1, 1) and p.dims == 2 and (few or large)


def _split(p: Problem) -> bool:
    """Whether it is worth while to spell out a kernel's rows and columns in different factors."""
    tall = p.out[0] >= p.limits.split_rows * reach_down(p)
    return tall and split_copies(p) <= p.limits.split_copies


def _products(p: Problem) -> int:
    """Return how many products a dense convolution adds up."""
    return p.batch * p.length * p.taps * p.in_channels * p.out_channels


def _small_strided(p: Problem) -> bool:
    """Whether XLA's own strided kernel is done before columns are copied."""
    if not p.has_kernel or p.in_channels < p.limits.strided_channels:
        return False
    if p.sixteen_bits:  # which columns convert first
        return _products(p) <= p.limits.strided_halves_products
    few = p.in_channels * p.out_channels <= p.limits.strided_weights
    return few and _products(p) <= p.limits.strided_products


def _operations(p: Problem) -> int:
    """Return about how many operations the program has: long lines are stacked in two steps."""
    if p.dims == 1 and p.groups == 1:
        return 2 * math.isqrt(p.taps)
    return p.taps


def _forward(p: Problem) -> Choice:
    per_group, _ = p.per_group
    library = ONEDNN.serves(p)
    if library and p.channels_last:
        return Choice(ONEDNN, "channels last: oneDNN takes them as they come")
    if library and p.innermost and not _long(p):
        return Choice(ONEDNN, "oneDNN's, with the channels innermost in memory")
    if p.channels_last and p.groups == 1 and p.has_kernel:
        strided = p.dims > 1 and not p.unit_stride and p.kernel != p.stride
        large = p.taps == 1 and p.length >= p.limits.last_pointwise_length
        if strided or large or (p.taps == 1 and not p.unit_stride):
            return Choice(STOCK, "channels last: XLA's own kernel takes them as they come")
    if p.taps == 1 and p.unpadded:
        if library and p.groups == 1:
            return Choice(ONEDNN, "one element: oneDNN's, of the elements that it meets")
        return Choice(POINTWISE, "a kernel of one element is a matrix product")
    if p.groups > 1:
        if library and _once(p):
            return Choice(ONEDNN, "depthwise, over few positions or a large kernel: oneDNN's")
        if per_group == 1:
            if _long(p):
                return Choice(SPECTRA, "a long kernel is a product of spectra")
            if p.dims == 1 and p.taps >= p.limits.depthwise_steps:
                return Choice(DEPTHWISE_IN_STEPS, "one channel a group, a long kernel: in a loop")
            if p.channels_last and p.in_channels == p.out_channels:
                return Choice(DEPTHWISE_LAST, "the same, with the channels where they are: last")
            return Choice(DEPTHWISE, "one channel a group: shifted products in one loop")
        if library and p.dims > 1:
            return Choice(ONEDNN, "several channels a group: oneDNN's")
        if per_group * p.taps <= p.limits.elementwise_products and p.unit_stride:
            return Choice(ELEMENTWISE, "a few channels a group: shifted products in one loop")
        if p.dims == 1 and p.taps > p.limits.long_kernel:
            if library and per_group >= p.limits.stock_channels:
                return Choice(ONEDNN, "long kernels over many channels a group: oneDNN's")
            if p.unit_stride and p.unit_dilation and per_group >= p.limits.stock_channels:
                return Choice(STOCK, "long kernels over many channels a group: XLA's own is ahead")
            return Choice(GROUP_BY_GROUP, "long kernels: columns, one group after the other")
        if PRODUCT_A_GROUP.serves(p):
            return Choice(PRODUCT_A_GROUP, "groups: a product of columns for each, in a loop")
        if BY_GROUPS.serves(p):
            return Choice(BY_GROUPS, "columns with the batch innermost, some groups at a time")
        if library:
            return Choice(ONEDNN, "large groups: oneDNN's")
        return turned(EACH_DENSE, "a dense convolution for each group, in a loop", p, _inside)
    if p.kernel == p.stride and p.unpadded and p.unit_dilation:
        return Choice(PATCHIFY, "windows that tile the input are channels")
    if _long(p):
        return Choice(SPECTRA, "a long kernel is a product of spectra")
    if library and (p.dims > 1 or p.in_channels > 1):
        return Choice(ONEDNN, "dense: oneDNN's")
    if _apart(p):
        return Choice(TAP_BY_TAP, "most taps meet padding: a product for each, where it does not")
    if p.dims == 3:
        if p.kernel[0] > 1 and p.stride[0] == 1 and p.out_channels <= 64:
            return Choice(DEPTH_SUMS, "each slice by every depth of the kernel, in two dimensions")
        return Choice(DEPTH_SLICES, "depth becomes channels of a two-dimensional convolution")
    if p.dims == 2 and not p.unit_stride:
        if _small_strided(p):
            return Choice(STOCK, "strided, of few products: a copy before would cost more")
        if p.batch > 1:
            large = p.taps >= p.limits.stock_taps and p.has_kernel
            if large and p.out_channels == p.limits.stock_outputs:
                return Choice(STOCK, "strided, a large kernel, 64 outputs: XLA's own is as fast")
            return Choice(COLUMNS_IN_STEPS, "strided: columns, some images at a time")
        return Choice(COLUMNS, "strided: columns")
    # XLA exchanges the operands where the kernel is longer than the input, and then finds no
    # kernel of its own for it.
    longer = any(k > n for k, n in zip(p.kernel, p.space, strict=True))
    few = p.in_channels * p.taps <= p.limits.columns_rows
    if longer or (few and not (p.channels_last and p.unit_stride)):
        size = p.batch * p.in_channels * p.taps * p.length * p.itemsize
        rows = p.in_channels * p.taps
        shared = rows > p.length and rows * p.out_channels >= p.limits.shared_weights
        if size <= p.limits.columns_bytes and (p.batch == 1 or not shared):
            return Choice(COLUMNS, "few input channels, or a kernel beyond the input: columns")
        return Choice(COLUMNS_IN_STEPS, "such, and large, or many weights: some images at a time")
    if not p.has_kernel:
        return Choice(DIRECT, "dense: channels last; columns where XLA has no kernel for float64")
    # YNNPACK's kernel is at most as fast in training, and its rounding errors are several times
    # PyTorch's.
    return Choice(DIRECT, "dense: XLA's Eigen kernel, channels last")


def _transposed(p: Problem) -> Choice:
    if not p.unit_stride:
        return Choice(STOCK, "strides on both sides have no method")
    per_group, out_per_group = p.per_group
    if p.groups > 1:
        if per_group == out_per_group == 1:
            if p.channels_last and ONEDNN.serves(p):
                return Choice(ONEDNN, "channels last: a convolution of oneDNN's for each phase")
            if p.taps <= 9:
                return Choice(ELEMENTWISE_PHASES, "one channel a group: shifted products by phase")
            return Choice(
                DEPTHWISE_SPREAD, "one channel a group: zeros between, then shifted products"
            )
        if per_group * p.taps <= p.limits.elementwise_phases * math.prod(p.spread):
            return Choice(ELEMENTWISE_PHASES, "a few channels a group: shifted products by phase")
        if PHASES_BY_GROUPS.serves(p):
            return Choice(PHASES_BY_GROUPS, "all phases at once, by columns, some groups at a time")
        if ONEDNN.serves(p):
            return Choice(ONEDNN, "a convolution of oneDNN's for each phase")
        return turned(EACH_DENSE, "a dense convolution for each group, in a loop", p, _inside)
    small = p.taps >= math.prod(p.spread) and p.out_channels * p.taps <= 3 * p.in_channels
    line = p.dims == 1 and p.spread[0] < p.kernel[0] < 2 * p.spread[0]
    if ONEDNN.serves(p) and at_once(p):
        return Choice(ONEDNN, "whole strides: all phases in one convolution of oneDNN's")
    if p.kernel == p.spread and p.unit_dilation:
        return Choice(PRODUCT, "windows that do not overlap: one matrix product")
    if small or line:
        return Choice(PRODUCT, "few outputs an input: one matrix product, then sums")
    if ONEDNN.serves(p) and not (p.dims == 1 and p.unit_dilation and p.whole_strides):
        return Choice(ONEDNN, "a convolution of oneDNN's for each phase")
    if p.unit_dilation and p.whole_strides:
        return Choice(PHASES_AS_ONE, "whole strides: all phases in one dense convolution")
    return Choice(PHASES, "a small dense convolution for each phase")


def _weight(p: Problem) -> Choice:
    if p.spreads:
        if p.unit_stride:
            why = "of a transposed convolution: input and gradient change places"
            return turned(EXCHANGED, why, p, _inside)
        return Choice(STOCK, "strides on both sides have no method")
    per_group, out_per_group = p.per_group
    spectral = p.unit_stride and p.unit_dilation and not p.exact
    if p.dtype == "bfloat16" and ROWS_OF_LIBRARY.serves(p):
        return Choice(ROWS_OF_LIBRARY, "bfloat16: oneDNN's products of rows of channels")
    if p.taps == 1 and all(low <= 0 and high <= 0 for low, high in p.padding):
        return Choice(POINTWISE, "a kernel of one element is a matrix product")
    if p.groups > 1:
        if per_group == 1:
            if p.dims == 1 and spectral and p.taps >= p.limits.spectra_depthwise_weight:
                return Choice(SPECTRA, "a long kernel is a product of spectra")
            if p.dims == 1 and p.taps >= p.limits.depthwise_steps:
                return Choice(DEPTHWISE_IN_STEPS, "one channel a group, a long kernel: in a loop")
            return Choice(DEPTHWISE, "one channel a group: sums of products in one loop")
        if p.dims == 1 and p.taps > p.limits.long_kernel:
            return Choice(GROUP_BY_GROUP, "long kernels: columns, one group after the other")
        if per_group * out_per_group <= p.limits.elementwise_weights:
            return Choice(ELEMENTWISE, "a few channels a group: sums of products in one loop")
        return Choice(PRODUCT_A_GROUP, "groups: a product of columns for each, in a loop")
    if p.dims == 1 and spectral and p.taps >= p.limits.spectra_dense_weight:
        return Choice(SPECTRA, "a long kernel is a product of spectra")
    if p.dims == 1 and p.out[0] <= p.space[0] and p.has_kernel:
        if p.channels_last:
            return Choice(STOCK, "channels last: XLA's own kernel takes them as they come")
        if p.unit_stride and p.unit_dilation and p.taps <= p.limits.stock_line_taps:
            return Choice(STOCK, "a short kernel along a line: XLA's own is as fast")
    if _apart(p):
        return Choice(TAP_BY_TAP, "most taps meet padding: a product for each, where it does not")
    if p.dims == 3:
        return turned(VOLUME, "depth becomes batch and channels of two dimensions", p, _inside)
    if SPLIT_COLUMNS_OF_LIBRARY.serves(p) and _split(p):
        return Choice(SPLIT_COLUMNS_OF_LIBRARY, "oneDNN's products of columns of both factors")
    if COLUMNS_OF_LIBRARY.serves(p):
        return Choice(COLUMNS_OF_LIBRARY, "oneDNN's products of columns")
    size = p.batch * p.in_channels * p.taps * p.length * p.itemsize
    weights = p.in_channels * p.taps * p.out_channels
    if (
        weights <= p.limits.small_weight
        and size <= p.limits.columns_bytes
        and p.length >= p.limits.images_length
    ):
        return Choice(IMAGES, "a small weight: a product an image, then their sum")
    if size <= p.limits.weight_columns_bytes:
        return Choice(COLUMNS, "one product of all columns")
    return Choice(CHUNKS, "products of columns, some images at a time")


_BY_ROLE = {"weight": _weight, "transposed": _transposed, "forward": _forward}

CPU = Platform(
    "cpu",
    choose,
    LIMITS,
    ("float32", "float64", "float16", "bfloat16"),
    widens=True,
    split=for_several_devices("XLA's", in_float32=True),
)
