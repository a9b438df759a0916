"""Drawing a computational graph: DOT text, and SVG without any other program."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

import numpy as np

from convgrad._arrays import Array
from convgrad._jax import is_traced

from ._layout import Layout, Pair, lay_out
from ._node import AccumulateGrad, Node

_ROW_HEIGHT, _ROW_GAP, _GAP, _MARGIN = 46.0, 46.0, 28.0, 18.0
_TITLE_SIZE, _DETAIL_SIZE = 15, 12
_STYLES = {  # fill, stroke
    "leaf": ("#dbeafe", "#1d4ed8"),
    "operation": ("#f4f4f5", "#52525b"),
    "output": ("#dcfce7", "#15803d"),
}

Ends = Sequence[Node | None]


def to_dot(nodes: Sequence[Node], ends: Ends, name: str) -> str:
    """Return DOT text of the nodes, with an arrow in the direction of the computation."""
    numbers = {id(node): i for i, node in enumerate(nodes)}
    lines = [
        f"digraph {_quote(name)} {{",
        "  rankdir=TB;",
        '  node [shape=box, style="rounded,filled", fontname="sans-serif"];',
    ]
    for i, node in enumerate(nodes):
        fill, stroke = _STYLES[_kind(node, ends)]
        label = _quote(f"{node.short}\n{_detail(node)}")
        lines.append(f'  n{i} [label={label}, fillcolor="{fill}", color="{stroke}"];')
    for start, end in _edges(nodes, numbers):
        lines.append(f"  n{start} -> n{end};")
    return "\n".join([*lines, "}"]) + "\n"


def to_svg(nodes: Sequence[Node], ends: Ends, name: str) -> str:
    """Return SVG text: leaves on top, every operation below its operands."""
    numbers = {id(node): i for i, node in enumerate(nodes)}
    edges = _edges(nodes, numbers)
    widths = [_width(node) for node in nodes]
    layout = lay_out(
        widths, edges, row_height=_ROW_HEIGHT, row_gap=_ROW_GAP, gap=_GAP, margin=_MARGIN
    )
    size = f"{layout.width:.0f} {layout.height:.0f}"
    width, height = size.split()
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {size}" role="img" font-family="Helvetica, Arial, sans-serif">',
        f"<title>The computational graph of {escape(name)}</title>",
        '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" '
        'markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">'
        '<path d="M0 0L10 5L0 10z" fill="#52525b"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *(
            f'<path class="edge" d="{path}" fill="none" stroke="#52525b" stroke-width="1.6" '
            'marker-end="url(#arrow)"/>'
            for path in _paths(layout, edges, widths)
        ),
    ]
    for node, centre, width_ in zip(nodes, layout.centres, widths, strict=True):
        parts.append(_box(node, _kind(node, ends), centre, width_))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _edges(nodes: Sequence[Node], numbers: dict[int, int]) -> list[Pair]:
    return [
        (numbers[id(parent)], numbers[id(node)])
        for node in nodes
        for parent, _ in node.next_functions
        if parent is not None
    ]


def _kind(node: Node, ends: Ends) -> str:
    if isinstance(node, AccumulateGrad):
        return "leaf"
    return "output" if any(node is end for end in ends) else "operation"


def _detail(node: Node) -> str:
    shape = str(node.shape) if node.shape else "scalar"
    if isinstance(node, AccumulateGrad):
        return f"{_few_values(node.variable) or shape} {node.dtype}"
    return shape if node.name == node.short else f"{node.name} {shape}"


def _few_values(variable: Array) -> str:
    """Write out a small array; nothing for a larger one, or for one that has no values yet."""
    if is_traced(variable) or not 0 < variable.size <= 6:
        return ""
    text = np.array2string(np.asarray(variable), precision=4, separator=", ")
    return text.replace("\n", "") if len(text) <= 40 else ""


def _width(node: Node) -> float:
    """Estimate a box's width: the mean letter of a sans-serif is about 0.56 of its height wide."""
    title, detail = len(node.short) * _TITLE_SIZE, len(_detail(node)) * _DETAIL_SIZE
    return max(60.0, 0.62 * title + 24, 0.56 * detail + 24)


def _box(node: Node, kind: str, centre: tuple[float, float], width: float) -> str:
    fill, stroke = _STYLES[kind]
    x, y = centre
    return (
        f'<g class="node {kind}"><title>{escape(node.title)}</title>'
        f'<rect x="{x - width / 2:.1f}" y="{y - _ROW_HEIGHT / 2:.1f}" width="{width:.1f}" '
        f'height="{_ROW_HEIGHT:.0f}" rx="9" fill="{fill}" stroke="{stroke}" stroke-width="1.5"/>'
        f'<text x="{x:.1f}" y="{y - 4:.1f}" text-anchor="middle" font-size="{_TITLE_SIZE}" '
        f'font-weight="600" fill="#18181b">{escape(node.short)}</text>'
        f'<text x="{x:.1f}" y="{y + 14:.1f}" text-anchor="middle" font-size="{_DETAIL_SIZE}" '
        f'fill="#3f3f46">{escape(_detail(node))}</text></g>'
    )


def _paths(layout: Layout, edges: Sequence[Pair], widths: Sequence[float]) -> list[str]:
    """Return the curves: each edge leaves and enters at a place of its own, left to right."""
    exits = _ports(layout, edges, widths, 0)
    entries = _ports(layout, edges, widths, 1)
    copies: dict[Pair, list[int]] = defaultdict(list)
    for i, pair in enumerate(edges):
        copies[pair].append(i)
    paths = []
    for i, (start, end) in enumerate(edges):
        twins = copies[start, end]
        bulge = 26.0 * (2 * twins.index(i) - (len(twins) - 1))  # twins bend apart
        points = [
            (exits[i], layout.centres[start][1] + _ROW_HEIGHT / 2),
            *layout.bends[start, end],
            (entries[i], layout.centres[end][1] - _ROW_HEIGHT / 2 - 1),
        ]
        path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
        for (x0, y0), (x1, y1) in pairwise(points):
            reach = (y1 - y0) * 0.45
            path += (
                f"C{x0 + bulge:.1f} {y0 + reach:.1f} {x1 + bulge:.1f} {y1 - reach:.1f} "
                f"{x1:.1f} {y1:.1f}"
            )
        paths.append(path)
    return paths


def _ports(
    layout: Layout, edges: Sequence[Pair], widths: Sequence[float], side: int
) -> dict[int, float]:
    """Spread the ends of the edges along the boxes, in the order of where they come from."""
    at: dict[int, list[int]] = defaultdict(list)
    for i, pair in enumerate(edges):
        at[pair[side]].append(i)

    def far_end(i: int) -> float:
        bends = layout.bends[edges[i]]
        return (bends[-side] if bends else layout.centres[edges[i][1 - side]])[0]

    ports = {}
    for item, touching in at.items():
        touching.sort(key=far_end)
        step = min(18.0, (widths[item] - 24) / max(1, len(touching) - 1))
        for place, i in enumerate(touching):
            ports[i] = layout.centres[item][0] + (place - (len(touching) - 1) / 2) * step
    return ports


def _quote(text: object) -> str:
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
