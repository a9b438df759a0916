"""The lecture's add, split and max beside torch.autograd.Functions that do the same."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import custom_vjp
from tests.support import function_notes as notes
from tests.support.agree import assert_agree, draw, to_torch
from tests.support.function_library import TORCH


class Add(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        ctx.shapes = a.shape, b.shape
        return a + b

    @staticmethod
    def backward(ctx: Any, g: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(g.sum_to_size(shape) for shape in ctx.shapes)


class Split(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.clone(), x.clone()

    @staticmethod
    def backward(ctx: Any, g1: torch.Tensor, g2: torch.Tensor) -> torch.Tensor:
        return g1 + g2


class Max(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        y = x.max()
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, g: torch.Tensor) -> torch.Tensor:
        x, y = ctx.saved_tensors
        return (x == y).to(x.dtype) * g


def both(pair: tuple[Any, Any]) -> Any:
    return 2 * pair[0] + pair[1] ** 2


TWINS: list[tuple[str, Callable, Callable, int]] = [
    ("add", custom_vjp.add, Add.apply, 2),
    ("split", lambda x: both(custom_vjp.split(x)), lambda x: both(Split.apply(x)), 1),
    ("max", custom_vjp.max, Max.apply, 1),
]


@pytest.mark.parametrize(("name", "ours", "theirs", "count"), TWINS, ids=[t[0] for t in TWINS])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3)], ids=str)
def test_value_and_gradient(name, ours, theirs, count: int, dtype: str, shape: tuple) -> None:
    assert_agree(ours, theirs, *(draw(seed, shape, dtype) for seed in range(count)))


@pytest.mark.parametrize("shapes", [((3, 1), (2, 1, 4)), ((), (2,)), ((2, 2), (1,))], ids=str)
def test_add_broadcasts_and_sums_the_gradient_back(shapes: tuple) -> None:
    assert_agree(custom_vjp.add, Add.apply, *(draw(i, shape) for i, shape in enumerate(shapes)))


def test_the_lectures_numbers() -> None:
    x = jnp.arange(3.0)
    gradients = jax.grad(lambda a, b: custom_vjp.add(a, b).mean(), (0, 1))(x, x)
    np.testing.assert_allclose(gradients, np.full((2, 3), 1 / 3), rtol=1e-15)

    x = jnp.arange(4.0)
    halves, pull = jax.vjp(lambda a, b: (a + b).mean(), *custom_vjp.split(x))
    np.testing.assert_array_equal(pull(jnp.ones_like(halves)), np.full((2, 4), 0.25))
    gradient = jax.grad(lambda x: sum(custom_vjp.split(x)).mean())(x)
    np.testing.assert_array_equal(gradient, np.full(4, 0.5))

    tied = np.array([1.0, 3.0, 2.0, 3.0])
    np.testing.assert_array_equal(jax.grad(custom_vjp.max)(tied), [0, 1, 0, 1])
    assert_agree(custom_vjp.max, Max.apply, tied)


def test_how_the_libraries_own_functions_treat_ties() -> None:
    """What the docstring of max says of torch.max and jnp.max."""
    tied = np.array([1.0, 3.0, 2.0, 3.0])
    shared = [0, 0.5, 0, 0.5]
    np.testing.assert_array_equal(jax.grad(jnp.max)(tied), shared)
    for function in (torch.max, torch.amax, lambda t: torch.max(t, 0).values):
        t = to_torch(tied, requires_grad=True)
        function(t).backward()
        gradient = t.grad.numpy()
        if function in (torch.max, torch.amax):
            np.testing.assert_array_equal(gradient, shared)
        else:
            assert sorted(gradient) == [0, 0, 0, 1]


def test_max_of_nan_is_nan_without_gradient() -> None:
    x = np.array([1.0, np.nan])
    t = to_torch(x, requires_grad=True)
    y = Max.apply(t)
    y.backward()
    assert np.isnan(y.item())
    assert np.isnan(custom_vjp.max(x))
    np.testing.assert_array_equal(jax.grad(custom_vjp.max)(x), t.grad.numpy())


@pytest.mark.parametrize(
    ("chain", "twin"),
    [
        (
            lambda x: jnp.sin(custom_vjp.add(x, x**2)).sum(),
            lambda x: torch.sin(Add.apply(x, x**2)).sum(),
        ),
        (
            lambda x: jnp.multiply(*custom_vjp.split(x**2)).sum(),
            lambda x: torch.mul(*Split.apply(x**2)).sum(),
        ),
        (lambda x: custom_vjp.max(x**3) ** 2, lambda x: Max.apply(x**3) ** 2),
    ],
    ids=["add", "split", "max"],
)
def test_inside_a_chain_under_jit_vmap_and_twice(chain: Callable, twin: Callable) -> None:
    rows = draw(0, (5, 4))
    first = jax.jit(jax.vmap(jax.grad(chain)))(rows)
    second = jax.jit(jax.vmap(jax.grad(lambda x: (jax.grad(chain)(x) ** 2).sum())))(rows)
    for i, row in enumerate(rows):
        t = to_torch(row, requires_grad=True)
        (g,) = torch.autograd.grad(twin(t), t, create_graph=True)
        np.testing.assert_allclose(first[i], g.detach().numpy(), rtol=1e-12)
        (h,) = torch.autograd.grad((g**2).sum(), t)
        np.testing.assert_allclose(second[i], h.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "function", [lambda x: custom_vjp.add(x, x), custom_vjp.split, custom_vjp.max]
)
def test_they_are_custom_vjp_definitions(function: Callable) -> None:
    """As the docstrings say: forward mode is refused, not answered with something else."""
    assert "custom_vjp" in str(jax.make_jaxpr(function)(jnp.ones(3)))
    with pytest.raises(TypeError, match="forward-mode autodiff"):
        jax.jvp(function, (jnp.ones(3),), (jnp.ones(3),))


def test_add_of_mixed_dtypes() -> None:
    """An integer has no gradient; a real argument gets the real part of a complex one."""
    assert (
        jax.grad(lambda a: custom_vjp.add(a, jnp.arange(3)).sum())(jnp.ones(3)).tolist()
        == [1.0] * 3
    )
    assert_agree(
        custom_vjp.add,
        lambda a, b: a + b,
        draw(0, (3,)).astype("float64"),
        draw(1, (3,), "complex128"),
    )


def test_max_of_nothing() -> None:
    with pytest.raises(ValueError, match=r"max: x must have at least one element, got .*\(0,\)"):
        custom_vjp.max(jnp.ones(0))
    with pytest.raises(RuntimeError):
        torch.ones(0).max()


def second_in_torch(function: Callable, *arrays: np.ndarray) -> tuple[torch.Tensor, ...]:
    tensors = [to_torch(a, requires_grad=True) for a in arrays]
    first = torch.autograd.grad(function(*tensors), tensors, create_graph=True)
    energy = sum((g**2).sum() for g in first)
    return torch.autograd.grad(energy, tensors, materialize_grads=True)


@pytest.mark.parametrize(
    ("ours", "theirs", "arrays"),
    [
        (
            lambda a, b: (custom_vjp.add(a, b) ** 3).sum(),
            lambda a, b: (Add.apply(a, b) ** 3).sum(),
            (draw(0, (3, 1)), draw(1, (2, 1, 4))),
        ),
        (
            lambda x: jnp.vdot(*custom_vjp.split(x**2)),
            lambda x: torch.mul(*Split.apply(x**2)).sum(),
            (draw(0, (2, 3)),),
        ),
        (
            lambda x: custom_vjp.max(x**3) ** 2,
            lambda x: Max.apply(x**3) ** 2,
            (np.array([1.0, 3.0, 2.0, 3.0]),),
        ),
    ],
    ids=["add broadcasts", "split", "max of ties"],
)
def test_second_derivatives(ours: Callable, theirs: Callable, arrays: tuple) -> None:
    places = tuple(range(len(arrays)))

    def energy(*args: jax.Array) -> jax.Array:
        return sum((g**2).sum() for g in jax.grad(ours, places)(*args))

    second = jax.jit(jax.grad(energy, places))(*arrays)
    for mine, right in zip(second, second_in_torch(theirs, *arrays), strict=True):
        np.testing.assert_allclose(mine, right.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("ours", "make", "arrays"),
    [
        (custom_vjp.add, notes.my_add, (draw(0, (3,)), draw(1, (2, 1)))),
        (lambda x: both(custom_vjp.split(x)), notes.my_split, (draw(0, (4,)),)),
        (custom_vjp.max, notes.my_max, (np.array([1.0, 3.0, 2.0, 3.0]),)),
    ],
    ids=["add", "split", "max"],
)
def test_they_do_what_the_notebooks_classes_do(ours: Callable, make: Any, arrays: tuple) -> None:
    twin = make(TORCH).apply
    theirs = (lambda x: both(twin(x))) if make is notes.my_split else twin
    assert_agree(ours, theirs, *arrays)


def test_scan_of_all_three() -> None:
    def step(x: Any, functions: tuple[Callable, ...]) -> Any:
        add, split, largest = functions
        a, b = split(x)
        return add(a * b, 0.1 * largest(a))

    ours = (custom_vjp.add, custom_vjp.split, custom_vjp.max)
    loop = lambda x: jax.lax.scan(lambda c, _: (step(c, ours), None), x, None, length=3)  # noqa: E731
    x = draw(0, (4,)) / 2
    gradient = jax.jit(jax.grad(jax.checkpoint(lambda x: loop(x)[0].sum())))(x)
    t = to_torch(x, requires_grad=True)
    out = t
    for _ in range(3):
        out = step(out, (Add.apply, Split.apply, Max.apply))
    out.sum().backward()
    np.testing.assert_allclose(gradient, t.grad.numpy(), rtol=1e-12)
