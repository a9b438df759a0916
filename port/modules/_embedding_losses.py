"""Losses and distances of vectors: torch.nn's."""

from collections.abc import Callable

import jax
from jax.typing import ArrayLike

from .. import functional
from ._base import Layer
from ._loss import Loss


class CosineEmbeddingLoss(Loss):
    """1 - cos(a, b) for y = 1, max(0, cos(a, b) - m) for y = -1:
    torch.nn.CosineEmbeddingLoss.

    Args:
      margin: m. Default: 0.
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.cosine_embedding_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import CosineEmbeddingLoss
      >>> x, y = jnp.array([[3.0, 0.0]]), jnp.array([[0.0, 2.0]])
      >>> float(CosineEmbeddingLoss()(x, y, jnp.array([1])))
      1.0

    Reference: torch.nn.CosineEmbeddingLoss.
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
        return functional.cosine_embedding_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class TripletMarginLoss(Loss):
    """max(0, |a - p| - |a - n| + m), summed up: torch.nn.TripletMarginLoss.

    Args:
      margin: m, positive. Default: 1.
      p: which norm. Default: 2.
      eps: added to the differences. Default: 1e-6.
      swap: whether |p - n| is taken where it is less than |a - n|. Default: False.
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.triplet_margin_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import TripletMarginLoss
      >>> float(TripletMarginLoss()(jnp.zeros((1, 2)), jnp.zeros((1, 2)), 9 * jnp.ones((1, 2))))
      0.0

    Reference: torch.nn.TripletMarginLoss.
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        self._sum_up(size_average, reduce, reduction)
        _check_margin("TripletMarginLoss", margin)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def __call__(self, anchor: ArrayLike, positive: ArrayLike, negative: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(Loss):
    """TripletMarginLoss with a distance of one's own: torch.nn.TripletMarginWithDistanceLoss.

    Args:
      distance_function: of two arrays. Default: None, for `PairwiseDistance`.
      margin: m, positive. Default: 1.
      swap: whether |p - n| is taken where it is less than |a - n|. Default: False.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.

    Raises:
      ValueError: another reduction, a margin that is not positive; otherwise, and
      TypeError: as `functional.triplet_margin_with_distance_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import TripletMarginWithDistanceLoss
      >>> distance = lambda x, y: jnp.abs(x - y).max(-1)
      >>> loss = TripletMarginWithDistanceLoss(distance_function=distance)
      >>> float(loss(jnp.array([[0.0]]), jnp.array([[1.0]]), jnp.array([[-1.5]])))
      0.5

    Reference: torch.nn.TripletMarginWithDistanceLoss.
    """

    also = ()

    def __init__(
        self,
        *,
        distance_function: Callable[[jax.Array, jax.Array], jax.Array] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        self._sum_up(None, None, reduction)
        _check_margin("TripletMarginWithDistanceLoss", margin)
        self.distance_function = distance_function
        self.margin, self.swap = margin, swap

    def __call__(self, anchor: ArrayLike, positive: ArrayLike, negative: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class CosineSimilarity(Layer):
    """The cosine of the angle between vectors: torch.nn.CosineSimilarity.

    Args:
      dim: the dimension of the vectors. Default: 1.
      eps: the least product of norms to divide by. Default: 1e-8.

    Raises:
      ValueError, TypeError: as `functional.cosine_similarity`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import CosineSimilarity
      >>> CosineSimilarity()(jnp.array([[3.0, 0.0]]), jnp.array([[2.0, 0.0]]))
      Array([1.], dtype=float32)

    Reference: torch.nn.CosineSimilarity.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        self.dim, self.eps = dim, eps

    def __call__(self, x1: ArrayLike, x2: ArrayLike) -> jax.Array:
        """Return the cosines."""
        return functional.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Layer):
    """The norm of the differences of vectors: torch.nn.PairwiseDistance.

    Args:
      p: which norm. Default: 2.
      eps: added to the differences. Default: 1e-6.
      keepdim: whether the last dimension is kept, with size 1. Default: False.

    Raises:
      ValueError, TypeError: as `functional.pairwise_distance`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import PairwiseDistance
      >>> PairwiseDistance(eps=0.0)(jnp.array([[3.0, 0.0]]), jnp.array([[0.0, 4.0]]))
      Array([5.], dtype=float32)

    Reference: torch.nn.PairwiseDistance.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def __call__(self, x1: ArrayLike, x2: ArrayLike) -> jax.Array:
        """Return the distances."""
        return functional.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


def _check_margin(where: str, margin: float) -> None:
    if margin <= 0:
        raise ValueError(f"{where}: margin must be positive, got {margin=}")
