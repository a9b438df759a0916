"""If JAX moves what the rule leans on: one warning, right results, and routes that say so.

Each loss is imitated in a process of its own: a module without one of its names, in the place where
this package looks for it. JAX's own modules hold what they import, and go on.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]

PROGRAM = """
import dataclasses, json, sys, types, warnings

import jax
import jax.numpy as jnp
import numpy as np
import jax.experimental.xla_metadata
import jax.interpreters.mlir
import jax._src.interpreters.mlir


def without(module, *names, **instead):
    there = {name: value for name, value in vars(module).items() if name not in names}
    proxy = types.ModuleType(module.__name__)
    vars(proxy).update({**there, **instead})
    return proxy


def fields_but(context, name):
    kept = [field.name for field in dataclasses.fields(context) if field.name != name]
    return dataclasses.make_dataclass(context.__name__, kept)


class Hiding:
    def __init__(self, thing, name):
        self.__dict__.update(thing=thing, name=name)

    def __getattr__(self, name):
        if name == self.name:
            raise AttributeError(f"no {name}")
        return getattr(self.thing, name)


mlir, private = jax.interpreters.mlir, jax._src.interpreters.mlir
LOSS

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import conv

    AFTER

    x, w = np.arange(512, dtype="float32").reshape(2, 4, 8, 8), np.ones((4, 1, 3, 3), "float32")

    def gradients(x, w):
        y, pull = jax.vjp(lambda x, w: conv.conv2d(x, w, padding=1, groups=4), x, w)
        return (y, *pull(jnp.ones_like(y)))

    found = jax.jit(gradients)(x, w)
    lowered = jax.jit(lambda *a: gradients(*a)).lower(x, w).as_text()
    routes = conv.routes(gradients, x, w)
    with conv.accelerate():
        jax.jit(lambda x: x + 1)(1.0)
json.dump({
    "results": [np.asarray(a).tolist() for a in found],
    "convolutions": lowered.count("stablehlo.convolution"),
    "warnings": [f"{c.category.__name__}: {c.message}" for c in caught],
    "methods": [r.method for r in routes],
    "why": [r.why for r in routes],
}, sys.stdout)
"""

# What is lost, and how that is imitated: before `import conv`, and after it.
LOSSES: dict[str, tuple[str, str]] = {
    "the table of lowering rules": (
        "jax._src.interpreters.mlir = without(private, '_platform_specific_lowerings')", ""),
    "the registration of lowering rules": (
        "jax.interpreters.mlir = without(mlir, 'register_lowering')", ""),
    "the marking of equations": (
        "sys.modules['jax.experimental.xla_metadata'] = types.ModuleType('gone')", ""),
    "what lowering rules are told": (
        "jax.interpreters.mlir = without(mlir, LoweringRuleContext="
        "fields_but(mlir.LoweringRuleContext, 'jaxpr_eqn_ctx'))", ""),
    "the mark in a lowering rule": ("", """
    from convgrad import _jax
    whole = _jax.mark_of_lowering
    _jax.mark_of_lowering = lambda ctx: whole(Hiding(ctx, 'jaxpr_eqn_ctx'))"""),
    "the mark of an equation": ("", """
    from convgrad import _jax
    marked = _jax.mark_of_equation
    _jax.mark_of_equation = lambda e: marked(Hiding(e, 'ctx'))"""),
    "the devices of a lowering": ("", """
    from convgrad import _jax
    devices = _jax.devices_of_lowering
    _jax.devices_of_lowering = lambda ctx: devices(Hiding(ctx, 'module_context'))"""),
    "the mesh of an equation": ("", """
    from convgrad import _jax
    mesh = _jax.devices_of_equation
    _jax.devices_of_equation = lambda e, n: mesh(Hiding(e, 'ctx'), n)"""),
    "the parameters of a convolution": ("", """
    from convgrad import _jax
    _jax._NAMES['stride'] = 'strides'"""),
    "the lowering of functions": (
        "jax.interpreters.mlir = without(mlir, 'lower_fun')", ""),
}  # fmt: skip

# Of these the rule knows nothing, and routes alone goes without.
OF_ROUTES = ("the mark of an equation", "the mesh of an equation")


def run(loss: str, after: str = "") -> Any:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("LOSS", loss).replace("AFTER", after.strip())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def untouched() -> Any:
    return run("")


def test_nothing_is_lost_today(untouched: Any) -> None:
    assert untouched["warnings"] == []
    assert untouched["convolutions"] == 0
    assert untouched["methods"] == ["depthwise"] * 3


@pytest.mark.parametrize("what", LOSSES)
def test_a_loss_is_told_once_and_costs_speed_only(what: str, untouched: Any) -> None:
    found = run(*LOSSES[what])
    assert found["results"] == untouched["results"]
    (told,) = found["warnings"]
    assert told.startswith("RuntimeWarning: jax ")
    assert f"has moved {what} (" in told
    assert "JAX's own lowering" in told
    assert found["methods"] == ["stock"] * 3
    assert all(f"has moved {what}" in why for why in found["why"])
    if what not in OF_ROUTES:
        assert found["convolutions"] == 3


def test_unpromised_names_stand_in_one_file() -> None:
    names = (
        "jax._src", "jax.interpreters", "jax.experimental", "jax.extend", "jax.core",
        "xla_metadata", "__onednn", "conv_general_dilated_p", "_ctx", "module_context",
        ".primitive", "equation.params",
    )  # fmt: skip
    for path in (ROOT / "conv").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert [name for name in names if name in text] == [], path
