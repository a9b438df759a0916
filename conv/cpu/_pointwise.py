"""1 x 1 convolutions and others that are one matrix product: no windows overlap."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from ._batch import product_for_all, product_for_each
from ._layout import at_tap
from ._limits import LIMITS


def pointwise(x: jax.Array, w: jax.Array, groups: int = 1) -> jax.Array:
    """Mix the channels of (N, C, *space) by w (O, C / groups, and any axes of one element)."""
    n, c, *space = x.shape
    o, per_group = w.shape[:2]
    length = math.prod(space)
    flat = w.reshape(o, per_group)
    if groups > 1:
        kernels = jnp.broadcast_to(
            w.reshape(1, groups, o // groups, per_group), (n, groups, o // groups, per_group)
        )
        y = jnp.matmul(kernels, x.reshape(n, groups, per_group, length))
    elif length >= LIMITS.pointwise_long or (n == 1 and length >= LIMITS.pointwise_short):
        y = product_for_each(flat, x.reshape(n, c, length))
    elif length < LIMITS.pointwise_short:
        rows = x.reshape(n, c, length).swapaxes(1, 2).reshape(n * length, c)
        # With the kernel's axes as they came: merging them first would copy a transposed one.
        y = lax.dot_general(rows, w, (((1,), (1,)), ((), ())))
        y = y.reshape(n, length, o).swapaxes(1, 2)
    else:
        y = product_for_all(flat, x.reshape(n, c, length))
    return y.reshape(n, o, *space)


def strided_pointwise(
    x: jax.Array, w: jax.Array, out: Sequence[int], stride: Sequence[int], groups: int = 1
) -> jax.Array:
    """Convolve with a kernel of one element: take the elements that it meets, then mix them."""
    picked = x if set(stride) == {1} else at_tap(x, (0,) * len(out), out, stride)
    return pointwise(picked, w, groups)


def patchify(x: jax.Array, w: jax.Array, out: Sequence[int]) -> jax.Array:
    """Convolve with stride = kernel, unpadded: windows tile the input and become channels."""
    n, c, *_ = x.shape
    kernel = w.shape[2:]
    tiled = at_tap(
        x, (0,) * len(out), [k * m for k, m in zip(kernel, out, strict=True)], (1,) * len(out)
    )
    split = tiled.reshape(n, c, *(m for pair in zip(out, kernel, strict=True) for m in pair))
    dims = len(out)
    order = [0, 1, *range(3, 2 + 2 * dims, 2), *range(2, 2 + 2 * dims, 2)]
    patches = split.transpose(order).reshape(n, c * math.prod(kernel), *out)
    return pointwise(patches, w.reshape(w.shape[0], -1))
