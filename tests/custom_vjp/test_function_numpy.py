"""Code that asks for values: as it is where nothing is traced, called back where something is."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from custom_vjp import Function
from tests.support.agree import assert_same, draw, to_torch
from tests.support.function_library import JAX, TORCH, Library

X = draw(0, (4,))
ROWS = draw(1, (3, 4))


def numpy_sin(lib: Library, seen: list[Any]) -> Any:
    """NumPy in both directions."""

    class NumpySin(lib.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            values = lib.numpy(x)
            seen.append(values)
            return lib.array(np.sin(values))

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return lib.array(lib.numpy(grad_output) * np.cos(lib.numpy(x)))

    return NumpySin


def torch_gradient(x: np.ndarray) -> torch.Tensor:
    t = to_torch(x, requires_grad=True)
    (numpy_sin(TORCH, []).apply(t) ** 2).sum().backward()
    return t.grad


@pytest.mark.parametrize(
    "transform",
    [lambda f: f, jax.jit, jax.checkpoint],
    ids=["eager", "jit", "checkpoint"],
)
def test_numpy_in_both_directions(transform: Any) -> None:
    loss = transform(lambda x: (numpy_sin(JAX, []).apply(x) ** 2).sum())
    assert_same(jax.grad(loss)(jnp.asarray(X)), torch_gradient(X))
    mapped = jax.vmap(jax.grad(loss), 1)(jnp.asarray(ROWS.T))
    for mine, row in zip(mapped, ROWS, strict=True):
        assert_same(mine, torch_gradient(row))


def test_scan_of_numpy() -> None:
    def step(carry: Any, _: None) -> Any:
        return numpy_sin(JAX, []).apply(carry), None

    ours = jax.jit(jax.grad(lambda x: jax.lax.scan(step, x, None, length=3)[0].sum()))(X)
    t = to_torch(X, requires_grad=True)
    out = t
    for _ in range(3):
        out = numpy_sin(TORCH, []).apply(out)
    out.sum().backward()
    assert_same(ours, t.grad)


def test_values_are_seen_once_where_nothing_is_traced_and_at_each_call_where_something_is() -> None:
    seen: list[np.ndarray] = []
    function = numpy_sin(JAX, seen).apply
    jax.grad(lambda x: function(x).sum())(jnp.asarray(X))
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0], X)

    compiled = jax.jit(lambda x: function(x).sum())
    seen.clear()
    compiled.lower(X)
    made_up = len(seen)
    assert not any(np.array_equal(values, X) for values in seen)
    seen.clear()
    program = compiled.lower(X).compile()
    seen.clear()
    for _ in range(2):
        program(jnp.asarray(X)).block_until_ready()
    assert made_up > 0
    assert len(seen) == 2
    np.testing.assert_array_equal(seen[1], X)


def test_no_second_derivative_and_no_forward_mode() -> None:
    loss = lambda x: numpy_sin(JAX, []).apply(x).sum()  # noqa: E731
    words = "NumpySin.backward cannot be differentiated: it needs the values .* jax.numpy"
    for transform in (lambda f: f, jax.jit):
        with pytest.raises(TypeError, match=words):
            transform(jax.grad(lambda x: jax.grad(loss)(x).sum()))(X)
        with pytest.raises(TypeError, match=r"NumpySin: forward mode needs jvp"):
            transform(lambda x: jax.jvp(loss, (x,), (x,)))(X)
    used_as_constant = jax.grad(lambda x: x @ jax.lax.stop_gradient(jax.grad(loss)(x)))
    np.testing.assert_allclose(used_as_constant(X), np.cos(X), rtol=1e-12)


def branching(lib: Library) -> Any:
    class Branching(lib.Function):
        """Python's `if`, float() and a mask: all of them ask for values."""

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            largest = float(x.max())
            return x * 2 if x.sum() > 0 else x * largest

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            if x.sum() > 0:
                return grad_output * 2
            return grad_output * x[x < 1].sum()

    return Branching


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_branches_on_values(sign: float) -> None:
    x = sign * np.abs(X)
    t = to_torch(x, requires_grad=True)
    out = branching(TORCH).apply(t)
    out.sum().backward()
    function = branching(JAX).apply
    for transform in (lambda f: f, jax.jit):
        value, pull = transform(lambda x: jax.vjp(function, x))(jnp.asarray(x))
        assert_same(value, out.detach())
        assert_same(pull(jnp.ones_like(value))[0], t.grad)


def test_a_matrix_that_made_up_values_must_suit() -> None:
    """Cholesky fails for most matrices: the identity is tried after random ones."""

    def make(lib: Library) -> Any:
        class Cholesky(lib.Function):
            @staticmethod
            def forward(ctx, x):
                factor = lib.array(np.linalg.cholesky(lib.numpy(x)))
                ctx.save_for_backward(factor)
                return factor

            @staticmethod
            def backward(ctx, grad_output):
                (factor,) = ctx.saved_tensors
                return grad_output @ factor

        return Cholesky

    matrix = np.eye(3) * 4 + np.ones((3, 3))
    t = to_torch(matrix, requires_grad=True)
    make(TORCH).apply(t).sum().backward()
    loss = jax.jit(jax.grad(lambda x: make(JAX).apply(x).sum()))
    assert_same(loss(jnp.asarray(matrix)), t.grad)


def element(index: Any) -> Any:
    class Largest(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.index = index(np.argmax(np.asarray(x)))
            ctx.shape = x.shape
            return x[ctx.index]

        @staticmethod
        def backward(ctx, grad_output):
            return jnp.zeros(ctx.shape).at[ctx.index].set(grad_output)

    return Largest


def test_what_ctx_keeps_of_values() -> None:
    """An array may depend on values; a number, which JAX would take for a constant, may not."""
    right = np.eye(4)[np.argmax(X)]
    np.testing.assert_array_equal(jax.jit(jax.grad(element(np.asarray).apply))(X), right)
    np.testing.assert_array_equal(jax.grad(element(int).apply)(X), right)
    with pytest.raises(ValueError, match=r"Largest.forward: ctx.index is \d .* np.asarray"):
        jax.jit(jax.grad(element(int).apply))(X)


def test_a_number_that_only_the_call_shows_to_depend_on_values() -> None:
    """Made-up values all say the same: the gradient itself must bring the error."""

    class Rare(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.rare = bool(np.max(np.asarray(x)) > 100)
            return x * 1

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * (5 if ctx.rare else 1)

    gradient = jax.jit(jax.grad(lambda x: Rare.apply(x).sum()))
    np.testing.assert_array_equal(gradient(X), np.ones(4))
    np.testing.assert_array_equal(jax.grad(lambda x: Rare.apply(x).sum())(X + 200), np.full(4, 5))
    with pytest.raises((jax.errors.JaxRuntimeError, ValueError), match=r"ctx\.rare is True"):
        gradient(X + 200).block_until_ready()


def returning(make: Any) -> Any:
    class Returns(Function):
        @staticmethod
        def forward(ctx, x):
            return make(np.asarray(x))

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output

    return Returns.apply


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda x: float(x.max()), ValueError, "Returns.forward: an output is .* np.asarray"),
        (lambda x: x.size, TypeError, "Returns.forward returns 4, a int of Python"),
        (lambda x: x[x > 0.5], ValueError, r"a result has shape .* may not depend on values"),
        (lambda x: x["name"], TypeError, "on made-up values to learn the shapes .* IndexError"),
    ],
)
def test_what_cannot_be_called_back(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        jax.jit(returning(make))(X)


def test_a_constant_stays_a_value_under_jit() -> None:
    """Only what is traced is called back; a constant argument is there for NumPy as it is."""
    order = np.asarray([2, 0, 1, 3])

    class Permute(Function):
        @staticmethod
        def forward(ctx, x, order):
            ctx.save_for_backward(order)
            return x[np.asarray(order)]

        @staticmethod
        def backward(ctx, grad_output):
            (order,) = ctx.saved_tensors
            return grad_output[np.argsort(np.asarray(order))], None

    program = jax.jit(jax.grad(lambda x: (Permute.apply(x, order) * jnp.arange(4.0)).sum()))
    assert "callback" not in program.lower(X).as_text()
    np.testing.assert_array_equal(program(X), [1, 2, 0, 3])


def test_dtypes_of_numpy_results() -> None:
    """A result of NumPy takes the dtype that JAX has for it."""

    class Parts(Function):
        @staticmethod
        def forward(ctx, x):
            values = np.asarray(x)
            return values.astype("float32"), values > 0, np.int64(values.size), values.mean()

        @staticmethod
        def backward(ctx, of_float32, *_):
            return of_float32.astype("float64")

    eager = Parts.apply(jnp.asarray(X))
    traced = jax.jit(Parts.apply)(X)
    for a, b in zip(eager, traced, strict=True):
        assert isinstance(a, jax.Array)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)
    assert [str(a.dtype) for a in eager] == ["float32", "bool", "int64", "float64"]
    gradient = jax.jit(jax.grad(lambda x: Parts.apply(x)[0].sum()))(jnp.asarray(X))
    np.testing.assert_array_equal(gradient, np.ones(4))
