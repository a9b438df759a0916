"""Losses between probabilities and classes: torch.nn's."""

import jax
from jax.typing import ArrayLike

from .. import functional
from ._loss import Loss


class BCELoss(Loss):
    """-w (y log x + (1 - y) log(1 - x)), of probabilities x, summed up: torch.nn.BCELoss.

    Args:
      weight: w, of a shape that broadcasts to the input's. Default: None.
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.binary_cross_entropy`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import BCELoss
      >>> round(float(BCELoss()(jnp.array([0.5]), jnp.array([1.0]))), 4)
      0.6931

    Reference: torch.nn.BCELoss.
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
        return functional.binary_cross_entropy(
            input, target, weight=self.weight, reduction=self.reduction
        )


class BCEWithLogitsLoss(Loss):
    """BCELoss of the sigmoid of the input, summed up: torch.nn.BCEWithLogitsLoss.

    Args:
      weight: of a shape that broadcasts to the input's. Default: None.
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.
      pos_weight: weights of the targets that are 1. Default: None.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.binary_cross_entropy_with_logits`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import BCEWithLogitsLoss
      >>> float(BCEWithLogitsLoss()(jnp.array([99.0]), jnp.array([1.0])))
      0.0

    Reference: torch.nn.BCEWithLogitsLoss.
    """

    def __init__(
        self,
        weight: ArrayLike | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: ArrayLike | None = None,
    ) -> None:
        self._sum_up(size_average, reduce, reduction)
        self.weight = self._weights("weight", weight)
        self.pos_weight = self._weights("pos_weight", pos_weight)

    def __call__(self, input: ArrayLike, target: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.binary_cross_entropy_with_logits(
            input, target, weight=self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class NLLLoss(Loss):
    """-w_y x_y, of logarithms x and class numbers y, summed up: torch.nn.NLLLoss.

    Args:
      weight: w, one a class. Default: None.
      ignore_index: a target that does not count. Default: -100.
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.nll_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import NLLLoss
      >>> float(NLLLoss()(jnp.array([[0.0, -2.0]]), jnp.array([1])))
      2.0

    Reference: torch.nn.NLLLoss.
    """

    def __init__(
        self,
        weight: ArrayLike | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        self._sum_up(size_average, reduce, reduction)
        self.weight = self._weights("weight", weight)
        self.ignore_index = ignore_index

    def __call__(self, input: ArrayLike, target: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class CrossEntropyLoss(Loss):
    """NLLLoss of the logarithmic softmax of the input, summed up: torch.nn.CrossEntropyLoss.

    Args:
      weight: one a class. Default: None.
      ignore_index: a target that does not count. Default: -100.
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.
      label_smoothing: how much of the target is spread over all classes. Default: 0.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.cross_entropy`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import CrossEntropyLoss
      >>> round(float(CrossEntropyLoss()(jnp.array([[1.0, 1.0]]), jnp.array([0]))), 4)
      0.6931

    Reference: torch.nn.CrossEntropyLoss.
    """

    def __init__(
        self,
        weight: ArrayLike | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        self._sum_up(size_average, reduce, reduction)
        self.weight = self._weights("weight", weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def __call__(self, input: ArrayLike, target: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            reduction=self.reduction,
        )


class KLDivLoss(Loss):
    """y (log y - x), of logarithms x, summed up: torch.nn.KLDivLoss.

    Args:
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'batchmean', 'sum' or 'none'. Default: 'mean'.
      log_target: whether the target is logarithms, too. Default: False.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.kl_div`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import KLDivLoss
      >>> float(KLDivLoss(reduction="sum")(jnp.array([0.0]), jnp.array([1.0])))
      0.0

    Reference: torch.nn.KLDivLoss.
    """

    also = ("elementwise_mean", "batchmean")

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        self._sum_up(size_average, reduce, reduction)
        self.log_target = log_target

    def __call__(self, input: ArrayLike, target: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.kl_div(
            input, target, log_target=self.log_target, reduction=self.reduction
        )
