"""Pads with zeros or another number, of one to three dimensions: torch.nn's."""

from collections.abc import Iterable
from typing import Any

import jax
from jax.typing import ArrayLike

from ._arguments import integer
from ._layer import Layer, repeated
from ._pad import pad


class Pad(Layer):
    """What the pads have in common, over the number of dimensions."""

    dims: int
    mode: str
    value: float | None = None

    def __init__(self, padding: Any) -> None:
        if not isinstance(padding, Iterable):
            padding = integer("padding", padding, type(self).__name__)
        self.padding = repeated(padding, 2 * self.dims)

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Pad the last dimensions of an array."""
        return pad(input, self.padding, self.mode, self.value)


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
      ValueError, TypeError: as `pad`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ZeroPad1d
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
      ValueError, TypeError: as `pad`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ZeroPad2d
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
      ValueError, TypeError: as `pad`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ZeroPad3d
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
      ValueError, TypeError: as `pad`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ConstantPad1d
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
      ValueError, TypeError: as `pad`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ConstantPad2d
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
      ValueError, TypeError: as `pad`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ConstantPad3d
      >>> ConstantPad3d((1, 2, 0, 3, 1, 1), 3.5)(jnp.ones((1, 1, 4, 5, 6))).shape
      (1, 1, 6, 8, 9)

    Reference: torch.nn.ConstantPad3d.
    """

    dims = 3
