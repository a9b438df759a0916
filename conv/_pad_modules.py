"""Pads with zeros or another number, of one to three dimensions: torch.nn's."""

from collections.abc import Iterable
from functools import partial

import jax
from jax.typing import ArrayLike

from ._arguments import IntOrTuple, integer
from ._docs import documented
from ._layer import Layer, repeated
from ._pad import pad


class Pad(Layer):
    """What the pads have in common, over the number of dimensions."""

    dims: int
    mode: str
    value: float | None = None

    def __init__(self, padding: IntOrTuple) -> None:
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

    def __init__(self, padding: IntOrTuple, value: float) -> None:
        super().__init__(padding)
        self.value = value


_PADDING = """
Args:
  padding: how much on each side: an int or $sides. Negative ones crop.
"""
_VALUE = "  value: the number.\n"
_RAISES = """
Raises:
  ValueError, TypeError: as `pad`, when it is called.
"""
pad_docs = partial(documented, _PADDING + _RAISES, "torch.nn")
_constant_docs = partial(documented, _PADDING + _VALUE + _RAISES, "torch.nn")


@pad_docs(1)
class ZeroPad1d(_ZeroPad):
    """Pad a signal with zeros: torch.nn.ZeroPad1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ZeroPad1d
      >>> ZeroPad1d((1, 2))(jnp.ones((1, 1, 4))).shape
      (1, 1, 7)
    """

    dims = 1


@pad_docs(2)
class ZeroPad2d(_ZeroPad):
    """Pad an image with zeros: torch.nn.ZeroPad2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ZeroPad2d
      >>> ZeroPad2d((1, 2, 0, 3))(jnp.ones((1, 1, 4, 5))).shape
      (1, 1, 7, 8)
    """

    dims = 2


@pad_docs(3)
class ZeroPad3d(_ZeroPad):
    """Pad a volume with zeros: torch.nn.ZeroPad3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ZeroPad3d
      >>> ZeroPad3d((1, 2, 0, 3, 1, 1))(jnp.ones((1, 1, 4, 5, 6))).shape
      (1, 1, 6, 8, 9)
    """

    dims = 3


@_constant_docs(1)
class ConstantPad1d(_ConstantPad):
    """Pad a signal with a number: torch.nn.ConstantPad1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ConstantPad1d
      >>> ConstantPad1d((1, 2), 3.5)(jnp.ones((1, 1, 4))).shape
      (1, 1, 7)
    """

    dims = 1


@_constant_docs(2)
class ConstantPad2d(_ConstantPad):
    """Pad an image with a number: torch.nn.ConstantPad2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ConstantPad2d
      >>> ConstantPad2d((1, 2, 0, 3), 3.5)(jnp.ones((1, 1, 4, 5))).shape
      (1, 1, 7, 8)
    """

    dims = 2


@_constant_docs(3)
class ConstantPad3d(_ConstantPad):
    """Pad a volume with a number: torch.nn.ConstantPad3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ConstantPad3d
      >>> ConstantPad3d((1, 2, 0, 3, 1, 1), 3.5)(jnp.ones((1, 1, 4, 5, 6))).shape
      (1, 1, 6, 8, 9)
    """

    dims = 3
