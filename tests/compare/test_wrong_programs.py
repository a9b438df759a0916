"""A wrong program is caught: its rows are reported, no others, and the exit status is 1."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import conv
import custom_vjp
import grad
from compare._cli import FIRST, LAST
from tests.compare.conftest import run_json

Wrong = Callable[..., Any]


def split_that_does_not_add(split: Wrong) -> Wrong:
    @jax.custom_vjp
    def wrong(x: Any) -> Any:
        return split(x)

    wrong.defvjp(lambda x: (split(x), None), lambda _, cotangents: (cotangents[0],))
    return wrong


def max_that_takes_the_first(_: Wrong) -> Wrong:
    def wrong(x: Any) -> Any:
        return x.ravel()[jnp.argmax(x)]

    return wrong


def add_that_halves(add: Wrong) -> Wrong:
    @jax.custom_vjp
    def wrong(x1: Any, x2: Any) -> Any:
        return add(x1, x2)

    wrong.defvjp(lambda x1, x2: (add(x1, x2), None), lambda _, y: (y / 2, y / 2))
    return wrong


def flipped_kernel(convolution: Wrong) -> Wrong:
    @wraps(convolution)  # row 5 reads the signature
    def wrong(input: Any, weight: Any, *args: Any, **kwargs: Any) -> Any:
        return convolution(input, jnp.flip(weight, range(2, weight.ndim)), *args, **kwargs)

    return wrong


def one_step_short(double_until: Wrong) -> Wrong:
    def wrong(x: Any, bound: Any = 1000.0) -> Any:
        y, i = double_until(x, bound)
        return y / 2, i - 1

    return wrong


CASES = [
    (custom_vjp, "split", split_that_does_not_add, [20, 22]),
    (custom_vjp, "max", max_that_takes_the_first, [21]),
    (custom_vjp, "add", add_that_halves, [19, 22]),
    (conv, "conv1d", flipped_kernel, [1, 2, 4, 6, 7, 23]),
    (conv, "conv2d", flipped_kernel, [8, 9, 24]),
    (grad, "double_until", one_step_short, [14, 15]),
]


@pytest.mark.parametrize(
    ("package", "name", "spoil", "concerned"), CASES, ids=[case[1] for case in CASES]
)
def test_a_wrong_program_is_reported_by_its_rows(
    monkeypatch: pytest.MonkeyPatch, package: Any, name: str, spoil: Wrong, concerned: list[int]
) -> None:
    monkeypatch.setattr(package, name, spoil(getattr(package, name)))
    # The experiment of row 24 takes seconds, and has no other function of the lecture's in it.
    rows = [n for n in range(FIRST, LAST + 1) if n != 24 or name == "conv2d"]
    status, report = run_json(*(f"--row={n}" for n in rows))
    assert [row["row"] for row in report["rows"] if not row["agree"]] == concerned
    assert status == 1
    for row in report["rows"]:
        for entry in row["entries"]:
            assert bool(entry["reason"]) is not entry["agree"]


def test_a_side_that_raises_is_shown_by_its_row_and_the_rest_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise FloatingPointError("out of order")

    monkeypatch.setattr(conv, "conv1d", broken)
    status, report = run_json("--row", "2", "--row", "3")
    assert status == 1
    second, third = report["rows"]
    assert third["agree"]
    (entry,) = second["entries"]
    assert entry["jax"] == "FloatingPointError: out of order"
    assert entry["torch"] is None
    assert entry["reason"] == "JAX raised an error"
