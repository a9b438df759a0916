"""Where a pool's windows stand, one spatial dimension at a time. No JAX here.

A window is a list of taps, positions of the input it looks at. `Windows` knows for every output and
tap the position and whether it lies inside of the input; what pads is outside of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ._arguments import IntOrTuple, at_least, bounded_integers, integer, integers
from ._sizes import known


@dataclass(frozen=True)
class Windows:
    """The windows of one dimension: regular (start i * stride - padding) or adaptive."""

    size: int
    count: int
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    adaptive: bool = False

    def positions(self) -> np.ndarray:
        """The input position of each output's taps, (count, kernel); some lie outside."""
        taps = np.arange(self.kernel) * self.dilation
        return self.starts()[:, None] + taps[None, :]

    def starts(self) -> np.ndarray:
        """The first position of each window, (count,)."""
        i = np.arange(self.count)
        return i * self.size // self.count if self.adaptive else i * self.stride - self.padding

    def inside(self) -> np.ndarray:
        """Whether each tap is one of the input's elements, (count, kernel)."""
        positions = self.positions()
        if self.adaptive:
            stops = -(-(np.arange(self.count) + 1) * self.size // self.count)
            return positions < stops[:, None]
        return (positions >= 0) & (positions < self.size)

    def room(self) -> int:
        """Return how far regular windows reach beyond the input's end; negative before it."""
        last = self.stride * (self.count - 1) - self.padding + self.dilation * (self.kernel - 1)
        return last + 1 - self.size

    def reach(self) -> np.ndarray:
        """How many elements each window has when padding counts, (count,): PyTorch's rule."""
        starts = self.starts()
        return np.minimum(starts + self.kernel, self.size + self.padding) - starts


def pool_output_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> int:
    """Count a pool's windows; with ceil_mode the last may hang over, but starts inside."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    return count


def pool_windows(
    shape: Sequence[int],
    dims: int,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None,
    padding: IntOrTuple,
    dilation: IntOrTuple,
    ceil_mode: bool,
    where: str,
) -> tuple[Windows, ...]:
    """Check a pool's arguments against an input's shape and lay out the windows."""
    kernel = bounded_integers("kernel_size", kernel_size, dims, 1, where)
    absent = stride is None or (isinstance(stride, tuple | list) and len(stride) == 0)
    strides = kernel if absent else bounded_integers("stride", stride, dims, 1, where)
    pads = bounded_integers("padding", padding, dims, 0, where)
    dilations = bounded_integers("dilation", dilation, dims, 1, where)
    if any(2 * p > k for p, k in zip(pads, kernel, strict=True)):
        raise ValueError(
            f"{where}: padding must be at most half of kernel_size, "
            f"got padding={pads} with kernel_size={kernel}"
        )
    check_pool_rank(shape, dims, where)
    check_not_empty(shape, shape[-dims - 1 :], where)
    windows = []
    for axis, (n, k, s, p, d) in enumerate(
        zip(shape[-dims:], kernel, strides, pads, dilations, strict=True)
    ):
        if not known(n):
            raise ValueError(
                f"{where}: only the batch may be symbolic, got {n} in spatial dimension {axis}"
            )
        count = pool_output_size(n, k, s, p, d, ceil_mode)
        if count < 1:
            raise ValueError(
                f"{where}: there must be at least one window, but in spatial dimension {axis} "
                f"size {n} with kernel_size={k}, stride={s}, padding={p}, dilation={d} has {count}"
            )
        windows.append(Windows(n, count, k, s, p, d))
    return tuple(windows)


def adaptive_counts(
    shape: Sequence[int], dims: int, output_size: int | Sequence[int | None], where: str
) -> tuple[int, ...]:
    """Return an adaptive pool's number of windows, one a dimension, for an input that has these."""
    check_pool_rank(shape, dims, where)
    if dims > 1 and isinstance(output_size, tuple | list) and len(output_size) == dims:
        space = shape[-dims:]
        output_size = [n if o is None else o for o, n in zip(output_size, space, strict=True)]
    counts = integers("output_size", output_size, dims, where, expand=False)
    at_least("output_size", counts, 0, where)
    return counts


def adaptive_windows(
    shape: Sequence[int], counts: tuple[int, ...], where: str
) -> tuple[Windows, ...]:
    """Lay out an adaptive pool's windows."""
    space = tuple(shape[-len(counts) :])
    for axis, n in enumerate(space):
        integer(f"input's size in spatial dimension {axis}", n, where)
    return tuple(_adaptive(n, count) for n, count in zip(space, counts, strict=True))


def _adaptive(size: int, count: int) -> Windows:
    """Spread `count` windows over `size`: from floor(i n / m) to ceil((i+1) n / m)."""
    if count and size % count == 0:
        return Windows(size, count, size // count, size // count)
    i = np.arange(count)
    longest = (-(-(i + 1) * size // max(count, 1)) - i * size // max(count, 1)).max(initial=1)
    return Windows(size, count, int(longest), adaptive=True)


def check_pool_rank(shape: Sequence[int], dims: int, where: str) -> None:
    """Refuse an input that is neither (C, *space) nor (N, C, *space)."""
    if len(shape) not in (dims + 1, dims + 2):
        raise ValueError(
            f"{where}: input must have {dims + 1} dimensions (unbatched) or {dims + 2} (batched), "
            f"got input.shape={tuple(shape)}"
        )


def check_kernel_fits(shape: Sequence[int], windows: Sequence[Windows], where: str) -> None:
    """Refuse a window longer than the input without its padding: avg_pool3d's own rule."""
    if any(window.kernel > window.size for window in windows):
        raise ValueError(
            f"{where}: kernel_size must not exceed the input's size without padding, "
            f"got kernel_size={tuple(w.kernel for w in windows)}, input.shape={tuple(shape)}"
        )


def check_not_empty(shape: Sequence[int], sizes: Sequence[int], where: str) -> None:
    """Refuse empty sizes where PyTorch does."""
    if any(known(n) and n == 0 for n in sizes):
        raise ValueError(
            f"{where}: of input's sizes only the batch may be 0, got input.shape={tuple(shape)}"
        )
