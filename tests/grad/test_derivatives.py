"""The six functions of ``torch.autograd.functional`` next to PyTorch's, on one table."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import grad
from tests.support.functions import FUNCTIONS, to, vector_like

# name -> (function, what v is shaped after, options)
CALLS = {
    "vjp": ("vjp", "outputs", {}),
    "vjp, no v": ("vjp", None, {}),
    "jvp": ("jvp", "inputs", {}),
    "jvp, no v": ("jvp", None, {}),
    "vhp": ("vhp", "inputs", {}),
    "vhp, no v": ("vhp", None, {}),
    "hvp": ("hvp", "inputs", {}),
    "hvp, no v": ("hvp", None, {}),
    "jacobian": ("jacobian", None, {}),
    "jacobian, vectorized": ("jacobian", None, {"vectorize": True}),
    "jacobian, forward": ("jacobian", None, {"vectorize": True, "strategy": "forward-mode"}),
    "hessian": ("hessian", None, {}),
    "hessian, vectorized": ("hessian", None, {"vectorize": True}),
    "hessian, forward": (
        "hessian",
        None,
        {"vectorize": True, "outer_jacobian_strategy": "forward-mode"},
    ),
}
STRICT = {
    f"{name}, strict{', create_graph' if create else ''}": (
        name,
        {"vjp": "outputs", "jvp": "inputs", "vhp": "inputs", "hvp": "inputs"}.get(name),
        {"strict": True, "create_graph": create},
    )
    for name in ("vjp", "jvp", "vhp", "hvp", "jacobian", "hessian")
    for create in (False, True)
}


def same(ours, theirs, where):
    """Compare nested tuples of arrays: structure, shape, dtype and value."""
    if isinstance(theirs, tuple | list):  # PyTorch's forward mode leaks its lists
        assert isinstance(ours, tuple), where
        assert len(ours) == len(theirs), where
        for a, b in zip(ours, theirs, strict=True):
            same(a, b, where)
        return
    theirs = theirs.detach().resolve_conj().numpy()
    assert ours.shape == theirs.shape, where
    assert ours.dtype == theirs.dtype, where
    # Double precision; two derivatives of a few operations each.
    np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12, err_msg=where)


def torch_call(make, inputs, name, shaped, options):
    """The result of PyTorch's function, and v; or the error that it raises."""
    func, tensors = make(torch), to("torch", inputs)
    v = None
    if shaped is not None:
        like = inputs
        if shaped == "outputs":
            outputs = func(*tensors) if isinstance(inputs, tuple) else func(tensors)
            like = jax.tree.map(lambda t: t.numpy(), outputs)
        v = vector_like(like)
    arguments = () if v is None else (to("torch", v),)
    try:
        return getattr(torch.autograd.functional, name)(func, tensors, *arguments, **options), v
    except RuntimeError as error:
        return error, v


def plain(message):
    """A message of PyTorch as this package writes it: without module, as far as it is the same."""
    return str(message).split("\n")[0].replace("torch.", "").replace("autograd.functional.", "")


def check(label, calls):
    make, inputs = FUNCTIONS[label]
    expected = {key: torch_call(make, inputs, *call) for key, call in calls.items()}
    arrays = to("jax", inputs)

    def run(key, arrays):
        name, _, options = calls[key]
        v = expected[key][1]
        arguments = () if v is None else (to("jax", v),)
        return getattr(grad, name)(make(jnp), arrays, *arguments, **options)

    refused = {key for key, (result, _) in expected.items() if isinstance(result, RuntimeError)}
    accepted = [key for key in calls if key not in refused]
    found = jax.jit(lambda arrays: {key: run(key, arrays) for key in accepted})(arrays)
    for key in accepted:
        same(found[key], expected[key][0], f"{key} of {label}")
    for key in refused:
        words = plain(expected[key][0]).rstrip(".")
        if "INTERNAL ASSERT FAILED" in words:  # PyTorch's forward mode crashes on conjugate views
            continue
        with pytest.raises(RuntimeError) as caught:
            run(key, arrays)
        assert str(caught.value).lower().startswith(words.lower()), (key, words)


# PyTorch's own forward mode warns of its own torch.jit.script.
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("label", FUNCTIONS)
def test_agrees_with_torch(label):
    check(label, CALLS)


# The determinant of a 2 x 2 matrix is a polynomial of second degree in JAX, and so its Hessian
# constant; PyTorch factorises, and its Hessian is a constant that is computed from the input.
@pytest.mark.parametrize("label", [label for label in FUNCTIONS if label != "determinant"])
def test_strict_mode_agrees_with_torch(label):
    check(label, STRICT)
