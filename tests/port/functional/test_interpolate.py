"""Resizing against PyTorch: positions and weights of an axis one by one, then whole arrays."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import export
from torch.nn import functional as F

import port.functional as functional
from port.functional import _resample, interpolate, upsample
from port.functional._resample import Axis
from tests.support.agree import assert_agree, assert_refused, assert_same, draw, to_torch
from tests.support.opinfo import assert_samples_agree, calls, database, samples
from tests.support.sweeps import some

TYPES = {np.float32: torch.float32, np.float64: torch.float64}


def _axes(seed: int, number: int) -> list[Axis]:
    """Draw sizes and factors: ratios, factors of any size, and factors with one decimal."""
    rng = np.random.default_rng(seed)
    found = []
    while len(found) < number:
        size = int(rng.integers(1, 60))
        draws = (None, float(rng.uniform(0.2, 2.1)), float(rng.integers(1, 21)) / 10)
        scale = draws[len(found) % 3]
        count = int(rng.integers(1, 100)) if scale is None else int(size * scale)
        if 1 <= count <= 120:
            found.append(Axis(size, count, scale))
    return found


def _call(x: torch.Tensor, axis: Axis, dims: int, **options: Any) -> torch.Tensor:
    """Resize the last axis only."""
    lead = (1,) * (dims - 1)
    if axis.scale is None:
        return F.interpolate(x, size=(*lead, axis.count), **options)
    return F.interpolate(x, scale_factor=(*map(float, lead), axis.scale), **options)


@pytest.mark.parametrize("real", TYPES)
@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_nearest_positions(mode: str, short: bool, real: Any) -> None:
    for axis in _axes(1, 400):
        dims = 2 if short else 1
        x = torch.arange(axis.size, dtype=TYPES[real]).reshape((1,) * (dims + 1) + (-1,))
        expected = _call(x, axis, dims, mode=mode).flatten().numpy()
        found = _resample.nearest(axis, real, exact=mode == "nearest-exact", short=short)
        np.testing.assert_array_equal(found, expected, err_msg=str(axis))
        assert (np.diff(found) >= 0).all()


# Polynomials of degree 3 in a fraction: PyTorch's compiler fuses some of their steps in float32.
@pytest.mark.parametrize(("real", "atol"), [(np.float32, 3e-6), (np.float64, 2e-14)])
@pytest.mark.parametrize(
    ("filter", "align"),
    [
        *[(f, a) for f in ("linear", "cubic", "smooth linear", "smooth cubic") for a in (0, 1)],
        ("lanczos", 0),
    ],
)
def test_weights(filter: str, align: int, real: Any, atol: float) -> None:
    name = filter.removeprefix("smooth ")
    widened = name != filter or name == "lanczos"
    for drawn in _axes(2, 60):
        axis = Axis(drawn.size, drawn.count, drawn.scale, bool(align))
        if axis.size == axis.count:
            continue  # left as it is by all but cubics, which test_agreement has
        eye = torch.eye(axis.size, dtype=TYPES[real])[None, :, None]
        mode = {"linear": "bilinear", "cubic": "bicubic"}.get(name, name)
        result = _call(eye, axis, 2, mode=mode, align_corners=bool(align), antialias=widened)
        if widened:
            taps = _resample.smooth(axis, name, real)
        else:
            taps = (_resample.linear if name == "linear" else _resample.cubic)(axis, real)
        assert (np.diff(taps.indices, axis=0) >= 0).all()
        found = np.zeros((axis.count, axis.size))
        np.add.at(found, (np.arange(axis.count)[:, None], taps.indices), taps.weights)
        np.testing.assert_allclose(found, result[0, :, 0].T, rtol=0, atol=atol, err_msg=str(axis))


CASES: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("nearest", (2, 3, 7), {"size": 11}),
    ("nearest", (2, 3, 6, 5), {"scale_factor": 3}),
    ("nearest", (2, 3, 6, 5), {"scale_factor": (0.5, 1.7)}),
    ("nearest", (1, 2, 70, 75), {"size": (100, 101)}),
    ("nearest", (2, 2, 3, 4, 5), {"size": (6, 4, 3)}),
    ("nearest-exact", (2, 3, 7), {"scale_factor": 2.4}),
    ("nearest-exact", (2, 3, 6, 5), {"size": [4, 9]}),
    ("nearest-exact", (2, 2, 3, 4, 5), {"scale_factor": 1.5, "recompute_scale_factor": True}),
    ("linear", (2, 3, 7), {"size": 12}),
    ("linear", (2, 3, 7), {"size": (4,), "align_corners": True}),
    ("linear", (2, 3, 7), {"scale_factor": 1.3}),
    ("linear", (2, 3, 7), {"scale_factor": 1.3, "recompute_scale_factor": True}),
    ("linear", (2, 3, 1), {"size": 4}),
    ("bilinear", (2, 3, 6, 5), {"scale_factor": 2}),
    ("bilinear", (2, 3, 6, 5), {"size": (9, 1), "align_corners": True}),
    ("bilinear", (2, 5, 6, 5), {"scale_factor": (0.6, 2.3), "align_corners": False}),
    ("bilinear", (2, 3, 6, 5), {"size": (3, 8), "antialias": True}),
    ("bilinear", (2, 3, 9, 5), {"scale_factor": (0.4, 1.7), "antialias": True}),
    ("bilinear", (2, 3, 9, 5), {"size": (4, 2), "antialias": True, "align_corners": True}),
    ("bicubic", (2, 3, 6, 5), {"size": (12, 7)}),
    ("bicubic", (2, 3, 6, 5), {"size": (4, 9), "align_corners": True}),
    ("bicubic", (2, 3, 6, 5), {"scale_factor": (1.1, 1.9)}),
    ("bicubic", (2, 3, 6, 5), {"size": (3, 8), "antialias": True}),
    ("bicubic", (2, 3, 9, 5), {"size": (4, 2), "antialias": True, "align_corners": True}),
    ("lanczos", (2, 3, 9, 7), {"size": (4, 9), "antialias": True}),
    ("trilinear", (2, 2, 3, 4, 5), {"size": (5, 3, 7)}),
    ("trilinear", (2, 2, 3, 4, 5), {"scale_factor": 1.5, "align_corners": True}),
    ("area", (2, 3, 7), {"size": 3}),
    ("area", (2, 3, 6, 5), {"scale_factor": 0.6}),
    ("area", (2, 2, 3, 4, 5), {"size": (2, 2, 7)}),
]


@pytest.mark.parametrize(
    ("mode", "shape", "options", "dtype"),
    [
        *((*case, "float64") for case in CASES),
        *some([(*case, "float32") for case in CASES], 4),
        *some([(*case, "bfloat16") for case in CASES if "antialias" not in case[2]], 4),
    ],
)
def test_agreement(mode: str, shape: tuple[int, ...], options: dict[str, Any], dtype: str) -> None:
    # PyTorch rounds every step of two bytes, and its gradients are sums of rounded terms.
    scale = 6.0 if dtype == "bfloat16" else 1.0
    assert_agree(
        lambda x: interpolate(x, mode=mode, **options),
        lambda x: F.interpolate(x, mode=mode, **options),
        draw(3, shape, dtype),
        scale=scale,
    )


BYTES = [
    ("nearest", (1, 2, 5), {"size": 8}),
    ("nearest", (1, 2, 5, 6), {"size": (8, 3)}),
    ("nearest-exact", (1, 2, 3, 5, 6), {"size": (4, 8, 3)}),
    *[
        (mode, (2, channels, 13, 9), {"antialias": antialias, **options})
        for mode in ("bilinear", "bicubic")
        for antialias in (False, True)
        for channels, options in (
            (3, {"size": (20, 4), "align_corners": True}),
            (3, {"scale_factor": (0.5, 1.7)}),
            (6, {"size": (5, 23)}),
            (1, {"size": (13, 2)}),
        )
    ],
    ("lanczos", (1, 3, 13, 9), {"size": (5, 14), "antialias": True}),
]


@pytest.mark.parametrize(("mode", "shape", "options"), BYTES)
def test_bytes(mode: str, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    rng = np.random.default_rng(4)
    extremes = rng.choice(np.array([0, 255], np.uint8), shape)
    for x in (rng.integers(0, 256, shape).astype(np.uint8), extremes):
        found = jax.jit(lambda x: interpolate(x, mode=mode, **options))(x)
        assert_same(found, F.interpolate(torch.from_numpy(x), mode=mode, **options))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "lanczos"])
def test_antialias_to_one_column(mode: str) -> None:
    """PyTorch 2.13 repeats the first row of such a result; that of a transposed image is right."""
    x = draw(5, (1, 2, 6, 4))
    options: Any = {"mode": mode, "antialias": True}
    wrong = F.interpolate(to_torch(x), size=(9, 1), **options)
    assert torch.equal(wrong, wrong[:, :, :1].expand(-1, -1, 9, -1))
    right = F.interpolate(to_torch(x).mT, size=(1, 9), **options).mT
    assert_same(interpolate(x, (9, 1), **options), right)


@pytest.mark.parametrize(
    ("mode", "antialias"),
    [("nearest", False), ("bilinear", False), ("bicubic", False), ("bicubic", True)],
)
def test_factor_of_an_axis_that_keeps_its_size(mode: str, antialias: bool) -> None:
    options: Any = {"scale_factor": (1.1, 1.5), "mode": mode, "antialias": antialias}
    assert_agree(
        lambda x: interpolate(x, **options),
        lambda x: F.interpolate(x, **options),
        draw(6, (1, 2, 5, 6)),
        gradients=not antialias,  # PyTorch's gradient resizes what its value did not
    )


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_infinity_stays_where_it_is(mode: str) -> None:
    x = draw(7, (1, 1, 8, 8))
    x[0, 0, 2, 3] = np.inf
    found = np.asarray(interpolate(x, size=16, mode=mode))
    expected = F.interpolate(torch.from_numpy(x), size=16, mode=mode).numpy()
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))


VARIANTS = [
    "interpolate-area",
    "interpolate-bicubic",
    "interpolate-bilinear",
    "interpolate-linear",
    "interpolate-nearest",
    "interpolate-nearest-exact",
    "interpolate-trilinear",
    "upsample_bilinear",
    "upsample_nearest",
]


def test_samples_are_all_of_the_database() -> None:
    listed = [n for n in database(functional) if n.startswith(("interpolate", "upsample"))]
    assert sorted(listed) == VARIANTS


@pytest.mark.filterwarnings("ignore:.*upsample.* is deprecated")
@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_samples(name: str, dtype: str) -> None:
    groups = calls(samples(name, dtype, functional))
    if dtype == "float64":
        assert_samples_agree(groups[::4], 4)
    else:
        assert_samples_agree(groups[1::8] or groups, None)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*upsample.* is deprecated")
@pytest.mark.parametrize("name", VARIANTS)
def test_all_samples(name: str) -> None:
    assert_samples_agree(calls(samples(name, "float64", functional)))


def test_half_precision_is_nearer_than_pytorch() -> None:
    x = draw(8, (2, 3, 9, 9), "float16")
    exact = F.interpolate(to_torch(x).double(), scale_factor=2.7, mode="bicubic").numpy()
    found = np.asarray(interpolate(x, scale_factor=2.7, mode="bicubic"), np.float64)
    theirs = F.interpolate(to_torch(x), scale_factor=2.7, mode="bicubic").double().numpy()
    assert np.abs(found - exact).max() <= np.abs(theirs - exact).max()


def test_numpy_and_empty_batches() -> None:
    for mode in ("nearest", "bilinear", "bicubic", "area"):
        found = interpolate(np.ones((0, 2, 3, 4), np.float32), size=(5, 6), mode=mode)
        assert found.shape == (0, 2, 5, 6)
    found = interpolate(np.ones((1, 0, 4), np.float32), size=np.int64(2), mode="area")
    assert found.shape == (1, 0, 2)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
def test_symbolic_batch(mode: str) -> None:
    spec = jax.ShapeDtypeStruct(export.symbolic_shape("n, 3, 4, 5"), jnp.float32)
    program = jax.jit(lambda x: interpolate(x, scale_factor=1.7, mode=mode))
    x = draw(9, (2, 3, 4, 5), "float32")
    found = export.export(program)(spec).call(x)
    assert_same(found, F.interpolate(to_torch(x), scale_factor=1.7, mode=mode))


REFUSED: list[tuple[dict[str, Any], tuple[int, ...], type[Exception], str]] = [
    ({}, (1, 1, 4), ValueError, "size=None"),
    ({"size": 2, "scale_factor": 2.0}, (1, 1, 4), ValueError, "scale_factor=2.0"),
    ({"size": (2, 3)}, (1, 1, 4), ValueError, "size=(2, 3)"),
    ({"size": 2.0}, (1, 1, 4), TypeError, "size=2.0"),
    ({"size": True}, (1, 1, 4), TypeError, "size=True"),
    ({"size": "2"}, (1, 1, 4), TypeError, "size='2'"),
    ({"size": 0}, (1, 1, 4), ValueError, "(0,)"),
    ({"size": -1}, (1, 1, 4), ValueError, "(-1,)"),
    ({"scale_factor": 0.1}, (1, 1, 4), ValueError, "(0,)"),
    ({"scale_factor": -1.0}, (1, 1, 4), ValueError, "(-4,)"),
    ({"scale_factor": (2.0, 2.0)}, (1, 1, 4), ValueError, "scale_factor=(2.0, 2.0)"),
    ({"scale_factor": float("nan")}, (1, 1, 4), ValueError, "scale_factor=nan"),
    ({"scale_factor": float("inf")}, (1, 1, 4), ValueError, "scale_factor=inf"),
    ({"scale_factor": "2"}, (1, 1, 4), TypeError, "scale_factor='2'"),
    ({"size": 2, "recompute_scale_factor": True}, (1, 1, 4), ValueError, "recompute_scale_factor"),
    ({"size": 2, "mode": "cubic"}, (1, 1, 4), ValueError, "mode='cubic'"),
    ({"size": 2, "mode": None}, (1, 1, 4), ValueError, "mode=None"),
    ({"size": 2, "mode": "bilinear"}, (1, 1, 4), ValueError, "(1, 1, 4)"),
    ({"size": 2, "mode": "linear"}, (1, 1, 4, 4), ValueError, "(1, 1, 4, 4)"),
    ({"size": 2, "mode": "bicubic"}, (1, 1, 4, 4, 4), ValueError, "(1, 1, 4, 4, 4)"),
    ({"size": 2, "mode": "trilinear"}, (1, 1, 4, 4), ValueError, "(1, 1, 4, 4)"),
    ({"size": 2}, (4, 4), ValueError, "(4, 4)"),
    ({"size": 2, "align_corners": False}, (1, 1, 4), ValueError, "align_corners=False"),
    ({"size": 2, "mode": "linear", "align_corners": 1}, (1, 1, 4), TypeError, "align_corners=1"),
    ({"size": 2, "antialias": True}, (1, 1, 4, 4), ValueError, "mode='nearest'"),
    ({"size": 2, "mode": "lanczos"}, (1, 1, 4, 4), ValueError, "antialias=False"),
    ({"size": -1, "mode": "area"}, (1, 1, 4), ValueError, "(-1,)"),
    ({"size": 2}, (1, 0, 4), ValueError, "(1, 0, 4)"),
    ({"size": 2, "mode": "bilinear"}, (1, 1, 0, 4), ValueError, "(1, 1, 0, 4)"),
]


@pytest.mark.parametrize(("options", "shape", "error", "word"), REFUSED)
def test_refusals(
    options: dict[str, Any], shape: tuple[int, ...], error: type[Exception], word: str
) -> None:
    arrays = [np.ones(shape, np.float32)]
    assert_refused(
        lambda x: interpolate(x, **options),
        lambda x: F.interpolate(x, **options),
        arrays,
        error,
        ["interpolate: ", word],
    )


@pytest.mark.parametrize(
    ("mode", "shape", "dtype", "antialias"),
    [
        ("nearest", (1, 1, 4), "int32", False),
        ("nearest", (1, 1, 4), "bool", False),
        ("nearest", (1, 1, 4), "complex64", False),
        ("linear", (1, 1, 4), "uint8", False),
        ("trilinear", (1, 1, 4, 4, 4), "uint8", False),
        ("bilinear", (1, 1, 4, 4), "int64", False),
        ("area", (1, 1, 4, 4), "complex64", False),
        ("area", (1, 1, 4, 4), "int32", False),
        ("bilinear", (1, 1, 4, 4), "float16", True),
        ("bicubic", (1, 1, 4, 4), "bfloat16", True),
    ],
)
def test_dtypes_refused(mode: str, shape: tuple[int, ...], dtype: str, antialias: bool) -> None:
    assert_refused(
        lambda x: interpolate(x, 3, mode=mode, antialias=antialias),
        lambda x: F.interpolate(x, 3, mode=mode, antialias=antialias),
        [np.ones(shape).astype(jnp.dtype(dtype))],
        TypeError,
        [dtype],
    )


def test_upsample_warns() -> None:
    with pytest.warns(UserWarning, match="Use interpolate instead"):
        found = upsample(np.ones((1, 1, 2), np.float32), scale_factor=2)
    assert found.shape == (1, 1, 4)
