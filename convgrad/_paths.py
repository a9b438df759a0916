"""Paths on which no derivative travels, where PyTorch's formulas keep them.

The gradient of relu is a mask and depends on the input by a comparison alone: differentiated, it
gives nothing. PyTorch computes it by a function of its own, whose derivative for the input is an
array of zeros. So a second derivative is zeros there, and not an error, or None. Pools, pads and
other piecewise linear functions are likewise; `maximum` and `clamp` are masks in PyTorch too.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero, zero_from_primal

from ._arrays import is_complex, is_inexact


@jax.custom_jvp
def _one(x: jax.Array) -> jax.Array:
    """Return the real number 1, as something that was computed from x."""
    return jnp.ones((), jnp.finfo(x.dtype).dtype)


def _one_rule(
    primals: tuple[jax.Array], _: tuple[jax.Array | SymbolicZero]
) -> tuple[jax.Array, Any]:
    one = _one(*primals)
    return one, zero_from_primal(one, symbolic_zeros=True)


_one.defjvp(_one_rule, symbolic_zeros=True)


@jax.custom_jvp
def _kept(x: jax.Array) -> jax.Array:
    return x


@_kept.defjvp
def _kept_rule(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (x,), (t,) = primals, tangents
    one = _one(x)
    if is_complex(t.dtype):  # as complex numbers, an infinity times 1 + 0i were nan
        return _kept(x), jax.lax.complex(t.real * one, t.imag * one)
    return _kept(x), t * one


def keep_path(x: jax.Array) -> jax.Array:
    """Return x, whose gradient will then have been computed from x: by 1, with derivative 0."""
    return _kept(x) if is_inexact(x.dtype) else x
