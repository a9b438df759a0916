"""Distances of all pairs of vectors: torch.cdist and torch.pdist."""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from custom_vjp import functional as conventions
from custom_vjp.functional._rules import divide, keep

from ._arguments import FLOATING, array, check_dtype, check_same_dtype
from ._reduction import known

Pair = tuple[jax.Array, jax.Array]

EXACT = ("float32", "float64")
PRODUCTS = 25  # more vectors than these are multiplied, as in PyTorch
# aten.cdist has their numbers.
MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)


@jax.custom_jvp
def _largest(apart: jax.Array) -> jax.Array:
    return jnp.abs(apart).max(-1)


@_largest.defjvp
def _largest_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> Pair:
    """Of several that are the largest, each gets the whole gradient, not a share of it."""
    (apart,), (t,) = primals, tangents
    y = _largest(apart)
    mask = (jnp.abs(apart) == y[..., None]) | jnp.isnan(apart)
    return y, keep(mask, jnp.sign(apart) * t).sum(-1)


@partial(jax.jit, static_argnames=("p",), inline=True)
def _by_differences(a: jax.Array, b: jax.Array, p: float) -> jax.Array:
    """Return (..., P, R) for (..., P, M) and (..., R, M)."""
    apart = a[..., :, None, :] - b[..., None, :, :]
    if apart.shape[-1] == 0:
        return apart.sum(-1)
    if p == math.inf:
        return _largest(apart)
    if p == 0:
        lost = jnp.isnan(apart).any(-1)
        count = conventions.vector_norm(apart, 0, -1)
        return jnp.where(lost, jnp.full_like(count, jnp.nan), count)
    return conventions.vector_norm(apart, p, -1)


def _products(a: jax.Array, b: jax.Array) -> jax.Array:
    # What is left of large numbers: not in the fewer bits that an accelerator multiplies in.
    return jnp.matmul(a, b.mT, precision=lax.Precision.HIGHEST)


@jax.custom_jvp
def _euclidean(a: jax.Array, b: jax.Array) -> jax.Array:
    """Return the roots of |a|^2 + |b|^2 - 2 a b, in one product as in PyTorch."""
    one_a, one_b = jnp.ones_like(a[..., :1]), jnp.ones_like(b[..., :1])
    size_a, size_b = ((x * x).sum(-1, keepdims=True) for x in (a, b))
    left = jnp.concatenate([-2 * a, size_a, one_a], -1)
    right = jnp.concatenate([b, one_b, size_b], -1)
    return jnp.sqrt(jnp.maximum(_products(left, right), 0))


@_euclidean.defjvp
def _euclidean_jvp(primals: Pair, tangents: Pair) -> Pair:
    (a, b), (s, t) = primals, tangents
    y = _euclidean(a, b)
    along_a, along_b = (a * s).sum(-1)[..., :, None], (b * t).sum(-1)[..., None, :]
    return y, divide(along_a + along_b - _products(a, t) - _products(s, b), y)


_by_products = jax.jit(_euclidean, inline=True)


def _power(p: float, where: str) -> float:
    power = known("p", p, where)
    if not power >= 0:
        raise ValueError(f"{where}: p must not be negative or nan, got p={p}")
    return power


def cdist(
    x1: ArrayLike,
    x2: ArrayLike,
    p: float = 2.0,
    compute_mode: str = "use_mm_for_euclid_dist_if_necessary",
) -> jax.Array:
    r"""Return the distance of every vector of one set from every one of another: torch.cdist.

    .. math:: y_{ij} = \|a_i - b_j\|_p, \qquad
        y'_{a_i} = \mathrm{sgn}(a_i - b_j) (|a_i - b_j| / y_{ij})^{p-1}, \quad 0 \text{ for } y = 0

    Args:
      x1: (..., P, M), P vectors a. A floating dtype; float32 or float64 unless they are multiplied.
      x2: (..., R, M), R vectors b, of the same dtype. Batches broadcast.
      p: any number that is not negative. 0 counts what differs, inf is the largest difference.
      compute_mode: for p = 2, whether the distances are computed from a product of matrices, fast
        and less exact where vectors are near each other: 'use_mm_for_euclid_dist',
        'donot_use_mm_for_euclid_dist', or 'use_mm_for_euclid_dist_if_necessary': with more than 25
        vectors in a set.

    Returns:
      (..., P, R), of the same dtype.

    Raises:
      ValueError: less than two dimensions, another M, batches that do not broadcast; a negative p;
        another compute_mode.
      TypeError: a dtype that PyTorch refuses, or different ones; p is no number.

    Where several differences are the largest, with p = inf, each gets the whole gradient, in
    `vector_norm` and `pairwise_distance` a share. PyTorch has no second derivatives and no forward
    mode where it does not multiply, and with p = inf may lose a nan.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from port.functional import cdist
      >>> a, b = jnp.array([[0.0, 0.0], [3.0, 0.0]]), jnp.array([[3.0, 4.0], [0.0, 0.0]])
      >>> cdist(a, b)
      Array([[5., 0.],
             [4., 3.]], dtype=float32)
      >>> jax.grad(lambda a: cdist(a, b)[0, 1])(a)[0]  # the two coincide
      Array([0., 0.], dtype=float32)

    Reference: torch.cdist.
    """
    where = "cdist"
    if compute_mode not in MODES:
        raise ValueError(
            f"{where}: compute_mode must be one of {', '.join(MODES)}, got {compute_mode=}"
        )
    a, b = array("x1", x1, where), array("x2", x2, where)
    power = _power(p, where)
    for name, x in (("x1", a), ("x2", b)):
        if x.ndim < 2:
            raise ValueError(
                f"{where}: {name} must have two dimensions or more, got {name}.shape={x.shape}"
            )
        check_dtype(name, x, FLOATING, where)
    check_same_dtype("x1", a, where, x2=b)
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(
            f"{where}: x1 and x2 must have vectors of one length, got x1.shape={a.shape} and "
            f"x2.shape={b.shape}"
        )
    try:
        batch = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ValueError(
            f"{where}: x1 and x2 must have batches that broadcast, got x1.shape={a.shape} and "
            f"x2.shape={b.shape}"
        ) from None
    many = max(a.shape[-2], b.shape[-2]) > PRODUCTS and compute_mode == MODES[0]
    if power == 2 and (many or compute_mode == MODES[1]):
        return _by_products(*(jnp.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b)))
    if a.size and b.size:
        check_dtype("x1", a, EXACT, where)
    return _by_differences(a, b, power)


def pdist(input: ArrayLike, p: float = 2.0) -> jax.Array:
    r"""Return the distance of every pair of vectors of a set: torch.nn.functional.pdist.

    .. math:: y = (\|x_i - x_j\|_p)_{i < j}

    in the order (0, 1), (0, 2), ..., (1, 2), ...: the upper triangle of `cdist(input, input, p)`,
    always from the differences.

    Args:
      input: (N, M), N vectors. float32 or float64.
      p: any number that is not negative, as in `cdist`.

    Returns:
      (N (N - 1) / 2,), of input's dtype.

    Raises:
      ValueError: not two dimensions; a negative p.
      TypeError: a dtype that PyTorch refuses; p is no number.

    PyTorch has no second derivatives and no forward mode of it.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import pdist
      >>> pdist(jnp.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
      Array([5.       , 1.       , 4.2426405], dtype=float32)

    Reference: torch.nn.functional.pdist.
    """
    where = "pdist"
    x, power = array("input", input, where), _power(p, where)
    if x.ndim != 2:
        raise ValueError(f"{where}: input must have two dimensions, got input.shape={x.shape}")
    pairs = x.shape[0] * (x.shape[0] - 1) // 2
    check_dtype("input", x, EXACT if pairs * x.shape[1] else FLOATING, where)
    return _upper(_by_differences(x, x, power))


@partial(jax.jit, inline=True)
def _upper(square: jax.Array) -> jax.Array:
    """Return what stands above the diagonal, row after row."""
    n = square.shape[0]
    lengths = jnp.arange(n - 1, -1, -1)
    pairs = n * (n - 1) // 2
    rows = jnp.repeat(jnp.arange(n), lengths, total_repeat_length=pairs)
    ends = jnp.cumsum(lengths)
    columns = n - ends[rows] + jnp.arange(pairs)
    return square.at[rows, columns].get(unique_indices=True, mode="promise_in_bounds")
