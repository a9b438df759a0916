"""Methods of a Function that are no staticmethods: what PyTorch runs, on both sides."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest
import torch

import grad
from tests.support.agree import assert_same, draw, to_torch
from tests.support.function_library import JAX, TORCH, Library


def of_class(lib: Library) -> Any:
    class OfClass(lib.Function):
        scale = 3.0

        @classmethod
        def forward(cls, ctx, x, power=2):
            ctx.save_for_backward(x)
            ctx.power = power
            return cls.raised(x, power)

        @classmethod
        def raised(cls, x, power):
            return cls.scale * x**power

        @classmethod
        def backward(cls, ctx, g):
            (x,) = ctx.saved_tensors
            return g * ctx.power * cls.raised(x, ctx.power - 1), None

    return OfClass


def inherited(lib: Library) -> Any:
    class Inherited(of_class(lib)):
        """The parents' methods see what the child defines."""

        scale = 5.0

        @classmethod
        def raised(cls, x, power):
            return super().raised(x, power) / 2

    return Inherited


def in_two_parts(lib: Library) -> Any:
    class InTwoParts(lib.Function):
        @classmethod
        def forward(cls, x, power=2):
            return x**power

        @classmethod
        def setup_context(cls, ctx, inputs, output):
            ctx.save_for_backward(inputs[0])
            ctx.power = inputs[1]

        @classmethod
        def backward(cls, ctx, g):
            (x,) = ctx.saved_tensors
            return g * ctx.power * x ** (ctx.power - 1), None

        @classmethod
        def vmap(cls, info, in_dims, x, power):
            return cls.apply(x, power), in_dims[0]

    return InTwoParts


def forgotten(lib: Library) -> Any:
    class Forgotten(lib.Function):
        """Old code: self is the ctx."""

        def forward(self, x, power=2):
            self.save_for_backward(x)
            self.power = power
            return x**power

        def backward(self, g):
            (x,) = self.saved_tensors
            return g * self.power * x ** (self.power - 1), None

    return Forgotten


def other_callables(lib: Library) -> Any:
    class Power:
        def __call__(self, ctx, x, power=2):
            ctx.save_for_backward(x)
            ctx.power = power
            return x**power

    def backward(scale, ctx, g):
        (x,) = ctx.saved_tensors
        return scale * g * ctx.power * x ** (ctx.power - 1), None

    class OtherCallables(lib.Function):
        pass

    OtherCallables.forward = Power()
    OtherCallables.backward = functools.partial(backward, 2.0)
    return OtherCallables


KINDS = [of_class, inherited, in_two_parts, forgotten, other_callables]
X = draw(0, (2, 3))


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("power", [(), (3,)])
def test_value_and_derivatives(
    make: Callable[[Library], Any], dtype: str, power: tuple[int, ...]
) -> None:
    x = draw(0, (2, 3), dtype)
    ours, theirs = make(JAX).apply, make(TORCH).apply
    t = to_torch(x, requires_grad=True)
    value = theirs(t, *power)
    (first,) = torch.autograd.grad(value, t, torch.ones_like(t), create_graph=True)
    (second,) = torch.autograd.grad(first, t, torch.ones_like(t))
    one = jnp.ones_like(x)

    def gradient(x: Any) -> Any:
        y, pull = jax.vjp(lambda x: ours(x, *power), x)
        return pull(one)[0], y

    def twice(x: Any) -> Any:
        return jax.vjp(lambda x: gradient(x)[0], x)[1](one)[0]

    for transform in (lambda f: f, jax.jit):
        found, y = transform(gradient)(x)
        assert_same(y, value.detach())
        assert_same(found.conj(), first.detach(), "gradient")
        assert_same(transform(twice)(x).conj(), second, "second")
    mapped, _ = jax.vmap(lambda x: jax.vjp(lambda x: ours(x, *power), x))(x)
    assert_same(mapped, value.detach(), "under vmap")


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_forward_mode_and_keywords(make: Callable[[Library], Any]) -> None:
    """By backward transposed; in_two_parts takes the argument by name."""
    _, right = torch.autograd.functional.jvp(make(TORCH).apply, to_torch(X), to_torch(X))
    _, moved = grad.jvp(make(JAX).apply, jnp.asarray(X), jnp.asarray(X))
    assert_same(moved, right)
    named = make(JAX).apply(jnp.asarray(X), power=3)
    assert_same(named, make(TORCH).apply(to_torch(X), 3))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # PyTorch's own use
def test_jvp_and_once_differentiable() -> None:
    def make(lib: Library) -> Any:
        class Square(lib.Function):
            factor = 2.0

            @classmethod
            def forward(cls, x):
                return cls.factor * x**2

            @classmethod
            def setup_context(cls, ctx, inputs, output):
                ctx.save_for_backward(*inputs)
                ctx.save_for_forward(*inputs)

            @classmethod
            @lib.once_differentiable
            def backward(cls, ctx, g):
                return cls.factor * 2 * g * ctx.saved_tensors[0]

            @classmethod
            def jvp(cls, ctx, t):
                return cls.factor * 7 * t * ctx.saved_tensors[0]

        return Square

    x = jnp.asarray(X)
    right = torch.func.jvp(make(TORCH).apply, (to_torch(X),), (to_torch(X),))[1]
    assert_same(jax.jit(lambda x: jax.jvp(make(JAX).apply, (x,), (x,))[1])(x), right)
    t = to_torch(X, requires_grad=True)
    (first,) = torch.autograd.grad((make(TORCH).apply(t) ** 2).sum(), t, create_graph=True)
    gradient = jax.grad(lambda x: (make(JAX).apply(x) ** 2).sum())
    assert_same(gradient(x), first.detach())
    with pytest.raises(RuntimeError, match="trying to differentiate twice"):
        first.sum().backward()
    with pytest.raises(RuntimeError, match="Square: trying to differentiate twice"):
        jax.grad(lambda x: gradient(x).sum())(x)


def test_a_classmethod_that_closes_over_a_tracer_is_refused() -> None:
    def outer(scale: Any) -> Any:
        class Scale(JAX.Function):
            @classmethod
            def forward(cls, ctx, x):
                return scale * x

            backward = functools.partial(lambda scale, ctx, g: scale * g, 2.0)

        return Scale.apply(jnp.asarray(X)).sum()

    with pytest.raises(jax.errors.UnexpectedTracerError, match=r"Scale.forward uses scale of"):
        jax.grad(outer)(2.0)
