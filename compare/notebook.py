"""Figures in a notebook: white behind them in the dark too, and with a text for who cannot see."""

import base64
import hashlib
import importlib
import io
import re
from typing import TYPE_CHECKING, Any

from ._figures import accessible, own_ids

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100  # a figure of 7 inches is as wide as a page's text, and takes some 30 KB


def show(figure: "Figure", alt: str) -> None:
    """Show a matplotlib figure as a PNG on white, and close it.

    Args:
      figure: the figure; what it shows is drawn here, and not again at the end of the cell.
      alt: the text in its place for who cannot see it; a page made from the notebook has it too.

    Raises:
      ValueError: where alt is empty.
      ImportError: where IPython is not installed.

    Example:
      >>> from compare.notebook import show
      >>> import matplotlib.pyplot as plt
      >>> figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
      >>> _ = axes.plot([1, 4, 9])
      >>> show(figure, "A line through 1, 4 and 9.")  # doctest: +SKIP
    """
    import matplotlib.pyplot as plt
    from PIL import Image  # matplotlib needs it too

    _check(alt)
    display = _display()
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI, facecolor="white")
    plt.close(figure)
    # 256 colours, as many as a colour map has, take a third of the place.
    colours = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    colours.save(small, format="png", optimize=True)
    png = base64.b64encode(small.getvalue()).decode()
    # The key that nbconvert and JupyterLab read the alternative text from.
    display({"image/png": png, "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)


def show_svg(svg: str, alt: str) -> None:
    """Show an SVG on white, in its own width or the page's if that is less.

    Args:
      svg: the text of an SVG, such as `grad.graph(f, x).to_svg()`.
      alt: the text in its place for who cannot see it.

    Raises:
      ValueError: where alt is empty, or svg has no <svg> element.
      ImportError: where IPython is not installed.

    Example:
      >>> from compare.notebook import show_svg
      >>> import grad, numpy as np
      >>> graph = grad.graph(grad.mean_of_squares, np.float32([[1, 2], [3, 4]]))
      >>> show_svg(graph.to_svg(), "x, Sub, Mul, Mul, Mean.")  # doctest: +SKIP
    """
    _check(alt)
    if "<svg" not in svg:
        raise ValueError(f"svg has no <svg> element, got {svg[:40]!r}; it must be an SVG's text")
    display = _display()
    svg = svg[svg.index("<svg") :]
    width = re.match(r'<svg[^>]*?\swidth="([\d.]+)(pt|px|)"', svg)
    limit = f"max-width:{width[1]}{width[2] or 'px'};" if width else ""
    # Ids are a page's, not a drawing's: each drawing has a prefix of its own.
    prefix = f"svg-{hashlib.sha256((svg + alt).encode()).hexdigest()[:8]}"
    drawing = own_ids(accessible(svg, alt), prefix)
    # Not as image/svg+xml: nbconvert makes an <img> without alt of that.
    html = f'<div style="background:#fff;color-scheme:light;{limit}">{drawing}</div>'
    display({"text/html": html, "text/plain": alt}, raw=True)


def _check(alt: str) -> None:
    if not alt.strip():
        raise ValueError(f"alt must say what the figure shows, got {alt!r}")


def _display() -> Any:
    """Find IPython's display; IPython comes with a notebook, and not with this package."""
    return importlib.import_module("IPython.display").display
