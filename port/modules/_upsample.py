"""Upsample and its two older names: torch.nn's."""

from collections.abc import Sequence

import jax
from jax.typing import ArrayLike

from .. import functional
from ._base import Layer, settled


class Upsample(Layer):
    """Resize (N, C, L), (N, C, H, W) or (N, C, D, H, W): torch.nn.Upsample.

    Args:
      size: the output's sizes in space: an int or a tuple.
      scale_factor: or by how much they grow: a number or a tuple.
      mode: 'nearest', 'linear', 'bilinear', 'bicubic' or 'trilinear'. Default: 'nearest'.
      align_corners: whether the corners of input and output lie on each other. Default: None, which
        is False.
      recompute_scale_factor: whether the scale is taken anew from the rounded sizes. Default: None.

    Raises:
      ValueError, TypeError: as `functional.interpolate`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Upsample
      >>> Upsample(scale_factor=2, mode="bilinear")(jnp.ones((1, 1, 2, 2))).shape
      (1, 1, 4, 4)

    Reference: torch.nn.Upsample.
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        self.size, self.scale_factor = settled(size), settled(scale_factor)
        self.mode, self.align_corners = mode, align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Resize an array."""
        return functional.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )


class UpsamplingNearest2d(Upsample):
    """Resize (N, C, H, W) with mode 'nearest': torch.nn.UpsamplingNearest2d.

    Args:
      size: the output's sizes: an int or a pair.
      scale_factor: or by how much they grow: a number or a pair.

    Raises:
      ValueError, TypeError: as `functional.interpolate`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import UpsamplingNearest2d
      >>> UpsamplingNearest2d(scale_factor=2)(jnp.array([[[[1.0, 2.0]]]]))[0, 0]
      Array([[1., 1., 2., 2.],
             [1., 1., 2., 2.]], dtype=float32)

    Reference: torch.nn.UpsamplingNearest2d.
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Resize (N, C, H, W) with mode 'bilinear' and aligned corners: torch.nn.UpsamplingBilinear2d.

    Args:
      size: the output's sizes: an int or a pair.
      scale_factor: or by how much they grow: a number or a pair.

    Raises:
      ValueError, TypeError: as `functional.interpolate`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import UpsamplingBilinear2d
      >>> UpsamplingBilinear2d(size=(1, 3))(jnp.array([[[[1.0, 2.0]]]]))[0, 0]
      Array([[1. , 1.5, 2. ]], dtype=float32)

    Reference: torch.nn.UpsamplingBilinear2d.
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
