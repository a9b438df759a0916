"""``gradcheck`` and ``gradgradcheck`` pass what PyTorch's pass, on the shared table."""

import jax.numpy as jnp
import pytest
import torch

from tests.support.functions import FUNCTIONS, verdicts

# PyTorch's own forward mode warns of its own torch.jit.script.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")

ALL = {
    "check_forward_ad": True,
    "check_batched_grad": True,
    "check_batched_forward_grad": True,
    "check_grad_dtypes": True,
}

# Functions without an output that requires grad: PyTorch's own check of them raises at its end.
CHECKED = [name for name in FUNCTIONS if name not in ("constant", "only an integer out")]


@pytest.mark.parametrize("label", CHECKED)
def test_right_functions_pass_as_in_torch(label):
    make, inputs = FUNCTIONS[label]
    found, expected = verdicts("gradcheck", make(jnp), make(torch), inputs, **ALL)
    # PyTorch's forward mode crashes on conjugate views.
    assert expected is True or "INTERNAL ASSERT FAILED" in str(expected)
    assert found is True


SECOND = ["cubes", "two vectors", "of complex", "conjugate", "two out", "complex and real"]


@pytest.mark.parametrize("label", SECOND)
def test_second_derivatives_pass_as_in_torch(label):
    make, inputs = FUNCTIONS[label]
    options = {"check_fwd_over_rev": True, "check_batched_grad": True}
    found, expected = verdicts("gradgradcheck", make(jnp), make(torch), inputs, **options)
    assert expected is True
    assert found is True


@pytest.mark.parametrize("label", SECOND)
def test_fast_mode_passes_as_in_torch(label):
    make, inputs = FUNCTIONS[label]
    options = {"fast_mode": True, "check_forward_ad": True}
    found, expected = verdicts("gradcheck", make(jnp), make(torch), inputs, **options)
    assert expected is True
    assert found is True
