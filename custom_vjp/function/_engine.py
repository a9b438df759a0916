"""From a Function to JAX: one `OwnDerivative` a call, whose tangents are a `TangentMap`.

    apply -> evaluate                 run forward; nothing is differentiated
          -> _rule                    evaluate, and leave a tangent map for what is differentiated
                 reverse mode:  pull  ctx from the residuals, then backward
                 forward mode:  push  ctx from the residuals, then jvp, or backward transposed

The rule evaluates through an `OwnDerivative` again, so the next level of differentiation finds it
again: outputs that backward uses are differentiated by backward, as in PyTorch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike

from convgrad._arrays import Array
from convgrad._errors import NEEDS_VALUES
from convgrad._jax import is_traced

from ._call import Call, Outcome, Record, run
from ._constants import warn_of_constants
from ._derivative import Derivative
from ._manual import vary_alike
from ._numpy import on_values, refuse_numbers
from ._own_derivative import OwnDerivative
from ._tangents import is_zero, shape_of, tangent_type, zero
from ._vmap import mapped_forward

Needs = tuple[bool, ...]
SymbolicTangent = jax.Array | SymbolicZero


def evaluate(
    call: Call, arrays: Sequence[ArrayLike], needs: Needs | None = None, keep: bool = False
) -> Outcome:
    """Run forward so that JAX can transform it.

    Args:
      call: the arguments.
      arrays: those of them that may be traced.
      needs: what ctx.needs_input_grad says in forward; None for all False.
      keep: whether the arrays that only ctx holds are wanted too.
    """
    asked = needs or (False,) * len(call.names)
    if not any(is_traced(array) for array in arrays):
        return _forward(call, asked, arrays)
    arrays = vary_alike(arrays)
    records: list[Record] = []

    def results(outcome: Outcome) -> list[Array]:
        records[:] = [outcome.record]
        return [*outcome.outputs, *(outcome.extras if keep else [])]

    def primal(*arrays: ArrayLike) -> list[Array]:
        return results(_forward(call, asked, arrays))

    def rule(
        primals: Sequence[ArrayLike], tangents: Sequence[SymbolicTangent]
    ) -> tuple[list[Array], list[SymbolicTangent]]:
        outcome, moved = _rule(call, primals, tangents, asked if keep else None)
        return results(outcome), moved

    def moving() -> int:
        return sum(records[0].is_output)

    flat = OwnDerivative(call.name, primal, rule, moving)(*arrays)
    return Outcome(flat[: moving()], flat[moving() :], records[0])


def _forward(call: Call, needs: Needs, arrays: Sequence[ArrayLike]) -> Outcome:
    """Run the user's forward; on its values, where it asks for them."""
    forward = mapped_forward(call, arrays)
    try:
        return run(call, needs, arrays, forward, by_value=False)
    except NEEDS_VALUES as error:
        needed = error

    def on(values: Sequence[ArrayLike]) -> tuple[list[Array], Any]:
        outcome = run(call, needs, values, call.function.forward, by_value=True)
        counts = len(outcome.outputs), len(outcome.extras)
        return [*outcome.outputs, *outcome.extras], (outcome.record, counts)

    flat, (record, (count, extras)) = on_values(on, arrays, f"{call.name}.forward", needed)
    refuse_numbers(record.outputs, call.name)
    record = dataclasses.replace(record, guard=("extra", extras))
    return Outcome(flat[:count], flat[count:], record)


def _rule(
    call: Call,
    primals: Sequence[ArrayLike],
    tangents: Sequence[SymbolicTangent],
    fixed: Needs | None,
) -> tuple[Outcome, list[SymbolicTangent]]:
    """Outputs, and their tangents as a map of those of the inputs.

    `fixed` is what forward was told of needs_input_grad when its extras were first looked at: the
    outcome must have the same ones again.
    """
    live = [not is_zero(tangent) for tangent in tangents]
    needs = call.per_argument(live)
    outcome = kept = evaluate(call, primals, fixed or needs, keep=True)
    if fixed is not None and fixed != needs and outcome.record.asked:
        kept = evaluate(call, primals, needs, keep=True)
    record = kept.record

    leaves = call.fill(primals)
    traced = set(call.traced)
    pools: dict[str, Sequence[Any]] = {
        "input": leaves,
        "output": kept.outputs,
        "extra": kept.extras,
    }
    # An input that is not traced stays a constant; all else goes through JAX.
    through = [s for s in record.sources if s[0] != "input" or s[1] in traced]
    constants = {s: leaves[s[1]] for s in record.sources if s not in through}
    residuals = [pools[kind][i] for kind, i in through]

    # What outlives this call may hold no tracer: shapes stand for arrays.
    derivative = Derivative(
        call=call,
        record=record,
        needs=needs,
        live=live,
        through=through,
        constants=constants,
        leaves=call.fill([shape_of(primal) for primal in primals]),
        outputs=[shape_of(out) for out in outcome.outputs],
        types=[tangent_type(out) for out in outcome.outputs],
    )
    if fixed is not None:  # the derivative of what a derivative was made of
        warn_of_constants(derivative, lambda *xs: _forward(call, needs, vary_alike(xs)), primals)
    flowing = [t for t in tangents if not is_zero(t)]
    moving = iter(derivative.map()(residuals, flowing) if any(record.differentiable) else ())
    moved = [
        next(moving) if differentiable else zero(out)
        for out, differentiable in zip(outcome.outputs, record.differentiable, strict=True)
    ]
    return outcome, moved
