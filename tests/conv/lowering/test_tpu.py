"""What is lowered for TPUs: the methods on CPU, beside PyTorch, and the programs' texts."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import conv
from conv.lowering import _register
from conv.lowering.tpu import TPU
from tests.support.agree import draw
from tests.support.lowerings import agree_with_pytorch, compare_marked, counting, lowering_for_cpu
from tests.support.sweeps import long

MARK = re.compile(r'mhlo\.frontend_attributes = \{convgrad = "\w+"\}(, )?')


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    """Let the TPU's methods lower for CPU, float64 too, in which errors show; count them.

    Also for few positions, which random calls have.
    """
    limits = replace(TPU.limits, positions=1)
    platform, counts = counting(replace(TPU, dtypes=(*TPU.dtypes, "float64"), limits=limits))
    monkeypatch.setitem(_register.PLATFORMS, "tpu", platform)
    with lowering_for_cpu(replace(platform, name="cpu")):
        yield counts


@pytest.mark.parametrize("count", [20, *long([150])])
def test_rule_on_and_off_agree_over_random_calls(count: int, used: Counter) -> None:
    compare_marked(7, count)
    assert {("forward", "blocks"), ("transposed", "blocks"), ("weight", "blocks")} <= used.keys()


# One layer a case: (name, transposed, input, weight, arguments, the methods: forward, others).
ROUTES: list[tuple[str, bool, tuple[int, ...], tuple[int, ...], dict[str, Any], list[str]]] = [
    ("dense", False, (2, 3, 9, 8), (4, 3, 3, 3), {"padding": 1}, ["stock"] * 3),
    ("depthwise", False, (2, 6, 9, 8), (6, 1, 3, 3), {"groups": 6}, ["stock"] * 3),
    ("groups", False, (2, 8, 9, 8), (12, 2, 3, 3), {"padding": 1, "groups": 4}, ["blocks"] * 3),
    ("strided", False, (2, 8, 9, 8), (8, 4, 3, 2), {"stride": 2, "groups": 2}, ["blocks"] * 3),
    ("dilated", False, (2, 8, 29), (8, 2, 3), {"dilation": 3, "groups": 4}, ["blocks"] * 3),
    ("volume", False, (2, 4, 5, 6, 7), (4, 2, 2, 3, 3), {"padding": 1, "groups": 2},
     ["blocks"] * 3),
    ("wide", False, (1, 256, 6, 6), (256, 128, 1, 1), {"groups": 2}, ["stock"] * 3),
    ("transposed", True, (2, 8, 5, 6), (8, 3, 4, 3), {"stride": 2, "padding": 1, "groups": 4},
     ["blocks", "blocks", "stock"]),
]  # fmt: skip


@pytest.mark.parametrize("case", ROUTES, ids=lambda case: case[0])
def test_methods_agree_with_pytorch(case: Any, used: Counter) -> None:
    _, transposed, input, weight, arguments, methods = case
    x, w = draw(0, input), draw(1, weight)
    found = agree_with_pytorch(x, w, arguments, 1e-12, transposed, platform="tpu")
    assert found == methods


def test_weight_gradients_over_few_positions_are_xlas() -> None:
    def weight(x: jax.Array, w: jax.Array) -> Any:
        return jax.grad(lambda w: conv.conv2d(x, w, groups=4, padding=1).sum())(w)

    w = jnp.ones((8, 2, 3, 3), "float32")
    for size, method in ((7, "stock"), (14, "blocks")):
        x = jnp.ones((2, 8, size, size), "float32")
        found = conv.routes(weight, x, w, platform="tpu")
        assert [r.method for r in found] == ["blocks", method]


def test_gradients_of_samples_are_not_merged() -> None:
    """Their kernels are as large as an image: merged, they would take groups times the memory."""

    def samples(x: jax.Array, w: jax.Array) -> Any:
        return jax.vmap(lambda x: jax.grad(lambda w: (conv.conv2d(x, w) ** 2).sum())(w))(x)

    x, w = jnp.ones((16, 4, 64, 64), "float32"), jnp.ones((8, 4, 3, 3), "float32")
    assert conv.routes(samples, x, w, platform="tpu")[-1].method == "stock"
    large = [jax.ShapeDtypeStruct(s, "float32") for s in ((1, 64, 64, 64), (64, 2, 60, 60))]
    (found,) = conv.routes(lambda x, w: conv.conv2d(x, w, groups=32), *large, platform="tpu")
    assert (found.method, "large kernels" in found.why) == ("stock", True)


def test_whole_numbers_are_exact_and_a_nan_stays_in_what_is_merged(used: Counter) -> None:
    x, w = draw(0, (1, 6, 9, 9), "float32").round(), draw(1, (6, 2, 3, 3), "float32").round()

    def call(x: Any, precision: Any = None) -> np.ndarray:
        function = jax.jit(lambda x, w: conv.conv2d(x, w, groups=3, precision=precision))
        return np.asarray(function(x, w))

    with conv.accelerate(False):
        right = call(x)
    np.testing.assert_array_equal(call(x), right)
    x[0, 0, 4, 4] = np.nan
    with conv.accelerate(False):
        own = np.isnan(call(x))
    assert own[:, :2].sum() == 2 * 9  # two outputs of its group, nine windows
    assert own[:, 2:].sum() == 0
    np.testing.assert_array_equal(np.isnan(call(x, "highest")), own)
    # Merged, as conv/lowering/README.md says: also in the other groups, but in the same windows.
    np.testing.assert_array_equal(np.isnan(call(x)), np.broadcast_to(own[:, :1], own.shape))


def test_a_nan_in_a_weight_gradient_stays_in_its_group(used: Counter) -> None:
    x, w = draw(0, (1, 6, 16, 16), "float32"), jnp.asarray(draw(1, (6, 2, 3, 3), "float32"))
    x[0, 0, 4, 4] = np.nan
    found = jax.jit(jax.grad(lambda w: conv.conv2d(x, w, groups=3).sum()))(w)
    assert used["weight", "blocks"] == 1
    assert np.isnan(found).sum() == 2 * 9  # of the first input channel, for both of its outputs


def test_other_programs_for_tpu_are_unchanged() -> None:
    def text(*args: Any, enabled: bool, **kwargs: Any) -> str:
        with conv.accelerate(enabled):
            function = jax.jit(lambda *a: conv.conv2d(*a, **kwargs))
            lowered = function.trace(*args).lower(lowering_platforms=("tpu",))
        return MARK.sub("", lowered.as_text()).replace(" {}", "")

    x = jnp.ones((2, 8, 9, 9), "float32")
    for groups, changed in ((1, False), (8, False), (4, True)):
        w = jnp.ones((8, 8 // groups, 3, 3), "float32")
        one, other = (text(x, w, groups=groups, enabled=enabled) for enabled in (True, False))
        assert (one != other) == changed
