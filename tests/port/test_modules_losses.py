"""Losses as modules, side by side with PyTorch's: every argument, and weights in the state."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx

import port
from tests.support.agree import assert_same, draw, to_torch
from tests.support.modules import Case, assert_modules_agree

X, Y = draw(0, (4, 5)), draw(1, (4, 5))
PROBABILITIES = 1 / (1 + np.exp(-X))
LOGARITHMS = X - np.log(np.exp(X).sum(1, keepdims=True))
CLASSES = np.array([0, 3, 1, 3])
ONES = np.sign(Y)
SIGNS = np.sign(draw(2, (4,)))
HOT = (Y > 0).astype("float64")
WEIGHTS = np.array([0.5, 1.0, 2.0, 0.1, 3.0])
PAIR, BINARY = (X, Y), (PROBABILITIES, HOT)
TRIPLET = (X, Y, draw(3, (4, 5)))


def cases(weights: Any) -> dict[str, list[Case]]:
    """All losses; `weights` makes an array of either library."""
    w = weights(WEIGHTS)
    return {
        "regression": [
            Case("L1Loss", (), PAIR),
            Case("L1Loss", (), PAIR, {"reduction": "none"}),
            Case("MSELoss", (), PAIR, {"reduction": "sum"}),
            Case("SmoothL1Loss", (None, None, "mean", 0.5), PAIR),
            Case("HuberLoss", ("sum", 0.7), PAIR),
            Case("PoissonNLLLoss", (), (X, np.abs(Y))),
            Case("PoissonNLLLoss", (False, True, None, 0.1), (np.abs(X), 3 * np.abs(Y))),
            Case("GaussianNLLLoss", (), (*PAIR, np.abs(Y) + 0.1)),
            Case("GaussianNLLLoss", (), (*PAIR, np.abs(Y)), {"full": True, "eps": 0.5}),
        ],
        "classes": [
            Case("BCELoss", (), BINARY),
            Case("BCELoss", (w,), BINARY, {"reduction": "sum"}, state=False),
            Case("BCEWithLogitsLoss", (), (X, HOT)),
            Case("BCEWithLogitsLoss", (w, None, None, "none", 2 * w), (X, HOT), state=False),
            Case("NLLLoss", (), (LOGARITHMS, CLASSES)),
            Case("NLLLoss", (w, None, 3), (LOGARITHMS, CLASSES), state=False),
            Case("CrossEntropyLoss", (), (X, CLASSES)),
            Case("CrossEntropyLoss", (w, None, 1, None, "mean", 0.2), (X, CLASSES), state=False),
            Case("CrossEntropyLoss", (), (X, PROBABILITIES), {"label_smoothing": 0.1}),
            Case("KLDivLoss", (), (LOGARITHMS, PROBABILITIES), {"reduction": "batchmean"}),
            Case("KLDivLoss", (None, None, "sum", True), (LOGARITHMS, Y)),
        ],
        "margins": [
            Case("HingeEmbeddingLoss", (0.5,), (X, ONES)),
            Case("SoftMarginLoss", (), (X, ONES), {"reduction": "sum"}, fixed=(1,)),
            Case("MarginRankingLoss", (0.3,), (X, Y, np.sign(draw(4, (4, 5))))),
            Case("MultiLabelMarginLoss", (), (X, np.array([[1, 2, -1, 0, 0]] * 4))),
            Case("MultiLabelSoftMarginLoss", (w,), (X, HOT), state=False),
            Case("MultiMarginLoss", (2, 0.7, w), (X, CLASSES), state=False),
        ],
        "embeddings": [
            Case("CosineEmbeddingLoss", (0.1,), (*PAIR, SIGNS)),
            Case("TripletMarginLoss", (0.5, 3.0, 1e-4, True), TRIPLET),
            Case("TripletMarginWithDistanceLoss", (), TRIPLET, {"margin": 2.0, "swap": True}),
            Case("CosineSimilarity", (0,), PAIR),
            Case("PairwiseDistance", (1.5, 1e-3, True), PAIR),
        ],
    }


@pytest.mark.parametrize("group", ["regression", "classes", "margins", "embeddings"])
def test_losses(group: str) -> None:
    theirs, ours = cases(to_torch)[group], cases(jnp.asarray)[group]
    assert_modules_agree(theirs, ours_cases=ours)


def test_weights_are_in_the_state_and_no_parameters() -> None:
    theirs = torch.nn.BCEWithLogitsLoss(to_torch(WEIGHTS), pos_weight=to_torch(WEIGHTS))
    ours = port.BCEWithLogitsLoss(WEIGHTS, pos_weight=WEIGHTS)
    assert list(port.state_dict(ours)) == list(theirs.state_dict()) == ["weight", "pos_weight"]
    assert not nnx.state(ours, nnx.Param)
    assert port.state_dict(port.CrossEntropyLoss()) == {}


def test_a_distance_of_ones_own() -> None:
    theirs = torch.nn.TripletMarginWithDistanceLoss(
        distance_function=lambda x, y: (x - y).abs().amax(-1)
    )
    ours = port.TripletMarginWithDistanceLoss(distance_function=lambda x, y: jnp.abs(x - y).max(-1))
    assert_same(ours(*TRIPLET), theirs(*map(to_torch, TRIPLET)))


@pytest.mark.parametrize("name", ["L1Loss", "MSELoss", "CrossEntropyLoss", "NLLLoss"])
@pytest.mark.parametrize(
    ("size_average", "reduce"), [(False, None), (True, True), (None, False), (True, False)]
)
def test_older_forms_of_reduction(name: str, size_average: Any, reduce: Any) -> None:
    given = {"size_average": size_average, "reduce": reduce}
    with pytest.warns(UserWarning, match="deprecated"):
        theirs = getattr(torch.nn, name)(**given)
    with pytest.warns(UserWarning, match=f"{name}: size_average and reduce are deprecated"):
        ours = getattr(port, name)(**given)
    assert ours.reduction == theirs.reduction


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda nn: nn.MSELoss(reduction="all"), ValueError, "MSELoss: reduction must be one of"),
        (lambda nn: nn.MSELoss(reduction="batchmean"), ValueError, "got reduction='batchmean'"),
        (lambda nn: nn.HuberLoss(delta="1"), TypeError, "delta must be a number, got delta='1'"),
        (lambda nn: nn.TripletMarginLoss(0.0), ValueError, "margin must be positive"),
        (lambda nn: nn.TripletMarginWithDistanceLoss(margin=-1), ValueError, "margin=-1"),
    ],
)
def test_refused_when_made(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        make(torch.nn)(torch.ones(2), torch.ones(2))  # PyTorch waits for the call with some
    with pytest.raises(error, match=words):
        make(port)
