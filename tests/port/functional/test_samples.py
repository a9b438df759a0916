"""PyTorch's own sample inputs for norms, linear maps, shuffles and activations.

Values and gradients in float64 of up to eight calls of each, spread over all there are; for one in
four of them second gradients, forward mode and vmap as well; some of those of norms and products in
float32. `long` takes everything in full. What is drawn by chance has tests of its own.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import port.functional as functional
from tests.support.opinfo import Sample, assert_samples_agree, calls, database, errors, samples


class Package:
    """The functions of port.functional, each with its output alone as PyTorch returns it."""

    __all__ = tuple(functional.__all__)


def _first(function: Callable[..., Any]) -> Any:
    def output(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return result[0] if isinstance(result, tuple) else result

    return staticmethod(output)


for _name in functional.__all__:
    setattr(Package, _name, _first(getattr(functional, _name)))

# How many different calls each has.
COUNTS = {
    "batch_norm": 12,
    "bilinear": 16,
    "celu": 3,
    "channel_shuffle": 3,
    "elu": 3,
    "gelu": 8,
    "glu": 46,
    "group_norm": 21,
    "hardshrink": 6,
    "hardswish": 4,
    "hardtanh": 5,
    "instance_norm": 9,
    "layer_norm": 6,
    "leaky_relu": 9,
    "linear": 18,
    "local_response_norm": 11,
    "logsigmoid": 3,
    "mish": 3,
    "normalize": 8,
    "pixel_shuffle": 5,
    "pixel_unshuffle": 5,
    "prelu": 25,
    "relu": 4,
    "relu6": 3,
    "rms_norm": 6,
    "selu": 3,
    "silu": 3,
    "softmin": 7,
    "softplus": 3,
    "softshrink": 5,
    "softsign": 3,
    "tanhshrink": 3,
    "threshold": 4,
}


def _chosen(name: str, dtype: str) -> list[list[Sample]]:
    return calls(samples(name, dtype, Package))


# Compiling is what takes the time: second derivatives of every call only where there are few.
FULL_EVERY = 4
FEW = 4
MOST = 8
ROUNDED = ["batch_norm", "bilinear", "group_norm", "instance_norm", "layer_norm", "linear"]
ROUNDED += ["local_response_norm", "normalize", "rms_norm", "softmin"]


@pytest.mark.parametrize("name", COUNTS)
def test_samples_in_float64(name: str) -> None:
    chosen = _chosen(name, "float64")
    assert len(samples(name, "float64", Package)) == COUNTS[name]
    chosen = chosen[:: -(-len(chosen) // MOST)]
    assert_samples_agree(chosen, 1 if len(chosen) <= FEW else FULL_EVERY)


@pytest.mark.parametrize("name", ROUNDED)
def test_samples_in_float32(name: str) -> None:
    assert_samples_agree(_chosen(name, "float32")[1::4], None)


@pytest.mark.long
@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_all_samples_in_full(name: str, dtype: str) -> None:
    assert_samples_agree(_chosen(name, dtype))


def test_samples_without_a_second_gradient() -> None:
    assert_samples_agree(_chosen("hardsigmoid", "float64"), None)


@pytest.mark.parametrize("name", ["linear", "softsign", "tanhshrink", "rms_norm"])
def test_samples_in_complex128(name: str) -> None:
    assert_samples_agree(_chosen(name, "complex128"), FULL_EVERY)


WITH_ERRORS = ["gelu", "group_norm", "hardtanh", "prelu", "rms_norm", "softshrink"]


@pytest.mark.parametrize("name", WITH_ERRORS)
def test_error_inputs_are_refused(name: str) -> None:
    cases = errors(name, Package)
    assert cases
    for case in cases:
        with pytest.raises(Exception):  # noqa: B017, PT011 - PyTorch's class and words are its own
            case.theirs(*case.tensors)
        arrays = [jnp.asarray(x.numpy()) for x in case.tensors]
        with pytest.raises((ValueError, TypeError), match=rf"^{name}: "):
            jax.eval_shape(case.ours, *arrays)


def test_the_database_has_no_other_errors_for_these() -> None:
    names = [name for name in database(Package) if name in COUNTS]
    assert sorted(name for name in names if errors(name, Package)) == WITH_ERRORS
