"""Methods by name: what `_choose` names is computed here, in canonical form."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ..cpu import _depthwise, _fourier
from ..cpu._batch import product_for_each
from ..cpu._layout import at_tap, crop_space, cropped_away, offsets, pad_space
from ..cpu._methods import exchanged
from ..cpu._problem import Problem
from ._choose import choose

# What adds up products itself does so in float32; products of matrices and convolutions are the
# GPU's own, in the dtype of their operands.
IN_FLOAT32 = {"depthwise", "spectra"}


def solve(p: Problem, x: jax.Array, w: jax.Array, *, precision: Any = None) -> jax.Array:
    """Compute a problem by the method that is chosen for it, in the dtype of its operands."""
    method = choose(p).method
    dtype = x.dtype
    if method in IN_FLOAT32 and dtype != jnp.float64:
        x, w = x.astype(jnp.float32), w.astype(jnp.float32)
    if set(p.spread) == {1} and cropped_away(p.space, p.padding):
        return jnp.zeros(p.result_shape, dtype)
    by = _weight if p.role == "weight" else _forward
    return by(p, method, x, w, precision).astype(dtype)


def _forward(p: Problem, method: str, x: jax.Array, w: jax.Array, precision: Any) -> jax.Array:
    if method == "pointwise":
        return pointwise(x, w, precision)
    if method == "spectra":
        return _fourier.by_spectra(x, w, p.groups, p.out[0], p.padding[0])
    assert method == "depthwise", method
    padded, none = pad_space(x, p.padding), ((0, 0),) * p.dims
    return _depthwise.depthwise(padded, w, p.out, p.stride, none, p.dilation)


def _weight(p: Problem, method: str, x: jax.Array, g: jax.Array, precision: Any) -> jax.Array:
    if method == "exchanged":
        solve_other: Callable[..., jax.Array] = partial(stock_weight, precision=precision)
        return exchanged(p, x, g, solve_other)
    if method == "pointwise":
        return pointwise_weight(x, g, precision).reshape(p.out_channels, -1, *p.kernel)
    if method == "spectra":
        return _fourier.weight_by_spectra(x, g, p.groups, p.kernel[0], p.padding[0])
    if method == "depthwise":
        return depthwise_weight(p, x, g)
    assert method == "residues", method
    return by_residues(p, x, g, precision)


def pointwise(x: jax.Array, w: jax.Array, precision: Any) -> jax.Array:
    """Convolve (N, C, *space) with (O, C, 1...): a product for each image."""
    n, c, *space = x.shape
    y = product_for_each(w.reshape(-1, c), x.reshape(n, c, -1), precision)
    return y.reshape(n, -1, *space)


def pointwise_weight(x: jax.Array, g: jax.Array, precision: Any) -> jax.Array:
    """Return the gradient (O, C): a product for each image, then their sum."""
    left, right = (a.reshape(*a.shape[:2], -1) for a in (g, x))
    each = lax.dot_general(left, right, (((2,), (2,)), ((0,), (0,))), precision=precision)
    return each.sum(0)


def depthwise_weight(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Return the weight gradient (C M, 1, *kernel): a sum of products for each kernel element.

    One sum of them all, as on CPU, takes 1.2 to 1.7 times as long.
    """
    n, c = x.shape[:2]
    padded = pad_space(x, p.padding)[:, :, None]
    each = g.reshape(n, c, -1, *p.out)
    axes = (0, *range(3, 3 + p.dims))
    sums = [
        (at_tap(padded, tap, p.out, p.stride) * each).sum(axes)
        for tap in offsets(p.kernel, p.dilation)
    ]
    return jnp.stack(sums, -1).reshape(p.out_channels, 1, *p.kernel)


def stock_weight(p: Problem, x: jax.Array, g: jax.Array, *, precision: Any = None) -> jax.Array:
    """Return a weight gradient (O, C / groups, *kernel) as JAX transposes a convolution."""
    reach = [
        (m - 1) * s + d * (k - 1) + 1
        for m, s, d, k in zip(p.out, p.stride, p.dilation, p.kernel, strict=True)
    ]
    # Exactly what the windows see, so that the convolution has the outputs that there are.
    seen = [(low, r - n - low) for r, n, (low, _) in zip(reach, p.space, p.padding, strict=True)]
    if cropped_away(p.space, seen):
        return jnp.zeros(p.result_shape, x.dtype)
    x, padding = crop_space(x, seen)

    def convolution(w: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(
            x,
            w,
            p.stride,
            padding,
            rhs_dilation=p.dilation,
            feature_group_count=p.groups,
            precision=precision,
        )

    (w,) = jax.linear_transpose(convolution, jax.ShapeDtypeStruct(p.result_shape, x.dtype))(g)
    return w


def by_residues(p: Problem, x: jax.Array, g: jax.Array, precision: Any) -> jax.Array:
    """Return the weight gradient of a dilated kernel as that of a plain one, over more images.

    Outputs d q + r and inputs d (q + u) + r meet for each residue r by itself: each is an image.
    """
    apart = [d if k > 1 else 1 for d, k in zip(p.dilation, p.kernel, strict=True)]
    out = tuple(-(-m // d) for m, d in zip(p.out, apart, strict=True))
    more = [m * d - o for m, d, o in zip(out, apart, p.out, strict=True)]
    reach = [
        (m * d - 1) * s + d * (k - 1) + 1 if d > 1 else n + low + high
        for m, d, s, k, n, (low, high) in zip(
            out, apart, p.stride, p.kernel, p.space, p.padding, strict=True
        )
    ]
    pairs = [(low, r - n - low) for r, n, (low, _) in zip(reach, p.space, p.padding, strict=True)]
    images = _residues(pad_space(x, pairs), apart)
    gradients = _residues(pad_space(g, [(0, m) for m in more]), apart)
    plain = replace(
        p,
        batch=images.shape[0],
        space=images.shape[2:],
        out=out,
        padding=((0, 0),) * p.dims,
        dilation=(1,) * p.dims,
    )
    return stock_weight(plain, images, gradients, precision=precision)


def _residues(x: jax.Array, apart: list[int]) -> jax.Array:
    """Turn (N, C, d q...) into (N d..., C, q...)."""
    n, c, *space = x.shape
    dims = len(space)
    split = [m for size, d in zip(space, apart, strict=True) for m in (size // d, d)]
    order = (0, *range(3, 3 + 2 * dims, 2), 1, *range(2, 2 + 2 * dims, 2))
    whole = [size // d for size, d in zip(space, apart, strict=True)]
    return x.reshape(n, c, *split).transpose(order).reshape(n * math.prod(apart), c, *whole)
