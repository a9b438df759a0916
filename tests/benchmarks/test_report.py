"""What the benchmark of layers says of times and errors that it was given."""

import io

import pytest
from rich.console import Console

from benchmarks._measure import Record
from benchmarks._report import show, targets


def record(name: str, flax: float, error: float) -> Record:
    times = {"torch": 6.0, "torch_channels_last": 4.0, "ours": 3.0, "nnx_accelerated": flax}
    return Record(
        layer=name,
        why="",
        milliseconds={"forward": times, "both": {side: 2 * t for side, t in times.items()}},
        error={"torch": [1e-6] * 3, "torch_channels_last": [4e-6] * 3, "ours": [error] * 3},
    )


def test_lines() -> None:
    lines = {t.name: t for t in targets([record("a", 2.0, 8e-6), record("b", 8.0, 4e-6)])}
    assert lines["forward: mean against PyTorch"].value == pytest.approx(2.0)
    last = lines["forward: mean against PyTorch, both channels last"]
    assert last.value == pytest.approx(1.0)
    assert last.held
    worst = lines["forward + both gradients: worst against PyTorch, both channels last"]
    assert worst.value == pytest.approx(0.5)
    assert not worst.held
    # Of the larger error of PyTorch's two layouts.
    assert lines["error: worst multiple of PyTorch's"].value == pytest.approx(2.0)


def test_channels_last_have_a_table_of_their_own() -> None:
    text = io.StringIO()
    show([record("a", 2.0, 8e-6), record("b", 8.0, 4e-6)], Console(file=text, width=150))
    (_, table) = text.getvalue().split("channels last on both sides")
    assert "forward: geometric mean 1.00 over 2, worst b 0.50" in table
    row = next(line for line in table.splitlines() if line.startswith("│b "))
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "b", "4.00", "8.00", "0.50", "8.00", "16.00", "0.50"
    ]  # fmt: skip
