"""Pooling, one spatial axis after the other: taps are slices, and a pool combines them.

A window's maximum is the maximum over rows of the maxima within rows, and a sum likewise, so that
a window of k x k costs 2k slices rather than k^2. PyTorch's choice among equals (the first in row-
major order; of several NaNs the last) survives this, as each stage keeps it.

A program of slices grows with the window. Long windows, and adaptive ones, which differ in length,
are gathered along a further axis instead.
"""

import math
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from convgrad import _jax
from convgrad._paths import keep_path

from ._sizes import known
from ._taps import gathered, taps_of
from ._windows import Windows

# Windows of more elements than this are gathered.
LONG = 16


def _is_gathered(windows: Windows) -> bool:
    return windows.adaptive or windows.kernel > LONG


def _along(values: np.ndarray, ndim: int, axis: int) -> np.ndarray:
    """Shape a vector of one number a window so that it broadcasts along `axis`."""
    return values.reshape([-1 if i == axis else 1 for i in range(ndim)])


def _lowest(dtype: jnp.dtype) -> jax.Array:
    if jnp.issubdtype(dtype, jnp.floating):
        return jnp.array(-jnp.inf, dtype)
    return jnp.array(jnp.iinfo(dtype).min, dtype)


def _first_maximum(taps: Sequence[jax.Array], axis: int, windows: Windows) -> jax.Array:
    """Say which tap holds each window's maximum: the first, or the last NaN."""
    inside, ndim = windows.inside(), taps[0].ndim
    which = jnp.broadcast_to(_along(inside.argmax(1), ndim, axis), taps[0].shape).astype(jnp.int32)
    best = jnp.full_like(taps[0], _lowest(taps[0].dtype))
    for t, tap in enumerate(taps):
        better = tap > best
        if jnp.issubdtype(tap.dtype, jnp.floating):
            better |= jnp.isnan(tap)
        if not inside[:, t].all():
            better &= _along(inside[:, t], ndim, axis)
        which = jnp.where(better, t, which)
        best = jnp.where(better, tap, best)
    return which


def _first_maximum_gathered(x: jax.Array, axis: int, windows: Windows) -> jax.Array:
    """As `_first_maximum`, for gathered windows."""
    spread = gathered(x, axis, windows, _lowest(x.dtype))
    which = lax.argmax(spread, axis + 1, jnp.int32)
    if jnp.issubdtype(x.dtype, jnp.floating):
        missing = jnp.isnan(spread)
        back = lax.argmax(jnp.flip(missing, axis + 1), axis + 1, jnp.int32)
        which = jnp.where(missing.any(axis + 1), windows.kernel - 1 - back, which)
    # Where all elements are the lowest number, what pads before them equals them.
    first = _along(windows.inside().argmax(1), x.ndim, axis)
    return jnp.maximum(which, first.astype(np.int32))


def _select(which: jax.Array, cases: Sequence[jax.Array]) -> jax.Array:
    if len(cases) == 1:
        return cases[0]
    if len(cases) == 2:
        which = which.astype(bool)
    return lax.select_n(which, *cases)


@partial(jax.jit, static_argnames=("windows",), inline=True)
def max_pool(x: jax.Array, windows: tuple[Windows, ...]) -> tuple[jax.Array, jax.Array]:
    """Return each window's maximum, and its flat position in the input's space."""
    x = keep_path(x)
    strided = any(1 < w.stride < w.kernel and not _is_gathered(w) for w in windows)
    if strided and jnp.issubdtype(x.dtype, jnp.floating) and all(map(known, x.shape)):
        # XLA computes what both have in common once.
        return _taken(x, windows), _chosen(lax.stop_gradient(x), windows)[1]
    return _chosen(x, windows)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _taken(x: jax.Array, windows: tuple[Windows, ...]) -> jax.Array:
    """Return maxima whose derivative is the tangent at their position, on CPU.

    In reverse the output's gradients are added where their maxima are. By choices, they would be
    spread over strided slices, which overlap: an array as large as the input for each tap, made
    element by element, in twice the time. Over several devices positions would gather the input.
    """
    return _chosen(x, windows)[0]


@_taken.defjvp
def _taken_jvp(
    windows: tuple[Windows, ...], primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (x,), (t,) = primals, tangents
    flat = _chosen(x, windows)[1]

    def choose(x: jax.Array, _: jax.Array, t: jax.Array) -> jax.Array:
        return jax.jvp(lambda x: _chosen(x, windows)[0], (x,), (t,))[1]

    def take(_: jax.Array, flat: jax.Array, t: jax.Array) -> jax.Array:
        space = math.prod(w.size for w in windows)
        first = jnp.arange(0, t.size, space, dtype=flat.dtype)
        at = flat + first.reshape(*t.shape[: -len(windows)], *(1,) * len(windows))
        return t.reshape(-1).at[at].get(mode="promise_in_bounds")

    if x.size > jnp.iinfo(flat.dtype).max:
        along = choose(x, flat, t)
    else:
        along = _jax.on_one_cpu(take, choose, x, flat, t)
    return _taken(x, windows), along


def _chosen(x: jax.Array, windows: tuple[Windows, ...]) -> tuple[jax.Array, jax.Array]:
    """Choose the maximum along one axis after the other."""
    index_type = jax.dtypes.canonicalize_dtype(jnp.int64)
    flat = jnp.zeros((1,) * x.ndim, index_type)
    scale = 1
    for d in reversed(range(len(windows))):
        window, axis = windows[d], x.ndim - len(windows) + d
        starts = _along(window.starts(), x.ndim, axis)
        inner = d < len(windows) - 1
        # The position within the inner axes moves along with the maximum that it belongs to.
        if _is_gathered(window):
            which = _first_maximum_gathered(lax.stop_gradient(x), axis, window)
            at = starts + which.astype(index_type) * window.dilation
            x = jnp.take_along_axis(x, at, axis, mode="clip")
            flat = jnp.take_along_axis(flat, at, axis, mode="clip") if inner else flat
        else:
            taps = taps_of(x, axis, window, _lowest(x.dtype))
            which = _first_maximum([lax.stop_gradient(t) for t in taps], axis, window)
            at = starts + which.astype(index_type) * window.dilation
            x = _select(which, taps)
            if inner:
                flat = _select(which, taps_of(flat, axis, window, jnp.zeros((), index_type)))
        flat = flat + scale * at
        scale *= window.size
    return x, flat.astype(index_type)


@partial(jax.jit, static_argnames=("windows", "count_include_pad", "divisor"), inline=True)
def avg_pool(
    x: jax.Array, windows: tuple[Windows, ...], count_include_pad: bool, divisor: int | None
) -> jax.Array:
    """Return each window's sum over its divisor; two-byte floats are summed in float32."""
    dtype = x.dtype
    if dtype.name in ("float16", "bfloat16"):
        x = x.astype(jnp.float32)
    divisors = np.ones((1,) * len(windows), np.int64)
    for d, window in enumerate(windows):
        axis = x.ndim - len(windows) + d
        x = _window_sums(x, axis, window)
        counts = window.reach() if count_include_pad else window.inside().sum(1)
        divisors = divisors * _along(counts, len(windows), d)
    if divisor is not None:
        divisors = np.full_like(divisors, divisor)
    by = jnp.asarray(divisors).astype(x.dtype)
    # Integers are divided towards zero, as in C.
    total = lax.div(x, jnp.broadcast_to(by, x.shape))
    return total.astype(dtype)


def _window_sums(x: jax.Array, axis: int, windows: Windows) -> jax.Array:
    if windows == Windows(windows.size, windows.count, windows.kernel, windows.kernel) and (
        windows.kernel * windows.count == windows.size
    ):  # the windows tile the axis
        split = (*x.shape[:axis], windows.count, windows.kernel, *x.shape[axis + 1 :])
        return x.reshape(split).sum(axis + 1, dtype=x.dtype)
    zero = jnp.zeros((), x.dtype)
    if windows.adaptive:
        return gathered(x, axis, windows, zero).sum(axis + 1, dtype=x.dtype)
    if windows.kernel > LONG:
        sizes, strides, padding = [1] * x.ndim, [1] * x.ndim, [(0, 0)] * x.ndim
        sizes[axis], strides[axis] = windows.kernel, windows.stride
        padding[axis] = (windows.padding, max(windows.room(), 0))
        x = lax.slice_in_dim(x, 0, min(windows.size, windows.size + windows.room()), axis=axis)
        nought = np.zeros((), x.dtype)  # a traced zero would hide that this is a sum
        return lax.reduce_window(x, nought, lax.add, sizes, strides, padding)
    first, *rest = taps_of(x, axis, windows, zero)
    return sum(rest, first)
