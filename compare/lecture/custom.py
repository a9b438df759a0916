"""Rows 19 to 22: functions with a gradient of their own, alone and inside of a network."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

import custom_vjp

from .._format import short
from .._row import Row
from .._values import Told
from .convolution import normal

Results = dict[str, Any]


class Add(torch.autograd.Function):
    """The sum of two tensors; the gradient goes to both."""

    @staticmethod
    def forward(_ctx: Any, x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
        """Add."""
        return x1 + x2

    @staticmethod
    def backward(_ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Copy."""
        return gradient, gradient


class Split(torch.autograd.Function):
    """Two copies of a tensor; their gradients are added."""

    @staticmethod
    def forward(_ctx: Any, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Copy."""
        return x.clone(), x.clone()

    @staticmethod
    def backward(_ctx: Any, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Add."""
        return first + second


class Max(torch.autograd.Function):
    """The largest element; the gradient goes to wherever it stands."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        """Take the maximum, and keep where it stands."""
        y = x.max()
        ctx.save_for_backward(x == y)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        """Give each maximum the gradient, all else zero."""
        (mask,) = ctx.saved_tensors
        return gradient * mask


# Row 19


def add_jax(x1: Any, x2: Any) -> Results:
    """Go back from mean(add(x1, x2))."""

    def program(x1: jax.Array, x2: jax.Array) -> jax.Array:
        return custom_vjp.add(x1, x2).mean()

    to_x1, to_x2 = jax.jit(jax.grad(program, argnums=(0, 1)))(x1, x2)
    return {"x1 + x2": jax.jit(custom_vjp.add)(x1, x2), "to x1": to_x1, "to x2": to_x2}


def add_torch(x1: Any, x2: Any) -> Results:
    """Go back from mean(Add(x1, x2))."""
    x1 = torch.tensor(x1, requires_grad=True)
    x2 = torch.tensor(x2, requires_grad=True)
    y = Add.apply(x1, x2)
    y.mean().backward()
    return {"x1 + x2": y, "to x1": x1.grad, "to x2": x2.grad}


# Row 20


def split_jax(x: Any) -> Results:
    """Go back from mean(x1 + x2), where x1 and x2 are the copies of x: first to them, then on."""

    def head(copies: tuple[jax.Array, jax.Array]) -> jax.Array:
        return (copies[0] + copies[1]).mean()

    copies, pull_back = jax.vjp(custom_vjp.split, x)
    to_x1, to_x2 = jax.jit(jax.grad(head))(copies)
    return {
        "to x1": to_x1,
        "to x2": to_x2,
        "gradient": jax.jit(jax.grad(lambda x: head(custom_vjp.split(x))))(x),
        "in two steps": pull_back((to_x1, to_x2))[0],
    }


def split_torch(x: Any) -> Results:
    """Go back from mean(x1 + x2), where x1 and x2 are the copies of x: first to them, then on."""
    x = torch.tensor(x, requires_grad=True)
    x1, x2 = Split.apply(x)
    y = (x1 + x2).mean()
    to_x1, to_x2 = torch.autograd.grad(y, (x1, x2), retain_graph=True)
    y.backward(retain_graph=True)
    (in_two_steps,) = torch.autograd.grad((x1, x2), x, (to_x1, to_x2))
    return {"to x1": to_x1, "to x2": to_x2, "gradient": x.grad, "in two steps": in_two_steps}


# Row 21


def max_jax(x: Any, tied: Any) -> Results:
    """Go back from the maximum, without ties and with, and compare with the library's own."""
    gradient = jax.jit(jax.grad(custom_vjp.max))
    return {
        "max": jax.jit(custom_vjp.max)(x),
        "gradient": gradient(x),
        "ties: custom max": gradient(tied),
        "ties: own max(x)": jax.jit(jax.grad(jnp.max))(tied),
        "ties: own max(x, 0)": Told(
            short(np.asarray(jax.jit(jax.grad(lambda x: jnp.max(x, 0)))(tied)))
        ),
    }


def max_torch(x: Any, tied: Any) -> Results:
    """Go back from the maximum, without ties and with, and compare with the library's own."""

    def gradient(function: Callable[[torch.Tensor], Any], x: Any) -> torch.Tensor:
        x = torch.tensor(x, requires_grad=True)
        function(x).backward()
        return x.grad

    return {
        "max": Max.apply(torch.tensor(x)),
        "gradient": gradient(Max.apply, x),
        "ties: custom max": gradient(Max.apply, tied),
        "ties: own max(x)": gradient(torch.max, tied),
        "ties: own max(x, 0)": Told(
            short(gradient(lambda x: torch.max(x, 0).values, tied).numpy())
        ),
    }


# Row 22


def networks_jax(w: Any, batch: Any) -> Results:
    """Put each function between two layers; one signal, then a batch of them."""

    def with_add(w: jax.Array, x: jax.Array) -> jax.Array:
        return jnp.tanh(custom_vjp.add(w @ x, x)).mean()

    def with_split(w: jax.Array, x: jax.Array) -> jax.Array:
        x1, x2 = custom_vjp.split(jnp.tanh(w @ x))
        return (w @ x1 * jnp.sin(x2)).mean()

    def with_max(w: jax.Array, x: jax.Array) -> jax.Array:
        return jnp.tanh(custom_vjp.max(w @ jnp.tanh(x)))

    results = {}
    for name, network in {"add": with_add, "split": with_split, "max": with_max}.items():
        value, gradient = jax.jit(jax.value_and_grad(network))(w, batch[0])
        results[f"{name}: value"] = value
        results[f"{name}: grad, jit"] = gradient
        results[f"{name}: grad, vmap, jit"] = jax.jit(jax.vmap(jax.grad(network), (None, 0)))(
            w, batch
        )
    return results


def networks_torch(w: Any, batch: Any) -> Results:
    """Put each function between two layers; one signal, then each of a batch in turn."""
    w, batch = torch.tensor(w, requires_grad=True), torch.tensor(batch)

    def with_add(w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(Add.apply(w @ x, x)).mean()

    def with_split(w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        x1, x2 = Split.apply(torch.tanh(w @ x))
        return (w @ x1 * torch.sin(x2)).mean()

    def with_max(w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(Max.apply(w @ torch.tanh(x)))

    results = {}
    for name, network in {"add": with_add, "split": with_split, "max": with_max}.items():
        gradients = [torch.autograd.grad(network(w, x), w)[0] for x in batch]
        results[f"{name}: value"] = network(w, batch[0])
        results[f"{name}: grad, jit"] = gradients[0]
        results[f"{name}: grad, vmap, jit"] = torch.stack(gradients)
    return results


ROWS = (
    Row(
        19,
        "A custom add: backward copies the gradient; mean(add(x1, x2)) with n=3",
        lambda: normal(19, (3,), (3,)),
        add_jax,
        add_torch,
        ("to x1", "to x2"),
        {"to x1": [1 / 3] * 3, "to x2": [1 / 3] * 3},
        lambda: (custom_vjp.add,),
        lambda: (Add,),
    ),
    Row(
        20,
        "A custom split: backward adds the two gradients; mean(x1 + x2), x of length 4",
        lambda: normal(20, (4,)),
        split_jax,
        split_torch,
        ("to x1", "to x2", "gradient"),
        {
            "to x1": [0.25] * 4,
            "to x2": [0.25] * 4,
            "gradient": [0.5] * 4,
            "in two steps": [0.5] * 4,
        },
        lambda: (custom_vjp.split,),
        lambda: (Split,),
    ),
    Row(
        21,
        "A custom max: backward is 1 where the maximum stands and 0 elsewhere; every tied maximum "
        "gets the full gradient; jnp.max and torch.max(x) share it out, torch.max(x, 0) gives it "
        "to one",
        lambda: tuple(np.array([[1, 3, 2], [3, 1, 3]], np.float32)),
        max_jax,
        max_torch,
        (
            "max",
            "gradient",
            "ties: custom max",
            "ties: own max(x)",
            "ties: own max(x, 0)",
        ),
        {"gradient": [0.0, 1.0, 0.0], "ties: custom max": [1.0, 0.0, 1.0]},
        lambda: (custom_vjp.max,),
        lambda: (Max,),
    ),
    Row(
        22,
        "A custom function plugs in anywhere: each in a network, under jit, vmap and grad",
        lambda: normal(22, (4, 4), (5, 4)),
        networks_jax,
        networks_torch,
        tuple(f"{name}: grad, vmap, jit" for name in ("add", "split", "max")),
        {},
        lambda: (custom_vjp.add, custom_vjp.split, custom_vjp.max),
        lambda: (Add, Split, Max),
    ),
)
