"""Windows written out as columns (im2col), then one matrix product."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from ._layout import Pairs, columns, pad_space


def by_columns(
    x: jax.Array,
    w: jax.Array,
    out: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
    one_by_one: bool,
) -> jax.Array:
    """Convolve (N, C, *space) with (O, C, *kernel).

    `one_by_one` goes through the batch in a loop, so that the columns of one image stay in the
    cache and the temporary memory stays small.
    """
    n, o = x.shape[0], w.shape[0]
    kernel = w.shape[2:]
    flat = w.reshape(o, -1)
    rows, length = flat.shape[1], math.prod(out)

    def image(one: jax.Array) -> jax.Array:
        padded = pad_space(one[None], padding)
        return flat @ columns(padded, kernel, out, stride, dilation).reshape(rows, length)

    if one_by_one:
        y = lax.map(image, x)
    else:
        patches = columns(pad_space(x, padding), kernel, out, stride, dilation)
        shared = jnp.broadcast_to(flat, (n, *flat.shape))
        y = jnp.matmul(shared, patches.reshape(n, rows, length))
    return y.reshape(n, o, *out)
