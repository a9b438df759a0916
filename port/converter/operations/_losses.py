"""Losses: PyTorch's operations, whose reduction is a number, over `functional`."""

from collections.abc import Callable, Mapping
from typing import Any

import jax

from port import functional as F

Array = jax.Array
REDUCTIONS = ("none", "mean", "sum")
MEAN = 1


def _cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    reduction: int = MEAN,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Array:
    return F.cross_entropy(
        input,
        target,
        weight,
        ignore_index=ignore_index,
        reduction=REDUCTIONS[reduction],
        label_smoothing=label_smoothing,
    )


def _nll(
    input: Array,
    target: Array,
    weight: Array | None = None,
    reduction: int = MEAN,
    ignore_index: int = -100,
) -> Array:
    reduced = REDUCTIONS[reduction]
    return F.nll_loss(input, target, weight, ignore_index=ignore_index, reduction=reduced)


def _of_pair(function: Callable[..., Array]) -> Callable[..., Array]:
    """Return the operation of a loss of input and target; some have another number."""

    def loss(input: Array, target: Array, reduction: int = MEAN, *more: float) -> Array:
        named = dict(zip(("beta",) if function is F.smooth_l1_loss else ("delta",), more))  # noqa: B905
        return function(input, target, reduction=REDUCTIONS[reduction], **named)

    return loss


def _binary(
    input: Array, target: Array, weight: Array | None = None, reduction: int = MEAN
) -> Array:
    return F.binary_cross_entropy(input, target, weight, reduction=REDUCTIONS[reduction])


def _binary_with_logits(
    input: Array,
    target: Array,
    weight: Array | None = None,
    pos_weight: Array | None = None,
    reduction: int = MEAN,
) -> Array:
    return F.binary_cross_entropy_with_logits(
        input, target, weight, reduction=REDUCTIONS[reduction], pos_weight=pos_weight
    )


def _kl_div(
    input: Array, target: Array, reduction: int = MEAN, *, log_target: bool = False
) -> Array:
    return F.kl_div(input, target, reduction=REDUCTIONS[reduction], log_target=log_target)


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "aten.cross_entropy_loss.default": _cross_entropy,
    "aten.nll_loss.default": _nll,
    "aten.nll_loss_nd.default": _nll,
    "aten.nll_loss2d.default": _nll,
    "aten.mse_loss.default": _of_pair(F.mse_loss),
    "aten.l1_loss.default": _of_pair(F.l1_loss),
    "aten.smooth_l1_loss.default": _of_pair(F.smooth_l1_loss),
    "aten.huber_loss.default": _of_pair(F.huber_loss),
    "aten.soft_margin_loss.default": _of_pair(F.soft_margin_loss),
    "aten.binary_cross_entropy.default": _binary,
    "aten.binary_cross_entropy_with_logits.default": _binary_with_logits,
    "aten.kl_div.default": _kl_div,
}
