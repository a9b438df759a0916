"""A network of PyTorch beside what it is converted to: outputs, gradients and buffers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch.utils import _pytree

import port
from tests.support.agree import to_numpy
from tests.support.networks import Network


def assert_near(ours: Any, theirs: Any, tolerance: float, what: str) -> float:
    """Same structure, shapes and dtypes, and no difference above `tolerance` of the largest value.

    The scale is that of all leaves together, as a gradient that cancels has none of its own.
    Return the largest difference, in that scale.
    """
    mine, right = jax.tree_util.tree_leaves(ours), _pytree.tree_leaves(theirs)
    assert len(mine) == len(right), what
    largest = max((r.abs().max().item() for r in right if r.is_floating_point()), default=0.0)
    apart = 0.0
    for a, b in zip(mine, right, strict=True):
        assert tuple(a.shape) == tuple(b.shape), what
        assert str(a.dtype) == str(b.dtype).removeprefix("torch."), what
        x, y = to_numpy(a), to_numpy(b)
        np.testing.assert_allclose(x, y, rtol=0, atol=tolerance * largest, err_msg=what)
        if b.is_floating_point() and b.numel():
            apart = max(apart, np.abs(x - y).max().item() / (largest or 1.0))
    return apart


def assert_at_rest(network: Network, gradients: bool | None = None) -> dict[str, float]:
    """In eval mode: the output, and the gradients of all parameters where they are asked for.

    Return the largest difference of each.
    """
    module, args = network.draw()
    program = port.convert(module, args)
    module.eval()
    if network.gradients if gradients is None else gradients:
        return _assert_gradients(network, module, program, args)[0]
    with torch.no_grad():
        right = module(*args)
    output, buffers = jax.jit(program)(program.params, program.buffers, *_arrays(args))
    assert buffers.keys() == program.buffers.keys()
    return {"output": assert_near(output, right, network.tolerance, "output")}


def assert_in_training(network: Network) -> dict[str, float]:
    """In training mode: output, gradients of all parameters, and the buffers afterwards.

    Return the largest difference of each.
    """
    module, args = network.draw()
    program = port.convert(module, args, train=True)
    assert all(not part.training for part in module.eval().modules())
    module.train()
    found, buffers = _assert_gradients(network, module, program, args)
    held = dict(module.named_buffers())
    assert buffers.keys() == held.keys()
    apart = [
        assert_near(buffers[name], buffer, network.tolerance, name) for name, buffer in held.items()
    ]
    return found | {"buffers": max(apart, default=0.0)}


def _arrays(args: tuple[torch.Tensor, ...]) -> list[jax.Array]:
    return [jnp.asarray(a.numpy()) for a in args]


def _assert_gradients(
    network: Network, module: torch.nn.Module, program: port.Program, args: Any
) -> tuple[dict[str, float], dict[str, jax.Array]]:
    """Output and gradients of a sum with random weights; return differences and the buffers."""
    right = module(*args)
    leaves = _pytree.tree_leaves(right)
    weights = [torch.randn(leaf.shape, dtype=leaf.dtype) for leaf in leaves]
    parameters = dict(module.named_parameters())
    gradients = torch.autograd.grad(
        sum((leaf * w).sum() for leaf, w in zip(leaves, weights, strict=True)),
        list(parameters.values()),
        allow_unused=True,  # heads that only training has
    )

    def loss(params: Any, buffers: Any, args: Any, weights: Any) -> Any:
        output, new = program(params, buffers, *args, rng=jax.random.key(0))
        parts = jax.tree_util.tree_leaves(output)
        return sum((p * w).sum() for p, w in zip(parts, weights, strict=True)), (output, new)

    pulled, (output, buffers) = jax.jit(jax.grad(loss, has_aux=True))(
        program.params, program.buffers, _arrays(args), _arrays(tuple(weights))
    )
    found = {"output": assert_near(output, right, network.tolerance, "output")}
    assert pulled.keys() == parameters.keys()
    theirs = [
        torch.zeros_like(p) if g is None else g
        for p, g in zip(parameters.values(), gradients, strict=True)
    ]
    ours = [pulled[name] for name in parameters]
    found["gradients"] = assert_near(ours, theirs, network.tolerance, "gradients")
    return found, buffers
