"""Sums of products, nothing else: whole numbers come out whole, a NaN stays where PyTorch has it.

Sums of whole numbers below 2**24 are exact in float32 in any order, so the results must be equal.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import conv
from conv.lowering.cpu import LIMITS
from tests.support.lowerings import value_and_gradients

Layer = tuple[str, bool, tuple[int, ...], tuple[int, ...], dict[str, Any]]

LAYERS: list[Layer] = [
    ("3x3", False, (2, 64, 14, 14), (64, 64, 3, 3), {"padding": 1}),
    ("3x5-dilated", False, (2, 24, 33, 16), (26, 24, 3, 5),
     {"padding": (0, 1), "dilation": (1, 2)}),
    ("deep", False, (2, 128, 7, 7), (128, 128, 3, 3), {"padding": 1}),
    ("5x5", False, (2, 16, 20, 20), (16, 16, 5, 5), {"padding": 2}),
    ("first-7x7", False, (2, 3, 56, 56), (64, 3, 7, 7), {"stride": 2, "padding": 3}),
    ("first-3x3", False, (2, 3, 20, 20), (16, 3, 3, 3), {"padding": 1}),
    ("1x1", False, (2, 32, 9, 9), (48, 32, 1, 1), {}),
    ("1x1-strided", False, (2, 32, 9, 9), (48, 32, 1, 1), {"stride": 2}),
    ("1x1-grouped", False, (2, 30, 9, 9), (60, 10, 1, 1), {"groups": 3}),
    ("patches", False, (2, 3, 16, 16), (8, 3, 4, 4), {"stride": 4}),
    ("strided", False, (2, 16, 17, 16), (24, 16, 3, 3), {"stride": 2, "padding": 1}),
    ("strided-4x4", False, (2, 16, 18, 16), (24, 16, 4, 4), {"stride": 2, "padding": 1}),
    ("strided-5x5", False, (2, 20, 18, 19), (24, 20, 5, 5), {"stride": 3, "padding": 2}),
    ("dilated", False, (2, 32, 20, 20), (32, 32, 3, 3), {"padding": 2, "dilation": 2}),
    ("tall", False, (2, 16, 50, 20), (16, 16, 3, 3), {"padding": 1}),
    ("tall-unpadded", False, (2, 16, 64, 9), (24, 16, 2, 4), {}),
    ("tall-dilated", False, (2, 32, 96, 12), (32, 32, 3, 3), {"padding": 2, "dilation": 2}),
    ("tall-strided", False, (2, 16, 50, 20), (16, 16, 3, 3), {"padding": 1, "stride": (1, 2)}),
    ("atrous", False, (1, 64, 33, 33), (64, 64, 3, 3), {"padding": 12, "dilation": 12}),
    ("depthwise", False, (2, 32, 14, 14), (32, 1, 3, 3), {"padding": 1, "groups": 32}),
    ("depthwise-wide", False, (2, 8, 50, 60), (8, 1, 3, 3), {"padding": 1, "groups": 8}),
    ("depthwise-strided", False, (2, 32, 14, 14), (32, 1, 5, 5),
     {"padding": 2, "groups": 32, "stride": 2}),
    ("depthwise-7", False, (2, 16, 14, 14), (16, 1, 7, 7), {"padding": 3, "groups": 16}),
    ("multiplier", False, (2, 16, 14, 14), (32, 1, 3, 3), {"padding": 1, "groups": 16}),
    ("grouped", False, (2, 64, 14, 14), (64, 4, 3, 3), {"padding": 1, "groups": 16}),
    ("grouped-strided", False, (4, 64, 26, 26), (64, 8, 3, 3),
     {"padding": 1, "groups": 8, "stride": 2}),
    ("grouped-wide", False, (2, 64, 14, 14), (64, 32, 3, 3), {"padding": 1, "groups": 2}),
    ("grouped-large", False, (1, 32, 128, 160), (32, 16, 3, 3), {"padding": 1, "groups": 2}),
    ("line", False, (2, 16, 100), (24, 16, 5), {"padding": 2}),
    ("line-dilated", False, (2, 16, 100), (24, 16, 3), {"padding": 4, "dilation": 4}),
    ("line-strided", False, (2, 1, 500), (32, 1, 10), {"stride": 5}),
    ("line-100", False, (2, 6, 300), (8, 6, 100), {"padding": 50}),
    ("line-100-depthwise", False, (2, 6, 300), (6, 1, 100), {"padding": 50, "groups": 6}),
    ("line-64-grouped", False, (2, 16, 60), (8, 8, 64), {"padding": 32, "groups": 2}),
    ("volume", False, (2, 3, 5, 6, 7), (4, 3, 3, 3, 3), {}),
    ("volume-padded", False, (1, 16, 4, 10, 10), (24, 16, 3, 3, 3), {"padding": 1}),
    ("volume-strided", False, (1, 8, 8, 9, 9), (8, 8, 3, 3, 3), {"stride": 2, "padding": 1}),
    ("volume-depth", False, (1, 16, 4, 10, 10), (24, 16, 3, 1, 1), {"padding": (1, 0, 0)}),
    ("volume-depthwise", False, (1, 8, 4, 10, 10), (8, 1, 3, 3, 3), {"padding": 1, "groups": 8}),
    ("up-2x2", True, (2, 32, 9, 9), (32, 24, 2, 2), {"stride": 2}),
    ("up-4x4", True, (2, 32, 9, 9), (32, 24, 4, 4), {"stride": 2, "padding": 1}),
    ("up-3x3", True, (2, 16, 9, 9), (16, 24, 3, 3),
     {"stride": 2, "padding": 1, "output_padding": 1}),
    ("up-few", True, (2, 16, 9, 9), (16, 3, 5, 5), {"stride": 3, "padding": 1}),
    ("up-grouped", True, (2, 32, 9, 9), (32, 8, 4, 4), {"stride": 2, "padding": 1, "groups": 4}),
    ("up-grouped-3x3", True, (2, 32, 9, 9), (32, 8, 3, 3),
     {"stride": 2, "padding": 1, "groups": 4}),
    ("up-depthwise", True, (2, 16, 9, 9), (16, 1, 4, 4), {"stride": 2, "padding": 1, "groups": 16}),
    ("up-line", True, (2, 32, 50), (32, 16, 16), {"stride": 8, "padding": 4}),
    ("up-volume", True, (1, 8, 4, 5, 5), (8, 4, 2, 2, 2), {"stride": 2}),
]  # fmt: skip


def whole(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float32)


def sides(transposed: bool, dims: int, arguments: dict[str, Any]) -> tuple[Any, Any]:
    """Return a program of JAX and one of PyTorch: (x, w, g) to the result and both gradients."""
    name = f"conv_transpose{dims}d" if transposed else f"conv{dims}d"

    @jax.jit
    def ours(x: np.ndarray, w: np.ndarray, g: np.ndarray) -> Any:
        call = getattr(conv, name)
        return value_and_gradients(lambda x, w: call(x, w, **arguments), x, w, g)

    def theirs(x: np.ndarray, w: np.ndarray, g: np.ndarray | None) -> Any:
        tensors = [torch.tensor(a, requires_grad=True) for a in (x, w)]
        y = getattr(torch.nn.functional, name)(*tensors, **arguments)
        if g is None:
            return y
        found = (y, *torch.autograd.grad(y, tensors, torch.tensor(g)))
        return [a.detach().numpy() for a in found]

    return ours, theirs


@pytest.mark.parametrize("layer", LAYERS, ids=[layer[0] for layer in LAYERS])
def test_whole_numbers_and_what_a_nan_or_infinity_reaches_are_pytorchs(layer: Layer) -> None:
    """Bit by bit. A NaN reaches outputs and the image's gradient where PyTorch has it.

    It reaches the elements of a weight's gradient that meet it, by definition. Most of PyTorch's
    kernels do so; some add up zeros of the padding, too, and reach more.
    """
    _, transposed, input, weight, arguments = layer
    ours, theirs = sides(transposed, len(input) - 2, arguments)
    x, w = whole(0, input), whole(1, weight)
    g = whole(2, tuple(theirs(x, w, None).shape))
    clean = ours(x, w, g)
    for mine, right in zip(clean, theirs(x, w, g), strict=True):
        np.testing.assert_array_equal(mine, right)
    rng = np.random.default_rng(3)
    for place, bad in (("first", np.nan), ("last", np.inf), ("any", np.nan), ("any", -np.inf)):
        for of_input in (True, False):
            shape = (x if of_input else g).shape
            corner = {"first": [0] * len(shape), "last": [n - 1 for n in shape]}
            index = tuple(corner.get(place, [int(rng.integers(n)) for n in shape]))
            given = [x.copy(), w, g.copy()]
            given[0 if of_input else 2][index] = bad
            mine, right = ours(*given), theirs(*given)
            seen = 0 if of_input else 1
            np.testing.assert_array_equal(np.isfinite(mine[seen]), np.isfinite(right[seen]))
            # The products with it that a weight's gradient adds up: counted by a gradient of ones.
            ones = [np.zeros_like(x) if of_input else np.ones_like(x), w]
            ones.append(np.ones_like(g) if of_input else np.zeros_like(g))
            ones[0 if of_input else 2][index] = 1
            counted = theirs(*ones)[2]
            np.testing.assert_array_equal(np.isfinite(mine[2]), counted == 0)
            assert not np.isfinite(right[2])[counted > 0].any()
            np.testing.assert_array_equal(mine[2][counted == 0], clean[2][counted == 0])


def test_only_very_long_kernels_are_spectra() -> None:
    """conv1d's documentation says from which length on."""
    assert LIMITS.spectra_depthwise == LIMITS.spectra_dense == 2048
    assert LIMITS.spectra_dense_weight == 1024
    assert LIMITS.spectra_depthwise_weight == 512
    text = " ".join((conv.conv1d.__doc__ or "").split())
    for length in ("2048", "1024", "512"):
        assert length in text


@pytest.mark.parametrize(
    ("length", "methods"), [(2047, {"depthwise_in_steps", "spectra"}), (2048, {"spectra"})]
)
def test_precision_highest_takes_no_spectra(length: int, methods: set[str]) -> None:
    shapes = (
        jax.ShapeDtypeStruct((1, 4, 4096), "float32"),
        jax.ShapeDtypeStruct((4, 1, length), "float32"),
    )

    def three(x: Any, w: Any, precision: Any = None) -> Any:
        def call(x: Any, w: Any) -> Any:
            return conv.conv1d(x, w, groups=4, precision=precision)

        y, pull = jax.vjp(call, x, w)
        return pull(y)

    assert {r.method for r in conv.routes(three, *shapes)} == methods
    exact = conv.routes(lambda x, w: three(x, w, "highest"), *shapes)
    assert {r.method for r in exact} == {"depthwise_in_steps"}


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "complex64"])
def test_a_nan_at_the_border_reaches_the_kernel_elements_that_meet_it_in_every_dtype(
    dtype: str,
) -> None:
    x, w = jnp.ones((2, 16, 12, 12), dtype), jnp.ones((24, 16, 3, 3), dtype)
    g = jnp.ones((2, 24, 12, 12), dtype).at[0, 5, 0, 0].set(jnp.nan)

    @jax.jit
    def gradient(w: jax.Array) -> Any:
        return jax.vjp(lambda w: conv.conv2d(x, w, padding=1), w)[1](g)[0]

    reached = ~jnp.isfinite(gradient(w))
    assert reached.sum() == 16 * 4
    assert reached[5, :, 1:, 1:].all()


def test_so_it_does_in_gradients_of_single_samples_and_in_a_line() -> None:
    x, w = jnp.ones((3, 4, 40)), jnp.ones((6, 4, 3))
    g = jnp.ones((3, 6, 40)).at[1, 2, 0].set(jnp.nan)

    def gradient(x: jax.Array, g: jax.Array) -> Any:
        return jax.vjp(lambda w: conv.conv1d(x, w, padding=1), w)[1](g)[0]

    reached = ~jnp.isfinite(jax.jit(jax.vmap(gradient))(x, g))
    assert reached[1, 2, :, 1:].all()
    assert reached.sum() == 4 * 2
    assert (~jnp.isfinite(jax.jit(gradient)(x, g))).sum() == 4 * 2
