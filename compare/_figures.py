"""The lecture's figures, drawn with matplotlib from arrays, and the arrays read back from them."""

import io
import re
from collections.abc import Sequence
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle

INK, FAINT, MARK = "#1f2430", "#8a91a0", "#c2410c"
COLOURS = "RdBu_r"  # diverging: zero is white, so that what is off the band is seen to be empty
WIDTH = 4.3  # inches; at 72 points an inch this is about a phone's width
STYLE: Any = {
    "font.size": 12,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": INK,
    "ytick.color": INK,
}


def figure(height: float) -> Figure:
    """Make an empty figure that belongs to no global state."""
    made = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasSVG(made)
    return made


def _grid(axes: Axes, array: np.ndarray, limit: float, numbers: bool = False) -> None:
    """Draw a matrix as coloured cells, thin lines between them, and its numbers if wanted."""
    rows, columns = array.shape
    axes.imshow(array, cmap=COLOURS, vmin=-limit, vmax=limit, aspect="equal")
    axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#d5d9e0", linewidth=0.6)
    axes.tick_params(which="both", length=0)
    axes.set_xticks([])
    axes.set_yticks([])
    if numbers:
        for (i, j), value in np.ndenumerate(array):
            colour = "white" if abs(value) > 0.6 * limit else INK
            if np.isfinite(value):
                axes.text(
                    j,
                    i,
                    f"{round(float(value), 1) + 0.0:.1f}",
                    ha="center",
                    va="center",
                    color=colour,
                )


def _bracket(axes: Axes, start: float, stop: float, y: float, text: str) -> None:
    """Mark a stretch of columns above a matrix, with a text."""
    ends = [start - 0.4, start - 0.4, stop + 0.4, stop + 0.4]
    axes.plot(ends, [y, y - 0.3, y - 0.3, y], color=MARK, lw=1.2, clip_on=False)
    axes.text((start + stop) / 2, y - 0.5, text, ha="center", va="bottom", color=MARK)


@mpl.rc_context(STYLE)
def draw_layers(layers: np.ndarray, k: int) -> Figure:
    """Figure 1: each of m kernels, stacked and shifted, is a sparse layer, (m, n-k+1, n)."""
    m, rows, n = layers.shape
    made = figure(1.9)
    limit = float(np.abs(layers).max())
    for index, axes in enumerate(made.subplots(1, m, squeeze=False)[0]):
        _grid(axes, layers[index], limit)
        _bracket(axes, 0, k - 1, -0.6, f"k = {k}")
        axes.set_xlabel(f"n = {n}")
        axes.set_title(f"kernel {index + 1}", fontsize=12, pad=24)
        if index == 0:
            axes.set_ylabel(f"n - k + 1 = {rows}")
    return made


@mpl.rc_context(STYLE)
def draw_vectors(vectors: np.ndarray) -> Figure:
    """Figure 2: the result, m vectors of length n-k+1, (m, n-k+1)."""
    m, length = vectors.shape
    made = figure(2.9)
    limit = float(np.abs(vectors).max())
    for index, axes in enumerate(made.subplots(m, 1, squeeze=False)[:, 0]):
        _grid(axes, vectors[index : index + 1], limit, numbers=True)
        axes.set_ylabel(f"kernel {index + 1}", rotation=0, ha="right", va="center")
    axes.set_xlabel(f"n - k + 1 = {length}")
    return made


@mpl.rc_context(STYLE)
def draw_signals(mono: np.ndarray, stereo: np.ndarray) -> Figure:
    """Figure 3: a monophonic signal, (1, n), and below it a stereophonic one, (2, n)."""
    made = figure(4.0)
    rows = [("mono, c = 1", mono[0])] + [
        (f"stereo, c = 2: {side}", samples)
        for side, samples in zip(("left", "right"), stereo, strict=True)
    ]
    every = made.subplots(len(rows), 1, sharex=True, sharey=True)
    for axes, (title, samples), colour in zip(
        every, rows, ("#1d4ed8", "#0f766e", "#b45309"), strict=True
    ):
        omega = np.arange(1, samples.size + 1)
        axes.axhline(0, color=FAINT, lw=0.8)
        axes.vlines(omega, 0, samples, color=colour, lw=1.1)
        axes.plot(omega, samples, "o", color=colour, ms=2.8)
        axes.set_title(title, fontsize=12, loc="left")
        axes.set_ylabel("x(t)")
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_yticks([-1, 0, 1])
    every[-1].set_xlabel("t in Ω = {1, 2, 3, ...}")
    every[-1].set_xticks([1, 16, 32, 48, 64])
    return made


@mpl.rc_context(STYLE)
def draw_products(x: np.ndarray, kernel: np.ndarray, products: np.ndarray, at: int) -> Figure:
    """Figure 4: one kernel, as thick as the signal, on one window; the product is one sample."""
    (c, n), k = x.shape, kernel.shape[1]
    made = figure(4.2)
    limit = float(max(np.abs(part).max() for part in (x, kernel, products)))
    signal, middle, output = made.subplots(3, 1, height_ratios=[c, c, 1])
    wide = np.full((c, n), np.nan)
    wide[:, at : at + k] = kernel
    shifted = np.full((1, n), np.nan)
    shifted[0, : products.size] = products
    for axes, array in ((signal, x), (middle, wide), (output, shifted)):
        _grid(axes, array, limit, numbers=True)
        for spine in axes.spines.values():
            spine.set_visible(False)
    middle.grid(False, which="minor")
    output.grid(False, which="minor")
    for axes, rows in ((signal, c), (middle, c)):
        axes.add_patch(Rectangle((at - 0.5, -0.5), k, rows, fill=False, ec=MARK, lw=2.2, zorder=5))
    output.add_patch(Rectangle((at - 0.5, -0.5), 1, 1, fill=False, ec=MARK, lw=2.2, zorder=5))
    signal.set_title(f"signal: c = {c} channels, n = {n} samples", fontsize=12, loc="left")
    middle.set_title(f"kernel: c = {c}, k = {k}", fontsize=12, loc="left")
    output.set_title(f"n - k + 1 = {products.size} samples", fontsize=12, loc="left")
    for start in (at - 0.5, at + k - 0.5):
        made.add_artist(
            ConnectionPatch(
                (start, c - 0.5), (start, -0.5), "data", "data", axesA=signal, axesB=middle,
                color=MARK, lw=1, ls=":",
            )
        )  # fmt: skip
    made.add_artist(
        ConnectionPatch(
            (at + (k - 1) / 2, c - 0.5), (at, -0.5), "data", "data", axesA=middle, axesB=output,
            color=MARK, lw=1.4, arrowstyle="-|>", mutation_scale=12,
        )
    )  # fmt: skip
    return made


@mpl.rc_context(STYLE)
def draw_accuracies(
    shown: np.ndarray, accuracies: np.ndarray, data: Sequence[str], nets: Sequence[str]
) -> Figure:
    """Figure 6: an image of each kind of data, (2, h, w), and accuracies, (net, data, seed), in %.

    A line is a seed, from one net to the other; the mean of the seeds is marked.
    """
    made = figure(4.6)
    upper, lower = made.subplots(2, 2, height_ratios=[1, 2.4])
    for axes, image, title in zip(upper, shown, data, strict=True):
        axes.imshow(image, cmap="gray_r")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(title, fontsize=12)
    low, high = np.floor(accuracies.min() - 0.5), np.ceil(accuracies.max() + 0.5)
    for axes, of_data in zip(lower, accuracies.transpose(1, 2, 0), strict=True):
        for seed in of_data:
            axes.plot([0, 1], seed, "o-", color=FAINT, lw=1.2, ms=4)
        axes.plot([0, 1], of_data.mean(0), "D-", color=MARK, lw=2.4, ms=7)
        axes.set_xticks([0, 1], [net.replace(" ", "\n") for net in nets])
        axes.set_xlim(-0.4, 1.4)
        axes.set_ylim(low, high)
        axes.grid(axis="y", color="#e4e7ec", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    lower[0].set_ylabel("test accuracy in %")
    lower[1].tick_params(labelleft=False)
    return made


def images(drawn: Figure) -> list[np.ndarray]:
    """Read back the matrices that a figure's axes show."""
    return [
        np.asarray(axes.images[0].get_array(), np.float32) for axes in drawn.axes if axes.images
    ]


def samples(drawn: Figure) -> list[np.ndarray]:
    """Read back the sampled functions that a figure's axes show."""
    return [
        np.asarray(line.get_ydata(), np.float32)
        for axes in drawn.axes
        for line in axes.lines
        if line.get_marker() == "o"
    ]


def to_svg(drawn: Figure, label: str) -> str:
    """Write a figure as one SVG element that needs nothing from elsewhere."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):
        drawn.savefig(buffer, format="svg", metadata=nothing)
    svg = buffer.getvalue()
    return accessible(svg[svg.index("<svg") :], label)


def accessible(svg: str, label: str) -> str:
    """Name an SVG for who cannot see it, and let the page decide its size."""
    head, bracket, rest = svg.partition(">")
    head = re.sub(r'\s(?:width|height|role|aria-label)="[^"]*"', "", head)
    return f'{head} role="img" aria-label="{escape(label)}"{bracket}{rest}'


def own_ids(svg: str, prefix: str) -> str:
    """Put a prefix before an SVG's ids, so that several fit on one page."""
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    return re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
