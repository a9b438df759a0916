"""Adjoint pairs: a convolution and its transpose, unfold and fold, a matrix and what it multiplies.

Each Jacobian is compared with PyTorch's too, so that two wrongs that fit do not pass.
"""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd.functional import jacobian

import conv
from tests.support.agree import draw, to_torch
from tests.support.arguments import numbers
from tests.support.compiling import FAST

# Sums of at most some hundred products of numbers about 1, in another order than the other side's.
EXACT = 1e-12


@dataclass(frozen=True)
class Pair:
    """A convolution's shapes and arguments, and the output_padding that leads back."""

    input: tuple[int, ...]
    weight: tuple[int, ...]
    arguments: dict[str, Any]
    output_padding: tuple[int, ...]

    @property
    def dims(self) -> int:
        return len(self.weight) - 2

    @property
    def back(self) -> dict[str, Any]:
        return {**self.arguments, "output_padding": self.output_padding}

    @property
    def output(self) -> tuple[int, ...]:
        x, w = torch.empty(self.input), torch.empty(self.weight)
        return tuple(functional(f"conv{self.dims}d")(x, w, **self.arguments).shape)


def functional(name: str) -> Any:
    return getattr(torch.nn.functional, name)


@st.composite
def pairs(draw_: Any, dims: int) -> Pair:
    kernel, stride = numbers(draw_, dims, 1, 3), numbers(draw_, dims, 1, 3)
    dilation, padding = numbers(draw_, dims, 1, 2), numbers(draw_, dims, 0, 2)
    space, extra = [], []
    for k, s, d, p in zip(kernel, stride, dilation, padding, strict=True):
        least = max(d * (k - 1) + 1 - 2 * p, 1)
        space.append(least + draw_(st.integers(0, 3)))
        extra.append((space[-1] + 2 * p - d * (k - 1) - 1) % s)
    groups = draw_(st.integers(1, 3))
    per_group, out = draw_(st.integers(1, 2)), draw_(st.integers(1, 2))
    arguments = {
        "stride": tuple(stride),
        "padding": tuple(padding),
        "dilation": tuple(dilation),
        "groups": groups,
    }
    return Pair(
        (draw_(st.integers(1, 2)), groups * per_group, *space),
        (groups * out, per_group, *kernel),
        arguments,
        tuple(extra),
    )


def fixed(examples: int) -> Any:
    return settings(max_examples=examples, deadline=None, database=None, derandomize=True)


def run(function: Any, *arrays: np.ndarray) -> np.ndarray:
    return np.asarray(jax.jit(function, compiler_options=FAST)(*arrays))


def assert_close(ours: np.ndarray, right: Any) -> None:
    right = np.asarray(right)
    assert ours.shape == right.shape
    np.testing.assert_allclose(ours, right, rtol=0, atol=EXACT * max(1, np.abs(right).max()))


def assert_adjoint(ax: np.ndarray, y: np.ndarray, x: np.ndarray, aty: np.ndarray) -> None:
    """<A x, y> = <x, A^T y>, to the rounding errors that sums of such lengths have."""
    assert ax.shape == y.shape
    assert aty.shape == x.shape
    scale = np.linalg.norm(ax) * np.linalg.norm(y) + np.linalg.norm(x) * np.linalg.norm(aty)
    assert abs(np.vdot(ax, y) - np.vdot(x, aty)) <= EXACT * max(scale, 1)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_conv_transpose_is_the_adjoint_of_conv(dims: int) -> None:
    forward, back = (getattr(conv, f"{name}{dims}d") for name in ("conv", "conv_transpose"))

    @fixed(40)
    @given(pairs(dims))
    def check(pair: Pair) -> None:
        x, w, y = (draw(i, s) for i, s in enumerate((pair.input, pair.weight, pair.output)))
        ax = run(lambda x, w: forward(x, w, **pair.arguments), x, w)
        aty = run(lambda y, w: back(y, w, **pair.back), y, w)
        assert_adjoint(ax, y, x, aty)
        assert_close(
            aty, functional(f"conv_transpose{dims}d")(to_torch(y), to_torch(w), **pair.back)
        )

    check()


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_jacobians_are_each_others_transpose(dims: int) -> None:
    forward, back = (getattr(conv, f"{name}{dims}d") for name in ("conv", "conv_transpose"))

    @fixed(12)
    @given(pairs(dims))
    def check(pair: Pair) -> None:
        x, w, y = (draw(i, s) for i, s in enumerate((pair.input, pair.weight, pair.output)))
        right = jacobian(
            lambda x: functional(f"conv{dims}d")(x, to_torch(w), **pair.arguments), to_torch(x)
        )
        right = right.reshape(y.size, x.size).numpy()
        for of in (jax.jacfwd, jax.jacrev):
            a = run(of(lambda x, w: forward(x, w, **pair.arguments)), x, w)
            at = run(of(lambda y, w: back(y, w, **pair.back)), y, w)
            assert_close(a.reshape(y.size, x.size), right)
            assert_close(at.reshape(x.size, y.size), right.T)

    check()


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_conv_matrix_is_the_jacobian(dims: int) -> None:
    forward = getattr(conv, f"conv{dims}d")

    @fixed(20)
    @given(pairs(dims))
    def check(pair: Pair) -> None:
        x, w = draw(0, pair.input[1:]), draw(1, pair.weight)
        right = jacobian(
            lambda x: functional(f"conv{dims}d")(x, to_torch(w), **pair.arguments), to_torch(x)
        ).numpy()
        space = x.shape[1:]
        matrix = run(lambda w: conv.conv_matrix(w, space, **pair.arguments), w)
        lone = dims == 1 and x.shape[0] == 1  # one channel in one dimension: (m, rows, columns)
        assert_close(matrix, right[:, :, 0] if lone else right)
        ours = run(jax.jacobian(lambda x, w: forward(x, w, **pair.arguments)), x, w)
        assert_close(ours, right)

    check()


@st.composite
def windows(draw_: Any) -> tuple[tuple[int, ...], dict[str, Any]]:
    kernel, stride = numbers(draw_, 2, 1, 3), numbers(draw_, 2, 1, 3)
    dilation, padding = numbers(draw_, 2, 1, 2), numbers(draw_, 2, 0, 2)
    space = [
        max(d * (k - 1) + 1 - 2 * p, 1) + draw_(st.integers(0, 3))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    ]
    arguments = {
        "kernel_size": tuple(kernel),
        "dilation": tuple(dilation),
        "padding": tuple(padding),
        "stride": tuple(stride),
    }
    return (draw_(st.integers(1, 2)), draw_(st.integers(1, 2)), *space), arguments


@fixed(40)
@given(windows())
def test_fold_is_the_adjoint_of_unfold(drawn: tuple[tuple[int, ...], dict[str, Any]]) -> None:
    shape, arguments = drawn
    x = draw(0, shape)
    theirs = torch.nn.functional.unfold(to_torch(x), **arguments)
    y = draw(1, tuple(theirs.shape))
    ax = run(lambda x: conv.unfold(x, **arguments), x)
    aty = run(lambda y: conv.fold(y, shape[2:], **arguments), y)
    assert_adjoint(ax, y, x, aty)
    assert_close(ax, theirs)
    assert_close(aty, torch.nn.functional.fold(to_torch(y), shape[2:], **arguments))


@fixed(10)
@given(windows())
def test_jacobians_of_fold_and_unfold(drawn: tuple[tuple[int, ...], dict[str, Any]]) -> None:
    shape, arguments = drawn
    x = draw(0, shape)
    right = jacobian(lambda x: torch.nn.functional.unfold(x, **arguments), to_torch(x))
    columns = draw(1, tuple(right.shape[:3]))
    right = right.reshape(columns.size, x.size).numpy()
    for of in (jax.jacfwd, jax.jacrev):
        a = run(of(lambda x: conv.unfold(x, **arguments)), x)
        at = run(of(lambda y: conv.fold(y, shape[2:], **arguments)), columns)
        assert_close(a.reshape(right.shape), right)
        assert_close(at.reshape(right.T.shape), right.T)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_input_and_weight_gradients_are_the_two_adjoints(dims: int) -> None:
    """conv(x, w) is linear in each: <conv(x, w), y> = <x, conv_input> = <w, conv_weight>."""

    @fixed(20)
    @given(pairs(dims))
    def check(pair: Pair) -> None:
        x, w, y = (draw(i, s) for i, s in enumerate((pair.input, pair.weight, pair.output)))
        ax = run(lambda x, w: getattr(conv, f"conv{dims}d")(x, w, **pair.arguments), x, w)
        by_input, by_weight = (getattr(conv, f"conv{dims}d_{of}") for of in ("input", "weight"))
        at_x = run(lambda w, y: by_input(x.shape, w, y, **pair.arguments), w, y)
        at_w = run(lambda x, y: by_weight(x, w.shape, y, **pair.arguments), x, y)
        assert_adjoint(ax, y, x, at_x)
        assert_adjoint(ax, y, w, at_w)

    check()
