"""Faults of pooling, of resizing and of padding."""

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F

from ._guess import Arguments, Guess, Kind, Site, given
from .convolutions import _flat, _tuple, pads_beside


def _windows(site: Site) -> tuple[int, tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return the number of dimensions, the kernel, the stride and the pads of a pool."""
    a = site.arguments
    n = int(site.name[-2])
    kernel = _tuple(a["kernel_size"], n)
    return n, kernel, _tuple(a.get("stride") or kernel, n), _tuple(a.get("padding", 0), n)


def _common(site: Site) -> Iterator[Guess]:
    n, kernel, stride, _ = _windows(site)
    ceil = bool(site.arguments.get("ceil_mode", False))
    yield Guess(f"ceil_mode: JAX has {not ceil}, PyTorch {ceil}", "ceil", given(ceil_mode=not ceil))
    for other in dict.fromkeys([(1,) * n, kernel]):
        if other != stride:
            yield Guess(f"stride: JAX has {other}, PyTorch {stride}", "stride", given(stride=other))


def _max_pool(site: Site) -> Iterator[Guess]:
    n, kernel, stride, pads = _windows(site)
    x = site.arguments["input"]
    dilation = _tuple(site.arguments.get("dilation", 1), n)
    yield from _common(site)
    reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))

    def padded(other: list[tuple[int, int]], value: float) -> Callable[[Arguments], Arguments]:
        return lambda a: (
            a
            | {
                "input": F.pad(a["input"], _flat(other), value=value),
                "padding": 0,
            }
        )

    for cause, other in pads_beside(tuple(x.shape[-n:]), reach, stride, pads):
        yield Guess(cause, "padding", padded(other, -math.inf))
        yield Guess(f"{cause}, with zeros", "padding", padded(other, 0.0))
    if any(pads):
        yield Guess(
            "padding with zeros: JAX's maximum is of them too, PyTorch pads with -inf",
            "padding",
            padded([(p, p) for p in pads], 0.0),
        )
    yield Guess("mean for maximum", run=_mean_pool)


def _mean_pool(a: Arguments) -> torch.Tensor:
    pool: Any = {3: F.avg_pool1d, 4: F.avg_pool2d, 5: F.avg_pool3d}[a["input"].ndim]
    return pool(a["input"], a["kernel_size"], a.get("stride"), a.get("padding", 0))


def _max_for_mean(a: Arguments) -> torch.Tensor:
    pool: Any = {3: F.max_pool1d, 4: F.max_pool2d, 5: F.max_pool3d}[a["input"].ndim]
    return pool(a["input"], a["kernel_size"], a.get("stride"), a.get("padding", 0))


def _avg_pool(site: Site) -> Iterator[Guess]:
    n, kernel, stride, pads = _windows(site)
    a = site.arguments
    counted = bool(a.get("count_include_pad", True))
    pool: Any = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}[n]
    yield Guess(
        f"count_include_pad: JAX has {not counted}, PyTorch {counted}",
        "count",
        given(count_include_pad=not counted),
    )
    yield from _common(site)
    yield Guess("sum for mean", after=lambda y: y * math.prod(kernel))
    for counts in (True, False):
        words = "" if counts else ", and does not count the pads"

        def padded(
            other: list[tuple[int, int]], a: Arguments, counts: bool = counts
        ) -> torch.Tensor:
            rest = (kernel, stride, 0, bool(a.get("ceil_mode", False)))
            total = pool(F.pad(a["input"], _flat(other)), *rest)
            ones = torch.ones_like(a["input"])
            return total if counts else total / pool(F.pad(ones, _flat(other)), *rest)

        for cause, other in pads_beside(tuple(a["input"].shape[-n:]), kernel, stride, pads):
            yield Guess(cause + words, run=partial(padded, other))
    yield Guess("maximum for mean", run=_max_for_mean)


def _adaptive(site: Site) -> Iterator[Guess]:
    x = site.arguments["input"]
    n = int(site.name[-2])
    reduce: Any = torch.amax if "max" in site.name else torch.mean
    sizes, targets = x.shape[-n:], site.output.shape[-n:]
    for words, bins in (
        ("bins that end where the next begins", _floors),
        ("windows of one size, the rest left out", _equal),
        ("windows of one size, the last one cut off", _ceils),
    ):
        edges = [bins(s, t) for s, t in zip(sizes, targets, strict=True)]
        if all(low < high for axis in edges for low, high in axis):
            yield Guess(f"adaptive bins: JAX has {words}", run=partial(_binned, edges, reduce))
    other: Any = torch.mean if "max" in site.name else torch.amax
    yield Guess(
        f"{'mean for maximum' if 'max' in site.name else 'maximum for mean'}",
        run=partial(
            _binned, [_torch_bins(s, t) for s, t in zip(sizes, targets, strict=True)], other
        ),
    )
    if "max" not in site.name:
        yield Guess("sum for mean", after=lambda y: y * math.prod(sizes) / math.prod(targets))


def _torch_bins(size: int, count: int) -> list[tuple[int, int]]:
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def _floors(size: int, count: int) -> list[tuple[int, int]]:
    return [(i * size // count, (i + 1) * size // count) for i in range(count)]


def _equal(size: int, count: int) -> list[tuple[int, int]]:
    step = size // count
    return [(i * step, (i + 1) * step) for i in range(count)]


def _ceils(size: int, count: int) -> list[tuple[int, int]]:
    step = -(-size // count)
    return [(i * step, min((i + 1) * step, size)) for i in range(count)]


def _binned(
    edges: list[list[tuple[int, int]]], reduce: Callable[..., torch.Tensor], a: Arguments
) -> torch.Tensor:
    y = a["input"]
    for axis, bins in zip(range(-len(edges), 0), edges, strict=True):
        parts = [reduce(y.narrow(axis, low, high - low), axis, True) for low, high in bins]
        y = torch.cat(parts, axis)
    return y


RESIZE = ("size", "scale_factor", "mode", "align_corners", "recompute_scale_factor", "antialias")


def _interpolate(site: Site) -> Iterator[Guess]:
    a = site.arguments
    mode, aligned = a.get("mode", "nearest"), bool(a.get("align_corners") or False)
    smooth = bool(a.get("antialias", False))
    n = a["input"].ndim - 2
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}[n]
    modes = ["nearest", "nearest-exact", linear, "area", *(["bicubic"] if n == 2 else [])]
    modes.sort(key=lambda other: other != mode)
    size = tuple(site.output.shape[2:])
    for other, align, anti in itertools.product(
        modes, (aligned, not aligned), (smooth, not smooth)
    ):
        plain = other in ("nearest", "nearest-exact", "area")
        if (plain and (align or anti)) or (anti and other not in ("bilinear", "bicubic")):
            continue
        if (other, align, anti) == (mode, aligned, smooth):
            continue
        parts = [
            f"{name}: JAX has {ours!r}, PyTorch {theirs!r}"
            for name, ours, theirs in (
                ("interpolation mode", other, mode),
                ("align_corners", align, aligned),
                ("antialias", anti, smooth),
            )
            if ours != theirs and not (plain and name != "interpolation mode")
        ]
        settings = {"mode": other, "align_corners": None if plain else align, "antialias": anti}
        yield Guess("; ".join(parts), "mode", given(**settings))
        fixed = {"size": size, "scale_factor": None, "recompute_scale_factor": None}
        yield Guess("; ".join(parts), "mode", given(**settings, **fixed))
    if a.get("scale_factor") is not None:
        yield Guess(
            "scale: JAX takes it from the sizes, PyTorch from scale_factor",
            "scale",
            given(size=size, scale_factor=None, recompute_scale_factor=None),
        )


def _pad(site: Site) -> Iterator[Guess]:
    a = site.arguments
    pads, mode = list(a["pad"]), a.get("mode", "constant")
    for other in ("constant", "reflect", "replicate", "circular"):
        if other != mode:
            yield Guess(
                f"padding mode: JAX pads by {other!r}, PyTorch by {mode!r}",
                "mode",
                given(mode=other, value=None),
            )
    pairs = [[pads[i + 1], pads[i]] for i in range(0, len(pads), 2)]
    for words, other_pads in (
        ("the sides exchanged", [n for pair in pairs for n in pair]),
        ("the axes in the opposite order", [n for pair in reversed(pairs) for n in pair[::-1]]),
        ("none", [0] * len(pads)),
    ):
        if other_pads != pads:
            yield Guess(
                f"padding: JAX pads with {words}, PyTorch {tuple(pads)}",
                "pads",
                given(pad=other_pads),
            )


POOL = ("input", "kernel_size", "stride", "padding")
KINDS = (
    Kind(
        tuple(f"max_pool{n}d{end}" for n in (1, 2, 3) for end in ("", "_with_indices")),
        (*POOL, "dilation", "ceil_mode", "return_indices"),
        lambda site: _max_pool(site) if site.name.endswith("d") else (),
    ),
    Kind(
        ("avg_pool1d", "avg_pool2d", "avg_pool3d"),
        (*POOL, "ceil_mode", "count_include_pad", "divisor_override"),
        _avg_pool,
    ),
    Kind(
        tuple(f"adaptive_{kind}_pool{n}d" for kind in ("avg", "max") for n in (1, 2, 3)),
        ("input", "output_size"),
        _adaptive,
    ),
    Kind(("interpolate",), ("input", *RESIZE), _interpolate),
    Kind(("pad",), ("input", "pad", "mode", "value"), _pad),
)
