"""Distances of vectors, and their cosine, as torch.nn.functional has them."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from custom_vjp import functional as conventions

from ._arguments import array, boolean, is_inexact, number
from ._reduction import known, promoted


def cosine_similarity(x1: ArrayLike, x2: ArrayLike, dim: int = 1, eps: float = 1e-8) -> jax.Array:
    r"""Return the cosine of the angle between vectors: torch.nn.functional.cosine_similarity.

    .. math:: y = \frac{x_1 \cdot x_2}{\max(\|x_1\|, \epsilon) \max(\|x_2\|, \epsilon)}

    Args:
      x1, x2: arrays that broadcast, at least one of a floating dtype.
      dim: the dimension of the vectors, after broadcasting.
      eps: the least that is taken for a length.

    Returns:
      An array of the broadcast shape without dim, of the promoted dtype.

    Raises:
      ValueError: no such dimension; shapes that do not broadcast.
      TypeError: no floating array.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import cosine_similarity
      >>> cosine_similarity(jnp.array([[3.0, 4.0]]), jnp.array([[3.0, 0.0]]))
      Array([0.6], dtype=float32)

    Reference: torch.nn.functional.cosine_similarity.
    """
    (a, b), dtype = promoted("cosine_similarity", x1=x1, x2=x2)
    return conventions.cosine_similarity(a, b, dim, eps).astype(dtype)


def pairwise_distance(
    x1: ArrayLike, x2: ArrayLike, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> jax.Array:
    r"""Return the p-norms of the differences of vectors: torch.nn.functional.pairwise_distance.

    .. math:: y = \|x_1 - x_2 + \epsilon\|_p

    Args:
      x1, x2: arrays that broadcast, integer, floating or complex; the last dimension is that of the
        vectors.
      p: any real number.
      eps: what is added to each difference.
      keepdim: whether to keep the last dimension, with size 1.

    Returns:
      An array of the broadcast shape without its last dimension, of the promoted dtype; real for a
      complex one, float32 for integers.

    Raises:
      ValueError: shapes that do not broadcast.
      TypeError: a bool.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import pairwise_distance
      >>> pairwise_distance(jnp.array([[3.0, 4.0]]), jnp.zeros((1, 2)), eps=0.0)
      Array([5.], dtype=float32)

    Reference: torch.nn.functional.pairwise_distance.
    """
    where = "pairwise_distance"
    first, second = array("x1", x1, where), array("x2", x2, where)
    for name, x in (("x1", first), ("x2", second)):
        if x.dtype == bool:
            raise TypeError(f"{where}: {name} must not be bool, which has no difference")
    (a, b), dtype = promoted(where, x1=first, x2=second)
    if not is_inexact(dtype):
        dtype = jnp.dtype("float32")
    apart = (a - b).astype(jnp.promote_types(dtype, jnp.float32)) + number("eps", eps, where)
    y = conventions.vector_norm(apart, known("p", p, where), -1, boolean("keepdim", keepdim, where))
    return y.astype(jnp.finfo(dtype).dtype)
