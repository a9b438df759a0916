"""Where a resized axis takes its numbers from: PyTorch's index arithmetic, in NumPy. No JAX here.

Sizes are known while tracing, so that the positions and the weights of an axis are constants. They
are computed in the precision that PyTorch's CPU computes them in, step for step, as a position that
is rounded otherwise can be another pixel.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

Filter = Callable[[np.ndarray], np.ndarray]

# Half the width of each filter, in pixels.
REACH = {"linear": 1, "cubic": 2, "lanczos": 3}


@dataclass(frozen=True)
class Axis:
    """How an axis is resized.

    Attributes:
      size, count: elements before and after.
      scale: the factor that the caller gave, None where the ratio of the sizes is taken.
      align_corners: whether the first and the last element stay where they are.
    """

    size: int
    count: int
    scale: float | None = None
    align_corners: bool = False

    def step(self, real: type[np.floating]) -> np.floating:
        """Return the distance between two results, in elements of the input."""
        if self.align_corners:
            return real(self.size - 1) / real(self.count - 1) if self.count > 1 else real(0)
        if self.scale is not None and self.scale > 0:
            return real(1.0 / self.scale)
        return real(self.size) / real(self.count)

    def positions(self, real: type[np.floating]) -> np.ndarray:
        """Return where each result lies, in elements of the input; some lie before the first."""
        i = np.arange(self.count)
        if self.align_corners:
            return self.step(real) * i.astype(real)
        # In float32 rounded once, as PyTorch's fused multiply and add does.
        return (np.float64(self.step(real)) * (i + 0.5) - 0.5).astype(real)


@dataclass(frozen=True)
class Taps:
    """For every result the elements that it is made of, and their weights, (count, taps).

    Attributes:
      indices: positions in the input, all of them inside.
      weights: of the floating type that the indices were computed in.
      valid: False where a tap only fills a row up; None where there are no such.
    """

    indices: np.ndarray
    weights: np.ndarray
    valid: np.ndarray | None = None


def _floor(x: np.ndarray) -> np.ndarray:
    """Round down, in float32 whatever the type: so PyTorch does."""
    return np.floor(x.astype(np.float32)).astype(np.int64)


@lru_cache(maxsize=256)
def nearest(axis: Axis, real: type[np.floating], *, exact: bool, short: bool) -> np.ndarray:
    """Return the position of each result, (count,).

    PyTorch has two ways to compute it: `short` for images with few rows and columns, where the
    factor 2 is a case of its own and all else is in float32; else in the input's precision.
    """
    i = np.arange(axis.count)
    if short and exact:
        found = _floor((i + 0.5) * np.float64(axis.step(np.float32)))
    elif short:
        if axis.count in (axis.size, 2 * axis.size):
            return i * axis.size // axis.count
        found = _floor(i.astype(np.float32) * axis.step(np.float32))
    elif exact:
        start = np.maximum(axis.positions(real), real(0))
        found = _floor(start.astype(np.float64) + 0.5)
    else:
        found = _floor(i.astype(real) * axis.step(real))
    return np.minimum(found, axis.size - 1)


def _split(axis: Axis, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the element at or before each position, and the distance from it, 0 to 1."""
    index = np.minimum(_floor(positions), axis.size - 1)
    real = positions.dtype.type
    return index, np.clip(positions - index.astype(real), real(0), real(1))


@lru_cache(maxsize=256)
def linear(axis: Axis, real: type[np.floating]) -> Taps:
    """Return two taps a result: a line between neighbours."""
    index, after = _split(axis, np.maximum(axis.positions(real), real(0)))
    indices = np.stack([index, np.minimum(index + 1, axis.size - 1)], 1)
    return Taps(indices, np.stack([real(1) - after, after], 1))


@lru_cache(maxsize=256)
def cubic(axis: Axis, real: type[np.floating]) -> Taps:
    """Return four taps a result: cubic convolution with a = -0.75, edges repeated."""
    index, after = _split(axis, axis.positions(real))
    indices = np.clip(index[:, None] + np.arange(-1, 3), 0, axis.size - 1)
    return Taps(indices, np.stack(cubic_weights(after), 1))


def cubic_weights(after: Any) -> list[Any]:
    """Return the weights of the four elements around, for the distance from the second.

    It is an array of NumPy's or of JAX's; the cubic is that with a = -0.75.
    """
    before = 1 - after
    inner = [_cubic_inner(x, -0.75) for x in (after, before)]
    outer = [_cubic_outer(x + 1, -0.75) for x in (after, before)]
    return [outer[0], inner[0], inner[1], outer[1]]


def _cubic_inner(x: Any, a: float) -> Any:
    return ((a + 2) * x - (a + 3)) * x * x + 1


def _cubic_outer(x: Any, a: float) -> Any:
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a


def _linear_filter(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(x), 0)


def _cubic_filter(a: float) -> Filter:
    def weigh(x: np.ndarray) -> np.ndarray:
        x = np.abs(x)
        outer = np.where(x < 2, _cubic_outer(x, a), x.dtype.type(0))
        return np.where(x < 1, _cubic_inner(x, a), outer)

    return weigh


def _lanczos_filter(x: np.ndarray) -> np.ndarray:
    x = np.abs(x)
    return np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0).astype(x.dtype)


SMOOTH: dict[str, Filter] = {
    "linear": _linear_filter,
    "cubic": _cubic_filter(-0.5),
    "lanczos": _lanczos_filter,
}
SHARP: dict[str, Filter] = {"linear": _linear_filter, "cubic": _cubic_filter(-0.75)}


@lru_cache(maxsize=256)
def smooth(axis: Axis, filter: str, real: type[np.floating]) -> Taps:
    """Return taps that are widened, when the axis shrinks, to all that a result stands for."""
    step = axis.step(real)
    support = real(REACH[filter]) * step if step >= 1 else real(REACH[filter])
    taps = math.ceil(support) * 2 + 1
    center = (np.float64(step) * (np.arange(axis.count) + 0.5)).astype(real)
    # The halves are added in double precision, as in C.
    low = np.trunc((center - support).astype(np.float64) + 0.5).astype(np.int64)
    high = np.trunc((center + support).astype(np.float64) + 0.5).astype(np.int64)
    low = np.maximum(low, 0)
    number = np.clip(np.minimum(high, axis.size) - low, 0, taps)
    j = np.arange(taps)
    places = low[:, None] + j
    shrink = real(1.0 / step) if step >= 1 else real(1)
    apart = (places.astype(real) - center[:, None]).astype(np.float64) + 0.5
    weights = SMOOTH[filter]((apart * np.float64(shrink)).astype(real))
    valid = j < number[:, None]
    weights = np.where(valid, weights, real(0))
    total = np.cumsum(weights, 1, dtype=real)[:, -1:]  # one after the other, as PyTorch adds
    weights = weights / np.where(total == 0, real(1), total)
    longest = max(int(number.max()), 1)
    return Taps(
        np.minimum(places, axis.size - 1)[:, :longest],
        weights[:, :longest],
        None if valid[:, :longest].all() else valid[:, :longest],
    )


def _sharp(axis: Axis, filter: str) -> tuple[Taps, float]:
    """Return the taps of bytes without smoothing: in double precision, edges added together."""
    positions = axis.positions(np.float64)
    if filter == "linear":
        positions = np.maximum(positions, 0)
    index, after = _split(axis, positions)
    start = index + 1 - REACH[filter]
    low = np.clip(start, 0, axis.size - 1)
    width = 2 * REACH[filter]
    weights, rows, largest = np.zeros((axis.count, width)), np.arange(axis.count), 0.0
    for j in range(width):
        place = np.clip(start + j, 0, axis.size - 1) - low
        weights[rows, place] += SHARP[filter](j + 1 - REACH[filter] - after)
        largest = max(largest, float(weights[rows, place].max()))  # also of unfinished sums
    return Taps(np.minimum(low[:, None] + np.arange(width), axis.size - 1), weights), largest


@lru_cache(maxsize=256)
def of_bytes(axis: Axis, filter: str, *, antialias: bool) -> tuple[Taps, int]:
    """Return taps with integer weights for bytes, and the bits that they are to be shifted by."""
    if antialias:
        taps = smooth(axis, filter, np.float64)
        largest = float(taps.weights.max(initial=0.0))
    else:
        taps, largest = _sharp(axis, filter)
    bits = 0
    while bits < 22 and int(0.5 + largest * (1 << (bits + 1))) < 1 << 15:
        bits += 1
    scaled = taps.weights * (1 << bits)
    return Taps(taps.indices, np.trunc(scaled + np.copysign(0.5, scaled)).astype(np.int32)), bits
