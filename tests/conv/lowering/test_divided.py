"""What programs for several devices are made of, on one: random convolutions, and exactness."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import conv
from conv.lowering._method import STOCK, Choice
from conv.lowering._problem import Problem
from conv.lowering.cpu import CPU
from tests.support.agree import draw
from tests.support.lowerings import compare_marked, counting, lowering_for_cpu
from tests.support.sweeps import long


def choose(problem: Problem) -> Choice:
    """Choose as for several devices."""
    return next((c for c in CPU.split if c.method.serves(problem)), Choice(STOCK, "XLA's own"))


@pytest.mark.parametrize("count", [20, *long([150])])
def test_random_convolutions_agree_with_xlas_own(count: int) -> None:
    platform, counts = counting(replace(CPU, choose=choose))
    with lowering_for_cpu(platform):
        compare_marked(seed=3, count=count)
    used = {key for key in counts if key[1] != "stock"}
    assert used == {("forward", "divided"), ("transposed", "divided"), ("weight", "exchanged")}


def test_a_nan_stays_in_its_group_and_its_windows() -> None:
    x, w = draw(0, (2, 8, 9, 9), "float32").round(), draw(1, (12, 2, 3, 3), "float32").round()
    x[1, 3, 4, 4] = np.nan
    with conv.accelerate(False):
        right = conv.conv2d(x, w, stride=2, padding=1, groups=4)
    with lowering_for_cpu(replace(CPU, choose=choose)):
        function = jax.jit(lambda x, w: conv.conv2d(x, w, stride=2, padding=1, groups=4))
        assert [r.method for r in conv.routes(function, x, w)] != ["stock"]
        ours = function(x, jnp.asarray(w))
    assert 0 < int(np.isnan(ours).sum()) < 20
    np.testing.assert_array_equal(ours, right)


def test_long_kernels_are_left_to_xla() -> None:
    """The program has a product for each element."""
    x, w = draw(0, (1, 4, 400), "float64"), draw(1, (4, 2, 300), "float64")
    with lowering_for_cpu(replace(CPU, choose=choose)):
        program = jax.jit(lambda x, w: conv.conv1d(x, w, groups=2)).lower(x, w)
    assert "stablehlo.convolution" in program.as_text()
