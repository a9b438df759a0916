"""What is lowered for NVIDIA GPUs, read off the programs' texts: that needs no GPU."""

import re
from typing import Any

import jax
import pytest
from jax import lax

import conv
from tests.support.agree import draw

X, W = draw(0, (2, 4, 9, 9), "float32"), draw(1, (4, 1, 7, 7), "float32")
MARK = re.compile(r'mhlo\.frontend_attributes = \{convgrad = "\w+"\}(, )?')
DENSE = draw(2, (5, 4, 3, 3), "float32")


def text(function: Any, *args: Any, platform: str = "cuda") -> str:
    """The program as XLA gets it, without the mark, which says nothing to XLA."""
    lowered = jax.jit(lambda *a: function(*a)).trace(*args).lower(lowering_platforms=(platform,))
    return MARK.sub("", lowered.as_text()).replace(" {}", "")


def depthwise(x: jax.Array, w: jax.Array) -> jax.Array:
    return conv.conv2d(x, w, padding=3, groups=4)


def unmarked(function: Any, *args: Any, platform: str = "cuda") -> str:
    with conv.accelerate(False):
        return text(function, *args, platform=platform)


def test_marked_programs_change_where_a_method_is_named() -> None:
    assert text(depthwise, X, W).count("stablehlo.convolution") == 0
    assert unmarked(depthwise, X, W).count("stablehlo.convolution") == 1


def test_other_marked_programs_are_the_unmarked_ones() -> None:
    def gradients(x: jax.Array, w: jax.Array) -> Any:
        return jax.grad(lambda x, w: (conv.conv2d(x, w) ** 2).sum(), (0, 1))(x, w)

    assert text(gradients, X, DENSE) == unmarked(gradients, X, DENSE)
    assert {r.method for r in conv.routes(gradients, X, DENSE, platform="cuda")} == {"stock"}


def test_other_dtypes_keep_jaxs_lowering() -> None:
    for dtype in ("float64", "int32"):
        x, w = X.astype(dtype), W.astype(dtype)
        assert text(depthwise, x, w) == unmarked(depthwise, x, w)
    x, w = X.astype("bfloat16"), W.astype("bfloat16")
    assert text(depthwise, x, w) == unmarked(depthwise, x, w)  # two dimensions, 16 bits


def test_complex_convolutions_are_real_ones_of_their_own_methods() -> None:
    """JAX itself makes three real ones of it, under the mark of the equation."""
    x, w = X.astype("complex64"), W.astype("complex64")
    assert text(depthwise, x, w).count("stablehlo.convolution") == 0
    assert unmarked(depthwise, x, w).count("stablehlo.convolution") == 3


@pytest.mark.parametrize("platform", ["tpu", "rocm"])
def test_other_platforms_keep_jaxs_lowering(platform: str) -> None:
    assert text(depthwise, X, W, platform=platform) == unmarked(depthwise, X, W, platform=platform)


def test_channels_last_keep_jaxs_lowering() -> None:
    numbers = lax.ConvDimensionNumbers((0, 3, 1, 2), (0, 1, 2, 3), (0, 3, 1, 2))

    def last(x: jax.Array, w: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(
            x, w, (1, 1), "SAME", dimension_numbers=numbers, feature_group_count=4
        )

    x = X.transpose(0, 2, 3, 1)
    plain = text(last, x, W)
    with conv.accelerate():
        assert text(last, x, W) == plain


def test_precision_is_passed_on() -> None:
    """To the convolution of a gradient that changes its form, and to a matrix product."""

    def weight(w: jax.Array, stride: int, precision: Any) -> Any:
        call = lambda w: conv.conv_transpose2d(X, w, stride=stride, precision=precision)  # noqa: E731
        return jax.grad(lambda w: (call(w) ** 2).sum())(w)

    kernel = draw(3, (4, 3, 2, 2), "float32")
    for precision, name in ((None, "DEFAULT"), ("highest", "HIGHEST")):
        found = text(lambda w, p=precision: weight(w, 2, p), kernel)
        assert found.count(f"precision {name}") == found.count("#stablehlo<precision")
    x, w = draw(0, (1, 3, 40, 40), "float32"), draw(1, (4, 3, 1, 1), "float32")
    found = text(lambda x, w: conv.conv2d(x, w, precision="highest"), x, w)
    assert "HIGHEST" in found
    assert "stablehlo.convolution" not in found


def test_exact_sums_are_not_spectra() -> None:
    x, w = draw(0, (1, 4, 300), "float32"), draw(1, (4, 1, 128), "float32")
    for precision, method in ((None, "spectra"), ("highest", "stock")):
        program = lambda x, w, p=precision: conv.conv1d(x, w, groups=4, precision=p)  # noqa: E731
        assert [r.method for r in conv.routes(program, x, w, platform="cuda")] == [method]


def test_routes_refuse_other_platforms() -> None:
    with pytest.raises(ValueError, match="platform must be one of cpu, cuda, tpu, got 'rocm'"):
        conv.routes(depthwise, X, W, platform="rocm")
