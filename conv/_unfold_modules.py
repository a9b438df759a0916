"""Modules of windows and columns: torch.nn.Unfold and torch.nn.Fold."""

import jax
from jax.typing import ArrayLike

from ._arguments import IntOrTuple
from ._layer import Layer, settled
from ._unfold import fold, unfold


class Unfold(Layer):
    """Gather the windows of an image as columns: torch.nn.Unfold, with `unfold`'s arguments.

    Args:
      kernel_size: size of a window: an int or a pair.
      dilation, padding, stride: as of `unfold`. Defaults: 1, 0, 1.

    Raises:
      ValueError, TypeError: as `unfold`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import Unfold
      >>> Unfold((2, 3))(jnp.ones((2, 5, 3, 4))).shape
      (2, 30, 4)

    Reference: torch.nn.Unfold.
    """

    def __init__(
        self,
        kernel_size: IntOrTuple,
        dilation: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        stride: IntOrTuple = 1,
    ) -> None:
        self.kernel_size, self.dilation = settled(kernel_size), settled(dilation)
        self.padding, self.stride = settled(padding), settled(stride)

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Map (N, C, H, W) to (N, C kH kW, L)."""
        return unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)


class Fold(Layer):
    """Add columns up into an image: torch.nn.Fold, with `fold`'s arguments.

    Args:
      output_size: size of the image: an int or a pair.
      kernel_size: size of a window: an int or a pair.
      dilation, padding, stride: as of `fold`. Defaults: 1, 0, 1.

    Raises:
      ValueError, TypeError: as `fold`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import Fold
      >>> Fold((4, 5), (2, 2))(jnp.ones((1, 12, 12))).shape
      (1, 3, 4, 5)

    Reference: torch.nn.Fold.
    """

    def __init__(
        self,
        output_size: IntOrTuple,
        kernel_size: IntOrTuple,
        dilation: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        stride: IntOrTuple = 1,
    ) -> None:
        self.output_size, self.kernel_size = settled(output_size), settled(kernel_size)
        self.dilation = settled(dilation)
        self.padding, self.stride = settled(padding), settled(stride)

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Map (N, C kH kW, L) to (N, C, H, W)."""
        return fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )
