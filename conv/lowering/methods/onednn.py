"""oneDNN's convolutions, which jaxlib's x86-64 builds carry.

XLA does not use them by default, but a program may name them: a custom call that XLA's CPU runtime
executes on its own threads. `available` says whether the library at hand has it, and `takes` what
it may be asked for. What oneDNN does not take ends the process; and where it has no kernel of its
own, it copies windows and multiplies ("gemm"), in two loops of threads one in the other, for which
XLA's threads are not made: such a call may never return, or write where it must not.

`takes` keeps from that too: with AVX-512 it has kernels for all but few problems, with AVX2 only
for arrays whose channels come last.
"""

import functools
import os
from dataclasses import replace

import jax
import jax.numpy as jnp

from convgrad import _jax

from .._layout import (
    at_tap,
    channels_first,
    channels_last,
    crop_space,
    cropped_away,
    interleave,
    pad_space,
    trim,
)
from .._method import Compute, Method
from .._problem import Problem
from .._product import library_multiplies, product
from .pointwise import is_pointwise
from .transposed import phase_of, phases_of_kernel

SWITCH = "CONVGRAD_ONEDNN"  # the environment's variable that switches it off


@functools.cache
def available() -> bool:
    """Whether this jaxlib executes the calls, and nobody has switched them off."""
    return os.environ.get(SWITCH) != "off" and _jax.has_onednn()


def takes(p: Problem) -> bool:
    """Whether oneDNN may be asked for a plain convolution, and has a kernel of its own for it.

    It has none for depthwise ones along a line or with a dilation. (What is cropped is cropped
    before.) With AVX2 it has none for channels that come first.
    """
    depthwise = p.groups > 1 and p.per_group == (1, 1)
    return (
        p.onednn
        and (p.dtype == "float32" or _takes_bfloat16(p))
        and not p.spreads
        and (p.channels_last or p.innermost or _jax.has_avx512())
        and min(*p.out, *p.space, p.batch, *p.per_group) > 0
        and not (depthwise and (p.dims == 1 or not p.unit_dilation))
    )


def _takes_bfloat16(p: Problem) -> bool:
    """Whether it may be asked in bfloat16: with AMX, and with the channels innermost in memory.

    Beyond that, several channels a group, volumes and few channels end the process or take "gemm",
    an output one element wide is wrong, and windows of a dilated kernel that see nothing but
    padding are not written.
    """
    return (
        p.dtype == "bfloat16"
        and _jax.has_amx()
        and (p.channels_last or p.innermost)
        and p.dims == 2
        and (p.groups == 1 or p.per_group == (1, 1))
        and min(p.in_channels, p.out_channels) >= 8
        and p.out[-1] > 1
        and all(n >= d for n, d in zip(p.space, p.dilation, strict=True))
    )


def convolve(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve (N, C, *space) with (O, C / groups, *kernel) to (N, O, *out).

    Arrays that come with their channels last are handed over so, and the transposes that brought
    them to this form cancel.
    """
    assert all(min(pair) >= 0 for pair in p.padding), "oneDNN ends the process on negative padding"
    reach = [d * (k - 1) + 1 for d, k in zip(p.dilation, p.kernel, strict=True)]
    if any(max(pair) >= r for pair, r in zip(p.padding, reach, strict=True)):
        # It has no kernel for windows that see nothing but padding.
        x = pad_space(x, p.padding)
        p = replace(p, space=x.shape[2:], padding=((0, 0),) * p.dims)
    n = p.dims
    out, into, *around = p.kernel_order or range(n + 2)
    if p.channels_last:
        x = channels_last(x)
        data = {"batch_dim": 0, "feature_dim": n + 1, "spatial_dims": list(range(1, n + 1))}
        shape, order = (p.batch, *p.out, p.out_channels), tuple(range(n + 2))
    else:
        data = {"batch_dim": 0, "feature_dim": 1, "spatial_dims": list(range(2, n + 2))}
        shape = p.result_shape
        order = (0, *range(2, n + 2), 1) if p.innermost else tuple(range(n + 2))
    config = {
        "dims": n + 2,
        "input": {"data": data},
        "kernel": {
            "filter": {"output_feature_dim": out, "input_feature_dim": into, "spatial_dims": around}
        },
        "output": {"data": data},
        "window": {
            "size": list(p.kernel),
            "pad_left": [low for low, _ in p.padding],
            "pad_right": [high for _, high in p.padding],
            "strides": list(p.stride),
            "window_dilations": list(p.dilation),
        },
        "feature_groups": p.groups,
    }
    y = _jax.onednn_convolution(config, x, _as_it_came(p, w), shape, order)
    return channels_first(y) if p.channels_last else y


def _as_it_came(p: Problem, w: jax.Array) -> jax.Array:
    """Undo the transpose to (O, C / groups, *kernel): the two cancel, and nothing is copied."""
    if p.kernel_order is None:
        return w
    return w.transpose([p.kernel_order.index(axis) for axis in range(w.ndim)])


def _by_product(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Multiply all positions, whose channels come last, by a kernel of one element."""
    out, into, *_ = p.kernel_order or range(p.dims + 2)
    shape, axis = ((p.out_channels, p.in_channels), 1)
    if into < out:
        shape, axis = ((p.in_channels, p.out_channels), 0)
    rows = channels_last(x).reshape(-1, p.in_channels)
    y = product(p, rows, _as_it_came(p, w).reshape(shape), (1, axis), whole=True)
    return channels_first(y.reshape(p.batch, *p.out, p.out_channels))


def _forward(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    if p.taps == 1 and p.unpadded and not p.unit_stride:
        x = at_tap(x, (0,) * p.dims, p.out, p.stride)
        p = replace(p, space=p.out, stride=(1,) * p.dims)
    if is_pointwise(p) and p.groups == 1 and p.channels_last:
        sizes = p.batch * p.length, p.in_channels, p.out_channels
        if library_multiplies(p.dtype, *sizes):
            return _by_product(p, x, w)
    return convolve(p, x, w)


def _phases_at_once(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve all phases of a problem of whole strides as output channels.

    With the channels innermost, what interleaves them copies runs of channels.
    """
    q, early = p.phased()
    if cropped_away(q.space, q.padding):
        return jnp.zeros(p.result_shape, x.dtype)
    kernel, n = phases_of_kernel(p, w), p.dims  # (*q.kernel, C, *phases, O)
    kernel = kernel.reshape(*q.kernel, p.in_channels, -1)
    cropped, rest = crop_space(x, q.padding)
    order = (n + 1, n, *range(n))
    q = replace(q, space=cropped.shape[2:], padding=rest, kernel_order=order)
    y = channels_last(convolve(q, cropped, kernel.transpose(order)))
    y = y.reshape(p.batch, *q.out, *p.spread, p.out_channels)
    y = y.transpose([0, *(m for i in range(n) for m in (1 + i, 1 + n + i)), 1 + 2 * n])
    whole = [m * s for m, s in zip(q.out, p.spread, strict=True)]
    y = y.reshape(p.batch, *whole, p.out_channels)
    return channels_first(trim(y, p.out, 1, early))


def _phases(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve each phase of a transposed problem by itself, and interleave the results."""
    if at_once(p):
        return _phases_at_once(p, x, w)
    counts = [-(-m // s) for m, s in zip(p.out, p.spread, strict=True)]

    def phase(r: tuple[int, ...]) -> jax.Array:
        found = phase_of(p, r)
        if found is None:
            return jnp.zeros((p.batch, p.out_channels, *counts), x.dtype)
        picked, q = found
        cropped, rest = crop_space(x, q.padding)
        return convolve(replace(q, space=cropped.shape[2:], padding=rest), cropped, w[picked])

    return trim(interleave(phase, p.spread, 2), p.out, 2)


def at_once(p: Problem) -> bool:
    """Whether all phases of a transposed problem are one convolution."""
    dense = p.groups == 1 and p.unit_dilation and p.whole_strides
    return dense and (p.innermost or p.channels_last)


def _takes(p: Problem) -> bool:
    if p.role == "forward":
        return takes(p)
    if p.dtype == "bfloat16" and not (p.unit_dilation and p.out[-1] >= 2 * p.spread[-1]):
        return False  # a phase could be one element wide, or have windows that see nothing
    return p.unit_stride and takes(replace(p, spread=(1,) * p.dims, padding=((0, 0),) * p.dims))


ONEDNN = Method(
    "onednn",
    {"forward": _forward, "transposed": _phases},
    _takes,
    in_float32=False,
)


def _wide(p: Problem) -> Problem:
    return replace(p, dtype="float32")


def _in_float32(compute: Compute) -> Compute:
    return lambda p, x, w: compute(_wide(p), x, w)


# For 16 bits that it does not take itself; its results are rounded once.
ONEDNN_IN_FLOAT32 = Method(
    "onednn_in_float32",
    {role: _in_float32(compute) for role, compute in ONEDNN.roles.items()},
    lambda p: p.sixteen_bits and _takes(_wide(p)),
)
