"""Every example on the site's pages and in the README, run as a reader would: in a fresh Python."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "pages").rglob("*.md"))]
WITH_EXAMPLES = [page for page in PAGES if ">>> " in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.stem)
def test_examples(page: Path) -> None:
    command = [sys.executable, "-m", "doctest", "-o", "NORMALIZE_WHITESPACE", "-o", "ELLIPSIS"]
    setting = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, str(page)], cwd=ROOT, env=setting, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_python_on_the_pages_is_an_example() -> None:
    """A block of Python that nobody runs goes out of date unseen."""
    for page in PAGES:
        blocks = page.read_text(encoding="utf-8").split("```python\n")[1:]
        for block in blocks:
            assert block.startswith(">>> "), (page, block[:80])
