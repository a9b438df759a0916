"""How each operation is written in JAX, by a person: jnp, operators, indices, library calls."""

from collections.abc import Mapping, Sequence
from typing import Any

from .._calls import has_call, library_call
from .._text import Text, call
from . import _arithmetic, _arrays, _shapes

# Operations short enough to hold another call in their arguments.
LIGHT = (
    "aten.relu",
    "aten.relu6",
    "aten.silu",
    "aten.gelu",
    "aten.sigmoid",
    "aten.tanh",
    "aten.hardswish",
    "aten.hardsigmoid",
    "aten.hardtanh",
    "aten.leaky_relu",
    "aten.elu",
    "aten.softmax",
    "aten.add",
    "aten.sub",
    "aten.mul",
    "aten.div",
    "aten.dropout",
)
# Operations that are written as methods of what they take, which they name once.
METHODS = ("aten.permute", "aten.transpose", "aten.swapaxes", "aten.t")
EXPRESSIONS: Mapping[str, _arithmetic.Expression] = {
    **_arithmetic.EXPRESSIONS,
    **_shapes.EXPRESSIONS,
    **_arrays.EXPRESSIONS,
}


def expression(operation: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Text:
    """Return what an operation is in Python."""
    if operation in EXPRESSIONS:
        return EXPRESSIONS[operation](*args, **kwargs)
    if has_call(operation):
        return library_call(operation, args, kwargs)
    return call(f'OPERATIONS["{operation}"]', *args, **kwargs)


__all__ = ["LIGHT", "METHODS", "expression"]
