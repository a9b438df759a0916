"""compare: values, shapes, dtypes, gradients and errors, each agreeing and each not."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import torch

from compare import Comparison, Entry, assert_agree, compare
from compare._values import TOLERANCE, compare_values, measure, tolerance

X = np.random.default_rng(0).standard_normal((3, 4))
FLOATS = ("float16", "float32", "float64", "complex64", "complex128")


@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize("dtype", FLOATS)
def test_the_same_program_agrees(dtype: str, jit: bool) -> None:
    x = (X + 1j * X[::-1] if dtype.startswith("c") else X).astype(dtype)
    found = compare(lambda x: (x * x).sum(0), lambda x: (x * x).sum(0), x, jit=jit)
    assert found.agree, found
    assert [entry.name for entry in found.entries] == ["output", "gradient[0]"]
    assert found.entries[1].jax.dtype == np.dtype(dtype)


def test_bfloat16_goes_in_and_comes_out() -> None:
    found = compare(jnp.tanh, torch.tanh, X.astype(ml_dtypes.bfloat16))
    assert found.agree, found
    assert found.entries[0].torch.dtype == ml_dtypes.bfloat16


def test_a_wrong_value_is_found() -> None:
    found = compare(lambda x: x + 0.01, lambda x: x, X, grads=False)
    assert not found
    assert "values differ by up to 0.01" in found.entries[0].reason
    assert found.largest_difference == pytest.approx(0.01)
    assert compare(lambda x: x + 0.01, lambda x: x, X, grads=False, atol=0.02)


def test_a_wrong_gradient_is_found() -> None:
    found = compare(jnp.abs, torch.abs, np.zeros(3, np.float32))
    assert [entry.agree for entry in found.entries] == [True, False]
    assert not compare(jax.lax.stop_gradient, lambda x: x * 1, X)
    assert compare(jax.lax.stop_gradient, lambda x: x.detach(), X)


def test_every_floating_input_has_a_gradient_and_no_other() -> None:
    found = compare(
        lambda parts, i, scale: parts["a"][i] * parts["b"] * scale,
        lambda parts, i, scale: parts["a"][i] * parts["b"] * scale,
        {"a": X, "b": X[0]},
        np.array([2, 0]),
        kwargs={"scale": np.float64(2)},
    )
    assert found.agree, found
    names = [entry.name for entry in found.entries]
    assert names == ["output", "gradient[0]['a']", "gradient[0]['b']", "gradient['scale']"]


def test_a_complex_gradient_is_pytorchs() -> None:
    z = np.array([3 + 4j])
    (_, gradient) = compare(lambda z: jnp.abs(z) ** 2, lambda z: z.abs() ** 2, z).entries
    assert gradient.agree
    vector = np.random.default_rng(0).standard_normal(1)
    np.testing.assert_allclose(gradient.jax, vector * (6 + 8j), rtol=1e-14)


def test_shape_and_dtype_are_compared_first() -> None:
    shape = compare(lambda x: x.T, lambda x: x, X)
    assert shape.entries[0].reason == "shapes differ: JAX (4, 3), PyTorch (3, 4)"
    dtype = compare(lambda x: x.astype(jnp.float32), lambda x: x, X)
    assert dtype.entries[0].reason == "dtypes differ: JAX float32, PyTorch float64"
    assert not shape.agree
    assert not dtype.agree
    integers = compare(lambda x: jnp.argmax(x).astype(jnp.int32), lambda x: x.argmax(), X)
    assert integers.entries[0].reason == "dtypes differ: JAX int32, PyTorch int64"


def test_without_x64_a_64_bit_dtype_is_what_jax_holds_of_it() -> None:
    with jax.enable_x64(False):
        assert compare(lambda x: x * 2, lambda x: x * 2, X)
        assert compare(jnp.argmax, torch.argmax, X)


def test_both_raising_agrees_and_tells_both_errors() -> None:
    found = compare(lambda x: x.reshape(5), lambda x: x.reshape(5), X)
    assert found.agree
    (entry,) = found.entries
    assert entry.name == "error"
    assert entry.jax.startswith("TypeError: ")
    assert entry.torch.startswith("RuntimeError: ")


@pytest.mark.parametrize("side", ["JAX", "PyTorch"])
def test_one_raising_disagrees(side: str) -> None:
    good, bad = (lambda x: x), (lambda x: x.reshape(5))
    found = compare(bad, good, X) if side == "JAX" else compare(good, bad, X)
    assert not found.agree
    assert found.entries[0].reason == f"only {side} raises"


def test_an_error_in_one_gradient_disagrees() -> None:
    def loop(x: jax.Array) -> jax.Array:
        return jax.lax.while_loop(lambda y: y.sum() < 10, lambda y: 2 * y, abs(x))

    def steps(x: torch.Tensor) -> torch.Tensor:
        y = x.abs()
        while y.sum() < 10:
            y = 2 * y
        return y

    found = compare(loop, steps, X)
    assert [entry.name for entry in found.entries] == ["output", "gradient error"]
    assert found.entries[1].reason == "only JAX raises"
    assert compare(loop, steps, X, grads=False)


def test_outputs_are_matched_by_place_and_name() -> None:
    same = compare(lambda x: {"a": x, "b": [x, 1]}, lambda x: {"a": x, "b": (x, 1)}, X, grads=False)
    assert same.agree, same
    lost = compare(lambda x: (x,), lambda x: (x, x), X)
    assert [entry.reason for entry in lost.entries][:2] == ["", "JAX has no output[1]"]
    text = compare(lambda _: "a", lambda _: "b", X, jit=False)
    assert text.entries[0].reason == "JAX has 'a', PyTorch 'b'"


def test_arguments_that_are_no_arrays_are_passed_on() -> None:
    found = compare(
        lambda x, shape, name: x.reshape(shape) if name is None else x,
        lambda x, shape, name: x.reshape(shape) if name is None else x,
        X,
        (4, 3),
        None,
    )
    assert found.agree, found
    assert found.entries[0].jax.shape == (4, 3)


def test_measure_knows_nan_and_infinity() -> None:
    special = np.array([np.nan, np.inf, -np.inf])
    assert measure(special, special, 0, 0) == (0.0, True)
    for a, b in ((1.0, np.inf), (np.inf, 1.0), (np.nan, 1.0), (np.inf, -np.inf)):
        assert measure(a, b, 1.0, 1.0) == (np.inf, False)
    assert measure(np.zeros(0), np.zeros(0), 0, 0) == (0.0, True)


def test_integers_are_compared_exactly() -> None:
    assert tolerance(np.int64) == (0.0, 0.0)
    big = 2**62
    assert not compare_values("n", np.int64(big), np.int64(big + 1)).agree


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_tolerances_are_a_few_units_of_the_last_place(dtype: str) -> None:
    unit = np.finfo(dtype).eps
    assert unit < TOLERANCE[dtype][0] < 20 * unit


def test_a_stated_value_is_held_against_both_sides() -> None:
    found = compare_values("a", np.float32(2), np.float32(2), stated=3)
    assert not found.agree
    assert "JAX and the lecture" in found.reason
    assert "PyTorch and the lecture" in found.reason


def test_a_comparison_reads_well() -> None:
    told = Comparison((Entry("y", np.float32([1, 2]), np.float32([1, 3]), 1.0, False, "far"),))
    assert str(told).splitlines() == [
        "JAX and PyTorch disagree; largest difference 1.0e+00",
        "  y: JAX [1, 2], PyTorch [1, 3]: far",
    ]
    assert Comparison(()).largest_difference is None


def test_assert_agree_returns_what_was_compared() -> None:
    found = assert_agree(
        jax={"y": jnp.ones((3, 4)), "shape": (3, 4), "gradient": None, "parts": [jnp.zeros(2), 1]},
        torch={
            "y": torch.ones(3, 4, dtype=torch.float64),
            "shape": torch.ones(3, 4).shape,
            "gradient": None,
            "parts": (torch.zeros(2, dtype=torch.float64), 1),
        },
    )
    assert found.agree
    assert str(found).splitlines() == [
        "JAX and PyTorch agree; largest difference 0",
        "  y: JAX float64 3 x 4, PyTorch float64 3 x 4",
        "  shape: JAX (3, 4), PyTorch (3, 4)",
        "  gradient: JAX none, PyTorch none",
        "  parts[0]: JAX [0, 0], PyTorch [0, 0]",
        "  parts[1]: JAX 1, PyTorch 1",
    ]
    assert assert_agree(jnp.float32(1), torch.tensor(1.0)).entries[0].name == "output"


T = torch.tensor(X)
DISAGREEING = [
    ({"y": X}, {"y": T.T}, "y: .*: shapes differ: JAX (3, 4), PyTorch (4, 3)"),
    ({"y": X}, {"y": T.float()}, "y: .*: dtypes differ: JAX float64, PyTorch float32"),
    ({"y": X}, {"y": T + 0.5}, "y: .*: values differ by up to 0.5"),
    ({"y": X}, {"z": T}, "y: .*: PyTorch has no y"),
    ({"y": X, "z": X}, {"y": T}, "z: .*: PyTorch has no z"),
    ({"y": (X, X)}, {"y": (T,)}, "y[1]: .*: PyTorch has no y[1]"),
    ({"y": None}, {"y": T}, "y: JAX none, PyTorch float64 3 x 4: "),
    ({"shape": (3, 4)}, {"shape": (4, 3)}, "shape: .*: JAX has (3, 4), PyTorch (4, 3)"),
    (X, T + 0.5, "output: .*: values differ by up to 0.5"),
]


@pytest.mark.parametrize(("ours", "theirs", "told"), DISAGREEING)
def test_assert_agree_raises_with_the_comparison(ours: Any, theirs: Any, told: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(told).replace(r"\.\*", ".*")) as caught:
        assert_agree(jax=ours, torch=theirs)
    assert str(caught.value).startswith("JAX and PyTorch disagree")
    assert len(str(caught.value)) < 400


def test_assert_agree_takes_tolerances_and_refuses_nothing_to_compare() -> None:
    assert assert_agree(X, T + 0.5, atol=0.6)
    assert assert_agree(jnp.float64(2), torch.tensor(2.1, dtype=torch.float64), rtol=0.1)
    with pytest.raises(ValueError, match="at least one must have"):
        assert_agree({}, {})
