"""The sides of whole networks: PyTorch in its layouts or compiled, stock JAX, and ours.

A training step is a loss and its gradients by all parameters: the cross-entropy of a classifier,
else the mean of squares. No optimiser, and the norms' running statistics stay as they are.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import torch
from torch import nn
from torch.nn import functional

import conv
import port
from port._tensors import numbers

from .nets import Network

MODES = ("forward", "train")
LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}


@dataclass
class Program:
    """A call ready to time, what it gives, and the seconds until it was ready."""

    call: Callable[[], Any]
    result: Callable[[], float]
    first_call: float = 0.0


def torch_program(
    network: Network, mode: str, dtype: str, side: str, small: bool = False
) -> Program | None:
    """Return PyTorch's call, or None where the side has no such layout."""
    module, x = network.draw(small)
    module, x = module.to(getattr(torch, dtype)), x.to(getattr(torch, dtype))
    if side == "torch_channels_last":
        if x.ndim not in LAYOUTS:
            return None
        layout: Any = LAYOUTS[x.ndim]
        module, x = module.to(memory_format=layout), x.to(memory_format=layout)  # type: ignore[call-overload]
    run: Any = torch.compile(module) if side == "torch_compile" else module
    module.train(mode == "train")
    call = _torch_step(network, module, run, x) if mode == "train" else _torch_forward(run, x)
    start = time.perf_counter()
    call()
    return Program(call, lambda: _number(call(), mode), time.perf_counter() - start)


def _torch_forward(run: Callable[..., torch.Tensor], x: torch.Tensor) -> Callable[[], Any]:
    def forward() -> torch.Tensor:
        with torch.no_grad():
            return run(x)

    return forward


def _torch_step(
    network: Network, module: nn.Module, run: Callable[..., torch.Tensor], x: torch.Tensor
) -> Callable[[], Any]:
    learned = list(module.parameters())
    labels = torch.arange(len(x))

    def step() -> tuple[torch.Tensor, tuple[torch.Tensor | None, ...]]:
        y = run(x).float()
        loss = functional.cross_entropy(y, labels) if network.classifies else y.square().mean()
        # WaveNet's last layer has weights that lead nowhere.
        return loss, torch.autograd.grad(loss, learned, allow_unused=True)

    return step


def _number(result: Any, mode: str) -> float:
    """Return what is compared: the loss, or the root mean square of the output."""
    y = result[0] if mode == "train" else result
    if isinstance(y, torch.Tensor):
        y = y.detach().float().numpy()
    return float(y) if mode == "train" else float((jnp.asarray(y, jnp.float32) ** 2).mean() ** 0.5)


def jax_function(
    network: Network, mode: str, dtype: str, small: bool = False
) -> tuple[Callable[..., Any], Any, jax.Array]:
    """Return the function to compile, parameters and input."""
    module, drawn = network.draw(small)
    module, drawn = module.to(getattr(torch, dtype)), drawn.to(getattr(torch, dtype))
    converted = port.convert(module, (drawn,), train=mode == "train")
    x = jnp.array(numbers(drawn))
    if mode == "forward":

        def forward(state: Any, x: jax.Array) -> jax.Array:
            return converted(*state, x)[0]

        return forward, (converted.params, converted.buffers), x
    labels = jnp.arange(len(x))

    def loss(params: Any, x: jax.Array) -> jax.Array:
        y = converted(params, converted.buffers, x)[0].astype(jnp.float32)
        if not network.classifies:
            return (y**2).mean()
        return -jax.nn.log_softmax(y)[labels, labels].mean()

    return jax.value_and_grad(loss), converted.params, x


def jax_program(network: Network, mode: str, dtype: str, accelerated: bool = True) -> Program:
    """Compile and return our call, or stock JAX's."""
    function, params, x = jax_function(network, mode, dtype)
    with conv.accelerate(accelerated):
        start = time.perf_counter()
        compiled = jax.jit(lambda *a: function(*a)).lower(params, x).compile()
        taken = time.perf_counter() - start

    def call() -> Any:
        return jax.block_until_ready(compiled(params, x))

    return Program(call, lambda: _number(call(), mode), taken)


def program(network: Network, mode: str, dtype: str, side: str) -> Program | None:
    """Make a side's program for a network and mode, or None where it has none."""
    if side.startswith("torch"):
        return torch_program(network, mode, dtype, side)
    return jax_program(network, mode, dtype, accelerated=side == "ours")
