"""What finds links that lead nowhere, and what keeps signs of docstrings from being markup."""

from pathlib import Path

import pytest

from docs._links import broken


def _site(folder: Path, **pages: str) -> Path:
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>")
    return folder


def test_links_to_pages_and_places_that_are_there(tmp_path: Path) -> None:
    site = _site(
        tmp_path,
        a='<p id="here"></p><a href="#here">.</a><a href="b.html#there">.</a>'
        '<a href="https://example.org/c">.</a>',
        b='<h1 id="there"></h1><img src="a.html?x=1">',
    )
    assert list(broken(site)) == []


@pytest.mark.parametrize("link", ["c.html", "#nowhere", "b.html#here", "d/b.html"])
def test_links_that_lead_nowhere(tmp_path: Path, link: str) -> None:
    site = _site(tmp_path, a=f'<p id="here"></p><a href="{link}">.</a>', b="")
    (found,) = broken(site)
    assert found.startswith(f"a.html: {link} ")
