"""pad in PyTorch's four modes."""

import math
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from convgrad._paths import keep_path

from ._arguments import Pairs, integer
from ._arrays import ANY_PAD, EDGE_PAD, array, check_dtype
from ._sizes import known

REAL = (int, float, np.integer, np.floating, jax.Array)
MODES = ("constant", "reflect", "replicate", "circular")


def pairs_of(pad: Sequence[int], ndim: int, where: str) -> Pairs:
    """Turn PyTorch's flat list, last dimension first, into a (low, high) pair a dimension."""
    if not isinstance(pad, tuple | list):
        raise TypeError(f"{where}: pad must be a tuple of integers, got pad={pad!r}")
    flat = [integer(f"pad[{i}]", p, where) for i, p in enumerate(pad)]
    if len(flat) % 2 or len(flat) > 2 * ndim:
        raise ValueError(
            f"{where}: pad must hold two integers for each of the last dimensions, "
            f"at most {2 * ndim} for an input of {ndim} dimensions, got pad={tuple(pad)}"
        )
    listed = [(flat[i], flat[i + 1]) for i in range(0, len(flat), 2)]
    return ((0, 0),) * (ndim - len(listed)) + tuple(reversed(listed))


def _check_constant(shape: tuple[int, ...], pairs: Pairs, where: str) -> None:
    for axis, (size, pair) in enumerate(zip(shape, pairs, strict=True)):
        cropped = [min(p, 0) for p in pair]
        if known(size) and (size + sum(pair) < 0 or any(size + c < 0 for c in cropped)):
            raise ValueError(
                f"{where}: pad must not crop away more than there is, got {pair} "
                f"for dimension {axis} of input.shape={shape}"
            )


def _check_value(value: object, dtype: jnp.dtype, where: str) -> None:
    """Refuse a number that is beyond the dtype's range; a traced one is cast as it is."""
    if not isinstance(value, int | float) or dtype.name == "bool":
        return
    floating = jnp.issubdtype(dtype, jnp.inexact)
    limits = jnp.finfo(dtype) if floating else jnp.iinfo(dtype)
    if floating and not math.isfinite(value):
        return
    if not float(limits.min) <= value <= float(limits.max):
        raise ValueError(
            f"{where}: value must lie in the range of input's dtype {dtype.name}, "
            f"from {limits.min} to {limits.max}, got value={value}"
        )


def _check_space(shape: tuple[int, ...], dims: int, mode: str, where: str) -> None:
    if dims not in (1, 2, 3) or len(shape) not in (dims + 1, dims + 2):
        raise ValueError(
            f"{where}: mode={mode!r} pads the last 1, 2 or 3 dimensions of an input with 1 or 2 "
            f"dimensions before them (channels, and batch), got input.shape={shape} and "
            f"{dims} pairs in pad"
        )
    if mode == "circular":
        return
    inner = shape[-dims - 1 :]
    if any(known(n) and n == 0 for n in inner):
        raise ValueError(
            f"{where}: mode={mode!r} allows an empty batch, and no other size of 0, "
            f"got input.shape={shape}"
        )


def _check_edges(shape: tuple[int, ...], pairs: Pairs, dims: int, mode: str, where: str) -> None:
    for axis, (size, pair) in enumerate(zip(shape, pairs, strict=True)):
        if not known(size) or pair == (0, 0):
            continue
        low, high = pair
        if size + low + high < 0:
            raise ValueError(
                f"{where}: pad must not crop away more than there is, got {pair} "
                f"for dimension {axis} of input.shape={shape}"
            )
        if mode == "reflect" and max(pair) >= size:
            raise ValueError(
                f"{where}: mode='reflect' needs pad below the size, got {pair} "
                f"for dimension {axis} of input.shape={shape}"
            )
        rest = size + min(low, 0) + min(high, 0)
        if mode == "circular" and max(pair) > max(rest, 0):
            raise ValueError(
                f"{where}: mode='circular' wraps around once at most: pad must not exceed the "
                f"size that cropping leaves, got {pair} for dimension {axis} of input.shape={shape}"
            )
    left = [n + sum(pair) for n, pair in zip(shape, pairs, strict=True)][-dims:]
    if mode != "circular" and all(known(n) and n == 0 for n in left):
        raise ValueError(
            f"{where}: mode={mode!r} must leave something in one of the dimensions at least, "
            f"got pad={pairs[-dims:]} for input.shape={shape}"
        )


def _part(x: jax.Array, start: int, stop: int, axis: int) -> jax.Array:
    return lax.slice_in_dim(x, start, stop, axis=axis)


def _grow(x: jax.Array, low: int, high: int, axis: int, mode: str) -> jax.Array:
    """Extend one axis by low and high elements, both at least 0."""
    size = x.shape[axis]
    before: list[jax.Array] = []
    after: list[jax.Array] = []
    if mode == "reflect":
        before = [lax.rev(_part(x, 1, low + 1, axis), [axis])] if low else []
        after = [lax.rev(_part(x, size - 1 - high, size - 1, axis), [axis])] if high else []
    elif mode == "replicate":
        before = [jnp.repeat(_part(x, 0, 1, axis), low, axis=axis)] if low else []
        after = [jnp.repeat(_part(x, size - 1, size, axis), high, axis=axis)] if high else []
    else:
        before = [_part(x, size - low, size, axis)] if low else []
        after = [_part(x, 0, high, axis)] if high else []
    return jnp.concatenate([*before, x, *after], axis=axis) if before or after else x


def _crop(x: jax.Array, low: int, high: int, axis: int) -> jax.Array:
    """Drop -low and -high elements of one axis, where these are below 0."""
    start, stop = max(-low, 0), x.shape[axis] - max(-high, 0)
    return _part(x, start, stop, axis) if (start, stop) != (0, x.shape[axis]) else x


@partial(jax.jit, static_argnames=("pairs", "mode"), inline=True)
def _edge_pad(x: jax.Array, pairs: Pairs, mode: str) -> jax.Array:
    x = x if mode == "circular" else keep_path(x)
    for axis, (low, high) in enumerate(pairs):
        # PyTorch crops first where it wraps around, and last where it looks at the edge.
        if mode == "circular":
            x = _crop(x, low, high, axis)
        x = _grow(x, max(low, 0), max(high, 0), axis, mode)
        if mode != "circular":
            x = _crop(x, low, high, axis)
    return x


def pad(
    input: ArrayLike, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> jax.Array:
    r"""Pad an array at its last dimensions: torch.nn.functional.pad.

    Along one dimension of n elements, with l before, position i of the result is

    .. math:: y_i = x_{\sigma(i - l)}

    where sigma(j) is j inside of 0..n-1 and, outside, nothing (constant: y is `value`), the mirror
    image without the edge (reflect), the edge (replicate) or j modulo n (circular).

    Args:
      input: any shape for 'constant'; (C, *space) or (N, C, *space) with 1 to 3 spatial
        dimensions, all of which are padded, for the others. Any dtype; no bool for 'reflect' and
        'replicate'.
      pad: two integers a dimension, in elements, the last dimension first: (left, right, top,
        bottom, ...). Negative ones crop.
      mode: 'constant', 'reflect', 'replicate' or 'circular'.
      value: what 'constant' fills in, cast to the input's dtype; None is 0.

    Returns:
      The padded array, of the input's dtype.

    Raises:
      ValueError: an unknown mode, a pad that does not fit the input, a value for another mode than
        'constant', or one beyond the dtype's range.
      TypeError: where pad is no tuple of integers, or the input no array.

    Departs from PyTorch where 'circular' crops one side and wraps more than is left on the other:
    PyTorch returns uninitialised memory there, this raises ValueError.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import pad
      >>> x = jnp.array([[1, 2, 3]])
      >>> pad(x, (1, 1)), pad(x, (2, -1), 'reflect')
      (Array([[0, 1, 2, 3, 0]], dtype=int32), Array([[3, 2, 1, 2]], dtype=int32))
      >>> pad(x, (1, 2), 'replicate'), pad(x, (1, 1), 'circular')
      (Array([[1, 1, 2, 3, 3, 3]], dtype=int32), Array([[3, 1, 2, 3, 1]], dtype=int32))

    Reference: torch.nn.functional.pad.
    """
    where = "pad"
    x = array("input", input, where)
    if mode not in MODES:
        raise ValueError(f"{where}: mode must be one of {', '.join(MODES)}, got mode={mode!r}")
    pairs = pairs_of(pad, x.ndim, where)
    check_dtype("input", x, EDGE_PAD if mode in ("reflect", "replicate") else ANY_PAD, where)
    if not (value is None or isinstance(value, REAL)):
        raise TypeError(f"{where}: value must be a real number, got value={value!r}")
    if mode == "constant":
        _check_constant(x.shape, pairs, where)
        fill = 0 if value is None else value
        if any(low > 0 or high > 0 for low, high in pairs):
            _check_value(fill, x.dtype, where)
        return _constant_pad(x, jnp.asarray(fill).astype(x.dtype), pairs)
    if value:
        raise ValueError(
            f"{where}: value belongs to mode='constant', got value={value} with mode={mode!r}"
        )
    _check_space(x.shape, len(pad) // 2, mode, where)
    _check_edges(x.shape, pairs, len(pad) // 2, mode, where)
    return _edge_pad(x, pairs, mode)


@partial(jax.jit, static_argnames=("pairs",), inline=True)
def _constant_pad(x: jax.Array, fill: jax.Array, pairs: Pairs) -> jax.Array:
    return lax.pad(x, fill, [(low, high, 0) for low, high in pairs])
