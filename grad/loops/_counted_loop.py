"""A scan of as many trips as a traced number says: the loop that derivatives of loops are made of.

`counted_loop` is `lax.scan` with a trip count that is known only at run time and at most
`length`. Its derivatives are counted loops again, forward and transposed, and so is its batched
form: whatever is written with it can be differentiated in either mode and at any order. What the
derivative of a trip needs is recomputed from the carry that the trip started with, which is all
that is kept.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from convgrad import _jax

from .._jaxprs import Body, call, split

if TYPE_CHECKING:
    from convgrad._jax import ClosedJaxpr, ShapedArray

T = TypeVar("T")
_State = tuple[jax.Array, list[jax.Array], list[jax.Array]]  # trips that are done, carry, outputs


class Shape(NamedTuple):
    """How the operands of a loop divide, how many trips there can be, and in which order."""

    consts: int
    carry: int
    length: int
    reverse: bool = False

    def parts(self, values: Sequence[T]) -> list[list[T]]:
        """Split the operands, or a body's inputs, into constants, carry and slices."""
        return split(values, self.consts, self.carry)


def counted_loop(
    trips: ArrayLike,
    body: Body,
    consts: Sequence[ArrayLike],
    carry: Sequence[ArrayLike],
    xs: Sequence[ArrayLike] = (),
    *,
    length: int,
    reverse: bool = False,
) -> tuple[list[jax.Array], list[jax.Array]]:
    """Run `carry, y = body(*consts, *carry, *x)` for the first `trips` of `length` slices.

    Args:
      trips: int32 scalar, at most `length`; none where it is negative.
      body: closed jaxprs without constants.
      consts: arrays that every trip gets.
      carry: arrays that go from trip to trip.
      xs: arrays with a leading dimension of `length`, one slice for each trip.
      length: the largest number of trips.
      reverse: start with slice `trips - 1` and end with slice 0.

    Returns:
      The last carry, and the stacked outputs: zero where there was no trip.
    """
    shape = Shape(len(consts), len(carry), length, reverse)
    outs = counted_loop_p.bind(
        jnp.asarray(trips, jnp.int32), *consts, *carry, *xs, body=body, shape=shape
    )
    return outs[: len(carry)], outs[len(carry) :]


def _run(trips: jax.Array, *operands: jax.Array, body: Body, shape: Shape) -> list[jax.Array]:
    consts, carry, xs = shape.parts(operands)

    def step(state: _State) -> _State:
        i, carry, ys = state
        k = trips - 1 - i if shape.reverse else i
        slices = [lax.dynamic_index_in_dim(x, k, 0, keepdims=False) for x in xs]
        carry, new = split(call(body.run, [*consts, *carry, *slices]), shape.carry)
        ys = [lax.dynamic_update_index_in_dim(y, n, k, 0) for y, n in zip(ys, new, strict=True)]
        return i + 1, carry, ys

    ys = [stack_of_zeros(shape.length, aval) for aval in body.run.out_avals[shape.carry :]]
    _, carry, ys = lax.while_loop(
        lambda state: state[0] < trips, step, (jnp.int32(0), list(carry), ys)
    )
    return carry + ys


def stack_of_zeros(length: int, aval: ShapedArray) -> jax.Array:
    """Return zeros of a type with a leading dimension more, sharded as it is."""
    return _jax.zeros(_jax.stacked(length, aval))


@functools.lru_cache(maxsize=512)
def _compiled(body: Body, shape: Shape) -> Callable[..., list[jax.Array]]:
    return jax.jit(functools.partial(_run, body=body, shape=shape))


def _evaluate(*args: ArrayLike, body: Body, shape: Shape) -> list[jax.Array]:
    return _compiled(body, shape)(*args)


def _outputs(
    *_: ShapedArray, body: Body, shape: Shape
) -> tuple[list[ShapedArray], list[ClosedJaxpr]]:
    carry, ys = split(body.run.out_avals, shape.carry)
    return [*carry, *(_jax.stacked(shape.length, y) for y in ys)], [body.run]


counted_loop_p = _jax.new_operation(
    "counted_loop", "grad.while_loop", evaluate=_evaluate, lower=_run, outputs=_outputs
)
