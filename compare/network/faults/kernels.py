"""A kernel as it looks when its axes, or its order, are taken for others."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import torch

Axes = tuple[int, ...]
Map = Callable[[torch.Tensor], torch.Tensor]
Variant = tuple[str, Map]
SPACE = {1: "W", 2: "HW", 3: "DHW"}


def variants(weight: torch.Tensor, letters: str = "", correlates: bool = True) -> Iterator[Variant]:
    """Yield what a weight may have been taken for, each with words for it.

    Args:
      weight: a tensor of at least two dimensions.
      letters: its first two axes: 'OI', or 'IO' of a transposed convolution.
      correlates: whether PyTorch takes the kernel as it is in the direction of the input.
    """
    shape, rank = tuple(weight.shape), weight.ndim
    letters = (letters or "OI") + SPACE.get(rank - 2, "")
    if rank == 2:
        if shape[0] == shape[1]:
            yield "kernel in the wrong layout: transposed, (in, out) for (out, in)", lambda w: w.T
        if min(shape) > 1:
            yield (
                "kernel in the wrong layout: reshaped to (out, in), not transposed",
                lambda w: w.T.reshape(shape),
            )
            yield (
                "kernel in the wrong layout: reshaped to (in, out), not transposed",
                lambda w: w.reshape(shape[::-1]).T,
            )
        return
    space = tuple(range(2, rank))
    flips = [axes for n in range(len(space), 0, -1) for axes in itertools.combinations(space, n)]
    words = "not flipped" if not correlates else "flipped, as in a convolution; PyTorch correlates"
    for axes in flips:
        if all(shape[a] > 1 for a in axes):
            part = "" if axes == space else f" along {', '.join(letters[a] for a in axes)}"
            yield f"kernel {words}{part}", partial(_flipped, axes)
    for order in itertools.permutations(range(rank)):
        if order == tuple(range(rank)):
            continue
        taken = "".join(letters[a] for a in order)
        if tuple(shape[a] for a in order) == shape and _moves(shape, order):
            yield (
                f"kernel axes in the wrong layout: {taken} for {letters}",
                partial(_permuted, order, ()),
            )
            yield (
                f"kernel axes in the wrong layout: {taken} for {letters}; and kernel {words}",
                partial(_permuted, order, space),
            )
    for order in ((*space, 1, 0), (*space, 0, 1), (0, *space, 1), (1, *space, 0)):
        if not _moves(shape, order):
            continue
        taken = "".join(letters[a] for a in order)
        other = tuple(shape[a] for a in order)
        back = tuple(order.index(a) for a in range(rank))
        yield (
            f"kernel axes in the wrong layout: {taken} reshaped to {letters}, not transposed",
            partial(_read, order, shape),
        )
        yield (
            f"kernel axes in the wrong layout: {letters} reshaped to {taken}, not transposed",
            partial(_written, other, back),
        )


def _moves(shape: Axes, order: Axes) -> bool:
    """Whether a permutation moves any axis of more than one element past another."""
    long = [a for a in range(len(shape)) if shape[a] > 1]
    return [a for a in order if shape[a] > 1] != long


def column_orders(columns: int, flattened: Iterable[Axes]) -> Iterator[Variant]:
    """Yield the columns of a Linear after a flatten in other orders: channels last."""
    for shape in dict.fromkeys(flattened):
        if math.prod(shape) != columns or sum(n > 1 for n in shape) < 2:
            continue
        for order in itertools.permutations(range(len(shape))):
            if not _moves(shape, order):
                continue
            back = tuple(order.index(a) for a in range(len(shape)))
            other = tuple(shape[a] for a in order)
            yield (
                f"flatten order: {_axes(order)} for {_axes(tuple(range(len(shape))))}",
                partial(_columns, shape, order),
            )
            yield (
                f"flatten order: {_axes(back)} for {_axes(tuple(range(len(shape))))}",
                partial(_columns, other, back),
            )


def _flipped(axes: Axes, w: torch.Tensor) -> torch.Tensor:
    return w.flip(axes)


def _permuted(order: Axes, flipped: Axes, w: torch.Tensor) -> torch.Tensor:
    return w.permute(order).flip(flipped) if flipped else w.permute(order)


def _read(order: Axes, shape: Axes, w: torch.Tensor) -> torch.Tensor:
    """Return a kernel in another layout as if its memory were in this one."""
    return w.permute(order).reshape(shape)


def _written(other: Axes, back: Axes, w: torch.Tensor) -> torch.Tensor:
    """Return a kernel whose memory is taken to be in another layout."""
    return w.reshape(other).permute(back)


def _columns(shape: Axes, order: Axes, x: torch.Tensor) -> torch.Tensor:
    """Return the last axis, which is of this shape, with that shape's axes in another order."""
    n = x.ndim - 1
    return x.unflatten(-1, shape).permute(*range(n), *(n + a for a in order)).flatten(n)


def _axes(order: Axes) -> str:
    letters = "C" + SPACE.get(len(order) - 1, "")
    if len(letters) != len(order):
        letters = "".join(chr(ord("a") + a) for a in range(len(order)))
    return f"({', '.join(letters[a] for a in order)})"
