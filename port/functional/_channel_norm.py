"""What batch_norm and instance_norm have in common: arguments, statistics, one number a channel."""

import math
from typing import NamedTuple

import jax
from jax import lax
from jax.typing import ArrayLike

from ._arguments import (
    FLOATING,
    array,
    check_dtype,
    check_parameters,
    is_traced,
    number,
    optional,
    wide,
)
from ._moments import moments

Updated = tuple[jax.Array, jax.Array | None, jax.Array | None]


class ChannelNorm(NamedTuple):
    """The checked arguments.

    Attributes:
      input: (N, C, ...).
      running_mean, running_var, weight, bias: C numbers each, or None.
      momentum, eps: numbers.
    """

    input: jax.Array
    running_mean: jax.Array | None
    running_var: jax.Array | None
    weight: jax.Array | None
    bias: jax.Array | None
    momentum: float | jax.Array
    eps: float | jax.Array


def channel_norm(
    where: str,
    input: ArrayLike,
    running_mean: ArrayLike | None,
    running_var: ArrayLike | None,
    weight: ArrayLike | None,
    bias: ArrayLike | None,
    momentum: ArrayLike,
    eps: float,
    of_input: bool,
) -> ChannelNorm:
    """Check arguments; `of_input` says whether the statistics are the input's own."""
    x = array("input", input, where)
    check_dtype("input", x, FLOATING, where)
    # PyTorch takes (0,) too: nothing, with no channels.
    channels = x.shape[1] if x.ndim > 1 else 0
    if x.ndim < 2 and x.shape != (0,):
        raise ValueError(f"{where}: input must be (N, C, ...), got input.shape={x.shape}")
    if (running_mean is None) != (running_var is None):
        missing = "running_mean" if running_mean is None else "running_var"
        raise ValueError(
            f"{where}: running_mean and running_var must both be given, or neither, "
            f"got {missing}=None alone"
        )
    if running_mean is None and not of_input:
        raise ValueError(
            f"{where}: running_mean and running_var must be given where the statistics are not "
            f"the input's own, got running_mean=None"
        )
    mean, var = (
        _vector(where, name, value, x, channels)
        for name, value in (("running_mean", running_mean), ("running_var", running_var))
    )
    w, b = (
        _vector(where, name, value, x, channels)
        for name, value in (("weight", weight), ("bias", bias))
    )
    check_parameters(x, where, running_mean=mean, running_var=var, weight=w, bias=b)
    m, e = number("momentum", momentum, where), number("eps", eps, where)
    return ChannelNorm(x, mean, var, w, b, m, e)


def _vector(
    where: str, name: str, value: ArrayLike | None, x: jax.Array, channels: int
) -> jax.Array | None:
    vector = optional(name, value, where)
    if vector is not None and vector.size != channels:
        raise ValueError(
            f"{where}: {name} must have an element for each of input's channels, got "
            f"{name}.shape={vector.shape} for input.shape={x.shape}"
        )
    return vector


def check_eps(where: str, eps: float, positive: bool) -> None:
    """Refuse a negative eps, and where it must be `positive` 0 as well."""
    if is_traced(eps):
        return
    if eps < 0 or (positive and eps == 0):
        rule = "be positive in training" if positive else "not be negative"
        raise ValueError(f"{where}: eps must {rule}, got {eps=}")


def _along_channels(vector: jax.Array, x: jax.Array) -> jax.Array:
    return wide(vector).reshape(-1, *(1,) * (x.ndim - 2))


def _scale_and_bias(variance: jax.Array, given: ChannelNorm) -> tuple[jax.Array, jax.Array | None]:
    """Return what centred numbers are multiplied with, and what is added then."""
    x = given.input
    scale = lax.rsqrt(variance + given.eps)
    if given.weight is not None:
        scale = scale * _along_channels(given.weight, x)
    return scale, None if given.bias is None else _along_channels(given.bias, x)


def _updated(
    old: jax.Array | None, new: jax.Array, momentum: float | jax.Array
) -> jax.Array | None:
    """Move a running statistic towards a new one; no gradient flows through it."""
    if old is None:
        return None
    kept = wide(lax.stop_gradient(old))
    moved = (1 - momentum) * kept + momentum * lax.stop_gradient(new).reshape(kept.shape)
    return moved.astype(old.dtype)


def normalized(given: ChannelNorm, of_input: bool, over: tuple[int, ...]) -> Updated:
    """Normalise with the input's own statistics over some dimensions, or with the running ones."""
    x, mean, var = given.input, given.running_mean, given.running_var
    if not of_input:
        assert mean is not None
        assert var is not None
        scale, bias = _scale_and_bias(_along_channels(lax.stop_gradient(var), x), given)
        y = (wide(x) - _along_channels(lax.stop_gradient(mean), x)) * scale
        return (y if bias is None else y + bias).astype(x.dtype), mean, var
    if x.size == 0:
        return x, mean, var
    n = math.prod(x.shape[i] for i in over)
    found = moments(wide(x), over)
    y = found.scaled(*_scale_and_bias(found.variance, given)).astype(x.dtype)
    if mean is None:
        return y, None, None
    # Over the examples of instance_norm; batch_norm has one number a channel already.
    new_mean, new_var = (v.mean(0) for v in (found.mean, found.variance * n / (n - 1)))
    return (
        y,
        _updated(mean, new_mean, given.momentum),
        _updated(var, new_var, given.momentum),
    )
