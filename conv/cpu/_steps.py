"""How a problem is cut into the steps of a loop: images, groups, tiles and blocks together."""

import os
from dataclasses import dataclass, replace

from ._limits import LIMITS
from ._problem import TILE, Problem


def innermost_step(p: Problem) -> tuple[int, int]:
    """Return how many images and groups have their columns written out together, batch innermost.

    (0, 0) where the columns of one group, and of enough images to copy in runs, are too large.
    """
    size = columns_of_group(p)
    fitting = min(LIMITS.innermost_images, LIMITS.innermost_bytes // size)
    images = _divisor(p.batch, fitting)
    if images < min(LIMITS.innermost_few, _divisor(p.batch, LIMITS.innermost_images)):
        return 0, 0
    return images, _divisor(p.groups, max(1, LIMITS.innermost_loop_bytes // (images * size)))


def one_thread_groups(groups: int, size: int) -> int:
    """Return how many groups go together in steps that XLA leaves to one thread, 0 if none may.

    `size` is the bytes of the largest array of one group and image. With two cores or fewer only:
    what one core writes and the other one reads takes twice as long where they share no cache.
    """
    if (os.cpu_count() or 1) > LIMITS.few_cores:
        return 0
    return _divisor(groups, LIMITS.one_thread_bytes // size)


def columns_of_group(p: Problem) -> int:
    """Return the bytes of one group's columns of one image."""
    return p.per_group[0] * p.taps * p.length * itemsize(p)


def product_step(p: Problem) -> int:
    """Return how many groups of one image of a strided convolution go together, 0 if none may."""
    if p.unit_stride or not _long_rows(p):
        return 0
    return one_thread_groups(p.groups, columns_of_group(p))


def _long_rows(p: Problem) -> bool:
    """Whether copies of rows are long enough, so that one thread keeps up with two."""
    return p.dims > 1 and p.out[-1] >= LIMITS.one_thread_row


def phases_step(p: Problem) -> tuple[int, int]:
    """Return how many images and groups of a transposed problem of whole strides go together.

    The latter is 0 where one group is too much.
    """
    q, _ = p.phased()
    columns, products = columns_of_group(q), q.per_group[1] * q.length * itemsize(p)
    together = one_thread_groups(p.groups, max(columns, products))
    if together and _long_rows(q):
        return 1, together
    size = columns + products
    images = _divisor(p.batch, max(1, min(LIMITS.innermost_images, LIMITS.phases_bytes // size)))
    return images, _divisor(p.groups, LIMITS.phases_bytes // (images * size))


def weight_step(batch: int, groups: int, size: int, strided: bool) -> tuple[int, int]:
    """Return how many images and groups of a grouped weight gradient go together.

    `size` is the bytes of one group's columns of one image.
    """
    together = one_thread_groups(groups, size) if strided else 0
    if together:
        return 1, together
    return chunk_of(batch, groups * size, LIMITS.group_chunk_bytes), groups


def chunk_of(n: int, size: int, most: int) -> int:
    """Return how many of n images, a divisor of n, stay below `most` bytes."""
    return max(1, _divisor(n, most // size))


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
