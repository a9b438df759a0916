"""flax.nnx modules of pools that take means and norms, with the arguments of torch.nn's."""

import jax
from jax.typing import ArrayLike

from . import _avg_pool, _lp_pool
from ._arguments import IntOrTuple
from ._pool_modules import PoolModule, Sizes, fixed


class AvgPool(PoolModule):
    """The means of windows, over the number of dimensions.

    Args:
      kernel_size: size of the window, in elements: an int or one a dimension.
      stride: step of the window, in elements; None is kernel_size.
      padding: zeros on both sides.
      ceil_mode: whether a last window may hang over the end.
      count_include_pad: whether the zeros of `padding` count as elements.
      divisor_override: what to divide every sum by, instead of the number of elements; not for
        signals.

    Raises:
      ValueError, TypeError: when called, as avg_pool1d and the others.
    """

    def __init__(
        self,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        padding: IntOrTuple = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size = fixed(kernel_size)
        self.stride = fixed(kernel_size if stride is None else stride)
        self.padding = fixed(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Return the means of (N, C, *space) or (C, *space)."""
        pool = self._function(_avg_pool, "avg_pool")
        window = (self.kernel_size, self.stride, self.padding, self.ceil_mode)
        divisor = () if self.dims == 1 else (self.divisor_override,)
        return pool(input, *window, self.count_include_pad, *divisor)


class AdaptiveAvgPool(PoolModule):
    """The means of windows that cover the input, over the number of dimensions.

    Args:
      output_size: number of windows: an int or one a dimension, where None keeps the input's.

    Raises:
      ValueError, TypeError: when called, as adaptive_avg_pool1d and the others.
    """

    def __init__(self, output_size: Sizes) -> None:
        self.output_size = fixed(output_size)

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Return the means of (N, C, *space) or (C, *space)."""
        return self._function(_avg_pool, "adaptive_avg_pool")(input, self.output_size)


class LPPool(PoolModule):
    """The p-norms of windows, over the number of dimensions.

    Args:
      norm_type: p, a number.
      kernel_size: size of the window, in elements: an int or one a dimension.
      stride: step of the window, in elements; None is kernel_size.
      ceil_mode: whether a last window may hang over the end.

    Raises:
      ValueError, TypeError: when called, as lp_pool1d and the others.
    """

    def __init__(
        self,
        norm_type: float,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        ceil_mode: bool = False,
    ) -> None:
        self.norm_type = float(norm_type)
        self.kernel_size = fixed(kernel_size)
        self.stride = fixed(stride)
        self.ceil_mode = ceil_mode

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Return the norms of (N, C, *space) or (C, *space)."""
        pool = self._function(_lp_pool, "lp_pool")
        return pool(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)


class AvgPool1d(AvgPool):
    r"""Means of windows of signals: torch.nn.AvgPool1d as a flax.nnx module.

    It maps (N, C, L), or the same without N. Arguments are those of `AvgPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AvgPool1d
      >>> AvgPool1d(2)(jnp.ones((2, 3, 6))).shape
      (2, 3, 3)

    Reference: torch.nn.AvgPool1d.
    """

    dims = 1

    def __init__(
        self,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        padding: IntOrTuple = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)


class AvgPool2d(AvgPool):
    r"""Means of windows of images: torch.nn.AvgPool2d as a flax.nnx module.

    It maps (N, C, H, W), or the same without N. Arguments are those of `AvgPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AvgPool2d
      >>> AvgPool2d(2)(jnp.ones((2, 3, 6, 6))).shape
      (2, 3, 3, 3)

    Reference: torch.nn.AvgPool2d.
    """

    dims = 2


class AvgPool3d(AvgPool):
    r"""Means of windows of volumes: torch.nn.AvgPool3d as a flax.nnx module.

    It maps (N, C, D, H, W), or the same without N. Arguments are those of `AvgPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AvgPool3d
      >>> AvgPool3d(2)(jnp.ones((2, 3, 6, 6, 6))).shape
      (2, 3, 3, 3, 3)

    Reference: torch.nn.AvgPool3d.
    """

    dims = 3


class AdaptiveAvgPool1d(AdaptiveAvgPool):
    r"""Means of windows that cover signals: torch.nn.AdaptiveAvgPool1d as a flax.nnx module.

    It maps (N, C, L), or the same without N. Arguments are those of `AdaptiveAvgPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveAvgPool1d
      >>> AdaptiveAvgPool1d(4)(jnp.ones((2, 3, 6))).shape
      (2, 3, 4)

    Reference: torch.nn.AdaptiveAvgPool1d.
    """

    dims = 1


class AdaptiveAvgPool2d(AdaptiveAvgPool):
    r"""Means of windows that cover images: torch.nn.AdaptiveAvgPool2d as a flax.nnx module.

    It maps (N, C, H, W), or the same without N. Arguments are those of `AdaptiveAvgPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveAvgPool2d
      >>> AdaptiveAvgPool2d(4)(jnp.ones((2, 3, 6, 6))).shape
      (2, 3, 4, 4)

    Reference: torch.nn.AdaptiveAvgPool2d.
    """

    dims = 2


class AdaptiveAvgPool3d(AdaptiveAvgPool):
    r"""Means of windows that cover volumes: torch.nn.AdaptiveAvgPool3d as a flax.nnx module.

    It maps (N, C, D, H, W), or the same without N. Arguments are those of `AdaptiveAvgPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import AdaptiveAvgPool3d
      >>> AdaptiveAvgPool3d(4)(jnp.ones((2, 3, 6, 6, 6))).shape
      (2, 3, 4, 4, 4)

    Reference: torch.nn.AdaptiveAvgPool3d.
    """

    dims = 3


class LPPool1d(LPPool):
    r"""The p-norms of windows of signals: torch.nn.LPPool1d as a flax.nnx module.

    It maps (N, C, L), or the same without N. Arguments are those of `LPPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import LPPool1d
      >>> LPPool1d(2, 3)(jnp.ones((2, 3, 6))).shape
      (2, 3, 2)

    Reference: torch.nn.LPPool1d.
    """

    dims = 1


class LPPool2d(LPPool):
    r"""The p-norms of windows of images: torch.nn.LPPool2d as a flax.nnx module.

    It maps (N, C, H, W), or the same without N. Arguments are those of `LPPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import LPPool2d
      >>> LPPool2d(2, 3)(jnp.ones((2, 3, 6, 6))).shape
      (2, 3, 2, 2)

    Reference: torch.nn.LPPool2d.
    """

    dims = 2


class LPPool3d(LPPool):
    r"""The p-norms of windows of volumes: torch.nn.LPPool3d as a flax.nnx module.

    It maps (N, C, D, H, W), or the same without N. Arguments are those of `LPPool`.

    Example:
      >>> import jax.numpy as jnp
      >>> from conv import LPPool3d
      >>> LPPool3d(2, 3)(jnp.ones((2, 3, 6, 6, 6))).shape
      (2, 3, 2, 2, 2)

    Reference: torch.nn.LPPool3d.
    """

    dims = 3
