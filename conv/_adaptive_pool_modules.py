"""Adaptive pools of one to three dimensions: torch.nn's."""

from collections.abc import Sequence

import jax
from jax.typing import ArrayLike

from ._avg_pool import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from ._layer import Layer, settled
from ._max_pool import Maxima, adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d

Sizes = int | Sequence[int | None] | None


class _AdaptiveAvgPool(Layer):
    dims: int

    def __init__(self, output_size: Sizes) -> None:
        self.output_size = settled(output_size)

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Return the means of as many windows as asked for."""
        pools = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)
        return pools[self.dims - 1](input, self.output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means over windows that cover a signal: torch.nn.AdaptiveAvgPool1d.

    Args:
      output_size: the number of windows.

    Raises:
      ValueError, TypeError: as `adaptive_avg_pool1d`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveAvgPool1d
      >>> AdaptiveAvgPool1d(3)(jnp.arange(5.0)[None])
      Array([[0.5, 2. , 3.5]], dtype=float32)

    Reference: torch.nn.AdaptiveAvgPool1d.
    """

    dims = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means over windows that cover an image: torch.nn.AdaptiveAvgPool2d.

    Args:
      output_size: the number of windows: an int, or a pair where None keeps the input's size.

    Raises:
      ValueError, TypeError: as `adaptive_avg_pool2d`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveAvgPool2d
      >>> AdaptiveAvgPool2d((None, 7))(jnp.ones((1, 64, 10, 9))).shape
      (1, 64, 10, 7)

    Reference: torch.nn.AdaptiveAvgPool2d.
    """

    dims = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means over windows that cover a volume: torch.nn.AdaptiveAvgPool3d.

    Args:
      output_size: the number of windows: an int, or one a dimension where None keeps the input's.

    Raises:
      ValueError, TypeError: as `adaptive_avg_pool3d`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveAvgPool3d
      >>> AdaptiveAvgPool3d(1)(jnp.ones((1, 4, 5, 6, 7))).shape
      (1, 4, 1, 1, 1)

    Reference: torch.nn.AdaptiveAvgPool3d.
    """

    dims = 3


class _AdaptiveMaxPool(Layer):
    dims: int

    def __init__(self, output_size: Sizes, return_indices: bool = False) -> None:
        self.output_size, self.return_indices = settled(output_size), return_indices

    def __call__(self, input: ArrayLike) -> Maxima:
        """Return the maxima of as many windows as asked for, with return_indices where they are."""
        pools = (adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d)
        return pools[self.dims - 1](input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima over windows that cover a signal: torch.nn.AdaptiveMaxPool1d.

    Args:
      output_size: the number of windows.
      return_indices: whether to return where the maxima stand, too. Default: False.

    Raises:
      ValueError, TypeError: as `adaptive_max_pool1d`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveMaxPool1d
      >>> AdaptiveMaxPool1d(4)(jnp.arange(10.0)[None])
      Array([[2., 4., 7., 9.]], dtype=float32)

    Reference: torch.nn.AdaptiveMaxPool1d.
    """

    dims = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima over windows that cover an image: torch.nn.AdaptiveMaxPool2d.

    Args:
      output_size: the number of windows: an int, or a pair where None keeps the input's size.
      return_indices: whether to return where the maxima stand, too. Default: False.

    Raises:
      ValueError, TypeError: as `adaptive_max_pool2d`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveMaxPool2d
      >>> AdaptiveMaxPool2d((5, 7))(jnp.ones((1, 64, 8, 9))).shape
      (1, 64, 5, 7)

    Reference: torch.nn.AdaptiveMaxPool2d.
    """

    dims = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima over windows that cover a volume: torch.nn.AdaptiveMaxPool3d.

    Args:
      output_size: the number of windows: an int, or one a dimension where None keeps the input's.
      return_indices: whether to return where the maxima stand, too. Default: False.

    Raises:
      ValueError, TypeError: as `adaptive_max_pool3d`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveMaxPool3d
      >>> AdaptiveMaxPool3d(2)(jnp.ones((1, 4, 5, 6, 7))).shape
      (1, 4, 2, 2, 2)

    Reference: torch.nn.AdaptiveMaxPool3d.
    """

    dims = 3
