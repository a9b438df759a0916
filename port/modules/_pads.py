"""Pads with zeros or another number, of one to three dimensions: torch.nn's, over `conv.pad`."""

from collections.abc import Iterable
from typing import Any

import jax
from jax.typing import ArrayLike

import conv

from ..functional._arguments import integer
from ._base import Layer


class Pad(Layer):
    """What the pads have in common, over the number of dimensions."""

    dims: int
    mode: str
    value: float | None = None

    def __init__(self, padding: Any) -> None:
        if isinstance(padding, Iterable):  # of any length, as in PyTorch
            self.padding = tuple(padding)
        else:
            sides = 2 * self.dims
            self.padding = (integer("padding", padding, type(self).__name__),) * sides

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Pad the last dimensions of an array."""
        return conv.pad(input, self.padding, self.mode, self.value)


class _ZeroPad(Pad):
    mode = "constant"
    value = 0.0


class _ConstantPad(Pad):
    mode = "constant"

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value


class ZeroPad1d(_ZeroPad):
    """Pad a signal with zeros: torch.nn.ZeroPad1d.

    Args:
      padding: how much on each side: an int or (left, right). Negative ones crop.

    Raises:
      ValueError, TypeError: as `conv.pad`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import ZeroPad1d
      >>> ZeroPad1d((1, 2))(jnp.ones((1, 1, 4))).shape
      (1, 1, 7)

    Reference: torch.nn.ZeroPad1d.
    """

    dims = 1


class ZeroPad2d(_ZeroPad):
    """Pad an image with zeros: torch.nn.ZeroPad2d.

    Args:
      padding: how much on each side: an int or (left, right, top, bottom). Negative ones crop.

    Raises:
      ValueError, TypeError: as `conv.pad`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import ZeroPad2d
      >>> ZeroPad2d((1, 2, 0, 3))(jnp.ones((1, 1, 4, 5))).shape
      (1, 1, 7, 8)

    Reference: torch.nn.ZeroPad2d.
    """

    dims = 2


class ZeroPad3d(_ZeroPad):
    """Pad a volume with zeros: torch.nn.ZeroPad3d.

    Args:
      padding: how much on each side: an int or (left, right, top, bottom, front, back).
        Negative ones crop.

    Raises:
      ValueError, TypeError: as `conv.pad`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import ZeroPad3d
      >>> ZeroPad3d((1, 2, 0, 3, 1, 1))(jnp.ones((1, 1, 4, 5, 6))).shape
      (1, 1, 6, 8, 9)

    Reference: torch.nn.ZeroPad3d.
    """

    dims = 3


class ConstantPad1d(_ConstantPad):
    """Pad a signal with a number: torch.nn.ConstantPad1d.

    Args:
      padding: how much on each side: an int or (left, right). Negative ones crop.
      value: the number.

    Raises:
      ValueError, TypeError: as `conv.pad`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import ConstantPad1d
      >>> ConstantPad1d((1, 2), 3.5)(jnp.ones((1, 1, 4))).shape
      (1, 1, 7)

    Reference: torch.nn.ConstantPad1d.
    """

    dims = 1


class ConstantPad2d(_ConstantPad):
    """Pad an image with a number: torch.nn.ConstantPad2d.

    Args:
      padding: how much on each side: an int or (left, right, top, bottom). Negative ones crop.
      value: the number.

    Raises:
      ValueError, TypeError: as `conv.pad`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import ConstantPad2d
      >>> ConstantPad2d((1, 2, 0, 3), 3.5)(jnp.ones((1, 1, 4, 5))).shape
      (1, 1, 7, 8)

    Reference: torch.nn.ConstantPad2d.
    """

    dims = 2


class ConstantPad3d(_ConstantPad):
    """Pad a volume with a number: torch.nn.ConstantPad3d.

    Args:
      padding: how much on each side: an int or (left, right, top, bottom, front, back).
        Negative ones crop.
      value: the number.

    Raises:
      ValueError, TypeError: as `conv.pad`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import ConstantPad3d
      >>> ConstantPad3d((1, 2, 0, 3, 1, 1), 3.5)(jnp.ones((1, 1, 4, 5, 6))).shape
      (1, 1, 6, 8, 9)

    Reference: torch.nn.ConstantPad3d.
    """

    dims = 3
