"""Activations: PyTorch's operations over `functional`."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from port import functional as F

Array = jax.Array


def _elu(input: Array, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Array:
    if (scale, input_scale) == (1, 1):
        return F.elu(input, alpha)
    negative = alpha * jnp.expm1(jnp.where(input > 0, 0, input) * input_scale)
    return jnp.where(input > 0, scale * input, scale * negative)


def _gelu(input: Array, *, approximate: str = "none") -> Array:
    return F.gelu(input, approximate)


def _softmax(input: Array, dim: int, dtype: str | None = None) -> Array:
    return F.softmax(input if dtype is None else input.astype(dtype), dim)


def _log_softmax(input: Array, dim: int, dtype: str | None = None) -> Array:
    return F.log_softmax(input if dtype is None else input.astype(dtype), dim)


def _safe_softmax(input: Array, dim: int, dtype: str | None = None) -> Array:
    """Softmax, and zero where everything is masked."""
    masked = jnp.all(input == -jnp.inf, axis=dim, keepdims=True)
    return jnp.where(masked, 0, _softmax(jnp.where(masked, 0, input), dim, dtype))


def _threshold(input: Array, threshold: float, value: float) -> Array:
    return F.threshold(input, threshold, value)


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "aten.relu.default": F.relu,
    "aten.relu6.default": F.relu6,
    "aten.leaky_relu.default": F.leaky_relu,
    "aten.prelu.default": F.prelu,
    "aten._prelu_kernel.default": F.prelu,
    "aten.elu.default": _elu,
    "aten.celu.default": F.celu,
    "aten.selu.default": F.selu,
    "aten.threshold.default": _threshold,
    "aten.gelu.default": _gelu,
    "aten.silu.default": F.silu,
    "aten.mish.default": F.mish,
    "aten.sigmoid.default": F.sigmoid,
    "aten.log_sigmoid.default": F.logsigmoid,
    "aten.tanh.default": F.tanh,
    "aten.softplus.default": F.softplus,
    "aten.hardtanh.default": F.hardtanh,
    "aten.hardsigmoid.default": F.hardsigmoid,
    "aten.hardswish.default": F.hardswish,
    "aten.hardshrink.default": F.hardshrink,
    "aten.softshrink.default": F.softshrink,
    "aten.glu.default": F.glu,
    "aten.softmax.int": _softmax,
    "aten._softmax.default": lambda input, dim, _: F.softmax(input, dim),
    "aten._safe_softmax.default": _safe_softmax,
    "aten.log_softmax.int": _log_softmax,
    "aten._log_softmax.default": lambda input, dim, _: F.log_softmax(input, dim),
}
