"""Weight gradients that are not finite: a kernel element sees what it meets of the input.

Methods pad the image with zeros, and zero times NaN is NaN: a NaN of the output's gradient would
reach kernel elements that meet padding there. Where a weight gradient is finite there was none.
Where it is not, it is computed again, one kernel element after the other, without what meets no
input.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from convgrad import _jax

from ._layout import at_tap, channels_last, pad_space
from ._problem import Problem


def adds_padding(p: Problem) -> bool:
    """Whether kernel elements of a weight gradient meet zeros beside its input, or in it."""
    padded = any(size > 0 for pair in p.padding for size in pair)
    return p.role == "weight" and (padded or p.spreads)


def where_finite(
    p: Problem, result: jax.Array, x: jax.Array, g: jax.Array, order: Sequence[int] | None = None
) -> jax.Array:
    """Return a weight gradient, or where it is not finite the products of what meets the input.

    `order` is that of the gradient's axes, in which it comes and leaves; None: (O, C, *kernel).

    A loop over the kernel's elements and the images, of no steps where all is finite: so the result
    is not copied, as it would be from a branch of a condition.
    """
    if not adds_padding(p):
        return result
    inputs, outputs = p.per_group
    reach = [(m - 1) * s + 1 for m, s in zip(p.out, p.stride, strict=True)]
    axes = range(p.dims + 2) if order is None else order
    zero, start = jnp.zeros((), x.dtype), jnp.int32(0)
    # A loop's arrays lie in the order of their axes: others would be copied before it.
    last = p.channels_last
    images, gradients = (channels_last(a) if last else a for a in (x, g))

    def image(of: jax.Array, n: jax.Array) -> jax.Array:
        found = lax.dynamic_index_in_dim(of, n, keepdims=False)
        return jnp.moveaxis(found, -1, 0) if last else found

    def met(gradient: jax.Array, firsts: list[jax.Array]) -> jax.Array:
        """Drop what does not meet the input: `firsts` are the first windows' places in it."""
        there = jnp.ones(p.out, bool)
        for axis, first in enumerate(firsts):
            places = lax.broadcasted_iota(jnp.int32, p.out, axis) * p.stride[axis] + first
            there &= (places >= 0) & (places <= (p.space[axis] - 1) * p.spread[axis])
            there &= places % p.spread[axis] == 0
        return jnp.where(there, gradient, zero)

    def step(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        k, result = state
        *element, n = jnp.unravel_index(k, (*p.kernel, p.batch))
        starts = [u * d for u, d in zip(element, p.dilation, strict=True)]
        padded = pad_space(image(images, n), p.padding, [e - 1 for e in p.spread])
        window = lax.dynamic_slice(padded, [start, *starts], [p.in_channels, *reach])
        window = at_tap(window, (0,) * p.dims, p.out, p.stride)
        firsts = [first - low for first, (low, _) in zip(starts, p.padding, strict=True)]
        gradient = met(image(gradients, n), firsts)
        part = lax.dot_general(
            gradient.reshape(p.groups, outputs, -1),
            window.reshape(p.groups, inputs, -1),
            (((2,), (2,)), ((0,), (0,))),
            preferred_element_type=result.dtype,
        )
        part = part.reshape(p.out_channels, inputs, *[1] * p.dims).transpose(axes)
        place = [[start, start, *element][axis] for axis in axes]
        before = lax.dynamic_slice(result, place, part.shape)
        return k + 1, lax.dynamic_update_slice(
            result, jnp.where(n == 0, part, before + part), place
        )

    result = _jax.varying_with(result, x, g)
    # Where the sum overflows, the loop returns what was there.
    steps = jnp.where(jnp.isfinite(result.sum()), 0, p.taps * p.batch)
    found: Any = lax.while_loop(lambda state: state[0] < steps, step, (start, result))
    return found[1]
