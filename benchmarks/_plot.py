"""A picture of the ratios: one bar a layer and mode."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ._measure import MODES, Record
from ._report import TITLES, ratios


def plot(records: list[Record], path: Path) -> None:
    """Draw PyTorch's time over ours, on a logarithmic scale, and write it to `path`."""
    figure = Figure(figsize=(9, 0.28 * len(records) + 1.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    names = [r.layer for r in records]
    for i, (mode, colour) in enumerate(zip(MODES, ("#3b6fb6", "#d98032"), strict=True)):
        found = ratios(records, mode, "ours", "torch")
        places = [names.index(layer) + 0.4 * i - 0.2 for layer in found]
        widths = [ratio - 1 for ratio in found.values()]
        axes.barh(places, widths, height=0.38, left=1, color=colour, label=TITLES[mode])
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("PyTorch's time / ours (right of 1: ours is faster)")
    axes.legend(loc="lower right")
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=120)
