"""Modules that only move elements: Flatten, PixelShuffle and their like, torch.nn's."""

import math
from collections.abc import Sequence

import jax
from jax.typing import ArrayLike

from .. import functional
from ..functional._arguments import array, axis, integer, shape_of
from ._base import Layer


class Flatten(Layer):
    """Make one dimension of several: torch.nn.Flatten.

    Args:
      start_dim: the first of them. Default: 1.
      end_dim: the last of them. Default: -1.

    Raises:
      ValueError: no such dimension, or the first after the last.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Flatten
      >>> Flatten()(jnp.ones((32, 1, 5, 6))).shape
      (32, 30)

    Reference: torch.nn.Flatten.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = integer("start_dim", start_dim, "Flatten")
        self.end_dim = integer("end_dim", end_dim, "Flatten")

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Flatten an array; one without dimensions gets one."""
        x = array("input", input, "Flatten")
        start = axis("start_dim", self.start_dim, x, "Flatten")
        end = axis("end_dim", self.end_dim, x, "Flatten")
        if start > end:
            raise ValueError(
                f"Flatten: start_dim must not come after end_dim, got start_dim={self.start_dim} "
                f"and end_dim={self.end_dim} for input.shape={x.shape}"
            )
        flat = math.prod(x.shape[start : end + 1])
        return x.reshape(*x.shape[:start], flat, *x.shape[end + 1 :])


class Unflatten(Layer):
    """Make several dimensions of one: torch.nn.Unflatten.

    Args:
      dim: the dimension.
      unflattened_size: what becomes of it: a tuple of ints, one of them -1 perhaps.

    PyTorch's names of dimensions are not supported.

    Raises:
      ValueError: no such dimension, or sizes whose product is not its size.
      TypeError: dim is no integer, or unflattened_size no tuple or list of them.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Unflatten
      >>> Unflatten(1, (2, 5, 5))(jnp.ones((2, 50))).shape
      (2, 2, 5, 5)

    Reference: torch.nn.Unflatten.
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        self.dim = integer("dim", dim, "Unflatten")
        self.unflattened_size = shape_of("unflattened_size", unflattened_size, "Unflatten")

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Unflatten an array."""
        x = array("input", input, "Unflatten")
        dim = axis("dim", self.dim, x, "Unflatten")
        sizes, whole = self.unflattened_size, x.shape[dim] if x.ndim else 1
        known = math.prod(size for size in sizes if size != -1)
        if -1 in sizes and known:
            sizes = tuple(whole // known if size == -1 else size for size in sizes)
        if math.prod(sizes) != whole or min(sizes, default=0) < 0:
            raise ValueError(
                f"Unflatten: unflattened_size must have the product {whole}, the size of "
                f"dimension {self.dim}, got unflattened_size={self.unflattened_size}"
            )
        return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])


class PixelShuffle(Layer):
    """Make r times as many rows and columns of r * r channels: torch.nn.PixelShuffle.

    Args:
      upscale_factor: r.

    Raises:
      ValueError, TypeError: as torch.nn.PixelShuffle.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import PixelShuffle
      >>> PixelShuffle(3)(jnp.ones((1, 9, 4, 4))).shape
      (1, 1, 12, 12)

    Reference: torch.nn.PixelShuffle.
    """

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = upscale_factor

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Map (..., C r r, H, W) to (..., C, H r, W r)."""
        return functional.pixel_shuffle(input, self.upscale_factor)


class PixelUnshuffle(Layer):
    """Make r * r times as many channels of rows and columns: torch.nn.PixelUnshuffle.

    Args:
      downscale_factor: r.

    Raises:
      ValueError, TypeError: as torch.nn.PixelUnshuffle.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import PixelUnshuffle
      >>> PixelUnshuffle(3)(jnp.ones((1, 1, 12, 12))).shape
      (1, 9, 4, 4)

    Reference: torch.nn.PixelUnshuffle.
    """

    def __init__(self, downscale_factor: int) -> None:
        self.downscale_factor = downscale_factor

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Map (..., C, H r, W r) to (..., C r r, H, W)."""
        return functional.pixel_unshuffle(input, self.downscale_factor)


class ChannelShuffle(Layer):
    """Deal channels out of groups in turn: torch.nn.ChannelShuffle.

    Args:
      groups: into how many groups the channels are divided.

    Raises:
      ValueError, TypeError: as torch.nn.ChannelShuffle.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import ChannelShuffle
      >>> ChannelShuffle(2)(jnp.arange(4.0).reshape(1, 4, 1))[0, :, 0]
      Array([0., 2., 1., 3.], dtype=float32)

    Reference: torch.nn.ChannelShuffle.
    """

    def __init__(self, groups: int) -> None:
        self.groups = groups

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Shuffle the channels of (N, C, ...)."""
        return functional.channel_shuffle(input, self.groups)
