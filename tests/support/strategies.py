"""Hypothesis strategies for the convolution family: calls that fit, and calls with one part spoilt.

A call is drawn so that it should be accepted; one in four then has one of its parts replaced. What
is right is not decided here: PyTorch accepts a call or refuses it.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import torch
from hypothesis import strategies as st

import conv
from tests.support.agree import DTYPES, draw, dtype_name, is_inexact, to_torch


@dataclass(frozen=True)
class Array:
    """An array to make: its numbers follow from a seed, so that a failure prints in one line."""

    shape: tuple[int, ...]
    dtype: str = "float64"
    kind: str = "normal"  # "ties": many equal numbers; "nan": some numbers missing
    seed: int = 0

    def values(self) -> np.ndarray:
        if self.dtype == "bool":
            return draw(self.seed, self.shape, "int8") > 0
        numbers = draw(self.seed, self.shape, self.dtype)
        if self.kind != "normal" and is_inexact(numbers):
            numbers = np.round(numbers).astype(numbers.dtype)
        if self.kind == "nan" and is_inexact(numbers):
            holes = np.random.default_rng(self.seed).uniform(size=self.shape) < 0.3
            numbers = np.where(holes, np.array(np.nan, numbers.dtype), numbers)
        return numbers


@dataclass(frozen=True)
class Call:
    """A function's name, its arguments by name, and how many of them are passed by position."""

    function: str
    arguments: dict[str, Any]
    positional: int = 0

    def split(self, replace: Callable[[str, Any], Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return (args, kwargs), each argument passed through `replace` first."""
        kwargs = {name: replace(name, value) for name, value in self.arguments.items()}
        args = []
        for name in list(inspect.signature(OURS[self.function]).parameters)[: self.positional]:
            if name not in kwargs:
                break
            args.append(kwargs.pop(name))
        return args, kwargs

    def arrays(self) -> dict[str, np.ndarray]:
        return {k: v.values() for k, v in self.arguments.items() if isinstance(v, Array)}

    def ours(self, arrays: dict[str, jax.Array]) -> Any:
        args, kwargs = self.split(lambda name, value: arrays.get(name, value))
        return OURS[self.function](*args, **kwargs)

    def theirs(self, tensors: dict[str, torch.Tensor]) -> Any:
        args, kwargs = self.split(lambda name, value: tensors.get(name, value))
        return THEIRS[self.function](*args, **kwargs)


NAMES = [f"{f}{n}d" for f in ("conv", "conv_transpose") for n in (1, 2, 3)]
NAMES += ["unfold", "fold", "pad"]
NAMES += [
    f"{f}_pool{n}d" for f in ("max", "avg", "adaptive_max", "adaptive_avg") for n in (1, 2, 3)
]
NAMES += [f"conv{n}d_{f}" for f in ("input", "weight") for n in (1, 2, 3)]

OURS = {name: getattr(conv, name) for name in NAMES}
THEIRS = {
    name: getattr(
        torch.nn.grad if name.endswith(("_input", "_weight")) else torch.nn.functional, name
    )
    for name in NAMES
}


# What is not compared


@dataclass(frozen=True)
class Exclusion:
    """Calls whose answer from PyTorch is no answer, why, and whether we refuse them."""

    functions: tuple[str, ...]
    reason: str
    applies: Callable[[Call], bool]
    refused: bool


def wraps_beyond_the_rest(call: Call) -> bool:
    array, widths = call.arguments.get("input"), call.arguments.get("pad")
    if call.arguments.get("mode") != "circular" or not isinstance(array, Array):
        return False
    if not isinstance(widths, tuple | list) or not all(type(w) is int for w in widths):
        return False
    pairs = zip(reversed(array.shape), widths[::2], widths[1::2], strict=False)
    return any(
        max(a, b) > max(n + min(a, 0) + min(b, 0), 0) and max(a, b) <= n for n, a, b in pairs
    )


def looks_at_nothing(call: Call) -> bool:
    """Whether some window of a dilated max pool has no tap inside of the input."""
    arguments = {**call.arguments, "return_indices": False}
    input = arguments.pop("input", None)
    if not isinstance(input, Array):
        return False
    try:  # the value is defined: of ones it is 1, or minus infinity where there are none
        value = THEIRS[call.function](torch.ones(input.shape), **arguments)
    except (RuntimeError, TypeError, ValueError):
        return False
    return bool(torch.isneginf(value).any())


def leaves_nothing(call: Call) -> bool:
    input, widths = call.arguments.get("input"), call.arguments.get("pad")
    if call.arguments.get("mode") not in ("reflect", "replicate") or not isinstance(input, Array):
        return False
    if not isinstance(widths, tuple | list) or not all(type(w) is int for w in widths):
        return False
    pairs = zip(reversed(input.shape), widths[::2], widths[1::2], strict=False)
    return any(n + a + b == 0 for n, a, b in pairs)


def leaves_less_than_nothing(call: Call) -> bool:
    """Whether cropping takes more than there is, of an array without elements."""
    input, widths = call.arguments.get("input"), call.arguments.get("pad")
    if call.arguments.get("mode") not in ("reflect", "replicate") or not isinstance(input, Array):
        return False
    if not isinstance(widths, tuple | list) or not all(type(w) is int for w in widths):
        return False
    pairs = zip(reversed(input.shape), widths[::2], widths[1::2], strict=False)
    return 0 in input.shape and any(n + a + b < 0 for n, a, b in pairs)


def has_flag_among_integers(call: Call) -> bool:
    flags = ("return_indices", "ceil_mode", "count_include_pad", "value")
    given = [v for n, v in call.arguments.items() if n not in flags and not isinstance(v, Array)]
    if call.function.endswith(("_input", "_weight")) and any(map(is_flag, given)):
        return True
    return any(isinstance(v, tuple | list) and any(map(is_flag, v)) for v in given)


def is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def has_bias_of_another_dtype(call: Call) -> bool:
    input, bias = call.arguments.get("input"), call.arguments.get("bias")
    return isinstance(input, Array) and isinstance(bias, Array) and bias.dtype != input.dtype


def has_such_a_bias_and_same(call: Call) -> bool:
    return call.arguments.get("padding") == "same" and has_bias_of_another_dtype(call)


def is_gradient_of_mixed_dtypes(call: Call) -> bool:
    return len({v.dtype for v in call.arguments.values() if isinstance(v, Array)}) > 1


def makes_nothing(call: Call) -> bool:
    """Whether an output has no positions: the kernel is smaller than what padding takes away."""
    arrays = {n: v for n, v in call.arguments.items() if isinstance(v, Array)}
    tensors = {n: torch.empty(a.shape, device="meta") for n, a in arrays.items()}
    if any(0 in a.shape for a in arrays.values()):
        return False
    try:
        call.theirs(tensors)
    except RuntimeError as error:
        return "Output size is too small" in str(error)
    except (TypeError, ValueError, IndexError):
        pass
    return False


def is_computed_nowhere(call: Call) -> bool:
    """Whether an adaptive mean has no window, or no input, and a dtype that has no kernel."""
    input, size = call.arguments.get("input"), call.arguments.get("output_size")
    if not isinstance(input, Array) or input.dtype.startswith(("float", "bfloat")):
        return False
    counts = size if isinstance(size, tuple | list) else [size]
    return 0 in input.shape or any(type(c) is int and c == 0 for c in counts)


def is_numpy_integer(call: Call) -> bool:
    return isinstance(call.arguments.get("output_size"), np.integer)


def is_mean_of_another_rank(call: Call) -> bool:
    input, size = call.arguments.get("input"), call.arguments.get("output_size")
    dims = int(call.function[-2])
    each = size if isinstance(size, tuple | list) else (size,)
    single = len(each) in (1, dims) and all(s is None or s == 1 for s in each)
    return single and isinstance(input, Array) and len(input.shape) not in (dims + 1, dims + 2)


def belongs_to_no_convolution(call: Call) -> bool:
    """Whether the shapes are not those of a convolution and its gradient."""
    arguments = dict(call.arguments)
    grad = arguments.pop("grad_output")
    try:
        input, weight = (
            arguments.pop(name) if name in arguments else Array(arguments.pop(f"{name}_size"))
            for name in ("input", "weight")
        )
        input, weight = (torch.empty(a.shape, device="meta") for a in (input, weight))
        forward = getattr(torch.nn.functional, call.function.partition("_")[0])
        return tuple(forward(input, weight, **arguments).shape) != grad.shape
    except (TypeError, AttributeError):
        return False
    except (RuntimeError, IndexError, ZeroDivisionError):
        return True


def reaches_a_stride(call: Call) -> bool:
    """Whether output_padding is as large as the larger of stride and dilation."""
    defaults = {"output_padding": 0, "stride": 1, "dilation": 1}
    dims = int(call.function[-2])
    try:
        more, stride, dilation = (
            np.broadcast_to(call.arguments.get(name, default), (dims,))
            for name, default in defaults.items()
        )
        return bool(np.any(more >= np.maximum(stride, dilation)))
    except (TypeError, ValueError):
        return False


def is_empty_and_wrong(call: Call) -> bool:
    arrays = [a for a in call.arguments.values() if isinstance(a, Array)]
    dilation = call.arguments.get("dilation", 1)
    still = 0 in dilation if isinstance(dilation, tuple | list) else dilation == 0
    mixed = len({a.dtype for a in arrays}) > 1
    wrong = mixed or still
    if call.function.endswith(("_input", "_weight")):
        wrong |= not all(is_inexact(a.values()) for a in arrays)
    if call.function.startswith("conv_transpose"):
        wrong |= reaches_a_stride(call)
    return bool(arrays) and any(0 in a.shape[:2] for a in arrays) and wrong


EXCLUDED = [
    Exclusion(
        tuple(NAMES),
        "a bool among the integers of a tuple: refused as the first, taken for 0 or 1 behind it, "
        "and anywhere by the functions of torch.nn.grad",
        has_flag_among_integers,
        refused=True,
    ),
    Exclusion(
        ("pad",),
        "where nothing is left of a dimension, the gradient of 'reflect' and 'replicate' is "
        "uninitialised memory (and the value is empty)",
        leaves_nothing,
        refused=False,
    ),
    Exclusion(
        ("conv_transpose1d", "conv_transpose2d"),
        "a bias of another real dtype is cast; conv_transpose3d and the convolutions refuse it",
        has_bias_of_another_dtype,
        refused=True,
    ),
    Exclusion(
        ("conv1d", "conv2d", "conv3d"),
        "a bias of another real dtype is refused, but with padding='same' only by some kernels",
        has_such_a_bias_and_same,
        refused=True,
    ),
    Exclusion(
        tuple(name for name in NAMES if name.endswith(("_input", "_weight"))),
        "two floating dtypes are refused by some kernels; others return the one or the other",
        is_gradient_of_mixed_dtypes,
        refused=True,
    ),
    Exclusion(
        ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        "an output without positions is refused, but empty with oneDNN's kernels",
        makes_nothing,
        refused=True,
    ),
    Exclusion(
        ("pad",),
        "cropping more than there is, of an empty array, returns a shape with a negative size",
        leaves_less_than_nothing,
        refused=True,
    ),
    Exclusion(
        ("adaptive_avg_pool1d", "adaptive_avg_pool2d"),
        "a mean of nothing, or to nothing, in a dtype that has no mean: accepted or refused by the "
        "order of the axes in memory",
        is_computed_nowhere,
        refused=False,
    ),
    Exclusion(
        ("pad",),
        "wrapping around by more than cropping left returns uninitialised memory",
        wraps_beyond_the_rest,
        refused=True,
    ),
    Exclusion(
        ("max_pool1d", "max_pool2d", "max_pool3d"),
        "a window without an element gets an index outside of the input, and its gradient is "
        "written there: into memory that belongs to others",
        looks_at_nothing,
        refused=False,
    ),
    Exclusion(
        (
            "adaptive_max_pool2d",
            "adaptive_max_pool3d",
            "adaptive_avg_pool2d",
            "adaptive_avg_pool3d",
        ),
        "a NumPy integer as output_size meets a helper that asks for its length, where every other "
        "function takes NumPy's integers",
        is_numpy_integer,
        refused=False,
    ),
    Exclusion(
        ("adaptive_avg_pool2d", "adaptive_avg_pool3d"),
        "a single window is taken as the mean over the last dimensions, whatever the rank; every "
        "other output_size needs (C, *space) or (N, C, *space)",
        is_mean_of_another_rank,
        refused=True,
    ),
    Exclusion(
        tuple(name for name in NAMES if name.endswith(("_input", "_weight"))),
        "the shapes are handed to kernels that do not check them: results depend on the kernel, "
        "and some are read from outside of the arrays",
        belongs_to_no_convolution,
        refused=True,
    ),
    Exclusion(
        tuple(name for name in NAMES if name.startswith("conv")),
        "with an empty batch, or no channels, no kernel is called, and it is the kernels that "
        "refuse a mix of dtypes, a dilation of 0, integers in the gradients, and output_padding as "
        "large as a stride",
        is_empty_and_wrong,
        refused=True,
    ),
]


def exclusion(call: Call) -> Exclusion | None:
    """The entry that keeps a call from PyTorch, if there is one."""
    return next((e for e in EXCLUDED if call.function in e.functions and e.applies(call)), None)


# Sizes and arguments that fit


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


# What both sides make of a call


@dataclass(frozen=True)
class Outcome:
    """The results of a call, and the gradient of the first of them for each floating argument."""

    results: list[Any]
    gradients: dict[str, Any] | None  # None: there is a result, but no gradient


def cotangent(value: torch.Tensor, dtype: str | None = None) -> np.ndarray:
    return draw(7, tuple(value.shape), dtype or dtype_name(value))


def results_of(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]


def their_outcome(call: Call, wide: bool = False) -> Outcome | None:
    """What PyTorch returns; None where it refuses the call, with whatever class of error.

    `wide` computes with the same numbers in float64.
    """

    def tensor(a: Any) -> torch.Tensor:
        made = to_torch(a)
        return made.double() if wide and made.is_floating_point() else made

    tensors = {n: tensor(a).requires_grad_(is_inexact(a)) for n, a in call.arrays().items()}
    tracked = {n: t for n, t in tensors.items() if t.requires_grad}
    try:
        results = results_of(call.theirs(tensors))
    except Exception:
        return None
    first = results[0]
    if not tracked or not first.requires_grad:
        return Outcome(results, {n: torch.zeros_like(t) for n, t in tracked.items()})
    try:
        dtype = next(a.dtype.name for a in call.arrays().values() if is_inexact(a))
        ct = tensor(cotangent(first, dtype))
        found = torch.autograd.grad(first, list(tracked.values()), ct, materialize_grads=True)
    except RuntimeError:
        return Outcome(results, None)
    return Outcome(results, dict(zip(tracked, found, strict=True)))


# Compiling takes most of the time, and each program runs once: no optimisation. The other suites
# compile with XLA's defaults.
FAST = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}


class Refused(Exception):
    """We refused a call. Any other error on the way is a failure."""


def our_outcome(call: Call, expected: Outcome | None) -> Outcome | None:
    """What we return, compiled as one program; None where we refuse the call while tracing.

    The shape of the cotangent is that of the expected result; without one, nothing is run.
    """
    arrays = call.arrays()
    tracked = {n: a for n, a in arrays.items() if is_inexact(a)}

    def values(tracked: dict[str, jax.Array], rest: dict[str, jax.Array]) -> Any:
        try:
            first, *others = results_of(call.ours({**rest, **tracked}))
        except (ValueError, TypeError) as error:
            raise Refused from error
        return first, others

    def program(arrays: dict[str, jax.Array], ct: jax.Array) -> Any:
        chosen = {n: arrays[n] for n in tracked}
        first, pull, others = jax.vjp(lambda c: values(c, arrays), chosen, has_aux=True)
        if first.shape != ct.shape or first.dtype != ct.dtype or not tracked:
            return [first, *others], {}
        # JAX's cotangents are the conjugates of PyTorch's gradients.
        (found,) = pull(ct.conj())
        return [first, *others], {n: g.conj() for n, g in found.items()}

    try:
        if expected is None:
            jax.eval_shape(values, tracked, arrays)
            return Outcome([], {})
        ct = cotangent(expected.results[0])
        return Outcome(
            *jax.jit(program, compiler_options=FAST).lower(arrays, ct).compile()(arrays, ct)
        )
    except Refused:
        return None
