"""The arguments that ``gradcheck`` and ``gradgradcheck`` refuse, as PyTorch's do."""

import jax
import jax.numpy as jnp
import pytest
import torch

import grad
from tests.support.functions import U

REFUSED = [
    ({"check_backward_ad": False}, "at least one of check_forward_ad or check_backward_ad"),
    (
        {"check_backward_ad": False, "check_forward_ad": True, "check_batched_grad": True},
        "check_batched_grad=True requires check_backward_ad",
    ),
    ({"check_batched_forward_grad": True}, "check_batched_forward_grad=True requires"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_refuses_options_as_torch(options, words):
    with pytest.raises(AssertionError, match=words):
        torch.autograd.gradcheck(torch.sin, torch.tensor(U, requires_grad=True), **options)
    with pytest.raises(ValueError, match=words):
        grad.gradcheck(jnp.sin, jnp.asarray(U), **options)


def test_refuses_second_order_options_as_torch():
    t, x = torch.tensor(U, requires_grad=True), jnp.asarray(U)
    for options, words in (
        ({"check_rev_over_rev": False}, "at least one of check_fwd_over_rev"),
        ({"check_rev_over_rev": False, "check_fwd_over_rev": True}, "check_undefined_grad=True"),
        (
            {
                "check_rev_over_rev": False,
                "check_fwd_over_rev": True,
                "check_undefined_grad": False,
                "check_batched_grad": True,
            },
            "check_batched_grad=True requires",
        ),
    ):
        with pytest.raises(AssertionError, match=words):
            torch.autograd.gradgradcheck(torch.sin, t, **options)
        with pytest.raises(ValueError, match=words):
            grad.gradgradcheck(jnp.sin, x, **options)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: grad.gradcheck(jnp.sin, jnp.arange(3)), ValueError, "at least one input tensor"),
        (lambda: grad.gradcheck(lambda x: jnp.ones(1), 3.0), ValueError, "at least one input"),
        (lambda: grad.gradcheck(lambda x: 3.0, jnp.asarray(U)), TypeError, "outputs of the user"),
        (lambda: grad.gradcheck(3, jnp.asarray(U)), TypeError, "func must be a function"),
        (
            lambda: jax.jit(lambda x: grad.gradcheck(jnp.sin, x))(U),
            TypeError,
            "inputs must be concrete",
        ),
        (
            lambda: grad.gradgradcheck(jnp.sin, jnp.asarray(U), jnp.ones(2)),
            RuntimeError,
            r"Mismatch in shape: grad_output\[0\]",
        ),
        (
            lambda: grad.gradgradcheck(jnp.sin, jnp.asarray(U), (jnp.ones(3), jnp.ones(3))),
            RuntimeError,
            "got 1 tensors and 2 gradients",
        ),
        (
            lambda: grad.gradgradcheck(jnp.sin, jnp.asarray(U), (None,)),
            TypeError,
            "grad_outputs given to gradgradcheck",
        ),
        (lambda: grad.gradgradcheck(jnp.argmax, jnp.asarray(U)), ValueError, "no output does"),
        (
            lambda: grad.gradcheck(lambda x: x[: int(x[0] > 0.5) + 1], jnp.asarray(U)),
            ValueError,
            "outputs with the same shape",
        ),
    ],
)
def test_refuses(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_no_input_requires_grad_in_torch():
    with pytest.raises(ValueError, match="gradcheck expects at least one input tensor to require"):
        torch.autograd.gradcheck(torch.sin, torch.tensor(U))
