"""Rows 14 to 18: back through a loop of unknown length, and what is tracked and what is not."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

import grad

from .._row import Row
from .._values import Told

Results = dict[str, Any]


# Rows 14 and 15


def draws() -> tuple[np.ndarray, ...]:
    """Draw x from N(0, 1) four times, for the first of which i = 9; and the lecture's vector."""
    rng = np.random.default_rng(42)
    return rng.standard_normal((4, 3)).astype(np.float32), np.array([0.1, 1, 0.0001], np.float32)


def crazy_jax(x: Any, v: Any) -> Results:
    """Double until the norm reaches 1000, and go back: one compiled program, loop and all."""

    def program(x: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        y, pull_back, i = jax.vjp(grad.double_until, x, has_aux=True)
        return y, i, pull_back(v)[0]

    # Compiled once, ahead of time: what follows cannot depend on the draw.
    compiled = jax.jit(program).lower(x[0], v).compile()
    y, i, gradient = compiled(x[0], v)
    _, other, _ = compiled(x[1], v)
    return {"i": int(i), "gradient": gradient, "y": y, "i of another x": int(other)}


def crazy_torch(x: Any, v: Any) -> Results:
    """Double until the norm reaches 1000, and go back along the steps that were recorded."""

    def double_until(x: torch.Tensor) -> tuple[torch.Tensor, int]:
        y, i = x * 2, 0
        while y.detach().norm() < 1000:
            y, i = y * 2, i + 1
        return y, i

    x = torch.tensor(x)
    first = x[0].clone().requires_grad_()
    y, i = double_until(first)
    y.backward(torch.tensor(v))
    _, other = double_until(x[1])
    return {"i": i, "gradient": first.grad, "y": y, "i of another x": other}


def reading_jax(x: Any, v: Any) -> Results:
    """Read the number of doublings off the gradient: gradient / v = 2^(i+1), whatever x was."""

    def program(x: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
        _, pull_back, i = jax.vjp(grad.double_until, x, has_aux=True)
        return jnp.log2(pull_back(v)[0][1] / v[1]).round().astype(jnp.int32) - 1, i

    read, counted = jax.jit(jax.vmap(program, in_axes=(0, None)))(x, v)
    return {
        "read off the gradients": read,
        "counted": counted,
        "equal": bool((read == counted).all()),
    }


def reading_torch(x: Any, v: Any) -> Results:
    """Read the number of doublings off the gradient: gradient / v = 2^(i+1), whatever x was."""
    x, v = torch.tensor(x, requires_grad=True), torch.tensor(v)
    counted = []
    for draw in x:
        y, i = draw * 2, 0
        while y.detach().norm() < 1000:
            y, i = y * 2, i + 1
        y.backward(v)
        counted.append(i)
    read = torch.log2(x.grad[:, 1] / v[1]).round().int() - 1
    counts = torch.tensor(counted, dtype=torch.int32)
    return {
        "read off the gradients": read,
        "counted": counts,
        "equal": bool((read == counts).all()),
    }


# Rows 16 to 18


def line() -> tuple[np.ndarray, ...]:
    """Make x = 1, 2, ..., n and w = ones, n = 3."""
    return np.arange(1, 4, dtype=np.float32), np.ones(3, np.float32)


def both_jax(x: Any, w: Any) -> Results:
    """Track both arguments of z = w @ x."""
    to_x, to_w = jax.jit(lambda x, w: grad.backward(grad.dot, (x, w)))(x, w)
    return {"z": jax.jit(grad.dot)(x, w), "dz/dx": to_x, "dz/dw": to_w}


def both_torch(x: Any, w: Any) -> Results:
    """Track both arguments of z = w @ x."""
    x = torch.tensor(x, requires_grad=True)
    w = torch.tensor(w, requires_grad=True)
    z = w @ x
    z.backward()
    return {"z": z, "dz/dx": x.grad, "dz/dw": w.grad}


def one_jax(x: Any, w: Any) -> Results:
    """Track w only: x is detached, and gets no gradient."""
    program = jax.jit(lambda x, w: grad.backward(lambda x, w: grad.dot(grad.detach(x), w), (x, w)))
    to_x, to_w = program(x, w)
    return {"dz/dx": to_x, "dz/dw": to_w}


def one_torch(x: Any, w: Any) -> Results:
    """Track w only: x does not require grad, and gets no gradient."""
    x = torch.tensor(x)
    w = torch.tensor(w, requires_grad=True)
    (w @ x).backward()
    return {"dz/dx": x.grad, "dz/dw": w.grad}


def untracked_jax(x: Any, w: Any) -> Results:
    """Compute z inside of no_grad, and try to go back from it."""

    @grad.no_grad
    def z(w: jax.Array) -> jax.Array:
        return grad.dot(x, w)

    results: Results = {"z": z(w), "z is made by": grad.graph(z, w).grad_fn}
    try:
        jax.jit(lambda w: grad.backward(z, w))(w)
        raised, message = "nothing", ""
    except RuntimeError as error:
        raised, message = type(error).__name__, str(error)
    first = message.partition(":")[0]
    return results | {"raises": raised, "message": Told(first), "whole message": Told(message)}


def untracked_torch(x: Any, w: Any) -> Results:
    """Compute z inside of no_grad, and try to go back from it."""
    x = torch.tensor(x)
    w = torch.tensor(w, requires_grad=True)
    with torch.no_grad():
        z = w @ x

    results: Results = {"z": z, "z is made by": z.grad_fn}
    try:
        z.backward()
        raised, message = "nothing", ""
    except RuntimeError as error:
        raised, message = type(error).__name__, str(error)
    first = message.partition(":")[0]
    return results | {"raises": raised, "message": Told(first), "whole message": Told(message)}


ROWS = (
    Row(
        14,
        "y = 2x, doubled while its norm is below 1000; then back with the vector [0.1, 1, 0.0001]",
        draws,
        crazy_jax,
        crazy_torch,
        ("i", "gradient", "i of another x"),
        {"i": 9, "gradient": [102.4, 1024.0, 0.1024]},
    ),
    Row(
        15,
        "The number of doublings is read off the gradient, 2^(i+1) v, without knowing x (4 draws)",
        draws,
        reading_jax,
        reading_torch,
        ("read off the gradients", "counted"),
        {"equal": True},
    ),
    Row(
        16,
        "Inference: x = 1..n, w = ones, z = w @ x, both tracked: dz/dx = w, dz/dw = x",
        line,
        both_jax,
        both_torch,
        ("z", "dz/dx", "dz/dw"),
        {"z": 6.0, "dz/dx": [1.0, 1.0, 1.0], "dz/dw": [1.0, 2.0, 3.0]},
    ),
    Row(
        17,
        "Only w tracked: a gradient for w, none for x",
        line,
        one_jax,
        one_torch,
        ("dz/dx", "dz/dw"),
        {"dz/dw": [1.0, 2.0, 3.0]},
    ),
    Row(
        18,
        "Inside of no_grad nothing is tracked, and backward raises a RuntimeError",
        line,
        untracked_jax,
        untracked_torch,
        ("z is made by", "raises", "message"),
        {"raises": "RuntimeError"},
    ),
)
