"""InstanceNorm in one to three dimensions: torch.nn's, as flax.nnx modules."""

import warnings

import jax
from flax import nnx
from jax.typing import ArrayLike, DTypeLike

from .. import functional
from ._running_norm import RunningNorm


class _InstanceNorm(RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs | None = None,  # noqa: ARG002 - nothing is drawn
    ) -> None:
        self._set(num_features, eps, momentum, affine, track_running_stats, bias, dtype)

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Normalise the channels of each example; in training, update the running statistics."""
        x = self._input(input)
        batched = x.ndim == self.ranks[1]
        self._check_channels(x.shape[1 if batched else 0])
        own = self.training or not self.track_running_stats
        y, mean, var = functional.instance_norm_update(
            x if batched else x[None],
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            own,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        if own and self.running_mean is not None:
            self.running_mean.set_value(mean)
            self.running_var.set_value(var)
        return y if batched else y[0]

    def _check_channels(self, channels: int) -> None:
        if channels == self.num_features:
            return
        where = type(self).__name__
        rule = f"must have num_features={self.num_features} channels, got {channels}"
        if self.affine:
            raise ValueError(f"{where}: input {rule}")
        warnings.warn(f"{where}: input {rule}; num_features is not used", stacklevel=3)


class InstanceNorm1d(_InstanceNorm):
    r"""Normalisation of each channel of each example: torch.nn.InstanceNorm1d as an nnx module.

    .. math:: y = \frac{x - \mu}{\sqrt{v + \epsilon}}\,w + b

    with mean and variance (divided by n) over L. It maps (N, C, L) or (C, L) to the same shape.

    Args:
      num_features: C, the number of channels.
      eps: added to the variance. Default: 1e-5.
      momentum: how far the running statistics move, from 0 to 1. Default: 0.1.
      affine: whether there are weight and bias. Default: False.
      track_running_stats: whether running statistics are kept, and taken in evaluation. Default:
        False.
      bias: whether there is a bias, with affine. Default: True.
      dtype: dtype of the parameters and statistics. Default: float32.
      rngs: not used; there so that all layers can be made alike.

    Attributes:
      weight, bias: nnx.Param, (C,), 1 and 0 at first; or None, the default.
      running_mean, running_var: nnx.BatchStat, (C,), 0 and 1 at first; or None, the default.
      num_batches_tracked: nnx.BatchStat, 0: PyTorch counts for BatchNorm only; or None.
      training: as of `BatchNorm1d`.

    Raises:
      ValueError, TypeError: as torch.nn.InstanceNorm1d: another number of dimensions or, with
        affine, of channels; one value a channel; mixed dtypes. Without affine, another number of
        channels is a warning.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import InstanceNorm1d
      >>> InstanceNorm1d(2, eps=0.0)(jnp.array([[1.0, 3.0], [10.0, 30.0]]))
      Array([[-1.,  1.],
             [-1.,  1.]], dtype=float32)

    Reference: torch.nn.InstanceNorm1d.
    """

    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    r"""Normalisation of each channel of each image: torch.nn.InstanceNorm2d as an nnx module.

    As `InstanceNorm1d`, of (N, C, H, W) or (C, H, W), with the statistics over H and W.

    Args:
      num_features: C, the number of channels.
      eps: added to the variance. Default: 1e-5.
      momentum: how far the running statistics move, from 0 to 1. Default: 0.1.
      affine: whether there are weight and bias. Default: False.
      track_running_stats: whether running statistics are kept. Default: False.
      bias: whether there is a bias, with affine. Default: True.
      dtype: dtype of the parameters and statistics. Default: float32.
      rngs: not used.

    Attributes:
      weight, bias, running_mean, running_var, num_batches_tracked, training: as of
        `InstanceNorm1d`.

    Raises:
      ValueError, TypeError: as `InstanceNorm1d`.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import InstanceNorm2d
      >>> InstanceNorm2d(3)(jnp.ones((2, 3, 4, 5))).shape
      (2, 3, 4, 5)

    Reference: torch.nn.InstanceNorm2d.
    """

    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    r"""Normalisation of each channel of each volume: torch.nn.InstanceNorm3d as an nnx module.

    As `InstanceNorm1d`, of (N, C, D, H, W) or (C, D, H, W), with the statistics over D, H and W.

    Args:
      num_features: C, the number of channels.
      eps: added to the variance. Default: 1e-5.
      momentum: how far the running statistics move, from 0 to 1. Default: 0.1.
      affine: whether there are weight and bias. Default: False.
      track_running_stats: whether running statistics are kept. Default: False.
      bias: whether there is a bias, with affine. Default: True.
      dtype: dtype of the parameters and statistics. Default: float32.
      rngs: not used.

    Attributes:
      weight, bias, running_mean, running_var, num_batches_tracked, training: as of
        `InstanceNorm1d`.

    Raises:
      ValueError, TypeError: as `InstanceNorm1d`.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import InstanceNorm3d
      >>> InstanceNorm3d(3)(jnp.ones((3, 4, 5, 6))).shape
      (3, 4, 5, 6)

    Reference: torch.nn.InstanceNorm3d.
    """

    ranks = (4, 5)
