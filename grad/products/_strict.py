"""What strict mode refuses, in PyTorch's words.

`connected` is, as in `Trace`, for each output the set of the inputs that it depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from convgrad._arrays import Array

from .._trace import Inputs, Trace, trace

Connected = Sequence[frozenset[int]]


def union(connected: Connected) -> frozenset[int]:
    """Return the inputs that any output depends on."""
    return frozenset().union(*connected)


def connected_to(func: Callable[..., Any], leaves: Sequence[Array], caller: str) -> Connected:
    """Return for each output of `func(*leaves)` the leaves that it depends on."""
    return trace(func, Inputs.splatted(leaves), caller).connected


def require_tracked_outputs(traced: Trace) -> None:
    """Every output depends on some input."""
    for i, sources in enumerate(traced.connected):
        if not sources:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs "
                "must be computed in a differentiable manner from the input when running in strict "
                "mode."
            )


def require_used_inputs(traced: Trace, count: int) -> None:
    """Some output depends on every input."""
    used = union(traced.connected)
    for i in range(count):
        if i not in used:
            raise RuntimeError(
                f"The output of the user-provided function is independent of input {i}. This is "
                "not allowed in strict mode."
            )


def require_varying(connected: Connected, what: str) -> None:
    """Every part of a result (`what`: jacobian, hessian) can be differentiated again."""
    for i, sources in enumerate(connected):
        if not sources:
            raise RuntimeError(
                f"The {what} of the user-provided function is independent of input {i}. This is "
                "not allowed in strict mode when create_graph=True."
            )


def require_tangents(traced: Trace, connected: Connected, count: int) -> None:
    """Every tangent of an input reaches an output, and every output has a tangent.

    `connected` says which tangents the tangent of each output depends on.
    """
    require_used_inputs(traced, count)
    used = union(connected)
    for i in range(count):
        if i not in used:
            raise RuntimeError(
                f"The gradient with respect to input {i} is independent of the inputs of the "
                "user-provided function. This is not allowed in strict mode."
            )
    for i, sources in enumerate(connected):
        if not sources:
            raise RuntimeError(
                f"The gradient with respect to the input is independent of entry {i} in the "
                "grad_outputs when using the double backward trick to compute forward mode "
                "gradients. This is not allowed in strict mode."
            )


def require_varying_jacobian(gradient: Trace) -> None:
    """Every gradient of a scalar function depends on some input."""
    for i, sources in enumerate(gradient.connected):
        if not sources:
            raise RuntimeError(
                "While computing the hessian, found that the jacobian of the user-provided "
                f"function with respect to input {i} is independent of the input. This is not "
                "allowed in strict mode. You should ensure that your function is twice "
                "differentiable and that the jacobian depends on the inputs (this would be "
                "violated by a linear function for example)."
            )


def require_second_order_inputs(gradient: Trace, count: int) -> None:
    """Some gradient of a scalar function depends on every input."""
    used = union(gradient.connected)
    for i in range(count):
        if i not in used:
            raise RuntimeError(
                f"The jacobian of the user-provided function is independent of input {i}. This is "
                "not allowed in strict mode."
            )


def require_second_order_entries(connected: Connected) -> None:
    """Every part of a product of a Hessian with a vector depends on the vector."""
    for i, sources in enumerate(connected):
        if not sources:
            raise RuntimeError(
                "The hessian of the user-provided function is independent of entry "
                f"{i} in the grad_jacobian. This is not allowed in strict mode as it prevents from "
                "using the double backward trick to replace forward mode AD."
            )


def require_dense_row(sources: frozenset[int], count: int, output: int) -> None:
    """One output depends on every input."""
    for i in range(count):
        if i not in sources:
            raise RuntimeError(
                f"Output {output} of the user-provided function is independent of input {i}. This "
                "is not allowed in strict mode."
            )
