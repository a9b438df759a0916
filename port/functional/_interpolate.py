"""Resizing of signals, images and volumes as torch.nn.functional has it."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

import conv

from ._arguments import FLOATING, array, boolean, check_dtype, integer
from ._resample import Axis
from ._resize import filtered, nearest

Size = int | Sequence[int]
Factor = float | Sequence[float]

NEAREST = ("nearest", "nearest-exact")
AREA = (conv.adaptive_avg_pool1d, conv.adaptive_avg_pool2d, conv.adaptive_avg_pool3d)
# Mode: the filter along an axis, and the numbers of spatial dimensions that it is defined for.
FILTERS = {
    "linear": ("linear", (1,)),
    "bilinear": ("linear", (2,)),
    "trilinear": ("linear", (3,)),
    "bicubic": ("cubic", (2,)),
    "lanczos": ("lanczos", (2,)),
}
ANTIALIAS = ("bilinear", "bicubic", "lanczos")
BYTES = (*ANTIALIAS, *NEAREST)


def interpolate(
    input: ArrayLike,
    size: Size | None = None,
    scale_factor: Factor | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> jax.Array:
    r"""Resize a signal, an image or a volume: torch.nn.functional.interpolate.

    Result i of m along an axis of n elements is made of the elements around

    .. math::
        p_i = s (i + \tfrac12) - \tfrac12, \qquad s = n / m \text{ or } 1 / \text{scale_factor}

    or i (n - 1) / (m - 1) with align_corners, one axis after the other. 'nearest' takes element
    floor(s i), 'nearest-exact' the one nearest to p_i, 'linear', 'bilinear' and 'trilinear' a line
    between two, 'bicubic' a cubic through four (a = -0.75), 'area' the mean of all that a result
    covers. With antialias, filters are widened to all that a result covers: lines, cubics
    (a = -0.5), and with 'lanczos' windowed sines.

    Args:
      input: (N, C, L), (N, C, H, W) or (N, C, D, H, W), of a floating dtype; uint8 too with
        'nearest', 'nearest-exact', 'bilinear', 'bicubic' and 'lanczos'. float32, float64 and uint8
        with antialias.
      size: the sizes wanted, in elements: an int, or one a dimension.
      scale_factor: how much larger each axis is to become: a number, or one a dimension. The size
        is rounded down. Either size or scale_factor is given.
      mode: 'nearest', 'nearest-exact', 'linear' (1-D), 'bilinear', 'bicubic', 'lanczos' (2-D),
        'trilinear' (3-D) or 'area'.
      align_corners: whether the outermost elements keep their places; of no meaning for 'nearest',
        'nearest-exact' and 'area', where it must be None.
      recompute_scale_factor: whether to take s from the sizes where scale_factor is given.
      antialias: whether to smooth before an axis shrinks: 'bilinear', 'bicubic' and 'lanczos' only.

    Returns:
      (N, C, *size), of input's dtype.

    Raises:
      ValueError: arguments that do not go together, sizes that are not positive.
      TypeError: a dtype that PyTorch refuses, or arguments of a wrong type.

    Positions are computed in float32, and for float64 in part, as PyTorch's CPU does; bytes are
    weighted with integers as there. float16 and bfloat16 are computed in float32 and rounded once,
    where PyTorch rounds more often. The derivative is that of the function; PyTorch's of 'nearest'
    takes other elements in the few cases where its two formulas for their positions disagree. An
    image that becomes one column wide is resized as any other; PyTorch 2.13 repeats its first row
    with antialias, and for bytes of more than four channels.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import interpolate
      >>> interpolate(jnp.array([[[0.0, 4.0]]]), scale_factor=2, mode="linear")
      Array([[[0., 1., 3., 4.]]], dtype=float32)

    Reference: torch.nn.functional.interpolate.
    """
    x = array("input", input, "interpolate")
    align = _check_mode(mode, align_corners, bool(antialias), x)
    space = tuple(
        integer(f"input's size in spatial dimension {i}", n, "interpolate")
        for i, n in enumerate(x.shape[2:])
    )
    counts, factors = _sizes(space, size, scale_factor, bool(recompute_scale_factor))
    if mode == "area":
        check_dtype("input", x, FLOATING, "interpolate")
        if min(counts) < 0:
            raise ValueError(f"interpolate: sizes must not be negative, got size={counts}")
        return AREA[len(space) - 1](x, counts)
    _check_sizes(x, space, counts)
    smooth = bool(antialias)
    floats = ("float32", "float64") if smooth else FLOATING
    check_dtype("input", x, (*floats, "uint8") if mode in BYTES else floats, "interpolate")
    axes = tuple(Axis(n, m, f, align) for n, m, f in zip(space, counts, factors, strict=True))
    if mode in NEAREST:
        return nearest(x, axes, exact=mode == "nearest-exact")
    return filtered(x, axes, FILTERS[mode][0], smooth)


def upsample(
    input: ArrayLike,
    size: Size | None = None,
    scale_factor: Factor | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> jax.Array:
    """Call `interpolate`, of which this is the old name: torch.nn.functional.upsample.

    Args:
      input, size, scale_factor, mode, align_corners: as of `interpolate`.

    Returns:
      What `interpolate` returns, and a warning that this name is deprecated, as in PyTorch.

    Raises:
      ValueError, TypeError: as `interpolate`.

    Reference: torch.nn.functional.upsample.
    """
    _warn("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: ArrayLike, size: Size | None = None, scale_factor: Factor | None = None
) -> jax.Array:
    """Call `interpolate` with mode='nearest': torch.nn.functional.upsample_nearest, deprecated.

    Args:
      input, size, scale_factor: as of `interpolate`.

    Returns:
      What `interpolate` returns, and a warning that this name is deprecated, as in PyTorch.

    Raises:
      ValueError, TypeError: as `interpolate`.

    Reference: torch.nn.functional.upsample_nearest.
    """
    _warn("upsample_nearest")
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(
    input: ArrayLike, size: Size | None = None, scale_factor: Factor | None = None
) -> jax.Array:
    """Call `interpolate` with mode='bilinear' and aligned corners; deprecated, as in PyTorch.

    Args:
      input, size, scale_factor: as of `interpolate`.

    Returns:
      What `interpolate` returns, and a warning that this name is deprecated, as in PyTorch.

    Raises:
      ValueError, TypeError: as `interpolate`.

    Reference: torch.nn.functional.upsample_bilinear.
    """
    _warn("upsample_bilinear")
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


def _warn(name: str) -> None:
    warnings.warn(f"{name} is deprecated. Use interpolate instead.", UserWarning, stacklevel=3)


def _check_mode(mode: str, align_corners: bool | None, antialias: bool, x: jax.Array) -> bool:
    """Refuse what mode does not go with, and return align_corners as a bool."""
    modes = (*NEAREST, "area", *FILTERS)
    if mode not in modes:
        raise ValueError(f"interpolate: mode must be one of {', '.join(modes)}, got mode={mode!r}")
    allowed = FILTERS[mode][1] if mode in FILTERS else (1, 2, 3)
    if x.ndim - 2 not in allowed:
        raise ValueError(
            f"interpolate: mode={mode!r} takes an input of "
            f"{' or '.join(str(n + 2) for n in allowed)} dimensions, got input.shape={x.shape}"
        )
    if antialias and mode not in ANTIALIAS:
        raise ValueError(
            f"interpolate: antialias is for mode {', '.join(ANTIALIAS)}, got mode={mode!r}"
        )
    if mode not in FILTERS:
        if align_corners is not None:
            raise ValueError(
                f"interpolate: align_corners must be None for mode={mode!r}, got {align_corners=}"
            )
        return False
    align = align_corners is not None and boolean("align_corners", align_corners, "interpolate")
    if mode == "lanczos" and (align or not antialias):
        raise ValueError(
            "interpolate: mode='lanczos' must have antialias=True and no align_corners, "
            f"got {antialias=} and {align_corners=}"
        )
    return align


def _each(name: str, value: Any, dims: int) -> Sequence[float]:
    """Return one entry a dimension, of a scalar or a sequence of them."""
    if not isinstance(value, tuple | list):
        return (value,) * dims
    if len(value) != dims:
        raise ValueError(
            f"interpolate: {name} must be one number or {dims}, one a spatial dimension, "
            f"got {name}={value!r}"
        )
    return value


def _sizes(
    space: tuple[int, ...], size: Size | None, scale_factor: Factor | None, recompute: bool
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """Return the sizes wanted, and the factors to compute positions with."""
    where, dims = "interpolate", len(space)
    if (size is None) == (scale_factor is None):
        raise ValueError(
            f"{where}: one of size and scale_factor must be given, got {size=} and {scale_factor=}"
        )
    if size is not None:
        if recompute:
            raise ValueError(f"{where}: recompute_scale_factor needs a scale_factor, got {size=}")
        counts = tuple(integer("size", n, where) for n in _each("size", size, dims))
        return counts, (None,) * dims
    factors = tuple(_factor(f) for f in _each("scale_factor", scale_factor, dims))
    counts = tuple(int(n * f) for n, f in zip(space, factors, strict=True))
    return counts, (None,) * dims if recompute else factors


def _factor(value: float) -> float:
    known = isinstance(value, int | float | np.integer | np.floating)
    if not known:
        raise TypeError(f"interpolate: scale_factor must be a number, got scale_factor={value!r}")
    if not math.isfinite(value):
        raise ValueError(f"interpolate: scale_factor must be finite, got scale_factor={value}")
    return float(value)


def _check_sizes(x: jax.Array, space: tuple[int, ...], counts: tuple[int, ...]) -> None:
    """Refuse empty sizes other than that of the batch."""
    if min(*space, *counts) < 1:
        raise ValueError(
            f"interpolate: sizes must be positive, got input.shape={x.shape} and size={counts}"
        )
    if x.shape[1] == 0:
        raise ValueError(f"interpolate: input must have a channel, got input.shape={x.shape}")
