"""Resizing, one axis after the other: elements at constant positions, with constant weights."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import _resample
from ._resample import Axis, Taps

# Images of at most this many rows and columns together have their nearest elements computed by
# another formula of PyTorch's.
SHORT = 128


def _real(x: jax.Array) -> Any:
    """Return the type that positions are computed in."""
    return np.float64 if x.dtype == np.float64 else np.float32


def nearest(x: jax.Array, axes: tuple[Axis, ...], exact: bool) -> jax.Array:
    """Return the nearest elements: each result is a copy of one."""
    short = len(axes) == 2 and axes[0].count + axes[1].count <= SHORT
    for i, axis in enumerate(axes):
        indices = _resample.nearest(axis, _real(x), exact=exact, short=short)
        x = _pick(x, indices, i + 2)
    return x


def _pick(x: jax.Array, indices: np.ndarray, dim: int) -> jax.Array:
    """Return the elements at constant positions along a dimension."""
    size, count = x.shape[dim], len(indices)
    if count == size and (indices == np.arange(size)).all():
        return x
    if count % size == 0 and (indices == np.arange(count) // (count // size)).all():
        # Copies side by side: the gradient is a sum rather than a scatter.
        return jnp.repeat(x, count // size, axis=dim)
    return _take(x, indices, dim)


def _take(x: jax.Array, indices: np.ndarray, dim: int) -> jax.Array:
    """Return elements along a dimension; positions inside, that never go back."""
    return jnp.take(x, indices, axis=dim, mode="clip", indices_are_sorted=True)


def filtered(x: jax.Array, axes: tuple[Axis, ...], filter: str, smooth: bool) -> jax.Array:
    """Return weighted sums of elements; with `smooth`, filters widen where an axis shrinks."""
    dtype = x.dtype
    if dtype == np.uint8:
        for i, axis in reversed(list(enumerate(axes))):
            if axis.size != axis.count:
                taps, bits = _resample.of_bytes(axis, filter, antialias=smooth)
                rounded = _combine(x.astype(np.int32), taps, i + 2) + (1 << (bits - 1))
                x = jnp.clip(rounded >> bits, 0, 255).astype(np.uint8)
        return x
    real = _real(x)
    x = x.astype(real)
    for i, axis in reversed(list(enumerate(axes))):
        if axis.size == axis.count and (smooth or filter == "linear"):
            continue
        if smooth:
            taps = _resample.smooth(axis, filter, real)
        else:
            taps = (_resample.linear if filter == "linear" else _resample.cubic)(axis, real)
        x = _combine(x, taps, i + 2)
    return x.astype(dtype)


def _combine(x: jax.Array, taps: Taps, dim: int) -> jax.Array:
    """Return the weighted sum of each result's taps along a dimension."""
    shape = [-1 if i == dim else 1 for i in range(x.ndim)]
    total = None
    for t in range(taps.indices.shape[1]):
        part = _take(x, taps.indices[:, t], dim)
        if taps.valid is not None:
            part = jnp.where(taps.valid[:, t].reshape(shape), part, jnp.zeros_like(part))
        part = part * taps.weights[:, t].reshape(shape)
        total = part if total is None else total + part
    assert total is not None
    return total
