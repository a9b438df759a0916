"""The page: whole, self-contained, with every row, both programs and six figures."""

import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from compare import Comparison, Entry, _figures
from compare._code import to_html
from compare._row import RowResult
from compare.lecture import ROWS, why

VOID = {"meta", "link", "col", "br"}


class Page(HTMLParser):
    """Collects a page's elements and checks that they are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def page(lecture: Any) -> Page:
    return Page(lecture.page)


def test_every_element_is_closed(page: Page) -> None:
    assert page.open == []


def test_every_row_is_there_with_both_programs(page: Page, lecture: Any) -> None:
    ids = [attributes.get("id") for attributes in page.named("tbody")]
    assert ids == [f"row-{number}" for number in range(1, 25)]
    assert len(page.named("details")) == 24
    assert len(page.named("pre")) == 48
    plain = re.sub(r"<[^>]+>", "", lecture.page)
    for row in ROWS.values():
        for side in (row.jax, row.torch):
            assert f"def {side.__name__}(" in plain


def test_nothing_comes_from_elsewhere(page: Page, lecture: Any) -> None:
    for _, attributes in page.tags:
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href", "srcset", "data", "action"):
                assert value is not None
                assert value.startswith(("#", "data:")), value
    assert "@import" not in lecture.page
    assert re.findall(r"url\((?!#)", lecture.page) == []
    assert page.named("script") == []


def test_six_figures_are_drawn(page: Page, lecture: Any) -> None:
    drawings = re.findall(r"<svg.*?</svg>", lecture.page, re.S)
    assert len(drawings) == 6
    for number, drawing in enumerate(drawings, 1):
        figure = ElementTree.fromstring(drawing)
        assert figure.get("aria-label", "").startswith(f"Figure {number}. ")
        assert figure.get("role") == "img"
        assert figure.get("width") is None
    captions = re.findall(r"<figcaption>(Figure \d)", lecture.page)
    assert captions == [f"Figure {number}" for number in range(1, 7)]


def test_ids_are_unique_and_links_lead_somewhere(page: Page, lecture: Any) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = set(re.findall(r'(?:href="#|url\(#)([^")]+)', lecture.page))
    assert wanted <= set(ids)


def test_the_page_suits_a_phone_and_the_dark(lecture: Any) -> None:
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in lecture.page
    assert "prefers-color-scheme: dark" in lecture.page
    assert "@media (max-width" in lecture.page


def test_figures_hold_the_arrays_that_they_were_given() -> None:
    rng = np.random.default_rng(0)
    layers = rng.standard_normal((2, 3, 4)).astype(np.float32)
    np.testing.assert_array_equal(_figures.images(_figures.draw_layers(layers, 2)), layers)
    mono, stereo = (rng.standard_normal((c, 64)).astype(np.float32) for c in (1, 2))
    drawn = _figures.samples(_figures.draw_signals(mono, stereo))
    np.testing.assert_array_equal(drawn, np.concatenate([mono, stereo]))


def test_figures_letters_are_large_enough_for_a_phone() -> None:
    drawn = _figures.draw_vectors(np.eye(3, 6))
    svg = _figures.to_svg(drawn, "test")
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", svg)]
    width = float(ElementTree.fromstring(svg).get("viewBox", "").split()[2])
    # A phone of 360 pixels leaves 320 for a figure.
    assert min(sizes) * 320 / width >= 10


def test_drawing_twice_gives_the_same_page() -> None:
    one, two = (_figures.to_svg(_figures.draw_vectors(np.eye(2, 3)), "same") for _ in range(2))
    assert one == two


def test_marked_code_reads_as_the_code() -> None:
    code = 'def f(x):  # a < b\n    """Say "a & b"."""\n    return f"{x}" + "1" * 2\n'
    marked = to_html(code)
    assert '<span class="k">def</span>' in marked
    plain = re.sub(r"<[^>]+>", "", marked)
    for entity, sign in (("&lt;", "<"), ("&quot;", '"'), ("&#x27;", "'"), ("&amp;", "&")):
        plain = plain.replace(entity, sign)
    assert plain == code


def test_figure_6_holds_its_accuracies_and_is_read_on_a_phone() -> None:
    accuracies = np.float32([[[95, 94, 96], [90, 91, 92]], [[92, 91, 93], [92, 90, 93]]])
    image = np.arange(64).reshape(8, 8)
    names = ("images", "shuffled pixels"), ("ConvNet", "fully connected")
    drawn = _figures.draw_accuracies(np.stack([image, image.T]), accuracies, *names)
    held = np.stack(_figures.samples(drawn)).reshape(2, 3, 2)  # data, seed, net
    np.testing.assert_array_equal(held.transpose(2, 0, 1), accuracies)
    np.testing.assert_array_equal(_figures.images(drawn), [image, image.T])
    svg = _figures.to_svg(drawn, "test")
    for text in ("test accuracy in %", "ConvNet", "connected", "images", "shuffled pixels"):
        assert f">{text}<" in svg
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", svg)]
    sizes += [float(size) for size in re.findall(r"font: ([\d.]+)px", svg)]
    width = float(ElementTree.fromstring(svg).get("viewBox", "").split()[2])
    assert min(sizes) * 320 / width >= 10


def test_figure_6_is_drawn_of_a_row_that_has_accuracies_only() -> None:
    assert why.drawings([]) == []
    crashed = Comparison((Entry("error", "out of order", None, None, False, "JAX raised"),))
    assert why.drawings([RowResult(ROWS[24], crashed, 0.0)]) == []
