"""Dense convolutions through XLA's own kernels, in the layout that these are fast in.

XLA's CPU knows two: YNNPACK's, which takes over two-dimensional convolutions, and Eigen's, which is
faster and more exact but with a few channels. YNNPACK declines where the output has more rows than
the input: so rows of zeros below, which cost next to nothing, choose Eigen. In float64 there is no
Eigen's: what YNNPACK declines goes element by element, so it is better off as columns.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .._batch import image_by_image
from .._layout import Pairs, at_tap, channels_first, channels_last, offsets, pad_space
from .._method import Method
from .._problem import Problem


def kernel_last(w: jax.Array) -> jax.Array:
    """Turn (O, C, *kernel) into (*kernel, C, O)."""
    return jnp.moveaxis(w, (0, 1), (-1, -2))


def convolve_last(
    p: Problem,
    x: jax.Array,
    w: jax.Array,
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
    rows: int | None = None,
) -> jax.Array:
    """Convolve (N, *space, C) with (*kernel, C, O) to (N, *out, O), a part of a problem.

    By Eigen's kernel where there are channels enough, and at most `rows` rows. In float64 by
    YNNPACK's where it has one, else by columns.
    """
    dims, limits = x.ndim - 2, p.limits
    pairs = [(low, high) for low, high in padding]
    space, kernel = x.shape[1:-1], w.shape[:dims]
    out = [
        (n + sum(p) - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(space, pairs, dilation, kernel, stride, strict=True)
    ]
    wide = x.dtype == jnp.float64
    if wide and math.prod(kernel) <= limits.operations and not _ynnpack(limits, space, out, w):
        return _by_columns(limits, x, w, out, stride, pairs, dilation)
    extra, many = 0, x.shape[-1] >= limits.eigen_channels and w.shape[-1] >= limits.eigen_outputs
    many = many and not wide and (rows is None or space[0] <= rows)
    if many and dims == 2 and set(stride) == {1} and out[0] <= space[0]:
        extra = space[0] + 1 - out[0]
        pairs[0] = (pairs[0][0], pairs[0][1] + extra)
    names = "DHW"[-dims:]
    y = lax.conv_general_dilated(
        x,
        w,
        stride,
        pairs,
        rhs_dilation=dilation,
        dimension_numbers=(f"N{names}C", f"{names}IO", f"N{names}C"),
    )
    return y[:, : out[0]] if extra else y


def _ynnpack(limits: Any, space: Sequence[int], out: Sequence[int], w: jax.Array) -> bool:
    """Whether YNNPACK takes a convolution of these shapes over, as measured (jaxlib 0.10.2)."""
    few = max(w.shape[-2:]) <= limits.ynnpack_channels
    return len(out) == 2 and not few and all(m <= n for m, n in zip(out, space, strict=True))


def _by_columns(
    limits: Any,
    x: jax.Array,
    w: jax.Array,
    out: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> jax.Array:
    """Do the same by a product of columns: of all images, or, where these are large, of each."""
    n, kernel, flat = x.shape[0], w.shape[: len(out)], w.reshape(-1, w.shape[-1])
    size = n * math.prod(out) * flat.shape[0] * jnp.dtype(x.dtype).itemsize
    if n > 1 and size > limits.columns_bytes:
        return image_by_image(
            lambda one: _by_columns(limits, one, w, out, stride, padding, dilation), x
        )
    padded = pad_space(x, [*padding, (0, 0)])
    taps = [
        at_tap(padded, (*tap, 0), (*out, x.shape[-1]), (*stride, 1))
        for tap in offsets(kernel, dilation)
    ]
    patches = jnp.concatenate(taps, -1).reshape(-1, flat.shape[0])
    return (patches @ flat).reshape(n, *out, -1)


def _forward(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve by way of channels last."""
    rows = p.limits.eigen_last_rows if p.channels_last else None
    first, last = channels_last(x), kernel_last(w)
    return channels_first(convolve_last(p, first, last, p.stride, p.padding, p.dilation, rows))


DIRECT = Method("direct", {"forward": _forward}, lambda p: p.groups == 1 and not p.spreads)
