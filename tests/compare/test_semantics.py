"""python -m compare semantics: every row is a difference, and ours is PyTorch's side of it."""

import dataclasses
import json
from typing import Any

import jax.numpy as jnp
import pytest
import torch

from compare import conventions
from compare._cli import main
from compare._convention import Convention, run_convention
from compare.conventions import ROWS
from compare.conventions.pointwise import ADOPTED

# Numbers that the rows must show: (row, value or gradient, JAX, PyTorch).
NUMBERS: list[tuple[str, str, Any, Any]] = [
    ("abs at 0", "gradient", [-1, 1, 1], [-1, 0, 1]),
    ("mean absolute difference where both are equal", "gradient 1", [0.5, 0.5], [0, 0.5]),
    ("leaky_relu at 0", "gradient", [0.01, 1, 1], [0.01, 0.01, 1]),
    ("hardtanh at -1 and 1", "gradient", [1, 1, 1], [0, 1, 0]),
    ("clamp(x, -1, 1) at -1 and 1", "gradient", [0, 0.5, 1, 0.5], [0, 1, 1, 1]),
    ("clamp(x, min) with an array of bounds", "gradient 2", [1, 0.5, 0], [1, 0, 0]),
    ("max over a dimension of equal ones", "gradient", [0.5, 0.5, 0], [1, 0, 0]),
    ("median of an even number", "value", 2.5, 2),
    ("median of an even number", "gradient", [0, 0, 0.5, 0.5], [0, 0, 0, 1]),
    ("cummax of equal ones", "gradient", [1, 1.5, 0.5], [1, 1, 1]),
    ("norm of zeros", "gradient", ["nan", "nan"], [0, 0]),
    ("vector_norm, ord=1, with a 0", "gradient", [1, 1, -1], [0, 1, -1]),
    ("std of equal ones", "gradient", ["nan"] * 3, [0, 0, 0]),
    ("var, by default", "gradient", [-1, 1], [-2, 2]),
    ("pow(0, 0)", "gradient 1", ["nan", 4], [0, 4]),
    ("hypot(0, 0)", "gradient 1", ["nan", 0.6] if ADOPTED else [0.5, 0.6], ["nan", 0.6]),
    ("floor_divide", "gradient 1", [0, 0], "RuntimeError"),
    ("max_pool1d, kernel_size=2, dilation=2", "gradient", "NotImplementedError", [0, 0, 1, 1, 1]),
    ("writing twice to one place", "gradient 2", [0, 1], [1, 1]),
    ("resizing from 3 to 5, nearest", "gradient", [2, 1, 2], [2, 2, 1]),
    (
        "gradient of |z|^2 at 3+4j",
        "value",
        [{"real": 6, "imag": -8}],
        [{"real": 6, "imag": 8}],
    ),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        out: list[str] = []
        patch.setattr("builtins.print", lambda *parts: out.append(" ".join(map(str, parts))))
        status = main(["semantics", "--json"])
    return status, json.loads("".join(out))


def test_all_rows_agree_and_each_is_a_difference(report: Any) -> None:
    status, told = report
    assert status == 0
    assert len(told["rows"]) == len(ROWS) > 90
    assert told["tally"] == {"rows": len(ROWS), "agree": len(ROWS)}
    for row in told["rows"]:
        assert row["differs"] is not row["control"], row["name"]
    assert {"jax", "torch", "convgrad"} <= told["versions"].keys()


@pytest.mark.parametrize(("name", "what", "in_jax", "in_torch"), NUMBERS)
def test_the_numbers(report: Any, name: str, what: str, in_jax: Any, in_torch: Any) -> None:
    (found,) = [
        finding
        for row in report[1]["rows"]
        if row["name"] == name
        for finding in row["findings"]
        if finding["name"] == what
    ]
    for side, number in (("jax", in_jax), ("torch", in_torch)):
        if isinstance(number, str) or "nan" in str(number) or "real" in str(number):
            told = [round(v, 6) if isinstance(v, float) else v for v in found[side]]
            assert (found[side] if isinstance(number, str) else told) == number
        else:
            assert found[side] == pytest.approx(number)


def test_names_are_those_of_one_row_each() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["semantics", "--only", "median"]) == 0
    out = capsys.readouterr().out
    assert "median of an even number   [4, 1, 3, 2]" in out
    assert "[0, nan, 0]" not in out
    assert "median with nan   [1, nan, 3]" in out
    assert "[0, 0, 0.5, 0.5]" in out
    assert "6 of the 6 it has" in out
    assert "torch 2.13" in out
    assert max(map(len, out.splitlines())) <= 120


def test_nan_stands_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Square brackets are markup to rich, which drops a word in them that it does not know."""
    assert main(["semantics", "--only", "norm of zeros"]) == 0
    assert "[nan, nan]" in capsys.readouterr().out


WRONG = Convention("half", jnp.sin, torch.sin, lambda x: jnp.sin(x) / 2, ([1],))
NO_CONTROL = Convention("sign", jnp.cos, torch.sin, None, ([1],), same=True)
RAISES = Convention("raises", jnp.cos, torch.sin, lambda x: x.no_such_name, ([1],))


@pytest.mark.parametrize("row", [WRONG, NO_CONTROL, RAISES], ids=str)
def test_a_wrong_row_is_told(
    row: Convention, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(conventions, "ROWS", (row,))
    assert main(["semantics"]) == 1
    assert "DIFFER" in capsys.readouterr().out
    assert not run_convention(row, "float64").agree


def test_a_row_without_ours_is_not_judged() -> None:
    row = dataclasses.replace(WRONG, jax=jnp.cos, ours=None)
    found = run_convention(row)
    assert found.agree
    assert found.differs


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["semantics", "--only", "no such row"]) == 2
    assert "no row has 'no such row' in its name" in capsys.readouterr().err
    assert main(["semantics", "--row", "1"]) == 2
    assert main(["semantics", "--help"]) == 0
    assert "Exit status" in capsys.readouterr().out
