"""How `fixed_point` looks for `x = func(x)`, and for the `w = J w + b` of its derivative.

Both are the same search: a function of a list of arrays to another such list, a first guess, and a
bound that the change `func(x) - x` has to come below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from convgrad._arrays import Array, is_complex

State = list[jax.Array]
Step = Callable[[State], Sequence[jax.Array]]
Bound = Callable[[Sequence[jax.Array]], jax.Array]
# What goes from step to step: how many there were, x, the residual and its bound; for a mixture
# x as a vector, the last `step(x)`, and the last vectors and their changes in addition.
_Iterating = tuple[jax.Array, State, jax.Array, jax.Array]
_Mixing = tuple[jax.Array, jax.Array, State, jax.Array, jax.Array, jax.Array, jax.Array]

SOLVERS = ("iteration", "anderson")


class FixedPointInfo(NamedTuple):
    """How a search for a fixed point ended.

    Attributes:
      steps: int32, how often the function was evaluated.
      residual: float32 or float64, the norm of `func(x) - x` in the last of these steps.
      converged: bool, whether that is at most `tol + tol * norm(x)`.
    """

    steps: Array
    residual: Array
    converged: Array


@dataclass(frozen=True)
class Search:
    """The settings of a search, all known while tracing."""

    solver: str
    tol: float
    max_steps: int
    damping: float
    history: int

    def run(self, step: Step, first: State, bound: Bound) -> tuple[State, FixedPointInfo]:
        """Search from `first`; stop below the bound, at a NaN, or after the steps."""
        solve = {"iteration": _iteration, "anderson": _anderson}[self.solver]
        return solve(self, step, first, bound)

    def root(self, step: Step, first: State) -> tuple[State, FixedPointInfo]:
        """Search for `x = step(x)`."""
        return self.run(step, first, lambda x: self.tol * (1 + norm(x)))

    def linear(self, matvec: Step, b: State) -> tuple[State, FixedPointInfo]:
        """Search for `matvec(w) = b`, where `matvec(w) = w - J w`."""
        size = self.tol * norm(b)

        def step(w: State) -> State:
            return [x - y + z for x, y, z in zip(w, matvec(w), b, strict=True)]

        return self.run(step, b, lambda _: size)


def norm(xs: Sequence[jax.Array]) -> jax.Array:
    """Return the Euclidean norm of a list of arrays, in float32 at least."""
    vector = _as_vector(xs)
    return jnp.sqrt(jnp.sum(vector * vector))


def _going_on(search: Search, steps: jax.Array, residual: jax.Array, bound: jax.Array) -> jax.Array:
    """Whether to take another step; the first is always taken, and none after an infinite one."""
    open_end = (steps < search.max_steps) & jnp.isfinite(residual) & ~_reached(residual, bound)
    return (steps == 0) | open_end


def _reached(residual: jax.Array, bound: jax.Array) -> jax.Array:
    return (residual <= bound) & jnp.isfinite(bound)


def _iteration(
    search: Search, step: Step, first: State, bound: Bound
) -> tuple[State, FixedPointInfo]:
    """Take `x + damping (step(x) - x)` for the next `x`."""

    def going_on(state: _Iterating) -> jax.Array:
        steps, _, residual, limit = state
        return _going_on(search, steps, residual, limit)

    def body(state: _Iterating) -> _Iterating:
        steps, x, _, _ = state
        y = list(step(x))
        change = [b - a for a, b in zip(x, y, strict=True)]
        if search.damping != 1:
            y = [_along(a, search.damping, d) for a, d in zip(x, change, strict=True)]
        return steps + 1, y, norm(change), bound(y)

    none = jnp.zeros_like(norm(first))
    steps, x, residual, limit = lax.while_loop(going_on, body, (jnp.int32(0), first, none, none))
    return x, FixedPointInfo(steps, residual, _reached(residual, limit))


def _anderson(
    search: Search, step: Step, first: State, bound: Bound
) -> tuple[State, FixedPointInfo]:
    """Mix the last states by the weights, of sum 1, that make the mixed change least.

    What is returned is the last `step(x)`, and no mixture: its distance from `x` is known.
    """
    vector, count = _as_vector(first), search.history

    def going_on(state: _Mixing) -> jax.Array:
        steps, *_, residual, limit = state
        return _going_on(search, steps, residual, limit)

    def body(state: _Mixing) -> _Mixing:
        steps, x, _, before, changes, _, _ = state
        y = list(step(_as_arrays(x, first)))
        change = _as_vector(y) - x
        before = before.at[steps % count].set(x)
        changes = changes.at[steps % count].set(change)
        weights = _weights(changes, jnp.arange(count) <= steps)
        mixed = weights @ before + search.damping * (weights @ changes)
        return steps + 1, mixed, y, before, changes, jnp.sqrt(jnp.sum(change**2)), bound(y)

    kept = jnp.zeros((count, *vector.shape), vector.dtype)
    none = jnp.zeros_like(norm(first))
    steps, _, y, _, _, residual, limit = lax.while_loop(
        going_on, body, (jnp.int32(0), vector, first, kept, kept, none, none)
    )
    return y, FixedPointInfo(steps, residual, _reached(residual, limit))


def _weights(changes: jax.Array, there: jax.Array) -> jax.Array:
    """Return the weights `a` with sum 1 for which `norm(a @ changes)` is least.

    With `g_i` the norms of the changes and `K` the products of the changes divided by theirs,
    `a_i g_i` is proportional to `K^-1 (1 / g)`. `K` has ones on its diagonal however small
    the changes get, so that a few units of rounding are the right thing to add there.
    """
    sizes = jnp.sqrt(jnp.sum(changes**2, axis=1))
    scale = jnp.where(there & (sizes > 0), 1 / jnp.where(sizes > 0, sizes, 1), 0)
    unit = changes * scale[:, None]
    ridge = 8 * len(sizes) * jnp.finfo(changes.dtype).eps
    products = jnp.where(there[:, None] & there, unit @ unit.T, 0)
    diagonal = jnp.where(scale > 0, ridge, 1)
    weights = jnp.linalg.solve(products + jnp.diag(diagonal), scale) * scale
    total = jnp.sum(weights)
    equal = there / jnp.sum(there, dtype=changes.dtype)  # where all changes are 0
    return jnp.where(total > 0, weights / jnp.where(total > 0, total, 1), equal)


def _along(x: jax.Array, damping: float, change: jax.Array) -> jax.Array:
    return x + jnp.asarray(damping, change.dtype) * change


def _as_vector(xs: Sequence[jax.Array]) -> jax.Array:
    """Return all numbers of a list of arrays, real and imaginary parts, as one real vector."""
    parts = [p.reshape(-1) for x in xs for p in ((x.real, x.imag) if is_complex(x.dtype) else (x,))]
    dtype = jnp.result_type(jnp.float32, *parts)
    return jnp.concatenate([part.astype(dtype) for part in parts])


def _as_arrays(vector: jax.Array, like: Sequence[jax.Array]) -> State:
    """Return the arrays whose numbers a vector has."""
    found, start = [], 0
    for x in like:
        parts = []
        for _ in range(2 if is_complex(x.dtype) else 1):
            parts.append(vector[start : start + x.size].reshape(x.shape))
            start += x.size
        found.append((lax.complex(*parts) if len(parts) == 2 else parts[0]).astype(x.dtype))
    return found
