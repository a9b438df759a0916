"""Going through a batch in chunks, so that temporary arrays stay in the cache and below a limit."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def over_batch(
    step: Callable[[jax.Array, jax.Array], jax.Array], x: jax.Array, g: jax.Array, chunk: int
) -> jax.Array:
    """Add step(x, g) up over the batch, `chunk` images at a time."""
    n = x.shape[0]
    if chunk == n:
        return step(x, g)
    # Slices of arrays from outside: a scan over them would copy both first.
    shapes = [jax.ShapeDtypeStruct((chunk, *a.shape[1:]), a.dtype) for a in (x, g)]
    total = jax.eval_shape(step, *shapes)

    def add(k: jax.Array, total: jax.Array) -> jax.Array:
        some = (lax.dynamic_slice_in_dim(a, k * chunk, chunk) for a in (x, g))
        return total + step(*some)

    return lax.fori_loop(0, n // chunk, add, jnp.zeros(total.shape, total.dtype))


def image_by_image(
    step: Callable[[jax.Array], jax.Array], x: jax.Array, images: int = 1
) -> jax.Array:
    """Compute step(x[k:k+images]) for one k after the other, and put the results together."""
    n = x.shape[0]
    if images == n:
        return step(x)
    some = partial(lax.dynamic_slice_in_dim, x, slice_size=images)
    results: jax.Array = lax.map(lambda k: step(some(k)), jnp.arange(0, n, images))
    return results.reshape(n, *results.shape[2:])


def product_for_each(w: jax.Array, x: jax.Array, precision: Any = None) -> jax.Array:
    """Multiply w (O, C) by each image of x (N, C, L): (N, O, L).

    A shared factor must be spelled out for each image to become one batched product.
    """
    return jnp.matmul(jnp.broadcast_to(w, (x.shape[0], *w.shape)), x, precision=precision)


def product_for_all(w: jax.Array, x: jax.Array) -> jax.Array:
    """Do the same in one product, with the images side by side: two transposes."""
    n, c, length = x.shape
    return (w @ x.swapaxes(0, 1).reshape(c, -1)).reshape(-1, n, length).swapaxes(0, 1)


def part_of(x: jax.Array, image: jax.Array, images: int, part: jax.Array, parts: int) -> jax.Array:
    """Slice `images` images and one of `parts` parts of the channels from (N, C, ...)."""
    channels = x.shape[1] // parts
    starts = (image, part * channels, *[jnp.zeros_like(part)] * (x.ndim - 2))
    return lax.dynamic_slice(x, starts, (images, channels, *x.shape[2:]))


def by_parts(
    step: Callable[[jax.Array, jax.Array], jax.Array],
    x: jax.Array,
    shape: Sequence[int],
    images: int,
    parts: int,
) -> jax.Array:
    """Compute an array of `shape`, some images and one part of the channels after the other.

    `step(part, some)` returns that part of the result from that part of x (N, C, ...).
    """

    def add(k: jax.Array, y: jax.Array) -> jax.Array:
        image, part = k // parts * images, k % parts
        found = step(part, part_of(x, image, images, part, parts))
        starts = (image, part * found.shape[1], *[jnp.zeros_like(part)] * (found.ndim - 2))
        return lax.dynamic_update_slice(y, found, starts)

    return lax.fori_loop(0, shape[0] // images * parts, add, jnp.zeros(shape, x.dtype))


def times_columns(kernels: jax.Array, part: jax.Array, patches: jax.Array) -> jax.Array:
    """Multiply a part's kernels by its columns, group by group.

    (parts, groups, O, rows) and columns of groups * rows * positions elements to
    (groups, O, positions).
    """
    _, groups, _, rows = kernels.shape
    columns = patches.reshape(groups, rows, -1)
    kernel = lax.dynamic_index_in_dim(kernels, part, keepdims=False)
    return lax.dot_general(kernel, columns, (((2,), (1,)), ((0,), (0,))))


def divisor(n: int, most: int) -> int:
    """Return the largest divisor of n up to `most`, 0 where that is below one."""
    return max((d for d in range(1, min(n, most) + 1) if n % d == 0), default=0)


def chunk_of(n: int, size: int, most: int) -> int:
    """Return how many of n images, a divisor of n, stay below `most` bytes."""
    return max(1, divisor(n, most // size))
