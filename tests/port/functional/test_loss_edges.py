"""Losses at kinks, ties and bounds, and of classes that are ignored or do not exist."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional as F

import port.functional as functional
from port.functional import (
    binary_cross_entropy,
    cross_entropy,
    gaussian_nll_loss,
    kl_div,
    multi_margin_loss,
    multilabel_margin_loss,
    nll_loss,
    poisson_nll_loss,
)
from tests.support.agree import assert_agree, assert_same, draw, to_torch
from tests.support.sweeps import long

HALVES = np.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])


def _agree(name: str, *arrays: Any, fixed: tuple[Any, ...] = (), **options: Any) -> None:
    """Compare each loss, and its gradients, in float64; `fixed` arrays follow the others."""
    ours, theirs = getattr(functional, name), getattr(F, name)
    assert_agree(
        lambda *xs: ours(*xs, *(jnp.asarray(x) for x in fixed), **options),
        lambda *xs: theirs(*xs, *(to_torch(x) for x in fixed), **options),
        *arrays,
    )


TIES: list[tuple[str, tuple[Any, ...], tuple[Any, ...], dict[str, Any]]] = [
    ("l1_loss", (HALVES, np.zeros(7)), (), {}),
    ("smooth_l1_loss", (HALVES, np.zeros(7)), (), {"beta": 0.5}),
    ("smooth_l1_loss", (HALVES, np.zeros(7)), (), {"beta": 0.0}),
    ("huber_loss", (HALVES, np.zeros(7)), (), {"delta": 0.5}),
    ("margin_ranking_loss", (HALVES, np.zeros(7)), (np.ones(7),), {}),
    ("margin_ranking_loss", (HALVES, np.zeros(7)), (-np.ones(7),), {"margin": 0.5}),
    ("hinge_embedding_loss", (HALVES,), (-np.ones(7, int),), {}),
    ("hinge_embedding_loss", (HALVES,), (np.zeros(7, int),), {}),
    ("multi_margin_loss", (HALVES.reshape(1, 7),), (np.array([3]),), {}),
    ("multi_margin_loss", (HALVES.reshape(1, 7),), (np.array([3]),), {"p": 2, "margin": 0.5}),
    ("multilabel_margin_loss", (HALVES,), (np.array([3, 5, 3, -1, 0, 0, 0]),), {}),
    ("triplet_margin_loss", (np.zeros((1, 2)), np.zeros((1, 2)), np.eye(1, 2)), (), {"eps": 0.0}),
    ("triplet_margin_loss", (np.eye(1, 2), np.zeros((1, 2)), np.ones((1, 2))), (), {"swap": True}),
    ("pairwise_distance", (np.zeros((2, 3)), np.zeros((2, 3))), (), {"eps": 0.0}),
    ("cosine_similarity", (np.zeros((2, 3)), np.ones((2, 3))), (), {}),
    ("cosine_embedding_loss", (np.zeros((1, 3)), np.ones((1, 3))), (np.array([-1]),), {}),
    ("cosine_embedding_loss", (np.eye(1, 3), np.ones((1, 3))), (np.array([2]),), {}),
    ("soft_margin_loss", (1000 * HALVES,), (np.ones(7),), {}),
    ("binary_cross_entropy_with_logits", (1000 * HALVES, np.ones(7)), (), {}),
    ("multilabel_soft_margin_loss", (1000 * HALVES, np.ones(7)), (), {}),
    (
        "poisson_nll_loss",
        (HALVES,),
        (np.array([0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0]),),
        {"full": True},
    ),
    ("poisson_nll_loss", (np.abs(HALVES), np.ones(7)), (), {"log_input": False}),
]


@pytest.mark.parametrize(("name", "arrays", "fixed", "options"), TIES)
def test_ties_and_bounds(name: str, arrays: Any, fixed: Any, options: dict[str, Any]) -> None:
    if name not in ("pairwise_distance", "cosine_similarity"):
        options = {"reduction": "none", **options}
    _agree(name, *arrays, fixed=fixed, **options)


def test_probabilities_of_zero_and_one() -> None:
    """The logarithm stops at -100, the gradient of input at 1e12, that of target nowhere."""
    x = np.array([0.0, 0.0, 1.0, 1.0, 1e-13, 1 - 1e-13, 0.5])
    y = np.array([0.0, 1.0, 0.0, 1.0, 0.5, 0.5, 0.5])
    for target_too in (False, True):
        arrays, fixed = ((x, y), ()) if target_too else ((x,), (y,))
        _agree("binary_cross_entropy", *arrays, fixed=fixed, reduction="none")


def test_divergence_from_a_probability_of_zero() -> None:
    """PyTorch's gradient of a target that is 0 is nan, and so is this one."""
    x, y = draw(0, (4,)), np.array([0.0, 0.5, 0.0, 0.5])
    _agree("kl_div", x, y, reduction="none")
    _agree("kl_div", x, y, reduction="sum", log_target=True)
    _agree("kl_div", x.reshape(2, 2), y.reshape(2, 2), reduction="batchmean")
    _agree("kl_div", x[0], y[1], reduction="batchmean")


def test_counts_of_zero_have_a_gradient() -> None:
    x, y = draw(1, (3,)), np.array([0.0, 1.0, 2.5])
    found = jax.grad(lambda y: poisson_nll_loss(x, y, full=True, reduction="sum"))(y)
    tensor = to_torch(y, True)
    F.poisson_nll_loss(to_torch(x), tensor, full=True, reduction="sum").backward()
    assert torch.isnan(tensor.grad[0])  # PyTorch multiplies infinity by 0
    np.testing.assert_allclose(found[1:], tensor.grad[1:].numpy(), rtol=1e-12)
    np.testing.assert_allclose(found[0], -x[0], rtol=1e-12)


VARIANCES = [(2, 3), (2,), (2, 1), (1, 3)]


@pytest.mark.parametrize("shape", VARIANCES)
def test_variances(shape: tuple[int, ...]) -> None:
    """Some are below eps: they count as eps, with the gradient of eps."""
    var = np.abs(draw(2, shape))
    var.flat[0] = 1e-9
    x, y = draw(3, (2, 3)), draw(4, (2, 3))
    _agree("gaussian_nll_loss", x, y, var, full=True, reduction="none")


def test_variance_as_a_number() -> None:
    x, y = draw(5, (2, 3)), draw(6, (2, 3))
    _agree("gaussian_nll_loss", x, y, fixed=(), var=0.5)
    with pytest.raises(TypeError, match=r"^gaussian_nll_loss: var must be an array"):
        gaussian_nll_loss(x, y, 1)  # PyTorch takes a float only


# Classes.

SHAPES = [
    ((5,), ()),
    ((3, 5), (3,)),
    ((2, 5, 4), (2, 4)),
    ((2, 5, 2, 3), (2, 2, 3)),
    ((2, 5, 1, 2, 2), (2, 1, 2, 2)),
]


@pytest.mark.parametrize(("shape", "labels"), [*SHAPES[:3], *long(SHAPES[3:])])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_classes(shape: Any, labels: Any, weighted: bool, smoothing: float) -> None:
    """One target, at least, is ignored; a batch of one in the case of a single example is not."""
    target = np.random.default_rng(7).integers(0, 5, labels)
    if labels:
        target.flat[0] = -100
    weight = np.abs(draw(8, (5,))) if weighted else None
    for reduction in ("none", "mean", "sum"):
        options: dict[str, Any] = {"reduction": reduction, "weight": weight}
        _compare("cross_entropy", draw(9, shape), target, label_smoothing=smoothing, **options)
        if not smoothing:
            _compare("nll_loss", draw(9, shape), target, **options)


def _compare(name: str, x: Any, target: Any, weight: Any = None, **options: Any) -> None:
    assert_agree(
        lambda x: getattr(functional, name)(x, jnp.asarray(target), weight, **options),
        lambda x: getattr(F, name)(x, to_torch(target), to_torch(weight), **options),
        x,
    )


def test_one_example_with_one_label() -> None:
    """PyTorch computes this loss, but has no gradient of it."""
    x, y = draw(10, (5,)), np.array([3])
    for loss in ("nll_loss", "cross_entropy"):
        found = getattr(functional, loss)(x, y, reduction="none")
        assert_same(found, getattr(F, loss)(to_torch(x), to_torch(y), reduction="none"))


def test_labels_of_bytes_and_the_index_that_is_ignored() -> None:
    _compare("nll_loss", draw(11, (3, 5)), np.array([0, 4, 2], np.uint8))
    for reduction in ("none", "mean"):
        _compare(
            "nll_loss", draw(11, (3, 5)), np.array([0, 4, 2]), ignore_index=2, reduction=reduction
        )
        _compare(
            "cross_entropy",
            draw(11, (3, 5)),
            np.array([9, 4, 2]),
            ignore_index=9,
            reduction=reduction,
        )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_all_ignored(smoothing: float, weighted: bool) -> None:
    weight = np.ones(5) if weighted else None
    for reduction in ("none", "mean", "sum"):
        options: dict[str, Any] = {"reduction": reduction, "label_smoothing": smoothing}
        _compare("cross_entropy", draw(12, (2, 5)), np.array([-100, -100]), weight, **options)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(5,), *long([((3, 5),)]), (2, 5, 4)])
def test_probabilities(shape: Any, smoothing: float, weighted: bool, reduction: str) -> None:
    weight = np.abs(draw(13, (5,))) if weighted else None
    options: dict[str, Any] = {"reduction": reduction, "label_smoothing": smoothing}
    assert_agree(
        lambda x, y: cross_entropy(x, y, weight, **options),
        lambda x, y: F.cross_entropy(x, y, to_torch(weight), **options),
        draw(14, shape),
        np.abs(draw(15, shape)),
    )


def test_logits_of_minus_infinity() -> None:
    """A class that is masked has the loss inf where it is the target, and no gradient elsewhere."""
    x = draw(16, (3, 4))
    x[:, 1] = -np.inf
    _compare("cross_entropy", x, np.array([0, 1, 2]), reduction="none")
    _compare("cross_entropy", x, np.array([0, 3, 2]))


def test_hessian_of_cross_entropy() -> None:
    x, y = draw(17, (3, 4)), np.array([0, -100, 3])
    weight = np.abs(draw(18, (4,)))
    found = jax.jit(jax.hessian(lambda x: cross_entropy(x, y, weight, label_smoothing=0.1)))(x)
    tensor = to_torch(x, True)
    loss = F.cross_entropy(tensor, to_torch(y), to_torch(weight), label_smoothing=0.1)
    (first,) = torch.autograd.grad(loss, tensor, create_graph=True)
    rows = [torch.autograd.grad(g, tensor, retain_graph=True)[0] for g in first.flatten()]
    assert_same(found.reshape(12, 3, 4), torch.stack(rows))


def test_second_derivative_and_forward_mode_of_binary_cross_entropy() -> None:
    x, y = (0.2 + 0.6 * np.random.default_rng(i).random(5) for i in (0, 1))
    tangents = (draw(19, (5,)), draw(20, (5,)))
    xs = (to_torch(x, True), to_torch(y, True))
    first = torch.autograd.grad(F.binary_cross_entropy(*xs), xs, create_graph=True)
    along = sum((g * to_torch(t)).sum() for g, t in zip(first, tangents, strict=True))
    _, found = jax.jvp(binary_cross_entropy, (x, y), tangents)
    assert_same(found, along)

    def curved(x: Any) -> Any:
        return (jax.grad(binary_cross_entropy)(x, y) * tangents[0]).sum()

    (right,) = torch.autograd.grad((first[0] * to_torch(tangents[0])).sum(), xs[0])
    # PyTorch adds 1e-12 to x and to 1 - x in the denominators of this derivative.
    np.testing.assert_allclose(jax.grad(curved)(x), right.numpy(), rtol=1e-10)


def test_class_numbers_that_do_not_exist() -> None:
    """Where they are known they are refused; where not, their losses are nan, and no others."""
    x, y = draw(21, (4, 3)), np.array([0, 3, -1, 2])
    for loss in (nll_loss, cross_entropy, multi_margin_loss):
        with pytest.raises(ValueError, match=r"target must be .*from 0 to 2.* got 3"):
            loss(x, y)
        found = jax.jit(lambda x, y, loss=loss: loss(x, y, reduction="none"))(x, y)
        np.testing.assert_array_equal(np.isnan(found), [False, True, True, False])
        assert np.isnan(jax.jit(loss)(x, y))
    labels = np.array([[0, -1, -1], [3, -1, -1], [0, -2, 0], [0, 1, 2]])
    with pytest.raises(
        ValueError, match="multilabel_margin_loss: target must be from -1 to 2, got 3"
    ):
        multilabel_margin_loss(x, labels)
    found = jax.jit(lambda x, y: multilabel_margin_loss(x, y, reduction="none"))(x, labels)
    np.testing.assert_array_equal(np.isnan(found), [False, True, True, False])


def test_values_that_are_not_allowed() -> None:
    good, high, low = np.full(3, 0.5), np.array([0.5, 1.5, 0.5]), np.array([0.5, -0.5, 0.5])
    for x, y, name, value in (
        (high, good, "input", "1.5"),
        (low, good, "input", "-0.5"),
        (good, high, "target", "1.5"),
        (np.full(3, np.nan), good, "input", "nan"),
    ):
        with pytest.raises(ValueError, match=f"{name} must be between 0 and 1, got {value}"):
            binary_cross_entropy(x, y)
        with pytest.raises(RuntimeError):
            F.binary_cross_entropy(to_torch(x), to_torch(y))
        assert np.isnan(jax.jit(binary_cross_entropy)(x, y))
    with pytest.raises(ValueError, match=r"gaussian_nll_loss: var must be not negative, got -0.5"):
        gaussian_nll_loss(good, good, low)
    found = jax.jit(lambda *xs: gaussian_nll_loss(*xs, reduction="none"))(good, good, low)
    np.testing.assert_array_equal(np.isnan(found), [False, True, False])


def test_inside_of_transformations() -> None:
    """Labels that vary over vmap and scan."""
    x, y = draw(22, (6, 4, 3)), np.random.default_rng(23).integers(0, 3, (6, 4))
    expected = torch.stack(
        [F.cross_entropy(to_torch(a), to_torch(b)) for a, b in zip(x, y, strict=True)]
    )
    assert_same(jax.vmap(cross_entropy)(x, y), expected)
    _, scanned = jax.lax.scan(
        lambda carry, ab: (carry, cross_entropy(*ab)), 0, (jnp.asarray(x), jnp.asarray(y))
    )
    assert_same(scanned, expected)


def test_means_that_are_warned_of() -> None:
    x, y = draw(24, (2, 3)), np.full((2, 3), 0.5)
    with pytest.warns(UserWarning, match="kl_div: reduction='mean'"):
        found = kl_div(x, y)
    with pytest.warns(UserWarning, match="batchmean"):
        expected = F.kl_div(to_torch(x), to_torch(y))
    assert_same(found, expected)
