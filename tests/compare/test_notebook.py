"""What a notebook shows: pictures on white, small, each with a text for who cannot see it."""

import base64
import importlib
import io
import re
import struct
import sys
import types
from typing import Any
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

import grad
from compare import _figures
from compare.notebook import show, show_svg

Shown = list[tuple[dict[str, Any], dict[str, Any]]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Collect what is displayed; IPython need not be installed."""
    kept: Shown = []

    def display(data: Any, metadata: Any = None, raw: bool = False) -> None:
        assert raw
        kept.append((data, metadata or {}))

    module = types.ModuleType("IPython.display")
    module.display = display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return kept


def curves() -> Figure:
    plt.switch_backend("agg")
    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    rng = np.random.default_rng(0)
    for k in range(4):
        axes.plot(rng.standard_normal(300).cumsum(), label=f"{k}")
    axes.legend()
    return figure


def test_a_figure_is_shown_as_a_small_png_with_its_text(shown: Shown) -> None:
    figure = curves()
    figure.set_facecolor("none")
    show(figure, "Four random walks.")
    ((data, metadata),) = shown
    png = base64.b64decode(data["image/png"])
    assert png.startswith(b"\x89PNG")
    assert struct.unpack(">2I", png[16:24]) == (700, 350)
    assert len(png) < 60_000
    assert metadata == {"image/png": {"alt": "Four random walks."}}
    assert data["text/plain"] == "Four random walks."


def test_a_figure_lies_on_white(shown: Shown) -> None:
    show(Figure(figsize=(1, 1), facecolor="none"), "Nothing.")
    pixels = plt.imread(io.BytesIO(base64.b64decode(shown[0][0]["image/png"])))
    assert (pixels == 1).all()


def test_a_figure_that_was_shown_is_closed(shown: Shown) -> None:
    figure = curves()
    assert plt.fignum_exists(figure.number)
    show(figure, "Four random walks.")
    assert not plt.fignum_exists(figure.number)
    show(_figures.draw_vectors(np.eye(2, 3)), "A figure that pyplot does not know.")


def graph_svg() -> str:
    return grad.graph(grad.mean_of_squares, np.float32([[1, 2], [3, 4]])).to_svg()


def test_an_svg_is_shown_on_white_with_its_text(shown: Shown) -> None:
    svg = graph_svg()
    show_svg(svg, 'x < "y" & z')
    html = shown[0][0]["text/html"]
    assert html.startswith('<div style="background:#fff;')
    width = re.search(r'width="(\d+)"', svg)
    assert width is not None
    assert f"max-width:{width[1]}px" in html
    drawing = ElementTree.fromstring(html)[0]
    assert drawing.get("role") == "img"
    assert drawing.get("aria-label") == 'x < "y" & z'
    assert drawing.get("width") is None


def test_two_drawings_on_a_page_share_no_ids(shown: Shown) -> None:
    for alt in ("one", "two"):
        show_svg(graph_svg(), alt)
    one, two = (set(re.findall(r'\bid="([^"]+)"', data["text/html"])) for data, _ in shown)
    assert one
    assert not one & two
    for data, _ in shown:
        html = data["text/html"]
        assert set(re.findall(r"url\(#([^)]+)\)", html)) <= set(re.findall(r'id="([^"]+)"', html))


def test_a_declaration_before_an_svg_is_left_out(shown: Shown) -> None:
    show_svg('<?xml version="1.0"?>\n<svg viewBox="0 0 1 1"></svg>', "Nothing.")
    assert shown[0][0]["text/html"] == (
        '<div style="background:#fff;color-scheme:light;">'
        '<svg viewBox="0 0 1 1" role="img" aria-label="Nothing."></svg></div>'
    )


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_picture_without_a_text_is_refused(shown: Shown, alt: str) -> None:
    with pytest.raises(ValueError, match="alt must say what the figure shows, got "):
        show(Figure(), alt)
    with pytest.raises(ValueError, match="alt must say what the figure shows, got "):
        show_svg(graph_svg(), alt)
    assert shown == []


def test_what_is_no_svg_is_refused(shown: Shown) -> None:
    with pytest.raises(ValueError, match="svg has no <svg> element, got '<div>'"):
        show_svg("<div>", "A drawing.")


def test_a_page_made_from_the_notebook_has_the_text(shown: Shown) -> None:
    nbformat = importlib.import_module("nbformat")
    exporters = importlib.import_module("nbconvert.exporters")
    show(curves(), 'Four "walks"')
    show_svg(graph_svg(), "A flow chart.")
    outputs = [
        nbformat.v4.new_output("display_data", data=data, metadata=metadata)
        for data, metadata in shown
    ]
    cell = nbformat.v4.new_code_cell("", outputs=outputs)
    made = nbformat.v4.new_notebook(cells=[cell])
    page, _ = exporters.HTMLExporter(template_name="basic").from_notebook_node(made)
    assert re.search(r"""<img[^>]* alt=(?:'Four "walks"'|"Four &quot;walks&quot;")""", page)
    assert 'aria-label="A flow chart."' in page
