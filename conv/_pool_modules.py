"""flax.nnx modules of max pools, with the arguments and names of torch.nn's."""

from collections.abc import Callable, Sequence
from typing import Any

from flax import nnx
from jax.typing import ArrayLike

from . import _max_pool
from ._arguments import IntOrTuple
from ._modules import InitSignature

Sizes = int | Sequence[int | None]


class PoolModule(nnx.Module):
    """What the pooling modules have in common, over the number of dimensions."""

    __signature__ = InitSignature()
    dims: int

    def _function(self, module: Any, name: str) -> Callable[..., Any]:
        """Return the function of a name, for this module's number of dimensions."""
        function: Callable[..., Any] = getattr(module, f"{name}{self.dims}d")
        return function


def fixed(value: Any) -> Any:
    """Return a list as a tuple: what a module holds does not change, and flax keeps it as it is."""
    return tuple(value) if isinstance(value, list) else value


class MaxPool(PoolModule):
    """The maxima of windows, over the number of dimensions.

    Args:
      kernel_size: size of the window, in elements: an int or one a dimension.
      stride: step of the window, in elements; None is kernel_size.
      padding: elements on both sides that no maximum takes.
      dilation: distance between a window's elements.
      return_indices: whether to return where the maxima stand, too, as `MaxUnpool1d` and the others
        take it.
      ceil_mode: whether a last window may hang over the end.

    Raises:
      ValueError, TypeError: when called, as max_pool1d and the others.
    """

    def __init__(
        self,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        padding: IntOrTuple = 0,
        dilation: IntOrTuple = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = fixed(kernel_size)
        self.stride = fixed(kernel_size if stride is None else stride)
        self.padding = fixed(padding)
        self.dilation = fixed(dilation)
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def __call__(self, input: ArrayLike) -> Any:
        """Return the maxima of (N, C, *space) or (C, *space); with return_indices a pair."""
        pool = self._function(_max_pool, "max_pool")
        window = (self.kernel_size, self.stride, self.padding, self.dilation)
        return pool(input, *window, self.ceil_mode, self.return_indices)


class AdaptiveMaxPool(PoolModule):
    """The maxima of windows that cover the input, over the number of dimensions.

    Args:
      output_size: number of windows: an int or one a dimension, where None keeps the input's.
      return_indices: whether to return where the maxima stand, too.

    Raises:
      ValueError, TypeError: when called, as adaptive_max_pool1d and the others.
    """

    def __init__(self, output_size: Sizes, return_indices: bool = False) -> None:
        self.output_size = fixed(output_size)
        self.return_indices = return_indices

    def __call__(self, input: ArrayLike) -> Any:
        """Return the maxima of (N, C, *space) or (C, *space); with return_indices a pair."""
        pool = self._function(_max_pool, "adaptive_max_pool")
        return pool(input, self.output_size, self.return_indices)


class MaxPool1d(MaxPool):
    r"""Maxima of windows of signals: torch.nn.MaxPool1d as a flax.nnx module.

    It maps (N, C, L), or the same without N. Arguments are those of `MaxPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import MaxPool1d
      >>> MaxPool1d(2)(jnp.ones((2, 3, 6))).shape
      (2, 3, 3)

    Reference: torch.nn.MaxPool1d.
    """

    dims = 1


class MaxPool2d(MaxPool):
    r"""Maxima of windows of images: torch.nn.MaxPool2d as a flax.nnx module.

    It maps (N, C, H, W), or the same without N. Arguments are those of `MaxPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import MaxPool2d
      >>> MaxPool2d(2)(jnp.ones((2, 3, 6, 6))).shape
      (2, 3, 3, 3)

    Reference: torch.nn.MaxPool2d.
    """

    dims = 2


class MaxPool3d(MaxPool):
    r"""Maxima of windows of volumes: torch.nn.MaxPool3d as a flax.nnx module.

    It maps (N, C, D, H, W), or the same without N. Arguments are those of `MaxPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import MaxPool3d
      >>> MaxPool3d(2)(jnp.ones((2, 3, 6, 6, 6))).shape
      (2, 3, 3, 3, 3)

    Reference: torch.nn.MaxPool3d.
    """

    dims = 3


class AdaptiveMaxPool1d(AdaptiveMaxPool):
    r"""Maxima of windows that cover signals: torch.nn.AdaptiveMaxPool1d as a flax.nnx module.

    It maps (N, C, L), or the same without N. Arguments are those of `AdaptiveMaxPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveMaxPool1d
      >>> AdaptiveMaxPool1d(4)(jnp.ones((2, 3, 6))).shape
      (2, 3, 4)

    Reference: torch.nn.AdaptiveMaxPool1d.
    """

    dims = 1


class AdaptiveMaxPool2d(AdaptiveMaxPool):
    r"""Maxima of windows that cover images: torch.nn.AdaptiveMaxPool2d as a flax.nnx module.

    It maps (N, C, H, W), or the same without N. Arguments are those of `AdaptiveMaxPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveMaxPool2d
      >>> AdaptiveMaxPool2d(4)(jnp.ones((2, 3, 6, 6))).shape
      (2, 3, 4, 4)

    Reference: torch.nn.AdaptiveMaxPool2d.
    """

    dims = 2


class AdaptiveMaxPool3d(AdaptiveMaxPool):
    r"""Maxima of windows that cover volumes: torch.nn.AdaptiveMaxPool3d as a flax.nnx module.

    It maps (N, C, D, H, W), or the same without N. Arguments are those of `AdaptiveMaxPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveMaxPool3d
      >>> AdaptiveMaxPool3d(4)(jnp.ones((2, 3, 6, 6, 6))).shape
      (2, 3, 4, 4, 4)

    Reference: torch.nn.AdaptiveMaxPool3d.
    """

    dims = 3
