"""Pads with the input's own values, of one to three dimensions: torch.nn's."""

from ._pad_modules import Pad, pad_docs


class _ReflectionPad(Pad):
    mode = "reflect"


class _ReplicationPad(Pad):
    mode = "replicate"


class _CircularPad(Pad):
    mode = "circular"


@pad_docs(1)
class ReflectionPad1d(_ReflectionPad):
    """Pad a signal with the input's reflection without its edge: torch.nn.ReflectionPad1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ReflectionPad1d
      >>> ReflectionPad1d((1, 2))(jnp.ones((1, 1, 4))).shape
      (1, 1, 7)
    """

    dims = 1


@pad_docs(2)
class ReflectionPad2d(_ReflectionPad):
    """Pad an image with the input's reflection without its edge: torch.nn.ReflectionPad2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ReflectionPad2d
      >>> ReflectionPad2d((1, 2, 0, 3))(jnp.ones((1, 1, 4, 5))).shape
      (1, 1, 7, 8)
    """

    dims = 2


@pad_docs(3)
class ReflectionPad3d(_ReflectionPad):
    """Pad a volume with the input's reflection without its edge: torch.nn.ReflectionPad3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ReflectionPad3d
      >>> ReflectionPad3d((1, 2, 0, 3, 1, 1))(jnp.ones((1, 1, 4, 5, 6))).shape
      (1, 1, 6, 8, 9)
    """

    dims = 3


@pad_docs(1)
class ReplicationPad1d(_ReplicationPad):
    """Pad a signal with the input's edge: torch.nn.ReplicationPad1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ReplicationPad1d
      >>> ReplicationPad1d((1, 2))(jnp.ones((1, 1, 4))).shape
      (1, 1, 7)
    """

    dims = 1


@pad_docs(2)
class ReplicationPad2d(_ReplicationPad):
    """Pad an image with the input's edge: torch.nn.ReplicationPad2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ReplicationPad2d
      >>> ReplicationPad2d((1, 2, 0, 3))(jnp.ones((1, 1, 4, 5))).shape
      (1, 1, 7, 8)
    """

    dims = 2


@pad_docs(3)
class ReplicationPad3d(_ReplicationPad):
    """Pad a volume with the input's edge: torch.nn.ReplicationPad3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ReplicationPad3d
      >>> ReplicationPad3d((1, 2, 0, 3, 1, 1))(jnp.ones((1, 1, 4, 5, 6))).shape
      (1, 1, 6, 8, 9)
    """

    dims = 3


@pad_docs(1)
class CircularPad1d(_CircularPad):
    """Pad a signal with the input's other end: torch.nn.CircularPad1d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import CircularPad1d
      >>> CircularPad1d((1, 2))(jnp.ones((1, 1, 4))).shape
      (1, 1, 7)
    """

    dims = 1


@pad_docs(2)
class CircularPad2d(_CircularPad):
    """Pad an image with the input's other end: torch.nn.CircularPad2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import CircularPad2d
      >>> CircularPad2d((1, 2, 0, 3))(jnp.ones((1, 1, 4, 5))).shape
      (1, 1, 7, 8)
    """

    dims = 2


@pad_docs(3)
class CircularPad3d(_CircularPad):
    """Pad a volume with the input's other end: torch.nn.CircularPad3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import CircularPad3d
      >>> CircularPad3d((1, 2, 0, 3, 1, 1))(jnp.ones((1, 1, 4, 5, 6))).shape
      (1, 1, 6, 8, 9)
    """

    dims = 3
