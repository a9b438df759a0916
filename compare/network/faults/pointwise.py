"""Faults of activations and of dropout at rest; and rounding, which any function can have."""

from collections.abc import Iterator
from functools import partial
from operator import mul

import torch
import torch.nn.functional as F

from ._guess import Arguments, Guess, Kind, Site, given
from .kernels import Map

ACTIVATIONS: dict[str, Map] = {
    "gelu (tanh)": lambda x: F.gelu(x, approximate="tanh"),
    "gelu (erf)": F.gelu,
    "quick gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "relu": F.relu,
    "no activation": lambda x: x,
    "silu": F.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu6": F.relu6,
    "elu": F.elu,
    "selu": F.selu,
    "celu": F.celu,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "hardtanh": F.hardtanh,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "clip(0.2 x + 0.5, 0, 1)": lambda x: torch.clamp(0.2 * x + 0.5, 0, 1),
    "mish": F.mish,
    "logsigmoid": F.logsigmoid,
    "leaky_relu": F.leaky_relu,
    "square of relu": lambda x: F.relu(x) ** 2,
    "exp": torch.exp,
}
# Numbers that a function takes, and those that are often taken for them.
NUMBERS: dict[str, tuple[str, float, tuple[float, ...]]] = {
    "leaky_relu": ("negative_slope", 0.01, (0.01, 0.2, 0.1, 0.3, 0.02, 0.05, 1 / 3, 0.25)),
    "elu": ("alpha", 1.0, (1.0, 0.1, 0.2, 0.5, 1.6732632423543772)),
    "celu": ("alpha", 1.0, (1.0, 0.1, 0.2, 0.5, 2.0)),
    "softplus": ("beta", 1.0, (1.0, 2.0, 0.5)),
}


def _activation(site: Site) -> Iterator[Guess]:
    a = site.arguments
    if site.name in NUMBERS:
        name, default, others = NUMBERS[site.name]
        now = a.get(name, default)
        for other in others:
            if other != now:
                yield Guess(
                    f"{name}: JAX has {other:g}, PyTorch {now:g}", name, given(**{name: other})
                )
    own = site.name
    if own == "gelu":
        own = f"gelu ({'erf' if a.get('approximate', 'none') == 'none' else 'tanh'})"
    for name, function in ACTIVATIONS.items():
        if name != own:
            yield Guess(
                f"wrong activation: JAX has {name}, PyTorch {own}",
                run=partial(_applied, function),
            )


def _applied(function: Map, a: Arguments) -> torch.Tensor:
    return function(a["input"])


def _dropout(site: Site) -> Iterator[Guess]:
    p = site.arguments.get("p", 0.5)
    for words, factor in (("1 - p", 1 - p), ("1 / (1 - p)", 1 / (1 - p) if p < 1 else 0), ("p", p)):
        yield Guess(
            f"dropout scaling: JAX scales by {words} at rest, PyTorch in training",
            after=partial(mul, factor),
        )


def _to_tf32(x: torch.Tensor) -> torch.Tensor:
    """Round to the 10 bits of mantissa that a tensor core multiplies."""
    bits = x.float().view(torch.int32)
    return ((bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32).double()


ROUNDED: dict[str, Map] = {
    "bfloat16": lambda x: x.bfloat16().double(),
    "float16": lambda x: x.half().double(),
    "tf32": _to_tf32,
    "float32": lambda x: x.float().double(),
}


def rounding(site: Site) -> Iterator[Guess]:
    """Yield the function with arguments and result rounded to fewer bits."""
    if not isinstance(site.output, torch.Tensor) or site.output.dtype != torch.float64:
        return
    bias = site.arguments.get("bias")
    for dtype, narrow in ROUNDED.items():

        def change(a: Arguments, narrow: Map = narrow, without: tuple[str, ...] = ()) -> Arguments:
            return {
                name: None if name in without else narrow(v) if _is_double(v) else v
                for name, v in a.items()
            }

        cause = f"precision: JAX rounds to {dtype}, the arguments"
        yield Guess(f"{cause} and the result", change=change, after=narrow)
        if bias is not None and site.name.startswith(("conv", "linear")):
            shape = (-1,) if site.name == "linear" else (-1, *[1] * (site.output.ndim - 2))
            yield Guess(
                f"{cause} and the result, before a bias is added and after",
                change=partial(change, without=("bias",)),
                after=partial(_with_bias, narrow, bias, shape),
            )
        yield Guess(cause, change=change)


def _with_bias(
    narrow: Map, bias: torch.Tensor, shape: tuple[int, ...], y: torch.Tensor
) -> torch.Tensor:
    return narrow(narrow(y) + narrow(bias).reshape(shape))


def _is_double(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype == torch.float64


KINDS = (
    Kind(
        (
            *("relu", "gelu", "silu", "sigmoid", "tanh", "relu6", "selu", "mish", "softsign"),
            *("hardtanh", "hardswish", "hardsigmoid", "logsigmoid"),
        ),
        ("input",),
        _activation,
    ),
    Kind(("elu", "celu"), ("input", "alpha"), _activation),
    Kind(("leaky_relu",), ("input", "negative_slope"), _activation),
    Kind(("softplus",), ("input", "beta", "threshold"), _activation),
    Kind(("dropout", "dropout1d", "dropout2d", "dropout3d"), ("input", "p", "training"), _dropout),
)
