"""The rows of `make test-versions`: what is installed, and what is counted."""

import sys
from pathlib import Path

from checks.versions import ROOT, ROWS, Row, constraints, name_of, requirements, run


def test_rows_are_three_pythons_from_the_oldest_jax_on() -> None:
    assert len({row.python for row in ROWS}) == len(ROWS) >= 3
    oldest = ROWS[0].versions["jax"]
    assert f'"jax>={oldest},' in (ROOT / "pyproject.toml").read_text()
    assert f"jax=={ROWS[-1].versions['jax']} ;" in (ROOT / "constraints.txt").read_text()


def test_a_row_has_its_own_versions_and_everybodys_else() -> None:
    row = Row("3.12", {"jax": "1.2.3", "torch": "9"})
    named = {name_of(r): r for r in requirements(row)}
    assert named["jax"] == "jax==1.2.3"
    assert named["torch"] == "torch==9"
    assert "numpy" in named
    assert "pytest" in named
    kept = {name_of(line) for line in constraints(row).splitlines()}
    assert "numpy" in kept
    assert not {"jax", "torch"} & kept


def test_passes_and_failures_are_counted_by_name(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"  # a link would lose what is installed beside it
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    test = tmp_path / "test_one.py"
    test.write_text(
        "import pytest\ndef test_a(): pass\ndef test_b(): assert 0\n"
        "@pytest.mark.skip(reason='why')\ndef test_c(): pass\n"
    )
    result = run(Row("0.0"), tmp_path, [str(test)])
    assert (result.passed, len(result.failed), result.skipped) == (1, 1, 1)
    assert result.failed[0].endswith("::test_b")
    assert result.versions["python"].startswith("3.")


def test_a_python_that_is_not_there_is_said() -> None:
    assert "no Python 2.0" in run(Row("2.0"), None, []).problem
