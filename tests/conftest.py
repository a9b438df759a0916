"""All tests run with 64-bit dtypes on, so that float64 is what it says; torch takes one thread.

With CONVGRAD_RULE=off in the environment the convolutions take JAX's own CPU lowering.
"""

import os
from contextlib import ExitStack
from pathlib import Path

import jax
import pytest
import torch

import conv

jax.config.update("jax_enable_x64", True)
torch.set_num_threads(1)
torch.manual_seed(0)

OPTIMISED = [Path(__file__).parent / folder for folder in ("compare", "conv/cpu")]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The lecture, and what is about speed, are compiled as users compile."""
    for item in items:
        if item.path.parent in OPTIMISED:
            item.add_marker(pytest.mark.optimised)


_session = ExitStack()
if os.environ.get("CONVGRAD_RULE") == "off":
    _session.enter_context(conv.accelerate(False))


def pytest_unconfigure() -> None:
    """Leave what was entered, while the modules that it needs are still there."""
    _session.close()
