"""Activations along a dimension: torch.nn's."""

import jax
from jax.typing import ArrayLike

from .. import functional
from ..functional._arguments import array
from ._base import Layer


class Softmax(Layer):
    """exp(x) divided by its sum along a dimension: torch.nn.Softmax.

    Args:
      dim: the dimension. Default: None, PyTorch's old choice, with a warning.

    Raises:
      ValueError, TypeError: as `functional.softmax`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Softmax
      >>> Softmax(dim=0)(jnp.array([3.0, 3.0]))
      Array([0.5, 0.5], dtype=float32)

    Reference: torch.nn.Softmax.
    """

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it along the dimension."""
        return functional.softmax(input, self.dim)


class Softmin(Layer):
    """exp(-x) divided by its sum along a dimension: torch.nn.Softmin.

    Args:
      dim: the dimension. Default: None, PyTorch's old choice, with a warning.

    Raises:
      ValueError, TypeError: as `functional.softmin`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Softmin
      >>> Softmin(dim=0)(jnp.array([3.0, 3.0]))
      Array([0.5, 0.5], dtype=float32)

    Reference: torch.nn.Softmin.
    """

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it along the dimension."""
        return functional.softmin(input, self.dim)


class LogSoftmax(Layer):
    """x minus the logarithm of the sum of exp(x): torch.nn.LogSoftmax.

    Args:
      dim: the dimension. Default: None, PyTorch's old choice, with a warning.

    Raises:
      ValueError, TypeError: as `functional.log_softmax`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import LogSoftmax
      >>> LogSoftmax(dim=0)(jnp.array([3.0]))
      Array([0.], dtype=float32)

    Reference: torch.nn.LogSoftmax.
    """

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it along the dimension."""
        return functional.log_softmax(input, self.dim)


class GLU(Layer):
    """a sigmoid(b), of the two halves along a dimension: torch.nn.GLU.

    Args:
      dim: the dimension. Default: -1.

    Raises:
      ValueError, TypeError: as `functional.glu`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import GLU
      >>> GLU()(jnp.array([2.0, 0.0]))
      Array([1.], dtype=float32)

    Reference: torch.nn.GLU.
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it along the dimension."""
        return functional.glu(input, self.dim)


class Softmax2d(Layer):
    """Softmax over the channels of (N, C, H, W) or (C, H, W): torch.nn.Softmax2d.

    Raises:
      ValueError: another number of dimensions; otherwise, and
      TypeError: as `functional.softmax`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Softmax2d
      >>> Softmax2d()(jnp.ones((2, 1, 1)))[:, 0, 0]
      Array([0.5, 0.5], dtype=float32)

    Reference: torch.nn.Softmax2d.
    """

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it along the dimension."""
        x = array("input", input, "Softmax2d")
        if x.ndim not in (3, 4):
            raise ValueError(
                f"Softmax2d: input must have three or four dimensions, got input.shape={x.shape}"
            )
        return functional.softmax(x, -3)
