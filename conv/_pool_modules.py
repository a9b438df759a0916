"""Max and average pools of one to three dimensions: torch.nn's."""

from functools import partial

import jax
from jax.typing import ArrayLike

from ._arguments import IntOrTuple
from ._avg_pool import avg_pool1d, avg_pool2d, avg_pool3d
from ._docs import documented
from ._layer import Layer, repeated, settled
from ._max_pool import Maxima, max_pool1d, max_pool2d, max_pool3d


class _MaxPool(Layer):
    dims: int

    def __init__(
        self,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        padding: IntOrTuple = 0,
        dilation: IntOrTuple = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = settled(kernel_size)
        self.stride = self.kernel_size if stride is None else settled(stride)
        self.padding, self.dilation = settled(padding), settled(dilation)
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def __call__(self, input: ArrayLike) -> Maxima:
        """Return the maxima, and with return_indices their positions."""
        return (max_pool1d, max_pool2d, max_pool3d)[self.dims - 1](
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )


_MAX_DOCS = """
Args:
  kernel_size: size of the window, in $units: $an_int.
  stride: step of the window; None, the default, is kernel_size.
  padding: $units on both sides that no maximum takes. Default: 0.
  dilation: distance between a window's elements. Default: 1.
  return_indices: whether to return where the maxima stand, too. Default: False.
  ceil_mode: whether a last window may hang over the end. Default: False.

Raises:
  ValueError, TypeError: as `max_pool${dims}d`, when it is called.
"""
_max_docs = partial(documented, _MAX_DOCS, "torch.nn")


@_max_docs(1)
class MaxPool1d(_MaxPool):
    """Maximum of each window of a signal: torch.nn.MaxPool1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import MaxPool1d
      >>> MaxPool1d(2)(jnp.array([[1.0, 3.0, 2.0, 5.0]]))
      Array([[3., 5.]], dtype=float32)
    """

    dims = 1


@_max_docs(2)
class MaxPool2d(_MaxPool):
    """Maximum of each window of an image: torch.nn.MaxPool2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import MaxPool2d
      >>> MaxPool2d(3, 2, padding=1)(jnp.ones((1, 64, 112, 112))).shape
      (1, 64, 56, 56)
    """

    dims = 2


@_max_docs(3)
class MaxPool3d(_MaxPool):
    """Maximum of each window of a volume: torch.nn.MaxPool3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import MaxPool3d
      >>> MaxPool3d((1, 2, 2))(jnp.ones((1, 3, 4, 6, 8))).shape
      (1, 3, 4, 3, 4)
    """

    dims = 3


_AVG_DOCS = """
Args:
  kernel_size: size of the window, in $units: $an_int.
  stride: step of the window; None, the default, is kernel_size.
  padding: zeros on both sides. Default: 0.
  ceil_mode: whether a last window may hang over the end. Default: False.
  count_include_pad: whether the zeros count. Default: True.$divisor

Raises:
  ValueError, TypeError: as `avg_pool${dims}d`, when it is called.
"""
_DIVISOR = """
  divisor_override: what to divide each sum by. Default: None, the number of elements."""
_avg_docs = partial(documented, _AVG_DOCS, "torch.nn")


@_avg_docs(1, divisor="")
class AvgPool1d(Layer):
    """Mean of each window of a signal: torch.nn.AvgPool1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AvgPool1d
      >>> AvgPool1d(2)(jnp.array([[1.0, 3.0, 2.0, 5.0]]))
      Array([[2. , 3.5]], dtype=float32)
    """

    def __init__(
        self,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        padding: IntOrTuple = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size = repeated(kernel_size, 1)
        self.stride = self.kernel_size if stride is None else repeated(stride, 1)
        self.padding = repeated(padding, 1)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Return the means."""
        return avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )


class _AvgPool(Layer):
    dims: int

    def __init__(
        self,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        padding: IntOrTuple = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size = settled(kernel_size)
        self.stride = self.kernel_size if stride is None else settled(stride)
        self.padding = settled(padding)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Return the means."""
        return (avg_pool2d, avg_pool3d)[self.dims - 2](
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


@_avg_docs(2, divisor=_DIVISOR)
class AvgPool2d(_AvgPool):
    """Mean of each window of an image: torch.nn.AvgPool2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AvgPool2d
      >>> AvgPool2d(3, stride=2)(jnp.ones((20, 16, 51, 33))).shape
      (20, 16, 25, 16)
    """

    dims = 2


@_avg_docs(3, divisor=_DIVISOR)
class AvgPool3d(_AvgPool):
    """Mean of each window of a volume: torch.nn.AvgPool3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AvgPool3d
      >>> AvgPool3d(2)(jnp.ones((1, 3, 4, 6, 8))).shape
      (1, 3, 2, 3, 4)
    """

    dims = 3
