"""Data-parallel training: one device, eight virtual ones and two processes learn the same."""

import math
import time

import numpy as np
import pytest

from experiments.processes import run
from experiments.worker import LOST
from tests.support.compiling import FAST, as_flags

STEPS = 24
QUICK = as_flags(FAST)


@pytest.fixture(scope="module")
def alone() -> list[float]:
    (outcome,) = run(1, STEPS, flags=QUICK)
    assert outcome.status == 0, outcome.errors
    return outcome.result["losses"]


def test_one_device_learns(alone: list[float]) -> None:
    assert math.log(10) / 2 < alone[0] < 2 * math.log(10)  # ten classes, guessed
    assert max(alone[-4:]) < 0.7 * alone[0]


def test_eight_devices_have_the_same_loss_curve(alone: list[float]) -> None:
    (outcome,) = run(1, STEPS, devices=8, flags=QUICK)
    assert outcome.result["devices"] == 8
    # Sums in another order, a step after the other, each of which begins where the last one ended.
    np.testing.assert_allclose(outcome.result["losses"], alone, rtol=1e-2)


def test_two_processes_have_the_same_loss_curve(alone: list[float]) -> None:
    """Of two devices each."""
    outcomes = run(2, STEPS, devices=2, flags=QUICK)
    for outcome in outcomes:
        assert outcome.status == 0, outcome.errors
        assert (outcome.result["processes"], outcome.result["devices"]) == (2, 4)
        np.testing.assert_allclose(outcome.result["losses"], alone, rtol=1e-2)


@pytest.mark.parametrize("killed", [0, 1])
def test_a_process_that_is_killed_is_missed_by_the_other(killed: int) -> None:
    """Whichever it is: the first one also holds what the others meet by."""
    began = time.monotonic()
    outcomes = run(2, 10_000, kill=(killed, 3), limit=100, flags=QUICK)
    lost, left = outcomes[killed], outcomes[1 - killed]
    assert lost.status == -9
    assert left.status == LOST, left.errors
    said = f"process {1 - killed}: lost another process at step"
    assert said in left.errors
    assert "Start all of them again" in left.errors
    assert 3 <= len(left.steps) < 10_000
    assert time.monotonic() - began < 100


def test_a_run_that_takes_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError, match="process 0 of 2 did not end within 3 s"):
        run(2, 10_000_000, limit=3)
