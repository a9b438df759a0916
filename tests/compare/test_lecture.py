"""The lecture: every row agrees, and every number of its checklist comes out on both sides."""

from typing import Any

import numpy as np
import pytest

from compare._cli import FIRST, LAST
from compare.lecture import ROWS

GRADIENT = [[-1.5, 0], [1.5, 3]]

# Row, result, and the number that the lecture has there.
NUMBERS: list[tuple[int, str, Any]] = [
    (1, "layers", [3, 6, 8]),
    (1, "off the band", 0),
    (2, "vectors", 3),
    (2, "their length", 6),
    (3, "mono", [1, 64]),
    (3, "stereo", [2, 64]),
    (4, "kernels", [3, 2, 3]),
    (5, "pad zeros", [3, 6, 5]),
    (5, "pad reflect", [5, 6, 7]),
    (5, "pad replicate", [4, 6, 8]),
    (5, "pad circular", [6, 6, 6]),
    (6, "weight", [16, 2, 3]),
    (6, "bias", [16]),
    (6, "output", [1, 16, 62]),
    (7, "output", [1, 16, 60]),
    (8, "weight", [16, 20, 3, 5]),
    (8, "output", [1, 16, 62, 124]),
    (9, "output", [1, 16, 64, 128]),
    (9, "kernel dimensions", 4),
    (10, "a", 4.5),
    (10, "gradient", GRADIENT),
    (10, "gradient by backward", GRADIENT),
    (10, "by hand, 3/2 x - 3", GRADIENT),
    (13, "Jacobian", [[-1.5, 0, 1.5, 3]]),
    (13, "gradient", GRADIENT),
    (14, "i", 9),
    (14, "gradient", [102.4, 1024, 0.1024]),
    (16, "dz/dx", [1, 1, 1]),
    (16, "dz/dw", [1, 2, 3]),
    (17, "dz/dw", [1, 2, 3]),
    (19, "to x1", [1 / 3] * 3),
    (19, "to x2", [1 / 3] * 3),
    (20, "to x1", [0.25] * 4),
    (20, "to x2", [0.25] * 4),
    (20, "gradient", [0.5] * 4),
    (21, "gradient", [0, 1, 0]),
    (21, "ties: custom max", [1, 0, 1]),
    (21, "ties: own max(x)", [0.5, 0, 0.5]),
    (24, "parameters", [5162, 5127]),
    (24, "sparse: pixels that an output sees, of 64", 9),
    (24, "stationary: different weights, of 64 x 64", 9),
    (24, "composed: pixels that an output of layer 2 sees", 25),
]

TEXTS: list[tuple[int, str, Any]] = [
    (
        5,
        "Conv1d",
        "in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, "
        "bias=True, padding_mode='zeros'",
    ),
    (5, "conv1d", "input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1"),
    (11, "y is made by", "SubBackward0"),
    (11, "one step back is x", True),
    (11, "x is made by", None),
    (12, "flow", "x -> Sub -> Mul (2 edges in) -> Mul -> Mean"),
    (17, "dz/dx", None),
    (18, "z is made by", None),
    (18, "raises", "RuntimeError"),
    (23, "figure 5, boxes", "x -> Sub -> Mul -> Mul -> Mean"),
    (24, "the ConvNet is ahead on images", True),
    (24, "the ConvNet is ahead on shuffled pixels", False),
]


def test_all_rows_agree(lecture: Any) -> None:
    assert lecture.report["tally"] == {"rows": 24, "agree": 24}
    assert lecture.status == 0
    assert [row["row"] for row in lecture.report["rows"]] == list(range(1, 25))


def test_the_registry_has_the_rows_that_the_command_offers() -> None:
    assert sorted(ROWS) == list(range(FIRST, LAST + 1))


@pytest.mark.parametrize("side", ["jax", "torch"])
@pytest.mark.parametrize(("row", "name", "number"), NUMBERS)
def test_the_lectures_numbers(lecture: Any, row: int, name: str, number: Any, side: str) -> None:
    # float32 holds 0.1 and 1/3 to 8 digits only.
    np.testing.assert_allclose(lecture.value(row, name, side), number, rtol=3e-7)


@pytest.mark.parametrize("side", ["jax", "torch"])
@pytest.mark.parametrize(("row", "name", "text"), TEXTS)
def test_the_lectures_names(lecture: Any, row: int, name: str, text: Any, side: str) -> None:
    assert lecture.value(row, name, side) == text


def test_ties_along_an_axis_are_told_apart(lecture: Any) -> None:
    assert lecture.value(21, "ties: own max(x, 0)", "jax") == "[0.5, 0, 0.5]"
    assert lecture.value(21, "ties: own max(x, 0)", "torch") == "[1, 0, 0]"


def test_both_errors_of_row_18_are_told(lecture: Any) -> None:
    for side in ("jax", "torch"):
        message = lecture.value(18, "whole message", side)
        assert "does not require grad and does not have a grad_fn" in message


def test_the_number_of_doublings_varies_and_is_read_off(lecture: Any) -> None:
    counted = lecture.value(15, "counted")
    assert lecture.value(15, "read off the gradients") == counted
    assert len(set(counted)) > 1


@pytest.mark.parametrize("number", range(FIRST, LAST + 1))
def test_the_table_shows_what_a_row_has(lecture: Any, number: int) -> None:
    row = ROWS[number]
    (told,) = [row for row in lecture.report["rows"] if row["row"] == number]
    names = [entry["name"] for entry in told["entries"]]
    assert set(row.headline) <= set(names)
    assert set(row.stated) <= set(names)
