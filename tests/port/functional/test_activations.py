"""Activations beside live PyTorch: at kinks and at the ends of the numbers, in all dtypes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional as F

import port.functional as functional
from tests.support.agree import (
    DTYPES,
    assert_agree,
    assert_refused,
    assert_same,
    draw,
    dtype_name,
    to_torch,
)

FLOATING = ("float16", "bfloat16", "float32", "float64")
INTEGER = ("uint8", "int8", "int16", "int32", "int64")
COMPLEX = ("complex64", "complex128")

# Name in both, further arguments, and where its kinks are.
ELEMENTWISE: list[tuple[str, tuple[Any, ...], list[float]]] = [
    ("celu", (), []),
    ("celu", (2.0,), []),
    ("celu", (-2.0,), [1.0, -1.0]),
    ("elu", (), []),
    ("elu", (0.5,), []),
    ("elu", (-1.0,), []),
    ("gelu", (), []),
    ("gelu", ("tanh",), []),
    ("hardshrink", (), [0.5, -0.5]),
    ("hardshrink", (0.0,), []),
    ("hardshrink", (-1.0,), [0.5, 1.0]),
    ("hardsigmoid", (), [3.0, -3.0]),
    ("hardswish", (), [3.0, -3.0]),
    ("hardtanh", (), [1.0, -1.0]),
    ("hardtanh", (-2.0, 0.5), [-2.0, 0.5]),
    ("hardtanh", (1.0, 1.0), [1.0]),
    ("leaky_relu", (), []),
    ("leaky_relu", (-0.5,), []),
    ("logsigmoid", (), [-800.0, 800.0]),
    ("mish", (), [20.0, 30.0]),
    ("relu", (), []),
    ("relu6", (), [6.0]),
    ("rrelu", (), []),
    ("selu", (), []),
    ("sigmoid", (), [-800.0, 800.0]),
    ("silu", (), [-800.0, 800.0]),
    ("softplus", (), [20.0, 20.5, -800.0]),
    ("softplus", (-1.0,), [20.0, -20.5]),
    ("softplus", (2.0, 3.0), [1.5, 1.6]),
    ("softshrink", (), [0.5, -0.5]),
    ("softshrink", (0.0,), []),
    ("softsign", (), []),
    ("tanh", (), []),
    ("tanhshrink", (), []),
    ("threshold", (1.0, 5.0), [1.0]),
    ("threshold", (0.0, float("nan")), []),
]
IDS = [f"{name}{arguments}" for name, arguments, _ in ELEMENTWISE]
# PyTorch has no second derivative of it.
FIRST_ORDER = ("hardsigmoid",)


def _theirs(name: str) -> Callable[..., Any]:
    function = getattr(F, name)
    if name == "gelu":
        return lambda x, approximate="none": function(x, approximate=approximate)
    return function


def _derivatives(name: str, arguments: tuple[Any, ...], points: np.ndarray) -> dict[str, Any]:
    """PyTorch's value, first and second derivative at points, in one call."""
    x = to_torch(points, requires_grad=True)
    y = _theirs(name)(x, *arguments)
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    found = {"value": y, "gradient": first, "forward": first}
    if name not in FIRST_ORDER:
        (found["second"],) = torch.autograd.grad(first.sum(), x, materialize_grads=True)
    return found


@pytest.mark.parametrize(("name", "arguments", "kinks"), ELEMENTWISE, ids=IDS)
def test_at_kinks_and_at_the_ends(
    name: str, arguments: tuple[Any, ...], kinks: list[float]
) -> None:
    """Value, both modes of the first derivative, and the second, at each point.

    PyTorch's kernels for whole vectors and for what remains differ in the derivative at nan: the
    latter's is the one of its formula, and of single elements.
    """
    points = np.array([np.nan, 0.0, -0.0, np.inf, -np.inf, 1e-300, -1e-300, 700.0, -700.0, *kinks])

    def ours(x: jax.Array) -> jax.Array:
        return getattr(functional, name)(x, *arguments)

    @jax.jit
    def everything(x: jax.Array) -> dict[str, jax.Array]:
        gradient = jax.grad(lambda x: ours(x).sum())
        return {
            "value": ours(x),
            "gradient": gradient(x),
            "forward": jax.jvp(ours, (x,), (jnp.ones_like(x),))[1],
            "second": jax.grad(lambda x: gradient(x).sum())(x),
        }

    found = everything(points)
    singly = [_derivatives(name, arguments, points[i : i + 1]) for i in range(len(points))]
    together = _derivatives(name, arguments, np.tile(points[1:], 8))
    for what in together:
        mine, right = found[what], torch.cat([one[what] for one in singly])
        repeated = jnp.tile(mine[1:], 8)
        if what == "second":
            # PyTorch's second derivative of mish is nan at 700: inf - inf. Of softplus it is 0 at
            # the threshold itself, where the first is not yet 1.
            odd = [20.0, 1.5] if name == "softplus" else [700.0] if name == "mish" else []
            known = ~np.isin(points, odd)
            mine, right = mine[known], right[torch.tensor(known)]
            assert len(mine) > 8 - len(odd)
            several = np.tile(known[1:], 8)
            repeated, together[what] = repeated[several], together[what][torch.tensor(several)]
        assert_same(mine, right, what)
        assert_same(repeated, together[what], f"{what} of many")


@pytest.mark.parametrize(("name", "arguments", "kinks"), ELEMENTWISE, ids=IDS)
def test_two_bytes(name: str, arguments: tuple[Any, ...], kinks: list[float]) -> None:
    for dtype in ("float16", "bfloat16"):
        x = np.concatenate([draw(1, (40,)) * 3, kinks]).astype(jnp.dtype(dtype))
        x = x[np.isfinite(x.astype("float32"))]
        assert_agree(
            lambda x: getattr(functional, name)(x, *arguments),
            lambda x: _theirs(name)(x, *arguments),
            x,
        )


ALL = FLOATING + INTEGER + COMPLEX + ("bool",)
NAMES = sorted({name for name, _, _ in ELEMENTWISE} | {"glu", "softmin", "softmax", "log_softmax"})


@pytest.mark.parametrize("name", NAMES)
def test_dtypes_taken_and_refused_are_those_of_pytorch(name: str) -> None:
    along = {"softmin": (0,), "softmax": (0,), "log_softmax": (0,), "threshold": (1, 5)}
    arguments = along.get(name, ())
    taken = 0
    for dtype in ALL:
        x = np.array([0, 1, 2, 7]).astype(jnp.dtype(dtype))
        try:
            expected = _theirs(name)(to_torch(x), *arguments)
        except Exception:
            with pytest.raises((TypeError, ValueError), match=f"^{name}: "):
                jax.eval_shape(lambda x: getattr(functional, name)(x, *arguments), x)
        else:
            taken += 1
            if dtype in INTEGER:
                assert_same(getattr(functional, name)(x, *arguments), expected, dtype)
            shaped = jax.eval_shape(lambda x: getattr(functional, name)(x, *arguments), x)
            assert (shaped.shape, shaped.dtype.name) == (
                tuple(expected.shape),
                dtype_name(expected),
            )
    assert taken >= len(FLOATING)


@pytest.mark.parametrize("name", ["silu", "sigmoid", "tanh", "softsign", "tanhshrink"])
def test_complex_values(name: str) -> None:
    x = draw(3, (50,), "complex128")
    assert_same(getattr(functional, name)(x), getattr(F, name)(to_torch(x)))


def test_prelu() -> None:
    x, w = draw(1, (2, 3, 4, 5)), draw(2, (3,))
    x[0, :, 0, 0] = 0
    assert_agree(functional.prelu, F.prelu, x, w)
    assert_agree(functional.prelu, F.prelu, x, w[:1])
    assert_agree(functional.prelu, F.prelu, x, w[0])
    for shape in [(), (4,), (2, 3), (0, 3), (2, 0)]:
        one = np.ones(1) if shape != (2, 0) else np.ones(0)
        assert_agree(functional.prelu, F.prelu, draw(4, shape), one)
    for dtype in ("float16", "bfloat16"):
        assert_agree(functional.prelu, F.prelu, draw(1, (2, 3, 4), dtype), draw(2, (3,), dtype))


@pytest.mark.parametrize("dtype", FLOATING)
@pytest.mark.parametrize("name", ["softmin", "softmax", "log_softmax"])
def test_softmax(name: str, dtype: str) -> None:
    x = draw(1, (2, 3, 4), dtype) * np.asarray(5, dtype=jnp.dtype(dtype))
    for dim in (0, 1, -1):
        assert_agree(
            partial(getattr(functional, name), dim=dim), partial(getattr(F, name), dim=dim), x
        )


@pytest.mark.parametrize("name", ["softmin", "softmax", "log_softmax"])
def test_softmax_at_infinities_and_of_nothing(name: str) -> None:
    inf = np.inf
    x = np.array([[0, 1, -inf], [-inf, -inf, -inf], [0, inf, 1], [np.nan, 0, 1], [1e4, -1e4, 0]])
    for given in (x, x[:, :0], x[:0], x[0, 0]):
        dim = 0 if given.ndim == 0 else 1
        mine, theirs = (
            partial(getattr(functional, name), dim=dim),
            partial(getattr(F, name), dim=dim),
        )
        assert_agree(mine, theirs, given)


@pytest.mark.parametrize("name", ["softmin", "softmax", "log_softmax"])
def test_softmax_converts_first(name: str) -> None:
    for x in (np.arange(6), draw(1, (6,), "float16"), draw(1, (6,), "float64")):
        for mine, their in ((jnp.float32, torch.float32), ("float64", torch.float64)):
            found = getattr(functional, name)(x, 0, dtype=mine)
            assert_same(found, getattr(F, name)(to_torch(x), 0, dtype=their))


@pytest.mark.filterwarnings("ignore:Implicit dimension choice:UserWarning")
@pytest.mark.parametrize("name", ["softmin", "softmax", "log_softmax"])
def test_softmax_without_a_dimension_takes_that_of_pytorch(name: str) -> None:
    for shape in [(), (3,), (2, 3), (2, 3, 4), (2, 3, 4, 5)]:
        x = draw(1, shape)
        with pytest.warns(UserWarning, match=f"{name}: dim should be given"):
            found = getattr(functional, name)(x)
        assert_same(found, getattr(F, name)(to_torch(x)))


def test_glu_of_two_bytes() -> None:
    for dtype in ("float16", "bfloat16"):
        assert_agree(functional.glu, F.glu, draw(1, (3, 4), dtype))


def test_rrelu_draws_slopes_within_the_bounds() -> None:
    x = np.concatenate([np.full(100_000, -2.0), [0.0, 3.0, np.nan]]).astype("float32")
    key = jax.random.key(0)

    def ours(x: jax.Array) -> jax.Array:
        return functional.rrelu(x, 0.1, 0.3, True, rng=key)

    y, slopes = ours(x), jax.grad(lambda x: ours(x).sum())(jnp.asarray(x))
    below = slopes[:-3]
    np.testing.assert_allclose(y[:-3], -2 * below, rtol=1e-6)
    assert 0.1 <= below.min() < 0.1001
    assert 0.2999 < below.max() < 0.3
    # Mean and deviation of a uniform distribution: 5 standard errors of 100 000 draws.
    assert abs(below.mean() - 0.2) < 5 * 0.2 / np.sqrt(12 * 1e5)
    assert abs(below.std() - 0.2 / np.sqrt(12)) < 5e-4
    assert y[-3] == 0
    assert 0.1 <= slopes[-3] < 0.3
    assert (y[-2], slopes[-2], slopes[-1]) == (3, 1, 1)
    theirs = F.rrelu(to_torch(x), 0.1, 0.3, True)[:-3] / -2
    assert abs(float(theirs.std()) - float(below.std())) < 1e-3
    other = functional.rrelu(x, 0.1, 0.3, True, rng=jax.random.key(1))
    assert (other[:-3] != y[:-3]).mean() > 0.99


def test_gumbel_softmax_samples_by_the_probabilities() -> None:
    logits = jnp.log(jnp.array([0.1, 0.2, 0.7]))
    many = jnp.broadcast_to(logits, (10_000, 3))
    key = jax.random.key(0)
    soft = functional.gumbel_softmax(many, tau=0.5, rng=key)
    hard = functional.gumbel_softmax(many, tau=0.5, hard=True, rng=key)
    np.testing.assert_allclose(soft.sum(1), 1, rtol=1e-6)
    assert set(np.unique(hard)) == {0.0, 1.0}
    assert (hard.sum(1) == 1).all()
    assert (hard.argmax(1) == soft.argmax(1)).all()
    # 5 standard errors of a frequency.
    np.testing.assert_allclose(hard.mean(0), np.exp(logits), atol=5 * 0.5 / np.sqrt(10_000))
    theirs = F.gumbel_softmax(to_torch(np.asarray(many)), tau=0.5)
    np.testing.assert_allclose(soft.mean(0), theirs.mean(0), atol=0.02)
    np.testing.assert_allclose(soft.std(0), theirs.std(0), atol=0.02)
    pull_soft = jax.vjp(lambda x: functional.gumbel_softmax(x, rng=key), many)[1]
    pull_hard = jax.vjp(lambda x: functional.gumbel_softmax(x, hard=True, rng=key), many)[1]
    cotangent = jnp.asarray(draw(1, many.shape, many.dtype.name))
    np.testing.assert_array_equal(pull_soft(cotangent)[0], pull_hard(cotangent)[0])
    over_rows = functional.gumbel_softmax(many, hard=True, dim=0, rng=key)
    assert (over_rows.sum(0) == 1).all()
    for dtype in FLOATING:
        assert functional.gumbel_softmax(many.astype(dtype), rng=key).dtype == dtype
    assert functional.gumbel_softmax(jnp.zeros((2, 0)), rng=key).shape == (2, 0)
    assert functional.gumbel_softmax(jnp.zeros(()), rng=key) == 1
    with pytest.warns(UserWarning, match="eps is deprecated"):
        functional.gumbel_softmax(logits, eps=1e-3, rng=key)


ONES = np.ones((4, 6), np.float32)
REFUSED: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("celu", {"alpha": 0.0}, ValueError, "alpha=0.0"),
    ("celu", {"alpha": "1"}, TypeError, "alpha='1'"),
    ("gelu", {"approximate": "erf"}, ValueError, "approximate='erf'"),
    ("glu", {"dim": 3}, ValueError, "dim=3"),
    ("glu", {"dim": 0.5}, TypeError, "dim=0.5"),
    ("hardtanh", {"min_val": 2.0, "max_val": 1.0}, ValueError, "min_val=2.0"),
    ("leaky_relu", {"negative_slope": None}, TypeError, "negative_slope=None"),
    ("log_softmax", {"dim": 2}, ValueError, "dim=2"),
    ("prelu", {"weight": np.ones(2, np.float32)}, ValueError, "weight.shape=(2,)"),
    ("prelu", {"weight": np.ones((6, 1), np.float32)}, ValueError, "weight.shape=(6, 1)"),
    ("prelu", {"weight": np.ones(6)}, TypeError, "weight.dtype=float64"),
    ("prelu", {"weight": 0.25}, TypeError, "weight=0.25"),
    ("rrelu", {"lower": 0.5, "upper": 0.2}, ValueError, "lower=0.5"),
    ("rrelu", {"lower": float("inf")}, ValueError, "lower=inf"),
    ("rrelu", {"training": 1}, TypeError, "training=1"),
    ("softmax", {"dim": -3}, ValueError, "dim=-3"),
    ("softmax", {"dim": 0, "dtype": "int32"}, TypeError, "int32"),
    ("softmin", {"dim": 1.0}, TypeError, "dim=1.0"),
    ("softshrink", {"lambd": -1.0}, ValueError, "lambd=-1.0"),
    ("softshrink", {"lambd": float("inf")}, ValueError, "lambd=inf"),
    ("threshold", {"threshold": None, "value": 0}, TypeError, "threshold=None"),
    ("gumbel_softmax", {"dim": 2}, ValueError, "dim=2"),
]


@pytest.mark.parametrize(("name", "options", "error", "word"), REFUSED)
def test_refusals(name: str, options: dict[str, Any], error: type[Exception], word: str) -> None:
    theirs = {k: to_torch(v) for k, v in options.items()}
    if theirs.get("dtype") == "int32":
        theirs["dtype"] = torch.int32
    mine = {"rng": jax.random.key(0)} if name == "gumbel_softmax" else {}
    assert_refused(
        lambda x: getattr(functional, name)(x, **options, **mine),
        lambda x: getattr(F, name)(x, **theirs),
        [ONES],
        error,
        [f"{name}: ", word],
    )


def test_odd_halves_are_refused() -> None:
    for shape in [(), (3,), (2, 5)]:
        assert_refused(functional.glu, F.glu, [np.ones(shape)], ValueError, ["glu: ", str(shape)])


@pytest.mark.parametrize("name", NAMES)
def test_numbers_and_lists_are_no_arrays(name: str) -> None:
    arguments = (1, 5) if name == "threshold" else ()
    for value in (1.0, [1.0, 2.0], None):
        with pytest.raises(TypeError, match=rf"^{name}: input must be an array"):
            getattr(functional, name)(value, *arguments)


def test_what_draws_asks_for_a_key() -> None:
    with pytest.raises(ValueError, match="rrelu: rng must be a JAX key"):
        functional.rrelu(ONES, training=True)
    with pytest.raises(ValueError, match="gumbel_softmax: rng must be a JAX key"):
        functional.gumbel_softmax(ONES)
    with pytest.raises(TypeError, match="rrelu: rng must be a JAX key"):
        functional.rrelu(ONES, training=True, rng=0)


def test_integers_of_thresholds_are_cut_as_in_pytorch() -> None:
    x = np.array([1, 2, 3])
    for arguments in [(2, 20.7), (2.5, 20.7), (-1.5, -7)]:
        assert_same(functional.threshold(x, *arguments), F.threshold(to_torch(x), *arguments))
    assert_same(functional.hardtanh(x, -1.5, 1.5), F.hardtanh(to_torch(x), -1.5, 1.5))
    with pytest.raises(ValueError, match="uint8"):
        functional.hardtanh(x.astype("uint8"))


def test_every_dtype_is_one_of_pytorch() -> None:
    assert set(ALL) == set(DTYPES)


@pytest.mark.parametrize("name", NAMES)
def test_under_jit_and_vmap(name: str) -> None:
    x = draw(1, (3, 4, 6))
    arguments = {"threshold": (0.0, 5.0), "softmin": (0,), "softmax": (0,), "log_softmax": (0,)}
    extra = arguments.get(name, ())

    def ours(x: jax.Array) -> jax.Array:
        return getattr(functional, name)(x, *extra)

    expected = torch.stack([_theirs(name)(row, *extra) for row in to_torch(x)])
    assert_same(jax.jit(jax.vmap(ours))(x), expected)
