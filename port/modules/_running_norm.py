"""What BatchNorm and InstanceNorm have in common: parameters, running statistics, and the mode."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike, DTypeLike

from ..functional._arguments import array, integer
from ._base import Layer, parameter_dtype


class RunningNorm(Layer):
    """Parameters and running statistics, one of each a channel, and the mode that they follow."""

    ranks: ClassVar[tuple[int, ...]]  # the numbers of dimensions that an input can have

    def _set(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        bias: bool,
        dtype: DTypeLike | None,
    ) -> None:
        where = type(self).__name__
        self.num_features = integer("num_features", num_features, where)
        self.eps, self.momentum = eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.use_running_average = False
        chosen = parameter_dtype(dtype, where)
        zeros, ones = jnp.zeros(num_features, chosen), jnp.ones(num_features, chosen)
        self.weight: Any = nnx.Param(ones) if affine else nnx.data(None)
        self.bias: Any = nnx.Param(zeros) if affine and bias else nnx.data(None)
        tracked = track_running_stats
        self.running_mean: Any = nnx.BatchStat(zeros) if tracked else nnx.data(None)
        self.running_var: Any = nnx.BatchStat(ones) if tracked else nnx.data(None)
        count = jnp.zeros((), int)
        self.num_batches_tracked: Any = nnx.BatchStat(count) if tracked else nnx.data(None)

    @property
    def training(self) -> bool:
        """Whether this layer is in training."""
        return not self.use_running_average

    @training.setter
    def training(self, value: bool) -> None:
        self.use_running_average = not value

    def set_view(self, use_running_average: bool | None = None) -> None:
        """Take a mode from `nnx.view`."""
        if use_running_average is not None:
            self.use_running_average = use_running_average

    def reset_running_stats(self) -> None:
        """Set the running mean to 0, the variance to 1, and the count of batches to 0."""
        if self.track_running_stats:
            self.running_mean.set_value(jnp.zeros_like(self.running_mean[...]))
            self.running_var.set_value(jnp.ones_like(self.running_var[...]))
            self.num_batches_tracked.set_value(jnp.zeros_like(self.num_batches_tracked[...]))

    def _input(self, input: ArrayLike) -> jax.Array:
        where = type(self).__name__
        x = array("input", input, where)
        if x.ndim not in self.ranks:
            expected = " or ".join(f"{rank}D" for rank in self.ranks)
            raise ValueError(f"{where}: expected {expected} input (got {x.ndim}D input)")
        return x
