"""Attention beside live PyTorch: its samples, masks, heads, causal order, dropout, refusals."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional as F

import port.functional as functional
from port.functional import scaled_dot_product_attention
from tests.support.agree import assert_agree, assert_refused, assert_same, draw, to_torch
from tests.support.opinfo import assert_samples_agree, calls, samples
from tests.support.sweeps import long

theirs = F.scaled_dot_product_attention
FLOATING = ("float16", "bfloat16", "float32", "float64")
Q, K, V = draw(1, (2, 3, 5, 8)), draw(2, (2, 3, 6, 8)), draw(3, (2, 3, 6, 4))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_samples(dtype: str) -> None:
    chosen = samples("scaled_dot_product_attention", dtype, functional)
    certain = [sample for sample in chosen if "'dropout_p': 0.5" not in sample.name]
    assert len(certain) == 13
    # PyTorch has no forward mode for it: the next test compares with the formula.
    assert_samples_agree(calls(certain), None)


def _formula(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    """The weights by hand, in PyTorch's elementary functions."""
    scores = q @ k.mT / np.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores + mask
    return scores.softmax(-1) @ v


def test_second_derivatives_and_forward_mode_are_those_of_the_formula() -> None:
    mask = draw(4, (5, 6))
    xs, tangents = (Q, K, V, mask), [draw(10 + i, a.shape) for i, a in enumerate((Q, K, V, mask))]
    ts = [to_torch(x, requires_grad=True) for x in xs]
    first = torch.autograd.grad((_formula(*ts) ** 2).sum(), ts, create_graph=True)
    directions = [to_torch(t) for t in tangents]
    second = torch.autograd.grad(first, ts, directions)
    _, forward = torch.func.jvp(_formula, tuple(to_torch(x) for x in xs), tuple(directions))

    @jax.jit
    def everything(xs: Any, tangents: Any) -> Any:
        def loss(*xs: jax.Array) -> jax.Array:
            return (scaled_dot_product_attention(*xs) ** 2).sum()

        gradient = jax.grad(loss, (0, 1, 2, 3))
        return (
            jax.jvp(lambda *xs: gradient(*xs), xs, tuple(tangents)),
            jax.jvp(scaled_dot_product_attention, xs, tuple(tangents))[1],
        )

    (mine, mine_second), mine_forward = everything(xs, tangents)
    assert_same(mine_forward, forward, "forward")
    for i in range(4):
        assert_same(mine[i], first[i], f"gradient {i}")
        assert_same(mine_second[i], second[i], f"second {i}")


MASKS = [(5, 6), (1, 6), (5, 1), (3, 1, 6), (2, 1, 5, 6), (2, 3, 5, 6)]


@pytest.mark.parametrize("dtype", ["float64", "float16", *long(FLOATING[1:3])])
@pytest.mark.parametrize(
    ("q", "k", "v", "options"),
    [
        ((2, 3, 5, 8), (2, 3, 6, 8), (2, 3, 6, 8), {}),
        ((2, 3, 5, 8), (2, 3, 6, 8), (2, 3, 6, 8), {"is_causal": True}),
        ((2, 3, 6, 8), (2, 3, 5, 8), (2, 3, 5, 4), {"is_causal": True, "scale": 0.3}),
        ((5, 8), (6, 8), (6, 4), {"scale": -1.5}),
        ((2, 6, 5, 8), (2, 3, 6, 8), (2, 3, 6, 8), {"enable_gqa": True}),
        ((6, 5, 8), (3, 6, 8), (2, 6, 8), {"enable_gqa": True, "is_causal": True}),
        ((2, 3, 5, 8), (6, 8), (3, 6, 8), {}),
        ((2, 3, 0, 8), (2, 3, 6, 8), (2, 3, 6, 4), {}),
        ((2, 3, 5, 8), (2, 3, 0, 8), (2, 3, 0, 4), {}),
        ((2, 3, 5, 0), (2, 3, 6, 0), (2, 3, 6, 4), {}),
        ((0, 3, 5, 8), (0, 3, 6, 8), (0, 3, 6, 4), {}),
    ],
)
def test_shapes_and_options(q: Any, k: Any, v: Any, options: dict[str, Any], dtype: str) -> None:
    assert_agree(
        partial(scaled_dot_product_attention, **options),
        partial(theirs, **options),
        *(draw(i, shape, dtype) for i, shape in enumerate((q, k, v))),
    )


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        *((shape, "float64") for shape in MASKS),
        *(((2, 1, 5, 6), dtype) for dtype in FLOATING[:3]),
        *long((shape, dtype) for shape in MASKS if shape != (2, 1, 5, 6) for dtype in FLOATING[:3]),
    ],
)
def test_masks(shape: tuple[int, ...], dtype: str) -> None:
    q, k, v = (x.astype(jnp.dtype(dtype)) for x in (Q, K, V))
    chosen = draw(5, shape) > 0
    assert_agree(
        lambda q, k, v: scaled_dot_product_attention(q, k, v, chosen),
        lambda q, k, v: theirs(q, k, v, to_torch(chosen)),
        q,
        k,
        v,
    )
    assert_agree(scaled_dot_product_attention, theirs, q, k, v, draw(6, shape, dtype))
    if dtype in ("float16", "bfloat16"):
        wide = draw(6, shape, "float32")
        assert_same(
            scaled_dot_product_attention(q, k, v, wide),
            theirs(*map(to_torch, (q, k, v)), to_torch(wide)),
        )


@pytest.mark.parametrize("additive", [False, True])
def test_a_query_that_sees_nothing_gets_nothing(additive: bool) -> None:
    mask = np.ones((5, 6), bool)
    mask[1], mask[2, 3:], mask[:, 2] = False, False, False
    given = np.where(mask, 0.5, -np.inf) if additive else mask
    found = scaled_dot_product_attention(Q, K, V, given)
    assert (found[:, :, 1] == 0).all()
    assert_agree(
        lambda q, k, v: scaled_dot_product_attention(q, k, v, given),
        lambda q, k, v: theirs(q, k, v, to_torch(given)),
        Q,
        K,
        V,
    )


def test_nan_behind_a_mask_is_seen_as_in_pytorch() -> None:
    mask = np.tril(np.ones((5, 6), bool))
    for i in range(3):
        xs = [x.copy() for x in (Q, K, V)]
        xs[i][:, :, -1] = np.nan
        mine = scaled_dot_product_attention(*xs, mask)
        assert_same(mine, theirs(*map(to_torch, xs), to_torch(mask)))


def test_dropout_drops_weights() -> None:
    # One key for each query: the weight is 1, and the result the value or nothing.
    q, k, v = np.ones((200, 100, 2)), np.ones((200, 1, 2)), np.full((200, 1, 3), 6.0)
    key = jax.random.key(0)
    found = scaled_dot_product_attention(q, k, v, dropout_p=0.25, rng=key)
    np.testing.assert_allclose(np.unique(found.round(9)), [0, 8])
    assert (found.max(-1) == found.min(-1)).all()
    kept = (found[..., 0] > 0).mean()
    right = (theirs(*map(to_torch, (q, k, v)), dropout_p=0.25)[..., 0] > 0).double().mean()
    error = np.sqrt(0.25 * 0.75 / 20_000)
    assert abs(kept - 0.75) < 5 * error
    assert abs(kept - float(right)) < 7 * error
    slope = jax.grad(
        lambda v: scaled_dot_product_attention(q, k, v, dropout_p=0.25, rng=key).sum()
    )(v)
    np.testing.assert_allclose(slope[..., 0, 0], found[..., 0].sum(1) / 6)
    assert (scaled_dot_product_attention(q, k, v, dropout_p=1.0, rng=key) == 0).all()
    np.testing.assert_allclose(scaled_dot_product_attention(q, k, v, dropout_p=0.0), 6)
    with pytest.raises(ValueError, match="scaled_dot_product_attention: rng must be a JAX key"):
        scaled_dot_product_attention(q, k, v, dropout_p=0.25)


REFUSED: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    ((Q, K, V), {"attn_mask": np.ones((5, 6), bool), "is_causal": True}, ValueError, "is_causal"),
    ((Q, K, V), {"attn_mask": np.ones((5, 6), int)}, TypeError, "int64"),
    ((Q[0, 0, 0], K, V), {}, ValueError, "query.shape=(8,)"),
    ((Q, K[..., :4], V), {}, ValueError, "(2, 3, 6, 4)"),
    ((Q, K, V[:, :, :5]), {}, ValueError, "(2, 3, 5, 4)"),
    ((Q, K[:, :2], V), {}, ValueError, "(2, 2, 6, 8)"),
    ((Q, K.astype("float32"), V), {}, TypeError, "key.dtype=float32"),
    ((Q.astype(int), K.astype(int), V.astype(int)), {}, TypeError, "int64"),
    ((Q + 0j, K + 0j, V + 0j), {}, TypeError, "complex128"),
    ((Q, K, V), {"attn_mask": np.ones(6, bool)}, ValueError, "attn_mask.shape=(6,)"),
    ((Q, K, V), {"attn_mask": np.zeros((7, 2, 3, 5, 6))}, ValueError, "(7, 2, 3, 5, 6)"),
    ((Q, K, V), {"attn_mask": np.zeros((4, 5, 6))}, ValueError, "(4, 5, 6)"),
    ((Q[:, :2], K, V), {"enable_gqa": True}, ValueError, "2 heads of query"),
    ((Q[0, 0], K[0, 0], V[0, 0]), {"enable_gqa": True}, ValueError, "enable_gqa"),
    ((Q, K, V), {"dropout_p": 1.5}, ValueError, "dropout_p=1.5"),
    ((Q, K, V), {"dropout_p": None}, TypeError, "dropout_p=None"),
    ((Q, K, V), {"is_causal": 1}, TypeError, "is_causal=1"),
    ((Q, K, V), {"scale": "1"}, TypeError, "scale='1'"),
]


@pytest.mark.parametrize(("arrays", "options", "error", "word"), REFUSED)
def test_refusals(
    arrays: tuple[Any, ...], options: dict[str, Any], error: type[Exception], word: str
) -> None:
    assert_refused(
        lambda *xs: scaled_dot_product_attention(*xs, **options, rng=jax.random.key(0)),
        lambda *xs: theirs(*xs, **{k: to_torch(v) for k, v in options.items()}),
        arrays,
        error,
        ["scaled_dot_product_attention: ", word],
    )


def test_arrays_are_asked_for() -> None:
    for arguments in ((1.0, K, V), (Q, [1.0], V), (Q, K, None)):
        with pytest.raises(TypeError, match="must be an array"):
            scaled_dot_product_attention(*arguments)
    with pytest.raises(ValueError, match="dropout_p must be between 0 and 1"):
        scaled_dot_product_attention(Q, K, V, dropout_p=-0.5)  # PyTorch takes it for 0
