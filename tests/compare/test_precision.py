"""What reports say of the bits of float32 products."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from compare import _precision as precision
from compare import compare
from compare._versions import versions, versions_line


@pytest.mark.parametrize(
    ("platform", "asked", "said"),
    [
        ("cpu", "default", ""),
        ("cuda", "default", "TF32"),
        ("gpu", "highest", ""),
        ("tpu", "default", "bfloat16 in one pass"),
        ("tpu", "float32", ""),
        ("tpu", "bfloat16_3x", "what 'bfloat16_3x' asks for"),
    ],
)
def test_what_is_in_force(platform: str, asked: str, said: str) -> None:
    found = precision.reduced(platform, asked)
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_a_comparison_states_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> str:
        return str(compare(jnp.tanh, torch.tanh, np.float32([0.0])))

    assert "products" not in found()
    monkeypatch.setattr(precision, "_platform", lambda: "tpu")
    assert "products were in bfloat16 in one pass" in found()
    assert 'align with jax.default_matmul_precision("highest")' in found()
    with jax.default_matmul_precision("highest"):
        assert "products" not in found()


def test_reports_state_it(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "float32 products: JAX on {} in float32, PyTorch on cpu in float32"
    assert line.format("cpu") in versions_line(versions())
    monkeypatch.setattr(precision, "_platform", lambda: "tpu")
    assert line.format("tpu") in versions_line(versions())  # rows ask for all bits
    assert "JAX on tpu in bfloat16" in precision.told()


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_one_way_aligns_every_product(platform: str) -> None:
    """Convolutions of all kinds, dense layers, attention, and all their gradients."""
    from checks.functions import calls

    names = ("conv.conv", "port.functional.linear", "port.functional.bilinear",
             "port.functional.scaled")  # fmt: skip
    chosen = [call for call in calls() if call.name.startswith(names)]
    assert len(chosen) > 25
    for call in chosen:
        gradient = call.gradient()
        assert gradient is not None
        function, types = gradient
        with jax.default_matmul_precision("highest"):
            program = jax.jit(function).trace(*types).lower(lowering_platforms=(platform,))
        text: Any = program.as_text()
        products = text.count("stablehlo.dot_general") + text.count("stablehlo.convolution")
        assert text.count("precision DEFAULT") == 0, call.name
        assert products == 0 or "HIGHEST" in text, call.name
