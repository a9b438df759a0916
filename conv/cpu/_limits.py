"""The thresholds of all choices, each with the measurement that set it."""

from dataclasses import dataclass
from importlib.metadata import version

MEGABYTE = 2**20

# Whether YNNPACK adds up four partial sums where a product's width is no multiple of 32. In jaxlib
# 0.12 it does not: tiles of 192 and 576 products had 4.3 and 8.5 times PyTorch's error.
PARTIAL_SUMS = tuple(map(int, version("jaxlib").split(".")[:2])) < (0, 11)


@dataclass(frozen=True)
class Limits:
    """Where one method becomes faster than another: measured on two cores of an AVX-512 Xeon.

    `few_channels`, `elementwise_phases` and `images_length` were set on two cores of an AVX2 EPYC,
    `stock_channels`, `eigen_channels`, `elementwise_weights`, `group_chunk_bytes`, `product_bytes`,
    `innermost_*`, `phases_bytes`, `tile_*`, `apart*`, `shared_padding_*`, `one_thread_*`,
    `stock_taps`, `stock_line_taps`, `few_outputs`, `pointwise_short`, `shared_weights`,
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
    # Depthwise and dense 1-D kernels this long go through spectra.
    spectra_depthwise: int = 100
    spectra_dense: int = 256
    long_kernel: int = 32
    # From so many channels a group, XLA's own grouped convolution is ahead for long kernels.
    stock_channels: int = 32
    # Up to so many channels one convolution with zeros in its kernel beats one for each phase.
    few_channels: int = 32
    # So few outputs would not fill Eigen's kernel, phase by phase (3 of 11 x 11 at stride 4: 4.4
    # times the time of all phases at once).
    few_outputs: int = 8
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
    # Winograd's tiles: from so many channels (16 take 0.95 to 1.05 of a direct convolution's speed,
    # 24 to 256 take 1.1 to 1.9), and rows, of which at most a quarter more may be computed; forward
    # up to 24 rows only with so many weights a tap (64 x 64: 0.9 to 1.0). 768 products a sum leave
    # errors of up to 3.4 times PyTorch's, in products whose width is no multiple of 32: for these
    # YNNPACK adds up four sums, one after the other for others (with twice the error).
    tile_channels: int = 24
    tile_rows: int = 8
    tile_waste: float = 1.25
    # Positions of all images: fewer do not repay the kernel's transform, forward or backward (64
    # positions take 0.95 to 1.2 of a direct convolution's speed, 128 take 1.4; weight gradients of
    # up to 256 positions 0.6 to 0.9 of columns').
    tile_outputs: int = 128
    tile_weight_outputs: int = 400
    tile_few_rows: int = 24
    tile_few_weights: int = 8192
    tile_products: int = 768 if PARTIAL_SUMS else 96
    tile_weight_products: int = 768
    tile_positions: int = 1000
    tile_lanes: int = 32
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
    # Grouped: sums of shifted products up to so many products an output; block size of the others.
    elementwise_products: int = 36
    elementwise_phases: int = 10
    block_channels: int = 16
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
    # Where zeros make whole strides of a kernel, up to so many channels a group (3 x 3 at stride 2:
    # 1.0 to 1.7 times faster than blocks, 128 channels 0.8 to 1.0, 256 0.7).
    phases_channels: int = 64
    # Dense weight gradients along a line: up to so many elements XLA's own kernel takes 0.7 to 1.1
    # of the time of columns (3 to 7 were measured).
    stock_line_taps: int = 7
    # In all roles XLA's own takes 0.8 to 0.95 of the time of columns for so few products along a
    # line (0.07 ms a call; on a plane 0.9 to 1.1).
    short_line_products: int = 2**14
    # Weight gradients: sums of products up to so many weights an input and output channel pair.
    elementwise_weights: int = 32
    # One product an image for weights up to so many (150: 0.6 of the time of one product of all;
    # 864: 0.6 to 0.8; 16k: 0.9; 18k: 1.4; 74k: 1.5; 131k: 2.4).
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
