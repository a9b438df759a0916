"""A layered layout for a directed graph: rows, an order within them, and coordinates.

The steps are those of Sugiyama's method. Rows are given by the longest path; an edge across
several rows gets a stand-in in each; sweeps order every row by the mean place of its neighbours;
the coordinates are the closest ones to those means that keep the order and the gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Pair = tuple[int, int]
_SWEEPS = 12


@dataclass(frozen=True)
class Layout:
    """Centres of the items and of every edge's bends; the size of the whole.

    Attributes:
      centres: for each item, its (x, y).
      bends: for each edge, the (x, y) points it passes between its two items.
      width: of the whole drawing.
      height: of the whole drawing.
    """

    centres: list[tuple[float, float]]
    bends: dict[Pair, list[tuple[float, float]]]
    width: float
    height: float


def lay_out(
    widths: Sequence[float],
    edges: Sequence[Pair],
    *,
    row_height: float,
    row_gap: float,
    gap: float,
    margin: float,
) -> Layout:
    """Place items of the given widths; `edges` (from, to) must lead forward in their order."""
    rows_of = _rows(len(widths), edges)
    all_widths = list(widths)
    chains: dict[Pair, list[int]] = {}
    links: list[Pair] = []
    for start, end in dict.fromkeys(edges):
        chain = [start]
        for row in range(rows_of[start] + 1, rows_of[end]):
            rows_of.append(row)
            all_widths.append(gap / 2)
            chain.append(len(all_widths) - 1)
        chain.append(end)
        chains[start, end] = chain
        links.extend(pairwise(chain))
    rows: list[list[int]] = [[] for _ in range(max(rows_of, default=-1) + 1)]
    for item, row in enumerate(rows_of):
        rows[row].append(item)
    xs = _coordinates(rows, all_widths, links, gap)
    left = min((xs[i] - all_widths[i] / 2 for i in range(len(xs))), default=0.0) - margin
    xs = [x - left for x in xs]
    ys = [margin + row_height / 2 + row * (row_height + row_gap) for row in rows_of]
    return Layout(
        [(xs[i], ys[i]) for i in range(len(widths))],
        {
            pair: [
                (xs[i], ys[i] + side * row_height / 2) for i in chain[1:-1] for side in (-1, 1)
            ]  # straight down through every row on the way
            for pair, chain in chains.items()
        },
        max((xs[i] + all_widths[i] / 2 for i in range(len(xs))), default=0.0) + margin,
        2 * margin + len(rows) * (row_height + row_gap) - row_gap if rows else 2 * margin,
    )


def _rows(count: int, edges: Sequence[Pair]) -> list[int]:
    """Give each item its row: one below its lowest source, and sources close to their users."""
    rows = [0] * count
    for start, end in sorted(edges, key=lambda pair: pair[1]):
        rows[end] = max(rows[end], rows[start] + 1)
    has_source = {end for _, end in edges}
    for item in range(count):
        users = [rows[end] for start, end in edges if start == item]
        if item not in has_source and users:
            rows[item] = min(users) - 1
    return rows


def _coordinates(
    rows: list[list[int]], widths: Sequence[float], links: Sequence[Pair], gap: float
) -> list[float]:
    above: list[list[int]] = [[] for _ in widths]
    below: list[list[int]] = [[] for _ in widths]
    for start, end in links:
        below[start].append(end)
        above[end].append(start)
    xs = [0.0] * len(widths)
    for row in rows:
        _place(row, [0.0] * len(row), widths, gap, xs)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else rows[::-1]:
            wanted = {}
            for item in row:
                near = (above if down else below)[item] or (below if down else above)[item]
                wanted[item] = sum(xs[i] for i in near) / len(near) if near else xs[item]
            if sweep < _SWEEPS - 4:  # the last sweeps only straighten
                row.sort(key=wanted.__getitem__)
            _place(row, [wanted[item] for item in row], widths, gap, xs)
    return xs


def _place(
    row: Sequence[int],
    wanted: Sequence[float],
    widths: Sequence[float],
    gap: float,
    xs: list[float],
) -> None:
    """Put a row as close to the wanted places as its order and the gaps allow (least squares)."""
    offsets, offset = [], 0.0
    for i, item in enumerate(row):
        if i:
            offset += (widths[row[i - 1]] + widths[item]) / 2 + gap
        offsets.append(offset)
    blocks: list[tuple[float, int]] = []  # neighbours that touch move as one: (mean, count)
    for target, shift in zip(wanted, offsets, strict=True):
        mean, count = target - shift, 1
        while blocks and blocks[-1][0] > mean:
            other, size = blocks.pop()
            mean = (mean * count + other * size) / (count + size)
            count += size
        blocks.append((mean, count))
    means = [mean for mean, count in blocks for _ in range(count)]
    for item, mean, shift in zip(row, means, offsets, strict=True):
        xs[item] = mean + shift
