"""Convolutions that are computed as others: input, kernel and gradient in each other's place."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import lax

from .._finite import where_finite
from .._layout import crop_space, cropped_away, pad_space
from .._method import Method, Solve
from .._problem import Problem


def _images_as_channels(p: Problem, x: jax.Array, w: jax.Array, solve: Solve) -> jax.Array:
    """Compute a grouped convolution as a weight gradient: (N, O, *out).

    Its images stand for input channels, its input channels for images, its kernel for gradients.
    """
    per_group, _ = p.per_group
    split = x.reshape(p.batch, p.groups, per_group, *p.space)
    images = jnp.moveaxis(split, (2, 1), (0, 1)).reshape(per_group, -1, *p.space)
    gradients, inner = w.swapaxes(0, 1), p.as_weight()
    return where_finite(inner, solve(inner, images, gradients), images, gradients).swapaxes(0, 1)


OF_SAMPLES = Method(
    "of_samples",
    {"forward": _images_as_channels, "transposed": _images_as_channels},
    lambda p: p.groups > 1,
    inner=Problem.as_weight,
)


def _other(p: Problem) -> Problem:
    """Return the weight gradient with input and output's gradient in each other's place."""
    pairs = tuple(
        (d * (k - 1) - low, low + (n - 1) * s - m + 1)
        for k, d, (low, _), n, s, m in zip(
            p.kernel, p.dilation, p.padding, p.space, p.spread, p.out, strict=True
        )
    )
    return replace(
        p,
        in_channels=p.out_channels,
        out_channels=p.in_channels,
        space=p.out,
        out=p.space,
        stride=p.spread,
        spread=(1,) * p.dims,
        padding=pairs,
    )


def _exchanged(p: Problem, x: jax.Array, g: jax.Array, solve: Solve) -> jax.Array:
    """Compute the weight gradient of a transposed convolution as one of a plain convolution.

    With z the spread x: w[k] = sum over j of z[j + d k - low] g[j] is, counted from the other end,
    sum over i of g[d q - a + s i] x[i], with q = K-1-k and a = d (K-1) - low.
    """
    result = solve(_other(p), g, x)
    per_group, out_per_group = p.per_group
    grouped = result.reshape(p.groups, per_group, out_per_group, *p.kernel).swapaxes(1, 2)
    whole = grouped.reshape(p.out_channels, per_group, *p.kernel)
    return jnp.flip(whole, range(2, 2 + p.dims))


EXCHANGED = Method(
    "exchanged",
    {"weight": _exchanged},
    lambda p: p.spreads and p.unit_stride,
    grows=True,
    inner=_other,
)


def _apart(p: Problem) -> list[int]:
    return [d if k > 1 else 1 for d, k in zip(p.dilation, p.kernel, strict=True)]


def _plain(p: Problem) -> Problem:
    """Return the problem of a plain kernel, over images of what lies a dilation apart."""
    apart = _apart(p)
    out = tuple(-(-m // d) for m, d in zip(p.out, apart, strict=True))
    space = tuple(sum(n) // d for n, d in zip(_seen(p, out, apart), apart, strict=True))
    return replace(
        p,
        batch=p.batch * math.prod(apart),
        space=space,
        out=out,
        padding=((0, 0),) * p.dims,
        dilation=(1,) * p.dims,
    )


def _seen(p: Problem, out: tuple[int, ...], apart: list[int]) -> list[tuple[int, int, int]]:
    """Return, for each axis, the padding before, the input's size, and the padding behind."""
    reach = [
        (m * d - 1) * s + d * (k - 1) + 1 if d > 1 else n + low + high
        for m, d, s, k, n, (low, high) in zip(
            out, apart, p.stride, p.kernel, p.space, p.padding, strict=True
        )
    ]
    rows = zip(reach, p.space, p.padding, strict=True)
    return [(low, n, r - n - low) for r, n, (low, _) in rows]


def _by_residues(p: Problem, x: jax.Array, g: jax.Array, solve: Solve) -> jax.Array:
    """Return the weight gradient of a dilated kernel as that of a plain one, over more images.

    Outputs d q + r and inputs d (q + u) + r meet for each residue r by itself: each is an image.
    """
    plain, apart = _plain(p), _apart(p)
    more = [(0, m * d - o) for m, d, o in zip(plain.out, apart, p.out, strict=True)]
    pairs = [(low, high) for low, _, high in _seen(p, plain.out, apart)]
    images = _residues(pad_space(x, pairs), apart)
    gradients = _residues(pad_space(g, more), apart)
    return solve(plain, images, gradients)


def _residues(x: jax.Array, apart: list[int]) -> jax.Array:
    """Turn (N, C, d q...) into (N d..., C, q...)."""
    n, c, *space = x.shape
    dims = len(space)
    split = [m for size, d in zip(space, apart, strict=True) for m in (size // d, d)]
    order = (0, *range(3, 3 + 2 * dims, 2), 1, *range(2, 2 + 2 * dims, 2))
    whole = [size // d for size, d in zip(space, apart, strict=True)]
    return x.reshape(n, c, *split).transpose(order).reshape(n * math.prod(apart), c, *whole)


RESIDUES = Method(
    "residues",
    {"weight": _by_residues},
    lambda p: (
        not p.spreads
        and all(s == 1 for s, d, k in zip(p.stride, p.dilation, p.kernel, strict=True) if d > 1 < k)
    ),
    in_float32=False,
    inner=_plain,
)


def _transposed_by_jax(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
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
            precision=p.precision,
        )

    (w,) = jax.linear_transpose(convolution, jax.ShapeDtypeStruct(p.result_shape, x.dtype))(g)
    return w


# What a problem is left as that another method has turned into a plain weight gradient.
TRANSPOSED_BY_JAX = Method(
    "transposed_by_jax", {"weight": _transposed_by_jax}, lambda p: not p.spreads, in_float32=False
)
