"""What the GPU is timed on: a layer's arrays, PyTorch's calls, and JAX's compiled programs."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import torch
from jax import lax

import conv

from ._layers import Layer
from ._sides import with_gradients


def draw(layer: Layer, device: str, dtype: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw input, weight and the output's cotangent on the device, outputs of unit variance."""
    generator = torch.Generator(device).manual_seed(0)

    def normal(shape: tuple[int, ...]) -> torch.Tensor:
        return torch.randn(shape, generator=generator, device=device)

    x, w = normal(layer.input), normal(layer.weight)
    y = _torch_forward(layer, x[:1], w)
    w /= y.std()
    x, w, g = (a.to(getattr(torch, dtype)) for a in (x, w, normal((x.shape[0], *y.shape[1:]))))
    return x, w, g


def _torch_forward(layer: Layer, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return getattr(torch.nn.functional, layer.op)(x, w, **layer.arguments)


def _torch_backward(
    layer: Layer, arrays: tuple[torch.Tensor, ...], wanted: tuple[bool, bool]
) -> tuple[torch.Tensor | None, ...]:
    x, w, g = arrays
    padding = (list(layer.padding), list(layer.dilation), layer.transposed)
    return torch.ops.aten.convolution_backward(
        g, x, w, None, list(layer.stride), *padding, list(layer.output_padding), layer.groups,
        [*wanted, False],
    )[:2]  # fmt: skip


def torch_calls(
    layer: Layer, arrays: tuple[torch.Tensor, ...], channels_last: bool
) -> dict[str, Callable[[], Any]]:
    """Return PyTorch's call for each role."""
    if channels_last:
        layout = torch.channels_last if layer.dims == 2 else torch.channels_last_3d
        arrays = tuple(a.to(memory_format=layout) for a in arrays)
    x, w, g = arrays
    tracked = [a.clone().requires_grad_() for a in (x, w)]

    def both() -> Any:
        y = getattr(torch.nn.functional, layer.op)(*tracked, **layer.arguments)
        return (y.detach(), *torch.autograd.grad(y, tracked, g))

    return {
        "forward": lambda: (_torch_forward(layer, x, w),),
        "input": lambda: _torch_backward(layer, arrays, (True, False))[:1],
        "weight": lambda: _torch_backward(layer, arrays, (False, True))[1:],
        "both": both,
    }


def roles(function: Callable[..., jax.Array]) -> dict[str, Callable[..., tuple[jax.Array, ...]]]:
    """Return the programs of x, w and g for each role."""
    return {
        "forward": lambda x, w, _: (function(x, w),),
        "input": lambda x, w, g: jax.linear_transpose(lambda x: function(x, w), x)(g),
        "weight": lambda x, w, g: jax.linear_transpose(lambda w: function(x, w), w)(g),
        "both": with_gradients(function),
    }


def raw_last(layer: Layer) -> tuple[Callable[..., jax.Array], tuple[int, ...]]:
    """Return the same map in plain lax with the channels last, as Flax calls it.

    Its kernel is (*kernel, C / groups, O), already turned round where the layer is transposed; that
    shape is returned too.
    """
    dims = layer.dims
    last = (0, dims + 1, *range(1, dims + 1))
    numbers = lax.ConvDimensionNumbers(last, (dims + 1, dims, *range(dims)), last)
    strides = (layer.stride, (1,) * dims)
    stride, spread = reversed(strides) if layer.transposed else strides
    out = layer.weight[1] * layer.groups if layer.transposed else layer.weight[0]

    def convolution(x: jax.Array, w: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(
            x,
            w,
            stride,
            layer.pairs,
            lhs_dilation=spread,
            rhs_dilation=layer.dilation,
            dimension_numbers=numbers,
            feature_group_count=layer.groups,
        )

    return convolution, (*layer.weight[2:], layer.input[1] // layer.groups, out)


def compiled(
    function: Callable[..., jax.Array],
    arrays: tuple[jax.Array, ...],
    wanted: Sequence[str],
    pool: ThreadPoolExecutor,
    marked: bool,
) -> dict[str, Callable[[], Any]]:
    """Compile the wanted roles of a function; return calls without arguments."""

    def one(role: str) -> Any:
        program = roles(function)[role]
        with conv.accelerate(marked):
            return jax.jit(lambda *a: program(*a), keep_unused=True).lower(*arrays).compile()

    made = {role: pool.submit(one, role) for role in wanted}
    return {role: partial(f.result(), *arrays) for role, f in made.items()}
