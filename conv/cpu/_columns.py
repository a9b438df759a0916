"""Windows written out as columns (im2col), then one matrix product."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ._batch import image_by_image, product_for_each
from ._layout import Pairs, columns, pad_space
from ._limits import LIMITS
from ._steps import chunk_of


def by_columns(
    x: jax.Array,
    w: jax.Array,
    out: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> jax.Array:
    """Convolve (N, C, *space) with (O, C, *kernel), all images at once: a product for each."""
    n, o = x.shape[0], w.shape[0]
    flat = w.reshape(o, -1)
    patches = columns(pad_space(x, padding), w.shape[2:], out, stride, dilation)
    return product_for_each(flat, patches.reshape(n, flat.shape[1], -1)).reshape(n, o, *out)


def by_columns_in_steps(
    x: jax.Array,
    w: jax.Array,
    out: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> jax.Array:
    """Do the same in a loop, with one product for the images of a step.

    Their columns stay in the cache, and small images share what a product reads of the kernel. With
    a small kernel there is little to share, and one image a step leaves nothing to transpose.
    """
    n, o = x.shape[0], w.shape[0]
    flat = w.reshape(o, -1)
    size = flat.shape[1] * math.prod(out) * jnp.dtype(x.dtype).itemsize
    large = flat.size >= LIMITS.shared_weights
    images = chunk_of(n, size, LIMITS.chunk_bytes) if large else 1

    def step(some: jax.Array) -> jax.Array:
        padded = pad_space(some.swapaxes(0, 1), padding)
        patches = columns(padded, w.shape[2:], out, stride, dilation, axis=1)
        product = flat @ patches.reshape(flat.shape[1], -1)
        return product.reshape(o, images, *out).swapaxes(0, 1)

    return image_by_image(step, x, images)
