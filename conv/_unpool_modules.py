"""Max unpooling of one to three dimensions: torch.nn's."""

from collections.abc import Sequence

import jax
from jax.typing import ArrayLike

from ._arguments import IntOrTuple
from ._layer import Layer, repeated
from ._max_unpool import max_unpool1d, max_unpool2d, max_unpool3d


class _MaxUnpool(Layer):
    dims: int

    def __init__(
        self, kernel_size: IntOrTuple, stride: IntOrTuple | None = None, padding: IntOrTuple = 0
    ) -> None:
        self.kernel_size = repeated(kernel_size, self.dims)
        self.stride = self.kernel_size if stride is None else repeated(stride, self.dims)
        self.padding = repeated(padding, self.dims)

    def __call__(
        self, input: ArrayLike, indices: ArrayLike, output_size: Sequence[int] | None = None
    ) -> jax.Array:
        """Return an array of output_size, or of the least size that the pool comes from."""
        return (max_unpool1d, max_unpool2d, max_unpool3d)[self.dims - 1](
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool1d(_MaxUnpool):
    """Write the maxima of a signal back to where they stood: torch.nn.MaxUnpool1d.

    It is called with what `MaxPool1d(..., return_indices=True)` returns.

    Args:
      kernel_size: size of the pool's window, in samples: an int.
      stride: step of the window; None, the default, is kernel_size.
      padding: samples on both sides that the pool added. Default: 0.

    Raises:
      ValueError, TypeError: as `max_unpool1d`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import MaxPool1d, MaxUnpool1d
      >>> y, indices = MaxPool1d(2, return_indices=True)(jnp.array([[1.0, 3.0, 2.0, 5.0]]))
      >>> MaxUnpool1d(2)(y, indices)
      Array([[0., 3., 0., 5.]], dtype=float32)

    Reference: torch.nn.MaxUnpool1d.
    """

    dims = 1


class MaxUnpool2d(_MaxUnpool):
    """Write the maxima of an image back to where they stood: torch.nn.MaxUnpool2d.

    It is called with what `MaxPool2d(..., return_indices=True)` returns.

    Args:
      kernel_size: size of the pool's window, in pixels: an int or a pair.
      stride: step of the window; None, the default, is kernel_size.
      padding: pixels on both sides that the pool added. Default: 0.

    Raises:
      ValueError, TypeError: as `max_unpool2d`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import MaxPool2d, MaxUnpool2d
      >>> y, indices = MaxPool2d(2, return_indices=True)(jnp.ones((1, 3, 5, 5)))
      >>> MaxUnpool2d(2)(y, indices, output_size=(5, 5)).shape
      (1, 3, 5, 5)

    Reference: torch.nn.MaxUnpool2d.
    """

    dims = 2


class MaxUnpool3d(_MaxUnpool):
    """Write the maxima of a volume back to where they stood: torch.nn.MaxUnpool3d.

    It is called with what `MaxPool3d(..., return_indices=True)` returns.

    Args:
      kernel_size: size of the pool's window, in voxels: an int or one a dimension.
      stride: step of the window; None, the default, is kernel_size.
      padding: voxels on both sides that the pool added. Default: 0.

    Raises:
      ValueError, TypeError: as `max_unpool3d`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import MaxPool3d, MaxUnpool3d
      >>> y, indices = MaxPool3d(2, return_indices=True)(jnp.ones((1, 3, 4, 4, 4)))
      >>> MaxUnpool3d(2)(y, indices).shape
      (1, 3, 4, 4, 4)

    Reference: torch.nn.MaxUnpool3d.
    """

    dims = 3
