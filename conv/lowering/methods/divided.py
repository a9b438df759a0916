"""Grouped convolutions in programs for several devices: a formula that the compiler divides.

XLA's own grouped convolution gathers its whole input before it, whichever axis is sharded: the
batch, the channels or the rows. This one is made of what is divided well: shifts, strided slices,
and one product of matrices a kernel element, with the groups as a batch dimension. A shift of a
sharded axis takes a halo from a neighbour, and nothing else leaves a device.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from .._layout import interleave, shifted, total, trim
from .._method import Choice, Method
from .._problem import Problem, meets
from .exchange import EXCHANGED, TRANSPOSED_BY_JAX
from .transposed import phase_of

# The program has a product for each kernel element.
MOST_TAPS = 128


def _forward(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Add up the products of all taps: (N, O, *out)."""
    per_group, out_per_group = p.per_group
    grouped = x.reshape(p.batch, p.groups, per_group, *x.shape[2:])
    kernels = w.reshape(p.groups, out_per_group, per_group, *w.shape[2:])
    multiply = partial(
        lax.dot_general,
        dimension_numbers=(((2,), (2,)), ((0,), (1,))),
        precision=p.precision,
        preferred_element_type=jnp.float32 if p.sixteen_bits else None,  # rounded once, at the end
    )

    def products(here: jax.Array, tap: tuple[int, ...]) -> list[jax.Array]:
        """Shift axis after axis, so that all taps of a row share the row's halo."""
        d = len(tap)
        if d == p.dims:
            return [multiply(kernels[(..., *tap)], here)]
        found = []
        for u in range(p.kernel[d]):
            first, last = meets(p, d, u)
            if first < last:
                offset = u * p.dilation[d] - p.padding[d][0]
                moved = shifted(here, 3 + d, offset, p.out[d], p.stride[d])
                found += products(moved, (*tap, u))
        return found

    parts = products(grouped, ())
    if not parts:
        return jnp.zeros((p.batch, p.out_channels, *p.out), x.dtype)
    return jnp.moveaxis(total(parts), 2, 0).reshape(p.batch, p.out_channels, *p.out)


def _transposed(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve each phase by itself, and put the phases between each other: (N, O, *out)."""
    counts = [-(-m // s) for m, s in zip(p.out, p.spread, strict=True)]

    def phase(r: Sequence[int]) -> jax.Array:
        found = phase_of(p, r)
        if found is None:
            return jnp.zeros((p.batch, p.out_channels, *counts), x.dtype)
        picked, plain = found
        return _forward(plain, x, w[picked])

    return trim(interleave(phase, p.spread, 2), p.out, 2)


DIVIDED = Method(
    "divided",
    {"forward": _forward, "transposed": _transposed},
    lambda p: (
        p.groups > 1 < p.per_group[0]
        and p.taps <= MOST_TAPS
        and (p.unit_stride or not p.spreads)
        and set(p.per_group) != {1}
    ),
    grows=True,
)


def for_several_devices(whose: str, in_float32: bool) -> tuple[Choice, ...]:
    """Return what a platform chooses from in programs for several devices, in this order.

    XLA gathers both arrays before a weight gradient of spread input, and the input before a grouped
    convolution. Before a plain weight gradient, `whose` kernel's, it gathers nothing.
    """
    plain = Choice(TRANSPOSED_BY_JAX, f"{whose}, of a plain convolution")
    exchanged = replace(EXCHANGED, in_float32=in_float32)
    divided = replace(DIVIDED, in_float32=in_float32)
    return (
        Choice(exchanged, "input and gradient change places", plain),
        Choice(divided, "for several devices: shifts and products are divided"),
    )
