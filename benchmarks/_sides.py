"""The sides of the race: each computes a layer forward, and forward with both gradients."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import torch
from flax import nnx
from jax import lax

import conv

from ._layers import Layer

NAMES = (
    "torch",
    "torch_channels_last",
    "lax",
    "ours",
    "nnx",
    "nnx_accelerated",
    "equinox",
    "equinox_accelerated",
)


@dataclass
class Side:
    """A side's two calls, ready to time; JAX's with what compiling them took."""

    name: str
    forward: Callable[[], Any]
    both: Callable[[], Any]
    forward_result: Callable[[], list[np.ndarray]]
    both_result: Callable[[], list[np.ndarray]]
    memory: dict[str, int] = field(default_factory=dict)
    first_call: dict[str, float] = field(default_factory=dict)


def torch_side(layer: Layer, channels_last: bool) -> Side | None:
    """Time PyTorch eagerly, as its users call it."""
    if channels_last and layer.dims == 1:
        return None
    function = getattr(torch.nn.functional, layer.op)
    x, w = (torch.from_numpy(a) for a in layer.arrays())
    if channels_last:
        layout = torch.channels_last if layer.dims == 2 else torch.channels_last_3d
        x, w = x.to(memory_format=layout), w.to(memory_format=layout)
    with torch.no_grad():
        g = torch.from_numpy(gradient(tuple(function(x, w, **layer.arguments).shape)))
    if channels_last:
        g = g.to(memory_format=layout)
    tracked = [a.clone().requires_grad_() for a in (x, w)]

    def forward() -> Any:
        with torch.no_grad():
            return function(x, w, **layer.arguments)

    def both() -> Any:
        y = function(*tracked, **layer.arguments)
        return (y, *torch.autograd.grad(y, tracked, g))

    return Side(
        "torch_channels_last" if channels_last else "torch",
        forward,
        both,
        lambda: [forward().numpy()],
        lambda: [a.detach().numpy() for a in both()],
    )


def gradient(shape: tuple[int, ...]) -> np.ndarray:
    """Draw the cotangent of the output, the same for every side."""
    return np.random.default_rng(1).standard_normal(shape).astype("float32")


def reference(layer: Layer) -> list[np.ndarray]:
    """Compute output and gradients in float64, by PyTorch."""
    function = getattr(torch.nn.functional, layer.op)
    x, w = (torch.from_numpy(a.astype("float64")).requires_grad_() for a in layer.arrays())
    y = function(x, w, **layer.arguments)
    g = torch.from_numpy(gradient(tuple(y.shape)).astype("float64"))
    return [a.detach().numpy() for a in (y, *torch.autograd.grad(y, [x, w], g))]


def raw(layer: Layer) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Return the same linear map in plain `lax.conv_general_dilated`."""
    if not layer.transposed:

        def convolution(x: jax.Array, w: jax.Array) -> jax.Array:
            return lax.conv_general_dilated(
                x,
                w,
                layer.stride,
                layer.pairs,
                rhs_dilation=layer.dilation,
                feature_group_count=layer.groups,
            )

        return convolution
    kernel = layer.weight[2:]

    def transposed(x: jax.Array, w: jax.Array) -> jax.Array:
        groups = layer.groups
        split = w.reshape(groups, w.shape[0] // groups, *w.shape[1:]).swapaxes(1, 2)
        flipped = jnp.flip(split.reshape(-1, split.shape[2], *kernel), range(2, w.ndim))
        return lax.conv_general_dilated(
            x,
            flipped,
            (1,) * layer.dims,
            layer.pairs,
            lhs_dilation=layer.stride,
            rhs_dilation=layer.dilation,
            feature_group_count=groups,
        )

    return transposed


def ours(layer: Layer) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Return this package's function."""
    function = getattr(conv, layer.op)
    return lambda x, w: function(x, w, **layer.arguments)


def nnx_layer(layer: Layer) -> tuple[Callable[..., jax.Array], Any, Any] | None:
    """Return a flax.nnx layer of the same shape, channels last, with its input and weight."""
    if layer.transposed and (layer.groups > 1 or set(layer.dilation) != {1}):
        return None
    kernel = layer.weight[2:]
    rngs = nnx.Rngs(0)
    if layer.transposed:
        pairs = [
            (k - 1 - p, k - 1 - p + e)
            for k, p, e in zip(kernel, layer.padding, layer.output_padding, strict=True)
        ]
        module: Any = nnx.ConvTranspose(
            layer.weight[0],
            layer.weight[1],
            kernel,
            layer.stride,
            padding=pairs,
            use_bias=False,
            rngs=rngs,
        )
    else:
        module = nnx.Conv(
            layer.input[1],
            layer.weight[0],
            kernel,
            layer.stride,
            padding=[(p, p) for p in layer.padding],
            kernel_dilation=layer.dilation,
            feature_group_count=layer.groups,
            use_bias=False,
            rngs=rngs,
        )
    graph, state = nnx.split(module)
    x = jnp.moveaxis(jnp.asarray(layer.arrays()[0]), 1, -1)
    return (lambda x, state: nnx.merge(graph, state)(x)), x, state


def equinox_layer(layer: Layer) -> tuple[Callable[..., jax.Array], Any, Any]:
    """Return an equinox layer of the same shape, mapped over the batch, with input and weight."""
    settings: dict[str, Any] = {
        "num_spatial_dims": layer.dims,
        "in_channels": layer.input[1],
        "kernel_size": layer.weight[2:],
        "stride": layer.stride,
        "padding": layer.padding,
        "dilation": layer.dilation,
        "groups": layer.groups,
        "use_bias": False,
        "key": jax.random.key(0),
    }
    if layer.transposed:
        settings["out_channels"] = layer.weight[1] * layer.groups
        module: Any = eqx.nn.ConvTranspose(output_padding=layer.output_padding, **settings)
    else:
        settings["out_channels"] = layer.weight[0]
        module = eqx.nn.Conv(**settings)
    return (lambda x, m: jax.vmap(m)(x)), jnp.asarray(layer.arrays()[0]), module


def with_gradients(function: Callable[..., jax.Array]) -> Callable[..., tuple[Any, ...]]:
    """Return the program of x, w and g for the output and both gradients."""

    def both(x: Any, w: Any, g: Any) -> tuple[Any, ...]:
        y, pull = jax.vjp(function, x, w)
        return (y, *pull(g))

    return both


def jax_side(layer: Layer, name: str) -> Side | None:
    """Compile a JAX side; `accelerate` where the name says so."""
    accelerated = name.endswith("_accelerated")
    kind = name.removesuffix("_accelerated")
    if kind in ("lax", "ours"):
        made: Any = ((raw if kind == "lax" else ours)(layer), *map(jnp.asarray, layer.arrays()))
    else:
        made = nnx_layer(layer) if kind == "nnx" else equinox_layer(layer)
    if made is None:
        return None
    function, x, w = made
    shape = jax.eval_shape(function, x, w).shape
    g = jnp.asarray(gradient(shape))

    both = with_gradients(function)
    side = Side(name, lambda: None, lambda: None, list, list)
    compiled = {}
    for mode, call, args in (("forward", function, (x, w)), ("both", both, (x, w, g))):
        taken = []
        with conv.accelerate() if accelerated else nullcontext():
            for _ in range(2):  # the lower of two: other programs only add to it
                jax.clear_caches()
                start = time.perf_counter()
                compiled[mode] = jax.jit(lambda *a, call=call: call(*a)).lower(*args).compile()
                taken.append(time.perf_counter() - start)
        side.first_call[mode] = min(taken)
        analysis: Any = compiled[mode].memory_analysis()
        side.memory[mode] = analysis.temp_size_in_bytes
    side.forward = lambda: jax.block_until_ready(compiled["forward"](x, w))
    side.both = lambda: jax.block_until_ready(compiled["both"](x, w, g))
    side.forward_result = lambda: [np.asarray(side.forward())]
    side.both_result = lambda: [np.asarray(a) for a in jax.tree.leaves(side.both())]
    return side


def make(layer: Layer, name: str) -> Side | None:
    """Make a side for a layer, or None where it has no such layer."""
    if name.startswith("torch"):
        return torch_side(layer, name.endswith("channels_last"))
    return jax_side(layer, name)
