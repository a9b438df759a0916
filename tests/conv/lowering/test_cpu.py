"""Every method of the CPU rule, in all three roles, beside XLA's own lowering and PyTorch."""

from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import lax

import conv
from conv.lowering import _rule
from conv.lowering.cpu import CPU, LIMITS
from conv.lowering.methods import onednn
from tests.support.agree import draw, to_torch
from tests.support.lowerings import (
    agree_with_pytorch,
    compare_marked,
    counting,
    lowering_for_cpu,
    value_and_gradients,
)


@pytest.fixture(autouse=True)
def without_onednn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Choose as on a platform without oneDNN; the random calls take what this one has."""
    if "random_calls" not in request.node.name:
        monkeypatch.setattr(onednn, "available", lambda: False)
        jax.clear_caches()


def sweep(seed: int, count: int) -> Counter:
    """Compare the rule on and off over random calls; return how often each method was used."""
    platform, used = counting(CPU)
    with lowering_for_cpu(platform):
        compare_marked(seed, count)
    return used


def test_rule_on_and_off_agree_over_random_calls() -> None:
    used = sweep(0, 40)
    assert len(used) >= 20
    assert {role for role, _ in used} == {"forward", "transposed", "weight"}


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 9))
def test_rule_on_and_off_agree_over_many_random_calls(seed: int) -> None:
    sweep(seed, 150)


# One layer a method: (name, input, weight, arguments of conv, the methods of the three roles).
ROUTES: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any], list[str]]] = [
    ("1x1", (2, 8, 9, 9), (6, 8, 1, 1), {}, ["pointwise"] * 3),
    ("grouped-1x1", (2, 8, 9, 9), (6, 4, 1, 1), {"groups": 2}, ["pointwise"] * 3),
    ("deep", (1, 256, 8, 7), (256, 256, 3, 3), {"padding": 1},
     ["direct", "direct", "columns"]),
    ("large", (1, 128, 96, 96), (32, 128, 3, 3), {"padding": 2, "dilation": 2},
     ["direct", "direct", "chunks"]),
    ("image-by-image", (6, 32, 48, 48), (32, 32, 3, 3), {"padding": 1, "dilation": 2},
     ["direct", "direct", "chunks"]),
    ("dense", (2, 24, 33, 16), (26, 24, 3, 5), {"padding": (0, 1), "dilation": (1, 2)},
     ["direct", "direct", "images"]),
    ("first-7x7", (4, 3, 168, 168), (64, 3, 7, 7), {"stride": 2, "padding": 3},
     ["columns_in_steps", "chunks", "product"]),
    ("strided", (2, 16, 17, 16), (24, 16, 3, 3), {"stride": 2, "padding": 1},
     ["columns_in_steps", "phases", "columns"]),
    ("strided-4x4", (2, 16, 18, 16), (24, 16, 4, 4), {"stride": 2, "padding": 1},
     ["columns_in_steps", "phases_as_one", "columns"]),
    ("strided-wide", (2, 16, 9, 8), (40, 16, 3, 3), {"stride": 2, "padding": 1},
     ["columns_in_steps", "phases", "columns"]),
    ("first", (2, 3, 40, 40), (16, 3, 3, 3), {"padding": 1}, ["columns", "columns", "images"]),
    ("patches", (2, 3, 16, 16), (8, 3, 4, 4), {"stride": 4}, ["patchify", "product", "columns"]),
    ("depthwise", (2, 6, 9, 9), (12, 1, 3, 3), {"groups": 6},
     ["depthwise", "elementwise", "depthwise"]),
    ("depthwise-strided", (2, 6, 9, 9), (6, 1, 3, 3), {"groups": 6, "stride": 2},
     ["depthwise", "elementwise_phases", "depthwise"]),
    ("depthwise-5-strided", (2, 6, 9, 9), (6, 1, 5, 5), {"groups": 6, "stride": 2},
     ["depthwise", "depthwise_spread", "depthwise"]),
    ("depthwise-long", (2, 6, 300), (6, 1, 128), {"groups": 6, "padding": 64},
     ["depthwise_in_steps"] * 3),
    ("depthwise-longest", (2, 4, 90), (4, 1, 2048), {"groups": 4, "padding": 1024},
     ["spectra"] * 3),
    ("grouped-long", (2, 16, 60), (8, 8, 64), {"padding": 32, "groups": 2}, ["group_by_group"] * 3),
    ("grouped-long-wide", (2, 64, 60), (64, 32, 40), {"padding": 20, "groups": 2},
     ["stock", "stock", "group_by_group"]),
    ("dense-longer-than-input", (2, 20, 20), (8, 20, 24), {"padding": 8},
     ["columns", "columns", "columns"]),
    ("dense-long", (2, 6, 400), (4, 6, 256), {"padding": 100}, ["direct", "direct", "images"]),
    ("dense-longest", (1, 3, 2200), (4, 3, 2048), {"padding": 1024}, ["spectra"] * 3),
    ("grouped", (2, 8, 9, 9), (8, 4, 3, 3), {"groups": 2}, ["elementwise"] * 3),
    ("grouped-wide", (2, 32, 9, 9), (32, 16, 3, 3), {"groups": 2},
     ["by_groups", "by_groups", "product_a_group"]),
    ("grouped-steps", (16, 64, 25, 24), (64, 8, 3, 3), {"padding": 1, "groups": 8},
     ["by_groups", "by_groups", "product_a_group"]),
    ("grouped-prime-batch", (11, 64, 9, 9), (32, 16, 3, 3), {"padding": 2, "groups": 4},
     ["by_groups", "by_groups", "product_a_group"]),
    ("grouped-large", (1, 32, 96, 96), (32, 16, 3, 3), {"padding": 1, "groups": 2},
     ["each_dense", "each_dense", "product_a_group"]),
    ("grouped-strided", (4, 64, 48, 48), (64, 8, 3, 3), {"stride": 2, "padding": 1, "groups": 8},
     ["by_groups", "each_dense", "product_a_group"]),
    ("grouped-strided-dilated", (2, 64, 24, 23), (64, 8, 3, 3),
     {"stride": 2, "dilation": 2, "padding": 1, "groups": 8},
     ["by_groups", "each_dense", "product_a_group"]),
    ("grouped-strided-wide", (2, 192, 10, 9), (192, 96, 3, 3),
     {"stride": 2, "padding": 1, "groups": 2}, ["by_groups", "each_dense", "product_a_group"]),
    ("grouped-4x4", (3, 32, 14, 13), (48, 8, 4, 4), {"stride": 2, "padding": 1, "groups": 4},
     ["by_groups", "phases_by_groups", "product_a_group"]),
    ("grouped-6x4", (2, 32, 15, 14), (32, 8, 6, 4), {"stride": (3, 2), "groups": 4},
     ["by_groups", "phases_by_groups", "product_a_group"]),
    ("apart", (2, 64, 9, 10), (70, 64, 3, 2), {"padding": (8, 3), "dilation": (7, 9)},
     ["tap_by_tap", "tap_by_tap", "tap_by_tap"]),
    ("apart-steps", (6, 128, 33, 33), (128, 128, 3, 3), {"padding": 20, "dilation": 20},
     ["tap_by_tap"] * 3),
    ("apart-half", (2, 64, 33, 33), (64, 64, 3, 3), {"padding": 12, "dilation": 12},
     ["tap_by_tap", "columns", "tap_by_tap"]),
    ("apart-centre", (2, 66, 12), (64, 66, 5), {"padding": 40, "dilation": 20}, ["tap_by_tap"] * 3),
    ("volume", (2, 3, 5, 6, 7), (4, 3, 3, 3, 3), {}, ["depth_sums", "depth_sums", "volume"]),
    ("volume-strided", (2, 3, 9, 9, 9), (4, 3, 3, 3, 3), {"stride": 2},
     ["depth_slices", "phases", "volume"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("input", "weight", "arguments", "methods"), [r[1:] for r in ROUTES], ids=[r[0] for r in ROUTES]
)
def test_each_method_beside_pytorch(
    input: tuple[int, ...],
    weight: tuple[int, ...],
    arguments: dict[str, Any],
    methods: list[str],
) -> None:
    """The method is the one named, and its result PyTorch's, forward and in both gradients."""
    # Fourier transforms lose a few bits more than plain sums.
    found = agree_with_pytorch(draw(0, input), draw(1, weight), arguments, 1e-11)
    assert found == [methods[0], *sorted(methods[1:])]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
@pytest.mark.parametrize(
    ("input", "weight", "padding", "method"),
    [
        ((2, 64, 14, 13), (32, 64, 5, 5), 2, "direct"),
        ((2, 50, 7, 14), (24, 50, 4, 1), 3, "direct"),  # more rows than the input: not YNNPACK's
        ((2, 16, 12, 60), (12, 16, 5, 5), 2, "direct"),  # few channels: not YNNPACK's
        ((3, 16, 90, 90), (16, 16, 5, 5), 1, "direct"),  # not YNNPACK's, image by image
        ((2, 170, 20), (5, 170, 3), 1, "direct"),
        ((1, 170, 4, 9, 8), (80, 170, 3, 3, 2), 1, "depth_slices"),
    ],
)
def test_dense_kernels_and_columns_in_their_place(
    input: tuple[int, ...],
    weight: tuple[int, ...],
    padding: int,
    method: str,
    dtype: str,
    tolerance: float,
) -> None:
    """Where XLA has no kernel of its own for float64, and where it has."""
    x, w = draw(0, input).astype(dtype), draw(1, weight).astype(dtype)
    assert agree_with_pytorch(x, w, {"padding": padding}, tolerance)[0] == method


@pytest.mark.parametrize(
    ("transposed", "input", "weight", "arguments", "method"),
    [
        (False, (3, 70, 7, 6), (80, 70, 1, 1), {}, "pointwise"),
        (False, (1, 70, 7, 6), (80, 70, 1, 1), {}, "pointwise"),
        (False, (3, 140, 5, 6), (150, 70, 1, 1), {"groups": 2}, "pointwise"),
        (False, (3, 70, 12, 11), (80, 70, 1, 1), {}, "pointwise"),
        (False, (6, 70, 9, 11), (80, 70, 3, 3), {"stride": 2}, "columns_in_steps"),
        (False, (6, 70, 90, 92), (80, 70, 3, 3), {"stride": 2}, "columns_in_steps"),
        (False, (6, 9, 7, 7), (120, 9, 4, 4), {"padding": 3}, "columns_in_steps"),
        (True, (3, 70, 9, 8), (70, 80, 2, 2), {"stride": 2}, "product"),
        (True, (5, 70, 90, 40), (70, 60, 2, 2), {"stride": 2}, "product"),
        (True, (2, 70, 9, 8), (70, 8, 7, 5), {"stride": (4, 3), "padding": 2}, "phases"),
    ],
)  # fmt: skip
def test_products_that_images_share(
    transposed: bool,
    input: tuple[int, ...],
    weight: tuple[int, ...],
    arguments: dict[str, Any],
    method: str,
) -> None:
    """One product for some images, or all: a large kernel is not spelled out for each of them."""
    found = agree_with_pytorch(draw(0, input), draw(1, weight), arguments, 1e-12, transposed)
    assert found[0] == method


@pytest.mark.parametrize(
    ("outputs", "dtype", "method"),
    [
        (64, "float32", "stock"),
        (64, "bfloat16", "stock"),
        (64, "float64", "columns_in_steps"),
        (96, "float32", "columns_in_steps"),
    ],
)
def test_first_layers_that_stay_with_xla(outputs: int, dtype: str, method: str) -> None:
    shapes = ((2, 3, 40, 40), (outputs, 3, 7, 7))
    found = conv.routes(
        lambda x, w: conv.conv2d(x, w, stride=2, padding=3),
        *(jax.ShapeDtypeStruct(shape, jnp.dtype(dtype)) for shape in shapes),
    )
    assert [r.method for r in found] == [method]


@pytest.mark.parametrize(
    ("channels", "size", "dtype", "method"),
    [
        (16, 12, "float32", "stock"),
        (16, 12, "float64", "columns_in_steps"),
        (4, 12, "float32", "columns_in_steps"),
        (128, 12, "float32", "columns_in_steps"),
        (64, 96, "float32", "columns_in_steps"),
    ],
)
def test_small_strided_layers_stay_with_xla(
    channels: int, size: int, dtype: str, method: str
) -> None:
    shapes = (2, channels, size, size), (channels, channels, 3, 3)
    x, w = (draw(i, shape).astype(dtype) for i, shape in enumerate(shapes))
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    assert agree_with_pytorch(x, w, {"stride": 2, "padding": 1}, tolerance)[0] == method


def test_strided_layers_of_sixteen_bits_stay_with_xla() -> None:
    shapes = (2, 128, 12, 12), (128, 128, 3, 3)
    for dtype in ("float16", "bfloat16"):
        arrays = (jax.ShapeDtypeStruct(shape, jnp.dtype(dtype)) for shape in shapes)
        (found,) = conv.routes(lambda x, w: conv.conv2d(x, w, stride=2), *arrays)
        assert found.method == "stock"


@pytest.mark.parametrize(
    ("length", "dtype", "method"),
    [(64, "float32", "stock"), (64, "float64", "columns"), (400, "float32", "columns")],
)
def test_short_lines_stay_with_xla(length: int, dtype: str, method: str) -> None:
    x, w = draw(0, (1, 2, length)).astype(dtype), draw(1, (16, 2, 3)).astype(dtype)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    assert agree_with_pytorch(x, w, {}, tolerance)[0] == method


@pytest.mark.parametrize(
    ("arguments", "dtype", "method"),
    [
        ({"padding": 1}, "float32", "stock"),
        ({"padding": 1}, "float64", "columns"),
        ({"padding": 3}, "float32", "columns"),  # more outputs than inputs
        ({"dilation": 2}, "float32", "columns"),
        ({"stride": 2}, "float32", "columns"),
    ],
)
def test_weight_gradients_along_a_line(arguments: dict[str, int], dtype: str, method: str) -> None:
    x, w = draw(0, (2, 8, 90)).astype(dtype), draw(1, (16, 8, 3)).astype(dtype)
    weight = jax.grad(lambda w, x: (conv.conv1d(x, w, **arguments) ** 2).sum())
    assert conv.routes(weight, w, x)[-1].method == method
    tensor = to_torch(w, requires_grad=True)
    torch.nn.functional.conv1d(to_torch(x), tensor, **arguments).square().sum().backward()
    assert tensor.grad is not None
    right = tensor.grad.numpy()
    np.testing.assert_allclose(
        jax.jit(weight)(w, x), right, rtol=0, atol=1e-5 * np.abs(right).max()
    )


@pytest.mark.parametrize("cores", [2, 16])
def test_strided_groups_on_few_and_many_cores(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some groups of an image at a time, or some images: the same result and gradients."""
    monkeypatch.setattr(_rule, "cores", lambda: cores)
    jax.clear_caches()
    x, w = draw(0, (3, 32, 51, 52)), draw(1, (96, 4, 3, 3))
    found = agree_with_pytorch(x, w, {"stride": 2, "padding": 1, "groups": 8}, 1e-12)
    first = "product_a_group" if cores == 2 else "by_groups"
    assert found == [first, "each_dense", "product_a_group"]


@pytest.mark.parametrize(
    ("space", "kernel", "arguments"),
    [
        ((50,), (3,), {"padding": 1}),
        ((50,), (4,), {"padding": 3}),
        ((61,), (2,), {"padding": 5, "stride": 3, "dilation": 4}),
        ((5, 48), (3, 3), {"padding": (0, 1)}),
        ((7, 49), (3, 3), {"padding": 2, "stride": 2, "dilation": 2}),
        ((1, 60), (1, 9), {"padding": (3, 8)}),
        ((3, 2, 64), (1, 3, 3), {"padding": (2, 1, 1)}),
    ],
)
def test_depthwise_rows_that_share_their_padding(
    space: tuple[int, ...], kernel: tuple[int, ...], arguments: dict[str, Any]
) -> None:
    """A row's last zeros are the next one's first: also behind the last row of the last channel."""
    assert space[-1] >= LIMITS.shared_padding_length
    x, w = draw(0, (2, 3, *space)), draw(1, (3, 1, *kernel))
    agree_with_pytorch(x, w, {**arguments, "groups": 3}, 1e-12)


@pytest.mark.parametrize("arguments", [{}, {"stride": 2, "padding": 1}, {"dilation": 2}])
def test_depthwise_with_channels_last(arguments: dict[str, int]) -> None:
    x, w = draw(0, (2, 6, 9, 10)), draw(1, (6, 1, 3, 2))
    stride, padding, dilation = (arguments.get(k, d) for k, d in DEFAULTS)

    def last(x: jax.Array, w: jax.Array) -> jax.Array:
        with conv.accelerate():
            return lax.conv_general_dilated(
                x, w, (stride,) * 2, [(padding,) * 2] * 2, rhs_dilation=(dilation,) * 2,
                dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=6,
            )  # fmt: skip

    tensors = [to_torch(a, requires_grad=True) for a in (x, w)]
    expected = torch.nn.functional.conv2d(*tensors, groups=6, **arguments)
    g = draw(2, tuple(expected.shape))
    rights = [expected, *torch.autograd.grad(expected, tensors, to_torch(g))]
    orders = [(0, 2, 3, 1), (0, 2, 3, 1), (2, 3, 1, 0)]
    arrays = [
        a.transpose(o) for a, o in zip((x, w, g), (orders[0], orders[2], orders[0]), strict=True)
    ]
    assert [r.method for r in conv.routes(last, *arrays[:2])] == ["depthwise_last"]
    # A transposed copy of the weight would be read at a distance: several times the time.
    assert " transpose(" not in jax.jit(last).lower(*arrays[:2]).compile().as_text()
    found = jax.jit(lambda *a: value_and_gradients(last, *a))(*arrays)
    for mine, right, order in zip(found, rights, orders, strict=True):
        right = right.detach().numpy().transpose(order)
        np.testing.assert_allclose(mine, right, rtol=0, atol=1e-12 * np.abs(right).max())


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
@pytest.mark.parametrize(
    ("space", "channels", "kernel", "stride", "methods"),
    [
        ((40, 40), 8, (1, 1), 1, ["stock", "pointwise"]),
        ((9, 10), 8, (1, 1), 1, ["pointwise", "pointwise"]),
        ((9, 10), 8, (1, 1), 2, ["stock", "pointwise"]),
        ((9, 10), 8, (3, 3), 2, ["stock", "columns"]),
        ((9, 10), 8, (3, 2), (3, 2), ["patchify", "columns"]),
        ((9, 10), 8, (3, 3), 1, ["direct", "columns"]),
        ((30, 32), 32, (3, 3), 1, ["direct", "images"]),
        ((90,), 8, (3,), 1, ["direct", "stock"]),
        ((90,), 8, (5,), 3, ["columns", "stock"]),
    ],
)
def test_dense_with_channels_last(
    space: tuple[int, ...],
    channels: int,
    kernel: tuple[int, ...],
    stride: Any,
    methods: list[str],
    dtype: str,
    tolerance: float,
) -> None:
    """XLA's own kernels take such arrays as they come: forward, and in one dimension weights."""
    dims = len(space)
    x = draw(0, (2, channels, *space)).astype(dtype)
    w = draw(1, (32, channels, *kernel)).astype(dtype)
    names = "HW"[:dims]
    strides = (stride,) * dims if isinstance(stride, int) else stride

    def last(x: jax.Array, w: jax.Array) -> jax.Array:
        with conv.accelerate():
            return lax.conv_general_dilated(
                x, w, strides, "VALID", dimension_numbers=(f"N{names}C", f"{names}IO", f"N{names}C")
            )

    tensors = [to_torch(a, requires_grad=True) for a in (x, w)]
    expected = getattr(torch.nn.functional, f"conv{dims}d")(*tensors, stride=stride)
    g = draw(2, tuple(expected.shape)).astype(dtype)
    rights = [expected, *torch.autograd.grad(expected, tensors, to_torch(g))]
    arrays = [np.moveaxis(x, 1, -1), np.moveaxis(w, (1, 0), (-2, -1)), np.moveaxis(g, 1, -1)]
    found = jax.jit(lambda *a: value_and_gradients(last, *a))(*arrays)
    places = [(-1, 1), ((-2, -1), (1, 0))]
    for mine, right, (source, target) in zip(
        found, rights, (places[0], places[0], places[1]), strict=True
    ):
        theirs = right.detach().numpy()
        moved = np.moveaxis(np.asarray(mine), source, target)
        np.testing.assert_allclose(moved, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())
    weight = jax.grad(lambda w, x: last(x, w).sum())
    chosen = [conv.routes(last, *arrays[:2])[0], conv.routes(weight, arrays[1], arrays[0])[-1]]
    if dtype == "float32":
        assert [r.method for r in chosen] == methods
    else:  # XLA has no kernel for it
        assert "stock" not in [r.method for r in chosen]


DEFAULTS = (("stride", 1), ("padding", 0), ("dilation", 1))
