"""Grouped convolutions by columns whose innermost axis is the batch.

Slices at a stride, and slices of short rows, then copy runs of as many elements as there are
images, and the product of a group's kernel and columns is long however small an image is. Going
there and back are transposes of matrices, (images, the rest), which XLA does block by block.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from ._layout import Pairs, columns, pad_space


def by_groups(
    x: jax.Array,
    w: jax.Array,
    out: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
    step: tuple[int, int],
) -> jax.Array:
    """Convolve (N, C, *space) with (O, C / groups, *kernel) in a loop.

    A `step` has so many images, and groups.
    """
    n, c, *space = x.shape
    o, per_group, *kernel = w.shape
    groups = c // per_group
    images, together = step
    rows, steps = per_group * math.prod(kernel), groups // together
    flat = x.reshape(n, -1)
    kernels = w.reshape(steps, together, o // groups, rows)
    read, written = flat.shape[1] // steps, o * math.prod(out) // steps

    def add(k: jax.Array, y: jax.Array) -> jax.Array:
        image, part = k // steps * images, k % steps
        some = lax.dynamic_slice(flat, (image, part * read), (images, read))
        data = pad_space(some.T.reshape(-1, 1, *space, images), [*padding, (0, 0)])
        patches = columns(
            data, (*kernel, 1), (*out, images), (*stride, 1), (*dilation, 1), axis=1
        ).reshape(together, rows, -1)
        kernel_part = lax.dynamic_index_in_dim(kernels, part, keepdims=False)
        product = lax.dot_general(kernel_part, patches, (((2,), (1,)), ((0,), (0,))))
        return lax.dynamic_update_slice(
            y, product.reshape(written, images).T, (image, part * written)
        )

    start = jnp.zeros((n, written * steps), x.dtype)
    return lax.fori_loop(0, n // images * steps, add, start).reshape(n, o, *out)
