"""Every module has PyTorch's arguments in its order, its defaults, its attributes, and a text."""

import inspect
import re
from typing import Any

import pytest
import torch
from flax import nnx

import port
from port.modules._base import Layer

# Made of anything, or with a base class of ours in PyTorch's place.
FREE = {"Buffer", "Identity", "Module", "Parameter", "Sequential"}
NAMES = [name for name in port.modules.__all__ if name not in FREE]
OURS = {"dtype", "rngs"}
# PyTorch's own construction of a layer from a table, under names that it keeps to itself.
PRIVATE = {"device", "dtype", "_weight", "_freeze"}
# Tested below; a default that is None here; the class's name; PyTorch's note to its fast path.
OTHERWISE = {"training", "distance_function", "name", "activation_relu_or_gelu"}
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "AdaptiveAvgPool1d": (3,),
    "AdaptiveAvgPool2d": ((3, None),),
    "AdaptiveAvgPool3d": (3,),
    "AdaptiveMaxPool1d": (3,),
    "AdaptiveMaxPool2d": ((3, 4),),
    "AdaptiveMaxPool3d": (3,),
    "AvgPool1d": ((2,),),
    "AvgPool2d": ((2, 3),),
    "AvgPool3d": ((2, 3, 4),),
    "BatchNorm1d": (4,),
    "BatchNorm2d": (4,),
    "BatchNorm3d": (4,),
    "Bilinear": (2, 3, 4),
    "ChannelShuffle": (2,),
    "Embedding": (5, 3, -1),
    "Fold": ((4, 5), (2, 2)),
    "FractionalMaxPool2d": (2, (3, 4)),
    "FractionalMaxPool3d": (2, None, 0.5),
    "GroupNorm": (2, 4),
    "InstanceNorm1d": (4,),
    "InstanceNorm2d": (4,),
    "InstanceNorm3d": (4,),
    "LPPool1d": (2, 3),
    "LPPool2d": (2, (3, 2), 1),
    "LPPool3d": (2.5, 3),
    "LayerNorm": ((4, 5),),
    "Linear": (2, 3),
    "LocalResponseNorm": (2,),
    "MaxPool1d": (2,),
    "MaxPool2d": ((2, 3),),
    "MaxPool3d": (2,),
    "MaxUnpool1d": (2,),
    "MaxUnpool2d": (2, 1),
    "MaxUnpool3d": ((3, 2, 2), None, 1),
    "MultiheadAttention": (8, 2),
    "PixelShuffle": (2,),
    "PixelUnshuffle": (2,),
    "RMSNorm": ((4,),),
    "Threshold": (0.1, 20.0),
    "TransformerEncoderLayer": (8, 2),
    "Unflatten": (1, (2, 3)),
    "Unfold": ((2, 3),),
    **{f"{kind}Pad{d}d": (1,) for kind in ("Zero", "Reflection") for d in (1, 2, 3)},
    **{f"{kind}Pad{d}d": (1,) for kind in ("Replication", "Circular") for d in (1, 2, 3)},
    **{f"ConstantPad{d}d": (1, 3.5) for d in (1, 2, 3)},
}


def made(name: str, *args: Any, **kwargs: Any) -> Any:
    kind = getattr(port, name)
    if "rngs" in inspect.signature(kind).parameters:
        kwargs["rngs"] = nnx.Rngs(0)
    return kind(*args, **kwargs)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_pytorchs_and_explained(name: str) -> None:
    mine = inspect.signature(getattr(port, name)).parameters
    theirs = inspect.signature(getattr(torch.nn, name)).parameters
    many = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    expected = [n for n, p in theirs.items() if n not in PRIVATE and p.kind not in many]
    assert [n for n, p in mine.items() if n not in OURS and p.kind not in many] == expected
    text = getattr(port, name).__doc__
    for n in expected:
        defaults = [side[n].default for side in (mine, theirs)]
        same = [getattr(d, "__name__", d) for d in defaults]  # a function by its name
        assert same[0] == same[1], n
        assert mine[n].kind == theirs[n].kind, n
        assert re.search(rf"^ +[\w, ]*\b{n}\b[\w, ]*: ", text, re.M), n
    for n in OURS & set(mine):
        assert mine[n].kind == inspect.Parameter.KEYWORD_ONLY
        assert f" {n}: " in text
    assert f"torch.nn.{name}" in text


@pytest.mark.parametrize("name", NAMES)
def test_attributes_are_pytorchs(name: str) -> None:
    args = ARGUMENTS.get(name, ())
    theirs, ours = getattr(torch.nn, name)(*args), made(name, *args)
    for attribute, value in vars(theirs).items():
        if attribute.startswith("_") or attribute in OTHERWISE:
            continue
        mine = getattr(ours, attribute)
        if callable(value):
            assert mine.__name__ == value.__name__
        else:
            assert mine == value, attribute
    assert list(port.state_dict(ours)) == list(theirs.state_dict())
    for n, tensor in theirs.state_dict().items():
        assert port.state_dict(ours)[n].shape == tuple(tensor.shape), n
    for n, _ in theirs.named_parameters(recurse=False):
        assert isinstance(getattr(ours, n), nnx.Param), n
    for n, _ in theirs.named_buffers(recurse=False):
        assert not isinstance(getattr(ours, n), nnx.Param), n
    if hasattr(ours, "training"):
        assert ours.training is theirs.training is True


def test_lists_are_complete() -> None:
    assert set(port.modules.__all__) <= set(port.__all__)
    assert {f"Conv{d}d" for d in (1, 2, 3)} <= set(port.__all__)
    for name in port.__all__:
        assert hasattr(port, name)
    assert all(issubclass(getattr(port, name), Layer) for name in NAMES)


def test_sequences_do_not_keep_a_module_from_jit() -> None:
    """A list among the arguments becomes a tuple: flax asks for what has a hash."""
    for name, args in {
        "MaxPool2d": ([2, 3], [1, 2]),
        "AvgPool2d": ([2, 3],),
        "AdaptiveAvgPool2d": ([2, None],),
        "ZeroPad2d": ([1, 2, 3, 4],),
        "Unfold": ([2, 2],),
        "LPPool2d": (2, [2, 2]),
        "MaxUnpool2d": ([2, 2], [1, 2]),
        "FractionalMaxPool2d": ([2, 2], [3, 3]),
        "Upsample": ([4, 4],),
        "LayerNorm": ([4],),
        "Unflatten": (1, [2, 2]),
    }.items():
        hash(nnx.split(made(name, *args))[0])
