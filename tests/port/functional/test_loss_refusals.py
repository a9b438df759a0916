"""What losses refuse, as PyTorch does, by class and message."""

from typing import Any

import numpy as np
import pytest
from torch.nn import functional as F

import port.functional as functional
from tests.support.agree import assert_refused, to_torch

A, B = np.ones((2, 3)), np.ones((2, 3), np.float32)
T2 = np.array([0, 1])
# Name, arrays, options, class, words.
REFUSED: list[tuple[str, list[Any], dict[str, Any], type[Exception], str]] = [
    ("nll_loss", [A, np.zeros(3, int)], {}, ValueError, "target.shape=(3,)"),
    ("nll_loss", [A, np.zeros((2, 2), int)], {}, ValueError, "target.shape=(2, 2)"),
    ("nll_loss", [A[0], np.zeros(2, int)], {}, ValueError, "target.shape=(2,)"),
    ("nll_loss", [np.ones(()), np.zeros((), int)], {}, ValueError, "scalar"),
    ("nll_loss", [np.ones((2, 3, 4)), np.zeros((2, 5), int)], {}, ValueError, "(2, 4)"),
    ("nll_loss", [np.ones((2, 3, 4)), np.zeros((2, 4), np.uint8)], {}, TypeError, "uint8"),
    ("nll_loss", [A, T2.astype(np.int32)], {}, TypeError, "int32"),
    ("nll_loss", [A, T2.astype(float)], {}, TypeError, "float64"),
    ("nll_loss", [A.astype(int), T2], {}, TypeError, "int64"),
    ("nll_loss", [A, T2, np.ones(2)], {}, ValueError, "weight.shape=(2,)"),
    ("nll_loss", [A, T2, np.ones(3, np.float32)], {}, TypeError, "float32"),
    ("nll_loss", [A, T2], {"ignore_index": 1.0}, TypeError, "ignore_index=1.0"),
    ("cross_entropy", [A, T2], {"label_smoothing": 1.5}, ValueError, "label_smoothing=1.5"),
    ("cross_entropy", [A, T2], {"label_smoothing": "a"}, TypeError, "label_smoothing"),
    ("cross_entropy", [A, A.astype(int)], {}, TypeError, "int64"),
    ("cross_entropy", [A, A], {"ignore_index": 1}, ValueError, "ignore_index=1"),
    ("cross_entropy", [A, A, np.ones(2)], {}, ValueError, "weight.shape=(2,)"),
    ("cross_entropy", [A, np.ones(3)], {}, TypeError, "float64"),
    ("cross_entropy", [A[0], np.zeros(1, int)], {"label_smoothing": 0.1}, ValueError, "(1,)"),
    ("cross_entropy", [np.ones(()), np.ones(())], {}, ValueError, "scalar"),
    ("binary_cross_entropy", [A, A[0]], {}, ValueError, "target.shape=(3,)"),
    ("binary_cross_entropy", [A, B], {}, TypeError, "float32"),
    ("binary_cross_entropy", [A[0], A[0], A], {}, ValueError, "weight.shape=(2, 3)"),
    ("binary_cross_entropy_with_logits", [A, A[0]], {}, ValueError, "target.shape=(3,)"),
    ("binary_cross_entropy_with_logits", [A[0], A[0], A], {}, ValueError, "weight.shape=(2, 3)"),
    (
        "mse_loss",
        [A, np.ones((2, 3)), None, None, "mean", np.ones(3)],
        {},
        ValueError,
        "weight.shape=(3,)",
    ),
    ("l1_loss", [A, A, None, None, "elementwise_mean", A], {}, ValueError, "elementwise_mean"),
    ("l1_loss", [A.astype(int), A.astype(int)], {}, TypeError, "int64"),
    ("smooth_l1_loss", [A, A], {"beta": -1.0}, ValueError, "beta=-1.0"),
    ("huber_loss", [A, A], {"delta": 0.0}, ValueError, "delta=0.0"),
    ("huber_loss", [A.astype(int), A], {}, TypeError, "int64"),
    ("kl_div", [A, np.ones((2, 4))], {"reduction": "sum"}, ValueError, "target.shape=(2, 4)"),
    ("poisson_nll_loss", [A, A], {"log_input": 1}, TypeError, "log_input=1"),
    ("gaussian_nll_loss", [A, A, np.ones(3)], {}, ValueError, "var.shape=(3,)"),
    ("gaussian_nll_loss", [A, A, np.ones((1, 1))], {}, ValueError, "var.shape=(1, 1)"),
    ("gaussian_nll_loss", [A, A, np.ones(())], {}, ValueError, "var.shape=()"),
    ("gaussian_nll_loss", [A, A, -1.0], {}, ValueError, "-1.0"),
    ("margin_ranking_loss", [A, A[0], A], {}, ValueError, "input2.shape=(3,)"),
    ("margin_ranking_loss", [A > 0, A > 0, A > 0], {}, TypeError, "bool"),
    ("soft_margin_loss", [A[0], A], {}, ValueError, "target.shape=(2, 3)"),
    ("multilabel_soft_margin_loss", [np.ones(()), np.ones(())], {}, ValueError, "scalar"),
    ("multi_margin_loss", [A, T2], {"p": 3}, ValueError, "p=3"),
    ("multi_margin_loss", [A, np.zeros(3, int)], {}, ValueError, "target.shape=(3,)"),
    ("multi_margin_loss", [np.ones((1, 2, 3)), T2], {}, ValueError, "input.shape=(1, 2, 3)"),
    ("multi_margin_loss", [np.ones((2, 0)), T2], {}, ValueError, "input.shape=(2, 0)"),
    ("multi_margin_loss", [A.astype(np.float16), T2], {}, TypeError, "float16"),
    ("multi_margin_loss", [A, T2], {"weight": np.ones((1, 3))}, ValueError, "weight.shape=(1, 3)"),
    ("multilabel_margin_loss", [A, np.zeros((2, 2), int)], {}, ValueError, "target.shape=(2, 2)"),
    ("multilabel_margin_loss", [A, np.zeros((2, 3))], {}, TypeError, "float64"),
    ("cosine_embedding_loss", [A, A, np.ones(())], {}, ValueError, "target.shape=()"),
    ("cosine_embedding_loss", [A[0], A[0], np.ones(1)], {}, ValueError, "target.shape=(1,)"),
    ("cosine_embedding_loss", [A, A, A], {}, ValueError, "target.shape=(2, 3)"),
    ("triplet_margin_loss", [A, A[0], A], {}, ValueError, "positive.shape=(3,)"),
    ("triplet_margin_loss", [A, A, A], {"margin": 0}, ValueError, "margin=0"),
    ("triplet_margin_loss", [A, A, A], {"swap": 1}, TypeError, "swap=1"),
    ("triplet_margin_with_distance_loss", [A, A, A], {"margin": -1.0}, ValueError, "margin=-1.0"),
    ("pairwise_distance", [A, A > 0], {}, TypeError, "bool"),
    ("cosine_similarity", [A, A], {"dim": 2}, ValueError, "dim=2"),
]


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(("name", "arrays", "options", "error", "word"), REFUSED)
def test_refusals(
    name: str, arrays: list[Any], options: dict[str, Any], error: type[Exception], word: str
) -> None:
    def theirs(*tensors: Any) -> Any:
        return getattr(F, name)(*tensors, **{k: to_torch(v) for k, v in options.items()})

    def ours(*xs: Any) -> Any:
        return getattr(functional, name)(*xs, **options)

    assert_refused(ours, theirs, arrays, error, [f"{name}: ", word])


@pytest.mark.parametrize("name", ["mse_loss", "kl_div", "nll_loss", "cosine_similarity"])
def test_numbers_are_no_arrays(name: str) -> None:
    options = {"reduction": "sum"} if name == "kl_div" else {}
    with pytest.raises(TypeError, match=f"^{name}: .* must be an array"):
        getattr(functional, name)(np.ones(3), 1.0, **options)
