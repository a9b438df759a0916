"""Arrays made from numbers. Their dtype is the exported graph's, where none is given."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

Array = jax.Array


def _arange(
    start: float, end: float | None = None, step: float = 1, *, dtype: str | None = None
) -> Array:
    return jnp.arange(start, end, step, dtype=dtype)


def _linspace(start: float, end: float, steps: int, *, dtype: str | None = None) -> Array:
    return jnp.linspace(start, end, steps, dtype=dtype)


def _full(size: Sequence[int], value: ArrayLike, *, dtype: str | None = None) -> Array:
    return jnp.full(tuple(size), value, dtype)


def _filled(value: float) -> Callable[..., Array]:
    return lambda size, *, dtype=None: jnp.full(tuple(size), value, dtype or "float32")


def _full_like(x: Array, value: ArrayLike, *, dtype: str | None = None) -> Array:
    return jnp.full(x.shape, value, dtype or x.dtype)


def _filled_like(value: float) -> Callable[..., Array]:
    return lambda x, *, dtype=None: jnp.full(x.shape, value, dtype or x.dtype)


def _new(value: float) -> Callable[..., Array]:
    return lambda x, size, *, dtype=None: jnp.full(tuple(size), value, dtype or x.dtype)


def _new_full(
    x: Array, size: Sequence[int], value: ArrayLike, *, dtype: str | None = None
) -> Array:
    return jnp.full(tuple(size), value, dtype or x.dtype)


def _fill(x: Array, value: ArrayLike) -> Array:
    return jnp.full(x.shape, value, x.dtype)


def _eye(n: int, m: int | None = None, *, dtype: str | None = None) -> Array:
    return jnp.eye(n, m, dtype=dtype or "float32")


def _scalar(value: ArrayLike, *, dtype: str | None = None) -> Array:
    return jnp.asarray(value, dtype or "float32")


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "aten.arange.default": _arange,
    "aten.arange.start": _arange,
    "aten.arange.start_step": _arange,
    "aten.linspace.default": _linspace,
    "aten.full.default": _full,
    "aten.zeros.default": _filled(0),
    "aten.ones.default": _filled(1),
    "aten.empty.memory_format": _filled(0),
    "aten.empty_permuted.default": lambda size, _, *, dtype=None: _filled(0)(size, dtype=dtype),
    "aten.full_like.default": _full_like,
    "aten.zeros_like.default": _filled_like(0),
    "aten.ones_like.default": _filled_like(1),
    "aten.empty_like.default": _filled_like(0),
    "aten.new_zeros.default": _new(0),
    "aten.new_ones.default": _new(1),
    "aten.new_empty.default": _new(0),
    "aten.new_full.default": _new_full,
    "aten.fill.Scalar": _fill,
    "aten.fill.Tensor": _fill,
    "aten.zero.default": jnp.zeros_like,
    "aten.eye.default": _eye,
    "aten.eye.m": _eye,
    "aten.scalar_tensor.default": _scalar,
}
