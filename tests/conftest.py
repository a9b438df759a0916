"""All tests run with 64-bit dtypes on, so that float64 is what it says; torch takes one thread.

With CONVGRAD_RULE=off in the environment the convolutions take JAX's own CPU lowering. With
CONVGRAD_QUICK=on XLA compiles without optimisation: the sweeps compile thousands of small programs
that are run once each, which takes a tenth of the time so.
"""

import os
from contextlib import ExitStack
from pathlib import Path

import jax
import pytest
import torch

import conv
from tests.support.compiling import FAST, as_flags
from tests.support.sweeps import thin

if os.environ.get("CONVGRAD_QUICK") == "on":  # read when the first program is compiled
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {as_flags(FAST)}"

jax.config.update("jax_enable_x64", True)
torch.set_num_threads(1)
torch.manual_seed(0)

OPTIMISED = [Path(__file__).parent / folder for folder in ("compare", "conv/lowering")]


@pytest.hookimpl(tryfirst=True)  # before `-m "not long"` is read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The lecture, and what is about speed, are compiled as users compile; sweeps are thinned."""
    thin(items)
    for item in items:
        if item.path.parent in OPTIMISED:
            item.add_marker(pytest.mark.optimised)


_session = ExitStack()
if os.environ.get("CONVGRAD_RULE") == "off":
    _session.enter_context(conv.accelerate(False))


def pytest_unconfigure() -> None:
    """Leave what was entered, while the modules that it needs are still there."""
    _session.close()
