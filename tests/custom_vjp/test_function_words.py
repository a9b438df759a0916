"""What Function says to code that expects PyTorch: attributes of tensors, jvp, constants on ctx."""

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from custom_vjp import Function
from tests.support.agree import assert_same, draw, to_torch
from tests.support.function_library import JAX, TORCH, Library

X = jnp.asarray(draw(0, (3,)))

TRANSFORMS: dict[str, Callable[..., Any]] = {
    "plain": lambda f: f,
    "jit": jax.jit,
    "grad": lambda f: jax.grad(lambda x: f(x).sum()),
    "vmap": jax.vmap,
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (
            lambda x: x.requires_grad,
            "'requires_grad': ask ctx.needs_input_grad, which has one bool",
        ),
        (lambda x: x.grad_fn, "'grad_fn': ask ctx.needs_input_grad"),
        (lambda x: x.detach(), r"'detach': write jax.lax.stop_gradient\(x\), or grad.detach"),
        (lambda x: x.numel(), "'numel': write x.size"),
        (lambda x: x.new_zeros(3), r"'new_zeros': write jnp.zeros\(shape, x.dtype\)"),
        (lambda x: x.masked_fill(x > 0, 0), "'masked_fill': write jnp.where"),
        (lambda x: x.float(), r"'float': write x.astype\(dtype\)"),
        (lambda x: x.contiguous(), "'contiguous': leave it out"),
        (lambda x: x.mul_(2), r"'mul_': arrays do not change: write x = x.mul\(...\), or x = x.at"),
    ],
)
def test_attributes_that_only_tensors_have(ask: Any, words: str, transform: Any) -> None:
    class Asks(Function):
        @staticmethod
        def forward(ctx, x):
            ask(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(AttributeError, match=f"^Asks.forward: an array of JAX has no .*{words}"):
        transform(Asks.apply)(X)


def test_attributes_in_every_method() -> None:
    class Asks(Function):
        @staticmethod
        def forward(x):
            return x * 1

        @staticmethod
        def setup_context(ctx, inputs, output):
            if asks == "setup_context":
                _ = output.requires_grad

        @staticmethod
        def backward(ctx, g):
            return g.clone()

        @staticmethod
        def jvp(ctx, t):
            return t.unsqueeze(0)

        @staticmethod
        def vmap(info, in_dims, x):
            return x.permute(0, 1), 0

    asks = "setup_context"
    with pytest.raises(AttributeError, match=r"^Asks.setup_context: .*'requires_grad'"):
        Asks.apply(X)
    asks = ""
    with pytest.raises(AttributeError, match=r"clone"):  # what there is no advice for is as it was
        jax.jit(jax.grad(lambda x: Asks.apply(x).sum()))(X)
    with pytest.raises(AttributeError, match=r"^Asks.jvp: .*'unsqueeze': write jnp.expand_dims"):
        jax.jvp(Asks.apply, (X,), (X,))
    with pytest.raises(AttributeError, match=r"^Asks.vmap: .*'permute': write x.transpose"):
        jax.vmap(Asks.apply)(X[:, None])


def test_attributes_of_something_else_are_as_they_were() -> None:
    class Asks(Function):
        @staticmethod
        def forward(ctx, x, name):
            return x * len(name.requires_grad)

        @staticmethod
        def backward(ctx, g):
            return g * ctx.detach, None

    with pytest.raises(AttributeError, match=r"^'str' object has no attribute 'requires_grad'$"):
        Asks.apply(X, "name")


def pushing(returned: Callable[[Any], Any], count: int) -> Callable[[Library], Any]:
    def make(lib: Library) -> Any:
        class Push(lib.Function):
            @staticmethod
            def forward(x):
                return (x * 2, x * 3)[:count] if count > 1 else x * 2

            @staticmethod
            def setup_context(ctx, inputs, outputs):
                if count == 3:
                    ctx.mark_non_differentiable(outputs[1])

            @staticmethod
            def backward(ctx, *grads):
                return grads[0]

            @staticmethod
            def jvp(ctx, t):
                return returned(t)

        return Push

    return make


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # PyTorch's own use
@pytest.mark.parametrize(
    ("returned", "count", "error", "words"),
    [
        (lambda t: None, 1, TypeError, r"Push.jvp returned None for output 0: return its tangent"),
        (lambda t: (None,), 1, TypeError, r"Push.jvp returned None for output 0"),
        (lambda t: (t, None), 2, TypeError, r"returned None for output 1: .* of shape \(3,\)"),
        (lambda t: None, 2, ValueError, r"one tangent for each output of forward, so 2.* 1"),
        (lambda t: 3.0, 1, TypeError, r"tangent of output 0 must be an array, got 3.0 of type f"),
        (lambda t: t[:1], 1, ValueError, r"tangent of output 0 has shape \(1,\), but the output"),
    ],
)
def test_tangents_that_pytorch_refuses(
    returned: Any, count: int, error: type[Exception], words: str
) -> None:
    make = pushing(returned, count)
    with pytest.raises(RuntimeError):
        torch.func.jvp(make(TORCH).apply, (to_torch(X),), (to_torch(X),))
    for transform in (lambda f: f, jax.jit, jax.vmap):
        x = X[None] if transform is jax.vmap else X
        with pytest.raises(error, match=words):
            transform(lambda x: jax.jvp(make(JAX).apply, (x,), (x,)))(x)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # PyTorch's own use
def test_none_is_the_tangent_of_what_has_none() -> None:
    make = pushing(lambda t: (2 * t, None), 3)
    right = torch.func.jvp(make(TORCH).apply, (to_torch(X),), (to_torch(X),))[1]
    moved = jax.jvp(make(JAX).apply, (X,), (X,))[1]
    assert_same(moved[0], right[0])
    np.testing.assert_array_equal(moved[1], np.zeros(3))


# A second derivative through what ctx keeps.


def keeping(keep: Callable[[Any, Any, Any], None], slope: Callable[[Any], Any]) -> Any:
    def make(lib: Library) -> Any:
        class Cube(lib.Function):
            @staticmethod
            def forward(ctx, x):
                keep(lib, ctx, x)
                return x**3

            @staticmethod
            def backward(ctx, g):
                return g * slope(ctx)

        return Cube

    return make


saved = keeping(
    lambda lib, ctx, x: ctx.save_for_backward(3 * x**2), lambda ctx: ctx.saved_tensors[0]
)
attribute = keeping(
    lambda lib, ctx, x: setattr(ctx, "slopes", {"all": [3 * x**2]}),
    lambda ctx: ctx.slopes["all"][0],
)
by_numpy = keeping(
    lambda lib, ctx, x: setattr(ctx, "slope", lib.array(3 * lib.numpy(x) ** 2)),
    lambda ctx: ctx.slope,
)
part = keeping(
    lambda lib, ctx, x: ctx.save_for_backward(x, 2 * x),
    lambda ctx: 1.5 * ctx.saved_tensors[0] * ctx.saved_tensors[1],
)
SECONDS: dict[str, Callable[..., Any]] = {
    "grad of grad": lambda f: jax.grad(lambda x: jax.grad(f)(x).sum()),
    "under jit": lambda f: jax.jit(jax.grad(lambda x: jax.grad(f)(x).sum())),
    "of jit": lambda f: jax.grad(lambda x: jax.jit(jax.grad(f))(x).sum()),
    "hessian": lambda f: lambda x: jax.hessian(f)(x).sum(0),
    "mapped": lambda f: lambda x: jax.vmap(jax.grad(lambda x: jax.grad(f)(x[None])[0]))(x),
}


@pytest.mark.parametrize("second", SECONDS.values(), ids=SECONDS)
@pytest.mark.parametrize(
    ("make", "names"),
    [
        (saved, r"saved_tensors\[0\]"),
        (attribute, r"ctx.slopes\['all'\]\[0\]"),
        (by_numpy, "ctx.slope"),
        (part, r"saved_tensors\[1\]"),
    ],
    ids=["saved", "attribute", "numpy", "part"],
)
def test_a_second_derivative_through_a_constant_warns(make: Any, names: str, second: Any) -> None:
    """And is PyTorch's, silently wrong."""
    t = to_torch(X, requires_grad=True)
    (first,) = torch.autograd.grad((make(TORCH).apply(t)).sum(), t, create_graph=True)
    right = torch.zeros(3, dtype=torch.float64)
    if first.requires_grad:
        (right,) = torch.autograd.grad(first.sum(), t)
    with pytest.warns(UserWarning, match=f"^Cube: a second derivative takes {names} for a con"):
        found = second(lambda x: make(JAX).apply(x).sum())(X)
    assert_same(found, right)


@pytest.mark.parametrize("second", SECONDS.values(), ids=SECONDS)
@pytest.mark.parametrize(
    ("keep", "slope"),
    [
        (lambda lib, ctx, x: ctx.save_for_backward(x), lambda ctx: 3 * ctx.saved_tensors[0] ** 2),
        (
            lambda lib, ctx, x: ctx.save_for_backward(jax.lax.stop_gradient(3 * x**2)),
            lambda ctx: ctx.saved_tensors[0],
        ),
        (
            lambda lib, ctx, x: ctx.save_for_backward((x > 0).astype(x.dtype), x > 0),
            lambda ctx: ctx.saved_tensors[0] * ctx.saved_tensors[1],
        ),
        (
            lambda lib, ctx, x: ctx.save_for_backward(x, jnp.ones(3), 2 * x),
            lambda ctx: ctx.saved_tensors[0] * ctx.saved_tensors[1],
        ),
        (
            lambda lib, ctx, x: setattr(ctx, "positive", np.asarray(x) > 0),
            lambda ctx: jnp.where(ctx.positive, 1.0, 0.0),
        ),
    ],
    ids=["input", "detached", "mask", "unused", "numpy's mask"],
)
def test_no_warning_without_reason(keep: Any, slope: Any, second: Any) -> None:
    second(lambda x: keeping(keep, slope)(JAX).apply(x).sum())(X)


def test_no_warning_about_a_first_derivative_or_one_of_something_else() -> None:
    cube = saved(JAX).apply

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jax.grad(lambda x: cube(x).sum())(X)
        jax.jit(jax.vmap(jax.grad(cube)))(X)
        jax.grad(lambda a: jax.grad(lambda x: a * cube(x).sum())(X).sum())(2.0)
        jax.jvp(cube, (X,), (X,))


def test_a_jvp_of_its_own_warns_too() -> None:
    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.slope = 3 * x**2
            return x**3

        @staticmethod
        def jvp(ctx, t):
            return t * ctx.slope

    push = lambda x: jax.jvp(Cube.apply, (x,), (jnp.ones(3),))[1]  # noqa: E731
    with pytest.warns(UserWarning, match=r"takes ctx.slope for a constant"):
        _, second = jax.jvp(push, (X,), (jnp.ones(3),))
    np.testing.assert_array_equal(second, np.zeros(3))
