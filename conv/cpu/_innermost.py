"""Grouped convolutions by columns whose innermost axis is the batch.

Slices at a stride, and slices of short rows, then copy runs of as many elements as there are
images, and the product of a group's kernel and columns is long however small an image is. Going
there and back are transposes of matrices, (images, the rest), which XLA does block by block.
"""

import jax

from ._batch import by_parts, times_columns
from ._layout import columns, pad_space
from ._problem import Problem
from ._steps import innermost_step


def by_groups(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve some images and some groups after the other, in a loop: (N, O, *out)."""
    n, o = p.batch, p.out_channels
    per_group, out_per_group = p.per_group
    images, together = innermost_step(p)
    parts = p.groups // together
    kernels = w.reshape(parts, together, out_per_group, per_group * p.taps)
    window = ((*p.kernel, 1), (*p.out, images), (*p.stride, 1), (*p.dilation, 1))

    def step(part: jax.Array, some: jax.Array) -> jax.Array:
        data = pad_space(some.T.reshape(-1, 1, *p.space, images), [*p.padding, (0, 0)])
        product = times_columns(kernels, part, columns(data, *window, axis=1))
        return product.reshape(-1, images).T

    return by_parts(step, x.reshape(n, -1), (n, o * p.length), images, parts).reshape(n, o, *p.out)
