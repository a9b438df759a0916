"""hessian_diagonal beside the diagonal of PyTorch's matrix."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import custom_vjp
import grad
from tests.support.agree import assert_same, draw, to_torch

X, W, Y = draw(0, (5,)), draw(1, (4, 5)), draw(2, (3, 2))


def network(m: Any, x: Any, w: Any) -> Any:
    return m.tanh(m.sin(w @ x) * 2 + m.exp(-(x**2)).sum()).sum() * x[0]


def diagonals(func: Callable[..., Any], *arrays: Any) -> Any:
    """PyTorch's: the whole matrix, and its diagonal."""
    tensors = tuple(to_torch(a) for a in arrays)
    blocks = torch.autograd.functional.hessian(func, tensors)
    return [
        blocks[i][i].reshape(t.numel(), t.numel()).diagonal().reshape(t.shape)
        for i, t in enumerate(tensors)
    ]


@pytest.mark.parametrize("chunk_size", [None, 1, 3, 5, 20, 1000])
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["", "jit"])
def test_several_inputs_in_chunks(chunk_size: Any, wrap: Any) -> None:
    def ours(x: Any, w: Any) -> Any:
        return grad.hessian_diagonal(lambda x, w: network(jnp, x, w), (x, w), chunk_size=chunk_size)

    expected = diagonals(lambda x, w: network(torch, x, w), X, W)
    for found, right in zip(wrap(ours)(jnp.asarray(X), jnp.asarray(W)), expected, strict=True):
        assert_same(found, right)


def test_trees_scalars_unused_and_empty_inputs() -> None:
    tree = {"a": jnp.asarray(X), "b": [jnp.asarray(2.0), None, jnp.zeros((0, 2))], "c": X[:2]}
    found = grad.hessian_diagonal(lambda t: (t["a"] ** 3).sum() * t["b"][0] ** 2, tree)
    a, b = diagonals(lambda a, b: (a**3).sum() * b**2, X, np.array(2.0))
    assert_same(found["a"], a)
    assert_same(found["b"][0], b)
    assert found["b"][1] is None
    assert found["b"][2].shape == (0, 2)
    np.testing.assert_array_equal(found["c"], np.zeros(2))


def test_linear_functions_and_one_element_of_more_dimensions() -> None:
    (right,) = diagonals(lambda x: x.sum().reshape(1, 1) ** 1, X)
    assert_same(grad.hessian_diagonal(lambda x: x.sum().reshape(1, 1), jnp.asarray(X)), right)
    found = grad.hessian_diagonal(lambda x: (x**4).sum().reshape(1, 1), jnp.asarray(X))
    assert_same(found, diagonals(lambda x: (x**4).sum().reshape(1, 1), X)[0])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_dtypes(dtype: str) -> None:
    x = jnp.asarray(X, dtype)
    found = grad.hessian_diagonal(lambda x: (x**3).sum(), x)
    assert found.dtype == dtype
    # The one rounding of each of the products 6 x.
    right = 6 * np.asarray(x, "float64")
    np.testing.assert_allclose(found.astype("float64"), right, rtol=2 * float(jnp.finfo(dtype).eps))


def test_under_transformations() -> None:
    """vmap, and the derivative of the diagonal, of both modes."""

    def ours(x: Any) -> Any:
        return grad.hessian_diagonal(lambda x: network(jnp, x, W), x, chunk_size=2)

    xs = np.stack([X, -X, 2 * X])
    found = jax.vmap(ours)(jnp.asarray(xs))
    for row, x in zip(found, xs, strict=True):
        assert_same(row, diagonals(lambda x: network(torch, x, to_torch(W)), x)[0])

    def theirs(x: Any) -> Any:
        hessian = torch.autograd.functional.hessian(
            lambda x: network(torch, x, to_torch(W)), x, create_graph=True
        )
        return hessian.diagonal()

    rows = torch.autograd.functional.jacobian(theirs, to_torch(X))
    assert_same(jax.jacrev(ours)(jnp.asarray(X)), rows, scale=100)
    assert_same(jax.jacfwd(ours)(jnp.asarray(X)), rows, scale=100)


class Clamp(custom_vjp.Function):
    """The cube, whose backward keeps to -1 and 1 what it is given: not linear."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return jnp.clip(g, -1, 1) * 3 * x**2


class ClampInTorch(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g.clamp(-1, 1) * 3 * x**2


def test_gradients_of_their_own_loops_and_branches() -> None:
    found = grad.hessian_diagonal(lambda x: (Clamp.apply(x) / 2).sum(), jnp.asarray(X))
    assert_same(found, diagonals(lambda x: (ClampInTorch.apply(x) / 2).sum(), X)[0])

    def looped(x: Any) -> Any:
        return grad.while_loop(lambda y: y[0] < 50, lambda y: y * jnp.abs(y) + 1, x)[-1]

    def looped_in_torch(x: Any) -> Any:
        while x[0] < 50:
            x = x * x.abs() + 1
        return x[-1]

    start = np.array([1.5, 1.25])
    assert_same(
        grad.hessian_diagonal(looped, jnp.asarray(start)), diagonals(looped_in_torch, start)[0]
    )

    def branching(x: Any) -> Any:
        return (x**3).sum() if x[0] > 0 else (x**2).sum()

    for x in (X, -X):
        assert_same(grad.hessian_diagonal(branching, jnp.asarray(x)), diagonals(branching, x)[0])


def test_no_matrix_is_kept() -> None:
    """What 4096 elements take beyond twice the chunk's products is far below 4096^2 numbers."""
    n = 4096

    def memory(chunk: int) -> int:
        ours = jax.jit(
            lambda x: grad.hessian_diagonal(
                lambda x: jnp.sum(jnp.sin(x) * jnp.roll(x, 1)), x, chunk_size=chunk
            )
        )
        compiled = ours.lower(jnp.ones(n, "float32")).compile()
        return int(compiled.memory_analysis().temp_size_in_bytes)

    few, many = memory(8), memory(256)
    assert few < 40 * 4 * n * 8 < many
    x = draw(3, (n,))
    found = jax.jit(
        lambda x: grad.hessian_diagonal(lambda x: jnp.sum(jnp.sin(x) * jnp.roll(x, 1)), x)
    )(jnp.asarray(x))
    np.testing.assert_allclose(found, -np.sin(x) * np.roll(x, 1), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("func", "x", "error", "words"),
    [
        (jnp.sin, X, RuntimeError, "should contain a single element"),
        (lambda x: (x.sum(), x.sum()), X, RuntimeError, "should return a single Tensor"),
        (lambda x: x.sum(), np.arange(3), RuntimeError, "floating point and complex dtype can req"),
        (lambda x: x.sum(), 2.0, TypeError, "given to hessian_diagonal must be either an array"),
    ],
)
def test_refused_as_hessian_is(func: Any, x: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        grad.hessian_diagonal(func, x)
    if error is RuntimeError:
        theirs = torch.sin if func is jnp.sin else func
        with pytest.raises(RuntimeError):
            torch.autograd.functional.hessian(theirs, to_torch(x))


def test_refusals_of_its_own() -> None:
    with pytest.raises(RuntimeError, match=r"^hessian_diagonal: inputs must be real, got input 0"):
        grad.hessian_diagonal(lambda z: jnp.abs(z).sum(), X + 1j)
    with pytest.raises(ValueError, match=r"^hessian_diagonal: chunk_size must be positive, got"):
        grad.hessian_diagonal(lambda x: x.sum(), X, chunk_size=0)
    with pytest.raises(TypeError, match=r"^hessian_diagonal: chunk_size must be a positive int or"):
        grad.hessian_diagonal(lambda x: x.sum(), X, chunk_size=1.5)  # type: ignore[arg-type]
