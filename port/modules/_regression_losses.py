"""Losses between numbers: torch.nn's."""

import jax
from jax.typing import ArrayLike

from .. import functional
from ._loss import Loss


class L1Loss(Loss):
    """|x - y|, summed up: torch.nn.L1Loss.

    Args:
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.l1_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import L1Loss
      >>> float(L1Loss()(jnp.array([1.0, 4.0]), jnp.array([1.0, 2.0])))
      1.0

    Reference: torch.nn.L1Loss.
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        self._sum_up(size_average, reduce, reduction)

    def __call__(self, input: ArrayLike, target: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.l1_loss(input, target, reduction=self.reduction)


class MSELoss(Loss):
    """(x - y)^2, summed up: torch.nn.MSELoss.

    Args:
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.mse_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import MSELoss
      >>> float(MSELoss()(jnp.array([1.0, 4.0]), jnp.array([1.0, 2.0])))
      2.0

    Reference: torch.nn.MSELoss.
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        self._sum_up(size_average, reduce, reduction)

    def __call__(self, input: ArrayLike, target: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """(x - y)^2 / (2 b) for |x - y| < b, |x - y| - b / 2 else:
    torch.nn.SmoothL1Loss.

    Args:
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.
      beta: b. Default: 1.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.smooth_l1_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import SmoothL1Loss
      >>> float(SmoothL1Loss()(jnp.array([1.0]), jnp.array([4.0])))
      2.5

    Reference: torch.nn.SmoothL1Loss.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        self._sum_up(size_average, reduce, reduction)
        self.beta = beta

    def __call__(self, input: ArrayLike, target: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.smooth_l1_loss(input, target, beta=self.beta, reduction=self.reduction)


class HuberLoss(Loss):
    """(x - y)^2 / 2 for |x - y| < d, d (|x - y| - d / 2) else, summed up: torch.nn.HuberLoss.

    Args:
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.
      delta: d, positive. Default: 1.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.huber_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import HuberLoss
      >>> float(HuberLoss()(jnp.array([1.0]), jnp.array([4.0])))
      2.5

    Reference: torch.nn.HuberLoss.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        self._sum_up(None, None, reduction)
        if not isinstance(delta, int | float):
            raise TypeError(f"HuberLoss: delta must be a number, got {delta=}")
        self.delta = delta

    def __call__(self, input: ArrayLike, target: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.huber_loss(input, target, delta=self.delta, reduction=self.reduction)


class PoissonNLLLoss(Loss):
    """exp(x) - y x, summed up: torch.nn.PoissonNLLLoss.

    Args:
      log_input: whether x is a logarithm; otherwise x - y log(x + eps). Default: True.
      full: whether Stirling's approximation is added. Default: False.
      eps: added in the logarithm. Default: 1e-8.
      size_average, reduce: older forms of reduction, with a warning. Default: None.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.poisson_nll_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import PoissonNLLLoss
      >>> float(PoissonNLLLoss()(jnp.array([0.0]), jnp.array([3.0])))
      1.0

    Reference: torch.nn.PoissonNLLLoss.
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        self._sum_up(size_average, reduce, reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def __call__(self, log_input: ArrayLike, target: ArrayLike) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.poisson_nll_loss(
            log_input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )


class GaussianNLLLoss(Loss):
    """(log v + (x - y)^2 / v) / 2, of means x and variances v, summed up: torch.nn.GaussianNLLLoss.

    Args:
      full: whether log(2 pi) / 2 is added. Default: False.
      eps: the least variance. Default: 1e-6.
      reduction: 'mean', 'sum' or 'none'. Default: 'mean'.

    Raises:
      ValueError: another reduction; otherwise, and
      TypeError: as `functional.gaussian_nll_loss`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import GaussianNLLLoss
      >>> float(GaussianNLLLoss()(jnp.array([1.0]), jnp.array([3.0]), 1.0))
      2.0

    Reference: torch.nn.GaussianNLLLoss.
    """

    also = ()

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        self._sum_up(None, None, reduction)
        self.full, self.eps = full, eps

    def __call__(self, input: ArrayLike, target: ArrayLike, var: ArrayLike | float) -> jax.Array:
        """Return the loss, a number or, with reduction='none', an array."""
        return functional.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )
