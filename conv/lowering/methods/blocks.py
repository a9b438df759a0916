"""Grouped convolutions with some groups at a time as one, and zeros where they do not meet.

For a unit that multiplies matrices of 128 x 128 (TPU): groups that fit into one cost it no more
than one of them. What XLA does there by itself keeps the few channels of a group in a row of 128
lanes, and moves many times the memory.

Not exact: zero times a NaN or an infinity is NaN, in all groups that are merged. Weight gradients
are exact: what does not meet is left out of the result.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import lax

from .._method import Method
from .._problem import Problem
from .exchange import TRANSPOSED_BY_JAX


def merged(p: Problem) -> int:
    """Return how many groups fit into one multiplication of matrices."""
    most = p.limits.lanes // max(p.per_group)
    return max((m for m in range(1, min(most, p.groups) + 1) if p.groups % m == 0), default=1)


def _blocks(p: Problem, w: jax.Array, m: int) -> jax.Array:
    """Turn (O, C / groups, *kernel) into (*kernel, m C / groups, O), with zeros between groups.

    Channels innermost: a kernel's few rows would be filled up to whole tiles of 8 x 128.
    """
    c, o = p.per_group
    last = jnp.moveaxis(w, (1, 0), (-2, -1)).reshape(*p.kernel, 1, c, p.groups // m, m, o)
    meets = jnp.eye(m, dtype=bool).reshape(m, 1, 1, m, 1)
    spread = jnp.where(meets, last, jnp.zeros((), w.dtype))
    return spread.reshape(*p.kernel, m * c, p.out_channels)


def _convolved(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve, or transposed, with groups merged: (N, O, *out)."""
    m = merged(p)
    kernel = _blocks(p, w, m)
    space = "DHW"[-p.dims :]
    data = f"NC{space}"
    return lax.conv_general_dilated(
        x,
        kernel,
        p.stride,
        p.padding,
        lhs_dilation=p.spread,
        rhs_dilation=p.dilation,
        dimension_numbers=(data, f"{space}IO", data),
        feature_group_count=p.groups // m,
        precision=p.precision,
    )


def _weight(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Return the weight gradient (O, C / groups, *kernel): that of the merged, without the rest."""
    m = merged(p)
    (c, o), groups = p.per_group, p.groups // m
    whole = TRANSPOSED_BY_JAX.roles["weight"](replace(p, groups=groups), x, g)
    split = whole.reshape(groups, m, o, m, c, *p.kernel)
    meets = jnp.eye(m, dtype=bool).reshape(m, 1, m, *(1,) * (1 + p.dims))
    return jnp.where(meets, split, 0).sum(3, dtype=split.dtype).reshape(p.result_shape)


BLOCKS = Method(
    "blocks",
    {"forward": _convolved, "transposed": _convolved, "weight": _weight},
    lambda p: p.groups > 1 and (p.role != "weight" or not p.spreads),
    in_float32=False,
)
