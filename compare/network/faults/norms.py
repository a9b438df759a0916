"""Faults of norms: epsilon, statistics, affine parameters; and of running statistics."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F

from ._guess import Arguments, Guess, Kind, Site, given

EPSILONS = (1e-6, 1e-5, 1e-3, 1e-12, 1e-8, 1e-7, 1e-4, 1e-2, 2e-5, 1e-9, 1e-10, 0.0)
MOMENTA = (0.1, 0.9, 0.01, 0.99, 0.001, 0.999, 0.5, 0.05, 0.95, 0.003, 0.997, 0.03, 0.97)


def _common(site: Site) -> Iterator[Guess]:
    """Yield faults that all norms can have."""
    eps = site.arguments.get("eps", 1e-5)
    for other in EPSILONS:
        if other != eps:
            yield Guess(f"eps: JAX has {other:g}, PyTorch {eps:g}", "eps", given(eps=other))
    for name, words in (("weight", "scale"), ("bias", "bias")):
        if site.arguments.get(name) is not None:
            yield Guess(f"{words} missing", name, given(**{name: None}))
    if site.arguments.get("weight") is not None:
        yield Guess(
            "scale: JAX multiplies by 1 + weight, PyTorch by weight",
            "weight",
            lambda a: a | {"weight": 1 + a["weight"]},
        )


def _statistics(
    x: torch.Tensor, axes: tuple[int, ...], unbiased: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    mean = x.mean(axes, keepdim=True)
    return mean, x.var(axes, unbiased=unbiased, keepdim=True)


def _affine(y: torch.Tensor, a: Arguments, shape: tuple[int, ...]) -> torch.Tensor:
    for name, operate in (("weight", torch.mul), ("bias", torch.add)):
        if a.get(name) is not None:
            y = operate(y, a[name].reshape(shape))
    return y


def _normalised(
    axes: tuple[int, ...], shape: tuple[int, ...], unbiased: bool, outside: bool = False
) -> Callable[[Arguments], torch.Tensor]:
    """Return a norm over some axes, with n - 1 for n, or with eps outside of the root."""

    def run(a: Arguments) -> torch.Tensor:
        x, eps = a["input"], a.get("eps", 1e-5)
        mean, variance = _statistics(x, axes, unbiased)
        scale = variance.sqrt() + eps if outside else (variance + eps).sqrt()
        return _affine((x - mean) / scale, a, shape)

    return run


def _other_statistics(axes: tuple[int, ...], shape: tuple[int, ...]) -> Iterator[Guess]:
    yield Guess(
        "unbiased variance in the norm: JAX divides by n - 1, PyTorch by n",
        run=_normalised(axes, shape, True),
    )
    yield Guess("eps outside of the square root", run=_normalised(axes, shape, False, outside=True))


def _batch_norm(site: Site) -> Iterator[Guess]:
    a = site.arguments
    x, training = a["input"], a.get("training", False)
    axes, shape = (0, *range(2, x.ndim)), (1, -1, *[1] * (x.ndim - 2))
    yield from _common(site)
    if training:
        if a.get("running_mean") is not None:
            yield Guess(
                "running statistics in training: JAX norms by them, PyTorch by the batch's",
                "mode",
                given(training=False),
            )
        yield from _other_statistics(axes, shape)
    else:
        yield Guess(
            "the batch's statistics at rest: JAX norms by them, PyTorch by the running ones",
            "mode",
            lambda a: a | {"training": True, "running_mean": None, "running_var": None},
        )
        yield Guess(
            "running variance taken for a standard deviation",
            "mode",
            lambda a: a | {"running_var": a["running_var"] ** 2},
        )
    if x.ndim > 2:
        yield Guess(
            "statistics of each sample, as in instance norm",
            run=_normalised(tuple(range(2, x.ndim)), shape, False),
        )


def _layer_norm(site: Site) -> Iterator[Guess]:
    a = site.arguments
    x, n = a["input"], len(tuple(a["normalized_shape"]))
    shape = tuple(a["normalized_shape"])
    yield from _common(site)
    yield from _other_statistics(tuple(range(x.ndim - n, x.ndim)), shape)
    if n > 1:
        yield Guess("statistics over the last axis alone", run=_normalised((-1,), shape, False))
    yield Guess(
        "mean not subtracted, as in RMS norm",
        run=lambda a: _affine(
            a["input"]
            * torch.rsqrt(
                a["input"].square().mean(tuple(range(-n, 0)), keepdim=True) + a.get("eps", 1e-5)
            ),
            a,
            shape,
        ),
    )


def _group_norm(site: Site) -> Iterator[Guess]:
    a = site.arguments
    channels, groups = a["input"].shape[1], a["num_groups"]
    yield from _common(site)
    for other in range(1, channels + 1):
        if channels % other == 0 and other != groups:
            yield Guess(
                f"groups: JAX has {other}, PyTorch {groups}", "groups", given(num_groups=other)
            )
    yield Guess(f"groups: their channels lie {groups} apart, not side by side", run=_interleaved)


def _interleaved(a: Arguments) -> torch.Tensor:
    x, groups = a["input"], a["num_groups"]
    mixed = x.unflatten(1, (-1, groups)).transpose(1, 2).flatten(1, 2)
    y = F.group_norm(mixed, groups, None, None, a.get("eps", 1e-5))
    y = y.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)
    return _affine(y, a, (1, -1, *[1] * (x.ndim - 2)))


def running_causes(a: Mapping[str, Any], ours: Mapping[str, Any], near: float) -> str:
    """Say by which rule JAX's running statistics came about; nothing where none is found.

    Args:
      a: the arguments of F.batch_norm, with the running statistics of before the call.
      ours: {'running_mean': ..., 'running_var': ...} after it.
      near: how far apart equal values may be.
    """
    x, before = a["input"], {n: a[n] for n in ("running_mean", "running_var")}
    momentum = a.get("momentum", 0.1)
    axes = (0, *range(2, x.ndim))
    n = x.numel() // x.shape[1]
    mean, biased = x.mean(axes), x.var(axes, unbiased=False)
    unbiased = biased * n / max(n - 1, 1)

    def same(one: torch.Tensor, name: str) -> bool:
        held = torch.tensor(ours[name])
        return held.shape == one.shape and bool((held - one).abs().max() <= near)

    if all(same(before[name], name) for name in before):
        return "running statistics are not updated"
    rules = itertools.product(
        dict.fromkeys([momentum, 1 - momentum, *MOMENTA, 1.0]),
        (
            (unbiased, ""),
            (
                biased,
                "biased variance in the running statistics: JAX divides by n, PyTorch by n - 1",
            ),
            (unbiased.sqrt(), "running variance holds a standard deviation"),
        ),
    )
    for weight, (variance, words) in rules:
        new = {"running_mean": mean, "running_var": variance}
        if all(same((1 - weight) * before[k] + weight * new[k], k) for k in new):
            parts = [words] if words else []
            if abs(weight - momentum) > 1e-12:
                opposite = ", the opposite" if abs(weight + momentum - 1) < 1e-12 else ""
                parts.insert(
                    0,
                    f"momentum: JAX takes {weight:g} of the batch{opposite}, PyTorch {momentum:g}",
                )
            return "; ".join(parts)
    return ""


BATCH = (
    *("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
)
KINDS = (
    Kind(("batch_norm",), BATCH, _batch_norm),
    Kind(("layer_norm",), ("input", "normalized_shape", "weight", "bias", "eps"), _layer_norm),
    Kind(("group_norm",), ("input", "num_groups", "weight", "bias", "eps"), _group_norm),
    Kind(
        ("instance_norm",),
        (*BATCH[:5], "use_input_stats", "momentum", "eps"),
        _common,
    ),
    Kind(("rms_norm",), ("input", "normalized_shape", "weight", "eps"), _common),
)
