"""Losses with a margin between classes or numbers: torch.nn's."""

import jax
from jax.typing import ArrayLike

from .. import functional
from ._loss import Loss


class HingeEmbeddingLoss(Loss):
    """x for y = 1, max(0, m - x) for y = -1, summed up: torch.nn.HingeEmbeddingLoss.

    Args:
      margin: m. Default: 1.
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.hinge_embedding_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import HingeEmbeddingLoss
      >>> float(HingeEmbeddingLoss()(jnp.array([0.25]), jnp.array([-1.0])))
      0.75

    Reference: torch.nn.HingeEmbeddingLoss.
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        self._sum_up(size_average, reduce, reduction)
        self.margin = margin

    def __call__(self, input: ArrayLike, target: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.hinge_embedding_loss(
            input, target, margin=self.margin, reduction=self.reduction
        )


class SoftMarginLoss(Loss):
    """log(1 + exp(-y x)), summed up: torch.nn.SoftMarginLoss.

    Args:
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.soft_margin_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import SoftMarginLoss
      >>> float(SoftMarginLoss()(jnp.array([99.0]), jnp.array([1.0])))
      0.0

    Reference: torch.nn.SoftMarginLoss.
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        self._sum_up(size_average, reduce, reduction)

    def __call__(self, input: ArrayLike, target: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.soft_margin_loss(input, target, reduction=self.reduction)


class MarginRankingLoss(Loss):
    """max(0, -y (a - b) + m), y 1 where a should be above b and -1 where below:
    torch.nn.MarginRankingLoss.

    Args:
      margin: m. Default: 0.
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.margin_ranking_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import MarginRankingLoss
      >>> float(MarginRankingLoss()(jnp.array([1.0]), jnp.array([3.0]), jnp.array([1.0])))
      2.0

    Reference: torch.nn.MarginRankingLoss.
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        self._sum_up(size_average, reduce, reduction)
        self.margin = margin

    def __call__(self, input1: ArrayLike, input2: ArrayLike, target: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.margin_ranking_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class MultiLabelMarginLoss(Loss):
    """max(0, 1 - x_t + x_i) over the classes t that hold and those i that do not:
    torch.nn.MultiLabelMarginLoss.

    Args:
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.multilabel_margin_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import MultiLabelMarginLoss
      >>> float(MultiLabelMarginLoss()(jnp.array([1.0, 0.0]), jnp.array([0, -1])))
      0.0

    Reference: torch.nn.MultiLabelMarginLoss.
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        self._sum_up(size_average, reduce, reduction)

    def __call__(self, input: ArrayLike, target: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(Loss):
    """-w (y log s(x) + (1 - y) log s(-x)), meant over the classes, s the sigmoid:
    torch.nn.MultiLabelSoftMarginLoss.

    Args:
      weight: w, one a class. Default: None.
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.multilabel_soft_margin_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import MultiLabelSoftMarginLoss
      >>> float(MultiLabelSoftMarginLoss()(jnp.array([[99.0]]), jnp.array([[1.0]])))
      0.0

    Reference: torch.nn.MultiLabelSoftMarginLoss.
    """

    def __init__(
        self,
        weight: ArrayLike | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        self._sum_up(size_average, reduce, reduction)
        self.weight = self._weights("weight", weight)

    def __call__(self, input: ArrayLike, target: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.multilabel_soft_margin_loss(
            input, target, weight=self.weight, reduction=self.reduction
        )


class MultiMarginLoss(Loss):
    """w_y max(0, m - x_y + x_i)^p, meant over the classes i but y:
    torch.nn.MultiMarginLoss.

    Args:
      p: 1 or 2. Default: 1.
      margin: m. Default: 1.
      weight: w, one a class. Default: None.
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.multi_margin_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import MultiMarginLoss
      >>> float(MultiMarginLoss()(jnp.array([[1.0, 0.0]]), jnp.array([0])))
      0.0

    Reference: torch.nn.MultiMarginLoss.
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: ArrayLike | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        self._sum_up(size_average, reduce, reduction)
        self.weight = self._weights("weight", weight)
        self.p, self.margin = p, margin

    def __call__(self, input: ArrayLike, target: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.multi_margin_loss(
            input,
            target,
            p=self.p,
            margin=self.margin,
            weight=self.weight,
            reduction=self.reduction,
        )
