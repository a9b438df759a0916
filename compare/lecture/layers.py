"""Rows 5 to 9: the layers, their documentation, and the sizes of what goes in and comes out."""

import inspect
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F
from flax import nnx

import conv

from .._row import Row

Results = dict[str, Any]


# Row 5


def short_signal() -> tuple[np.ndarray, ...]:
    """Make a signal of three samples."""
    return (np.array([[1, 2, 3]], np.float32),)


def signature_text(function: Any, own: Any) -> str:
    """Write a signature's parameters with their defaults, without those of one library only."""
    return ", ".join(
        name if p.default is p.empty else f"{name}={p.default!r}"
        for name, p in inspect.signature(function).parameters.items()
        if name not in own
    )


def unexplained(function: Any, names: Any) -> list[str]:
    """Name the parameters that a documentation does not mention."""
    text = inspect.getdoc(function) or ""
    return [name for name in re.findall(r"(\w+)(?:=|,|$)", names) if name not in text]


def documentation_jax(x: Any) -> Results:
    """Read what `conv.Conv1d?` and `conv.conv1d?` show, and try the padding modes."""
    layer = signature_text(conv.Conv1d, own={"rngs", "dtype"})
    function = signature_text(conv.conv1d, own={"precision", "preferred_element_type"})
    results = {
        "Conv1d": layer,
        "conv1d": function,
        "unexplained": len(unexplained(conv.Conv1d, layer) + unexplained(conv.conv1d, function)),
    }
    for mode in ("zeros", "reflect", "replicate", "circular"):
        module: Any = conv.Conv1d(
            1, 1, 3, padding=1, bias=False, padding_mode=mode, rngs=nnx.Rngs(0)
        )
        module.weight[...] = jnp.ones((1, 1, 3), jnp.float32)
        results[f"pad {mode}"] = nnx.jit(module)(x)[0]
    return results


def documentation_torch(x: Any) -> Results:
    """Read what `nn.Conv1d?` and `F.conv1d?` show, and try the padding modes."""
    layer = signature_text(torch.nn.Conv1d, own={"device", "dtype"})
    # F.conv1d is compiled; its documentation begins with the signature.
    function = str(inspect.getdoc(F.conv1d)).removeprefix("conv1d(").partition(") ->")[0]
    results = {
        "Conv1d": layer,
        "conv1d": function,
        "unexplained": len(unexplained(torch.nn.Conv1d, layer) + unexplained(F.conv1d, function)),
    }
    for mode in ("zeros", "reflect", "replicate", "circular"):
        module: Any = torch.nn.Conv1d(1, 1, 3, padding=1, bias=False, padding_mode=mode)
        torch.nn.init.ones_(module.weight)
        results[f"pad {mode}"] = module(torch.tensor(x))[0]
    return results


# Rows 6 to 9


def uniform(seed: int, x: tuple[int, ...], weight: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Draw x from U(0, 1), a weight and a bias from a layer's initial distribution."""
    rng = np.random.default_rng(seed)
    bound = float(np.prod(weight[1:])) ** -0.5
    return (
        rng.random(x).astype(np.float32),
        rng.uniform(-bound, bound, weight).astype(np.float32),
        rng.uniform(-bound, bound, weight[:1]).astype(np.float32),
    )


def stereo_3_jax(x: Any, weight: Any, bias: Any) -> Results:
    """Make the layer, look at its sizes, give it the shared weight and convolve."""
    layer: Any = conv.Conv1d(2, 16, 3, rngs=nnx.Rngs(0))
    sizes = {"weight": layer.weight.shape, "bias": layer.bias.shape}
    layer.weight[...], layer.bias[...] = weight, bias
    y = nnx.jit(layer)(x)
    return sizes | {
        "output": y.shape,
        "values": y,
        "values of conv1d": jax.jit(conv.conv1d)(x, weight, bias),
    }


def stereo_3_torch(x: Any, weight: Any, bias: Any) -> Results:
    """Make the layer, look at its sizes, give it the shared weight and convolve."""
    x, weight, bias = map(torch.tensor, (x, weight, bias))
    layer: Any = torch.nn.Conv1d(2, 16, 3)
    sizes = {"weight": tuple(layer.weight.shape), "bias": tuple(layer.bias.shape)}
    layer.load_state_dict({"weight": weight, "bias": bias})
    y = layer(x)
    return sizes | {
        "output": tuple(y.shape),
        "values": y,
        "values of conv1d": F.conv1d(x, weight, bias),
    }


def stereo_5_jax(x: Any, weight: Any, bias: Any) -> Results:
    """Use kernels of length 5 on the same signal."""
    layer: Any = conv.Conv1d(2, 16, 5, rngs=nnx.Rngs(0))
    layer.weight[...], layer.bias[...] = weight, bias
    y = nnx.jit(layer)(x)
    return {
        "output": y.shape,
        "values": y,
        "values of conv1d": jax.jit(conv.conv1d)(x, weight, bias),
    }


def stereo_5_torch(x: Any, weight: Any, bias: Any) -> Results:
    """Use kernels of length 5 on the same signal."""
    x, weight, bias = map(torch.tensor, (x, weight, bias))
    layer = torch.nn.Conv1d(2, 16, 5)
    layer.load_state_dict({"weight": weight, "bias": bias})
    y = layer(x)
    return {
        "output": tuple(y.shape),
        "values": y,
        "values of conv1d": F.conv1d(x, weight, bias),
    }


def image_jax(x: Any, weight: Any, bias: Any) -> Results:
    """Convolve an image of 20 channels with kernels of 3 x 5 pixels."""
    layer: Any = conv.Conv2d(20, 16, (3, 5), rngs=nnx.Rngs(0))
    sizes = {"weight": layer.weight.shape}
    layer.weight[...], layer.bias[...] = weight, bias
    y = nnx.jit(layer)(x)
    return sizes | {
        "output": y.shape,
        "values": y,
        "values of conv2d": jax.jit(conv.conv2d)(x, weight, bias),
    }


def image_torch(x: Any, weight: Any, bias: Any) -> Results:
    """Convolve an image of 20 channels with kernels of 3 x 5 pixels."""
    x, weight, bias = map(torch.tensor, (x, weight, bias))
    layer = torch.nn.Conv2d(20, 16, (3, 5))
    sizes = {"weight": tuple(layer.weight.shape)}
    layer.load_state_dict({"weight": weight, "bias": bias})
    y = layer(x)
    return sizes | {
        "output": tuple(y.shape),
        "values": y,
        "values of conv2d": F.conv2d(x, weight, bias),
    }


def padded_jax(x: Any, weight: Any, bias: Any) -> Results:
    """Pad by 1 above and below, by 2 left and right: the output is as large as the input."""
    layer: Any = conv.Conv2d(20, 16, (3, 5), 1, (1, 2), rngs=nnx.Rngs(0))
    layer.weight[...], layer.bias[...] = weight, bias
    y = nnx.jit(layer)(x)
    return {
        "output": y.shape,
        "kernel dimensions": layer.weight.ndim,
        "size kept": y.shape[2:] == x.shape[2:],
        "values": y,
        "values of conv2d": jax.jit(
            lambda x, weight, bias: conv.conv2d(x, weight, bias, stride=1, padding=(1, 2))
        )(x, weight, bias),
    }


def padded_torch(x: Any, weight: Any, bias: Any) -> Results:
    """Pad by 1 above and below, by 2 left and right: the output is as large as the input."""
    x, weight, bias = map(torch.tensor, (x, weight, bias))
    layer = torch.nn.Conv2d(20, 16, (3, 5), 1, (1, 2))
    layer.load_state_dict({"weight": weight, "bias": bias})
    y = layer(x)
    return {
        "output": tuple(y.shape),
        "kernel dimensions": layer.weight.ndim,
        "size kept": y.shape[2:] == x.shape[2:],
        "values": y,
        "values of conv2d": F.conv2d(x, weight, bias, stride=1, padding=(1, 2)),
    }


ROWS = (
    Row(
        5,
        "The documentation at hand, `Conv1d?` and `conv1d?`: the same parameters, all explained",
        short_signal,
        documentation_jax,
        documentation_torch,
        (
            "Conv1d",
            "unexplained",
            "pad zeros",
            "pad reflect",
            "pad replicate",
            "pad circular",
        ),
        {
            "Conv1d": "in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, "
            "groups=1, bias=True, padding_mode='zeros'",
            "unexplained": 0,
        },
    ),
    Row(
        6,
        "Conv1d(2, 16, 3) on a stereo signal (1, 2, 64): 62 = 64-3+1",
        lambda: uniform(6, (1, 2, 64), (16, 2, 3)),
        stereo_3_jax,
        stereo_3_torch,
        ("weight", "bias", "output"),
        {"weight": (16, 2, 3), "bias": (16,), "output": (1, 16, 62)},
    ),
    Row(
        7,
        "Conv1d(2, 16, 5) on the same signal",
        lambda: uniform(6, (1, 2, 64), (16, 2, 5)),
        stereo_5_jax,
        stereo_5_torch,
        ("output",),
        {"output": (1, 16, 60)},
    ),
    Row(
        8,
        "Conv2d(20, 16, (3, 5)) on a hyperspectral image (1, 20, 64, 128)",
        lambda: uniform(8, (1, 20, 64, 128), (16, 20, 3, 5)),
        image_jax,
        image_torch,
        ("weight", "output"),
        {"weight": (16, 20, 3, 5), "output": (1, 16, 62, 124)},
    ),
    Row(
        9,
        "The same with stride 1 and padding (1, 2): height and width stay; the kernels take 4 "
        "dimensions to store",
        lambda: uniform(8, (1, 20, 64, 128), (16, 20, 3, 5)),
        padded_jax,
        padded_torch,
        ("output", "kernel dimensions", "size kept"),
        {
            "output": (1, 16, 64, 128),
            "kernel dimensions": 4,
            "size kept": True,
        },
    ),
)
