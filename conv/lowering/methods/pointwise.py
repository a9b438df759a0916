"""Kernels of one element, and others whose windows do not overlap: one matrix product."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import lax

from .._batch import product_for_all, product_for_each
from .._layout import at_tap, channels_last
from .._method import Method
from .._problem import Problem
from .._product import library_multiplies, product


def is_pointwise(p: Problem) -> bool:
    """Whether a kernel has one element, and every output meets the input."""
    return p.taps == 1 and p.unpadded and not p.spreads


def _mixed(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Mix the channels of (N, C, *space) by w (O, C / groups, and any axes of one element)."""
    n, c, *space = x.shape
    o, per_group = w.shape[:2]
    length = math.prod(space)
    flat = w.reshape(o, per_group)
    long, short = p.limits.pointwise_long, p.limits.pointwise_short
    if p.groups > 1:
        kernels = jnp.broadcast_to(
            w.reshape(1, p.groups, o // p.groups, per_group),
            (n, p.groups, o // p.groups, per_group),
        )
        y = jnp.matmul(kernels, x.reshape(n, p.groups, per_group, length))
    elif length >= long or (n == 1 and length >= short):
        y = product_for_each(flat, x.reshape(n, c, length))
    elif length < short:
        rows = x.reshape(n, c, length).swapaxes(1, 2).reshape(n * length, c)
        # With the kernel's axes as they came: merging them first would copy a transposed one.
        y = lax.dot_general(rows, w, (((1,), (1,)), ((), ())))
        y = y.reshape(n, length, o).swapaxes(1, 2)
    else:
        y = product_for_all(flat, x.reshape(n, c, length))
    return y.reshape(n, o, *space)


def _forward(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Take the elements that the kernel meets, then mix them."""
    picked = x if p.unit_stride else at_tap(x, (0,) * p.dims, p.out, p.stride)
    return _mixed(p, picked, w)


def _met(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Slice the positions of x that the kernel's element meets, one for each of g."""
    if p.unit_stride and x.shape[2:] == g.shape[2:]:
        return x
    return at_tap(x, (0,) * p.dims, g.shape[2:], p.stride)


def _weight(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    n, o, *out = g.shape
    x = _met(p, x, g)
    c, length = x.shape[1], math.prod(out)
    if p.groups > 1:
        left, right = (a.reshape(n, p.groups, -1, length) for a in (g, x))
        each = lax.dot_general(left, right, (((3,), (3,)), ((0, 1), (0, 1))))
        return each.sum(0).reshape(o, -1, *p.kernel)
    limits = p.limits
    library = p.onednn and library_multiplies(x.dtype.name, o, n * length, c)
    # A product an image is ahead of oneDNN's of all where its result is small, beside images too.
    few = o * c <= min(limits.small_weight, length * (o + c)) and not p.channels_last
    if library and not few:
        return _weight_by_library(p, x, g).reshape(o, -1, *p.kernel)
    size = n * o * c * jnp.dtype(x.dtype).itemsize
    long = length >= limits.pointwise_weight_length and size <= limits.pointwise_weight_bytes
    if long or library:
        each = lax.dot_general(
            g.reshape(n, o, length), x.reshape(n, c, length), (((2,), (2,)), ((0,), (0,)))
        )
        return each.sum(0).reshape(o, -1, *p.kernel)
    left, right = (a.swapaxes(0, 1).reshape(-1, n * length) for a in (g, x))
    flat = lax.dot_general(left, right, (((1,), (1,)), ((), ())))
    return flat.reshape(o, -1, *p.kernel)


def _weight_by_library(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """One product of all positions, with the channels where they come: (O, C)."""
    if p.channels_last:
        return _product_of_rows(p, x, g)
    left, right = (a.swapaxes(0, 1).reshape(a.shape[1], -1) for a in (g, x))
    return product(p, left, right, (1, 1))


def _product_of_rows(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """One product of all positions, with the channels innermost: (O, C)."""
    left, right = (channels_last(a).reshape(-1, a.shape[1]) for a in (g, x))
    return product(p, left, right, (0, 0))


def _weight_by_rows(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    return _product_of_rows(p, _met(p, x, g), g).reshape(p.result_shape)


def _takes_rows(p: Problem) -> bool:
    sizes = p.out_channels, p.batch * p.length, p.in_channels
    return _takes(p) and p.groups == 1 and p.onednn and library_multiplies(p.dtype, *sizes)


def _takes(p: Problem) -> bool:
    if p.role == "weight":  # the gradient says which elements are met, whatever is cropped
        return p.taps == 1 and all(max(pair) <= 0 for pair in p.padding)
    return is_pointwise(p)


POINTWISE = Method("pointwise", {"forward": _forward, "weight": _weight}, _takes)
ROWS_OF_LIBRARY = Method("onednn_rows", {"weight": _weight_by_rows}, _takes_rows, in_float32=False)


def _patches(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve with stride = kernel: windows tile the input and become channels."""
    n, c, *_ = x.shape
    tiled = at_tap(
        x,
        (0,) * p.dims,
        [k * m for k, m in zip(p.kernel, p.out, strict=True)],
        (1,) * p.dims,
    )
    split = tiled.reshape(n, c, *(m for pair in zip(p.out, p.kernel, strict=True) for m in pair))
    order = [0, 1, *range(3, 2 + 2 * p.dims, 2), *range(2, 2 + 2 * p.dims, 2)]
    patches = split.transpose(order).reshape(n, c * p.taps, *p.out)
    return _mixed(replace(p, groups=1), patches, w.reshape(w.shape[0], -1))


PATCHIFY = Method(
    "patchify",
    {"forward": _patches},
    lambda p: p.groups == 1 and p.kernel == p.stride and p.unpadded and p.unit_dilation,
)


# Where a batched product of a shared factor needs no other form (GPUs), in the operands' dtype.


def _each(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    n, c, *space = x.shape
    y = product_for_each(w.reshape(-1, c), x.reshape(n, c, -1), p.precision)
    return y.reshape(n, -1, *space)


def _each_weight(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    left, right = (a.reshape(*a.shape[:2], -1) for a in (g, x))
    each = lax.dot_general(left, right, (((2,), (2,)), ((0,), (0,))), precision=p.precision)
    return each.sum(0).reshape(p.out_channels, -1, *p.kernel)


IMAGE_PRODUCTS = Method(
    "pointwise",
    {"forward": _each, "weight": _each_weight},
    lambda p: is_pointwise(p) and p.groups == 1 and p.unit_stride,
    in_float32=False,
)
