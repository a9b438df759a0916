"""Hypothesis strategies for arguments of the convolution family that fit together."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

import conv
from tests.support.calls import Array


def maybe(strategy: st.SearchStrategy, weight: int = 2) -> st.SearchStrategy:
    """None, one time in `weight`."""
    return st.integers(0, weight - 1).flatmap(lambda i: strategy if i else st.none())


def spelled(draw_: Any, values: list[int], expand: bool = True, numpy: bool = True) -> Any:
    """One of the ways to write one number a dimension: int, one-tuple, tuple, list, NumPy."""
    ways = ["tuple", "list", "numpy"]
    if len(set(values)) == 1:
        ways += ["int", "int"] + ["numpy-int"] * numpy + ["one"] * expand
    match draw_(st.sampled_from(ways)):
        case "int":
            return values[0]
        case "numpy-int":
            return np.int64(values[0])
        case "one":
            return (values[0],)
        case "list":
            return values
        case "numpy":
            return tuple(np.int32(v) for v in values)
    return tuple(values)


def numbers(draw_: Any, dims: int, low: int, high: int) -> list[int]:
    """One integer a dimension; half of the time the same in each."""
    one = st.integers(low, high)
    return draw_(
        st.one_of(one.map(lambda v: [v] * dims), st.lists(one, min_size=dims, max_size=dims))
    )


def dtypes(*others: str) -> st.SearchStrategy[str]:
    """float64 half of the time."""
    return st.sampled_from(["float64"] * len(others) + list(others))


NARROW = ("float32", "float32", "complex128", "int64", "int8", "uint8", "int32")


def lead(draw_: Any) -> tuple[int, ...]:
    """The batch's part of a shape; the empty one for an unbatched input."""
    return draw_(st.sampled_from([(2,), (1,), (2,), (), (0,)]))


def drop(draw_: Any, arguments: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Leave out some of the arguments that equal their default."""
    return {
        name: value
        for name, value in arguments.items()
        if not (name in defaults and defaults[name] == value and draw_(st.booleans()))
    }


@st.composite
def convolutions(draw_: Any, dims: int) -> dict[str, Any]:
    kernel = numbers(draw_, dims, 1, 3 if dims < 3 else 2)
    stride, dilation = numbers(draw_, dims, 1, 3), numbers(draw_, dims, 1, 2)
    padding: Any = numbers(draw_, dims, 0, 2)
    extent = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    space = [
        max(e - 2 * p, 1) + draw_(st.integers(0, 3)) for e, p in zip(extent, padding, strict=True)
    ]
    word = draw_(st.sampled_from([None] * 6 + ["same", "valid"]))
    if word == "same":
        stride = [1] * dims
    if word == "valid":
        space = [max(n, e) for n, e in zip(space, extent, strict=True)]
    groups, per_group = draw_(st.sampled_from([1, 1, 2, 3])), draw_(st.integers(1, 3))
    out = groups * draw_(st.integers(1, 2))
    dtype = draw_(dtypes(*NARROW))
    weight = Array((out, per_group, *kernel), dtype, seed=1)
    arguments = {
        "input": Array((*lead(draw_), groups * per_group, *space), dtype),
        "weight": weight,
        "bias": draw_(maybe(st.just(Array((out,), dtype, seed=2)))),
        "stride": spelled(draw_, stride),
        "padding": word or spelled(draw_, padding),
        "dilation": spelled(draw_, dilation),
        "groups": groups,
    }
    return drop(draw_, arguments, {"bias": None, "stride": 1, "padding": 0, "dilation": 1})


@st.composite
def transposed(draw_: Any, dims: int) -> dict[str, Any]:
    kernel = numbers(draw_, dims, 1, 3 if dims < 3 else 2)
    stride, dilation = numbers(draw_, dims, 1, 3), numbers(draw_, dims, 1, 3)
    extra = [draw_(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)]
    space = [draw_(st.integers(1, 4)) for _ in range(dims)]
    full = [
        (n - 1) * s + d * (k - 1) + e
        for n, s, d, k, e in zip(space, stride, dilation, kernel, extra, strict=True)
    ]
    padding = [draw_(st.integers(0, min(2, f // 2))) for f in full]
    groups, per_group = draw_(st.sampled_from([1, 1, 2, 3])), draw_(st.integers(1, 2))
    channels = groups * draw_(st.integers(1, 2))
    dtype = draw_(dtypes("float32", "float32", "complex128", "int64", "int8"))
    arguments = {
        "input": Array((*lead(draw_), channels, *space), dtype),
        "weight": Array((channels, per_group, *kernel), dtype, seed=1),
        "bias": draw_(maybe(st.just(Array((groups * per_group,), dtype, seed=2)))),
        "stride": spelled(draw_, stride),
        "padding": spelled(draw_, padding),
        "output_padding": spelled(draw_, extra),
        "groups": groups,
        "dilation": spelled(draw_, dilation),
    }
    defaults = {"bias": None, "stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
    return drop(draw_, arguments, {**defaults, "groups": 1})


@st.composite
def gradients(draw_: Any, dims: int, of: str) -> dict[str, Any]:
    arguments = draw_(
        convolutions(dims).filter(
            lambda a: len(a["input"].shape) == dims + 2 and not isinstance(a.get("padding"), str)
        )
    )
    dtype = draw_(dtypes("float32"))
    input, weight = arguments.pop("input").shape, arguments.pop("weight").shape
    arguments.pop("bias", None)
    shape = conv.conv_output_shape(input, weight, **arguments)
    parts = {
        "input": {"input_size": input, "weight": Array(weight, dtype, seed=1)},
        "weight": {"input": Array(input, dtype), "weight_size": weight},
    }
    return {**parts[of], "grad_output": Array(shape, dtype, seed=2), **arguments}


@st.composite
def columns(draw_: Any, back: bool) -> dict[str, Any]:
    kernel, stride = numbers(draw_, 2, 1, 3), numbers(draw_, 2, 1, 3)
    dilation, padding = numbers(draw_, 2, 1, 2), numbers(draw_, 2, 0, 2)
    sides = list(zip(kernel, stride, dilation, padding, strict=True))
    space = [max(d * (k - 1) + 1 - 2 * p, 1) + draw_(st.integers(0, 3)) for k, _, d, p in sides]
    channels = draw_(st.integers(1, 3))
    dtype = draw_(dtypes("float32", "float16", "bfloat16", "complex128", "bool", "int64"))
    windows = {
        "kernel_size": spelled(draw_, kernel, expand=False),
        "dilation": spelled(draw_, dilation, expand=False),
        "padding": spelled(draw_, padding, expand=False),
        "stride": spelled(draw_, stride, expand=False),
    }
    windows = drop(draw_, windows, {"dilation": 1, "padding": 0, "stride": 1})
    if not back:
        return {"input": Array((*lead(draw_), channels, *space), dtype), **windows}
    counts = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, (k, s, d, p) in zip(space, sides, strict=True)
    ]
    shape = (channels * kernel[0] * kernel[1], counts[0] * counts[1])
    size = spelled(draw_, space, expand=False)
    return {"input": Array((*lead(draw_), *shape), dtype), "output_size": size, **windows}


@st.composite
def pads(draw_: Any) -> dict[str, Any]:
    mode = draw_(st.sampled_from(["constant", "reflect", "replicate", "circular"]))
    dims = draw_(st.integers(1, 3))
    before = draw_(st.integers(0, 2) if mode == "constant" else st.integers(1, 2))
    sizes = st.integers(1, 4)
    space = draw_(st.lists(sizes, min_size=dims, max_size=dims))
    shape = (*draw_(st.lists(st.integers(0, 2), min_size=before, max_size=before)), *space)
    widths: list[int] = []
    for n in reversed(space):
        most = {"reflect": n - 1, "circular": n}.get(mode, 3)
        pair = draw_(st.tuples(st.integers(0, most), st.integers(0, most)))
        if draw_(st.integers(0, 4)) == 0:  # crop one side or both
            pair = (-draw_(st.integers(0, n)), pair[1])
            pair = draw_(st.sampled_from([pair, pair[::-1], (pair[0], -1)]))
        widths += pair
    names = ("float32", "float16", "bfloat16", "complex128", "int64", "uint8", "bool")
    value = draw_(st.sampled_from([None, 0, 1, -2.5, 0.0])) if mode == "constant" else None
    arguments = {
        "input": Array(shape, draw_(dtypes(*names))),
        "pad": tuple(widths),
        "mode": mode,
        "value": value,
    }
    return drop(draw_, arguments, {"mode": "constant", "value": None})


@st.composite
def pools(draw_: Any, dims: int, which: str) -> dict[str, Any]:
    kernel = numbers(draw_, dims, 1, 3 if dims < 3 else 2)
    stride = numbers(draw_, dims, 1, 3)
    padding = [draw_(st.integers(0, k // 2)) for k in kernel]
    dilation = numbers(draw_, dims, 1, 2) if which == "max" else [1] * dims
    space = [
        max(d * (k - 1) + 1 - 2 * p, 1) + draw_(st.integers(0, 4))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    ]
    shape = (*lead(draw_), draw_(st.integers(1, 2)), *space)
    names = ("float32", "float16", "bfloat16", "int64", "int32", "uint8")
    kind = draw_(st.sampled_from(["normal", "ties", "nan"] if which == "max" else ["normal"]))
    arguments = {
        "input": Array(shape, draw_(dtypes(*names)), kind),
        "kernel_size": spelled(draw_, kernel),
        "stride": draw_(maybe(st.just(spelled(draw_, stride)), 4)),
        "padding": spelled(draw_, padding),
    }
    if which == "max":
        arguments |= {"dilation": spelled(draw_, dilation)}
    arguments |= {"ceil_mode": draw_(st.booleans())}
    if which == "max":
        arguments |= {"return_indices": draw_(st.booleans())}
    else:
        arguments |= {"count_include_pad": draw_(st.booleans())}
        if dims > 1:
            arguments |= {"divisor_override": draw_(st.sampled_from([None, None, 1, 3, -2]))}
    defaults = {"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False}
    defaults |= {"return_indices": False, "count_include_pad": True, "divisor_override": None}
    return drop(draw_, arguments, defaults)


@st.composite
def power_pools(draw_: Any, dims: int) -> dict[str, Any]:
    kernel, stride = numbers(draw_, dims, 1, 3), numbers(draw_, dims, 1, 3)
    space = [k + draw_(st.integers(0, 4)) for k in kernel]
    arguments = {
        "input": Array((*lead(draw_), draw_(st.integers(1, 2)), *space), draw_(dtypes("float32"))),
        "norm_type": draw_(st.sampled_from([1, 2, 2.0, 3, 1.5, 4])),
        "kernel_size": spelled(draw_, kernel),
        "stride": draw_(maybe(st.just(spelled(draw_, stride)), 4)),
        "ceil_mode": draw_(st.booleans()),
    }
    return drop(draw_, arguments, {"stride": None, "ceil_mode": False})


@st.composite
def adaptive(draw_: Any, dims: int, which: str) -> dict[str, Any]:
    space = numbers(draw_, dims, 1, 6)
    shape = (*lead(draw_), draw_(st.integers(1, 2)), *space)
    counts = numbers(draw_, dims, 0 if draw_(st.integers(0, 9)) == 0 else 1, 4)
    size = spelled(draw_, counts, expand=False, numpy=dims == 1)
    if dims > 1 and isinstance(size, tuple) and draw_(st.booleans()):
        size = (None, *size[1:])
    kind = draw_(st.sampled_from(["normal", "ties", "nan"] if which == "max" else ["normal"]))
    dtype = draw_(dtypes("float32", "float16", "bfloat16", "float32", "int64"))
    arguments = {"input": Array(shape, dtype, kind), "output_size": size}
    if which == "max":
        arguments |= {"return_indices": draw_(st.booleans())}
    return arguments
