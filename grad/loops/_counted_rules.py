"""The rules of the counted loop: tangents, transpose and batches, each of them a counted loop."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from convgrad import _jax
from convgrad._dependence import dependence
from convgrad._jax import Axis, reach, uses_axis, zero_tangent

from .._batches import borrow, broadcast, choose, map_avals, map_body, to_front
from .._jaxprs import (
    Body,
    Flags,
    call,
    close,
    grow,
    live_inputs,
    merge,
    pick,
    split,
)
from ._counted_loop import Shape, counted_loop, counted_loop_p

if TYPE_CHECKING:
    from convgrad._jax import ClosedJaxpr, Tangent

# Forward mode. The trips run once for the values, keeping the carry that each started with; the
# tangents run in a second loop, which is linear.


class _Tangent(NamedTuple):
    body: Body  # of the loop of tangents
    carry: Flags  # which of the carry have a tangent
    ys: Flags  # which of the stacked outputs have one
    consts: Flags  # which constants the tangents' body reads
    xs: Flags
    saved: Flags


@functools.lru_cache(maxsize=512)
def _tangent(body: ClosedJaxpr, shape: Shape, nonzero: Flags) -> _Tangent:
    const_nz, init_nz, xs_nz = (tuple(part) for part in shape.parts(nonzero))
    depends = dependence(body)

    def outputs(carry_nz: Flags) -> Flags:
        live = {i for i, flag in enumerate([*const_nz, *carry_nz, *xs_nz]) if flag}
        return tuple(bool(inputs & live) for inputs in depends)

    carry_nz = grow(init_nz, lambda flags: outputs(flags)[: shape.carry])
    out_nz = outputs(carry_nz)
    flags = [*const_nz, *carry_nz, *xs_nz]
    avals = shape.parts(body.in_avals)

    def tangents(*args: jax.Array) -> list[jax.Array]:
        consts, dconsts, dcarry, xs, carry, dxs = split(
            args, len(avals[0]), sum(const_nz), sum(carry_nz), len(avals[2]), len(avals[1])
        )
        primals = [*consts, *carry, *xs]

        def moved(*moving: jax.Array) -> list[Any]:
            still = pick(primals, [not flag for flag in flags])
            return pick(call(body, merge(flags, moving, still)), out_nz)

        return jax.jvp(moved, tuple(pick(primals, flags)), (*dconsts, *dcarry, *dxs))[1]

    dots = [_jax.tangent_aval(a) for a in body.in_avals]
    dconsts, dcarry, dxs = shape.parts(dots)
    full = close(
        tangents,
        [
            *avals[0],
            *pick(dconsts, const_nz),
            *pick(dcarry, carry_nz),
            *avals[2],
            *avals[1],
            *pick(dxs, xs_nz),
        ],
    )
    live = split(
        live_inputs(full), len(avals[0]), sum(const_nz), sum(carry_nz), len(avals[2]), len(avals[1])
    )
    keep = (live[0], [True] * len(live[1]), [True] * len(live[2]), live[3], live[4])
    kept = [*(flag for part in keep for flag in part), *([True] * len(live[5]))]

    def pruned(*args: jax.Array) -> list[Any]:
        nothing = [_jax.zeros(a) for a in pick(full.in_avals, [not k for k in kept])]
        return call(full, merge(kept, args, nothing))

    return _Tangent(
        Body.of(close(pruned, pick(full.in_avals, kept))),
        carry_nz,
        out_nz[shape.carry :],
        tuple(live[0]),
        tuple(live[3]),
        tuple(live[4]),
    )


@functools.lru_cache(maxsize=512)
def keeping(body: Body, n_consts: int, n_carry: int) -> Body:
    """Return the body with the carry that it started from as more outputs."""

    def kept(jaxpr: ClosedJaxpr) -> ClosedJaxpr:
        return close(
            lambda *args: [*call(jaxpr, args), *args[n_consts : n_consts + n_carry]],
            jaxpr.in_avals,
        )

    return body.map(kept)


def _jvp(
    primals: Sequence[ArrayLike], tangents: Sequence[Tangent], *, body: Body, shape: Shape
) -> tuple[list[jax.Array], list[Tangent]]:
    trips, *operands = primals
    dots = tangents[1:]
    rule = _tangent(body.safe, shape, tuple(is_nonzero(dot) for dot in dots))
    consts, carry, xs = shape.parts(operands)
    dconsts, dcarry, dxs = shape.parts(dots)
    last, stacked = counted_loop(
        trips,
        keeping(body, shape.consts, shape.carry),
        consts,
        carry,
        xs,
        length=shape.length,
        reverse=shape.reverse,
    )
    ys, saved = split(stacked, len(rule.ys))
    dlast, dys = counted_loop(
        trips,
        rule.body,
        [*pick(consts, rule.consts), *real(dconsts)],
        [_jax.instantiated(dot) for dot in pick(dcarry, rule.carry)],
        [*pick(xs, rule.xs), *pick(saved, rule.saved), *real(dxs)],
        length=shape.length,
        reverse=shape.reverse,
    )
    zeros = [zero_tangent(out) for out in (*last, *ys)]
    flags = (*rule.carry, *rule.ys)
    return [*last, *ys], merge(flags, [*dlast, *dys], pick(zeros, [not flag for flag in flags]))


def is_nonzero(tangent: Tangent) -> TypeGuard[jax.Array]:
    """Whether a tangent is not zero by construction."""
    return not _jax.is_zero(tangent) and jnp.result_type(tangent) != jax.dtypes.float0


def real(tangents: Sequence[Tangent]) -> list[jax.Array]:
    """Return the tangents that are not zero by construction."""
    return [dot for dot in tangents if is_nonzero(dot)]


# Reverse mode. A loop that is linear in its carry and in some constants and slices is transposed
# by running the transposed body over the same trips in the other order:
#   body:       consts, lin consts | carry    | xs, lin xs -> carry    | ys
#   transposed: consts             | ct carry, ct lin consts | xs, ct ys -> ct carry, ct lin consts
#                                                                         | ct lin xs


@functools.lru_cache(maxsize=512)
def _transposed(body: ClosedJaxpr, shape: Shape, linear: Flags) -> ClosedJaxpr:
    const_lin, _, xs_lin = shape.parts(linear)
    flags = [*const_lin, *([True] * shape.carry), *xs_lin]
    moving = pick(body.in_avals, flags)
    n_consts = sum(const_lin)
    known_consts = len(const_lin) - n_consts
    known_xs = len(xs_lin) - sum(xs_lin)
    ct_outs = [_jax.tangent_aval(a) for a in body.out_avals]

    def transposed(*args: jax.Array) -> list[jax.Array]:
        consts, ct_carry, sums, xs, ct_ys = split(
            args, known_consts, shape.carry, n_consts, known_xs
        )

        def linear_part(*lin: jax.Array) -> list[Any]:
            return call(body, merge(flags, lin, [*consts, *xs]))

        pulled = jax.linear_transpose(linear_part, *moving)([*ct_carry, *ct_ys])
        ct_consts, ct_carry, ct_xs = split(pulled, n_consts, shape.carry)
        return [*ct_carry, *(a + b for a, b in zip(sums, ct_consts, strict=True)), *ct_xs]

    consts, _, xs = shape.parts(body.in_avals)
    return close(
        transposed,
        [
            *pick(consts, [not flag for flag in const_lin]),
            *ct_outs[: shape.carry],
            *pick(consts, const_lin),
            *pick(xs, [not flag for flag in xs_lin]),
            *ct_outs[shape.carry :],
        ],
    )


def _transpose(
    cts: Sequence[Tangent], trips: jax.Array, *operands: Any, body: Body, shape: Shape
) -> list[jax.Array | None]:
    linear = tuple(_jax.is_asked_for(operand) for operand in operands)
    const_lin, init_lin, xs_lin = shape.parts(linear)
    consts, _, xs = shape.parts(operands)
    ct_carry, ct_ys = split([_jax.instantiated(ct) for ct in cts], shape.carry)
    sums = [_jax.zeros(c.aval) for c in pick(consts, const_lin)]
    carry, ct_xs = counted_loop(
        trips,
        Body.of(_transposed(body.safe, shape, linear)),
        pick(consts, [not flag for flag in const_lin]),
        [*ct_carry, *sums],
        [*pick(xs, [not flag for flag in xs_lin]), *ct_ys],
        length=shape.length,
        reverse=not shape.reverse,
    )
    ct_init, ct_consts = split(carry, shape.carry)
    nothing = [None] * len(operands)
    return [
        None,
        *merge(const_lin, ct_consts, nothing),
        *(ct if flag else None for ct, flag in zip(ct_init, init_lin, strict=True)),
        *merge(xs_lin, ct_xs, nothing),
    ]


# Batching. Each example may have its own number of trips: the loop runs the largest of them, and an
# example that is done keeps its carry.


@functools.lru_cache(maxsize=512)
def _batched(
    body: Body, shape: Shape, flags: Flags, masked: bool, axis: Axis
) -> tuple[Body, Flags]:
    const_b, init_b, xs_b = (tuple(part) for part in shape.parts(flags))

    def outputs(carry_b: Flags) -> Flags:
        return reach(body.run, [*const_b, *carry_b, *xs_b])

    carry_b = grow(init_b, lambda flags: outputs(flags)[: shape.carry])
    outs_b = outputs(carry_b)
    if masked or uses_axis(body.run, axis.name):
        outs_b = (True,) * len(outs_b)
    ins_b = (*const_b, *outs_b[: shape.carry], *xs_b)
    avals = map_avals(body.run.in_avals, ins_b, axis)

    def mapped(jaxpr: ClosedJaxpr) -> Callable[..., list[Any]]:
        return map_body(jaxpr, ins_b, outs_b, axis)

    if not masked:
        return body.map(lambda jaxpr: close(mapped(jaxpr), avals)), outs_b

    def with_mask(jaxpr: ClosedJaxpr, safe: bool) -> ClosedJaxpr:
        def step(trips: jax.Array, *args: jax.Array) -> list[jax.Array]:
            *operands, k = args
            active = k < trips
            carry = shape.parts(operands)[1]
            new = mapped(jaxpr)(*(borrow(active, operands, ins_b) if safe else operands))
            old = [*carry, *(jnp.zeros_like(y) for y in new[shape.carry :])]
            return [choose(active, a, b) for a, b in zip(new, old, strict=True)]

        counts, index = jax.ShapeDtypeStruct((axis.size,), jnp.int32), jax.typeof(np.int32(0))
        return close(step, [counts, *avals, index])

    return Body(with_mask(body.run, False), with_mask(body.safe, True)), outs_b


def _batch(
    axis: Axis, args: Sequence[ArrayLike], dims: Sequence[int | None], *, body: Body, shape: Shape
) -> tuple[list[jax.Array], list[int | None]]:
    trips, *operands = args
    masked = dims[0] is not None
    flags = tuple(dim is not None for dim in dims[1:])
    batched, outs_b = _batched(body, shape, flags, masked, axis)
    consts, carry, xs = shape.parts(operands)
    const_dims, init_dims, xs_dims = shape.parts(dims[1:])
    consts = [to_front(c, dim) for c, dim in zip(consts, const_dims, strict=True)]
    carry_b, ys_b = split(outs_b, shape.carry)
    carry = [
        broadcast(c, dim, axis) if flag else c
        for c, dim, flag in zip(carry, init_dims, carry_b, strict=True)
    ]
    xs = [to_front(x, dim, 1) for x, dim in zip(xs, xs_dims, strict=True)]
    if masked:
        consts = [trips, *consts]
        xs = [*xs, jnp.arange(shape.length, dtype=jnp.int32)]
        trips = jnp.max(trips, initial=0)
    last, ys = counted_loop(
        trips, batched, consts, carry, xs, length=shape.length, reverse=shape.reverse
    )
    return [*last, *ys], [
        *(0 if flag else None for flag in carry_b),
        *(1 if flag else None for flag in ys_b),
    ]


_jax.define_rules(counted_loop_p, "grad.while_loop", jvp=_jvp, batch=_batch, transpose=_transpose)
