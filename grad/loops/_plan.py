"""Which states of a loop are kept for its derivative, and the derivative from those.

The loop itself keeps a state every few steps, at most `slots` of them. The derivative recomputes
each stretch between two of those from its first state: it cuts the stretch into chunks, keeps the
state at the start of each, and so on down to single steps.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from convgrad import _jax

from .._jaxprs import Body, Flags, call, close, merge, pick, split
from ._counted_loop import counted_loop
from ._counted_rules import keeping

# Without max_steps: the largest number of steps that can be differentiated, and the levels of kept
# states. A level more keeps fewer states, recomputes every step once more, and takes longer to
# compile; so a large state has one more, and a smaller limit.
SMALL, LARGE = (2**26, 4), (2**20, 5)
LARGE_STATE = 2**18  # bytes


class Plan(NamedTuple):
    """How many states are kept.

    Attributes:
      slots: the states that the loop keeps.
      sizes: the states that the derivative keeps of a stretch, of a chunk of it, ... counted
        from the last level, where the states are those of every step.
      limit: the largest number of steps.
    """

    slots: int
    sizes: tuple[int, ...]
    limit: int

    @property
    def doublings(self) -> int:
        """How often the stretch between two states can double before the limit is reached."""
        return max(0, math.ceil(math.log2(self.limit / (self.slots * self.sizes[0]))))


def make_plan(max_steps: int | None, state_bytes: int) -> Plan:
    """Return a plan that keeps about `2 sqrt(max_steps)` states, or a fixed number of them.

    Without `max_steps` these are 460, and 96 where the state is large.
    """
    if max_steps is not None:
        size = round(math.sqrt(max_steps))
        return Plan(math.ceil(max_steps / size), (size,), max_steps)
    limit, levels = LARGE if state_bytes > LARGE_STATE else SMALL
    size = 2 * math.ceil(limit ** (1 / levels) / 2)
    # The distance doubles until it is at most twice what would have been enough from the start.
    return Plan(size, (*[size] * (levels - 2), 2 * size), limit)


def tangent(
    plan: Plan,
    body: Body,
    steps: jax.Array,
    distance: jax.Array,
    kept: Sequence[jax.Array],
    consts: Sequence[ArrayLike],
    dconsts: Sequence[jax.Array],
    dstate: Sequence[jax.Array],
    flags: tuple[Flags, Flags],
) -> tuple[list[jax.Array], list[jax.Array]]:
    """Return the tangents of the last state and of the kept ones, linear in those given.

    Args:
      plan: what was kept.
      body: one step, of the constants and the state.
      steps: how many there were.
      distance: how many lie between two of the kept states.
      kept: the states that the loop kept, stacked.
      consts: the constants.
      dconsts: the tangents of the flagged constants.
      dstate: the tangents of the flagged parts of the first state.
      flags: which constants and which parts of the state have a tangent.
    """
    trips = (steps + distance - 1) // distance
    lengths = _lengths(steps, distance, plan.slots)
    segment = keeping(_segment(body, flags, plan.sizes), len(consts) + len(dconsts), len(dstate))
    return counted_loop(
        trips, segment, [*consts, *dconsts], dstate, [*kept, lengths], length=plan.slots
    )


def _lengths(steps: jax.Array, stretch: ArrayLike, count: int) -> jax.Array:
    """Cut `steps` into parts of `stretch`: the number of steps in each."""
    return jnp.clip(steps - stretch * jnp.arange(count, dtype=jnp.int32), 0, stretch)


@functools.lru_cache(maxsize=512)
def _segment(body: Body, flags: tuple[Flags, Flags], sizes: tuple[int, ...]) -> Body:
    """Return the tangents' way over a number of steps: a jaxpr of

    constants, their tangents, tangents of the state, state, number of steps -> tangents.
    """
    n_consts = len(flags[0])
    consts, state = split(body.safe.in_avals, n_consts)
    dconsts = [_jax.tangent_aval(a) for a in pick(consts, flags[0])]
    dstate = [_jax.tangent_aval(a) for a in pick(state, flags[1])]
    avals = [*consts, *dconsts, *dstate, *state, jax.typeof(jnp.int32(0))]

    def parts(args: Sequence[jax.Array]) -> list[list[jax.Array]]:
        return split(args, n_consts, len(dconsts), len(dstate), len(state))

    def one_step(*args: jax.Array) -> list[jax.Array]:
        consts, dconsts, dstate, state, _ = parts(args)
        both = (*flags[0], *flags[1])
        still = pick([*consts, *state], [not flag for flag in both])

        def moved(*moving: jax.Array) -> list[Any]:
            return pick(call(body.safe, merge(both, moving, still)), flags[1])

        moving = tuple(pick([*consts, *state], both))
        return jax.jvp(moved, moving, (*dconsts, *dstate))[1]

    if not sizes:
        return Body.of(close(one_step, avals))
    size, stride = sizes[-1], math.prod(sizes[:-1])
    advance = keeping(_advance(body, n_consts, sizes[:-1]), n_consts, len(state))
    inner = _segment(body, flags, sizes[:-1])

    def many_steps(*args: jax.Array) -> list[jax.Array]:
        consts, dconsts, dstate, state, (steps,) = parts(args)
        trips = (steps + stride - 1) // stride
        # The last chunk is not run: only where it starts is asked for.
        last, starts = counted_loop(trips - 1, advance, consts, state, length=size)
        place = jnp.maximum(trips - 1, 0)
        starts = [
            lax.dynamic_update_index_in_dim(s, x, place, 0)
            for s, x in zip(starts, last, strict=True)
        ]
        lengths = _lengths(steps, stride, size)
        return counted_loop(
            trips, inner, [*consts, *dconsts], dstate, [*starts, lengths], length=size
        )[0]

    return Body.of(close(many_steps, avals))


@functools.lru_cache(maxsize=512)
def _advance(body: Body, n_consts: int, sizes: tuple[int, ...]) -> Body:
    """Return the loop's body, repeated as often as the product of `sizes`."""
    if not sizes:
        return body
    inner = _advance(body, n_consts, sizes[:-1])

    def repeated(*args: jax.Array) -> list[jax.Array]:
        consts, state = split(args, n_consts)
        return counted_loop(sizes[-1], inner, consts, state, length=sizes[-1])[0]

    return Body.of(close(repeated, body.run.in_avals))
