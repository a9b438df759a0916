"""The methods of the GPU rule, on CPU: they are pure JAX. Beside PyTorch, and XLA's own."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import lax

import conv
from conv.lowering import _register
from conv.lowering.gpu import GPU
from tests.support.agree import draw, to_torch
from tests.support.lowerings import agree_with_pytorch, compare_marked, counting, lowering_for_cpu


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    """Let the GPU's methods lower for CPU, float64 too, in which errors show; count them."""
    platform, counts = counting(replace(GPU, dtypes=(*GPU.dtypes, "float64")))
    monkeypatch.setitem(_register.PLATFORMS, "cuda", platform)
    with lowering_for_cpu(replace(platform, name="cpu")):
        yield counts


# What random calls meet; long kernels and large images are among the routes below.
OFTEN = {
    ("forward", "depthwise"),
    ("weight", "depthwise"),
    ("weight", "exchanged"),
    ("weight", "residues"),
}


@pytest.mark.long
def test_rule_on_and_off_agree_over_random_calls(used: Counter) -> None:
    compare_marked(0, 60)
    assert used.keys() >= OFTEN


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 5))
def test_rule_on_and_off_agree_over_many_random_calls(seed: int, used: Counter) -> None:
    compare_marked(seed, 150)
    assert used.keys() >= OFTEN


# One layer a method: (name, transposed, input, weight, arguments, the methods: forward, others).
ROUTES: list[tuple[str, bool, tuple[int, ...], tuple[int, ...], dict[str, Any], list[str]]] = [
    ("dense", False, (2, 3, 9, 8), (4, 3, 3, 3), {"padding": 1}, ["stock"] * 3),
    ("strided", False, (2, 4, 9, 8), (4, 2, 3, 3), {"stride": 2, "groups": 2}, ["stock"] * 3),
    ("1x1", False, (2, 3, 40, 30), (5, 3, 1, 1), {}, ["pointwise"] * 3),
    ("1x1-small", False, (2, 3, 9, 8), (5, 3, 1, 1), {}, ["stock"] * 3),
    ("dilated", False, (2, 3, 17, 9), (4, 3, 3, 2), {"padding": (4, 1), "dilation": (4, 1)},
     ["stock", "residues", "stock"]),
    ("dilated-line", False, (2, 6, 40), (4, 3, 2), {"dilation": 8, "groups": 2},
     ["stock", "residues", "stock"]),
    ("dilated-strided", False, (2, 3, 17, 19), (4, 3, 3, 3), {"dilation": (3, 1), "stride": (1, 2)},
     ["stock", "residues", "stock"]),
    ("dilated-few", False, (2, 3, 19), (4, 3, 3), {"dilation": 8}, ["stock"] * 3),
    ("depthwise", False, (2, 6, 9, 8), (6, 1, 3, 3), {"padding": 1, "groups": 6},
     ["depthwise", "depthwise", "stock"]),
    ("depthwise-7", False, (2, 6, 9, 8), (6, 1, 7, 7), {"padding": 3, "groups": 6},
     ["depthwise"] * 3),
    ("depthwise-strided", False, (2, 6, 9, 8), (6, 1, 3, 3), {"stride": 2, "groups": 6},
     ["depthwise", "stock", "stock"]),
    ("multiplier", False, (2, 6, 9, 8), (12, 1, 3, 3), {"padding": 1, "groups": 6},
     ["depthwise", "depthwise", "stock"]),
    ("depthwise-line", False, (2, 6, 50), (6, 1, 31), {"padding": 15, "groups": 6},
     ["depthwise"] * 3),
    ("depthwise-long", False, (2, 6, 300), (12, 1, 128), {"padding": 64, "groups": 6},
     ["spectra", "spectra", "stock"]),
    ("depthwise-volume", False, (2, 4, 5, 6, 7), (4, 1, 3, 3, 3), {"padding": 1, "groups": 4},
     ["stock", "depthwise", "stock"]),
    ("dense-long", False, (1, 64, 1100), (66, 64, 1024), {"padding": 512}, ["spectra"] * 3),
    ("dense-long-few", False, (2, 6, 300), (7, 6, 128), {"padding": 64}, ["stock"] * 3),
    ("transposed", True, (2, 4, 7, 6), (4, 5, 3, 4), {"stride": (2, 3), "padding": 1},
     ["stock", "exchanged", "stock"]),
    ("transposed-grouped", True, (2, 6, 7), (6, 2, 4), {"stride": 2, "groups": 3, "dilation": 2},
     ["stock", "exchanged", "stock"]),
    ("transposed-output-padding", True, (2, 3, 4, 5, 3), (3, 2, 3, 2, 3),
     {"stride": 2, "padding": 1, "output_padding": 1}, ["stock", "exchanged", "stock"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("transposed", "input", "weight", "arguments", "methods"),
    [r[1:] for r in ROUTES],
    ids=[r[0] for r in ROUTES],
)
@pytest.mark.usefixtures("used")
def test_each_method_beside_pytorch(
    transposed: bool,
    input: tuple[int, ...],
    weight: tuple[int, ...],
    arguments: dict[str, Any],
    methods: list[str],
) -> None:
    """The method is the one named, and its result PyTorch's, forward and in both gradients."""
    # Fourier transforms lose a few bits more than plain sums.
    x, w = draw(0, input), draw(1, weight)
    found = agree_with_pytorch(x, w, arguments, 1e-11, transposed, platform="cuda")
    assert found == [methods[0], *sorted(methods[1:])]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bits_are_rounded_once(dtype: str, used: Counter) -> None:
    x, w = draw(0, (2, 6, 50), dtype), draw(1, (6, 1, 31), dtype)
    y = jax.jit(lambda x, w: conv.conv1d(x, w, padding=15, groups=6))(x, w)
    wide = [to_torch(a.astype("float64")) for a in (x, w)]
    right = torch.nn.functional.conv1d(*wide, padding=15, groups=6).numpy()
    assert y.dtype == dtype
    unit = float(jnp.finfo(dtype).eps) / 2
    np.testing.assert_allclose(
        np.asarray(y, "float64"), right, rtol=1.01 * unit, atol=1e-5 * np.abs(right).max()
    )
    assert used == {("forward", "depthwise"): 1}


@pytest.mark.parametrize("count", range(5))
@pytest.mark.usefixtures("used")
def test_windows_that_crop_all_of_the_input(count: int) -> None:
    """Negative padding, of lax alone, in the roles that a method takes."""
    cases = [
        ((1, 4, 3), (4, 1, 2), [(-3, 5)], {"feature_group_count": 4}),
        ((1, 3, 40, 30), (3, 3, 1, 1), [(-40, 40), (-1, 1)], {}),
        ((2, 3, 9), (3, 3, 2), [(-9, 14)], {"rhs_dilation": (2,)}),
        ((2, 3, 4), (3, 3, 2), [(-7, 9)], {"lhs_dilation": (2,)}),
        ((2, 3, 4), (3, 3, 2), [(12, -11)], {"lhs_dilation": (2,)}),
    ]
    left, right, pads, settings = cases[count]
    ones = (1,) * (len(left) - 2)
    x, w = draw(0, left), draw(1, right)

    def gradients(x: jax.Array, w: jax.Array) -> tuple[jax.Array, ...]:
        def call(x: jax.Array, w: jax.Array) -> jax.Array:
            return lax.conv_general_dilated(x, w, ones, pads, **settings)

        y, pull = jax.vjp(call, x, w)
        return (y, *pull(jnp.ones_like(y)))

    with conv.accelerate():
        for found in jax.jit(gradients)(x, w):
            np.testing.assert_array_equal(found, np.zeros_like(found))
