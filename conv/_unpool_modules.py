"""Max unpooling of one to three dimensions: torch.nn's."""

from collections.abc import Sequence
from functools import partial

import jax
from jax.typing import ArrayLike

from ._arguments import IntOrTuple
from ._docs import documented
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


_DOCS = """
It is called with what `MaxPool${dims}d(..., return_indices=True)` returns.

Args:
  kernel_size: size of the pool's window, in $units: $an_int.
  stride: step of the window; None, the default, is kernel_size.
  padding: $units on both sides that the pool added. Default: 0.

Raises:
  ValueError, TypeError: as `max_unpool${dims}d`, when it is called.
"""
_docs = partial(documented, _DOCS, "torch.nn")


@_docs(1)
class MaxUnpool1d(_MaxUnpool):
    """Write the maxima of a signal back to where they stood: torch.nn.MaxUnpool1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import MaxPool1d, MaxUnpool1d
      >>> y, indices = MaxPool1d(2, return_indices=True)(jnp.array([[1.0, 3.0, 2.0, 5.0]]))
      >>> MaxUnpool1d(2)(y, indices)
      Array([[0., 3., 0., 5.]], dtype=float32)
    """

    dims = 1


@_docs(2)
class MaxUnpool2d(_MaxUnpool):
    """Write the maxima of an image back to where they stood: torch.nn.MaxUnpool2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import MaxPool2d, MaxUnpool2d
      >>> y, indices = MaxPool2d(2, return_indices=True)(jnp.ones((1, 3, 5, 5)))
      >>> MaxUnpool2d(2)(y, indices, output_size=(5, 5)).shape
      (1, 3, 5, 5)
    """

    dims = 2


@_docs(3)
class MaxUnpool3d(_MaxUnpool):
    """Write the maxima of a volume back to where they stood: torch.nn.MaxUnpool3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import MaxPool3d, MaxUnpool3d
      >>> y, indices = MaxPool3d(2, return_indices=True)(jnp.ones((1, 3, 4, 4, 4)))
      >>> MaxUnpool3d(2)(y, indices).shape
      (1, 3, 4, 4, 4)
    """

    dims = 3
