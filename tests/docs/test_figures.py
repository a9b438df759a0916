"""Every figure of the README is in what the command beside it prints."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs._picture import PICTURE, RESULTS, draw

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([\d.]+[^|]*) \| ([^|]+) \| `python ([^`]+)` \|$", README, re.M)


def test_the_readme_has_three_figures_and_is_short() -> None:
    assert len(ROWS) == 3
    assert len(README.splitlines()) < 90


@pytest.mark.parametrize(("figure", "meaning", "command"), ROWS, ids=[row[0] for row in ROWS])
def test_a_command_prints_it(figure: str, meaning: str, command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for number in [figure, *re.findall(r"\d\.\d\d", meaning)]:
        assert re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", done.stdout), number


def test_the_picture_is_of_the_stored_times(tmp_path: Path) -> None:
    draw(RESULTS, tmp_path / "drawn.svg")
    assert (tmp_path / "drawn.svg").read_text() == PICTURE.read_text()
