"""The shape and padding helpers beside PyTorch's meta tensors; and that they need no JAX."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import conv
from tests.support.cases import CONV_CASES, ConvCase
from tests.support.outcomes import refusal

ROOT = Path(conv.__file__).parent

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


def torch_shape(dims: int, input: tuple, weight: tuple, arguments: dict) -> tuple[int, ...] | None:
    """The shape that PyTorch gives without computing anything, or None where it refuses."""
    function = getattr(torch.nn.functional, f"conv{dims}d")
    try:
        x, w = (torch.empty(shape, device="meta") for shape in (input, weight))
        return tuple(function(x, w, **arguments).shape)
    except (RuntimeError, ZeroDivisionError):  # the latter for a stride of 0
        return None


def our_shape(input: tuple, weight: tuple, arguments: dict) -> tuple[int, ...] | None:
    try:
        return conv.conv_output_shape(input, weight, **arguments)
    except (ValueError, TypeError) as error:
        if refusal("conv_output_shape", error):
            return None
        raise


@pytest.mark.parametrize("case", CONV_CASES, ids=str)
def test_shape_of_every_case(case: ConvCase) -> None:
    function = getattr(torch.nn.functional, f"conv{case.dims}d")
    expected = function(torch.ones(case.input), torch.ones(case.weight), **case.arguments).shape
    assert conv.conv_output_shape(case.input, case.weight, **case.arguments) == tuple(expected)


def test_ten_thousand_random_argument_sets() -> None:
    rng = np.random.default_rng(0)
    accepted = 0
    for _ in range(10_000):
        dims = int(rng.integers(1, 4))
        groups = int(rng.integers(1, 4))
        per_group = int(rng.integers(1, 3))
        channels = per_group * groups + int(rng.random() < 0.05)
        space = tuple(int(n) for n in rng.integers(1, 12, dims))
        kernel = tuple(int(k) for k in rng.integers(1, 5, dims))
        weight = (groups * int(rng.integers(1, 3)), per_group, *kernel)
        input = (*((int(rng.integers(0, 3)),) if rng.random() < 0.8 else ()), channels, *space)
        arguments = {
            "stride": tuple(int(s) for s in rng.integers(1 - (rng.random() < 0.05), 4, dims)),
            "padding": tuple(int(p) for p in rng.integers(0, 4, dims)),  # meta takes any
            "dilation": tuple(int(d) for d in rng.integers(1, 4, dims)),
            "groups": groups,
        }
        if rng.random() < 0.2:
            arguments["padding"] = str(rng.choice(["same", "valid"]))
        expected = torch_shape(dims, input, weight, arguments)
        assert our_shape(input, weight, arguments) == expected, (input, weight, arguments)
        accepted += expected is not None
    assert 2_000 < accepted < 9_500  # both kinds were drawn


def test_same_padding_keeps_the_size() -> None:
    assert conv.same_padding(3) == ((1, 1),)
    assert conv.same_padding((4, 3), 2) == ((3, 3), (2, 2))
    for kernel in range(1, 8):
        for dilation in range(1, 5):
            ((low, high),) = conv.same_padding(kernel, dilation)
            assert low + high == dilation * (kernel - 1)
            assert 0 <= high - low <= 1


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: conv.same_padding(0), ValueError, "kernel_size=0"),
        (lambda: conv.same_padding((3, 3), (1, 0)), ValueError, r"dilation=\(1, 0\)"),
        (lambda: conv.same_padding((3, 3), (1, 1, 1)), ValueError, r"kernel_size=\(3, 3\)"),
        (lambda: conv.same_padding(2.0), TypeError, "kernel_size must be an integer"),
        (lambda: conv.conv_output_shape((1, 2), (3, 4)), ValueError, r"weight_shape .* \(3, 4\)"),
    ],
)  # fmt: skip
def test_helpers_refuse(call, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_size_arithmetic_imports_no_jax() -> None:
    """Loaded by itself, with jax and flax made unimportable."""
    program = f"""
import sys, types
sys.modules["jax"] = sys.modules["flax"] = None
package = types.ModuleType("conv"); package.__path__ = [{str(ROOT)!r}]
sys.modules["conv"] = package
from conv._sizes import conv_output_shape
print(conv_output_shape((1, 2, 64), (16, 2, 3)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "(1, 16, 62)", done.stderr
