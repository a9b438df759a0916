"""A deep equilibrium layer is trained: the same losses as unrolled PyTorch, in constant memory."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import grad
from tests.support.agree import draw, to_torch

INPUTS, STATE, EXAMPLES = 3, 8, 32
X, Y = draw(0, (EXAMPLES, INPUTS)), draw(1, (EXAMPLES, 1))
PARAMS = {
    "w": 0.25 * draw(2, (STATE, STATE)) / np.sqrt(STATE),
    "u": draw(3, (STATE, INPUTS)),
    "v": draw(4, (1, STATE)),
}


def step(m: Any, z: Any, params: Any, x: Any) -> Any:
    return m.tanh(z @ params["w"].T + x @ params["u"].T)


def loss(params: Any, x: Any, y: Any, **options: Any) -> Any:
    z = grad.fixed_point(
        lambda z, params, x: step(jnp, z, params, x),
        jnp.zeros((len(x), STATE), x.dtype),
        params,
        x,
        **options,
    )
    return ((z @ params["v"].T - y) ** 2).mean()


def loss_in_torch(params: Any, x: Any, y: Any) -> Any:
    z = torch.zeros(len(x), STATE, dtype=x.dtype)
    for _ in range(60):
        z = step(torch, z, params, x)
    return ((z @ params["v"].T - y) ** 2).mean()


@pytest.mark.parametrize("options", [{}, {"solver": "anderson"}], ids=["iteration", "anderson"])
def test_training(options: Any) -> None:
    """1e-6 after 40 steps of gradient descent; the two differ by what both solvers leave over."""
    tensors = {name: to_torch(value, requires_grad=True) for name, value in PARAMS.items()}
    descent = torch.optim.SGD(tensors.values(), lr=0.05)
    expected = []
    for _ in range(40):
        descent.zero_grad()
        value = loss_in_torch(tensors, to_torch(X), to_torch(Y))
        value.backward()
        descent.step()
        expected.append(value.item())

    @jax.jit
    def train(params: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(params, X, Y, **options)
        return value, jax.tree.map(lambda p, g: p - 0.05 * g, params, gradients)

    params, found = jax.tree.map(jnp.asarray, PARAMS), []
    for _ in range(40):
        value, params = train(params)
        found.append(float(value))
    assert found[-1] < 0.5 * found[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    for name, tensor in tensors.items():
        np.testing.assert_allclose(params[name], tensor.detach().numpy(), rtol=0, atol=1e-6)


def memory(function: Callable[..., Any], *args: Any) -> int:
    """Return how many bytes a compiled gradient needs beside its arguments and results."""
    compiled = jax.jit(jax.grad(function)).lower(*args).compile()
    return int(compiled.memory_analysis().temp_size_in_bytes)


@pytest.mark.parametrize("solver", ["iteration", "anderson"])
def test_memory_does_not_grow_with_the_steps(solver: str) -> None:
    """All steps are taken: a tolerance of 0 is not reached. Unrolled, a state is kept for each."""
    params = jax.tree.map(jnp.asarray, PARAMS)

    def of(steps: int) -> int:
        options = {"tol": 0.0, "max_steps": steps, "unconverged": "keep", "solver": solver}
        return memory(lambda p, x: loss(p, x, jnp.asarray(Y), **options), params, jnp.asarray(X))

    def unrolled(steps: int) -> int:
        def of_scan(params: Any, x: Any) -> Any:
            body = lambda z, _: (step(jnp, z, params, x), None)  # noqa: E731
            z, _ = jax.lax.scan(body, jnp.zeros((EXAMPLES, STATE)), length=steps)
            return (z @ params["v"].T).sum()

        return memory(of_scan, params, jnp.asarray(X))

    state = EXAMPLES * STATE * 8
    assert of(10) == of(1000) < 60 * state
    assert unrolled(1000) > unrolled(10) + 900 * state


def test_hessian_products_of_a_layer() -> None:
    """Second order with respect to the weights, as a sharpness of the loss takes it."""
    tensors = tuple(to_torch(value) for value in PARAMS.values())
    v = tuple(torch.ones_like(t) for t in tensors)
    _, right = torch.autograd.functional.hvp(
        lambda *ps: loss_in_torch(dict(zip(PARAMS, ps, strict=True)), to_torch(X), to_torch(Y)),
        tensors,
        v,
    )
    params = jax.tree.map(jnp.asarray, PARAMS)
    ones = jax.tree.map(jnp.ones_like, params)
    _, found = jax.jit(lambda p: grad.hvp(lambda p: loss(p, X, Y), p, ones))(params)
    for name, expected in zip(PARAMS, right, strict=True):
        np.testing.assert_allclose(found[name], expected.numpy(), rtol=0, atol=1e-8)
