"""Calls that are not compared with PyTorch, because its answer is none, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tests.support.agree import is_inexact
from tests.support.calls import NAMES, THEIRS, Array, Call


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


def has_no_dilation(call: Call) -> bool:
    dilation = call.arguments.get("dilation", 1)
    return 0 in dilation if isinstance(dilation, tuple | list) else dilation == 0


def is_gradient_up_to_the_kernel(call: Call) -> bool:
    dtypes = {v.dtype for v in call.arguments.values() if isinstance(v, Array)}
    return len(dtypes) > 1 or has_no_dilation(call)


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
        return 0 in weight.shape[2:] or forward(input, weight, **arguments).shape != grad.shape
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


def is_long_and_dilated(call: Call, array: Array) -> bool:
    dilation = call.arguments.get("dilation", 1)
    each = dilation if isinstance(dilation, tuple | list) else (dilation,)
    return array.dtype == "int64" and any(isinstance(d, int | np.integer) and d > 1 for d in each)


def is_empty_and_wrong(call: Call) -> bool:
    arrays = [a for a in call.arguments.values() if isinstance(a, Array)]
    mixed = len({a.dtype for a in arrays}) > 1
    wrong = mixed or has_no_dilation(call)
    if call.function.endswith(("_input", "_weight")):
        wrong |= not all(is_inexact(a.values()) or is_long_and_dilated(call, a) for a in arrays)
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
        "two floating dtypes are refused by some kernels, others return the one or the other; and "
        "a dilation of 0 is taken by some for a kernel of one element",
        is_gradient_up_to_the_kernel,
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
