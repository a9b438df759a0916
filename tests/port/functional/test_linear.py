"""Linear maps, tables and shuffles beside live PyTorch."""

import inspect
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional as F

import port.functional as functional
from conv.lowering.methods import onednn
from convgrad import _jax
from port.functional import (
    bilinear,
    channel_shuffle,
    embedding,
    embedding_renorm,
    linear,
    one_hot,
    pixel_shuffle,
    pixel_unshuffle,
)
from tests.support.agree import assert_agree, assert_refused, assert_same, draw, to_torch
from tests.support.sweeps import long

FLOATING = ("float16", "bfloat16", "float32", "float64")
NUMBERS = (*FLOATING, "complex64", "complex128", "int8", "uint8", "int16", "int32", "int64")


@pytest.mark.skipif(
    not onednn.available() or not _jax.has_avx512(), reason="oneDNN's products are not used here"
)
def test_large_ones_and_their_gradients_are_products_of_onednn() -> None:
    """Five hundred thousand products, and no copy of the weight."""
    x, w = draw(1, (2, 64, 64), "float32"), draw(2, (64, 64), "float32")

    def gradients(x: jax.Array, w: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.grad(lambda x, w: (linear(x, w) ** 2).sum(), (0, 1))(x, w)

    lowered = jax.jit(gradients).lower(x, w)
    assert lowered.as_text().count(f"@{_jax.ONEDNN_PRODUCT}") == 3
    assert " transpose(" not in lowered.compile().as_text()
    y = x.astype("float64") @ w.astype("float64").T
    rights = (2 * y @ w, 2 * np.einsum("nlo,nli->oi", y, x))
    for found, right in zip(gradients(x, w), rights, strict=True):
        np.testing.assert_allclose(found, right, rtol=0, atol=2e-6 * np.abs(right).max())


@pytest.mark.parametrize("dtype", NUMBERS)
def test_linear_maps_in_all_dtypes(dtype: str) -> None:
    x, w, b = draw(1, (5, 2, 3), dtype), draw(2, (4, 3), dtype), draw(3, (4,), dtype)
    assert_agree(linear, F.linear, x, w, b)
    assert_agree(linear, F.linear, x, w)
    y = draw(4, (5, 2, 6), dtype)
    assert_same(
        bilinear(x, y, draw(5, (4, 3, 6), dtype), b),
        F.bilinear(*map(to_torch, (x, y, draw(5, (4, 3, 6), dtype), b))),
        scale=2,  # three factors, rounded twice by PyTorch in two bytes
    )


LINEAR = [
    ((2, 3), (4, 3), ()),
    ((2, 3), (4, 3), (1,)),
    ((2, 3), (4, 3), (2, 4)),
    ((2, 3), (4, 3), (1, 4)),
    ((5, 2, 3), (4, 3), (5, 2, 4)),
    ((3,), (4, 3), (4,)),
    ((3,), (3,), ()),
    ((0, 3), (4, 3), (4,)),
    ((2, 0), (4, 0), (4,)),
    ((2, 3), (0, 3), (0,)),
]


@pytest.mark.parametrize(("x", "w", "b"), LINEAR)
def test_linear_shapes(x: Any, w: Any, b: Any) -> None:
    assert_agree(linear, F.linear, draw(1, x), draw(2, w), draw(3, b))
    assert_agree(linear, F.linear, draw(1, x), draw(2, w))


def test_a_weight_of_one_dimension() -> None:
    for shape in [(3,), (2, 3), (5, 2, 3)]:
        assert_agree(linear, F.linear, draw(1, shape), draw(2, (3,)))


# Tables.

TABLE = draw(1, (6, 4)) * 2
INDICES = np.array([[0, 5, 2], [2, 2, 4]])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding_idx": 2},
        {"padding_idx": -4},
        {"scale_grad_by_freq": True},
        {"scale_grad_by_freq": True, "padding_idx": 5},
        {"max_norm": 1.5},
        {"max_norm": 1.5, "norm_type": 1.0},
        {"max_norm": 1.5, "norm_type": np.inf, "padding_idx": 0, "scale_grad_by_freq": True},
        {"max_norm": -1.0},
    ],
)
@pytest.mark.parametrize("dtype", ["float64", *long(FLOATING[:3])])
def test_embedding(options: dict[str, Any], dtype: str) -> None:
    table = TABLE.astype(jnp.dtype(dtype))
    weight = to_torch(table)

    def theirs(w: torch.Tensor) -> Any:
        # PyTorch writes to the weight, which must be no leaf of the graph.
        return F.embedding(torch.tensor(INDICES), w.clone(), **options)

    assert_agree(lambda w: embedding(INDICES, w, **options), theirs, table)
    if "max_norm" in options:
        F.embedding(torch.tensor(INDICES), weight, **options)
        norm = options.get("norm_type", 2.0)
        found = embedding_renorm(INDICES, table, options["max_norm"], norm)
        assert_same(found, weight)
        again = embedding(INDICES, found, **options)
        assert_same(again, F.embedding(torch.tensor(INDICES), weight, **options))
        assert not np.any(jax.grad(lambda w: embedding_renorm(INDICES, w, 1.5).sum())(table))


@pytest.mark.parametrize("dtype", ["int64", "bool", "complex64", "uint8"])
def test_embedding_of_other_dtypes(dtype: str) -> None:
    table = draw(1, (6, 4), "complex64" if dtype == "complex64" else "float32").astype(dtype)
    assert_same(embedding(INDICES, table), F.embedding(torch.tensor(INDICES), to_torch(table)))


def test_shapes_and_dtypes_of_indices() -> None:
    for indices in (np.array(3), np.zeros(0, int), INDICES.astype("int32"), np.zeros((2, 0), int)):
        assert_agree(
            lambda w: embedding(indices, w),  # noqa: B023
            lambda w: F.embedding(to_torch(indices), w),  # noqa: B023
            TABLE,
        )
    found = embedding(np.zeros(0, int), np.zeros((0, 3)))
    assert found.shape == (0, 3)


def test_second_derivatives_of_an_embedding() -> None:
    for options in ({}, {"padding_idx": 2}):
        w = to_torch(TABLE, True)
        y = F.embedding(torch.tensor(INDICES), w, **options)
        (first,) = torch.autograd.grad((y**3).sum(), w, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), w)
        gradient = jax.grad(lambda w: (embedding(INDICES, w, **options) ** 3).sum())  # noqa: B023
        mine = jax.jit(lambda w: jax.jvp(gradient, (w,), (jnp.ones_like(w),)))(TABLE)  # noqa: B023
        assert_same(mine[0], first)
        assert_same(mine[1], second)


def test_indices_outside_are_seen() -> None:
    for bad in ([6], [-1], [0, 100]):
        with pytest.raises(ValueError, match="embedding: input must be from 0 to 5"):
            embedding(np.array(bad), TABLE)
        found = jax.jit(embedding)(np.array(bad), TABLE)  # not known while tracing
        assert jnp.isnan(found[-1]).all()
        slope = jax.jit(jax.grad(lambda w, i: embedding(i, w).sum()))(TABLE, np.array(bad))
        assert (slope[1:] == 0).all()
    with pytest.raises(IndexError):
        F.embedding(torch.tensor([6]), torch.tensor(TABLE))


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (0,)])
def test_one_hot(shape: tuple[int, ...]) -> None:
    indices = np.random.default_rng(0).integers(0, 4, shape)
    assert_same(one_hot(indices, 4), F.one_hot(torch.tensor(indices), 4))
    assert_same(
        jax.jit(partial(one_hot, num_classes=7))(indices), F.one_hot(torch.tensor(indices), 7)
    )
    if indices.size:
        assert_same(one_hot(indices), F.one_hot(torch.tensor(indices)))


def test_one_hot_of_what_is_not_known() -> None:
    with pytest.raises(ValueError, match="num_classes must be given"):
        jax.jit(one_hot)(np.array([0, 1]))
    found = jax.jit(partial(one_hot, num_classes=2))(np.array([-1, 0, 2]))
    np.testing.assert_array_equal(found, [[0, 0], [1, 0], [0, 0]])


# Shuffles.


@pytest.mark.parametrize("dtype", [*NUMBERS, "bool"])
def test_shuffles_in_all_dtypes(dtype: str) -> None:
    x = draw(1, (2, 3, 12, 4, 6), "float32" if dtype == "bool" else dtype)
    x = x > 0 if dtype == "bool" else x
    assert_agree(
        partial(pixel_shuffle, upscale_factor=2), partial(F.pixel_shuffle, upscale_factor=2), x
    )
    assert_agree(
        partial(pixel_unshuffle, downscale_factor=2),
        partial(F.pixel_unshuffle, downscale_factor=2),
        x,
    )
    for y, groups in ((x[:, 0], 3), (x[0], 3), (x, 1), (x[:, :, 0], 3)):
        assert_agree(
            partial(channel_shuffle, groups=groups), partial(F.channel_shuffle, groups=groups), y
        )


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_pixel_shuffle_is_undone(factor: int) -> None:
    x = draw(1, (2 * factor**2, 3, 5))
    up = pixel_shuffle(x, factor)
    assert_same(up, F.pixel_shuffle(to_torch(x), factor))
    np.testing.assert_array_equal(pixel_unshuffle(up, factor), x)


def test_shuffles_of_nothing() -> None:
    assert_same(
        channel_shuffle(np.ones((1, 0, 3)), 2), F.channel_shuffle(torch.ones(1, 0, 3).double(), 2)
    )
    assert_same(
        pixel_shuffle(np.ones((0, 4, 1, 1)), 2), F.pixel_shuffle(torch.ones(0, 4, 1, 1).double(), 2)
    )


# What is refused.

X, W = np.ones((2, 3)), np.ones((4, 3))
REFUSED: list[tuple[str, tuple[Any, ...], type[Exception], str]] = [
    ("linear", (X, W.T), ValueError, "weight.shape=(3, 4)"),
    ("linear", (X, np.ones((2, 4, 3))), ValueError, "weight.shape=(2, 4, 3)"),
    ("linear", (np.ones(()), W), ValueError, "input.shape=()"),
    ("linear", (X, np.ones(())), ValueError, "weight.shape=()"),
    ("linear", (X, W, np.ones(3)), ValueError, "bias.shape=(3,)"),
    ("linear", (X, W, np.ones((5, 2, 4))), ValueError, "bias.shape=(5, 2, 4)"),
    ("linear", (X, np.ones(3), np.ones(())), ValueError, "bias.shape=()"),
    ("linear", (np.ones(3), np.ones(3), np.ones(1)), ValueError, "bias.shape=(1,)"),
    ("linear", (X, W.astype("float32")), TypeError, "weight.dtype=float32"),
    ("linear", (X, W, np.ones(4, "float32")), TypeError, "bias.dtype=float32"),
    ("linear", (X > 0, W > 0), TypeError, "bool"),
    ("bilinear", (X, np.ones((1, 4)), np.ones((5, 3, 4))), ValueError, "(1, 4)"),
    ("bilinear", (X, np.ones(4), np.ones((5, 3, 4))), ValueError, "(4,)"),
    ("bilinear", (X, np.ones((2, 4)), np.ones((5, 4, 3))), ValueError, "(5, 4, 3)"),
    ("bilinear", (X, np.ones((2, 4)), np.ones((3, 4))), ValueError, "(3, 4)"),
    ("bilinear", (X, np.ones((2, 4)), np.ones((5, 3, 4)), np.ones(1)), ValueError, "(1,)"),
    ("bilinear", (np.ones(()), np.ones(()), np.ones((5, 3, 4))), ValueError, "()"),
    ("bilinear", (X, np.ones((2, 4), "float32"), np.ones((5, 3, 4))), TypeError, "float32"),
    ("embedding", (np.array([0]), TABLE[0]), ValueError, "weight.shape=(4,)"),
    ("embedding", (np.array([0]), np.ones((2, 3, 4))), ValueError, "(2, 3, 4)"),
    ("embedding", (np.array([0.0]), TABLE), TypeError, "float64"),
    ("embedding", (np.array([0], "int16"), TABLE), TypeError, "int16"),
    ("embedding", (np.array([True]), TABLE), TypeError, "bool"),
    ("embedding", (np.array([0]), TABLE, 6), ValueError, "padding_idx=6"),
    ("embedding", (np.array([0]), TABLE, -7), ValueError, "padding_idx=-7"),
    ("embedding", (np.array([0]), TABLE, None, None, 2.0, 1), TypeError, "scale_grad_by_freq=1"),
    ("embedding", (np.array([0]), np.ones((6, 4), int), None, 1.0), TypeError, "int64"),
    ("one_hot", (np.array([0, 2]), 2), ValueError, "num_classes=2"),
    ("one_hot", (np.array([0, 2]), 0), ValueError, "num_classes=0"),
    ("one_hot", (np.array([0, 2]), -2), ValueError, "num_classes=-2"),
    ("one_hot", (np.array([-1]),), ValueError, "-1"),
    ("one_hot", (np.zeros(0, int),), ValueError, "num_classes=-1"),
    ("one_hot", (np.zeros(0, int), 0), ValueError, "num_classes=0"),
    ("one_hot", (np.array([0]), 2.0), TypeError, "num_classes=2.0"),
    ("one_hot", (np.array([0], "int32"), 2), TypeError, "int32"),
    ("one_hot", (np.array([0.0]), 2), TypeError, "float64"),
    ("pixel_shuffle", (np.ones((1, 1)), 2), ValueError, "(1, 1)"),
    ("pixel_shuffle", (np.ones((3, 1, 1)), 2), ValueError, "(3, 1, 1)"),
    ("pixel_shuffle", (np.ones((4, 1, 1)), 0), ValueError, "upscale_factor=0"),
    ("pixel_shuffle", (np.ones((4, 1, 1)), -2), ValueError, "upscale_factor=-2"),
    ("pixel_shuffle", (np.ones((4, 1, 1)), 2.0), TypeError, "upscale_factor=2.0"),
    ("pixel_shuffle", (np.ones((4, 1, 1)), True), TypeError, "upscale_factor=True"),
    ("pixel_unshuffle", (np.ones((2, 2)), 2), ValueError, "(2, 2)"),
    ("pixel_unshuffle", (np.ones((1, 3, 2)), 2), ValueError, "(1, 3, 2)"),
    ("pixel_unshuffle", (np.ones((1, 2, 3)), 2), ValueError, "(1, 2, 3)"),
    ("pixel_unshuffle", (np.ones((1, 2, 2)), 0), ValueError, "downscale_factor=0"),
    ("pixel_unshuffle", (np.ones((1, 2, 2)), 2.0), TypeError, "downscale_factor=2.0"),
    ("channel_shuffle", (np.ones((1, 4)), 2), ValueError, "(1, 4)"),
    ("channel_shuffle", (np.ones((1, 4, 3)), 3), ValueError, "groups=3"),
    ("channel_shuffle", (np.ones((1, 4, 3)), 0), ValueError, "groups=0"),
    ("channel_shuffle", (np.ones((1, 4, 3)), 2.0), TypeError, "groups=2.0"),
]


@pytest.mark.parametrize(("name", "arguments", "error", "word"), REFUSED)
def test_refusals(name: str, arguments: Any, error: type[Exception], word: str) -> None:
    # Indices stay as they are: what is traced is not looked at.
    fixed = name in ("embedding", "one_hot")
    if not fixed:
        ours, theirs = getattr(functional, name), getattr(F, name)
        assert_refused(ours, theirs, arguments, error, [f"{name}: ", word])
        return
    with pytest.raises(Exception):  # noqa: B017, PT011 - PyTorch's class and words are its own
        getattr(F, name)(*map(to_torch, arguments))
    with pytest.raises(error) as caught:
        getattr(functional, name)(*arguments)
    assert f"{name}: " in str(caught.value)
    assert word in str(caught.value)


def test_arguments_are_those_of_pytorch() -> None:
    mine = inspect.signature(embedding).parameters
    theirs = inspect.signature(F.embedding).parameters
    assert list(mine) == list(theirs)
    assert [mine[n].default for n in mine] == [theirs[n].default for n in theirs]
    x, table = np.ones((1, 4, 2, 2)), to_torch(TABLE)
    assert_same(
        linear(input=X, weight=W, bias=None), F.linear(input=to_torch(X), weight=to_torch(W))
    )
    assert_same(
        embedding(input=INDICES, weight=TABLE, sparse=True), F.embedding(to_torch(INDICES), table)
    )
    assert_same(one_hot(tensor=INDICES, num_classes=9), F.one_hot(to_torch(INDICES), num_classes=9))
    assert_same(pixel_shuffle(input=x, upscale_factor=2), F.pixel_shuffle(to_torch(x), 2))
    for name, arguments in (("linear", (W,)), ("bilinear", (X, W)), ("pixel_shuffle", (2,))):
        with pytest.raises(TypeError, match=f"^{name}: input1? must be an array"):
            getattr(functional, name)([[1.0]], *arguments)
