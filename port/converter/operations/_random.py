"""What draws random numbers. Each takes `rng`, a key of its own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from port import functional as F

Array = jax.Array


def _dropout(
    input: Array, p: float, train: bool | None = True, *, rng: Array | None = None
) -> Array:
    return F.dropout(input, p, train is not False and p > 0, rng=rng)


def _native_dropout(
    input: Array, p: float, train: bool | None = True, *, rng: Array | None = None
) -> tuple[Array, None]:
    return _dropout(input, p, train, rng=rng), None


def _feature_dropout(input: Array, p: float, train: bool, *, rng: Array | None = None) -> Array:
    """Drop whole channels."""
    if not train or p == 0:
        return input
    ones = jnp.ones((*input.shape[:2], *(1,) * (input.ndim - 2)), input.dtype)
    return input * F.dropout(ones, p, rng=rng)


def _alpha_dropout(input: Array, p: float, train: bool, *, rng: Array | None = None) -> Array:
    return F.alpha_dropout(input, p, train and p > 0, rng=rng)


def _feature_alpha_dropout(
    input: Array, p: float, train: bool, *, rng: Array | None = None
) -> Array:
    return F.feature_alpha_dropout(input, p, train and p > 0, rng=rng)


def _bernoulli(x: Array, p: float | Array | None = None, *, rng: Array) -> Array:
    """Ones with probability p, which is x itself where none is given."""
    return jax.random.bernoulli(rng, x if p is None else p, x.shape).astype(x.dtype)


def _rand(size: Sequence[int], *, dtype: str | None = None, rng: Array) -> Array:
    return jax.random.uniform(rng, tuple(size), dtype or "float32")


def _randn(size: Sequence[int], *, dtype: str | None = None, rng: Array) -> Array:
    return jax.random.normal(rng, tuple(size), dtype or "float32")


def _rand_like(x: Array, *, dtype: str | None = None, rng: Array) -> Array:
    return jax.random.uniform(rng, x.shape, dtype or x.dtype)


def _randn_like(x: Array, *, dtype: str | None = None, rng: Array) -> Array:
    return jax.random.normal(rng, x.shape, dtype or x.dtype)


def _uniform(x: Array, low: float = 0, high: float = 1, *, rng: Array) -> Array:
    return jax.random.uniform(rng, x.shape, x.dtype, low, high)


def _normal(x: Array, mean: float = 0, std: float = 1, *, rng: Array) -> Array:
    return mean + std * jax.random.normal(rng, x.shape, x.dtype)


def _randint(low: int, high: int, size: Sequence[int], *, dtype: str | None, rng: Array) -> Array:
    return jax.random.randint(rng, tuple(size), low, high, dtype or "int64")


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "aten.dropout.default": _dropout,
    "aten.native_dropout.default": _native_dropout,
    "aten.feature_dropout.default": _feature_dropout,
    "aten.alpha_dropout.default": _alpha_dropout,
    "aten.feature_alpha_dropout.default": _feature_alpha_dropout,
    "aten.bernoulli.default": _bernoulli,
    "aten.bernoulli.p": _bernoulli,
    "aten.bernoulli.float": _bernoulli,
    "aten.bernoulli.Tensor": _bernoulli,
    "aten.rand.default": _rand,
    "aten.randn.default": _randn,
    "aten.rand_like.default": _rand_like,
    "aten.randn_like.default": _randn_like,
    "aten.uniform.default": _uniform,
    "aten.normal.float": _normal,
    "aten.normal.default": _normal,
    "aten.randint.low": _randint,
}
