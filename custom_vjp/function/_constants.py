"""What a second derivative takes for constants although it is none: a warning, while tracing."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.typing import ArrayLike

from convgrad._arrays import Array, is_array, is_inexact
from convgrad._dependence import dependence

from ._call import Outcome, Record, Source, defines
from ._derivative import Derivative
from ._tangents import shape_of


def warn_of_constants(
    derivative: Derivative, forward: Callable[..., Outcome], arrays: Sequence[ArrayLike]
) -> None:
    """Warn where backward uses what ctx keeps, moves with the inputs, and is no input or output.

    `forward` is run again, on the types of the traced inputs; what is a value now is traced then.
    """
    if derivative.once or not _keeps_numbers(derivative.record):
        return
    try:
        names = _constants(derivative, forward, arrays)
    except Exception:  # code that cannot be traced again: there is nothing to say about it
        return
    if names:
        warnings.warn(
            f"{derivative.call.name}: a second derivative takes {', '.join(names)} for a constant, "
            "as in PyTorch: backward uses it, and it depends on the inputs, but it is neither an "
            "input nor an output of forward. For a right derivative return it from forward as a "
            "further output, or compute it in backward from what is; if it is to be a constant, "
            "say so with jax.lax.stop_gradient (or, in NumPy, keep a mask as Booleans)",
            UserWarning,
            stacklevel=2,
        )


def _keeps_numbers(record: Record) -> bool:
    """Whether an array stands on ctx that is no input and no output."""
    extra = any(source is not None and source[0] == "extra" for source in record.kept)
    return extra or any(is_array(leaf) and is_inexact(leaf.dtype) for leaf in record.constants)


def _constants(
    derivative: Derivative, forward: Callable[..., Outcome], arrays: Sequence[ArrayLike]
) -> list[str]:
    records: list[Record] = []

    def extras(*arrays: jax.Array) -> Sequence[Array]:
        outcome = forward(*arrays)
        records[:] = [outcome.record]
        return outcome.extras

    program = jax.make_jaxpr(extras)(*arrays)
    record = records[0]
    live = {i for i, flag in enumerate(derivative.live) if flag}
    moving = [
        bool(sources & live) and is_inexact(aval.dtype)
        for sources, aval in zip(dependence(program), program.out_avals, strict=True)
    ]
    used = _used(derivative, record, [shape_of(aval) for aval in program.out_avals])
    names = [
        path
        for path, source in zip(record.paths, record.kept, strict=True)
        if source in used and source[0] == "extra" and moving[source[1]]
    ]
    return list(dict.fromkeys(names))


def _used(
    derivative: Derivative, record: Record, extras: Sequence[jax.ShapeDtypeStruct]
) -> set[Source]:
    """Return what of a record the gradients, or else the tangents, depend on."""
    call = derivative.call
    pools = {"input": derivative.leaves, "output": derivative.outputs, "extra": extras}
    known = {s for s in record.sources if s[0] == "input" and s[1] not in call.traced}
    through = [s for s in record.sources if s not in known]
    like = dataclasses.replace(
        derivative,
        record=record,
        through=through,
        constants={s: derivative.leaves[s[1]] for s in known},
    )
    run: Callable[..., Any] = like.push
    if defines(call.function, "backward", "vjp"):
        run = like.backward
        pairs = zip(like.types, record.differentiable, strict=True)
        flowing = [shape_of(out) for out, flag in pairs if flag]
    else:
        traced = zip(call.traced, like.live, strict=True)
        flowing = [like.leaves[i] for i, flag in traced if flag]

    def results(residuals: Sequence[Any], flowing: Sequence[Any]) -> list[Any]:
        return [result for result in run(residuals, flowing) if result is not None]

    residuals = [pools[kind][i] for kind, i in through]
    found = dependence(jax.make_jaxpr(results)(residuals, flowing))
    reached: frozenset[int] = frozenset().union(*found)
    return {source for place, source in enumerate(through) if place in reached}
