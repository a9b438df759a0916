"""Grouped convolutions by columns whose innermost axis is the batch.

Slices at a stride, and slices of short rows, then copy runs of as many elements as there are
images, and the product of a group's kernel and columns is long however small an image is. Going
there and back are transposes of matrices, (images, the rest), which XLA does block by block.
"""

import jax
import jax.numpy as jnp
from jax import lax

from ._layout import columns, pad_space
from ._problem import Problem
from ._steps import innermost_step


def by_groups(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve some images and some groups after the other, in a loop: (N, O, *out)."""
    n, o = p.batch, p.out_channels
    per_group, out_per_group = p.per_group
    images, together = innermost_step(p)
    rows, steps = per_group * p.taps, p.groups // together
    flat = x.reshape(n, -1)
    kernels = w.reshape(steps, together, out_per_group, rows)
    read, written = flat.shape[1] // steps, o * p.length // steps

    def add(k: jax.Array, y: jax.Array) -> jax.Array:
        image, part = k // steps * images, k % steps
        some = lax.dynamic_slice(flat, (image, part * read), (images, read))
        data = pad_space(some.T.reshape(-1, 1, *p.space, images), [*p.padding, (0, 0)])
        window = ((*p.kernel, 1), (*p.out, images), (*p.stride, 1), (*p.dilation, 1))
        patches = columns(data, *window, axis=1).reshape(together, rows, -1)
        kernel_part = lax.dynamic_index_in_dim(kernels, part, keepdims=False)
        product = lax.dot_general(kernel_part, patches, (((2,), (1,)), ((0,), (0,))))
        return lax.dynamic_update_slice(
            y, product.reshape(written, images).T, (image, part * written)
        )

    start = jnp.zeros((n, written * steps), x.dtype)
    return lax.fori_loop(0, n // images * steps, add, start).reshape(n, o, *p.out)
