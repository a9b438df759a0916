"""ctc_loss against PyTorch: padded and concatenated targets, lengths, infinite losses, refusals."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional as F

import port.functional as functional
from port.functional import ctc_loss, log_softmax
from tests.support.agree import assert_agree, assert_refused, assert_same, draw, to_torch
from tests.support.opinfo import assert_samples_agree, calls, samples

TARGETS = np.array([[1, 2, 2, 4], [3, 3, 3, 0], [2, 4, 1, 3]])
INPUTS, SIZES = (9, 7, 5), (4, 3, 2)


def _logs(seed: int, shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    x = draw(seed, shape, dtype)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def _compare(x: np.ndarray, targets: np.ndarray, *lengths: Any, **options: Any) -> None:
    theirs = [to_torch(a) for a in (targets, *lengths)]
    assert_agree(
        lambda x: ctc_loss(x, targets, *lengths, **options),
        lambda x: F.ctc_loss(x, *theirs, **options),
        x,
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_padded_targets(reduction: str, dtype: str) -> None:
    _compare(_logs(0, (9, 3, 5), dtype), TARGETS, INPUTS, SIZES, reduction=reduction)


def test_targets_one_after_the_other() -> None:
    targets = np.array([1, 2, 2, 4, 3, 3, 3, 2, 4], np.int32)
    lengths = (np.array(INPUTS), np.array(SIZES))
    _compare(_logs(1, (9, 3, 5)), targets, *lengths, reduction="none", blank=0)


def test_another_blank_and_one_example() -> None:
    _compare(_logs(2, (9, 3, 5)), TARGETS % 4, INPUTS, SIZES, reduction="none", blank=4)
    x = _logs(3, (6, 5))
    for reduction in ("none", "mean"):
        _compare(x, np.array([1, 1, 2]), np.array(6), np.array(3), reduction=reduction)


def test_empty_targets_and_inputs() -> None:
    _compare(_logs(4, (4, 2, 3)), np.zeros((2, 0), int), (4, 3), (0, 0), reduction="mean")
    _compare(_logs(5, (4, 3, 3)), TARGETS[:, :2] % 3, (4, 0, 3), (0, 0, 2), reduction="none")


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_inputs_too_short(zero: bool, reduction: str) -> None:
    """Three equal labels take five times: four give an infinite loss."""
    targets = np.array([[1, 1, 1], [2, 2, 2], [1, 2, 1]])
    options: dict[str, Any] = {"reduction": reduction, "zero_infinity": zero}
    _compare(_logs(6, (6, 3, 4)), targets, (6, 4, 0), (3, 3, 2), **options)


def test_against_all_paths() -> None:
    """The sum over every path, taken one by one."""
    logs = _logs(7, (5, 3))
    total = 0.0
    for path in np.ndindex(*(3,) * 5):
        kept = [a for i, a in enumerate(path) if i == 0 or path[i - 1] != a]
        if [a for a in kept if a != 0] == [1, 1]:
            total += np.exp(logs[range(5), path].sum())
    found = ctc_loss(logs[:, None], np.array([[1, 1]]), (5,), (2,), reduction="sum")
    np.testing.assert_allclose(found, -np.log(total), rtol=1e-12)


def test_gradient_through_log_softmax() -> None:
    """It is the loss's own there, as finite differences have it; second ones are of that, too."""
    x = draw(8, (5, 2, 4))

    def loss(x: Any) -> Any:
        return ctc_loss(log_softmax(x, 2), np.array([[1, 1], [3, 2]]), (5, 4), (2, 2))

    along = draw(9, x.shape)
    step = 1e-6
    expected = (loss(x + step * along) - loss(x - step * along)) / (2 * step)
    np.testing.assert_allclose((jax.grad(loss)(x) * along).sum(), expected, rtol=1e-8)
    np.testing.assert_allclose(jax.jvp(loss, (x,), (along,))[1], expected, rtol=1e-8)


def test_lengths_that_are_not_known() -> None:
    """Padded or one after the other, they may be traced; what cannot be gives nan."""
    x = _logs(10, (9, 3, 5))
    expected = F.ctc_loss(to_torch(x), to_torch(TARGETS), INPUTS, SIZES, reduction="none")
    one_by_one = np.array([1, 2, 2, 4, 3, 3, 3, 2, 4])
    for targets in (TARGETS, one_by_one):
        program = jax.jit(lambda x, t, *n: ctc_loss(x, t, *n, reduction="none"))
        assert_same(program(x, targets, np.array(INPUTS), np.array(SIZES)), expected)
    found = program(x, TARGETS, np.array([10, 7, 5]), np.array([4, 5, 2]))
    np.testing.assert_array_equal(np.isnan(found), [True, True, False])
    found = program(x, np.where(TARGETS == 4, 5, TARGETS), np.array(INPUTS), np.array(SIZES))
    np.testing.assert_array_equal(np.isnan(found), [True, False, True])


def test_vmap() -> None:
    x = _logs(11, (2, 6, 3, 5))
    found = jax.vmap(lambda x: ctc_loss(x, TARGETS, (6, 5, 4), SIZES, zero_infinity=True))(x)
    for one, logs in zip(found, x, strict=True):
        assert_same(
            one, F.ctc_loss(to_torch(logs), to_torch(TARGETS), (6, 5, 4), SIZES, zero_infinity=True)
        )


def test_samples() -> None:
    groups = calls(samples("ctc_loss", "float64", functional))
    assert len(groups) >= 6
    assert_samples_agree(groups[::2], None)


X = np.zeros((6, 2, 5))
Y = np.array([[1, 2], [3, 3]])
REFUSED: list[tuple[Any, Any, Any, Any, dict[str, Any], type[Exception], str]] = [
    (X, Y, (7, 6), (2, 2), {}, ValueError, "input_lengths must be from 0 to 6, got 7"),
    (X, Y, (-1, 6), (2, 2), {}, ValueError, "got -1"),
    (X, Y, (6, 6), (3, 2), {}, ValueError, "target_lengths must be from 0 to 2, got 3"),
    (X, Y, (6,), (2, 2), {}, ValueError, "input_lengths.shape=(1,)"),
    (X, Y, (6, 6.0), (2, 2), {}, TypeError, "input_lengths[1]"),
    (X, Y, (6, 6), (2, 2), {"blank": 5}, ValueError, "blank=5"),
    (X, Y, (6, 6), (2, 2), {"zero_infinity": 1}, TypeError, "zero_infinity=1"),
    (X, Y, (6, 6), (2, 2), {"reduction": "all"}, ValueError, "reduction='all'"),
    (X, Y[:1], (6, 6), (2, 2), {}, ValueError, "targets.shape=(1, 2)"),
    (X, np.array([1, 2, 3]), (6, 6), (2, 2), {}, ValueError, "targets.shape=(3,)"),
    (X, Y[None], (6, 6), (2, 2), {}, ValueError, "targets.shape=(1, 2, 2)"),
    (X[:, :0], Y[:0], (), (), {}, ValueError, "log_probs.shape=(6, 0, 5)"),
    (X[0, 0], Y, (6, 6), (2, 2), {}, ValueError, "log_probs.shape=(5,)"),
    (X.astype(np.float16), Y, (6, 6), (2, 2), {}, TypeError, "float16"),
]


@pytest.mark.parametrize(("x", "y", "inputs", "sizes", "options", "error", "word"), REFUSED)
def test_refusals(
    x: Any, y: Any, inputs: Any, sizes: Any, options: Any, error: type[Exception], word: str
) -> None:
    assert_refused(
        lambda x, y: ctc_loss(x, y, inputs, sizes, **options),
        lambda x, y: F.ctc_loss(x, y, inputs, sizes, **options),
        [x, y],
        error,
        ["ctc_loss: ", word],
    )


def test_class_numbers_are_looked_at() -> None:
    with pytest.raises(ValueError, match="targets must be from 0 to 4, got 5"):
        ctc_loss(X, jnp.array([[1, 2], [3, 5]]), (6, 6), (2, 2))
    assert torch.isfinite(F.ctc_loss(to_torch(X), torch.tensor([[1, 2], [3, 4]]), (6, 6), (2, 2)))
