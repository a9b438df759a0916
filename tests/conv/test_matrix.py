"""The lecture's matrix and its scalar products: both are the convolution, by PyTorch's word."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import conv
from tests.support.agree import assert_agree, assert_same, draw, to_torch
from tests.support.cases import CONV_CASES, ConvCase

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

X, W = np.ones((2, 8)), np.ones((4, 2, 3))
NOT_EMPTY = [c for c in CONV_CASES if 0 not in c.input and np.prod(c.input) < 5000]


def one_signal(case: ConvCase) -> tuple[int, ...]:
    return case.input[-case.dims - 1 :]


def test_the_lectures_picture() -> None:
    m, k, n = 4, 3, 7
    weight, x = draw(0, (m, k)), draw(1, (n,))
    layers = jax.jit(conv.conv_matrix, static_argnums=1)(weight, n)
    assert layers.shape == (m, n - k + 1, n)
    for o in range(m):
        for i in range(n - k + 1):
            row = np.zeros(n)
            row[i : i + k] = weight[o]
            np.testing.assert_array_equal(layers[o, i], row)
    expected = torch.nn.functional.conv1d(to_torch(x)[None, None], to_torch(weight)[:, None])[0]
    assert_same(layers @ x, expected)
    assert_same(conv.conv_matrix(weight[:, None], n) @ x, expected)


@pytest.mark.parametrize("case", NOT_EMPTY, ids=str)
def test_general_form(case: ConvCase) -> None:
    signal = one_signal(case)
    dims = case.dims

    def ours(x: jax.Array, w: jax.Array) -> jax.Array:
        matrix = conv.conv_matrix(w, signal[1:], **case.arguments)
        return jnp.tensordot(matrix, x, dims + 1)

    def theirs(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return getattr(torch.nn.functional, f"conv{dims}d")(x, w, **case.arguments)

    assert_agree(ours, theirs, draw(0, signal), draw(1, case.weight))


def test_off_the_band_is_zero_whatever_the_weight() -> None:
    layers = conv.conv_matrix(jnp.array([[jnp.inf, jnp.nan]]), 4)[0]
    off = ~(np.eye(3, 4, dtype=bool) | np.eye(3, 4, 1, dtype=bool))
    np.testing.assert_array_equal(np.asarray(layers)[off], 0)


@pytest.mark.parametrize("case", [c for c in NOT_EMPTY if c.dims == 1], ids=str)
@pytest.mark.parametrize("dtype", ["float64", "complex128", "int8"])
def test_scalar_products(case: ConvCase, dtype: str) -> None:
    shapes = [one_signal(case), case.weight, case.weight[:1]]
    if dtype == "int8" and "dilation" in case.arguments:
        dtype = "int64"  # the one integer dtype that PyTorch convolves with holes
    assert_agree(
        lambda x, w, b: conv.scalar_products(x, w, b, **case.arguments),
        lambda x, w, b: torch.nn.functional.conv1d(x, w, b, **case.arguments),
        *(draw(seed, shape, dtype) for seed, shape in enumerate(shapes)),
    )


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: conv.conv_matrix(np.ones(3), 4), ValueError, r"weight\.shape=\(3,\)"),
        (lambda: conv.conv_matrix(np.ones((1, 3)), 2), ValueError, "kernel must fit"),
        (lambda: conv.conv_matrix(np.ones((1, 3)), -1), ValueError, "length=-1"),
        (lambda: conv.conv_matrix(np.ones((1, 3)), 4.0), TypeError, "length must be an integer"),
        (lambda: conv.conv_matrix([[1.0]], 4), TypeError, "weight must be an array"),
        (lambda: conv.conv_matrix(np.ones((3, 1, 2)), 4, groups=2), ValueError, "groups=2"),
        (lambda: conv.scalar_products(X[None], W), ValueError, "one signal"),
        (lambda: conv.scalar_products(X, W.astype("float32")), TypeError, "float32"),
    ],
)  # fmt: skip
def test_refusals(call, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()
