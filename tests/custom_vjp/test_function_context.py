"""ctx: what is needed, kept, marked; and what is compiled of it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from custom_vjp import Function
from tests.support.agree import assert_same, draw, to_torch
from tests.support.function_library import JAX, TORCH, Library

X, W, B = (jnp.asarray(draw(i, shape)) for i, shape in enumerate([(3, 4), (5, 4), (5,)]))


def linear(asks: bool, seen: list[tuple[bool, ...]]) -> Any:
    """A layer whose gradients leave a mark each in the compiled program: tan, sinh, expm1."""

    class Linear(Function):
        @staticmethod
        def forward(ctx, x, w, b):
            ctx.save_for_backward(x, w)
            return x @ w.T + b

        @staticmethod
        def backward(ctx, g):
            x, w = ctx.saved_tensors
            needs = (True, True, True)
            if asks:
                needs = ctx.needs_input_grad
                seen.append(needs)
            return (
                jnp.tan(g @ w) if needs[0] else None,
                jnp.arctan2(g.T @ x, 2.0) if needs[1] else None,
                jnp.expm1(g.sum(0)) if needs[2] else None,
            )

    return Linear


MARKS = ("tan(", "atan2(", "exponential-minus-one(")


@pytest.mark.parametrize("asks", [True, False], ids=["asks", "returns all"])
@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 2), (0, 1, 2)], ids=str)
def test_a_gradient_that_nobody_needs_is_not_compiled(asks: bool, wanted: tuple[int, ...]) -> None:
    """All three arrays are arguments of the compiled program; only some are differentiated."""
    seen: list[tuple[bool, ...]] = []
    layer = linear(asks, seen)

    @jax.jit
    def program(x: Any, w: Any, b: Any) -> Any:
        return jax.grad(lambda *a: (layer.apply(*a) ** 2).sum(), wanted)(x, w, b)

    text = program.lower(X, W, B).compile().as_text()
    assert [f" {mark}" in text for mark in MARKS] == [i in wanted for i in range(3)]
    if asks:
        assert set(seen) == {tuple(i in wanted for i in range(3))}


def test_frozen_in_scan_and_under_checkpoint() -> None:
    layer = linear(True, seen := [])

    def loss(x: Any, w: Any) -> Any:
        body = jax.checkpoint(lambda c, _: (layer.apply(c, w, B)[:, :4], None))
        return jax.lax.scan(body, x, None, length=3)[0].sum()

    text = jax.jit(jax.grad(loss)).lower(X, W).compile().as_text()
    assert [f" {mark}" in text for mark in MARKS] == [True, False, False]
    assert set(seen) == {(True, False, False)}


def test_needs_input_grad_as_pytorch_has_it() -> None:
    def make(lib: Library, seen: list[Any]) -> Any:
        class Product(lib.Function):
            @staticmethod
            def forward(ctx, x, name, y, z):
                seen.append(("forward", ctx.needs_input_grad))
                ctx.save_for_backward(x, y)
                return x * y

            @staticmethod
            def backward(ctx, g):
                seen.append(("backward", ctx.needs_input_grad))
                x, y = ctx.saved_tensors
                return g * y, None, g * x, None

        return Product

    x, y = draw(0, (3,)), draw(1, (3,))
    ours: list[Any] = []
    theirs: list[Any] = []
    product = make(JAX, ours)
    jax.grad(lambda x: product.apply(x, "name", jnp.asarray(y), 1).sum())(jnp.asarray(x))
    t = to_torch(x, requires_grad=True)
    make(TORCH, theirs).apply(t, "name", to_torch(y), 1).sum().backward()
    assert ours == theirs
    ours.clear()
    product.apply(jnp.asarray(x), "name", jnp.asarray(y), 1)
    assert ours == [("forward", (False,) * 4)]


def test_saving_what_needs_input_grad_asks_for_in_forward() -> None:
    """What is saved differs between the levels of a mixed second derivative."""

    def make(lib: Library) -> Any:
        class Product(lib.Function):
            @staticmethod
            def forward(ctx, x, y):
                ctx.save_for_backward(
                    y * 1 if ctx.needs_input_grad[0] else None,
                    x * 1 if ctx.needs_input_grad[1] else None,
                )
                ctx.kept = [x, y]
                return x * y

            @staticmethod
            def backward(ctx, g):
                x, y = ctx.kept
                of_x, of_y = ctx.saved_tensors
                assert (of_x is None) == (not ctx.needs_input_grad[0])
                assert (of_y is None) == (not ctx.needs_input_grad[1])
                return g * y + 0 * g, g * x + 0 * g

        return Product

    product = make(JAX).apply
    x, y = jnp.asarray(2.0), jnp.asarray(3.0)
    mixed = jax.jit(jax.grad(lambda y: jax.grad(product)(x, y) ** 2))(y)
    t, u = (torch.tensor(v, requires_grad=True) for v in (2.0, 3.0))
    (g,) = torch.autograd.grad(make(TORCH).apply(t, u), t, create_graph=True)
    assert mixed == torch.autograd.grad(g**2, u)[0].item()


@pytest.mark.parametrize("materialize", [True, False])
@pytest.mark.parametrize("mark", [True, False])
def test_gradients_of_outputs_that_are_not_used(materialize: bool, mark: bool) -> None:
    """Zeros of the output's dtype, integers included, or None; None for what is no array."""

    def make(lib: Library, seen: list[Any]) -> Any:
        class Many(lib.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.set_materialize_grads(materialize)
                index = lib.xp.arange(2)
                doubled = x * 2
                if mark:
                    ctx.mark_non_differentiable(index, doubled)
                return x * 1, index, "name", x * 3, doubled

            @staticmethod
            def backward(ctx, *grads):
                seen.append([None if g is None else np.asarray(g) for g in grads])
                return grads[0]

        return Many

    ours: list[Any] = []
    theirs: list[Any] = []
    many = make(JAX, ours).apply
    assert many(jnp.ones(2))[2] == "name"
    jax.grad(lambda x: many(x)[0].sum())(jnp.ones(2))
    t = torch.ones(2, dtype=torch.float64, requires_grad=True)
    make(TORCH, theirs).apply(t)[0].sum().backward()
    assert len(ours) == len(theirs) == 1
    for mine, right in zip(ours[0], theirs[0], strict=True):
        assert (mine is None) == (right is None)
        if mine is not None:
            assert mine.dtype == right.dtype
            np.testing.assert_array_equal(mine, right)


def test_no_gradient_flows_through_a_marked_output() -> None:
    def make(lib: Library) -> Any:
        class Marked(lib.Function):
            @staticmethod
            def forward(ctx, x):
                y, z = x * 2, x * 3
                ctx.mark_non_differentiable(z)
                return y, z

            @staticmethod
            def backward(ctx, gy, gz):
                return gy * 2 + gz

        return Marked

    x = draw(0, (3,))
    ours = jax.grad(lambda x: sum((a**2).sum() for a in make(JAX).apply(x)))(jnp.asarray(x))
    t = to_torch(x, requires_grad=True)
    sum((a**2).sum() for a in make(TORCH).apply(t)).backward()
    assert_same(ours, t.grad)


def test_mark_dirty_changes_nothing() -> None:
    """The result is right; the caller's array keeps its values, unlike PyTorch's."""

    class AddOne(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x + 1

        @staticmethod
        def backward(ctx, g):
            return g

    x = jnp.zeros(2)
    np.testing.assert_array_equal(AddOne.apply(x), [1, 1])
    np.testing.assert_array_equal(x, [0, 0])
    with pytest.raises(TypeError, match="mark_dirty takes arrays"):
        jax.jit(type("Bad", (AddOne,), {"forward": staticmethod(_dirty)}).apply)(x)


def _dirty(ctx: Any, x: Any) -> Any:
    ctx.mark_dirty("x")
    return x


def test_anything_may_stand_on_ctx() -> None:
    class Keeps(Function):
        @staticmethod
        def forward(ctx, x, how, options):
            ctx.how = how
            ctx.nested = {"x": x, "more": [x + 1, (2, None, "text")], "shape": x.shape}
            ctx.function = options["function"]
            return ctx.function(x)

        @staticmethod
        def backward(ctx, g):
            assert ctx.how == "double"
            assert ctx.nested["more"][1] == (2, None, "text")
            assert ctx.nested["shape"] == (2,)
            assert ctx.function is jnp.sin
            return g * (ctx.nested["x"] + ctx.nested["more"][0]), None, None

    x = jnp.asarray([1.0, 2.0])
    for transform in (lambda f: f, jax.jit, jax.vmap):
        gradient = jax.grad(lambda x: Keeps.apply(x, "double", {"function": jnp.sin}).sum())
        rows = jnp.stack([x, x]) if transform is jax.vmap else x
        np.testing.assert_array_equal(transform(gradient)(rows), 2 * rows + 1)


def test_trees_of_arrays() -> None:
    """Beyond PyTorch: an argument and an output may be trees, and so are their gradients."""

    class Layer(Function):
        @staticmethod
        def forward(ctx, x, parameters):
            ctx.save_for_backward(x)
            ctx.parameters = parameters
            return {"y": x * parameters["w"], "sum": parameters["b"].sum()}

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            assert ctx.needs_input_grad == (False, True)
            b = jnp.full_like(ctx.parameters["b"], g["sum"])
            return None, {"w": (g["y"] * x).sum(), "b": b}

    parameters = {"w": jnp.asarray(2.0), "b": jnp.ones(3)}
    x = jnp.asarray([1.0, 2.0])

    def loss(p: Any) -> Any:
        out = Layer.apply(x, p)
        return out["y"].sum() + 5 * out["sum"]

    gradient = jax.jit(jax.grad(loss))(parameters)
    assert gradient["w"] == 3
    np.testing.assert_array_equal(gradient["b"], [5, 5, 5])


@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
def test_complex_gradients_are_pytorchs(dtype: str) -> None:
    """The same formulas on both sides; JAX's own gradient is the conjugate."""

    def make(lib: Library) -> Any:
        class Product(lib.Function):
            @staticmethod
            def forward(ctx, z, w, r):
                ctx.save_for_backward(z, w, r)
                return z * w * r, (z * z.conj()).real

            @staticmethod
            def backward(ctx, g, g_abs):
                z, w, r = ctx.saved_tensors
                of_z = g * (w * r).conj() + 2 * g_abs * z
                return of_z, g * (z * r).conj(), (g * (z * w).conj()).real

        return Product

    real = "float64" if dtype == "complex128" else "float32"
    z, w, r = draw(0, (3,), dtype), draw(1, (3,), dtype), draw(2, (3,), real)
    g, h = draw(3, (3,), dtype), draw(4, (3,), real)
    function = make(JAX).apply
    tensors = [to_torch(a, requires_grad=True) for a in (z, w, r)]
    outputs = make(TORCH).apply(*tensors)
    right = torch.autograd.grad(outputs, tensors, [to_torch(g), to_torch(h)], create_graph=True)
    values, pull = jax.vjp(function, *map(jnp.asarray, (z, w, r)))
    for mine, theirs in zip(values, outputs, strict=True):
        assert_same(mine, theirs.detach())
    for mine, theirs in zip(pull((g.conj(), h)), right, strict=True):
        assert_same(mine.conj(), theirs.detach(), "gradient", scale=2)

    def plain(z: Any, w: Any, r: Any) -> Any:
        return z * w * r, (z * z.conj()).real

    args, moves = (z, w, r), (w, z, r)
    for mine, theirs in zip(
        jax.jvp(function, args, moves)[1], jax.jvp(plain, args, moves)[1], strict=True
    ):
        assert_same(mine, to_torch(np.asarray(theirs)), "forward mode", scale=2)

    second = torch.autograd.grad(sum((a.abs() ** 2).sum() for a in right), tensors)

    def energy(*args: Any) -> Any:
        _, pull = jax.vjp(function, *args)
        return sum((jnp.abs(a) ** 2).sum() for a in pull((jnp.asarray(g).conj(), jnp.asarray(h))))

    ours = jax.jit(jax.grad(energy, (0, 1, 2)))(*map(jnp.asarray, args))
    for mine, theirs in zip(ours, second, strict=True):
        assert_same(mine.conj(), theirs, "second", scale=4)
