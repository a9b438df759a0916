"""BatchNorm in one to three dimensions: torch.nn's, as flax.nnx modules."""

import jax
from flax import nnx
from jax.typing import ArrayLike, DTypeLike

from .. import functional
from ._running_norm import RunningNorm


class _BatchNorm(RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs | None = None,  # noqa: ARG002 - nothing is drawn
    ) -> None:
        self._set(num_features, eps, momentum, affine, track_running_stats, bias, dtype)

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Normalise the channels of input; in training, update the running statistics."""
        x = self._input(input)
        mean, var = self.running_mean, self.running_var
        if self.training and not self.track_running_stats:
            mean = var = None
        count = None
        momentum: float | jax.Array | None = self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            count = self.num_batches_tracked[...] + 1
            momentum = 1 / count.astype(float) if self.momentum is None else self.momentum
        y, new_mean, new_var = functional.batch_norm_update(
            x,
            mean,
            var,
            self.weight,
            self.bias,
            self.training or mean is None,
            0.0 if momentum is None else momentum,
            self.eps,
        )
        if self.training and mean is not None:
            self.running_mean.set_value(new_mean)
            self.running_var.set_value(new_var)
        if count is not None:
            self.num_batches_tracked.set_value(count)
        return y


class BatchNorm1d(_BatchNorm):
    r"""Batch normalisation of (N, C) or (N, C, L): torch.nn.BatchNorm1d as an nnx module.

    .. math:: y = \frac{x - \mu}{\sqrt{v + \epsilon}}\,w + b

    In training mu and v are the batch's mean and its variance (divided by n) a channel; the running
    statistics move towards the mean and the unbiased variance (divided by n - 1). In evaluation mu
    and v are the running statistics, or the batch's own where none are kept.

    Args:
      num_features: C, the number of channels.
      eps: added to the variance. Default: 1e-5.
      momentum: how far the running statistics move, from 0 to 1; None for the average over all
        batches. Default: 0.1.
      affine: whether there are w and b. Default: True.
      track_running_stats: whether running statistics are kept. Default: True.
      bias: whether there is b, with affine. Default: True.
      dtype: dtype of the parameters and statistics. Default: float32.
      rngs: not used; there so that all layers can be made alike.

    Attributes:
      weight, bias: nnx.Param, (C,), 1 and 0 at first; or None.
      running_mean, running_var: nnx.BatchStat, (C,), 0 and 1 at first; or None.
      num_batches_tracked: nnx.BatchStat, an integer; or None.
      training: whether the batch's statistics are taken. `train` and `eval`, of this layer or of
        any module above it, set it; flax's name for its opposite is use_running_average.

    Raises:
      ValueError, TypeError: as torch.nn.BatchNorm1d: another number of dimensions, a single value a
        channel in training, mixed dtypes.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import BatchNorm1d
      >>> layer = BatchNorm1d(1)
      >>> y = layer(jnp.array([[1.0], [2.0], [3.0], [4.0]]))
      >>> float(layer.running_mean[0]), round(float(layer.running_var[0]), 4)
      (0.25, 1.0667)
      >>> layer.eval()(jnp.array([[0.25]]))
      Array([[0.]], dtype=float32)

    Reference: torch.nn.BatchNorm1d.
    """

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    r"""Batch normalisation of (N, C, H, W): torch.nn.BatchNorm2d as an nnx module.

    As `BatchNorm1d`, with the statistics over N, H and W.

    Args:
      num_features: C, the number of channels.
      eps: added to the variance. Default: 1e-5.
      momentum: how far the running statistics move; None for their average. Default: 0.1.
      affine: whether there are weight and bias. Default: True.
      track_running_stats: whether running statistics are kept. Default: True.
      bias: whether there is a bias, with affine. Default: True.
      dtype: dtype of the parameters and statistics. Default: float32.
      rngs: not used.

    Attributes:
      weight, bias, running_mean, running_var, num_batches_tracked, training: as of `BatchNorm1d`.

    Raises:
      ValueError, TypeError: as `BatchNorm1d`.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import BatchNorm2d
      >>> BatchNorm2d(3).eval()(jnp.ones((2, 3, 4, 5))).shape
      (2, 3, 4, 5)

    Reference: torch.nn.BatchNorm2d.
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    r"""Batch normalisation of (N, C, D, H, W): torch.nn.BatchNorm3d as an nnx module.

    As `BatchNorm1d`, with the statistics over N, D, H and W.

    Args:
      num_features: C, the number of channels.
      eps: added to the variance. Default: 1e-5.
      momentum: how far the running statistics move; None for their average. Default: 0.1.
      affine: whether there are weight and bias. Default: True.
      track_running_stats: whether running statistics are kept. Default: True.
      bias: whether there is a bias, with affine. Default: True.
      dtype: dtype of the parameters and statistics. Default: float32.
      rngs: not used.

    Attributes:
      weight, bias, running_mean, running_var, num_batches_tracked, training: as of `BatchNorm1d`.

    Raises:
      ValueError, TypeError: as `BatchNorm1d`.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import BatchNorm3d
      >>> BatchNorm3d(3)(jnp.ones((2, 3, 4, 5, 6))).shape
      (2, 3, 4, 5, 6)

    Reference: torch.nn.BatchNorm3d.
    """

    ranks = (5,)
