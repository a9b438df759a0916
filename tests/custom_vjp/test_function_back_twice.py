"""grad's products with Jacobians and Hessians where a backward is not linear, beside PyTorch's.

PyTorch goes back twice, at a gradient of 0, and so answers where no forward mode is.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import grad
from custom_vjp import Function
from tests.support import function_notes as notes
from tests.support.agree import assert_same, draw, to_torch
from tests.support.function_library import JAX, TORCH, Library


def bending(bend: Callable[[Any, Any], Any]) -> Callable[[Library], Any]:
    """A cube whose backward bends the gradient that it is given."""

    def make(lib: Library) -> Any:
        class Bend(lib.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return 3 * bend(lib.xp, g) * x**2

        return Bend

    return make


def of_two(lib: Library) -> Any:
    class Product(lib.Function):
        """Two inputs and two outputs, the gradients of which are multiplied."""

        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y, x + y

        @staticmethod
        def backward(ctx, g, h):
            x, y = ctx.saved_tensors
            return lib.xp.tanh(g) * y + h + g * h, lib.xp.tanh(g) * x + h

    return Product


# The function, and what it is applied to inside of another.
KINDS = {
    "clamp": bending(lambda xp, g: xp.clip(g, -0.5, 0.5)),
    "tanh": bending(lambda xp, g: xp.tanh(g)),
    "square": bending(lambda xp, g: g**2),
    "shift": bending(lambda xp, g: g + 1),
    "quotient": bending(lambda xp, g: g / (1 + (g**2).sum())),
}
X, V = draw(0, (3,)), draw(1, (3,))


def around(lib: Library, function: Any, x: Any) -> Any:
    return lib.xp.sin(function(2 * x)) + function(x) * x


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_products(make: Any, dtype: str) -> None:
    x, v = X.astype(dtype), V.astype(dtype)
    ours, theirs = (
        lambda x: around(JAX, make(JAX).apply, x),
        lambda x: around(TORCH, make(TORCH).apply, x),
    )
    functional = torch.autograd.functional
    _, right = functional.jvp(theirs, to_torch(x), to_torch(v))
    expected = {
        name: getattr(functional, name)(lambda x: theirs(x).sum(), to_torch(x), to_torch(v))[1]
        for name in ("hvp", "vhp")
    }
    for wrap in (lambda f: f, jax.jit):
        assert_same(wrap(lambda x: grad.jvp(ours, x, v)[1])(x), right, "jvp")
        for name, product in expected.items():
            found = wrap(lambda x, name=name: getattr(grad, name)(lambda x: ours(x).sum(), x, v))
            assert_same(found(x)[1], product, name)
    mapped = jax.vmap(lambda x, v: grad.hvp(lambda x: ours(x).sum(), x, v)[1])
    assert_same(mapped(x[None], v[None])[0], expected["hvp"], "hvp under vmap")
    hessian = functional.hessian(lambda x: theirs(x).sum(), to_torch(x))
    assert_same(grad.hessian(lambda x: ours(x).sum(), x), hessian, "hessian")


def test_the_clamp_of_a_gradient() -> None:
    """v, and 2 v, for a clamp with a gradient of its own."""
    x, v = jnp.asarray([2.0, -0.25]), jnp.asarray([1.0, 3.0])
    clip = notes.clip_gradient
    t, w = to_torch(x), to_torch(v)
    for name, after in (("jvp", lambda y: y), ("hvp", lambda y: (y**2).sum())):
        right = getattr(torch.autograd.functional, name)(
            lambda x, after=after: after(clip(TORCH).apply(x, 100.0)), t, w
        )[1]
        found = getattr(grad, name)(lambda x, after=after: after(clip(JAX).apply(x, 100.0)), x, v)
        assert_same(found[1], right)


def test_several_inputs_and_outputs() -> None:
    x, y, v, w = (draw(i, (3,)) for i in range(4))
    functional = torch.autograd.functional
    tensors, moved = (to_torch(x), to_torch(y)), (to_torch(v), to_torch(w))
    right = functional.jvp(of_two(TORCH).apply, tensors, moved)[1]
    found = grad.jvp(of_two(JAX).apply, (x, y), (v, w))[1]
    for mine, theirs in zip(found, right, strict=True):
        assert_same(mine, theirs)

    def loss(apply: Any) -> Any:
        return lambda x, y: sum((out**2).sum() for out in apply(x, y))

    right = functional.hvp(loss(of_two(TORCH).apply), tensors, moved)[1]
    found = jax.jit(lambda x, y: grad.hvp(loss(of_two(JAX).apply), (x, y), (v, w))[1])(x, y)
    for mine, theirs in zip(found, right, strict=True):
        assert_same(mine, theirs)


def test_inside_loops() -> None:
    make = KINDS["tanh"]

    def ours(x: Any) -> Any:
        step = lambda c, _: (make(JAX).apply(c) * 0.5, None)  # noqa: E731
        return jax.lax.scan(step, x, None, length=3)[0]

    def theirs(x: Any) -> Any:
        for _ in range(3):
            x = make(TORCH).apply(x) * 0.5
        return x

    right = torch.autograd.functional.jvp(theirs, to_torch(X), to_torch(V))[1]
    assert_same(grad.jvp(ours, jnp.asarray(X), V)[1], right)
    right = torch.autograd.functional.hvp(lambda x: theirs(x).sum(), to_torch(X), to_torch(V))[1]
    assert_same(grad.hvp(lambda x: ours(x).sum(), jnp.asarray(X), V)[1], right)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # PyTorch's own use
def test_forward_mode_itself_is_refused() -> None:
    """By JAX's transformations, and by the strategy of that name, as in PyTorch."""
    ours, theirs = (KINDS["tanh"](lib).apply for lib in (JAX, TORCH))
    x = jnp.asarray(X)
    forward = {"strategy": "forward-mode", "vectorize": True}
    with pytest.raises(RuntimeError, match="jvp"):
        torch.autograd.functional.jacobian(theirs, to_torch(X), **forward)
    for call in (
        lambda: grad.jacobian(ours, x, **forward),
        lambda: jax.jvp(ours, (x,), (x,)),
        lambda: jax.jacfwd(ours)(x),
    ):
        with pytest.raises(TypeError, match=r"Bend: forward mode needs jvp\(.*grad.jvp and grad.h"):
            call()


def test_a_backward_of_values_has_no_second_pass() -> None:
    class Values(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return jnp.asarray(np.tanh(np.asarray(g)))

    with pytest.raises(TypeError, match=r"Values\.backward cannot be differentiated"):
        grad.jvp(Values.apply, jnp.asarray(X), jnp.asarray(V))
