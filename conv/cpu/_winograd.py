"""Winograd's F(2x2, 3x3): 16 products instead of 36 for four outputs of a 3 x 3 convolution.

Y = A' [ (G w G') * (B' x B) ] A for each tile of 4 x 4 inputs and 2 x 2 outputs (Lavin and Gray,
2015). The larger F(4x4) is not here: its error is ten times as large, and it was not faster.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._layout import Pairs, channels_first, channels_last, total

INPUT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
KERNEL = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
OUTPUT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])


def _combine(matrix: np.ndarray, k: int, m: int, parts: list[list[jax.Array]]) -> jax.Array:
    """Element (k, m) of matrix @ parts @ matrix': sums and differences of arrays."""
    terms = []
    for i, j in np.argwhere(np.outer(matrix[k], matrix[m])):
        terms.append(parts[i][j] if matrix[k, i] * matrix[m, j] > 0 else -parts[i][j])
    return total(terms)


def winograd(x: jax.Array, w: jax.Array, out: Sequence[int], padding: Pairs) -> jax.Array:
    """Convolve (N, C, H, W) with (O, C, 3, 3), stride and dilation 1."""
    n, c = x.shape[:2]
    o = w.shape[0]
    tall, wide = (-(-m // 2) for m in out)
    room = [
        (low, 2 * tiles + 2 - size - low)
        for (low, _), tiles, size in zip(padding, (tall, wide), x.shape[2:], strict=True)
    ]
    padded = jnp.pad(channels_last(x), ((0, 0), *room, (0, 0)))
    tiles = [
        [padded[:, i : i + 2 * tall - 1 : 2, j : j + 2 * wide - 1 : 2] for j in range(4)]
        for i in range(4)
    ]
    spectrum = jnp.stack(
        [jnp.stack([_combine(INPUT, k, m, tiles) for m in range(4)]) for k in range(4)]
    ).reshape(16, n * tall * wide, c)
    transform = jnp.asarray(np.kron(KERNEL, KERNEL), x.dtype)
    kernels = lax.dot_general(transform, w.reshape(o * c, 9), (((1,), (1,)), ((), ())))
    products = lax.dot_general(
        spectrum, kernels.reshape(16, o, c), (((2,), (2,)), ((0,), (0,)))
    ).reshape(4, 4, n, tall, wide, o)
    parts = [[products[i, j] for j in range(4)] for i in range(4)]
    quads = jnp.stack(
        [jnp.stack([_combine(OUTPUT, k, m, parts) for m in range(2)], 3) for k in range(2)], 2
    )
    y = quads.reshape(n, 2 * tall, 2 * wide, o)[:, : out[0], : out[1]]
    return channels_first(y)
