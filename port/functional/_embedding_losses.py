"""Losses of distances between vectors: cosine_embedding_loss and the triplet losses."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from custom_vjp import functional as conventions

from ._arguments import array, boolean, is_traced, number
from ._distance import pairwise_distance
from ._reduction import EPSILON, promoted, reduced, reduction_of

Distance = Callable[[jax.Array, jax.Array], jax.Array]


def cosine_embedding_loss(
    input1: ArrayLike,
    input2: ArrayLike,
    target: ArrayLike,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> jax.Array:
    r"""Return a loss that turns vectors together, or apart.

    .. math:: l = 1 - c \text{ for } t = 1, \quad \max(c - m, 0) \text{ for } t = -1, \qquad
        c = \frac{x_1 \cdot x_2}{\sqrt{(\|x_1\|^2 + \epsilon)(\|x_2\|^2 + \epsilon)}}

    and 0 for other targets; epsilon is 1e-12.

    Args:
      input1, input2: (N, D), or (D); they broadcast, of any real dtypes.
      target: (N), or (): 1 or -1.
      margin: m, from -1 to 1.
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      reduction: 'none', 'mean' or 'sum'.

    Returns:
      A scalar of the inputs' promoted dtype, float32 for integers; with 'none' (N), or ().

    Raises:
      ValueError: shapes that do not fit, another reduction.
      TypeError: no arrays.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import cosine_embedding_loss
      >>> x = jnp.array([[1.0, 0.0], [0.0, 2.0]])
      >>> cosine_embedding_loss(x, x, jnp.array([1, -1]), margin=0.5, reduction="none")
      Array([0. , 0.5], dtype=float32)

    Reference: torch.nn.functional.cosine_embedding_loss.
    """
    where = "cosine_embedding_loss"
    kind = reduction_of(where, reduction, size_average, reduce)
    t = array("target", target, where)
    first, second = array("input1", input1, where), array("input2", input2, where)
    if t.ndim > 1 or any(x.ndim != t.ndim + 1 for x in (first, second)):
        raise ValueError(
            f"{where}: target must have one dimension and the inputs two, or none and one, got "
            f"input1.shape={first.shape}, input2.shape={second.shape}, target.shape={t.shape}"
        )
    (a, b), dtype = promoted(where, as_floats=True, input1=first, input2=second)
    lengths = ((a * a).sum(-1) + EPSILON) * ((b * b).sum(-1) + EPSILON)
    cosine = (a * b).sum(-1) / jnp.sqrt(lengths)
    apart = conventions.clamp(cosine - number("margin", margin, where), min=0)
    zero = jnp.zeros_like(cosine)
    loss = jnp.where(t == 1, 1 - cosine, zero) + jnp.where(t == -1, apart, zero)
    return reduced(loss, kind, dtype)


def triplet_margin_loss(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> jax.Array:
    r"""Return a loss that puts an anchor nearer to one vector than to another.

    .. math:: l = \max(d(a, p) - d(a, n) + m,\, 0), \qquad d(x, y) = \|x - y + \epsilon\|_p

    Args:
      anchor, positive, negative: a, p and n: arrays of the same number of dimensions that
        broadcast; the last dimension is that of the vectors.
      margin: m, positive.
      p, eps: of the distance, `pairwise_distance`.
      swap: whether d(p, n) is taken for d(a, n) where it is smaller.
      size_average, reduce: deprecated; they take the place of reduction where they are given.
      reduction: 'none', 'mean' or 'sum'.

    Returns:
      A scalar; with 'none' an array of the broadcast shape without its last dimension.

    Raises:
      ValueError: shapes that do not fit, another reduction, a margin that is not positive.
      TypeError: a dtype that PyTorch refuses.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import triplet_margin_loss
      >>> a, p, n = jnp.array([[0.0]]), jnp.array([[1.0]]), jnp.array([[-1.5]])
      >>> triplet_margin_loss(a, p, n, eps=0.0)
      Array(0.5, dtype=float32)

    Reference: torch.nn.functional.triplet_margin_loss.
    """
    where = "triplet_margin_loss"
    kind = reduction_of(where, reduction, size_average, reduce)

    def distance(x: jax.Array, y: jax.Array) -> jax.Array:
        return pairwise_distance(x, y, p, eps)

    closer = boolean("swap", swap, where)
    return _triplet(where, (anchor, positive, negative), distance, margin, closer, kind)


def triplet_margin_with_distance_loss(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    *,
    distance_function: Distance | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> jax.Array:
    """Return `triplet_margin_loss` with a distance of one's own.

    Args:
      anchor, positive, negative, margin, swap, reduction: as of `triplet_margin_loss`.
      distance_function: of two arrays; None for `pairwise_distance`.

    Returns:
      A scalar; with 'none' an array of the shape that the distances have.

    Raises:
      ValueError: shapes that do not fit, another reduction, a margin that is not positive.
      TypeError: a dtype that PyTorch refuses.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import triplet_margin_with_distance_loss
      >>> a, p, n = jnp.array([[0.0]]), jnp.array([[1.0]]), jnp.array([[-1.5]])
      >>> distance = lambda x, y: jnp.abs(x - y).max(-1)
      >>> triplet_margin_with_distance_loss(a, p, n, distance_function=distance)
      Array(0.5, dtype=float32)

    Reference: torch.nn.functional.triplet_margin_with_distance_loss.
    """
    where = "triplet_margin_with_distance_loss"
    kind = reduction_of(where, reduction, also=())
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(where, (anchor, positive, negative), distance, margin, bool(swap), kind)


def _triplet(
    where: str,
    vectors: tuple[ArrayLike, ArrayLike, ArrayLike],
    distance: Distance,
    margin: float,
    swap: bool,
    reduction: str,
) -> jax.Array:
    names = ("anchor", "positive", "negative")
    a, p, n = (array(name, x, where) for name, x in zip(names, vectors, strict=True))
    m = number("margin", margin, where)
    if not is_traced(m) and m <= 0:
        raise ValueError(f"{where}: margin must be positive, got {margin=}")
    if not a.ndim == p.ndim == n.ndim:
        raise ValueError(
            f"{where}: anchor, positive and negative must have equally many dimensions, got "
            f"anchor.shape={a.shape}, positive.shape={p.shape}, negative.shape={n.shape}"
        )
    near, far = distance(a, p), distance(a, n)
    if swap:
        far = conventions.minimum(far, distance(p, n))
    loss = conventions.clamp(m + near - far, min=0)
    return reduced(loss, reduction, loss.dtype)
