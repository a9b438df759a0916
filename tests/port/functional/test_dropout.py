"""Dropout: which elements are dropped, by PyTorch's statistics; what is refused."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional as F

import port.functional as functional
from tests.support.agree import assert_refused, assert_same, draw, to_torch

FLOATING = ("float16", "bfloat16", "float32", "float64")
# Name, and the shape whose first dimensions count the independent draws.
ALL: list[tuple[str, tuple[int, ...], int]] = [
    ("dropout", (300, 100), 2),
    ("alpha_dropout", (300, 100), 2),
    ("dropout1d", (300, 100, 3), 2),
    ("dropout1d", (30_000, 3), 1),
    ("dropout2d", (300, 100, 2, 2), 2),
    ("dropout2d", (300, 100, 3), 2),
    ("dropout2d", (300, 100), 2),
    ("dropout3d", (300, 100, 1, 2, 2), 2),
    ("dropout3d", (30_000, 1, 2, 2), 1),
    ("dropout3d", (30_000, 2), 1),
    ("feature_alpha_dropout", (300, 100, 2), 2),
    ("feature_alpha_dropout", (300, 100), 2),
]
NAMES = sorted({name for name, _, _ in ALL})
KEY = jax.random.key(0)
IGNORED = pytest.mark.filterwarnings("ignore:dropout[23]d. Received a:UserWarning")


@IGNORED
@pytest.mark.parametrize(("name", "shape", "lead"), ALL)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.75])
def test_what_is_dropped(name: str, shape: tuple[int, ...], lead: int, p: float) -> None:
    """The two values that ones become, how often, and that a channel is dropped as a whole."""
    x = np.ones(shape)
    y = jax.jit(lambda x: getattr(functional, name)(x, p, True, rng=KEY))(x)
    right = getattr(F, name)(to_torch(x), p, True)
    mine, theirs = np.unique(y), np.unique(right)
    np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    assert len(mine) == 2
    units = np.asarray(y).reshape(*shape[:lead], -1)
    assert (units == units[..., :1]).all()
    kept = (units[..., 0] == mine[1]).mean()
    error = np.sqrt(p * (1 - p) / 30_000)
    assert abs(kept - (1 - p)) < 5 * error
    assert abs(kept - float((right == theirs[1]).double().mean())) < 7 * error
    # Independent draws: of neighbours, both are kept as often as the product says.
    flat = (units[..., 0] == mine[1]).ravel()
    assert abs((flat[1:] & flat[:-1]).mean() - (1 - p) ** 2) < 5 * error


@pytest.mark.parametrize("name", ["alpha_dropout", "feature_alpha_dropout"])
@pytest.mark.parametrize("p", [0.1, 0.5])
def test_mean_and_variance_are_kept(name: str, p: float) -> None:
    x = draw(1, (500, 400))
    y = getattr(functional, name)(x, p, True, rng=KEY)
    right = getattr(F, name)(to_torch(x), p, True)
    # 5 standard errors of 200 000 draws with a deviation of about 1, and of their squares.
    assert abs(y.mean()) < 5 / np.sqrt(2e5) * 1.2
    assert abs(y.var() - 1) < 0.02
    assert abs(float(right.var()) - float(y.var())) < 0.02


@IGNORED
@pytest.mark.parametrize("name", NAMES)
def test_values_that_are_kept_and_their_gradient(name: str) -> None:
    """An affine map of the input for kept elements, and a constant for the others."""
    x = draw(2, (40, 50, 3))

    def ours(x: jax.Array) -> jax.Array:
        return getattr(functional, name)(x, 0.3, True, rng=KEY)

    y, (slope,) = ours(x), jax.vjp(ours, x)[1](jnp.ones(x.shape))
    np.testing.assert_array_equal(jax.jvp(ours, (x,), (jnp.ones(x.shape),))[1], slope)
    ones = getattr(F, name)(torch.ones(5000, 20, 1, dtype=torch.float64), 0.3, True)
    zeros = getattr(F, name)(torch.zeros(5000, 20, 1, dtype=torch.float64), 0.3, True)
    low, shift = (float(v) for v in (zeros.min(), zeros.max()))
    scale = float(ones.max()) - shift
    np.testing.assert_allclose(np.unique(slope), [0, scale], rtol=1e-12)
    dropped = np.asarray(slope) == 0
    np.testing.assert_allclose(y[dropped], low, rtol=1e-12)
    np.testing.assert_allclose(y[~dropped], x[~dropped] * scale + shift, rtol=1e-12)


@IGNORED
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", FLOATING)
def test_floating_dtypes(name: str, dtype: str) -> None:
    x = np.ones((30, 40, 1), jnp.dtype(dtype))
    y = getattr(functional, name)(x, 0.4, True, rng=KEY)
    right = getattr(F, name)(to_torch(x), 0.4, True)
    assert y.dtype == dtype
    mine, theirs = np.unique(y), np.unique(right.double().numpy())
    assert_same(jnp.asarray(mine), to_torch(theirs).to(right.dtype))


@IGNORED
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_dropped(name: str) -> None:
    function = getattr(functional, name)
    for dtype in (*FLOATING, "int64", "bool", "complex64"):
        x = np.ones((2, 3, 4)).astype(jnp.dtype(dtype))
        for arguments in ((0.5, False), (0.0, True), (1, False)):
            assert_same(function(x, *arguments), getattr(F, name)(to_torch(x), *arguments))
    empty = np.ones((0, 3, 4))
    assert_same(function(empty, 0.5, True), getattr(F, name)(to_torch(empty), 0.5, True))


@IGNORED
@pytest.mark.parametrize("name", NAMES)
def test_all_is_dropped(name: str) -> None:
    x = draw(3, (2, 3, 4))
    x[0, 0, :3] = np.nan, np.inf, -np.inf
    mine = getattr(functional, name)(x, 1.0, True, rng=KEY)
    assert_same(mine, getattr(F, name)(to_torch(x), 1.0, True))
    whole = np.ones((2, 3, 4), int)
    found = getattr(functional, name)(whole, 1.0, True, rng=KEY)
    if "alpha" not in name:
        assert_same(found, getattr(F, name)(to_torch(whole), 1.0, True))


@pytest.mark.parametrize("name", NAMES)
def test_the_key_decides(name: str) -> None:
    x = np.ones((100, 100, 1))
    function = getattr(functional, name)
    same = [function(x, 0.5, True, rng=key) for key in (KEY, jax.random.key(0))]
    np.testing.assert_array_equal(*same)
    other = function(x, 0.5, True, rng=jax.random.key(1))
    assert 0.4 < (other != same[0]).mean() < 0.6
    old_style = function(x, 0.5, True, rng=jax.random.PRNGKey(0))
    assert old_style.shape == x.shape
    keys = jax.random.split(KEY, 3)
    each = jax.vmap(lambda x, key: function(x, 0.5, True, rng=key))(np.stack([x] * 3), keys)
    assert len(np.unique(np.asarray(each).reshape(3, -1), axis=0)) == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_key_is_asked_for(name: str) -> None:
    function = getattr(functional, name)
    for p in (0.5, 1.0):
        with pytest.raises(ValueError, match=f"^{name}: rng must be a JAX key where"):
            function(np.ones((2, 3, 4)), p, True)
    for wrong in (0, np.random.default_rng(0), "key"):
        with pytest.raises(TypeError, match=f"^{name}: rng must be a JAX key, as of"):
            function(np.ones((2, 3, 4)), 0.5, True, rng=wrong)


REFUSED: list[tuple[tuple[int, ...], dict[str, Any], type[Exception], str]] = [
    ((2, 3, 4), {"p": 1.5}, ValueError, "p=1.5"),
    ((2, 3, 4), {"p": -0.1}, ValueError, "p=-0.1"),
    ((2, 3, 4), {"p": float("nan")}, ValueError, "p=nan"),
    ((2, 3, 4), {"p": None}, TypeError, "p=None"),
    ((2, 3, 4), {"p": "0.5"}, TypeError, "p='0.5'"),
    ((2, 3, 4), {"training": 1}, TypeError, "training=1"),
    ((2, 3, 4), {"training": None}, TypeError, "training=None"),
]


@pytest.mark.parametrize("name", NAMES)
def test_refusals(name: str) -> None:
    for shape, options, error, word in REFUSED:
        given = {"p": 0.5, "training": True} | options
        assert_refused(
            lambda x: getattr(functional, name)(x, **given, rng=KEY),  # noqa: B023
            lambda x: getattr(F, name)(x, **given),  # noqa: B023
            [np.ones(shape)],
            error,
            [f"{name}: ", word],
        )
    for dtype in ("int64", "bool", "complex64"):
        assert_refused(
            lambda x: getattr(functional, name)(x, 0.5, True, rng=KEY),
            lambda x: getattr(F, name)(x, 0.5, True),
            [np.ones((2, 3, 4)).astype(dtype)],
            TypeError,
            [f"{name}: ", dtype],
        )
    for value in (1.0, [1.0], None):
        with pytest.raises(TypeError, match=f"^{name}: input must be an array"):
            getattr(functional, name)(value)
    with pytest.raises(TypeError, match="p must be known while tracing"):
        jax.jit(lambda p: getattr(functional, name)(np.ones((2, 3, 4)), p, True, rng=KEY))(0.5)


@IGNORED
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("dropout1d", (3,)),
        ("dropout1d", (2, 3, 4, 5)),
        ("dropout2d", (3,)),
        ("dropout3d", ()),
        ("feature_alpha_dropout", (3,)),
    ],
)
def test_shapes_without_channels_are_refused(name: str, shape: tuple[int, ...]) -> None:
    assert_refused(
        lambda x: getattr(functional, name)(x, 0.5, True, rng=KEY),
        lambda x: getattr(F, name)(x, 0.5, True),
        [np.ones(shape)],
        ValueError,
        [f"{name}: ", f"input.shape={shape}"],
    )


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_those_of_pytorch(name: str) -> None:
    mine = inspect.signature(getattr(functional, name)).parameters
    theirs = inspect.signature(getattr(F, name)).parameters
    assert list(mine) == [*theirs, "rng"]
    assert all(mine[n].default == theirs[n].default for n in theirs)
    assert mine["rng"].kind == inspect.Parameter.KEYWORD_ONLY
