"""The examples on the page of custom_vjp run, and say what they print."""

import doctest
from pathlib import Path

import jax

README = Path(__file__).parents[2] / "custom_vjp" / "README.md"


def test_examples() -> None:
    """As a user has it: without 64-bit dtypes."""
    with jax.enable_x64(False):
        failures, examples = doctest.testfile(str(README), module_relative=False)
    assert examples >= 10
    assert failures == 0
