"""Jaxprs as loop bodies: tracing them without hidden constants, asking what they depend on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import jax
from jax.typing import ArrayLike

from convgrad import _jax

if TYPE_CHECKING:
    from convgrad._jax import Aval, ClosedJaxpr

Flags = tuple[bool, ...]
T = TypeVar("T")
U = TypeVar("U")


def trace(function: Callable[..., Any], avals: Sequence[Aval]) -> tuple[ClosedJaxpr, list[Any]]:
    """Trace a flat function; return a jaxpr without constants, and what to put before its inputs.

    Arrays and tracers that the function closes over become inputs, so that every transformation
    sees them.
    """
    closed = jax.make_jaxpr(function)(*avals)
    consts = list(closed.consts)
    if not consts:
        return closed, []

    def opened(*args: jax.Array) -> list[Any]:
        return _jax.evaluate(closed, args[: len(consts)], args[len(consts) :])

    opened.__name__ = getattr(function, "__name__", "function")
    return jax.make_jaxpr(opened)(*consts, *avals), consts


def close(function: Callable[..., Any], avals: Sequence[Aval]) -> ClosedJaxpr:
    """Trace a flat function that closes over nothing."""
    closed, consts = trace(function, avals)
    assert not consts, "a loop body made here closes over nothing"
    return closed


def call(closed: ClosedJaxpr, args: Sequence[ArrayLike]) -> list[Any]:
    """Evaluate a closed jaxpr."""
    return list(_jax.as_function(closed)(*args))


class Body(NamedTuple):
    """What a loop does in a trip: a jaxpr, and the same function written to be differentiated.

    They differ in a batch, in which an example may be done; see `borrow`.

    It is printed by its name: written out, one loop inside another would double what is inside.
    """

    run: ClosedJaxpr
    safe: ClosedJaxpr

    @classmethod
    def of(cls, jaxpr: ClosedJaxpr) -> Body:
        """Return the body of a jaxpr that can be differentiated as it is."""
        return cls(jaxpr, jaxpr)

    def map(self, function: Callable[[ClosedJaxpr], ClosedJaxpr]) -> Body:
        """Apply a function to both."""
        run = function(self.run)
        return Body(run, run if self.safe is self.run else function(self.safe))

    def __repr__(self) -> str:
        return f"Body({_jax.function_name(_jax.open_jaxpr(self.run))})"


def live_inputs(closed: ClosedJaxpr) -> Flags:
    """Return which inputs the outputs of a jaxpr need at all."""
    return tuple(_jax.without_dead_code(closed)[1])


def grow(flags: Flags, step: Callable[[Flags], Sequence[bool]]) -> Flags:
    """Raise flags until a step raises no more: what holds of a loop's carry after any number."""
    while True:
        grown = tuple(a or b for a, b in zip(flags, step(flags), strict=True))
        if grown == flags:
            return flags
        flags = grown


def pick(values: Sequence[T], flags: Sequence[bool]) -> list[T]:
    """Return the flagged values."""
    return [value for value, flag in zip(values, flags, strict=True) if flag]


def merge(flags: Sequence[bool], raised: Sequence[T], others: Sequence[U]) -> list[T | U]:
    """Put the values of the flagged places and of the others back into one list."""
    ups, downs = iter(raised), iter(others)
    return [next(ups) if flag else next(downs) for flag in flags]


def split(values: Sequence[T], *counts: int) -> list[list[T]]:
    """Cut a list into parts of the given lengths, and the rest."""
    parts, start = [], 0
    for count in counts:
        parts.append(list(values[start : start + count]))
        start += count
    return [*parts, list(values[start:])]
