"""Function under JAX's transformations, one in another; beside PyTorch or closed forms."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax.sharding import AxisType, PartitionSpec

from custom_vjp import Function
from tests.support import function_generated as generated
from tests.support import function_notes as notes
from tests.support import function_numpy as with_numpy
from tests.support.agree import assert_same, draw, to_torch
from tests.support.function_library import JAX, TORCH, Library

X = draw(0, (3,))


@pytest.mark.parametrize("orders", ["rr", "rf", "fr", "ff", "rfr", "frf", "rrr"])
def test_any_order_in_any_mode(orders: str) -> None:
    """All derivatives of a sum of exponentials are exponentials, on the diagonal."""
    exp = notes.exp(JAX).apply
    derivative: Callable[..., Any] = lambda x: exp(x).sum()  # noqa: E731
    for mode in orders:
        derivative = {"r": jax.jacrev, "f": jax.jacfwd}[mode](derivative)
    right = np.zeros((3,) * len(orders))
    for i in range(3):
        right[(i,) * len(orders)] = np.exp(X[i])
    np.testing.assert_allclose(jax.jit(derivative)(X), right, rtol=1e-12, atol=1e-12)


def test_forward_mode_of_a_jvp_is_differentiated_too() -> None:
    cube = notes.my_cube(JAX).apply
    second = jax.jit(jax.jacfwd(jax.jacfwd(lambda x: cube(x)[0].sum())))(X)
    np.testing.assert_allclose(second, np.diag(6 * X), rtol=1e-12, atol=1e-12)


def step(lib: Library, carry: Any) -> Any:
    return notes.exp(lib).apply(carry * 0.3) - generated.mul_gen_vmap(lib).apply(carry, carry) / 2


def scanned(x: Any) -> Any:
    return jax.lax.scan(lambda c, _: (step(JAX, c), c.sum()), x, None, length=3)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda f: f,
        jax.checkpoint,
        jax.jit,
        lambda f: lambda x: jax.lax.cond(x[0] > 100, lambda x: x.sum(), f, x),
        lambda f: lambda x: jax.vmap(f)(jnp.stack([x, x])).sum() / 2,
    ],
    ids=["scan", "checkpoint", "jit", "cond", "vmap"],
)
def test_loops(wrap: Any) -> None:
    t = to_torch(X, requires_grad=True)
    carry, total = t, 0.0
    for _ in range(3):
        total = total + carry.sum()
        carry = step(TORCH, carry)
    (first,) = torch.autograd.grad(total + carry.sum(), t, create_graph=True)
    (second,) = torch.autograd.grad((first**2).sum(), t)

    def loss(x: Any) -> Any:
        carry, sums = scanned(x)
        return carry.sum() + sums.sum()

    gradient = jax.grad(wrap(loss))

    def energy(x: Any) -> Any:
        g = gradient(x)
        return (g**2).sum(), g

    ours, g = jax.jit(jax.grad(energy, has_aux=True))(X)
    assert_same(g, first.detach(), "gradient")
    assert_same(ours, second, "second")
    moved = jax.jit(lambda x: jax.jvp(wrap(loss), (x,), (jnp.ones(3),))[1])(X)
    assert_same(moved, first.detach().sum(), "forward mode")


def test_what_is_not_mapped_gets_the_summed_gradient() -> None:
    linear = notes.linear(JAX).apply
    x, w, b = draw(1, (4, 2, 3)), draw(2, (5, 3)), draw(3, (5,))

    def loss(w: Any, b: Any) -> Any:
        rows = jax.vmap(lambda x: linear(x, w, b))(x)
        return (rows**2).sum() + (
            jax.vmap(linear, (None, None, None), axis_size=2)(x[0], w, b)
        ).sum()

    ours = jax.jit(jax.grad(loss, (0, 1)))(w, b)
    v, c = to_torch(w, requires_grad=True), to_torch(b, requires_grad=True)
    twin = notes.linear(TORCH).apply
    total = sum((twin(to_torch(row), v, c) ** 2).sum() for row in x)
    (total + 2 * twin(to_torch(x[0]), v, c).sum()).backward()
    assert_same(ours[0], v.grad)
    assert_same(ours[1], c.grad)


def test_shard_map() -> None:
    """A weight that is the same on all devices gets the sum of what they found."""
    mesh = jax.make_mesh((1,), ("i",), axis_types=(AxisType.Auto,))
    mul = generated.mul_gen_vmap(JAX).apply
    over = PartitionSpec("i")
    sharded = jax.shard_map(mul, mesh=mesh, in_specs=(over, PartitionSpec()), out_specs=over)
    rows, weight = draw(1, (4, 3)), draw(2, (3,))
    loss = lambda x, w: (sharded(x, w) ** 2).sum()  # noqa: E731
    first = jax.jit(jax.grad(loss, (0, 1)))(rows, weight)
    np.testing.assert_allclose(first[0], 2 * rows * weight**2, rtol=1e-12)
    np.testing.assert_allclose(first[1], (2 * rows**2 * weight).sum(0), rtol=1e-12)
    _, moved = jax.jvp(loss, (rows, weight), (rows, weight))
    np.testing.assert_allclose(moved, 4 * loss(rows, weight), rtol=1e-12)
    square = jax.shard_map(
        with_numpy.numpy_exp(JAX).apply, mesh=mesh, in_specs=over, out_specs=over
    )
    gradient = jax.jit(jax.grad(lambda x: square(x).sum()))(rows)
    np.testing.assert_allclose(gradient, np.exp(rows), rtol=1e-12)


def test_keys_integers_and_flags_as_traced_arguments() -> None:
    class Dropout(Function):
        @staticmethod
        def forward(ctx, x, key, count, flag):
            ctx.kept = jax.random.bernoulli(key, 0.5, x.shape) & flag
            ctx.count = count
            return jnp.where(ctx.kept, x * count, 0)

        @staticmethod
        def backward(ctx, g):
            assert ctx.needs_input_grad == (True, False, False, False)
            return jnp.where(ctx.kept, g * ctx.count, 0), None, None, None

    def gradient(x: Any, key: Any, count: Any, flag: Any) -> Any:
        return jax.grad(lambda x: Dropout.apply(x, key, count, flag).sum())(x)

    key = jax.random.key(0)
    right = 3 * np.asarray(jax.random.bernoulli(key, 0.5, (3,)))
    for transform in (lambda f: f, jax.jit):
        np.testing.assert_array_equal(transform(gradient)(jnp.asarray(X), key, 3, True), right)
    keys = jax.random.split(key, 2)
    mapped = jax.vmap(gradient, (None, 0, None, None))(jnp.asarray(X), keys, 3, True)
    for row, k in zip(mapped, keys, strict=True):
        np.testing.assert_array_equal(row, 3 * np.asarray(jax.random.bernoulli(k, 0.5, (3,))))


@pytest.mark.parametrize("x", [2.0, np.float64(2.0), np.asarray(2.0), jnp.asarray(2.0)], ids=repr)
def test_scalars_of_any_kind_are_differentiated(x: Any) -> None:
    assert jax.grad(notes.legendre(JAX).apply)(x) == 1.5 * (5 * 4 - 1)
    assert jax.jit(jax.grad(notes.legendre(JAX).apply))(x) == 1.5 * (5 * 4 - 1)


def test_empty_arrays() -> None:
    for make in (notes.exp, with_numpy.numpy_exp):
        for transform in (lambda f: f, jax.jit):
            gradient = transform(jax.grad(lambda x, make=make: make(JAX).apply(x).sum()))
            assert gradient(jnp.zeros((0, 3))).shape == (0, 3)
            assert jax.vmap(gradient)(jnp.zeros((2, 0))).shape == (2, 0)


def test_an_output_that_is_an_input_and_one_returned_twice() -> None:
    def make(lib: Library) -> Any:
        class Same(lib.Function):
            @staticmethod
            def forward(ctx, x):
                y = x * 1
                ctx.save_for_backward(x, y)
                return x, y

            @staticmethod
            def backward(ctx, gx, gy):
                x, y = ctx.saved_tensors
                return gx * 10 * y + gy * x

        return Same

    def energy(outputs: Any) -> Any:
        return (outputs[0] ** 2).sum() + (outputs[1] ** 3).sum()

    t = to_torch(X, requires_grad=True)
    (first,) = torch.autograd.grad(energy(make(TORCH).apply(t)), t, create_graph=True)
    (second,) = torch.autograd.grad((first**2).sum(), t)
    gradient = jax.grad(lambda x: energy(make(JAX).apply(x)))
    assert_same(jax.jit(gradient)(X), first.detach())
    assert_same(jax.jit(jax.grad(lambda x: (gradient(x) ** 2).sum()))(X), second)


def with_vmap(rule: Any, calls: list[Any], generate: bool = False) -> Any:
    class Row(Function):
        """Its vmap multiplies by one more than its forward, to show that it is taken."""

        generate_vmap_rule = generate

        @staticmethod
        def forward(x, factor, name):
            return x * factor, name

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.factor = inputs[1]

        @staticmethod
        def backward(ctx, g, _):
            return g * ctx.factor, None, None

        @staticmethod
        def vmap(info, in_dims, *args):
            calls.append((info.batch_size, info.randomness, in_dims))
            return rule(*args)

    return Row.apply


def test_a_vmap_staticmethod_is_taken() -> None:
    calls: list[Any] = []
    row = with_vmap(lambda x, f, name: ((jnp.moveaxis(x, 0, 1) * (f + 1), name), (1, None)), calls)
    rows = draw(1, (2, 3))
    for transform in (lambda f: f, jax.jit):
        calls.clear()
        out = transform(jax.vmap(lambda x: row(x, 2.0, "name")[0]))(rows)
        np.testing.assert_allclose(out, 3 * rows, rtol=1e-15)
        assert calls == [(2, "error", (0, None, None))]
    np.testing.assert_allclose(row(rows, 2.0, "name")[0], 2 * rows, rtol=1e-15)

    # The gradient is backward's, mapped; the value is vmap's, inside and outside of grad.
    loss = lambda x: (row(x, 2.0, "name")[0] ** 2).sum()  # noqa: E731
    mapped = jax.jit(jax.vmap(jax.grad(loss)))(rows)
    np.testing.assert_allclose(mapped, 2 * 3 * rows * 2, rtol=1e-15)
    outside = jax.jit(jax.grad(lambda x: jax.vmap(loss)(x).sum()))(rows)
    np.testing.assert_allclose(outside, 2 * 3 * rows * 2, rtol=1e-15)


@pytest.mark.parametrize(
    ("rule", "error", "words"),
    [
        (lambda x, f, name: (x, name), ValueError, "Row.vmap must return as its output"),
        (lambda x, f, name: x, TypeError, r"Row.vmap must return \(output, out_dims\)"),
    ],
)
def test_what_vmap_may_not_return(rule: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        jax.vmap(lambda x: with_vmap(rule, [])(x, 2.0, "name")[0])(jnp.ones((2, 3)))


def test_vmap_and_generate_vmap_rule_exclude_each_other() -> None:
    """Where vmap is used, as in PyTorch."""
    both = with_vmap(lambda x, f, name: ((x, name), (0, None)), [], generate=True)
    np.testing.assert_array_equal(both(jnp.ones(3), 2.0, "name")[0], [2, 2, 2])
    with pytest.raises(RuntimeError, match="Row has both generate_vmap_rule=True and a vmap"):
        jax.vmap(lambda x: both(x, 2.0, "name")[0])(jnp.ones((2, 3)))


@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        (notes.my_add, [(3,), (2, 1)]),
        (notes.exp, [(3,)]),
        (notes.linear, [(2, 3), (4, 3), (4,)]),
        (notes.legendre, [(3,)]),
        (with_numpy.numpy_cube, [(3,)]),
        (with_numpy.numpy_mul, [(3,), (2, 3)]),
        (with_numpy.numpy_exp, [(3,)]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_numerical_derivatives(make: Any, shapes: Any) -> None:
    """Central differences in float64: 1e-5 apart, right to about 1e-10 of the third derivative."""
    function = make(JAX).apply
    points = [draw(i, shape) for i, shape in enumerate(shapes)]
    moves = [draw(10 + i, shape) for i, shape in enumerate(shapes)]

    def total(*args: Any) -> Any:
        out = function(*args)
        return jnp.sin(out[0] if isinstance(out, tuple) else out).sum()

    h = 1e-5
    ahead, behind = (
        float(total(*(jnp.asarray(p + s * m) for p, m in zip(points, moves, strict=True))))
        for s in (h, -h)
    )
    gradients = jax.jit(jax.grad(total, tuple(range(len(points)))))(*points)
    slope = sum((np.asarray(g) * m).sum() for g, m in zip(gradients, moves, strict=True))
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * h), rtol=1e-7, atol=1e-7)
    _, moved = jax.jit(lambda p, t: jax.jvp(total, p, t))(tuple(points), tuple(moves))
    np.testing.assert_allclose(moved, slope, rtol=1e-12, atol=1e-12)
