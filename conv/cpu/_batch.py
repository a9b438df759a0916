"""Going through a batch in chunks, so that temporary arrays stay in the cache and below a limit."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax


def chunk_of(n: int, size: int, most: int) -> int:
    """Return how many images, a power of two that divides n, stay below `most` bytes."""
    chunk = 1
    while n % (2 * chunk) == 0 and size * chunk * 2 <= most:
        chunk *= 2
    return chunk


def over_batch(
    step: Callable[[jax.Array, jax.Array], jax.Array], x: jax.Array, g: jax.Array, chunk: int
) -> jax.Array:
    """Add step(x, g) up over the batch, `chunk` images at a time."""
    n = x.shape[0]
    if chunk == n:
        return step(x, g)
    cut = [a.reshape(n // chunk, chunk, *a.shape[1:]) for a in (x, g)]
    start = jax.eval_shape(step, *(jax.ShapeDtypeStruct(a.shape[1:], a.dtype) for a in cut))
    zero = jnp.zeros(start.shape, start.dtype)
    return lax.scan(lambda acc, both: (acc + step(*both), None), zero, tuple(cut))[0]
