"""Row 24: the ConvNet leads on images and not on shuffled ones, and what says so can fail."""

import dataclasses
import sys
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import conv
from compare._row import RowResult, run_row
from compare.lecture import ROWS, why

ROW = ROWS[24]
AHEAD = ["the ConvNet is ahead on images", "the ConvNet is ahead on shuffled pixels"]


def short(seeds: tuple[int, ...] = (0, 1), steps: int = 72) -> tuple[np.ndarray, ...]:
    """Draw experiments of few seeds and steps."""
    images, labels, orders, shuffles, batches, *weights = why.experiments(seeds)
    return images, labels, orders, shuffles, batches[:, :steps], *weights


def reasons(found: RowResult) -> dict[str, str]:
    return {entry.name: entry.reason for entry in found.comparison.entries if entry.reason}


def test_the_nets_are_of_one_size(lecture: Any) -> None:
    one, other = lecture.value(24, "parameters")
    assert abs(one - other) < 0.02 * one


def test_both_nets_learn(lecture: Any) -> None:
    for side in ("jax", "torch"):
        first, last = (np.array(lecture.value(24, f"{n} losses", side)) for n in ("first", "last"))
        assert (last < 0.1).all()
        assert (first > 2).all()
        assert (np.array(lecture.value(24, "test accuracies", side)) > 85).all()


def test_the_leads_are_those_of_the_accuracies(lecture: Any) -> None:
    accuracy = np.array(lecture.value(24, "test accuracies"))
    for j, data in enumerate(why.DATA):
        lead = accuracy[0, j] - accuracy[1, j]
        told = lecture.value(24, f"the ConvNet's lead on {data}, and its spread")
        np.testing.assert_allclose(told, [lead.mean(), lead.std(ddof=1)], rtol=1e-4)


@pytest.mark.parametrize(
    ("lead", "ahead"), [([2, 3, 4], True), ([0.5, 3, -1], False), ([-2, -3, -4], False)]
)
def test_a_net_is_ahead_by_more_than_the_spread(lead: Any, ahead: bool) -> None:
    right = np.zeros((2, 2, 3)) + 50
    right[0, 0] += lead
    right[0, 1] -= lead
    told = why.summary({}, np.zeros((2, 2, 3, 5)), right, 100)
    assert told[AHEAD[0]] is ahead
    assert told[AHEAD[1]] is bool(np.mean(lead) < -np.std(lead, ddof=1))


def test_a_flipped_kernel_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = conv.conv2d
    monkeypatch.setattr(
        conv, "conv2d", lambda x, w, *args, **kwargs: right(x, jnp.flip(w, (2, 3)), *args, **kwargs)
    )
    found = run_row(dataclasses.replace(ROW, inputs=lambda: short(steps=4), stated={}))
    told = reasons(found)
    assert "values differ" in told["losses"]
    assert "parameters" not in told


def test_the_claim_fails_where_the_pixels_are_not_shuffled() -> None:
    images, labels, orders, shuffles, *rest = short((0, 1))
    shuffles[:] = np.arange(64)
    inputs = (images, labels, orders, shuffles, *rest)
    told = reasons(run_row(dataclasses.replace(ROW, inputs=lambda: inputs)))
    assert list(told) == [AHEAD[1]]
    assert "JAX and the lecture" in told[AHEAD[1]]
    assert "PyTorch and the lecture" in told[AHEAD[1]]


def test_the_claim_fails_where_all_pixels_are_shuffled() -> None:
    images, *rest = short((0, 1))
    images = images.reshape(-1, 64)[:, np.random.default_rng(9).permutation(64)]
    inputs = (images.reshape(-1, 1, 8, 8), *rest)
    told = reasons(run_row(dataclasses.replace(ROW, inputs=lambda: inputs)))
    assert list(told) == [AHEAD[0]]


def test_without_scikit_learn_the_row_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="scikit-learn, which is not installed"):
        why.digits()
