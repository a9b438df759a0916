"""Loops of unknown length, and PyTorch's loops in Python that they are compared with."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from grad import while_loop

LIMITS = pytest.mark.parametrize("limit", [None, 50])
# A step has a handful of roundings and the tests take tens of steps.
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def root(a, limit=None):
    """Newton's square root, from x = a."""

    def step(x):
        return (x + a / x) / 2

    return while_loop(lambda x: jnp.abs(x * x - a) > 1e-14 * a, step, a, max_steps=limit)


def torch_root(a):
    x = a
    while (x * x - a).abs() > 1e-14 * a:
        x = (x + a / x) / 2
    return x


def torch_derivatives(a):
    """The value, the gradient and the second derivative of PyTorch's loop."""
    t = torch.tensor(float(a), dtype=torch.float64, requires_grad=True)
    value = torch_root(t)
    (first,) = torch.autograd.grad(value, t, create_graph=True)
    second = torch.autograd.grad(first, t)[0] if first.requires_grad else torch.tensor(0.0)
    return value.item(), first.item(), second.item()


# A state of several parts, with closures over arrays.


def network(weight, x, steps, limit=None):
    """A loop over a pytree with a count, a flag and a key; the weight is closed over."""

    def step(state):
        y = jnp.where(state["odd"], -1.0, 1.0) * jnp.sin(weight @ state["y"]) + state["i"]
        key, _ = jax.random.split(state["key"])
        return {"i": state["i"] + 1, "odd": ~state["odd"], "y": y, "key": key}

    start = {"i": 0, "odd": jnp.array(False), "y": x, "key": jax.random.key(0)}
    return while_loop(lambda state: state["i"] < steps, step, start, max_steps=limit)


def torch_network(weight, x, steps):
    y, i, odd = x, 0, False
    while i < steps:
        y = (-1.0 if odd else 1.0) * (weight @ y).sin() + i
        i, odd = i + 1, not odd
    return y


def arrays():
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 3)), rng.normal(size=3), np.array([0.3, -1.0, 2.0])


def torch_gradients(steps):
    weight, x, v = arrays()
    w, t = (torch.tensor(a, requires_grad=True) for a in (weight, x))
    y = torch_network(w, t, steps)
    found = torch.autograd.grad(y, (w, t), torch.tensor(v), allow_unused=True)
    return [torch.zeros(a.shape) if g is None else g for a, g in zip((w, t), found, strict=True)]


def loss(weight, x, steps, limit=None):
    return network(weight, x, steps, limit)["y"] @ arrays()[2]
