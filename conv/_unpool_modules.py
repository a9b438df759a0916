"""flax.nnx modules that unpool, pool at random steps, unfold and fold, as torch.nn has them."""

from collections.abc import Sequence
from typing import Any

import jax
from flax import nnx
from jax.typing import ArrayLike

from . import _fractional, _max_unpool
from ._arguments import IntOrTuple
from ._modules import InitSignature
from ._pool_modules import PoolModule, fixed
from ._unfold import fold, unfold


class MaxUnpool(PoolModule):
    """Maxima written back to where they stood, over the number of dimensions.

    Args:
      kernel_size: size of the pool's window, in elements: an int or one a dimension.
      stride: step of the window, in elements; None is kernel_size.
      padding: elements on both sides that the pool added.

    Raises:
      ValueError, TypeError: when called, as max_unpool1d and the others.
    """

    def __init__(
        self, kernel_size: IntOrTuple, stride: IntOrTuple | None = None, padding: IntOrTuple = 0
    ) -> None:
        self.kernel_size = fixed(kernel_size)
        self.stride = fixed(kernel_size if stride is None else stride)
        self.padding = fixed(padding)

    def __call__(
        self, input: ArrayLike, indices: ArrayLike, output_size: Sequence[int] | None = None
    ) -> jax.Array:
        """Return (N, C, *space) or (C, *space) of output_size, or of the least size."""
        unpool = self._function(_max_unpool, "max_unpool")
        return unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool1d(MaxUnpool):
    """Maxima of signals written back: torch.nn.MaxUnpool1d as a flax.nnx module.

    Arguments are those of `MaxUnpool`; it is called with what `MaxPool1d(..., return_indices=True)`
    returns.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import MaxPool1d, MaxUnpool1d
      >>> y, indices = MaxPool1d(2, return_indices=True)(jnp.array([[1.0, 3.0, 2.0, 5.0]]))
      >>> MaxUnpool1d(2)(y, indices)
      Array([[0., 3., 0., 5.]], dtype=float32)

    Reference: torch.nn.MaxUnpool1d.
    """

    dims = 1


class MaxUnpool2d(MaxUnpool):
    """Maxima of images written back: torch.nn.MaxUnpool2d as a flax.nnx module.

    Arguments are those of `MaxUnpool`; it is called with what `MaxPool2d(..., return_indices=True)`
    returns.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import MaxPool2d, MaxUnpool2d
      >>> y, indices = MaxPool2d(2, return_indices=True)(jnp.ones((1, 3, 5, 5)))
      >>> MaxUnpool2d(2)(y, indices, output_size=(5, 5)).shape
      (1, 3, 5, 5)

    Reference: torch.nn.MaxUnpool2d.
    """

    dims = 2


class MaxUnpool3d(MaxUnpool):
    """Maxima of volumes written back: torch.nn.MaxUnpool3d as a flax.nnx module.

    Arguments are those of `MaxUnpool`; it is called with what `MaxPool3d(..., return_indices=True)`
    returns.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import MaxPool3d, MaxUnpool3d
      >>> y, indices = MaxPool3d(2, return_indices=True)(jnp.ones((1, 3, 4, 4, 4)))
      >>> MaxUnpool3d(2)(y, indices).shape
      (1, 3, 4, 4, 4)

    Reference: torch.nn.MaxUnpool3d.
    """

    dims = 3


class FractionalMaxPool(PoolModule):
    """Maxima of windows at random steps, over the number of dimensions.

    Args:
      kernel_size: size of the windows, in elements: an int or one a dimension.
      output_size: number of windows: an int or one a dimension.
      output_ratio: the same as a part of the input's size, between 0 and 1: a number or one a
        dimension.
      return_indices: whether to return where the maxima stand, too.
      _random_samples: numbers from [0, 1) that say where the windows stand, (N, C, dimensions).
      rngs: `nnx.Rngs` that they are drawn from, at each call, where they are not given: its
        `windows` stream.

    Raises:
      ValueError: neither or both of output_size and output_ratio, a ratio that is not between 0 and
        1, neither rngs nor _random_samples; when called, as fractional_max_pool2d.
    """

    def __init__(
        self,
        kernel_size: IntOrTuple,
        output_size: IntOrTuple | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: ArrayLike | None = None,
        *,
        rngs: nnx.Rngs | None = None,
    ) -> None:
        where = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ValueError(
                f"{where}: one of output_size and output_ratio must be given, got "
                f"output_size={output_size} and output_ratio={output_ratio}"
            )
        if output_ratio is not None:
            several = isinstance(output_ratio, tuple | list)
            ratios = tuple(output_ratio) if several else (output_ratio,) * self.dims  # type: ignore[arg-type]
            if not all(0 < ratio < 1 for ratio in ratios):
                raise ValueError(
                    f"{where}: output_ratio must be between 0 and 1, got {output_ratio=}"
                )
            output_ratio = ratios
        if _random_samples is None and rngs is None:
            raise ValueError(f"{where}: rngs or _random_samples must be given, got None for both")
        self.kernel_size = fixed(kernel_size)
        self.output_size = fixed(output_size)
        self.output_ratio = output_ratio
        self.return_indices = return_indices
        self._random_samples = None if _random_samples is None else nnx.Variable(_random_samples)
        self.rngs = rngs

    def __call__(self, input: ArrayLike) -> Any:
        """Return the maxima of (N, C, *space) or (C, *space); with return_indices a pair."""
        pool = self._function(_fractional, "fractional_max_pool")
        given = self._random_samples
        key = self.rngs.windows() if given is None and self.rngs is not None else None
        sizes = (self.kernel_size, self.output_size, self.output_ratio)
        return pool(input, *sizes, self.return_indices, given, key=key)


class FractionalMaxPool2d(FractionalMaxPool):
    """Maxima of windows at random steps in images: torch.nn.FractionalMaxPool2d as an nnx module.

    Arguments are those of `FractionalMaxPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from conv import FractionalMaxPool2d
      >>> FractionalMaxPool2d(2, output_ratio=0.5, rngs=nnx.Rngs(0))(jnp.ones((2, 3, 9, 8))).shape
      (2, 3, 4, 4)

    Reference: torch.nn.FractionalMaxPool2d.
    """

    dims = 2


class FractionalMaxPool3d(FractionalMaxPool):
    """Maxima of windows at random steps in volumes: torch.nn.FractionalMaxPool3d as an nnx module.

    Arguments are those of `FractionalMaxPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from conv import FractionalMaxPool3d
      >>> FractionalMaxPool3d(2, output_size=3, rngs=nnx.Rngs(0))(jnp.ones((3, 8, 7, 6))).shape
      (3, 3, 3, 3)

    Reference: torch.nn.FractionalMaxPool3d.
    """

    dims = 3


class Unfold(nnx.Module):
    """The windows of images as columns: torch.nn.Unfold as a flax.nnx module.

    Args:
      kernel_size, dilation, padding, stride: as of `unfold`.

    Raises:
      ValueError, TypeError: when called, as `unfold`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import Unfold
      >>> Unfold(2)(jnp.ones((2, 5, 3, 4))).shape
      (2, 20, 6)

    Reference: torch.nn.Unfold.
    """

    __signature__ = InitSignature()

    def __init__(
        self,
        kernel_size: IntOrTuple,
        dilation: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        stride: IntOrTuple = 1,
    ) -> None:
        self.kernel_size = fixed(kernel_size)
        self.dilation = fixed(dilation)
        self.padding = fixed(padding)
        self.stride = fixed(stride)

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Return (N, C kH kW, L) of (N, C, H, W), or both without N."""
        return unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)


class Fold(nnx.Module):
    """Windows added up to images: torch.nn.Fold as a flax.nnx module.

    Args:
      output_size: size of the images, in pixels: an int, or (H, W).
      kernel_size, dilation, padding, stride: as of `fold`.

    Raises:
      ValueError, TypeError: when called, as `fold`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import Fold
      >>> Fold((3, 4), 2)(jnp.ones((2, 20, 6))).shape
      (2, 5, 3, 4)

    Reference: torch.nn.Fold.
    """

    __signature__ = InitSignature()

    def __init__(
        self,
        output_size: IntOrTuple,
        kernel_size: IntOrTuple,
        dilation: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        stride: IntOrTuple = 1,
    ) -> None:
        self.output_size = fixed(output_size)
        self.kernel_size = fixed(kernel_size)
        self.dilation = fixed(dilation)
        self.padding = fixed(padding)
        self.stride = fixed(stride)

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Return (N, C, H, W) of (N, C kH kW, L), or both without N."""
        window = (self.kernel_size, self.dilation, self.padding, self.stride)
        return fold(input, self.output_size, *window)
