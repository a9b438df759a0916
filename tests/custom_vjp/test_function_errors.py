"""What Function refuses, with the class, the argument and the fix in the message."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from custom_vjp import Function, once_differentiable

X = jnp.asarray([1.0, 2.0])


def gradient(function: Any, *args: Any) -> Any:
    return jax.grad(lambda x: function.apply(x, *args).sum())(X)


def returning(make: Callable[[Any], Any], base: Any = Function) -> Any:
    """A function of x and y whose backward returns `make(grad_output)`."""

    class Scale(base):
        @staticmethod
        def forward(ctx, x, y):
            return x * 1

        @staticmethod
        def backward(ctx, grad_output):
            return make(grad_output)

    return Scale


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda g: g, ValueError, r"Scale.backward .*\(x, y\), so 2, but it returned 1"),
        (lambda g: (g, g, g), ValueError, "so 2, but it returned 3"),
        (lambda g: None, ValueError, "so 2, but it returned 1"),
        (lambda g: [g, None], ValueError, "so 2, but it returned 1"),
        (lambda g: (1.0, None), TypeError, "gradient of x must be an array or None, got 1.0"),
        (lambda g: ([g], None), TypeError, "must be an array or None.*as a tuple"),
        (lambda g: (g[:1], None), ValueError, r"gradient of x has shape \(1,\), but x has"),
        (lambda g: (g[None, :, None], None), ValueError, r"shape \(1, 2, 1\), but x has"),
        (lambda g: (g + 1j, None), TypeError, "gradient of x has dtype complex.* its real part"),
        (lambda g: (g, g), ValueError, "gradient of y must be None, as y is 3.0"),
    ],
)
def test_wrong_gradients(make: Any, error: type[Exception], words: str) -> None:
    for transform in (lambda f: f, jax.jit):
        with pytest.raises(error, match=words):
            transform(lambda x: gradient(returning(make), 3.0))(X)
    twin = returning(make, torch.autograd.Function)
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(twin.apply(x, 3.0).sum(), x)


@pytest.mark.parametrize(
    "make",
    [
        lambda g: (g, None, None),
        lambda g: (g > 0, None),
        lambda g: (g.reshape(1, 2) * 1, None),
        lambda g: (g[None] + (g * 0)[:1, None], None),
        lambda g: (g[None, None] + g[:, None, None] * 0, None),
    ],
)
def test_gradients_that_are_cast_and_summed(make: Any) -> None:
    """What PyTorch takes: None at the end, another dtype, a broadcast shape."""
    x = torch.ones(2, requires_grad=True)
    twin = returning(make, torch.autograd.Function)
    right = torch.autograd.grad(twin.apply(x, 3.0).sum(), x)[0]
    ours = gradient(returning(make), 3.0)
    assert ours.dtype == X.dtype
    np.testing.assert_array_equal(ours, right.numpy())


def test_no_instances() -> None:
    for call in (returning(lambda g: g), Function):
        with pytest.raises(TypeError, match=rf"{call.__name__}.apply\(...\)"):
            call(X)


def test_methods_must_be_callable() -> None:
    class NoMethod(Function):
        forward = staticmethod(lambda ctx, x: x)
        backward = 3

    with pytest.raises(TypeError, match=r"NoMethod.backward must be a method, under @static.* 3"):
        NoMethod.apply(X)


def test_no_forward_no_backward_and_both_names() -> None:
    class Nothing(Function):
        pass

    class NoBackward(Function):
        @staticmethod
        def forward(ctx, x):
            return x

    class Both(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output

        @staticmethod
        def vjp(ctx, grad_output):
            return grad_output

    with pytest.raises(NotImplementedError, match="Nothing has no forward"):
        Nothing.apply(X)
    np.testing.assert_array_equal(NoBackward.apply(X), X)
    for derivative in (
        lambda: gradient(NoBackward),
        lambda: jax.jit(jax.jacrev(NoBackward.apply))(X),
        lambda: jax.jvp(NoBackward.apply, (X,), (X,)),
    ):
        with pytest.raises(NotImplementedError, match="NoBackward has no backward: define the"):
            derivative()
    with pytest.raises(RuntimeError, match="Both has both backward and vjp"):
        Both.apply(X)


def test_vjp_is_another_name_of_backward() -> None:
    class Double(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def vjp(ctx, grad_output):
            return 2 * grad_output

    np.testing.assert_array_equal(gradient(Double), [2, 2])


def using(read: Callable[[Any], Any], save: Callable[[Any, Any], Any]) -> Any:
    class Keeps(Function):
        @staticmethod
        def forward(ctx, x):
            save(ctx, x)
            return x * 2

        @staticmethod
        def backward(ctx, grad_output):
            read(ctx)
            return grad_output

    return Keeps


@pytest.mark.parametrize(
    ("read", "save", "error", "words"),
    [
        (
            lambda ctx: ctx.saved_tensors,
            lambda ctx, x: None,
            RuntimeError,
            "Keeps.backward reads ctx.saved_tensors, but nothing was saved",
        ),
        (
            lambda ctx: ctx.scale,
            lambda ctx, x: None,
            AttributeError,
            "Keeps.backward: ctx has no attribute 'scale'; set ctx.scale in forward",
        ),
        (
            None,
            lambda ctx, x: ctx.save_for_backward(x, 3),
            TypeError,
            "Keeps: ctx.save_for_backward takes arrays, but argument 1 is 3 of type int; set",
        ),
        (
            None,
            lambda ctx, x: ctx.save_for_backward([x]),
            TypeError,
            "argument 0 is .* of type list",
        ),
        (
            None,
            lambda ctx, x: ctx.mark_non_differentiable("y"),
            TypeError,
            "mark_non_differentiable takes arrays, but argument 0 is 'y'",
        ),
    ],
)
def test_what_ctx_refuses(read: Any, save: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        gradient(using(read, save))


def test_reading_nothing_that_was_saved_on_purpose() -> None:
    seen: list[Any] = []
    function = using(
        lambda ctx: seen.append(ctx.saved_tensors), lambda ctx, x: ctx.save_for_backward()
    )
    gradient(function)
    assert seen == [()]


@pytest.mark.parametrize("method", ["forward", "backward", "setup_context"])
@pytest.mark.parametrize("transform", [jax.jit, jax.grad, jax.vmap], ids=["jit", "grad", "vmap"])
def test_closing_over_a_traced_value(method: str, transform: Any) -> None:
    """PyTorch gives no gradient; here it is an error that names the variable."""

    def use(scale: Any) -> Any:
        closing = {
            "forward": lambda x: x * scale,
            "setup_context": lambda ctx, inputs, output: setattr(ctx, "scale", scale),
            "backward": lambda ctx, grad_output: grad_output * scale,
        }
        plain = {
            "forward": lambda x: x,
            "setup_context": lambda ctx, inputs, output: None,
            "backward": lambda ctx, grad_output: grad_output,
        }
        methods = {**plain, method: closing[method]}
        scaled = type("Scale", (Function,), {k: staticmethod(f) for k, f in methods.items()})
        return scaled.apply(X).sum()

    scale = jnp.ones(2) if transform is jax.vmap else 2.0
    words = rf"Scale.{method} uses scale of the enclosing function.*pass scale to apply"
    with pytest.raises(jax.errors.UnexpectedTracerError, match=words):
        transform(use)(scale)


@pytest.mark.parametrize("transform", [jax.grad, lambda f: jax.grad(jax.jit(f))], ids=["g", "gj"])
def test_a_traced_value_from_elsewhere(transform: Any) -> None:
    """No closure shows it; JAX finds it."""
    held: dict[str, Any] = {}

    class Scale(Function):
        @staticmethod
        def forward(ctx, x):
            return x * held["scale"]

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output

    def use(scale: Any) -> Any:
        held["scale"] = scale
        return Scale.apply(X).sum()

    with pytest.raises((jax.errors.UnexpectedTracerError, TypeError)):
        transform(use)(2.0)


def test_arguments_by_name() -> None:
    class Scale(Function):
        @staticmethod
        def forward(x, factor=2.0):
            return x * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0])
            ctx.factor = inputs[1]

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * ctx.factor, None

    np.testing.assert_array_equal(jax.grad(lambda x: Scale.apply(x, factor=3.0).sum())(X), [3, 3])
    np.testing.assert_array_equal(jax.grad(lambda x: Scale.apply(x=x).sum())(X), [2, 2])
    with pytest.raises(TypeError, match=r"Scale.apply: .*'other'"):
        Scale.apply(X, other=1)
    with pytest.raises(TypeError, match=r"Scale.apply: too many"):
        Scale.apply(X, 1, 2)

    class ByName(Scale):
        @staticmethod
        def forward(x, *, factor=2.0):
            return x * factor

    with pytest.raises(TypeError, match=r"ByName.forward .* keyword only \(factor\)"):
        ByName.apply(X)

    class Combined(Function):
        @staticmethod
        def forward(ctx, x, factor=2.0, shift=0.0):
            ctx.factor, ctx.needs = factor, ctx.needs_input_grad
            return x * factor + shift

        @staticmethod
        def backward(ctx, grad_output):
            assert ctx.needs == ctx.needs_input_grad == (True, False)
            return grad_output * ctx.factor, None

    np.testing.assert_array_equal(jax.grad(lambda x: Combined.apply(x, shift=3).sum())(X), [2, 2])


class OnceCube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * 3 * x**2


def test_once_differentiable() -> None:
    words = "OnceCube: trying to differentiate twice a function that was marked with @once"
    first = jax.grad(lambda x: OnceCube.apply(x).sum())
    np.testing.assert_array_equal(jax.jit(first)(X), [3, 12])
    np.testing.assert_array_equal(jax.jvp(OnceCube.apply, (X,), (X,))[1], [3, 24])
    for transform in (lambda f: f, jax.jit):
        for second in (
            jax.grad(lambda x: first(x).sum()),
            jax.jacfwd(first),
            jax.jacfwd(jax.jacfwd(lambda x: OnceCube.apply(x).sum())),
            jax.grad(lambda x: jax.vmap(jax.grad(OnceCube.apply))(x).sum()),
        ):
            with pytest.raises(RuntimeError, match=words):
                transform(second)(X)

    # In grad_output as well, as in PyTorch.
    with pytest.raises(RuntimeError, match=words):
        jax.grad(lambda g: jax.vjp(OnceCube.apply, X)[1](g)[0].sum())(X)

    # Not where the gradient is used as a constant.
    constant = jax.grad(lambda x: (x * jax.lax.stop_gradient(first(x))).sum())
    np.testing.assert_array_equal(constant(X), [3, 12])
    np.testing.assert_array_equal(jax.jit(constant)(X), [3, 12])


def test_a_backward_that_is_not_linear_has_no_forward_mode() -> None:
    class Clip(Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, grad_output):
            return jnp.clip(2 * grad_output, -1, 1)

    np.testing.assert_array_equal(gradient(Clip), [1, 1])
    for transform in (lambda f: f, jax.jit, jax.vmap):
        with pytest.raises(TypeError, match=r"Clip: forward mode needs jvp\(ctx, \*grad_inputs\)"):
            transform(lambda x: jax.jvp(Clip.apply, (x,), (x,)))(X)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (lambda t: (t, t), "HasJvp.jvp must return one tangent .* 1, but it returned 2"),
        (lambda t: t[:1], r"tangent of output 0 has shape \(1,\), but the output has shape \(2,\)"),
    ],
)
def test_what_jvp_may_not_return(returned: Any, words: str) -> None:
    class HasJvp(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def jvp(ctx, tangent):
            return returned(tangent)

    with pytest.raises(ValueError, match=words):
        jax.jvp(HasJvp.apply, (X,), (X,))
