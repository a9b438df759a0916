"""Faults of reshapes, sums and joins."""

import itertools
from collections.abc import Iterator
from functools import partial
from operator import itemgetter

import torch

from ._guess import Arguments, Guess, Kind, Site, given
from .kernels import _axes, _moves


def _reshape(site: Site) -> Iterator[Guess]:
    """Yield the orders in which the axes after the first may have been flattened."""
    x, shape = site.arguments["input"], tuple(site.output.shape)
    if not 2 < x.ndim <= 5 or tuple(x.shape) == shape:
        return
    inner = tuple(x.shape[1:])
    orders = sorted(
        itertools.permutations(range(len(inner))),
        key=lambda order: order != (*range(1, len(inner)), 0),  # channels last first
    )
    for order in orders:
        if _moves(inner, order):
            yield Guess(
                f"flatten order: {_axes(order)} for {_axes(tuple(range(len(inner))))}",
                run=partial(_reshaped, order, shape),
            )


def _reshaped(order: tuple[int, ...], shape: tuple[int, ...], a: Arguments) -> torch.Tensor:
    return a["input"].permute(0, *(1 + axis for axis in order)).reshape(shape)


def _pixel_shuffle(site: Site) -> Iterator[Guess]:
    r = site.arguments["upscale_factor"]

    def shuffled(a: Arguments) -> torch.Tensor:
        x = a["input"]
        parts = x.unflatten(-3, (r, r, -1))  # (..., r, r, C, H, W)
        n = x.ndim - 3
        order = (*range(n), n + 2, n + 3, n, n + 4, n + 1)
        return parts.permute(order).flatten(-4, -3).flatten(-2, -1)

    yield Guess("pixel shuffle: JAX's channels lie (r, r, C), PyTorch's (C, r, r)", run=shuffled)
    yield Guess(
        "pixel shuffle: rows and columns exchanged",
        run=lambda a: torch.pixel_shuffle(
            a["input"].unflatten(-3, (-1, r, r)).transpose(-3, -4).flatten(-5, -3), r
        ),
    )


def _cat(site: Site) -> Iterator[Guess]:
    tensors = site.arguments["tensors"]
    yield Guess(
        "joined in the opposite order", run=lambda a: torch.cat(a["tensors"][::-1], a.get("dim", 0))
    )
    for dim in range(tensors[0].ndim):
        if dim != site.arguments.get("dim", 0) % tensors[0].ndim:
            yield Guess(
                f"joined along axis {dim}, in PyTorch {site.arguments.get('dim', 0)}",
                "dim",
                given(dim=dim),
            )


def _sum(site: Site) -> Iterator[Guess]:
    a = site.arguments
    if not isinstance(a.get("other"), torch.Tensor) or not isinstance(a["input"], torch.Tensor):
        return
    for name, words in (("other", "second"), ("input", "first")):
        kept = "input" if name == "other" else "other"
        if a[kept].shape == site.output.shape:
            yield Guess(f"the {words} term of a sum is missing", run=itemgetter(kept))


def _mean(site: Site) -> Iterator[Guess]:
    count = site.arguments["input"].numel() / max(site.output.numel(), 1)
    yield Guess("sum for mean", after=lambda y: y * count)


def _softmax(site: Site) -> Iterator[Guess]:
    x, dim = site.arguments["input"], site.arguments.get("dim")
    for other in range(x.ndim):
        if dim is None or other != dim % x.ndim:
            yield Guess(f"softmax over axis {other}, in PyTorch {dim}", "dim", given(dim=other))


def _attention(site: Site) -> Iterator[Guess]:
    a = site.arguments
    yield Guess("attention without the scale 1/sqrt(d)", "scale", given(scale=1.0))
    yield Guess(
        "attention scaled by 1/d, in PyTorch by 1/sqrt(d)",
        "scale",
        lambda a: a | {"scale": 1 / a["query"].shape[-1]},
    )
    if a.get("attn_mask") is None:
        causal = bool(a.get("is_causal", False))
        yield Guess(
            f"is_causal: JAX has {not causal}, PyTorch {causal}",
            "mask",
            given(is_causal=not causal),
        )
    else:
        yield Guess("attention mask missing", "mask", given(attn_mask=None))
        if a["attn_mask"].dtype == torch.bool:
            yield Guess(
                "attention mask the other way round",
                "mask",
                lambda a: a | {"attn_mask": ~a["attn_mask"]},
            )


KINDS = (
    Kind(("flatten",), ("input", "start_dim", "end_dim"), _reshape),
    Kind(("view", "reshape"), ("input",), _reshape, rest="shape"),
    Kind(("pixel_shuffle",), ("input", "upscale_factor"), _pixel_shuffle),
    Kind(("cat", "concat", "concatenate"), ("tensors", "dim"), _cat),
    Kind(("add", "__add__", "__radd__"), ("input", "other", "alpha"), _sum),
    Kind(("mean",), ("input", "dim", "keepdim"), _mean),
    Kind(("softmax", "log_softmax"), ("input", "dim"), _softmax),
    Kind(
        ("scaled_dot_product_attention",),
        ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa"),
        _attention,
    ),
)
