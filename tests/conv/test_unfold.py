"""unfold and fold beside torch.nn.functional's."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import conv
from tests.support.agree import assert_agree, assert_refused, assert_same, draw, to_numpy, to_torch
from tests.support.cases import UNFOLD_CASES

F = torch.nn.functional


def columns_of(shape: tuple[int, ...], kernel: Any, arguments: dict[str, Any]) -> tuple[int, ...]:
    """The shape that PyTorch's unfold gives to an input."""
    return tuple(F.unfold(torch.zeros(shape), kernel, **arguments).shape)


@pytest.mark.parametrize(("shape", "kernel", "arguments"), UNFOLD_CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
def test_unfold(shape: tuple[int, ...], kernel: Any, arguments: dict, dtype: str) -> None:
    assert_agree(
        lambda x: conv.unfold(x, kernel, **arguments),
        lambda x: F.unfold(x, kernel, **arguments),
        draw(0, shape, dtype),
    )


@pytest.mark.parametrize(("shape", "kernel", "arguments"), UNFOLD_CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
def test_fold(shape: tuple[int, ...], kernel: Any, arguments: dict, dtype: str) -> None:
    """Over random columns, not only those of an image."""
    size = shape[-2:]
    assert_agree(
        lambda x: conv.fold(x, size, kernel, **arguments),
        lambda x: F.fold(x, size, kernel, **arguments),
        draw(0, columns_of(shape, kernel, arguments), dtype),
    )


@pytest.mark.parametrize("output_size", [4, (4, 4), [4, 4], np.int64(4)])
def test_fold_output_size_may_be_spelled_in_all_ways(output_size: Any) -> None:
    x = draw(0, (2, 12, 9))
    expected = F.fold(to_torch(x), (4, 4), 2)
    assert_same(conv.fold(x, output_size, np.int64(2)), expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "complex64"])
def test_other_dtypes(dtype: str) -> None:
    """unfold copies, so that it is exact; fold adds up to nine numbers, as PyTorch does."""
    x = draw(0, (2, 3, 6, 5), dtype)
    exact = conv.unfold(x, 3, padding=1)
    np.testing.assert_array_equal(to_numpy(exact), to_numpy(F.unfold(to_torch(x), 3, padding=1)))
    c = draw(1, (2, 27, 30), dtype)
    assert_agree(
        lambda c: conv.fold(c, (6, 5), 3, padding=1), lambda c: F.fold(c, (6, 5), 3, padding=1), c
    )


def test_bool_is_added_by_or() -> None:
    x = draw(0, (2, 3, 6, 5), "int8") > 2
    c = draw(1, (2, 12, 20), "int8") > 3
    assert_agree(lambda x: conv.unfold(x, 2), lambda x: F.unfold(x, 2), x)
    assert_agree(lambda c: conv.fold(c, (6, 5), 2), lambda c: F.fold(c, (6, 5), 2), c)
    assert c.any()
    assert not c.all()


def test_second_order() -> None:
    """The Hessians of sum(f(x)^3): how often each element is copied, and what is added to it."""
    x, c = draw(0, (1, 4, 3)), draw(1, (8, 3))
    pairs = [
        (x, lambda x: conv.unfold(x, 2, padding=1), lambda x: F.unfold(x, 2, padding=1)),
        (c, lambda c: conv.fold(c, (2, 4), 2), lambda c: F.fold(c, (2, 4), 2)),
    ]
    for value, ours, theirs in pairs:
        mine = jax.hessian(lambda x, f=ours: (f(x) ** 3).sum())(jnp.asarray(value))
        right = torch.autograd.functional.hessian(
            lambda x, f=theirs: (f(x) ** 3).sum(), to_torch(value)
        )
        assert_same(mine, right)


def test_weights_times_columns_are_a_convolution() -> None:
    x, w = draw(0, (2, 3, 8, 7)), draw(1, (4, 3, 3, 2))
    settings = {"stride": 2, "padding": 1, "dilation": 2}
    right = F.conv2d(to_torch(x), to_torch(w), **settings)
    columns = conv.unfold(x, (3, 2), **settings)
    assert_same((w.reshape(4, -1) @ columns).reshape(right.shape), right)


@pytest.mark.optimised
@pytest.mark.parametrize("stride", [1, 2])
def test_large_shapes_against_float64(stride: int) -> None:
    """Compiled code takes other paths at millions of elements; the oracle is torch in float64."""
    x = draw(0, (4, 16, 160, 161), "float32")
    settings = {"padding": 1, "stride": stride}
    tx = to_torch(x.astype("float64"), requires_grad=True)
    columns = F.unfold(tx, 3, **settings)
    g = draw(1, tuple(columns.shape), "float32")
    tg = to_torch(g.astype("float64"), requires_grad=True)
    (folded,) = torch.autograd.grad(columns, tx, tg)
    image = F.fold(tg, (160, 161), 3, **settings)
    h = draw(2, tuple(image.shape), "float32")
    (unfolded,) = torch.autograd.grad(image, tg, to_torch(h.astype("float64")))
    mine, pull = jax.vjp(jax.jit(lambda x: conv.unfold(x, 3, **settings)), jnp.asarray(x))
    assert_same(mine, columns.float())
    assert_same(pull(jnp.asarray(g))[0], folded.float())
    mine, pull = jax.vjp(jax.jit(lambda g: conv.fold(g, (160, 161), 3, **settings)), jnp.asarray(g))
    assert_same(mine, image.float())
    assert_same(pull(jnp.asarray(h))[0], unfolded.float())


IMAGE, COLUMNS = np.ones((2, 3, 6, 5), "float32"), np.ones((2, 12, 20), "float32")

# (what, kernel_size, other arguments, error, words of the message), of both functions
WINDOW_REFUSALS = [
    ("kernel-0", 0, {}, ValueError, ["kernel_size", "positive"]),
    ("kernel-below-0", -1, {}, ValueError, ["kernel_size=-1"]),
    ("kernel-float", 2.0, {}, TypeError, ["kernel_size", "2.0"]),
    ("kernel-bool", True, {}, TypeError, ["kernel_size", "True"]),
    ("kernel-none", None, {}, TypeError, ["kernel_size", "None"]),
    ("kernel-one", (2,), {}, ValueError, ["kernel_size", "(2,)"]),
    ("kernel-three", (2, 2, 2), {}, ValueError, ["kernel_size", "(2, 2, 2)"]),
    ("kernel-large", 7, {}, ValueError, ["window", "kernel_size=(7, 7)"]),
    ("dilation-0", 2, {"dilation": 0}, ValueError, ["dilation=0"]),
    ("dilation-large", 2, {"dilation": 6}, ValueError, ["window", "dilation=(6, 6)"]),
    ("dilation-one", 2, {"dilation": (1,)}, ValueError, ["dilation", "(1,)"]),
    ("padding-below-0", 2, {"padding": -1}, ValueError, ["padding=-1"]),
    ("padding-none", 2, {"padding": None}, TypeError, ["padding", "None"]),
    ("padding-one", 2, {"padding": (1,)}, ValueError, ["padding", "(1,)"]),
    ("stride-0", 2, {"stride": 0}, ValueError, ["stride", "positive"]),
    ("stride-below-0", 2, {"stride": -1}, ValueError, ["stride=-1"]),
    ("stride-float", 2, {"stride": 1.0}, TypeError, ["stride", "1.0"]),
    ("stride-one", 2, {"stride": (1,)}, ValueError, ["stride", "(1,)"]),
]


@pytest.mark.parametrize(
    ("what", "kernel", "arguments", "error", "words"),
    WINDOW_REFUSALS,
    ids=[row[0] for row in WINDOW_REFUSALS],
)
def test_windows_that_both_functions_refuse(
    what: str, kernel: Any, arguments: dict, error: type[Exception], words: list[str]
) -> None:
    assert_refused(
        lambda x: conv.unfold(x, kernel, **arguments),
        lambda x: F.unfold(x, kernel, **arguments),
        [IMAGE],
        error,
        ["unfold", *words],
    )
    assert_refused(
        lambda x: conv.fold(x, (6, 5), kernel, **arguments),
        lambda x: F.fold(x, (6, 5), kernel, **arguments),
        [COLUMNS],
        error,
        ["fold", *words],
    )


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
def test_integers_are_refused(dtype: str) -> None:
    for ours, theirs, x in (
        (lambda x: conv.unfold(x, 2), lambda x: F.unfold(x, 2), IMAGE),
        (lambda c: conv.fold(c, (6, 5), 2), lambda c: F.fold(c, (6, 5), 2), COLUMNS),
    ):
        assert_refused(ours, theirs, [x.astype(dtype)], TypeError, ["input", dtype])


@pytest.mark.parametrize(
    "shape",
    [(6, 5), (1, 2, 3, 6, 5), (2, 0, 6, 5), (2, 3, 0, 5), (2, 3, 6, 0), (0, 6, 5), (3, 0, 5)],
)
def test_inputs_that_unfold_refuses(shape: tuple[int, ...]) -> None:
    assert_refused(
        lambda x: conv.unfold(x, 2, padding=2),
        lambda x: F.unfold(x, 2, padding=2),
        [np.ones(shape, "float32")],
        ValueError,
        ["unfold", "input", str(shape)],
    )


@pytest.mark.parametrize(
    ("shape", "size", "words"),
    [
        ((20,), (6, 5), ["input", "2 dimensions", "(20,)"]),
        ((1, 2, 12, 20), (6, 5), ["input", "(1, 2, 12, 20)"]),
        ((2, 0, 20), (6, 5), ["input", "(2, 0, 20)"]),
        ((2, 12, 0), (6, 5), ["input", "(2, 12, 0)"]),
        ((2, 11, 20), (6, 5), ["multiple", "4", "(2, 11, 20)"]),
        ((2, 12, 19), (6, 5), ["number of windows", "5 * 4", "(2, 12, 19)"]),
        ((2, 12, 20), (5, 5), ["number of windows", "4 * 4"]),
        ((2, 12, 20), (1, 5), ["window", "output_size=(1, 5)"]),
        ((2, 12, 20), 0, ["output_size"]),
        ((2, 12, 20), (6,), ["output_size", "(6,)"]),
        ((2, 12, 20), (6, 5, 1), ["output_size", "(6, 5, 1)"]),
    ],
)
def test_inputs_that_fold_refuses(shape: tuple[int, ...], size: Any, words: list[str]) -> None:
    assert_refused(
        lambda x: conv.fold(x, size, 2),
        lambda x: F.fold(x, size, 2),
        [np.ones(shape, "float32")],
        ValueError,
        ["fold", *words],
    )


@pytest.mark.parametrize("size", [6.0, None, True, "6"])
def test_output_sizes_that_are_no_integers(size: Any) -> None:
    assert_refused(
        lambda x: conv.fold(x, size, 2),
        lambda x: F.fold(x, size, 2),
        [COLUMNS],
        TypeError,
        ["fold", "output_size"],
    )
