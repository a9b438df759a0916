"""Hypothesis strategies for calls: arguments that fit, and one time in four one part spoilt.

What is right is not decided here: PyTorch accepts a call or refuses it.
"""

import inspect
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.support.agree import DTYPES
from tests.support.arguments import (
    adaptive,
    columns,
    convolutions,
    gradients,
    pads,
    pools,
    power_pools,
    transposed,
)
from tests.support.calls import OURS, Array, Call

# Parts that spoil a call, mostly

JUNK: list[Any] = [
    0, -1, 1, 2, 5, True, False, None, 1.0, 2.5, 1j, "same", "valid", "full", "1", np.float64(2.0),
    (), (1,), (2, 1), (1, 2, 1), (1, 1, 1, 1), (2, 1, 2, 1, 1), (0, 1, 0), (-1, 1), (1, -1, 1),
    (1.0,), (1.0, 1.0), (1, 1.0, 1), (True,), (1, True), (None, 1), (1, None, 2), [], [2], [1, 0],
    np.int64(1), (np.int64(2),), np.bool_(True), "reflect", "circular", "replicate", "constant",
]  # fmt: skip
NOT_ARRAYS: list[Any] = [None, 1.0, [1.0, 2.0], [[[1.0, 2.0, 3.0]]], "x", (1, 2)]


@st.composite
def spoilt_array(draw_: Any, array: Array) -> Any:
    shape, dtype = array.shape, array.dtype
    ways = ["dtype", "low", "high", "size", "size", "size", "other"]
    match draw_(st.sampled_from(ways if shape else ["dtype", "high", "other"])):
        case "dtype":
            return Array(shape, draw_(st.sampled_from(sorted(DTYPES))), array.kind, array.seed)
        case "low":
            return Array(shape[1:], dtype, array.kind, array.seed)
        case "high":
            return Array((draw_(st.integers(1, 2)), *shape), dtype, array.kind, array.seed)
        case "size":
            axis = draw_(st.integers(0, len(shape) - 1))
            size = draw_(st.sampled_from([0, 1, 2, shape[axis] + 1, shape[axis] + 2, 9]))
            return Array((*shape[:axis], size, *shape[axis + 1 :]), dtype, array.kind, array.seed)
    return draw_(st.sampled_from(NOT_ARRAYS))


@st.composite
def spoilt(draw_: Any, arguments: dict[str, Any], function: str) -> dict[str, Any]:
    """Replace one argument, given or not, or the dtype of all arrays, or one part of a tuple."""
    given = {n: v for n, v in arguments.items() if isinstance(v, Array)}
    others = [
        name
        for name, parameter in inspect.signature(OURS[function]).parameters.items()
        if name not in given and parameter.kind is not parameter.KEYWORD_ONLY
    ]
    ways = ["array"] * 3 + ["dtypes"] + ["argument"] * 5 + ["part"] * 2
    way = draw_(st.sampled_from(ways))
    if way == "array":
        name = draw_(st.sampled_from(sorted(given)))
        return {**arguments, name: draw_(spoilt_array(given[name]))}
    if way == "dtypes":
        dtype = draw_(st.sampled_from(sorted(DTYPES)))
        changed = {n: Array(a.shape, dtype, a.kind, a.seed) for n, a in given.items()}
        return {**arguments, **changed}
    name = draw_(st.sampled_from(others))
    value = arguments.get(name)
    if way == "part" and isinstance(value, tuple) and value:
        at = draw_(st.integers(0, len(value) - 1))
        part = draw_(st.sampled_from([0, -1, -3, 1, 3, 6, True, 1.0, None, "1"]))
        return {**arguments, name: (*value[:at], part, *value[at + 1 :])}
    return {**arguments, name: draw_(st.sampled_from(JUNK))}


def fitting(function: str) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments of a function that should be accepted."""
    if function == "pad":
        return pads()
    if function in ("unfold", "fold"):
        return columns(function == "fold")
    dims = int(next(c for c in function if c.isdigit()))
    kind, _, of = function.partition(f"{dims}d")
    if of:
        return gradients(dims, of[1:])
    if kind == "conv":
        return convolutions(dims)
    if kind == "conv_transpose":
        return transposed(dims)
    name = kind.removesuffix("_pool")
    if name == "lp":
        return power_pools(dims)
    if name.startswith("adaptive_"):
        return adaptive(dims, name.removeprefix("adaptive_"))
    return pools(dims, name)


@st.composite
def calls(draw_: Any, function: str) -> Call:
    """A call of `function`; one time in four with a part replaced."""
    arguments = draw_(fitting(function))
    if draw_(st.integers(0, 3)) == 0:
        arguments = draw_(spoilt(arguments, function))
    order = list(inspect.signature(OURS[function]).parameters)
    arguments = {name: arguments[name] for name in order if name in arguments}
    return Call(function, arguments, draw_(st.integers(0, len(arguments))))
