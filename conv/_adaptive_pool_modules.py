"""Adaptive pools of one to three dimensions: torch.nn's."""

from collections.abc import Sequence
from functools import partial

import jax
from jax.typing import ArrayLike

from ._avg_pool import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from ._docs import documented
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


_SIZE = """
Args:
  output_size: the number of windows: an int$none.
"""
_INDICES = "  return_indices: whether to return where the maxima stand, too. Default: False.\n"
_RAISES = """
Raises:
  ValueError, TypeError: as `adaptive_${kind}_pool${dims}d`, when it is called.
"""
_avg_docs = partial(documented, _SIZE + _RAISES, "torch.nn", kind="avg")
_max_docs = partial(documented, _SIZE + _INDICES + _RAISES, "torch.nn", kind="max")


@_avg_docs(1)
class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means over windows that cover a signal: torch.nn.AdaptiveAvgPool1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveAvgPool1d
      >>> AdaptiveAvgPool1d(3)(jnp.arange(5.0)[None])
      Array([[0.5, 2. , 3.5]], dtype=float32)
    """

    dims = 1


@_avg_docs(2)
class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means over windows that cover an image: torch.nn.AdaptiveAvgPool2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveAvgPool2d
      >>> AdaptiveAvgPool2d((None, 7))(jnp.ones((1, 64, 10, 9))).shape
      (1, 64, 10, 7)
    """

    dims = 2


@_avg_docs(3)
class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means over windows that cover a volume: torch.nn.AdaptiveAvgPool3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveAvgPool3d
      >>> AdaptiveAvgPool3d(1)(jnp.ones((1, 4, 5, 6, 7))).shape
      (1, 4, 1, 1, 1)
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


@_max_docs(1)
class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima over windows that cover a signal: torch.nn.AdaptiveMaxPool1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveMaxPool1d
      >>> AdaptiveMaxPool1d(4)(jnp.arange(10.0)[None])
      Array([[2., 4., 7., 9.]], dtype=float32)
    """

    dims = 1


@_max_docs(2)
class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima over windows that cover an image: torch.nn.AdaptiveMaxPool2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveMaxPool2d
      >>> AdaptiveMaxPool2d((5, 7))(jnp.ones((1, 64, 8, 9))).shape
      (1, 64, 5, 7)
    """

    dims = 2


@_max_docs(3)
class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima over windows that cover a volume: torch.nn.AdaptiveMaxPool3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveMaxPool3d
      >>> AdaptiveMaxPool3d(2)(jnp.ones((1, 4, 5, 6, 7))).shape
      (1, 4, 2, 2, 2)
    """

    dims = 3
