"""A `torch.nn` module as a pure JAX function of its parameters: torch.fx's graph, node by node.

It knows what the networks of `nets` are made of; each rule is a line or a few, as one would write
it in JAX. Convolutions are this package's, and `conv.accelerate(False)` makes them JAX's own. Every
operation bears its module's name in the program's metadata, which `benchmarks.profile` reads.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import torch
from jax import lax
from torch import fx, nn
from torch.nn import functional

import conv

Params = Mapping[str, jax.Array]
Get = Callable[[str], Any]


def interpret(module: nn.Module, train: bool) -> Callable[[Params, jax.Array], jax.Array]:
    """Return the function of parameters (by their names in the state_dict) and input.

    In training, norms take the batch's statistics and leave the running ones alone.
    """
    graph = fx.symbolic_trace(module)
    modules = dict(graph.named_modules())

    def run(params: Params, x: jax.Array) -> jax.Array:
        values: dict[fx.Node, Any] = {}

        def known(argument: Any) -> Any:
            return fx.node.map_arg(argument, values.__getitem__)

        def call(node: fx.Node) -> Any:
            name = str(node.target)
            if node.op == "placeholder":
                return x
            if node.op == "get_attr":
                return params[name]
            args = known(node.args)
            if node.op == "output":
                return args[0]
            keywords = known(node.kwargs)
            if node.op == "call_module":
                layer = modules[name]
                get = {
                    key: params.get(f"{name}.{key}")
                    for key in ("weight", "bias", "running_mean", "running_var")
                }.get
                return MODULES[type(layer)](layer, get, *args, train)
            table: Mapping[Any, Any] = METHODS if node.op == "call_method" else FUNCTIONS
            return table[node.target](*args, **keywords)

        for node in graph.graph.nodes:
            with jax.named_scope(_scope(node)):
                values[node] = call(node)
        return values[node]

    return run


def _scope(node: fx.Node) -> str:
    return str(node.target if node.op == "call_module" else node.name)


def parameters(module: nn.Module) -> dict[str, jax.Array]:
    """Return the parameters, copied."""
    return {name: as_jax(p) for name, p in module.named_parameters()}


def state(module: nn.Module) -> dict[str, jax.Array]:
    """Return parameters and running statistics, copied."""
    held = module.state_dict().items()
    return {name: as_jax(t) for name, t in held if t.is_floating_point()}


def as_jax(tensor: torch.Tensor) -> jax.Array:
    """Copy a tensor, in PyTorch's order of axes."""
    wide = tensor.detach().float() if tensor.dtype == torch.bfloat16 else tensor.detach()
    array = jnp.array(wide.contiguous().numpy())
    return array.astype(jnp.bfloat16) if tensor.dtype == torch.bfloat16 else array


def _wide(x: jax.Array) -> jax.Array:
    """Statistics of two-byte floats are float32."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _conv(layer: Any, get: Get, x: jax.Array, _: bool) -> jax.Array:
    function = getattr(conv, f"conv{x.ndim - 2}d")
    settings = (layer.stride, layer.padding, layer.dilation, layer.groups)
    return function(x, get("weight"), get("bias"), *settings)


def _conv_transpose(layer: Any, get: Get, x: jax.Array, _: bool) -> jax.Array:
    function = getattr(conv, f"conv_transpose{x.ndim - 2}d")
    settings = (layer.stride, layer.padding, layer.output_padding, layer.groups, layer.dilation)
    return function(x, get("weight"), get("bias"), *settings)


def _batch_norm(layer: Any, get: Get, x: jax.Array, train: bool) -> jax.Array:
    wide = _wide(x)
    if train:  # in one pass, as flax has it
        axes = (0, *range(2, x.ndim))
        mean = wide.mean(axes)
        variance = jnp.maximum(0, (wide * wide).mean(axes) - mean * mean)
    else:
        mean, variance = _wide(get("running_mean")), _wide(get("running_var"))
    scale = get("weight") * lax.rsqrt(variance + layer.eps)
    shift = get("bias") - mean * scale
    along = (-1, *(1,) * (x.ndim - 2))
    return (wide * scale.reshape(along) + shift.reshape(along)).astype(x.dtype)


def _layer_norm(layer: Any, get: Get, x: jax.Array, _: bool) -> jax.Array:
    wide = _wide(x)
    mean = wide.mean(-1, keepdims=True)
    variance = jnp.maximum(0, (wide * wide).mean(-1, keepdims=True) - mean * mean)
    normal = (wide - mean) * lax.rsqrt(variance + layer.eps)
    return (normal * get("weight") + get("bias")).astype(x.dtype)


def _linear(_layer: Any, get: Get, x: jax.Array, _: bool) -> jax.Array:
    with conv.accelerate():
        return jnp.einsum("...i,oi->...o", x, get("weight")) + get("bias")


def _max_pool(layer: Any, _get: Get, x: jax.Array, _: bool) -> Any:
    return conv.max_pool2d(x, layer.kernel_size, layer.stride, layer.padding)


def _mean(layer: Any, _get: Get, x: jax.Array, _: bool) -> jax.Array:
    if layer.output_size != 1:
        raise ValueError(f"only means over all positions, not to {layer.output_size}")
    return _wide(x).mean(tuple(range(2, x.ndim)), keepdims=True).astype(x.dtype)


def _simple(function: Callable[[jax.Array], jax.Array]) -> Callable[..., jax.Array]:
    return lambda _layer, _get, x, _train: function(x)


def _pad(x: jax.Array, widths: tuple[int, ...], **_: Any) -> jax.Array:
    pairs = list(zip(widths[::2], widths[1::2], strict=True))[::-1]
    return jnp.pad(x, [(0, 0)] * (x.ndim - len(pairs)) + pairs)


MODULES: Mapping[type[nn.Module], Callable[..., jax.Array]] = {
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), _conv),
    **dict.fromkeys((nn.ConvTranspose1d, nn.ConvTranspose2d), _conv_transpose),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), _batch_norm),
    **dict.fromkeys((nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d), _mean),
    nn.LayerNorm: _layer_norm,
    nn.Linear: _linear,
    nn.MaxPool2d: _max_pool,
    nn.Flatten: _simple(lambda x: x.reshape(x.shape[0], -1)),
    nn.Identity: _simple(lambda x: x),
    nn.ReLU: _simple(jax.nn.relu),
    nn.ReLU6: _simple(jax.nn.relu6),
    nn.SiLU: _simple(jax.nn.silu),
    nn.GELU: _simple(lambda x: jax.nn.gelu(x, approximate=False)),
    nn.Sigmoid: _simple(jax.nn.sigmoid),
}
FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    operator.add: operator.add,
    operator.mul: operator.mul,
    operator.getitem: operator.getitem,
    torch.cat: jnp.concatenate,
    torch.tanh: jnp.tanh,
    torch.sigmoid: jax.nn.sigmoid,
    functional.pad: _pad,
    functional.max_pool2d: lambda x, size, **_: conv.max_pool2d(x, size),
}
METHODS: Mapping[str, Callable[..., Any]] = {
    "permute": lambda x, order: jnp.transpose(x, order),
    "chunk": lambda x, count, axis: jnp.split(x, count, axis),
}
