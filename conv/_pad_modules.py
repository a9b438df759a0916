"""flax.nnx modules that pad, with the arguments and names of torch.nn's."""

from collections.abc import Sequence
from typing import ClassVar

import jax
from flax import nnx
from jax.typing import ArrayLike

from ._arguments import integer
from ._modules import InitSignature
from ._pad import pad


class PadModule(nnx.Module):
    """Padding of the last dimensions in one of `pad`'s modes, over their number.

    Args:
      padding: how many elements to add on every side: an int, or (left, right, top, bottom, front,
        back) as far as there are dimensions. Negative ones crop.

    Raises:
      ValueError, TypeError: a padding of another length; when called, as `pad`.
    """

    __signature__ = InitSignature()
    dims: int
    mode: ClassVar[str] = "constant"

    def __init__(self, padding: int | Sequence[int]) -> None:
        where = type(self).__name__
        sides = 2 * self.dims
        if isinstance(padding, tuple | list):
            if len(padding) != sides:
                raise ValueError(
                    f"{where}: padding must be an integer or {sides} of them, two a dimension, got "
                    f"padding={padding!r}"
                )
            self.padding = tuple(integer(f"padding[{i}]", p, where) for i, p in enumerate(padding))
        else:
            self.padding = (integer("padding", padding, where),) * sides

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Pad (N, C, *space) or (C, *space)."""
        return pad(input, self.padding, self.mode)


class ConstantPad(PadModule):
    """Padding by a number, over the number of dimensions.

    Args:
      padding: how many elements to add on every side, as of `PadModule`.
      value: the number.

    Raises:
      ValueError, TypeError: a padding of another length; when called, as `pad`.
    """

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Pad an array at its last dimensions."""
        return pad(input, self.padding, "constant", self.value)


class ConstantPad1d(ConstantPad):
    r"""Padding of signals by a number: torch.nn.ConstantPad1d as a flax.nnx module.

    It maps (N, C, L), or the same without N. Arguments are those of `ConstantPad`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ConstantPad1d
      >>> ConstantPad1d(1, 0.5)(jnp.ones((2, 3, 6))).shape
      (2, 3, 8)

    Reference: torch.nn.ConstantPad1d.
    """

    dims = 1


class ConstantPad2d(ConstantPad):
    r"""Padding of images by a number: torch.nn.ConstantPad2d as a flax.nnx module.

    It maps (N, C, H, W), or the same without N. Arguments are those of `ConstantPad`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ConstantPad2d
      >>> ConstantPad2d(1, 0.5)(jnp.ones((2, 3, 6, 6))).shape
      (2, 3, 8, 8)

    Reference: torch.nn.ConstantPad2d.
    """

    dims = 2


class ConstantPad3d(ConstantPad):
    r"""Padding of volumes by a number: torch.nn.ConstantPad3d as a flax.nnx module.

    It maps (N, C, D, H, W), or the same without N. Arguments are those of `ConstantPad`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ConstantPad3d
      >>> ConstantPad3d(1, 0.5)(jnp.ones((2, 3, 6, 6, 6))).shape
      (2, 3, 8, 8, 8)

    Reference: torch.nn.ConstantPad3d.
    """

    dims = 3


class ZeroPad1d(PadModule):
    r"""Padding of signals by zeros: torch.nn.ZeroPad1d as a flax.nnx module.

    It maps (N, C, L), or the same without N. Arguments are those of `PadModule`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ZeroPad1d
      >>> ZeroPad1d(1)(jnp.ones((2, 3, 6))).shape
      (2, 3, 8)

    Reference: torch.nn.ZeroPad1d.
    """

    dims = 1


class ZeroPad2d(PadModule):
    r"""Padding of images by zeros: torch.nn.ZeroPad2d as a flax.nnx module.

    It maps (N, C, H, W), or the same without N. Arguments are those of `PadModule`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ZeroPad2d
      >>> ZeroPad2d(1)(jnp.ones((2, 3, 6, 6))).shape
      (2, 3, 8, 8)

    Reference: torch.nn.ZeroPad2d.
    """

    dims = 2


class ZeroPad3d(PadModule):
    r"""Padding of volumes by zeros: torch.nn.ZeroPad3d as a flax.nnx module.

    It maps (N, C, D, H, W), or the same without N. Arguments are those of `PadModule`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ZeroPad3d
      >>> ZeroPad3d(1)(jnp.ones((2, 3, 6, 6, 6))).shape
      (2, 3, 8, 8, 8)

    Reference: torch.nn.ZeroPad3d.
    """

    dims = 3


class ReflectionPad1d(PadModule):
    r"""Padding of signals by their mirror image: torch.nn.ReflectionPad1d as a flax.nnx module.

    It maps (N, C, L), or the same without N. Arguments are those of `PadModule`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ReflectionPad1d
      >>> ReflectionPad1d(1)(jnp.ones((2, 3, 6))).shape
      (2, 3, 8)

    Reference: torch.nn.ReflectionPad1d.
    """

    dims = 1
    mode = "reflect"


class ReflectionPad2d(PadModule):
    r"""Padding of images by their mirror image: torch.nn.ReflectionPad2d as a flax.nnx module.

    It maps (N, C, H, W), or the same without N. Arguments are those of `PadModule`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ReflectionPad2d
      >>> ReflectionPad2d(1)(jnp.ones((2, 3, 6, 6))).shape
      (2, 3, 8, 8)

    Reference: torch.nn.ReflectionPad2d.
    """

    dims = 2
    mode = "reflect"


class ReflectionPad3d(PadModule):
    r"""Padding of volumes by their mirror image: torch.nn.ReflectionPad3d as a flax.nnx module.

    It maps (N, C, D, H, W), or the same without N. Arguments are those of `PadModule`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ReflectionPad3d
      >>> ReflectionPad3d(1)(jnp.ones((2, 3, 6, 6, 6))).shape
      (2, 3, 8, 8, 8)

    Reference: torch.nn.ReflectionPad3d.
    """

    dims = 3
    mode = "reflect"


class ReplicationPad1d(PadModule):
    r"""Padding of signals by their edge: torch.nn.ReplicationPad1d as a flax.nnx module.

    It maps (N, C, L), or the same without N. Arguments are those of `PadModule`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ReplicationPad1d
      >>> ReplicationPad1d(1)(jnp.ones((2, 3, 6))).shape
      (2, 3, 8)

    Reference: torch.nn.ReplicationPad1d.
    """

    dims = 1
    mode = "replicate"


class ReplicationPad2d(PadModule):
    r"""Padding of images by their edge: torch.nn.ReplicationPad2d as a flax.nnx module.

    It maps (N, C, H, W), or the same without N. Arguments are those of `PadModule`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ReplicationPad2d
      >>> ReplicationPad2d(1)(jnp.ones((2, 3, 6, 6))).shape
      (2, 3, 8, 8)

    Reference: torch.nn.ReplicationPad2d.
    """

    dims = 2
    mode = "replicate"


class ReplicationPad3d(PadModule):
    r"""Padding of volumes by their edge: torch.nn.ReplicationPad3d as a flax.nnx module.

    It maps (N, C, D, H, W), or the same without N. Arguments are those of `PadModule`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import ReplicationPad3d
      >>> ReplicationPad3d(1)(jnp.ones((2, 3, 6, 6, 6))).shape
      (2, 3, 8, 8, 8)

    Reference: torch.nn.ReplicationPad3d.
    """

    dims = 3
    mode = "replicate"


class CircularPad1d(PadModule):
    r"""Padding of signals by their other end: torch.nn.CircularPad1d as a flax.nnx module.

    It maps (N, C, L), or the same without N. Arguments are those of `PadModule`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import CircularPad1d
      >>> CircularPad1d(1)(jnp.ones((2, 3, 6))).shape
      (2, 3, 8)

    Reference: torch.nn.CircularPad1d.
    """

    dims = 1
    mode = "circular"


class CircularPad2d(PadModule):
    r"""Padding of images by their other end: torch.nn.CircularPad2d as a flax.nnx module.

    It maps (N, C, H, W), or the same without N. Arguments are those of `PadModule`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import CircularPad2d
      >>> CircularPad2d(1)(jnp.ones((2, 3, 6, 6))).shape
      (2, 3, 8, 8)

    Reference: torch.nn.CircularPad2d.
    """

    dims = 2
    mode = "circular"


class CircularPad3d(PadModule):
    r"""Padding of volumes by their other end: torch.nn.CircularPad3d as a flax.nnx module.

    It maps (N, C, D, H, W), or the same without N. Arguments are those of `PadModule`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import CircularPad3d
      >>> CircularPad3d(1)(jnp.ones((2, 3, 6, 6, 6))).shape
      (2, 3, 8, 8, 8)

    Reference: torch.nn.CircularPad3d.
    """

    dims = 3
    mode = "circular"
