"""Faults of convolutions, transposed convolutions and linear layers."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F

from ._guess import Arguments, Guess, Kind, Site, given
from .kernels import Map, column_orders, variants


def _tuple(value: Any, n: int) -> tuple[int, ...]:
    found = tuple(value) if isinstance(value, tuple | list | torch.Size) else (value,) * n
    return found * n if len(found) == 1 and n > 1 else found


def _flat(pads: list[tuple[int, int]]) -> list[int]:
    """Return pads as F.pad takes them: the last axis first."""
    return [n for pair in reversed(pads) for n in pair]


def pads_beside(
    sizes: tuple[int, ...], reach: tuple[int, ...], stride: tuple[int, ...], pads: tuple[int, ...]
) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Yield other pads than PyTorch's (p, p), with words: SAME, and one or two pixels off."""
    n = len(sizes)
    same = [
        (total // 2, total - total // 2)
        for size, e, s in zip(sizes, reach, stride, strict=True)
        for total in [max((-(-size // s) - 1) * s + e - size, 0)]
    ]
    ours = [(p, p) for p in pads]
    found: list[tuple[str, list[tuple[int, int]]]] = [("as 'SAME' does, ", same)]
    found.append(("", [(b, a) for a, b in same]))
    steps = ((-1, 1), (1, -1), (-1, -1), (1, 1), (0, 1), (1, 0), (-1, 0), (0, -1), (-2, 2), (2, -2))
    for low, high in steps:
        found.append(("", [(p + low, p + high) for p in pads]))
        for axis in range(n if n > 1 else 0):
            pair = (pads[axis] + low, pads[axis] + high)
            found.append(("", [*ours[:axis], pair, *ours[axis + 1 :]]))
    found.append(("", [(0, 0)] * n))
    found.append(("", [(e - 1, e - 1) for e in reach]))
    seen = [ours]
    for words, other in found:
        if other in seen:
            continue
        seen.append(other)
        off = max(abs(a - p) for pair, (p, _) in zip(other, ours, strict=True) for a in pair)
        amount = {1: " one pixel off", 2: " two pixels off"}.get(off, "")
        shown, right = _shown(other), _shown(ours)
        yield f"padding{amount}: JAX pads {shown}, {words}PyTorch {right}", other


def _shown(pads: list[tuple[int, int]]) -> str:
    return str(pads[0] if len(set(pads)) == 1 else tuple(pads))


def _convolution(site: Site) -> Iterator[Guess]:
    a = site.arguments
    x, weight = a["input"], a["weight"]
    n = weight.ndim - 2
    stride, dilation = _tuple(a.get("stride", 1), n), _tuple(a.get("dilation", 1), n)
    reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True))
    padding = a.get("padding", 0)
    yield from _biases(site)
    for cause, change in variants(weight):
        yield Guess(cause, "kernel", _on_weight(change))
    if isinstance(padding, str):
        padding = 0 if padding == "valid" else tuple((e - 1) // 2 for e in reach)
    pads = _tuple(padding, n)
    for cause, other in pads_beside(tuple(x.shape[-n:]), reach, stride, pads):
        yield Guess(cause, "padding", _padded(_flat(other)))
    for mode in ("reflect", "replicate", "circular"):
        if any(pads) and all(p < s for p, s in zip(pads, x.shape[-n:], strict=True)):
            yield Guess(
                f"padding mode: JAX pads by {mode!r}, PyTorch with zeros",
                "padding",
                _padded(_flat([(p, p) for p in pads]), mode),
            )
    for name, value in (("stride", stride), ("dilation", dilation)):
        for other in dict.fromkeys([(1,) * n, value[::-1], stride, dilation, (2,) * n, (3,) * n]):
            if other != value:
                yield Guess(
                    f"{name}: JAX has {other}, PyTorch {value}", name, given(**{name: other})
                )
    groups = a.get("groups", 1)
    if 1 < groups < weight.shape[0]:
        yield Guess(
            "groups: the output's channels in another order, groups last",
            "groups",
            after=lambda y: (
                y.unflatten(-n - 1, (groups, -1)).transpose(-n - 2, -n - 1).flatten(-n - 2, -n - 1)
            ),
        )


def _on_weight(change: Map) -> Callable[[Arguments], Arguments]:
    return lambda a: a | {"weight": change(a["weight"])}


def _padded(pads: list[int], mode: str = "constant") -> Callable[[Arguments], Arguments]:
    def change(a: Arguments) -> Arguments:
        return a | {"input": F.pad(a["input"], pads, mode), "padding": 0}

    return change


def _biases(site: Site) -> Iterator[Guess]:
    if site.arguments.get("bias") is not None:
        yield Guess("bias missing", "bias", given(bias=None))
        yield Guess("bias added twice", "bias", lambda a: a | {"bias": 2 * a["bias"]})


def _transposed(site: Site) -> Iterator[Guess]:
    a = site.arguments
    x, weight = a["input"], a["weight"]
    n = weight.ndim - 2
    stride, dilation = _tuple(a.get("stride", 1), n), _tuple(a.get("dilation", 1), n)
    pads = _tuple(a.get("padding", 0), n)
    reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True))
    yield from _biases(site)
    for cause, change in variants(weight, "IO", correlates=False):
        yield Guess(cause, "kernel", _on_weight(change))
    size = tuple(site.output.shape[-n:] if site.wanted is None else site.wanted[-n:])
    largest = max(reach)
    for low in sorted(range(-largest, largest + 1), key=lambda low: abs(low - pads[0])):
        lows = tuple(low + p - pads[0] for p in pads)
        if lows == pads and size == tuple(site.output.shape[-n:]):
            continue
        off = {0: "", 1: " one pixel off"}.get(abs(low - pads[0]), "")
        yield Guess(
            f"padding{off}: JAX's output begins at sample {lows} of the full transposed "
            f"convolution and has {size}, PyTorch's at {pads} and has "
            f"{tuple(site.output.shape[-n:])}",
            "padding",
            *_window(lows, size, a.get("bias")),
        )
    for other in dict.fromkeys([(1,) * n, dilation]):
        if other != stride:
            yield Guess(f"stride: JAX has {other}, PyTorch {stride}", "stride", given(stride=other))
    groups = a.get("groups", 1)
    if groups > 1 and x.shape[-n - 1] > groups:
        yield Guess(
            "groups: the kernel is not regrouped, its inputs are taken with groups last",
            "groups",
            lambda a: (
                a | {"weight": a["weight"].unflatten(0, (-1, groups)).transpose(0, 1).flatten(0, 1)}
            ),
        )


def _window(
    lows: tuple[int, ...], size: tuple[int, ...], bias: torch.Tensor | None
) -> tuple[Callable[[Arguments], Arguments], Map]:
    """Return a change and an `after` that cut a window out of the full transposed convolution."""
    n = len(lows)

    def change(a: Arguments) -> Arguments:
        return a | {"padding": 0, "output_padding": 0, "bias": None}

    def after(y: torch.Tensor) -> torch.Tensor:
        ends = [low + s - full for low, s, full in zip(lows, size, y.shape[-n:], strict=True)]
        y = F.pad(y, _flat([(-low, end) for low, end in zip(lows, ends, strict=True)]))
        return y if bias is None else y + bias.reshape(-1, *[1] * n)

    return change, after


def _linear(site: Site) -> Iterator[Guess]:
    a = site.arguments
    yield from _biases(site)
    for cause, change in variants(a["weight"]):
        yield Guess(cause, "kernel", _on_weight(change))
    for cause, change in column_orders(a["weight"].shape[1], site.flattened):
        yield Guess(cause, "kernel", partial(_on_input, change))


def _on_input(change: Map, a: Arguments) -> Arguments:
    return a | {"input": change(a["input"])}


CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
TRANSPOSED = (
    *("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
)
KINDS = (
    Kind(("conv1d", "conv2d", "conv3d"), CONVOLUTION, _convolution),
    Kind(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), TRANSPOSED, _transposed),
    Kind(("linear",), ("input", "weight", "bias"), _linear),
)
