"""Pools by p-norms of one to three dimensions: torch.nn's."""

from functools import partial

import jax
from jax.typing import ArrayLike

from ._arguments import IntOrTuple
from ._docs import documented
from ._layer import Layer, settled
from ._lp_pool import lp_pool1d, lp_pool2d, lp_pool3d


class _LPPool(Layer):
    dims: int

    def __init__(
        self,
        norm_type: float,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        ceil_mode: bool = False,
    ) -> None:
        self.norm_type, self.ceil_mode = norm_type, ceil_mode
        self.kernel_size, self.stride = settled(kernel_size), settled(stride)

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Return the norms."""
        return (lp_pool1d, lp_pool2d, lp_pool3d)[self.dims - 1](
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )


_DOCS = """
Args:
  norm_type: p, a number.
  kernel_size: size of the window, in $units: $an_int.
  stride: step of the window; None, the default, is kernel_size.
  ceil_mode: whether a last window may hang over the end. Default: False.

Raises:
  ValueError, TypeError: as `lp_pool${dims}d`, when it is called.
"""
_docs = partial(documented, _DOCS, "torch.nn")


@_docs(1)
class LPPool1d(_LPPool):
    """The p-norm of each window of a signal: torch.nn.LPPool1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import LPPool1d
      >>> LPPool1d(2, 2)(jnp.array([[3.0, 4.0, 0.0, 2.0]]))
      Array([[5., 2.]], dtype=float32)
    """

    dims = 1


@_docs(2)
class LPPool2d(_LPPool):
    """The p-norm of each window of an image: torch.nn.LPPool2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import LPPool2d
      >>> LPPool2d(2, 2)(jnp.array([[[1.0, 3.0], [1.0, 5.0]]]))
      Array([[[6.]]], dtype=float32)
    """

    dims = 2


@_docs(3)
class LPPool3d(_LPPool):
    """The p-norm of each window of a volume: torch.nn.LPPool3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import LPPool3d
      >>> LPPool3d(1.2, 2)(jnp.ones((1, 3, 4, 6, 8))).shape
      (1, 3, 2, 3, 4)
    """

    dims = 3
