"""What the six functions refuse, with PyTorch's words where PyTorch has words."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import grad
from tests.support.functions import U, W, X, Z, to

FORWARD = {"strategy": "forward-mode"}
OUTER = {"outer_jacobian_strategy": "forward-mode"}


def total(m):
    return lambda x: m.sum(x * x)


# label -> (function, make, inputs, further arguments, options)
AS_TORCH = {
    "jvp, v missing": ("jvp", lambda m: m.sin, U, (), {}),
    "jvp, v missing for two": ("jvp", lambda m: lambda x, y: x * y, (U, U), (), {}),
    "jvp, v too long": ("jvp", lambda m: m.sin, U, ((U, U),), {}),
    "jvp, v too short": ("jvp", lambda m: lambda x, y: x * y, (U, U), (U,), {}),
    "jvp, integer out": ("jvp", lambda m: m.argmax, U, (U,), {}),
    "jvp, complex v": ("jvp", lambda m: m.sin, X, (Z,), {}),
    "vhp, v missing": ("vhp", total, U, (), {}),
    "vhp, v too long": ("vhp", total, U, ((U, U),), {}),
    "vhp, not scalar": ("vhp", lambda m: m.sin, U, (U,), {}),
    "vhp, tuple": ("vhp", lambda m: lambda x: (m.sum(x),), U, (U,), {}),
    "vhp, complex out": ("vhp", lambda m: lambda x: m.sum(x) * 1j, U, (U,), {}),
    "vhp, complex v": ("vhp", total, X, (Z,), {}),
    "hvp, v missing": ("hvp", total, U, (), {}),
    "hvp, v too long": ("hvp", total, U, ((U, U),), {}),
    "hvp, not scalar": ("hvp", lambda m: m.sin, U, (U,), {}),
    "hvp, two out": ("hvp", lambda m: lambda x: (m.sum(x), m.sum(x)), U, (U,), {}),
    "hessian, not scalar": ("hessian", lambda m: m.sin, U, (), {}),
    "hessian, tuple": ("hessian", lambda m: lambda x: (m.sum(x),), U, (), {}),
    "hessian, complex in": ("hessian", lambda m: lambda z: m.sum(m.abs(z) ** 2), Z, (), {}),
    "jacobian, complex out": ("jacobian", lambda m: lambda z: z * z, Z, (), {}),
    "jacobian, forward": ("jacobian", lambda m: m.sin, U, (), FORWARD),
    "jacobian, forward, graph": (
        "jacobian",
        lambda m: m.sin,
        U,
        (),
        {**FORWARD, "vectorize": True, "create_graph": True},
    ),
    "jacobian, forward, strict": (
        "jacobian",
        lambda m: m.sin,
        U,
        (),
        {**FORWARD, "vectorize": True, "strict": True},
    ),
    "jacobian, vectorize, strict": (
        "jacobian",
        lambda m: m.sin,
        U,
        (),
        {"vectorize": True, "strict": True},
    ),
    "hessian, forward": ("hessian", total, U, (), OUTER),
    "hessian, forward, graph": (
        "hessian",
        total,
        U,
        (),
        {**OUTER, "vectorize": True, "create_graph": True},
    ),
    "hessian, forward, strict": (
        "hessian",
        total,
        U,
        (),
        {**OUTER, "vectorize": True, "strict": True},
    ),
    "hessian, vectorize, strict": (
        "hessian",
        lambda m: lambda x: m.sum(x**3),
        U,
        (),
        {"vectorize": True, "strict": True},
    ),
}


def said(call):
    with pytest.raises((RuntimeError, TypeError)) as info:
        call()
    return info.type, str(info.value)


def letters(text):
    """The words without punctuation, modules and PyTorch's misprints in this place."""
    text = text.replace("torch.autograd.functional.", "").replace("torch.", "")
    text = text.replace("Hessian isonly", "Hessian is only").replace("vectorized=", "vectorize=")
    return "".join(c for c in text.lower() if c.isalnum())


@pytest.mark.parametrize("label", AS_TORCH)
def test_refuses_as_torch(label):
    name, make, inputs, more, options = AS_TORCH[label]
    kind, words = said(
        lambda: getattr(torch.autograd.functional, name)(
            make(torch), to("torch", inputs), *to("torch", more), **options
        )
    )
    arrays, more = to("jax", inputs), to("jax", more)
    for wrap in (lambda f: f, jax.jit):
        call = wrap(lambda x: getattr(grad, name)(make(jnp), x, *more, **options))
        ours, found = said(lambda call=call: call(arrays))
        assert ours is kind
        first = words.split("Mismatch in dtype")[0]  # then an index that torch counts otherwise
        assert letters(found).startswith(letters(first))


def test_shapes_of_v():
    one, two = jnp.asarray(U), (jnp.asarray(U), jnp.asarray(W))
    for name in ("jvp", "vhp", "hvp"):
        call = getattr(grad, name)
        with pytest.raises(
            RuntimeError, match=r"^v has invalid size: should be \(3,\) but got \(2"
        ):
            call(lambda x: jnp.sum(x * x), one, jnp.ones(2))
        with pytest.raises(RuntimeError, match=r"Entry 1 in v has invalid size: should be \(3,\)"):
            call(lambda x, y: jnp.sum(x * y), two, (jnp.ones(3), jnp.ones((3, 1))))
        with pytest.raises(RuntimeError, match="v has invalid structure"):
            call(lambda p: jnp.sum(p["a"] * p["b"]), {"a": one, "b": one}, two)
        theirs = getattr(torch.autograd.functional, name)
        with pytest.raises(RuntimeError, match="v has invalid size"):
            theirs(lambda x: (x * x).sum(), torch.tensor(U), torch.ones(2))


@pytest.mark.parametrize("name", ["vjp", "jvp", "vhp", "hvp", "jacobian", "hessian"])
def test_what_is_no_array(name):
    ours, theirs = getattr(grad, name), getattr(torch.autograd.functional, name)
    for call in (
        lambda: ours(jnp.sum, 3.0),
        lambda: theirs(torch.sum, 3.0),
        lambda: ours(jnp.sum, None),
    ):
        with pytest.raises(TypeError, match=f"The inputs given to {name} must be either"):
            call()
    arrays, tensors = (jnp.asarray(U), 3.0), (torch.tensor(U), 3.0)
    for call in (lambda: ours(jnp.add, arrays), lambda: theirs(torch.add, tensors)):
        with pytest.raises(TypeError, match="the value at index 1 has type <class 'float'>"):
            call()
    x, t = jnp.ones(()), torch.ones(())
    for call in (lambda: ours(lambda x: 3.0, x), lambda: theirs(lambda x: 3.0, t)):
        with pytest.raises(TypeError, match=f"user-provided function given to {name} must be"):
            call()
    if name not in ("jacobian", "hessian"):
        for call in (lambda: ours(jnp.sin, x, 1.0), lambda: theirs(torch.sin, t, 1.0)):
            with pytest.raises(TypeError, match=f"The v given to {name} must be either"):
                call()
    for call in (
        lambda: ours(jnp.sum, jnp.arange(3)),
        lambda: theirs(torch.sum, torch.arange(3)),
    ):
        with pytest.raises(RuntimeError, match="only Tensors of floating point"):
            call()


def test_strategies_of_another_name():
    t, x = torch.tensor(U), jnp.asarray(U)
    words = 'Expected strategy to be either "forward-mode" or "reverse-mode"'
    for name, option in (("jacobian", "strategy"), ("hessian", "outer_jacobian_strategy")):
        with pytest.raises(AssertionError, match=words):
            getattr(torch.autograd.functional, name)(torch.sum, t, **{option: "sideways"})
        with pytest.raises(ValueError, match=f"{words}.*sideways"):
            getattr(grad, name)(jnp.sum, x, **{option: "sideways"})


def test_v_is_cast_as_in_torch():
    x, t = jnp.asarray(U), torch.tensor(U)
    narrow = np.array([1, 2, 3], "int32")
    for name in ("jvp", "vhp", "hvp"):
        _, found = getattr(grad, name)(lambda x: jnp.sum(x**3), x, jnp.asarray(narrow))
        _, expected = getattr(torch.autograd.functional, name)(
            lambda x: (x**3).sum(), t, torch.tensor(narrow)
        )
        assert found.dtype == expected.numpy().dtype
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-14)
