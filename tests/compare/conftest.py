"""One run of the lecture, shared by the tests: its exit status, its JSON, its page."""

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compare._cli import main


@dataclass(frozen=True)
class Run:
    status: int
    report: dict[str, Any]
    page: str

    def value(self, row: int, name: str, side: str = "jax") -> Any:
        (found,) = [
            entry
            for told in self.report["rows"]
            if told["row"] == row
            for entry in told["entries"]
            if entry["name"] == name
        ]
        value = found[side]
        return value["values"] if isinstance(value, dict) else value


def run_json(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run the command with --json; whatever else it printed would not be JSON."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = main(["--json", *arguments])
    return status, json.loads(out.getvalue())


@pytest.fixture(scope="session")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path: Path = tmp_path_factory.mktemp("page") / "page.html"
    status, report = run_json("--html", str(path))
    return Run(status, report, path.read_text(encoding="utf-8"))
