"""Moves between channels and space, as torch.nn.functional has them."""

import jax
from jax.typing import ArrayLike

from ._arguments import array, integer


def _factor(name: str, value: int, where: str) -> int:
    factor = integer(name, value, where)
    if factor < 1:
        raise ValueError(f"{where}: {name} must be positive, got {name}={value}")
    return factor


def pixel_shuffle(input: ArrayLike, upscale_factor: int) -> jax.Array:
    r"""Move channels into space: torch.nn.functional.pixel_shuffle.

    .. math:: y_{c,\,r h + i,\,r w + j} = x_{c r^2 + r i + j,\,h,\,w}

    Args:
      input: (..., C r^2, H, W), of any dtype.
      upscale_factor: r.

    Returns:
      (..., C, H r, W r).

    Raises:
      ValueError: fewer than three dimensions; channels that r^2 does not divide; r is not positive.
      TypeError: r is no integer.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import pixel_shuffle
      >>> pixel_shuffle(jnp.arange(4).reshape(4, 1, 1), 2)
      Array([[[0, 1],
              [2, 3]]], dtype=int32)

    Reference: torch.nn.functional.pixel_shuffle.
    """
    where = "pixel_shuffle"
    x = array("input", input, where)
    r = _factor("upscale_factor", upscale_factor, where)
    if x.ndim < 3 or x.shape[-3] % r**2:
        raise ValueError(
            f"{where}: input must be (..., C, H, W) with C divisible by {upscale_factor=} squared, "
            f"got input.shape={x.shape}"
        )
    *n, c, h, w = x.shape
    split = x.reshape(*n, c // r**2, r, r, h, w)
    d = len(n)
    moved = split.transpose(*range(d), d, d + 3, d + 1, d + 4, d + 2)
    return moved.reshape(*n, c // r**2, h * r, w * r)


def pixel_unshuffle(input: ArrayLike, downscale_factor: int) -> jax.Array:
    r"""Move space into channels: torch.nn.functional.pixel_unshuffle.

    .. math:: y_{c r^2 + r i + j,\,h,\,w} = x_{c,\,r h + i,\,r w + j}

    Args:
      input: (..., C, H r, W r), of any dtype.
      downscale_factor: r.

    Returns:
      (..., C r^2, H, W).

    Raises:
      ValueError: fewer than three dimensions; a height or width that r does not divide; r is not
        positive.
      TypeError: r is no integer.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import pixel_unshuffle
      >>> pixel_unshuffle(jnp.arange(4).reshape(1, 2, 2), 2).ravel()
      Array([0, 1, 2, 3], dtype=int32)

    Reference: torch.nn.functional.pixel_unshuffle.
    """
    where = "pixel_unshuffle"
    x = array("input", input, where)
    r = _factor("downscale_factor", downscale_factor, where)
    if x.ndim < 3 or x.shape[-2] % r or x.shape[-1] % r:
        raise ValueError(
            f"{where}: input must be (..., C, H, W) with H and W divisible by {downscale_factor=}, "
            f"got input.shape={x.shape}"
        )
    *n, c, h, w = x.shape
    split = x.reshape(*n, c, h // r, r, w // r, r)
    d = len(n)
    moved = split.transpose(*range(d), d, d + 2, d + 4, d + 1, d + 3)
    return moved.reshape(*n, c * r**2, h // r, w // r)


def channel_shuffle(input: ArrayLike, groups: int) -> jax.Array:
    r"""Take channels from groups in turn: torch.nn.functional.channel_shuffle.

    .. math:: y_{n,\,g j + i} = x_{n,\,(C / g)\,i + j}

    Args:
      input: (N, C, ...), of any dtype, with three dimensions or more.
      groups: g, which divides C.

    Returns:
      An array of input's shape.

    Raises:
      ValueError: fewer than three dimensions; channels that groups do not divide.
      TypeError: groups is no integer.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import channel_shuffle
      >>> channel_shuffle(jnp.arange(4).reshape(1, 4, 1), 2).ravel()
      Array([0, 2, 1, 3], dtype=int32)

    Reference: torch.nn.functional.channel_shuffle.
    """
    where = "channel_shuffle"
    x = array("input", input, where)
    g = _factor("groups", groups, where)
    if x.ndim < 3 or x.shape[1] % g:
        raise ValueError(
            f"{where}: input must be (N, C, L, ...) with C divisible by {groups=}, "
            f"got input.shape={x.shape}"
        )
    n, c, *space = x.shape
    return x.reshape(n, g, c // g, *space).swapaxes(1, 2).reshape(x.shape)
