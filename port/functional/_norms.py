"""Normalisation within an example, as torch.nn.functional has it."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from ._arguments import (
    COMPLEX,
    FLOATING,
    check_dtype,
    check_parameters,
    floating,
    integer,
    number,
    optional,
    shape_of,
    wide,
)
from ._moments import moments


def _last_dimensions(
    where: str, x: jax.Array, normalized_shape: Sequence[int], **parameters: jax.Array | None
) -> tuple[int, ...]:
    """Return the dimensions that normalized_shape names, the last of the input."""
    shape = shape_of("normalized_shape", normalized_shape, where)
    if not shape:
        raise ValueError(f"{where}: normalized_shape must not be empty, got {normalized_shape=}")
    if x.shape[-len(shape) :] != shape:
        raise ValueError(
            f"{where}: normalized_shape must be the last dimensions of input, "
            f"got {normalized_shape=} for input.shape={x.shape}"
        )
    for name, value in parameters.items():
        if value is not None and value.shape != shape:
            raise ValueError(
                f"{where}: {name} must be of normalized_shape, "
                f"got {name}.shape={value.shape} and {normalized_shape=}"
            )
    return tuple(range(x.ndim - len(shape), x.ndim))


def layer_norm(
    input: ArrayLike,
    normalized_shape: Sequence[int],
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    eps: float = 1e-5,
) -> jax.Array:
    r"""Normalise over the last dimensions: torch.nn.functional.layer_norm.

    .. math:: y = \frac{x - \mu}{\sqrt{v + \epsilon}} \odot w + b

    Args:
      input: (..., *normalized_shape), floating.
      normalized_shape: sizes of the last dimensions, over which mean and variance (divided by n)
        are taken.
      weight, bias: w and b, of normalized_shape; or None. Of input's dtype, or both float32 where
        input's has two bytes.
      eps: added to the variance.

    Returns:
      An array of input's shape and dtype.

    Raises:
      ValueError: shapes that do not fit.
      TypeError: a dtype that is not floating, or mixed ones.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import layer_norm
      >>> layer_norm(jnp.array([[1.0, 3.0]]), (2,), eps=0.0)
      Array([[-1.,  1.]], dtype=float32)

    Reference: torch.nn.functional.layer_norm.
    """
    where = "layer_norm"
    x = floating("input", input, where)
    w, b = optional("weight", weight, where), optional("bias", bias, where)
    over = _last_dimensions(where, x, normalized_shape, weight=w, bias=b)
    check_parameters(x, where, weight=w, bias=b)
    if x.size == 0:
        return x
    found = moments(wide(x), over)
    y = found.scaled(lax.rsqrt(found.variance + number("eps", eps, where)))
    if w is not None:
        y = y * wide(w)
    if b is not None:
        y = y + wide(b)
    return y.astype(x.dtype)


def rms_norm(
    input: ArrayLike,
    normalized_shape: Sequence[int],
    weight: ArrayLike | None = None,
    eps: float | None = None,
) -> jax.Array:
    r"""Divide by the root mean square of the last dimensions: torch.nn.functional.rms_norm.

    .. math:: y = \frac{x}{\sqrt{\tfrac{1}{n} \sum_i x_i^2 + \epsilon}} \odot w

    Args:
      input: (..., *normalized_shape), floating or complex.
      normalized_shape: sizes of the last dimensions, over which the mean is taken.
      weight: w, of normalized_shape and any floating dtype; or None.
      eps: added to the mean; None is the distance from 1 to the next number of input's dtype, of
        float32 for one of two bytes.

    Returns:
      An array of input's shape and dtype.

    Raises:
      ValueError: shapes that do not fit.
      TypeError: a dtype that is neither floating nor complex.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import rms_norm
      >>> rms_norm(jnp.array([[7.0, 1.0]]), (2,), eps=0.0)
      Array([[1.4, 0.2]], dtype=float32)

    Reference: torch.nn.functional.rms_norm.
    """
    where = "rms_norm"
    x = floating("input", input, where, complex=True)
    w = optional("weight", weight, where)
    over = _last_dimensions(where, x, normalized_shape, weight=w)
    if w is not None:
        check_dtype("weight", w, FLOATING + COMPLEX, where)
    z = wide(x)
    least = float(jnp.finfo(z.dtype).eps) if eps is None else number("eps", eps, where)
    if x.size == 0:
        return x
    y = z * lax.rsqrt((z * z).mean(over, keepdims=True) + least)
    return (y if w is None else y * w).astype(x.dtype)


def group_norm(
    input: ArrayLike,
    num_groups: int,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    eps: float = 1e-5,
) -> jax.Array:
    r"""Normalise over groups of channels: torch.nn.functional.group_norm.

    .. math:: y = \frac{x - \mu}{\sqrt{v + \epsilon}}\,w + b

    Args:
      input: (N, C, ...), floating.
      num_groups: how many groups of C / num_groups channels there are, each with its mean and
        variance (divided by n) over channels and space.
      weight, bias: w and b, (C,); or None. Of input's dtype, or both float32 where input's has two
        bytes.
      eps: added to the variance.

    Returns:
      An array of input's shape and dtype.

    Raises:
      ValueError: shapes that do not fit; N = 1 and one value in a group.
      TypeError: a dtype that is not floating, or mixed ones.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import group_norm
      >>> group_norm(jnp.array([[1.0, 3.0, 10.0, 30.0]]), 2, eps=0.0)
      Array([[-1.,  1., -1.,  1.]], dtype=float32)

    Reference: torch.nn.functional.group_norm.
    """
    where = "group_norm"
    x = floating("input", input, where)
    w, b = optional("weight", weight, where), optional("bias", bias, where)
    groups = integer("num_groups", num_groups, where)
    if x.ndim < 2:
        raise ValueError(f"{where}: input must be (N, C, ...), got input.shape={x.shape}")
    channels = x.shape[1]
    if groups < 1 or channels % groups:
        raise ValueError(
            f"{where}: num_groups must divide the number of channels, "
            f"got {num_groups=} for input.shape={x.shape}"
        )
    for name, value in (("weight", w), ("bias", b)):
        if value is not None and value.shape != (channels,):
            raise ValueError(
                f"{where}: {name} must be ({channels},), one element a channel, "
                f"got {name}.shape={value.shape}"
            )
    check_parameters(x, where, weight=w, bias=b)
    if x.shape[0] * (channels // groups) * math.prod(x.shape[2:]) == 1:
        raise ValueError(
            f"{where}: input must have more than 1 value per group, "
            f"got input.shape={x.shape} and {num_groups=}"
        )
    if x.size == 0:
        return x
    z = wide(x).reshape(x.shape[0], groups, channels // groups, *x.shape[2:])
    found = moments(z, tuple(range(2, z.ndim)))
    scale = lax.rsqrt(found.variance + number("eps", eps, where))
    per_group = (groups, channels // groups) + (1,) * (x.ndim - 2)
    if w is not None:
        scale = scale * wide(w).reshape(per_group)
    y = found.scaled(scale, None if b is None else wide(b).reshape(per_group))
    return y.reshape(x.shape).astype(x.dtype)
