"""The primitive behind `grad.while_loop`: `lax.while_loop` with a derivative in both modes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from convgrad import _jax
from convgrad._dependence import dependence
from convgrad._jax import Axis, reach, uses_axis, zero_tangent

from .._batches import borrow, broadcast, choose, map_avals, map_body, to_front
from .._jaxprs import Body, Flags, call, close, grow, merge, pick, split
from ._counted_loop import stack_of_zeros
from ._counted_rules import is_nonzero, real
from ._plan import Plan, tangent

if TYPE_CHECKING:
    from convgrad._jax import ClosedJaxpr, ShapedArray, Tangent

T = TypeVar("T")
State = list[jax.Array]
# How many states are kept, how far apart, the steps that are done, the state, the kept ones.
_Kept = tuple[jax.Array, jax.Array, jax.Array, State, State]


class Loop(NamedTuple):
    """The static part of a loop.

    Attributes:
      cond_nconsts: how many of the operands are constants of the condition.
      body_nconsts: how many after them are constants of the body.
      cond_jaxpr: the condition, of its constants and the state.
      body: one step, of its constants and the state.
      plan: which states are kept for the derivative.
      checked: whether running out of steps is an error even where no state is kept.
      keep: whether to return the number of steps, the distance between two kept states, and
        the kept states too.
    """

    cond_nconsts: int
    body_nconsts: int
    cond_jaxpr: ClosedJaxpr
    body: Body
    plan: Plan
    checked: bool
    keep: bool = False

    def parts(self, values: Sequence[T]) -> list[list[T]]:
        """Split the operands into constants of the condition, of the body, and the state."""
        return split(values, self.cond_nconsts, self.body_nconsts)


def bind(loop: Loop, *operands: ArrayLike) -> list[jax.Array]:
    """Run the loop: the last state, and with `keep` steps, distance and kept states."""
    return while_loop_p.bind(*operands, **loop._asdict())


# The loop as XLA gets it.


def _run(*operands: jax.Array, **params: Any) -> tuple[list[jax.Array], jax.Array | None]:
    """Return the results, and whether the steps ran out (None where they cannot)."""
    loop = Loop(**params)
    cond_consts, body_consts, state = loop.parts(operands)

    def unfinished(state: State) -> ArrayLike:
        return call(loop.cond_jaxpr, [*cond_consts, *state])[0]

    def step(state: State) -> list[Any]:
        return call(loop.body.run, [*body_consts, *state])

    if not loop.keep and not loop.checked:
        return lax.while_loop(unfinished, step, state), None

    def advance(start: jax.Array, end: jax.Array, state: State) -> tuple[jax.Array, State]:
        return lax.while_loop(
            lambda now: (now[0] < end) & unfinished(now[1]),
            lambda now: (now[0] + 1, step(now[1])),
            (start, state),
        )

    limit, zero = loop.plan.limit, jnp.int32(0)
    if not loop.keep:
        steps, state = advance(zero, jnp.int32(limit), state)
        return state, (steps == limit) & unfinished(state)
    distance, steps, state, kept = _run_keeping(loop.plan, advance, unfinished, state)
    return [*state, steps, distance, *kept], (steps == limit) & unfinished(state)


def _run_keeping(
    plan: Plan,
    advance: Callable[[jax.Array, jax.Array, State], tuple[jax.Array, State]],
    unfinished: Callable[[State], ArrayLike],
    state: State,
) -> tuple[jax.Array, jax.Array, State, State]:
    """Run the loop and keep its state every few steps.

    When all slots are full and the loop goes on, every other state is dropped, and the distance
    between two doubles.
    """
    slots, limit = plan.slots, plan.limit

    def more(now: _Kept) -> jax.Array:
        used, _, steps, state, _ = now
        return (used < slots) & (steps < limit) & unfinished(state)

    def stretch(now: _Kept) -> _Kept:
        used, distance, steps, state, kept = now
        kept = [
            lax.dynamic_update_index_in_dim(k, s, used, 0) for k, s in zip(kept, state, strict=True)
        ]
        steps, state = advance(steps, jnp.minimum(steps + distance, limit), state)
        return used + 1, distance, steps, state, kept

    kept = [stack_of_zeros(slots, jax.typeof(s)) for s in state]
    now = (jnp.int32(0), jnp.int32(plan.sizes[0]), jnp.int32(0), state, kept)
    if not plan.doublings:
        return lax.while_loop(more, stretch, now)[1:]

    def go_on(now: _Kept) -> jax.Array:
        _, _, steps, state, _ = now
        return (steps < limit) & unfinished(state)

    def thin_out(now: _Kept) -> _Kept:
        used, distance, steps, state, kept = now
        full = used == slots
        places = jnp.arange(slots, dtype=jnp.int32)
        places = jnp.where(full, jnp.minimum(2 * places, slots - 1), places)
        kept = [jnp.take(k, places, axis=0) for k in kept]
        used = jnp.where(full, slots // 2, used)
        distance = jnp.where(full, 2 * distance, distance)
        return lax.while_loop(more, stretch, (used, distance, steps, state, kept))

    return lax.while_loop(go_on, thin_out, now)[1:]


# Running out of steps. Outside of jit the number is at hand; inside, a callback to Python raises,
# in a branch that is taken only then.


def _message(limit: int, checked: bool) -> str:
    allowed, way = ("max_steps allows", "raise") if checked else ("can be differentiated", "give")
    return (
        f"while_loop: cond_fun still holds after {limit} steps, as many as {allowed}: check that "
        f"body_fun makes cond_fun fail in the end, or {way} max_steps."
    )


def _raise(message: str, failed: ArrayLike) -> np.ndarray:
    if np.any(failed):
        raise RuntimeError(message)
    return np.zeros((), np.int32)


def _guarded(*operands: jax.Array, **params: Any) -> list[jax.Array]:
    """Run the loop, with a state and a number of steps only if the steps did not run out."""
    results, failed = _run(*operands, **params)
    if failed is None:
        return results
    gated, kept = split(results, len(params["body"].run.out_avals) + 1)

    def fail(results: State) -> State:
        tell = functools.partial(_raise, _message(params["plan"].limit, params["checked"]))
        code = jax.pure_callback(tell, jax.ShapeDtypeStruct((), jnp.int32), failed)
        return [jnp.where(code == 0, r, jnp.zeros_like(r)) for r in results]

    return [*lax.cond(failed, fail, lambda results: results, gated), *kept]


@functools.lru_cache(maxsize=512)
def _compiled(**params: Any) -> Callable[..., tuple[list[jax.Array], jax.Array | None]]:
    return jax.jit(functools.partial(_run, **params))


def _evaluate(*operands: ArrayLike, **params: Any) -> list[jax.Array]:
    results, failed = _compiled(**params)(*operands)
    if failed is not None and bool(failed):
        raise RuntimeError(_message(params["plan"].limit, params["checked"]))
    return results


def _outputs(*_: ShapedArray, **params: Any) -> tuple[list[ShapedArray], list[ClosedJaxpr]]:
    loop = Loop(**params)
    outs = list(loop.body.run.out_avals)
    if loop.keep:
        kept = [_jax.stacked(loop.plan.slots, aval) for aval in outs]
        outs = [*outs, *[jax.typeof(np.int32(0))] * 2, *kept]
    return outs, [loop.body.run, loop.cond_jaxpr]


while_loop_p = _jax.new_operation(
    "while_loop", "grad.while_loop", evaluate=_evaluate, lower=_guarded, outputs=_outputs
)


# Both modes of differentiation: the loop keeps some states, and the tangents are a linear function
# of them, written with counted loops, which are transposed for reverse mode.


def _jvp(
    primals: Sequence[ArrayLike], tangents: Sequence[Tangent], **params: Any
) -> tuple[list[jax.Array], list[Tangent]]:
    loop = Loop(**params)
    _, body_consts, state = loop.parts(primals)
    _, dconsts, dstate = loop.parts(tangents)
    const_nz, init_nz = (tuple(is_nonzero(d) for d in part) for part in (dconsts, dstate))
    depends = dependence(loop.body.safe)

    def step(flags: Flags) -> Flags:
        live = {i for i, flag in enumerate((*const_nz, *flags)) if flag}
        return tuple(bool(inputs & live) for inputs in depends)

    state_nz = grow(init_nz, step)
    if not any(state_nz):
        outs = bind(loop, *primals)
        return outs, [zero_tangent(out) for out in outs]
    outs = bind(loop._replace(keep=True), *primals)
    last, (steps, distance), kept = split(outs, len(state), 2)
    moved, moved_kept = tangent(
        loop.plan,
        loop.body,
        steps,
        distance,
        kept,
        body_consts,
        real(dconsts),
        [_jax.instantiated(d) for d in pick(dstate, state_nz)],
        (const_nz, state_nz),
    )
    still = [not flag for flag in state_nz]
    dlast = merge(state_nz, moved, pick([zero_tangent(x) for x in last], still))
    if not loop.keep:
        return last, dlast
    dkept = merge(state_nz, moved_kept, pick([zero_tangent(x) for x in kept], still))
    return outs, [*dlast, zero_tangent(steps), zero_tangent(distance), *dkept]


# Batching. The loop runs until every example is done; one that is done keeps its state. Its own
# number of steps is counted in one more part of the state, for the derivative.


class _Batched(NamedTuple):
    cond: ClosedJaxpr
    body: Body
    state: Flags  # which parts of the state have the batch dimension
    each: bool  # whether each example has its own number of steps


@functools.lru_cache(maxsize=512)
def _batched(loop: Loop, cond_b: Flags, body_b: Flags, init_b: Flags, axis: Axis) -> _Batched:
    cond, body = loop.cond_jaxpr, loop.body.run
    state_b = grow(init_b, lambda flags: reach(body, (*body_b, *flags)))
    named = uses_axis(body, axis.name) or uses_axis(cond, axis.name)
    each = named or reach(cond, (*cond_b, *state_b))[0]
    if each:
        state_b = (True,) * len(state_b)
    ins = (*body_b, *state_b)
    avals = map_avals(body.in_avals, ins, axis)

    def mapped(jaxpr: ClosedJaxpr) -> Callable[..., list[Any]]:
        return map_body(jaxpr, ins, state_b, axis)

    if not each:
        return _Batched(cond, loop.body.map(lambda j: close(mapped(j), avals)), state_b, each)
    unfinished = map_body(cond, (*cond_b, *state_b), (True,), axis)
    n_cond, n_body, n_state = len(cond_b), len(body_b), len(state_b)

    def any_unfinished(*args: jax.Array) -> list[jax.Array]:
        return [jnp.any(unfinished(*args[: n_cond + n_state])[0])]

    counts = [jax.ShapeDtypeStruct((axis.size,), jnp.int32)] if loop.keep else []
    cond_avals = map_avals(cond.in_avals, (*cond_b, *state_b), axis)

    def with_mask(jaxpr: ClosedJaxpr, safe: bool) -> ClosedJaxpr:
        def step(*args: jax.Array) -> list[jax.Array]:
            cond_consts, body_consts, state, counts = split(args, n_cond, n_body, n_state)
            active = unfinished(*cond_consts, *state)[0]
            operands = [*body_consts, *state]
            new = mapped(jaxpr)(*(borrow(active, operands, ins) if safe else operands))
            state = [choose(active, a, b) for a, b in zip(new, state, strict=True)]
            return [*state, *(count + active for count in counts)]

        return close(step, [*cond_avals[:n_cond], *avals, *counts])

    return _Batched(
        close(any_unfinished, [*cond_avals, *counts]),
        Body(with_mask(loop.body.run, False), with_mask(loop.body.safe, True)),
        state_b,
        each,
    )


def _batch(
    axis: Axis, args: Sequence[ArrayLike], dims: Sequence[int | None], **params: Any
) -> tuple[list[jax.Array], list[int | None]]:
    loop = Loop(**params)
    flags = [tuple(dim is not None for dim in part) for part in loop.parts(dims)]
    cond, body, state_b, each = _batched(loop, *flags, axis)
    cond_consts, body_consts, state = loop.parts(args)
    cond_dims, body_dims, init_dims = loop.parts(dims)
    cond_consts = [to_front(c, dim) for c, dim in zip(cond_consts, cond_dims, strict=True)]
    body_consts = [to_front(c, dim) for c, dim in zip(body_consts, body_dims, strict=True)]
    state = [
        broadcast(x, dim, axis) if flag else x
        for x, dim, flag in zip(state, init_dims, state_b, strict=True)
    ]
    if each:
        body_consts = [*cond_consts, *body_consts]  # the masked body asks the condition
    new = loop._replace(
        body_nconsts=len(body_consts),
        cond_jaxpr=cond,
        body=body,
    )
    counts = [jnp.zeros(axis.size, jnp.int32)] if each and loop.keep else []
    outs = bind(new, *cond_consts, *body_consts, *state, *counts)
    last_dims: list[int | None] = [0 if flag else None for flag in state_b]
    if not loop.keep:
        return outs, last_dims
    last, own, (steps, distance), kept = split(outs, len(state), len(counts), 2)
    return (
        [*last, *(own or [steps]), distance, *kept[: len(state)]],
        [*last_dims, 0 if each else None, None, *(1 if flag else None for flag in state_b)],
    )


_jax.define_rules(while_loop_p, "grad.while_loop", jvp=_jvp, batch=_batch)
