"""Function at points that are no arrays of JAX's: NumPy's, and Python's numbers, beside PyTorch."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from custom_vjp import Function, functional
from tests.support.agree import assert_same, to_torch


class WithoutFirst(Function):
    """Squares all but the first element, with methods that only JAX's arrays have."""

    @staticmethod
    def forward(ctx, x):
        assert isinstance(x, jax.Array)
        ctx.save_for_backward(x)
        ctx.shape = x.shape
        return (x**2).ravel().at[0].set(0).reshape(x.shape)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        assert isinstance(x, jax.Array)
        assert isinstance(g, jax.Array)
        assert x.shape == ctx.shape
        return (2 * g * x.conj()).ravel().at[0].set(0).reshape(x.shape)


class InTwoParts(Function):
    """The same, with a jvp."""

    @staticmethod
    def forward(x):
        assert isinstance(x, jax.Array)
        return (x**2).ravel().at[0].set(0).reshape(x.shape)

    setup_context = staticmethod(lambda ctx, inputs, output: ctx.save_for_backward(*inputs))

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return (2 * g * x.conj()).ravel().at[0].set(0).reshape(x.shape)

    @staticmethod
    def jvp(ctx, t):
        (x,) = ctx.saved_tensors
        assert isinstance(x, jax.Array)
        assert isinstance(t, jax.Array)
        return (2 * t * x).ravel().at[0].set(0).reshape(x.shape)


class Twin(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        y = (x**2).ravel()
        y[0] = 0
        return y.reshape(x.shape)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        inner = torch.ones(x.numel(), dtype=x.dtype)
        inner[0] = 0
        return 2 * g * x.conj() * inner.reshape(x.shape)


POINTS = {
    "float64 array": np.array([[0.5, -1.5], [2.0, 0.25]]),
    "float32 array": np.array([0.5, -1.5], "float32"),
    "float16 array": np.array([0.5, -1.5], "float16"),
    "complex array": np.array([0.5j, 2 - 1.5j]),
    "scalar of NumPy": np.float32(1.5),
    "array without dimensions": np.array(1.5),
    "number": 1.5,
    "complex number": 1.5 - 2j,
}


@pytest.mark.parametrize("function", [WithoutFirst, InTwoParts])
@pytest.mark.parametrize("x", POINTS.values(), ids=POINTS)
def test_first_and_second_derivatives(function: Any, x: Any) -> None:
    t = to_torch(np.asarray(x), requires_grad=True)
    value = Twin.apply(t)
    (first,) = torch.autograd.grad(value.abs().square().sum(), t, create_graph=True)
    (second,) = torch.autograd.grad(first.abs().square().sum(), t)

    def loss(x: Any) -> Any:
        y = function.apply(x)
        return (y.real**2 + y.imag**2).sum(), y

    def energy(x: Any) -> Any:
        g = jax.grad(loss, has_aux=True)(x)[0]
        return (g.real**2 + g.imag**2).sum()

    for transform in (lambda f: f, jax.checkpoint, jax.jit):
        ours, y = jax.grad(transform(loss), has_aux=True)(x)
        assert_same(y, value.detach())
        assert_same(ours.conj(), first.detach(), "gradient")
        # Two bytes are rounded in another order, three times.
        assert_same(jax.grad(transform(energy))(x).conj(), second, "second", 4)
    _, pull = jax.vjp(function.apply, x)
    (back,) = torch.autograd.grad(Twin.apply(t), t, torch.ones_like(t))
    assert_same(pull(jnp.ones_like(x))[0].conj(), back, "pulled back")


@pytest.mark.parametrize("function", [WithoutFirst, InTwoParts])
@pytest.mark.parametrize("x", POINTS.values(), ids=POINTS)
def test_forward_mode(function: Any, x: Any) -> None:
    """A tangent that is no array of JAX's either."""
    t = to_torch(np.asarray(x), requires_grad=True)
    (right,) = torch.autograd.grad(Twin.apply(t), t, torch.ones_like(t))
    moved = [
        jax.jvp(function.apply, (x,), (x * 0 + 1,))[1],
        jax.linearize(function.apply, x)[1](x * 0 + 1),
        jax.jit(lambda x, d: jax.jvp(function.apply, (x,), (d,))[1])(x, x * 0 + 1),
    ]
    for tangent in moved:
        assert_same(tangent.conj(), right)


def test_beside_what_is_differentiated() -> None:
    """NumPy's arrays and scalars that stand as constants, in a tree too."""

    class Scale(Function):
        @staticmethod
        def forward(ctx, x, by):
            assert all(isinstance(b, jax.Array) for b in jax.tree.leaves(by))
            ctx.save_for_backward(by["one"], by["all"])
            return x * by["one"] * by["all"].at[0].set(3)

        @staticmethod
        def backward(ctx, g):
            one, every = ctx.saved_tensors
            return g * one * every.at[0].set(3), None

    by = {"one": np.float64(2), "all": np.array([1.0, 2.0])}
    for transform in (lambda f: f, jax.jit, jax.vmap):
        gradient = transform(jax.grad(lambda x: Scale.apply(x, by).sum()))
        x = np.ones((1, 2)) if transform is jax.vmap else np.ones(2)
        np.testing.assert_array_equal(gradient(x).reshape(2), [6.0, 4.0])


@pytest.mark.parametrize(
    ("function", "twin"),
    [
        (functional.relu, torch.relu),
        (functional.abs, torch.abs),
        (lambda x: functional.pow(x, 2), lambda x: torch.pow(x, 2)),
        (lambda x: functional.clamp(x, -1, 1), lambda x: torch.clamp(x, -1, 1)),
        (lambda x: functional.maximum(x, 1), lambda x: torch.maximum(x, torch.tensor(1))),
    ],
)
def test_functions_of_numbers_under_vjp(function: Callable[..., Any], twin: Any) -> None:
    """JAX hands integers on in a wrapper of its own, undifferentiated."""
    for x in (2, -3, np.int32(2), np.array([2, -3])):
        value, _ = jax.vjp(lambda x: (function(x), jnp.asarray(1.0)), x)
        np.testing.assert_array_equal(value[0], twin(torch.tensor(x)).numpy())
