"""Products inside of `accelerate()`: oneDNN's where it has them, JAX's own everywhere else."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

import conv
from conv.lowering._dot import matrices
from conv.lowering.methods import onednn
from convgrad import _jax
from convgrad._jax import ONEDNN_PRODUCT as NAME
from tests.support.agree import draw

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(
    not onednn.available() or not _jax.has_avx512(), reason="oneDNN's products are not used here"
)

# As einsum has it, with the sizes of both operands.
TAKEN = {
    "ab,bc->ac": ((70, 50), (50, 60)),
    "ab,cb->ac": ((70, 50), (60, 50)),
    "ba,bc->ac": ((50, 70), (50, 60)),
    "ba,cb->ac": ((50, 70), (60, 50)),
    "xyb,cb->xyc": ((2, 35, 50), (60, 50)),
    "xyb,xyc->bc": ((2, 35, 50), (2, 35, 60)),
    "xab,abc->xc": ((70, 5, 10), (5, 10, 60)),
}
LEFT = {
    "zab,zbc->zac": ((3, 40, 40), (3, 40, 40)),  # a batch
    "xby,bc->xyc": ((10, 50, 10), (50, 60)),  # summed over an axis in the middle
    "ab,ab->": ((300, 300), (300, 300)),
    "a,b->ab": ((300,), (300,)),
    "ab,bc->ac": ((3, 5), (5, 7)),  # small
}


def marked(how: str) -> Any:
    def function(a: Any, b: Any) -> Any:
        with conv.accelerate():
            return jnp.einsum(how, a, b)

    return function


def pair(shapes: Any, dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    first, second = (draw(i, shape, dtype) for i, shape in enumerate(shapes))
    return first, second


def text(function: Any, *args: Any) -> str:
    return jax.jit(lambda *a: function(*a)).lower(*args).as_text()


def close(found: Any, right: np.ndarray) -> None:
    np.testing.assert_allclose(found, right, rtol=0, atol=2e-6 * np.abs(right).max())


@pytest.mark.parametrize("how", TAKEN)
def test_products_of_two_matrices_are_onednns(how: str) -> None:
    a, b = pair(TAKEN[how])
    assert NAME in text(marked(how), a, b)
    assert NAME not in text(lambda a, b: jnp.einsum(how, a, b), a, b)
    with conv.accelerate(False):
        assert NAME not in text(lambda a, b: jnp.einsum(how, a, b), a, b)
    right = np.einsum(how, a.astype("float64"), b.astype("float64"))
    close(jax.jit(marked(how))(a, b), right)


@pytest.mark.parametrize("how", TAKEN)
def test_their_gradients_are_too(how: str) -> None:
    a, b = pair(TAKEN[how])
    left, rest = how.split("->")[0].split(","), how.split("->")[1]
    g = draw(3, np.einsum(how, a, b).shape, "float32")

    def pulled(a: Any, b: Any, g: Any) -> Any:
        return jax.vjp(marked(how), a, b)[1](g)

    assert text(pulled, a, b, g).count(f"@{NAME}") == 2  # its own result is not asked for
    wide = [v.astype("float64") for v in (a, b, g)]
    rights = (
        np.einsum(f"{rest},{left[1]}->{left[0]}", wide[2], wide[1]),
        np.einsum(f"{rest},{left[0]}->{left[1]}", wide[2], wide[0]),
    )
    for found, right in zip(jax.jit(pulled)(a, b, g), rights, strict=True):
        close(found, right)


@pytest.mark.parametrize("how", LEFT)
def test_other_products_are_jaxs(how: str) -> None:
    a, b = pair(LEFT[how])
    assert NAME not in text(marked(how), a, b)
    right = np.einsum(how, a.astype("float64"), b.astype("float64"))
    close(jax.jit(marked(how))(a, b), np.asarray(right))


def test_bfloat16_where_the_processor_has_tiles() -> None:
    """Rounded once: half a unit of the last of eight bits."""
    a, b = (jnp.asarray(array, jnp.bfloat16) for array in pair(((70, 50), (50, 60))))
    assert (NAME in text(marked("ab,bc->ac"), a, b)) is _jax.has_amx()
    right = np.asarray(a, "float64") @ np.asarray(b, "float64")
    found = np.asarray(jax.jit(marked("ab,bc->ac"))(a, b), "float64")
    assert (np.abs(found - right) <= 2**-8 * np.abs(right) + 1e-5).all()


@pytest.mark.parametrize("dtype", ["float64", "float16", "int32", "complex64"])
def test_other_dtypes_are_jaxs(dtype: str) -> None:
    a, b = (jnp.ones(shape, dtype) for shape in ((70, 50), (50, 60)))
    assert NAME not in text(marked("ab,bc->ac"), a, b)
    assert (np.asarray(marked("ab,bc->ac")(a, b).astype("complex64")) == 50).all()
    wide = lambda a, b: lax.dot(a, b, preferred_element_type=jnp.float64)  # noqa: E731
    assert NAME not in text(conv.accelerate()(wide), *pair(((70, 50), (50, 60))))


def test_mapped_in_a_loop_and_at_the_second_order() -> None:
    a, b = pair(((3, 70, 50), (50, 60)))
    one = marked("ab,bc->ac")
    wide = np.einsum("zab,bc->zac", a.astype("float64"), b.astype("float64"))
    mapped = lambda a, b: jax.vmap(one, (0, None))(a, b)  # noqa: E731
    scanned = lambda a, b: lax.scan(lambda c, x: (c, one(x, b)), None, a)[1]  # noqa: E731
    for function in (mapped, scanned):
        assert NAME in text(function, a, b)
        close(jax.jit(function)(a, b), wide)
    curved = jax.hessian(lambda s: (one(s * a[0], b) ** 2).sum())(2.0)
    np.testing.assert_allclose(curved, 2 * (wide[0] ** 2).sum(), rtol=1e-5)
    _, tangent = jax.jvp(one, (a[0], b), (a[1], b))
    close(tangent, wide[1] + wide[0])


def test_not_for_export_nor_for_several_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair(TAKEN["ab,bc->ac"])
    exported = jax.export.export(jax.jit(marked("ab,bc->ac")), platforms=("cpu", "cuda"))(a, b)
    assert NAME not in exported.mlir_module()
    for devices in (8, None):
        monkeypatch.setattr(_jax, "devices_of_lowering", lambda ctx, n=devices: n)
        assert NAME not in text(marked("ab,bc->ac"), a, b)


def test_whole_numbers_come_out_whole_and_a_nan_stays_in_its_row() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-2, 3, shape).astype("float32") for shape in ((70, 500), (500, 60)))
    np.testing.assert_array_equal(marked("ab,bc->ac")(a, b), a @ b)
    a[3, 7] = np.nan
    np.testing.assert_array_equal(np.isnan(marked("ab,bc->ac")(a, b)), np.isnan(a @ b))
    assert np.isnan(a @ b).sum() == 60


def test_a_flax_layer() -> None:
    layer = nnx.Linear(50, 60, rngs=nnx.Rngs(0))
    x = draw(0, (70, 50), "float32")
    assert NAME in text(conv.accelerate()(layer), x)
    right = x.astype("float64") @ np.asarray(layer.kernel[...]) + np.asarray(layer.bias[...])
    close(conv.accelerate()(layer)(x), right)


def test_without_it_and_with_its_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair(TAKEN["ab,bc->ac"])
    monkeypatch.setattr(_jax, "_losses", {})
    with pytest.warns(RuntimeWarning, match="has moved the parameters of a product"):
        assert _jax.product({"dimensions": ()}) is None
    monkeypatch.setattr(_jax, "product", lambda params: None)
    jax.clear_caches()
    assert NAME not in text(marked("ab,bc->ac"), a, b)
    close(marked("ab,bc->ac")(a, b), a.astype("float64") @ b)
    monkeypatch.undo()
    monkeypatch.setattr(onednn, "available", lambda: False)
    jax.clear_caches()
    assert NAME not in text(marked("ab,bc->ac"), a, b)


def test_how_arrays_become_matrices() -> None:
    left, right = (jax.ShapeDtypeStruct(s, "float32") for s in ((2, 3, 4), (4, 3, 5)))
    how = matrices(left, right, _jax.Product(((1, 2), (1, 0)), ((), ()), False))
    assert how is None  # (3, 4) of the one, (4, 3) of the other
    how = matrices(left, right, _jax.Product(((2,), (0,)), ((), ()), False))
    assert how is not None
    assert (how.left, how.right, how.axes, how.shape) == ((6, 4), (4, 15), (1, 0), (2, 3, 3, 5))


WALK = """
import jax, jax.numpy as jnp, numpy as np
from convgrad import _jax
rng = np.random.default_rng(0)
for _ in range(60):
    m, k, n = (int(v) for v in rng.choice([1, 2, 3, 7, 16, 33, 64, 100, 257], 3))
    for axes in ((0, 0), (0, 1), (1, 0), (1, 1)):
        a = rng.integers(-3, 4, (m, k)[:: 1 if axes[0] else -1]).astype("float32")
        b = rng.integers(-3, 4, (k, n)[:: -1 if axes[1] else 1]).astype("float32")
        found = jax.jit(_jax.onednn_product, static_argnums=(2, 3))(a, b, axes, "float32")
        right = np.tensordot(a, b, ((axes[0],), (axes[1],)))
        np.testing.assert_array_equal(found, right)
"""


@pytest.mark.parametrize("isa", ["ALL", "AVX512_CORE"])
def test_the_kernels_are_its_own(isa: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WALK],
        cwd=ROOT,
        env={**os.environ, "ONEDNN_VERBOSE": "1", "ONEDNN_MAX_CPU_ISA": isa},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if ",exec,cpu,matmul," in line]
    assert lines
    assert not {k for k in (line.split(",")[6] for line in lines) if "gemm" in k or "ref" in k}
