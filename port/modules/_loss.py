"""What the losses have in common: how they are summed up, and weights in their state."""

from typing import Any

import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike

from ..functional._arguments import array
from ..functional._reduction import reduction_of
from ._base import Buffer, Layer


class Loss(Layer):
    """A loss that is summed up in one of three ways."""

    also: tuple[str, ...] = ("elementwise_mean",)

    def _sum_up(self, size_average: bool | None, reduce: bool | None, reduction: str) -> None:
        where = type(self).__name__
        self.reduction = reduction_of(where, reduction, size_average, reduce, also=self.also)

    def _weights(self, name: str, value: ArrayLike | None) -> Any:
        """Return given weights as part of the state, as in PyTorch; or None."""
        if value is None:
            return nnx.data(None)
        return Buffer(jnp.array(array(name, value, type(self).__name__), copy=True))
