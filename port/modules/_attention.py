"""MultiheadAttention: torch.nn's, as a flax.nnx module."""

import math
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import ArrayLike, DTypeLike

from .. import functional
from ..functional._arguments import array, boolean, integer, is_floating, probability
from ._base import Chance, Randomness, drawn, parameter_dtype
from ._linear import Linear


class MultiheadAttention(Chance):
    r"""Attention of several heads, with projections: torch.nn.MultiheadAttention as an nnx module.

    .. math:: y = [h_1, \ldots, h_H]\,W_o^T + b_o, \qquad
        h_i = \mathrm{softmax}\left(Q_i K_i^T / \sqrt{E / H} + M\right) V_i

    with Q, K and V the projections of query, key and value, and Q_i the i-th part of Q's columns.

    Args:
      embed_dim: E, the size of the query's vectors and of the output's.
      num_heads: H, which divides E.
      dropout: the probability of a weight to be dropped in training. Default: 0.
      bias: whether the projections have biases. Default: True.
      add_bias_kv: whether one more key and value are learned. Default: False.
      add_zero_attn: whether one more key and value are 0. Default: False.
      kdim, vdim: sizes of the key's and the value's vectors. Default: None, which is E.
      batch_first: whether the batch is the first dimension, not the second. Default: False.
      dtype: dtype of the parameters. Default: float32.
      rngs: `nnx.Rngs`: its `params` stream gives the initial values, its `dropout` stream (or the
        default one) the weights that are dropped.

    Attributes:
      in_proj_weight: nnx.Param, (3 E, E): the projections of query, key and value below each other,
        drawn from U(-u, u) with u = sqrt(6 / (4 E)); None where kdim or vdim is not E.
      q_proj_weight, k_proj_weight, v_proj_weight: those three apart, then; otherwise None.
      in_proj_bias: nnx.Param, (3 E,), 0 at first; or None.
      out_proj: the `Linear` that makes the output; its bias is 0 at first.
      bias_k, bias_v: nnx.Param, (1, 1, E), normal at first; or None.

    Raises:
      ValueError: E is no multiple of H, or one of them not positive; otherwise, and
      TypeError: as torch.nn.MultiheadAttention.

    PyTorch's fast path in evaluation can give 0 where a query sees no key; this gives what its
    plain path does: nan with need_weights, and 0 without.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from port import MultiheadAttention
      >>> layer = MultiheadAttention(8, 2, batch_first=True, rngs=nnx.Rngs(0))
      >>> x = jnp.ones((5, 3, 8))
      >>> y, weights = layer(x, x, x)
      >>> y.shape, weights.shape
      ((5, 3, 8), (5, 3, 3))

    Reference: torch.nn.MultiheadAttention.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs,
    ) -> None:
        where = "MultiheadAttention"
        self.embed_dim = integer("embed_dim", embed_dim, where)
        self.num_heads = integer("num_heads", num_heads, where)
        if embed_dim < 1 or num_heads < 1 or embed_dim % num_heads:
            raise ValueError(
                f"{where}: embed_dim must be a positive multiple of num_heads, "
                f"got {embed_dim=} and {num_heads=}"
            )
        self.head_dim = embed_dim // num_heads
        self.dropout = probability(dropout, where)
        self.add_zero_attn, self.batch_first = add_zero_attn, batch_first
        self.kdim = embed_dim if kdim is None else integer("kdim", kdim, where)
        self.vdim = embed_dim if vdim is None else integer("vdim", vdim, where)
        self._set_chance(rngs)
        self._set_parameters(bias, add_bias_kv, parameter_dtype(dtype, where), rngs)

    def _set_parameters(
        self, bias: bool, add_bias_kv: bool, dtype: DTypeLike, rngs: nnx.Rngs
    ) -> None:
        size = self.embed_dim

        def glorot(rows: int, columns: int) -> nnx.Param:
            return drawn((rows, columns), math.sqrt(6 / (rows + columns)), dtype, rngs)

        packed = self.kdim == self.vdim == size
        none = nnx.data(None)
        self.in_proj_weight: Any = glorot(3 * size, size) if packed else none
        self.q_proj_weight: Any = none if packed else glorot(size, size)
        self.k_proj_weight: Any = none if packed else glorot(size, self.kdim)
        self.v_proj_weight: Any = none if packed else glorot(size, self.vdim)
        self.in_proj_bias: Any = nnx.Param(jnp.zeros(3 * size, dtype)) if bias else none
        self.out_proj = Linear(size, size, bias, dtype=dtype, rngs=rngs)
        if bias:
            self.out_proj.bias.set_value(jnp.zeros(size, dtype))
        self.bias_k: Any = _normal(size, dtype, rngs) if add_bias_kv else none
        self.bias_v: Any = _normal(size, dtype, rngs) if add_bias_kv else none

    def __call__(
        self,
        query: ArrayLike,
        key: ArrayLike,
        value: ArrayLike,
        key_padding_mask: ArrayLike | None = None,
        need_weights: bool = True,
        attn_mask: ArrayLike | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
        *,
        rngs: Randomness | None = None,
    ) -> tuple[jax.Array, jax.Array | None]:
        """Return the output and the weights of the keys, or None in their place.

        Args:
          query: (L, N, E), with batch_first (N, L, E), or (L, E) without a batch.
          key: (S, N, kdim), (N, S, kdim) or (S, kdim).
          value: (S, N, vdim), (N, S, vdim) or (S, vdim).
          key_padding_mask: (N, S) or (S,): True where a key takes no part, or numbers to add.
          need_weights: whether to return the weights.
          attn_mask: (L, S) or (N H, L, S): True where a query does not see a key, or numbers to
            add.
          average_attn_weights: whether to return the mean of the weights over the heads, (N, L, S),
            and not (N, H, L, S).
          is_causal: a hint that attn_mask is the causal one, which must be given all the same.
          rngs: where the dropped weights are drawn from; the layer's own by default.
        """
        where = "MultiheadAttention"
        q, k, v = (
            array(name, x, where) for name, x in (("query", query), ("key", key), ("value", value))
        )
        batched = self._check(q, k, v)
        self_attention = query is key is value
        if not batched:
            q, k, v = q[None], k[None], v[None]
        elif not self.batch_first:
            q, k, v = q.swapaxes(0, 1), k.swapaxes(0, 1), v.swapaxes(0, 1)
        sizes = (q.shape[0], self.num_heads, q.shape[1], k.shape[1])
        hint = boolean("is_causal", is_causal, where)
        if hint and attn_mask is None:
            raise ValueError(f"{where}: attn_mask must be given with is_causal=True")
        causal = hint and key_padding_mask is None and not need_weights
        mask = self._mask(key_padding_mask, None if causal else attn_mask, sizes, q.dtype, batched)
        q, k, v = self._heads(*self._projected(q, k, v, self_attention))
        k, v, mask = self._extended(k, v, mask)

        dropped = self.dropout if self.training else 0.0
        rng = self._key(rngs, needed=dropped > 0)
        weights = None
        if need_weights:
            scores = jnp.matmul(q * math.sqrt(1 / self.head_dim), k.mT)
            weights = functional.softmax(scores if mask is None else scores + mask, -1)
            weights = functional.dropout(weights, dropped, dropped > 0, rng=rng)
            heads = jnp.matmul(weights, v)
        else:
            heads = functional.scaled_dot_product_attention(q, k, v, mask, dropped, causal, rng=rng)
        y = self.out_proj(heads.swapaxes(1, 2).reshape(sizes[0], sizes[2], self.embed_dim))
        if weights is not None and average_attn_weights:
            weights = weights.mean(1)
        if not batched:
            return y[0], None if weights is None else weights[0]
        return y if self.batch_first else y.swapaxes(0, 1), weights

    def _check(self, q: jax.Array, k: jax.Array, v: jax.Array) -> bool:
        """Refuse shapes that do not fit, and return whether there is a batch."""
        where = "MultiheadAttention"
        shapes = f"got query.shape={q.shape}, key.shape={k.shape} and value.shape={v.shape}"
        if q.ndim not in (2, 3) or not q.ndim == k.ndim == v.ndim:
            raise ValueError(
                f"{where}: query, key and value must all have two dimensions or three, {shapes}"
            )
        batch = (0 if self.batch_first else 1,) if q.ndim == 3 else ()
        if (
            (q.shape[-1], k.shape[-1], v.shape[-1]) != (self.embed_dim, self.kdim, self.vdim)
            or k.shape[:-1] != v.shape[:-1]
            or any(q.shape[i] != k.shape[i] for i in batch)
        ):
            raise ValueError(
                f"{where}: query, key and value must have the sizes embed_dim={self.embed_dim}, "
                f"kdim={self.kdim} and vdim={self.vdim}, key and value equally many vectors, and "
                f"all one batch, {shapes}"
            )
        return q.ndim == 3

    def _mask(
        self,
        padding: ArrayLike | None,
        seen: ArrayLike | None,
        sizes: tuple[int, ...],
        dtype: DTypeLike,
        batched: bool,
    ) -> jax.Array | None:
        """Return what both masks add to the scores, as it broadcasts to (N, H, L, S)."""
        where, (n, h, rows, columns) = "MultiheadAttention", sizes
        parts = []
        if padding is not None:
            mask = _additive("key_padding_mask", padding, dtype, where)
            _check_shape("key_padding_mask", mask, [(n, columns) if batched else (columns,)], where)
            parts.append(mask.reshape(n, 1, 1, columns))
        if seen is not None:
            mask = _additive("attn_mask", seen, dtype, where)
            _check_shape("attn_mask", mask, [(rows, columns), (n * h, rows, columns)], where)
            parts.append(mask if mask.ndim == 2 else mask.reshape(n, h, rows, columns))
        if len(parts) == 2 and len({_kind(padding), _kind(seen)}) == 2:
            warnings.warn(
                f"{where}: key_padding_mask and attn_mask should be of one dtype", stacklevel=3
            )
        return sum(parts) if parts else None  # type: ignore[return-value]

    def _projected(
        self, q: jax.Array, k: jax.Array, v: jax.Array, self_attention: bool
    ) -> tuple[jax.Array, ...]:
        linear, packed, bias = functional.linear, self.in_proj_weight, self.in_proj_bias
        if packed is not None and self_attention:  # one product in place of three
            return tuple(jnp.split(linear(q, packed, bias), 3, -1))
        apart = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        weights = apart if packed is None else jnp.split(packed[...], 3)
        biases = (None,) * 3 if bias is None else jnp.split(bias[...], 3)
        triples = zip((q, k, v), weights, biases, strict=True)
        return tuple(linear(x, weight, b) for x, weight, b in triples)

    def _heads(self, *projected: jax.Array) -> tuple[jax.Array, ...]:
        """Split vectors between the heads: (N, L, E) to (N, H, L, E / H)."""
        q, k, v = projected
        if self.bias_k is not None:
            k, v = (
                jnp.concatenate([x, jnp.broadcast_to(more[...], (len(x), 1, self.embed_dim))], 1)
                for x, more in ((k, self.bias_k), (v, self.bias_v))
            )
        return tuple(
            x.reshape(*x.shape[:2], self.num_heads, self.head_dim).swapaxes(1, 2) for x in (q, k, v)
        )

    def _extended(
        self, k: jax.Array, v: jax.Array, mask: jax.Array | None
    ) -> tuple[jax.Array, jax.Array, jax.Array | None]:
        """Add the key and the value that are 0, and let all queries see what was added."""
        more = (self.bias_k is not None) + bool(self.add_zero_attn)
        if self.add_zero_attn:
            k, v = (jnp.pad(x, ((0, 0), (0, 0), (0, 1), (0, 0))) for x in (k, v))
        if mask is not None and more:
            mask = jnp.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(0, more)])
        return k, v, mask


def _normal(size: int, dtype: DTypeLike, rngs: nnx.Rngs) -> nnx.Param:
    """Return one more key or value, which broadcasts over the batch."""
    return nnx.Param(jax.random.normal(rngs.params(), (1, 1, size), dtype) * size**-0.5)


def _additive(name: str, mask: ArrayLike, dtype: DTypeLike, where: str) -> jax.Array:
    """Return a mask as numbers to add to the scores: -inf where a bool one is True."""
    m = array(name, mask, where)
    if m.dtype == bool:
        return jnp.where(m, -jnp.inf, 0.0).astype(dtype)
    if not is_floating(m.dtype) or m.dtype != dtype:
        raise TypeError(
            f"{where}: {name} must be of bools or have query's dtype {jnp.dtype(dtype).name}, "
            f"got {name}.dtype={m.dtype.name}"
        )
    return m


def _kind(mask: ArrayLike | None) -> np.dtype:
    return jnp.asarray(mask).dtype


def _check_shape(name: str, mask: jax.Array, allowed: list[tuple[int, ...]], where: str) -> None:
    if mask.shape not in allowed:
        rule = " or ".join(map(str, allowed))
        raise ValueError(f"{where}: {name} must have the shape {rule}, got {mask.shape}")
