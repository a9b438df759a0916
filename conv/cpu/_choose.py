"""The one place that chooses a method. Every threshold stands in `Limits`, with what set it."""

import math
from dataclasses import dataclass, replace

from ._problem import TILE, Problem, meets

MEGABYTE = 2**20


@dataclass(frozen=True)
class Limits:
    """Where one method becomes faster than another: measured on two cores of an AVX-512 Xeon.

    `few_channels`, `elementwise_phases` and `images_length` were set on two cores of an AVX2 EPYC,
    `stock_channels`, `eigen_channels`, `elementwise_weights`, `group_chunk_bytes`, `product_bytes`,
    `innermost_*`, `phases_bytes`, `tile_*` and `apart*` on two of an AVX-512 EPYC. All are
    properties of caches and of XLA's kernels; `benchmarks/` times the layers that they were taken
    from.
    """

    # Columns of all images at once up to this size; above, image by image: fresh pages beyond 32 MB
    # cost more than the loop.
    columns_bytes: int = 24 * MEGABYTE
    # First layers: few enough rows for columns to beat a direct convolution.
    columns_rows: int = 160
    # Depthwise and dense 1-D kernels this long go through spectra.
    spectra_depthwise: int = 100
    spectra_dense: int = 256
    long_kernel: int = 32
    # From so many channels a group, XLA's own grouped convolution is ahead for long kernels.
    stock_channels: int = 32
    # Up to so many channels one convolution with zeros in its kernel beats one for each phase.
    few_channels: int = 32
    # Kernel elements that a program spells out: compiling takes about 20 ms for each.
    operations: int = 200
    # Dense: from so many input and output channels Eigen's kernel is faster than YNNPACK's, and
    # more exact; where channels come last, and nothing is transposed, only up to so many rows (112
    # rows take 1.18 times as long).
    eigen_channels: int = 48
    eigen_outputs: int = 16
    eigen_last_rows: int = 64
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
    tile_products: int = 768
    tile_positions: int = 1000
    tile_lanes: int = 32
    # Taps one by one where they meet the input for so small a part of the outputs (0.57: 1.1 to 1.3
    # times faster, weight gradients 1.0; 0.27: 2 to 2.5; 0.76: 0.9 to 1.0), with many weights.
    apart: float = 0.65
    apart_few: float = 0.4
    apart_bytes: int = 32 * MEGABYTE
    apart_channels: int = 64
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
    # All phases of a transposed one: steps of up to 8 images and 4 MB of columns and products (2 to
    # 8 MB take the same time, 1 MB up to 1.2 times as long).
    phases_bytes: int = 4 * MEGABYTE
    # Weight gradients: sums of products up to so many weights an input and output channel pair.
    elementwise_weights: int = 32
    small_weight: int = 2**20
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
    product_bytes: int = 24 * MEGABYTE
    pointwise_weight_bytes: int = 24 * MEGABYTE
    pointwise_weight_length: int = 1024
    # From so many positions a product of columns and gradients is faster than the other order.
    columns_left: int = 1000


LIMITS = Limits()


@dataclass(frozen=True)
class Route:
    """A method's name, and why it was chosen."""

    method: str
    why: str


def choose(problem: Problem) -> Route:
    """Choose the method for a problem; 'stock' is XLA's own lowering."""
    rules = {"weight": _weight, "transposed": _transposed, "forward": _forward}
    chosen = rules[problem.role](problem)
    if chosen.method in UNROLLED and _operations(problem) > LIMITS.operations:
        return Route("stock", "so many kernel elements would take too long to compile")
    return chosen


# Methods whose program grows with the kernel: an operation for each of its elements.
UNROLLED = {
    "columns",
    "columns_one_by_one",
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
    return (
        p.batch * p.length >= least
        and min(p.in_channels, p.out_channels) >= LIMITS.tile_channels
        and rows >= LIMITS.tile_rows
        and -rows // TILE * -TILE <= LIMITS.tile_waste * rows
        and p.in_channels * p.taps // p.kernel[axis] <= LIMITS.tile_products
        and p.length // rows <= LIMITS.tile_positions
        and winograd_step(p) is not None
    )


def _apart(p: Problem) -> bool:
    """Whether most kernel elements meet zeros of the padding."""
    met = 1.0
    for d, (k, m) in enumerate(zip(p.kernel, p.out, strict=True)):
        spans = (meets(p, d, u) for u in range(k))
        met *= sum(max(0, last - first) for first, last in spans) / (k * m)
    few = min(p.in_channels, p.out_channels) < LIMITS.apart_channels
    # Transposed to channels first and back, as few as weight gradients.
    seldom = p.role == "weight" or p.channels_last
    most = LIMITS.apart_few if seldom else LIMITS.apart
    return p.groups == 1 and p.unit_stride and not few and met <= most


def _operations(p: Problem) -> int:
    """Return about how many operations the program has: long lines are stacked in two steps."""
    if p.dims == 1 and p.groups == 1:
        return 2 * math.isqrt(p.taps)
    return p.taps


def _forward(p: Problem) -> Route:
    per_group, _ = p.per_group
    spectral = p.unit_stride and p.unit_dilation and not p.exact
    if p.channels_last and p.groups == 1:
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
        if p.batch > 1:
            return Route("columns_one_by_one", "strided: columns, image by image")
        return Route("columns", "strided: columns")
    # XLA exchanges the operands where the kernel is longer than the input, and then finds no
    # kernel of its own for it.
    longer = any(k > n for k, n in zip(p.kernel, p.space, strict=True))
    few = p.in_channels * p.taps <= LIMITS.columns_rows
    if longer or (few and not (p.channels_last and p.unit_stride)):
        if p.batch * p.in_channels * p.taps * p.length * itemsize(p) <= LIMITS.columns_bytes:
            return Route("columns", "few input channels, or a kernel beyond the input: columns")
        return Route("columns_one_by_one", "such, and a large image: columns, in a loop")
    # YNNPACK's kernel is at most as fast in training, and its rounding errors are several times
    # PyTorch's. Winograd's transforms are a tenth ahead in the forward pass of many channels on few
    # positions, as much behind in training, and take up to five times the temporary memory.
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
        if p.unit_dilation and phases_step(p.whole_strides())[1]:
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
    whole = all(k % s == 0 for k, s in zip(p.kernel, p.spread, strict=True))
    few = max(p.in_channels, p.out_channels) <= LIMITS.few_channels
    if p.unit_dilation and (whole or few):
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
    if p.dims == 1 and p.channels_last and p.out[0] <= p.space[0]:
        return Route("stock", "channels last: XLA's own kernel takes them as they come")
    if _apart(p):
        return Route("tap_by_tap", "most taps meet padding: a product for each, where it does not")
    if _tiled(p):
        return Route("winograd", "kernels of three rows: half the products, by tiles of four rows")
    if p.dims == 3:
        return Route("volume", "depth becomes batch and channels of two dimensions")
    size = p.batch * p.in_channels * p.taps * p.length * itemsize(p)
    weights = p.in_channels * p.taps * p.out_channels * p.batch
    if (
        weights <= LIMITS.small_weight
        and size <= LIMITS.columns_bytes
        and p.length >= LIMITS.images_length
    ):
        return Route("images", "a small weight: a product an image, then their sum")
    if size <= LIMITS.weight_columns_bytes:
        return Route("columns", "one product of all columns")
    return Route("chunks", "products of columns, some images at a time")


def innermost_step(p: Problem) -> tuple[int, int]:
    """Return how many images and groups have their columns written out together, batch innermost.

    (0, 0) where the columns of one group, and of enough images to copy in runs, are too large.
    """
    per_group, _ = p.per_group
    size = per_group * p.taps * p.length * itemsize(p)
    fitting = min(LIMITS.innermost_images, LIMITS.innermost_bytes // size)
    images = _divisor(p.batch, fitting)
    if images < min(LIMITS.innermost_few, _divisor(p.batch, LIMITS.innermost_images)):
        return 0, 0
    return images, _divisor(p.groups, max(1, LIMITS.innermost_loop_bytes // (images * size)))


def phases_step(p: Problem) -> tuple[int, int]:
    """Return how many images and groups of a transposed problem of whole strides go together.

    The latter is 0 where one group is too much.
    """
    q, _ = p.phased()
    per_group, out_per_group = q.per_group
    size = (per_group * q.taps + out_per_group) * q.length * itemsize(p)
    images = _divisor(p.batch, max(1, min(LIMITS.innermost_images, LIMITS.phases_bytes // size)))
    return images, _divisor(p.groups, LIMITS.phases_bytes // (images * size))


def _divisor(n: int, most: int) -> int:
    """Return the largest divisor of n up to `most`, 0 where that is below one."""
    return max((d for d in range(1, min(n, most) + 1) if n % d == 0), default=0)


def winograd_axis(p: Problem) -> int:
    """Return the axis along which Winograd's tiles lie, -1 where there is none.

    Not the last one: there the rows of a tile would be single elements.
    """
    found = (d for d in range(p.dims - 1) if p.kernel[d] == 3 and p.dilation[d] == 1)
    return next(found, -1)


@dataclass(frozen=True)
class Tiling:
    """How many images are taken together, how many tiles, and in how many strips.

    `extra` columns on the right make a forward product's width no multiple of `tile_lanes`.
    """

    images: int
    tiles: int
    strips: int
    extra: int


def winograd_step(p: Problem) -> Tiling | None:
    """Return how a problem is cut to matrices that YNNPACK multiplies exactly, if it can be."""
    axis = winograd_axis(p)
    whole = -(-p.out[axis] // TILE)
    across = p.length // p.out[axis]
    tiles = -(-whole // -(-whole // max(1, LIMITS.tile_positions // across)))
    most = max(1, LIMITS.tile_positions // (whole * across))
    together = [m for m in range(min(most, p.batch), 0, -1) if p.batch % m == 0]
    # An odd number of tiles leaves the choice to the width, of which each second one will do.
    cuts = [(images, tiles, extra) for images in together for extra in (0, 1)]
    cuts += [(1, tiles - 1, extra) for extra in (0, 1) if tiles > 1]
    for images, count, extra in cuts:
        width = images * count * across // p.out[-1] * (p.out[-1] + extra)
        if p.role == "weight" or width % LIMITS.tile_lanes:
            return Tiling(images, count, -(-whole // count), extra)
    return None


def blocks_of(p: Problem) -> int:
    """Return how many groups are merged into a block."""
    many = 1
    while many * max(p.per_group) < LIMITS.block_channels and p.groups % (2 * many) == 0:
        many *= 2
    return many


def block_of(p: Problem, many: int) -> Problem:
    """Return the dense problem of one block of `many` groups."""
    blocks = p.groups // many
    return replace(
        p,
        in_channels=p.in_channels // blocks,
        out_channels=p.out_channels // blocks,
        groups=1,
    )


def itemsize(p: Problem) -> int:
    """Return the bytes of one element."""
    return {"float32": 4, "float64": 8}.get(p.dtype, 4)
