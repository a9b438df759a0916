"""Sampling at given places as torch.nn.functional has it: grid_sample and affine_grid."""

import itertools
import math
import warnings
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from ._arguments import FLOATING, array, boolean, check_dtype, check_same_dtype, integer
from ._resample import cubic_weights

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")


def grid_sample(
    input: ArrayLike,
    grid: ArrayLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> jax.Array:
    r"""Take an image's or a volume's values at given places: torch.nn.functional.grid_sample.

    .. math:: y_{n,c,i} = \sum_u x_{n,c,u} \prod_d k(p_{n,i,d} - u_d), \qquad
        p_d = \frac{(g_d + 1) n_d - 1}{2}

    or (g_d + 1) (n_d - 1) / 2 with align_corners. The last axis of the grid holds x, y (and z),
    and x moves along the last axis of the input. k is a hat for 'bilinear' (so that volumes are
    sampled trilinearly), and a cubic (a = -0.75) for 'bicubic'; 'nearest' rounds p, halves to the
    even neighbour.

    Args:
      input: (N, C, H, W) or (N, C, D, H, W), of a floating dtype.
      grid: (N, H', W', 2) or (N, D', H', W', 3), of input's dtype: -1 and 1 are the edges.
      mode: 'bilinear', 'nearest' or 'bicubic'; 'bicubic' for images only.
      padding_mode: what is outside of the input: 'zeros', the 'border', or its 'reflection'.
      align_corners: whether -1 and 1 are the centres of the outermost elements, rather than their
        outer edges. None is False, with a warning.

    Returns:
      (N, C, H', W') or (N, C, D', H', W'), of input's dtype.

    Raises:
      ValueError: shapes that do not fit, another mode.
      TypeError: a dtype that PyTorch refuses, or arguments of a wrong type.

    Gradients of input and grid are PyTorch's: that of the grid is 0 with 'nearest', and where a
    place is at the border or was moved there. A place that is nan counts as the first element with
    'border' and 'reflection', where PyTorch may read outside of the memory. float16 and bfloat16
    are computed in float32 and rounded once.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import grid_sample
      >>> image = jnp.array([[[[1.0, 2.0], [3.0, 4.0]]]])
      >>> grid_sample(image, jnp.zeros((1, 1, 1, 2)), align_corners=False)
      Array([[[[2.5]]]], dtype=float32)

    Reference: torch.nn.functional.grid_sample.
    """
    where = "grid_sample"
    x, g = array("input", input, where), array("grid", grid, where)
    for name, value, allowed in (("mode", mode, MODES), ("padding_mode", padding_mode, PADDINGS)):
        if value not in allowed:
            raise ValueError(
                f"{where}: {name} must be one of {', '.join(allowed)}, got {name}={value!r}"
            )
    align = _align(align_corners, where)
    _check_shapes(x, g, mode)
    check_dtype("input", x, FLOATING, where)
    check_same_dtype("input", x, where, grid=g)
    dtype, real = x.dtype, jnp.float64 if x.dtype == jnp.float64 else jnp.float32
    space = x.shape[:1:-1]  # x, y and z, as in the grid
    places = [
        _unnormalize(g[..., d].astype(real), n, align, len(space)) for d, n in enumerate(space)
    ]
    y = _sample(x.astype(real), places, mode, padding_mode, align)
    return y.astype(dtype)


def _align(align_corners: bool | None, where: str) -> bool:
    if align_corners is None:
        warnings.warn(
            f"{where}: align_corners is False by default; it was True in PyTorch before 1.3. "
            "Give it to silence this.",
            UserWarning,
            stacklevel=3,
        )
        return False
    return boolean("align_corners", align_corners, where)


def _check_shapes(x: jax.Array, grid: jax.Array, mode: str) -> None:
    shapes = f"got input.shape={x.shape} and grid.shape={grid.shape}"
    if x.ndim not in (4, 5) or grid.ndim != x.ndim:
        raise ValueError(
            f"grid_sample: input and grid must both have 4 dimensions, or both 5, {shapes}"
        )
    if x.shape[0] != grid.shape[0]:
        raise ValueError(f"grid_sample: input and grid must have the same batch size, {shapes}")
    if grid.shape[-1] != x.ndim - 2:
        raise ValueError(
            f"grid_sample: grid's last dimension must have one number for each of input's "
            f"{x.ndim - 2} spatial dimensions, {shapes}"
        )
    if any(n == 0 for n in x.shape[2:]):
        raise ValueError(f"grid_sample: input's spatial sizes must be positive, {shapes}")
    if mode == "bicubic" and x.ndim == 5:
        raise ValueError(f"grid_sample: mode='bicubic' is for 4 dimensions only, {shapes}")


def _unnormalize(g: jax.Array, size: int, align: bool, dims: int) -> jax.Array:
    """Return places in elements; rounded as PyTorch's kernels for images, and volumes, do."""
    if dims == 3:
        return (g + 1) / 2 * (size - 1) if align else ((g + 1) * size - 1) / 2
    return (g + 1) * ((size - 1) / 2) if align else (g + 1) * (size / 2) - 0.5


def _moved_inside(place: jax.Array, size: int, padding: str, align: bool) -> jax.Array:
    """Return places, those outside moved to the border or reflected at it."""
    if padding == "zeros":
        return place
    if padding == "reflection":
        place = _reflected(place, 0.0 if align else -0.5, size - 1 if align else size)
    # At the border itself the derivative is 0, and nan becomes 0, too.
    inside = (place > 0) & (place < size - 1)
    edge = jnp.where(place > 0, jnp.full_like(place, size - 1), jnp.zeros_like(place))
    return jnp.where(inside, place, edge)


def _reflected(place: jax.Array, low: float, span: int) -> jax.Array:
    if span == 0:
        return jnp.zeros_like(place)
    apart = place - low
    apart = jnp.where(apart < 0, -apart, apart)
    extra = apart - jnp.floor(apart / (2 * span)) * (2 * span)
    back = 2 * span - extra
    return jnp.where(extra > back, back, extra) + low


def _sample(
    x: jax.Array, places: list[jax.Array], mode: str, padding: str, align: bool
) -> jax.Array:
    """Return the weighted sum of the elements around each place."""
    space = x.shape[:1:-1]
    if mode != "bicubic":
        places = [_moved_inside(p, n, padding, align) for p, n in zip(places, space, strict=True)]
    axes = [_taps(p, mode) for p in places]
    if mode == "bicubic":
        axes = [
            [(_moved_inside(at, n, padding, align), w) for at, w in taps]
            for taps, n in zip(axes, space, strict=True)
        ]
    flat = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))
    total = jnp.zeros((), x.dtype)
    # z outermost, as in PyTorch's order of adding.
    for taps in itertools.product(*reversed(axes)):
        total = total + _tap(flat, list(reversed(taps)), space)
    return total


def _taps(place: jax.Array, mode: str) -> list[tuple[jax.Array, jax.Array | None]]:
    """Return the coordinates of the elements around a place and their weights, on one axis."""
    if mode == "nearest":
        return [(jnp.round(place), None)]
    first = jnp.floor(place)
    after = place - first
    if mode == "bilinear":
        return [(first, 1 - after), (first + 1, after)]
    return [(first + (k - 1), w) for k, w in enumerate(cubic_weights(after))]


def _tap(
    flat: jax.Array, taps: list[tuple[jax.Array, jax.Array | None]], space: Sequence[int]
) -> jax.Array:
    """Return one element around each place, weighted; 0 for those outside."""
    shape = taps[0][0].shape
    index, inside, stride = jnp.zeros(shape, jnp.int32), jnp.ones(shape, bool), 1
    for (place, _), n in zip(taps, space, strict=True):
        at = lax.stop_gradient(place)
        inside = inside & (at >= 0) & (at <= n - 1)
        index = index + jnp.clip(at, 0, n - 1).astype(jnp.int32) * stride
        stride *= n
    picked = jax.vmap(lambda values, i: jnp.take(values, i, axis=1, mode="clip"))(flat, index)
    picked = jnp.where(inside[:, None], picked, jnp.zeros_like(picked))
    weights = [w for _, w in taps if w is not None]
    if not weights:
        return picked
    weight = math.prod(weights[1:], start=weights[0])
    if len(taps) == 3:  # PyTorch's volumes leave out what is outside, even where a weight is nan
        weight = jnp.where(inside, weight, jnp.zeros_like(weight))
    return picked * weight[:, None]


def affine_grid(
    theta: ArrayLike, size: Sequence[int], align_corners: bool | None = None
) -> jax.Array:
    r"""Return a grid of places for `grid_sample`, moved by affine maps.

    .. math:: y_{n,i} = \theta_n (g_i, 1)^T, \qquad g_{i,d} = \frac{2 i_d + 1}{m_d} - 1,
        \quad \text{with align_corners } \frac{2 i_d}{m_d - 1} - 1

    Args:
      theta: (N, 2, 3) or (N, 3, 4), of a floating dtype: a map of places (x, y, 1) or (x, y, z, 1).
      size: the size of the result of `grid_sample`, (N, C, H, W) or (N, C, D, H, W).
      align_corners: as of `grid_sample`; None is False, with a warning.

    Returns:
      (N, H, W, 2) or (N, D, H, W, 3), of theta's dtype.

    Raises:
      ValueError: shapes that do not fit, sizes that are not positive.
      TypeError: a dtype that PyTorch refuses, or arguments of a wrong type.

    With align_corners, an axis of one element is at 0, with a warning. float16 and bfloat16 are
    computed in float32 and rounded once.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import affine_grid
      >>> affine_grid(jnp.eye(2, 3)[None], (1, 1, 1, 2), align_corners=False)
      Array([[[[-0.5,  0. ],
               [ 0.5,  0. ]]]], dtype=float32)

    Reference: torch.nn.functional.affine_grid.
    """
    where = "affine_grid"
    matrices = array("theta", theta, where)
    align = _align(align_corners, where)
    check_dtype("theta", matrices, FLOATING, where)
    if not isinstance(size, tuple | list) or len(size) not in (4, 5):
        raise ValueError(f"{where}: size must have 4 or 5 numbers, got size={size!r}")
    sizes = tuple(integer(f"size[{i}]", n, where) for i, n in enumerate(size))
    dims = len(sizes) - 2
    if matrices.ndim != 3 or matrices.shape[1:] != (dims, dims + 1):
        raise ValueError(
            f"{where}: theta must have the shape (N, {dims}, {dims + 1}) for size={sizes}, "
            f"got theta.shape={matrices.shape}"
        )
    if matrices.shape[0] != sizes[0]:
        raise ValueError(
            f"{where}: theta must have as many maps as size has examples, "
            f"got theta.shape={matrices.shape} and size={sizes}"
        )
    if min(sizes) < 1:
        raise ValueError(f"{where}: size must be positive, got size={sizes}")
    if align and min(sizes[2:]) == 1:
        warnings.warn(
            f"{where}: with align_corners an axis of one element is at 0, got size={sizes}",
            UserWarning,
            stacklevel=2,
        )
    real = np.float64 if matrices.dtype == np.float64 else np.float32
    maps = jnp.expand_dims(matrices.astype(real), tuple(range(1, dims + 1)))
    total = maps[..., dims]
    for d in range(dims):  # x is the last axis of the space
        line = _line(sizes[-1 - d], align, real)
        total = total + maps[..., d] * line.reshape([-1] + [1] * (d + 1))
    return jnp.broadcast_to(total, (sizes[0], *sizes[2:], dims)).astype(matrices.dtype)


def _line(count: int, align: bool, real: type[np.floating]) -> np.ndarray:
    """Return the places of an axis's elements, from -1 to 1, rounded as torch.linspace does."""
    if count == 1:
        return np.zeros(1, real)
    step, i = np.float64(real(2) / real(count - 1)), np.arange(count)
    line = np.where(i < count // 2, step * i - 1, 1 - step * (count - 1 - i)).astype(real)
    return line if align else line * real(count - 1) / real(count)
