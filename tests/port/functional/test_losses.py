"""Losses against PyTorch: its own samples, reductions, dtypes, edges, and what is refused."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional as F

import port.functional as functional
from tests.support.agree import DTYPES, assert_agree, assert_same, draw, dtype_name
from tests.support.opinfo import assert_samples_agree, calls, database, samples

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*size_average and reduce"),
    pytest.mark.filterwarnings("ignore:Using a target size"),
    pytest.mark.filterwarnings("ignore:.*input and target should have the same shape"),
    pytest.mark.filterwarnings("ignore:.*reduction.*mean"),
]
NAMES = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "margin_ranking_loss",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "pairwise_distance",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


# PyTorch has no second derivative of the first two; that of the third, which it makes inexact with
# 1e-12 in a denominator, is in test_loss_edges.py.
FIRST_ORDER = ("multi_margin_loss", "multilabel_margin_loss", "binary_cross_entropy")
PER_LOSS = 4


def test_names_are_all_of_the_database() -> None:
    words = ("loss", "entropy", "kl_div", "cosine", "pairwise")
    listed = sorted(n for n in database(functional) if any(w in n for w in words))
    assert listed == sorted([*NAMES, "ctc_loss"])  # the last is in test_ctc.py


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_samples(name: str, dtype: str) -> None:
    groups = calls(samples(name, dtype, functional))
    assert len(groups) >= 3
    step = -(-len(groups) // PER_LOSS)
    full = dtype == "float64" and name not in FIRST_ORDER
    chosen = groups[0 if dtype == "float64" else step // 2 :: step]
    assert_samples_agree(chosen, 3 if full else None)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_all_samples(name: str, dtype: str) -> None:
    groups = calls(samples(name, dtype, functional))
    full = dtype == "float64" and name not in FIRST_ORDER
    assert_samples_agree(groups, 1 if full else None)


def _probabilities(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return 1 / (1 + np.exp(-draw(seed, shape)))


# Arrays that a loss is differentiated by, and the others that it takes: classes and signs.
SCORES, LABELS = draw(0, (4, 5)), np.array([1, 4, 0, 2])
SIGNS = np.array([[1, -1, 1, 1, -1]] * 4)
CALLS: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = {
    "binary_cross_entropy": ([_probabilities(1, (4, 5)), _probabilities(2, (4, 5))], []),
    "binary_cross_entropy_with_logits": ([SCORES, _probabilities(2, (4, 5))], []),
    "cosine_embedding_loss": ([SCORES, draw(3, (4, 5))], [np.array([1, -1, -1, 1])]),
    "cross_entropy": ([SCORES], [LABELS]),
    "gaussian_nll_loss": ([SCORES, draw(3, (4, 5)), 1 + _probabilities(4, (4, 5))], []),
    "hinge_embedding_loss": ([SCORES], [SIGNS]),
    "huber_loss": ([SCORES, draw(3, (4, 5))], []),
    "kl_div": ([SCORES, _probabilities(3, (4, 5))], []),
    "l1_loss": ([SCORES, draw(3, (4, 5))], []),
    "margin_ranking_loss": ([SCORES, draw(3, (4, 5))], [SIGNS]),
    "mse_loss": ([SCORES, draw(3, (4, 5))], []),
    "multi_margin_loss": ([SCORES], [LABELS]),
    "multilabel_margin_loss": ([SCORES], [np.array([[1, 3, -1, 0, 0]] * 4)]),
    "multilabel_soft_margin_loss": ([SCORES, _probabilities(3, (4, 5))], []),
    "nll_loss": ([SCORES], [LABELS]),
    "poisson_nll_loss": ([SCORES, 2 + _probabilities(3, (4, 5))], []),
    "smooth_l1_loss": ([SCORES, draw(3, (4, 5))], []),
    "soft_margin_loss": ([SCORES], [SIGNS]),
    "triplet_margin_loss": ([SCORES, draw(3, (4, 5)), draw(4, (4, 5))], []),
    "triplet_margin_with_distance_loss": ([SCORES, draw(3, (4, 5)), draw(4, (4, 5))], []),
}
FOUR_BYTES = ("multi_margin_loss", "multilabel_margin_loss")


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", CALLS)
def test_reductions_and_dtypes(name: str, reduction: str) -> None:
    """PyTorch rounds every step in two bytes, and gradients are small beside their terms."""
    floats, others = CALLS[name]
    fixed = [jnp.asarray(x) for x in others]
    theirs = [torch.from_numpy(x) for x in others]
    by_reduction = {"none": "float16", "mean": "float32", "sum": "bfloat16"}
    dtype = "float32" if name in FOUR_BYTES else by_reduction[reduction]
    assert_agree(
        lambda *xs: getattr(functional, name)(*xs, *fixed, reduction=reduction),
        lambda *xs: getattr(F, name)(*xs, *theirs, reduction=reduction),
        *(x.astype(jnp.dtype(dtype)) for x in floats),
        scale=1.0 if dtype == "float32" else 4.0,
    )


@pytest.mark.parametrize("name", CALLS)
def test_nothing_has_no_mean(name: str) -> None:
    """The mean of no example is nan, the sum 0; PyTorch returns memory as it is for some."""
    arrays = [x[:0] for part in CALLS[name] for x in part]
    mean, total = (getattr(functional, name)(*arrays, reduction=r) for r in ("mean", "sum"))
    assert np.isnan(mean)
    assert total == 0
    if name not in FOUR_BYTES:
        tensors = [torch.from_numpy(x) for x in arrays]
        assert torch.isnan(getattr(F, name)(*tensors))


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in CALLS
        if n not in ("gaussian_nll_loss", "huber_loss", "triplet_margin_with_distance_loss")
    ],
)
def test_former_ways_to_ask_for_a_reduction(name: str) -> None:
    arrays = [x for part in CALLS[name] for x in part]
    tensors = [torch.from_numpy(x) for x in arrays]
    for former in (
        {"size_average": False},
        {"reduce": False},
        {"size_average": True, "reduce": True},
    ):
        with pytest.warns(UserWarning, match="size_average and reduce"):
            found = getattr(functional, name)(*arrays, **former)
        with pytest.warns(UserWarning, match="size_average and reduce"):
            expected = getattr(F, name)(*tensors, **former)
        assert_same(found, expected, f"{name} {former}")


# These take no former name of the mean.
STRICT = (
    "gaussian_nll_loss",
    "multilabel_soft_margin_loss",
    "poisson_nll_loss",
    "triplet_margin_with_distance_loss",
)


@pytest.mark.parametrize("name", CALLS)
def test_reductions_are_checked(name: str) -> None:
    arrays = [x for part in CALLS[name] for x in part]
    tensors = [torch.from_numpy(x) for x in arrays]
    for wrong in ("average", None):
        with pytest.raises(
            ValueError, match=f"^{name}: reduction must be one of .* got reduction="
        ):
            getattr(functional, name)(*arrays, reduction=wrong)
    former: dict[str, Any] = {"reduction": "elementwise_mean"}
    if name in STRICT:
        with pytest.raises(ValueError, match="elementwise_mean"):
            getattr(F, name)(*tensors, **former)
        with pytest.raises(ValueError, match="elementwise_mean"):
            getattr(functional, name)(*arrays, **former)
        return
    with pytest.warns(UserWarning, match="elementwise_mean"):
        found = getattr(functional, name)(*arrays, **former)
    with pytest.warns(UserWarning, match="elementwise_mean"):
        expected = getattr(F, name)(*tensors, **former)
    assert_same(found, expected)


PAIRS = [
    ("float32", "float64"),
    ("float64", "float32"),
    ("float16", "float32"),
    ("bfloat16", "float16"),
    ("float32", "int64"),
    ("int64", "float32"),
    ("float32", "uint8"),
    ("float32", "bool"),
    ("int64", "int64"),
    ("complex64", "complex64"),
]
# Complex numbers, which these take in PyTorch, are refused here; poisson_nll_loss takes them.
REAL_ONLY = ("soft_margin_loss",)


@pytest.mark.parametrize(
    "name",
    [
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "cosine_similarity",
        "hinge_embedding_loss",
        "huber_loss",
        "kl_div",
        "l1_loss",
        "mse_loss",
        "multilabel_soft_margin_loss",
        "pairwise_distance",
        "poisson_nll_loss",
        "smooth_l1_loss",
        "soft_margin_loss",
    ],
)
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_mixed_dtypes(name: str, first: str, second: str) -> None:
    """The dtype of the result is PyTorch's, and what it refuses is refused."""
    tensors = [
        torch.tensor([[0.0, 1.0, 1.0]]).to(DTYPES[first]),
        torch.tensor([[1.0, 1.0, 0.0]]).to(DTYPES[second]),
    ]
    arrays = [jnp.asarray([[0, 1, 1]], first), jnp.asarray([[1, 1, 0]], second)]
    try:
        expected = getattr(F, name)(*tensors)
    except (RuntimeError, TypeError, NotImplementedError):
        with pytest.raises(TypeError, match=f"^{name}: "):
            getattr(functional, name)(*arrays)
        return
    if name in REAL_ONLY and first == "complex64":
        with pytest.raises(TypeError, match="complex64"):
            getattr(functional, name)(*arrays)
        return
    found = getattr(functional, name)(*arrays)
    assert dtype_name(found) == dtype_name(expected)
    two_bytes = "float16" in first + second
    np.testing.assert_allclose(
        np.asarray(found, "complex128"),
        expected.to(torch.complex128).numpy(),
        rtol=1e-2 if two_bytes else 1e-5,
        atol=1e-2 if two_bytes else 1e-6,
    )


@pytest.mark.parametrize("name", ["huber_loss", "l1_loss", "mse_loss", "smooth_l1_loss"])
def test_different_sizes_are_warned_of(name: str) -> None:
    x, y = draw(5, (4, 3)), draw(6, (3,))
    with pytest.warns(UserWarning, match=f"{name}: input and target should have the same shape"):
        found = getattr(functional, name)(x, y)
    with pytest.warns(UserWarning, match="is different to the input size"):
        expected = getattr(F, name)(torch.from_numpy(x), torch.from_numpy(y))
    assert_same(found, expected)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("name", ["huber_loss", "l1_loss", "mse_loss"])
@pytest.mark.parametrize("shape", [(4, 3), (3,)])
def test_weights_of_elements(name: str, reduction: str, shape: tuple[int, ...]) -> None:
    assert_agree(
        lambda x, y, w: getattr(functional, name)(x, y, reduction=reduction, weight=w),
        lambda x, y, w: getattr(F, name)(x, y, reduction=reduction, weight=w),
        draw(7, shape),
        draw(8, (4, 3)),
        _probabilities(9, shape),
    )


def _distance(package: Any) -> Callable[..., Any]:
    return lambda x, y: 1 - package.cosine_similarity(x, y)


@pytest.mark.parametrize("swap", [False, True])
def test_triplets_with_a_distance(swap: bool) -> None:
    def loss(package: Any) -> Callable[..., Any]:
        options: dict[str, Any] = {"distance_function": _distance(package), "swap": swap}
        return lambda *xs: package.triplet_margin_with_distance_loss(*xs, margin=0.3, **options)

    assert_agree(loss(functional), loss(F), *(draw(10 + i, (6, 5)) for i in range(3)))
