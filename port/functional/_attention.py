"""Attention as torch.nn.functional has it."""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ._arguments import (
    array,
    boolean,
    floating,
    number,
    probability,
    random_key,
    wide,
)
from ._dropout import dropout


def _per_query_head(x: jax.Array, name: str, heads: int, where: str) -> jax.Array:
    """Repeat each head, next to itself, until there are as many as of the query."""
    own = x.shape[-3]
    if own == 0 or heads % own:
        raise ValueError(
            f"{where}: with enable_gqa the heads of {name} must divide those of query, "
            f"got {name}.shape={x.shape} for {heads} heads of query"
        )
    return jnp.repeat(x, heads // own, axis=-3)


def _check_shapes(where: str, q: jax.Array, k: jax.Array, v: jax.Array) -> tuple[int, ...]:
    """Return the shape of the scores, (..., L, S)."""
    shapes = f"query.shape={q.shape}, key.shape={k.shape} and value.shape={v.shape}"
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError(
            f"{where}: query must be (..., L, E), key (..., S, E) and value (..., S, V), "
            f"got {shapes}"
        )
    try:
        lead = jnp.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    except ValueError:
        raise ValueError(
            f"{where}: all but the last two dimensions must broadcast, got {shapes}"
        ) from None
    return (*lead, q.shape[-2], k.shape[-2])


def _added(
    where: str, attn_mask: ArrayLike | None, is_causal: bool, q: jax.Array, scores: tuple[int, ...]
) -> jax.Array | None:
    """Return what is added to the scores: numbers, or -inf where the mask is not set."""
    rows, columns = scores[-2:]
    if is_causal:
        if attn_mask is not None:
            raise ValueError(f"{where}: attn_mask must be None with is_causal=True")
        mask = jnp.arange(columns) <= jnp.arange(rows)[:, None]
    elif attn_mask is None:
        return None
    else:
        mask = array("attn_mask", attn_mask, where)
        if mask.dtype.name not in ("bool", "float32", q.dtype.name):
            raise TypeError(
                f"{where}: attn_mask must be bool, float32 or of query's dtype, "
                f"got attn_mask.dtype={mask.dtype.name} and query.dtype={q.dtype.name}"
            )
        try:
            fits = mask.ndim > 1 and jnp.broadcast_shapes(mask.shape, scores) == scores
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"{where}: attn_mask must have two dimensions or more and broadcast to the "
                f"scores, {scores}, got attn_mask.shape={mask.shape}"
            )
    return jnp.where(mask, 0.0, -jnp.inf) if mask.dtype == bool else mask


def scaled_dot_product_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    attn_mask: ArrayLike | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    rng: jax.Array | None = None,
) -> jax.Array:
    r"""Weight values by how well keys fit queries: scaled_dot_product_attention of torch.

    .. math:: Y = \mathrm{dropout}(\mathrm{softmax}(s\,Q K^T + M))\,V

    Args:
      query: Q, (..., L, E), floating.
      key: K, (..., S, E), of query's dtype.
      value: V, (..., S, Ev), of query's dtype.
      attn_mask: M, which broadcasts to (..., L, S): added, or as a bool array True where a key
        takes part; or None.
      dropout_p: the probability of a weight to be dropped. There is no other switch: in evaluation
        it must be 0.
      is_causal: whether query i sees the keys up to i only, also where L is not S.
      scale: s; None is 1 / sqrt(E).
      enable_gqa: whether key and value, (..., H, S, E), may have fewer heads than query, of which
        each serves several heads of query next to each other.
      rng: the JAX key that dropped weights are drawn from.

    Returns:
      (..., L, Ev), of query's dtype. A query that sees no key gets 0, and gives no gradient.

    Raises:
      ValueError: shapes that do not fit; attn_mask with is_causal; dropout_p outside of [0, 1], or
        above 0 without rng.
      TypeError: a dtype that is not floating, or mixed ones.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import scaled_dot_product_attention
      >>> q, k, v = jnp.zeros((1, 4)), jnp.ones((2, 4)), jnp.array([[1.0], [3.0]])
      >>> scaled_dot_product_attention(q, k, v)
      Array([[2.]], dtype=float32)
      >>> scaled_dot_product_attention(q, k, v, jnp.array([[False, True]]))
      Array([[3.]], dtype=float32)

    Reference: torch.nn.functional.scaled_dot_product_attention.
    """
    where = "scaled_dot_product_attention"
    q, k = floating("query", query, where), array("key", key, where)
    v = array("value", value, where)
    if not q.dtype == k.dtype == v.dtype:
        raise TypeError(
            f"{where}: query, key and value must have the same dtype, got query.dtype="
            f"{q.dtype.name}, key.dtype={k.dtype.name} and value.dtype={v.dtype.name}"
        )
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise ValueError(
            f"{where}: query, key and value must have at least two dimensions, "
            f"got query.shape={q.shape}, key.shape={k.shape} and value.shape={v.shape}"
        )
    if boolean("enable_gqa", enable_gqa, where):
        if min(q.ndim, k.ndim, v.ndim) < 3:
            raise ValueError(
                f"{where}: with enable_gqa query, key and value must be (..., H, L, E), "
                f"got query.shape={q.shape}, key.shape={k.shape} and value.shape={v.shape}"
            )
        k = _per_query_head(k, "key", q.shape[-3], where)
        v = _per_query_head(v, "value", q.shape[-3], where)
    shape = _check_shapes(where, q, k, v)
    causal = boolean("is_causal", is_causal, where)
    added = _added(where, attn_mask, causal, q, shape)
    dropped = probability(dropout_p, where, "dropout_p")
    drawn_from = random_key(rng, where) if dropped > 0 else None
    factor = 1 / math.sqrt(q.shape[-1] or 1) if scale is None else number("scale", scale, where)

    weights = _safe_softmax(jnp.matmul(wide(q), wide(k).mT) * factor, added)
    if drawn_from is not None:
        weights = dropout(weights, dropped, rng=drawn_from)
    return jnp.matmul(weights, wide(v)).astype(q.dtype)


def _safe_softmax(scores: jax.Array, added: jax.Array | None) -> jax.Array:
    """Return the softmax over the last dimension, and 0 where all of it is -inf."""
    if scores.shape[-1] == 0:
        return scores
    if added is None:
        return jax.nn.softmax(scores, axis=-1)
    scores = scores + wide(added).astype(scores.dtype)
    nothing = (scores == -jnp.inf).all(-1, keepdims=True)
    return jnp.where(nothing, 0, jax.nn.softmax(jnp.where(nothing, 0, scores), axis=-1))
