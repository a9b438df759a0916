"""Reductions, cumulative sums, and order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from custom_vjp import functional as K  # PyTorch's derivatives at kinks, ties and poles
from port import functional as F

from ...functional._cdist import MODES

Array = jax.Array
Dims = int | Sequence[int] | None


def axes(dim: Dims) -> int | tuple[int, ...] | None:
    """Return JAX's axes for PyTorch's dimensions: none, or an empty list, are all."""
    if isinstance(dim, int) or dim is None:
        return dim
    return tuple(dim) or None


def _reduction(function: Callable[..., Array]) -> Callable[..., Array]:
    """Reduce over dimensions, after a cast."""

    def reduce(
        x: Array, dim: Dims = None, keepdim: bool = False, *, dtype: str | None = None
    ) -> Array:
        return function(x if dtype is None else x.astype(dtype), axis=axes(dim), keepdims=keepdim)

    return reduce


def _whole(function: Callable[..., Array]) -> Callable[..., Array]:
    """Reduce over everything, after a cast."""

    def reduce(x: Array, *, dtype: str | None = None) -> Array:
        return function(x if dtype is None else x.astype(dtype))

    return reduce


def _prod(x: Array, dim: int, keepdim: bool = False, *, dtype: str | None = None) -> Array:
    return _reduction(jnp.prod)(x, dim, keepdim, dtype=dtype)


def _cumulative(function: Callable[..., Array]) -> Callable[..., Array]:
    def accumulate(x: Array, dim: int, *, dtype: str | None = None) -> Array:
        x = x if dtype is None else x.astype(dtype)
        return function(x, axis=dim) if x.ndim else x

    return accumulate


def _var(
    x: Array, dim: Dims = None, *, correction: float | None = None, keepdim: bool = False
) -> Array:
    return K.var(x, axes(dim), keepdim=keepdim, correction=correction)


def _std(
    x: Array, dim: Dims = None, *, correction: float | None = None, keepdim: bool = False
) -> Array:
    return K.std(x, axes(dim), keepdim=keepdim, correction=correction)


def _var_mean(x: Array, dim: Dims = None, **settings: Any) -> tuple[Array, Array]:
    mean = jnp.mean(x, axis=axes(dim), keepdims=settings.get("keepdim", False))
    return _var(x, dim, **settings), mean


def _arg(function: Callable[..., Array]) -> Callable[..., Array]:
    return lambda x, dim=None, keepdim=False: function(x, axis=dim, keepdims=keepdim)


def _vector_norm(
    x: Array, ord: float = 2, dim: Dims = None, keepdim: bool = False, *, dtype: str | None = None
) -> Array:
    return K.vector_norm(x, ord, axes(dim), keepdim, dtype=dtype)


def _norm(x: Array, p: float | None, dim: Dims = None, keepdim: bool = False) -> Array:
    return K.vector_norm(x, 2 if p is None else p, axes(dim), keepdim)


def _cdist(x1: Array, x2: Array, p: float = 2.0, compute_mode: int | None = None) -> Array:
    return F.cdist(x1, x2, p, MODES[compute_mode or 0])


def _topk(
    x: Array, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[Array, Array]:
    del sorted  # always
    last = jnp.moveaxis(x, dim, -1)
    # The negative of an integer may not exist: order by position instead.
    order = jnp.argsort(last, axis=-1, descending=largest, stable=True)[..., :k]
    values = jnp.take_along_axis(last, order, -1)
    return jnp.moveaxis(values, -1, dim), jnp.moveaxis(order, -1, dim)


def _sort(x: Array, dim: int = -1, descending: bool = False) -> tuple[Array, Array]:
    order = jnp.argsort(x, axis=dim, descending=descending, stable=True)
    return jnp.take_along_axis(x, order, dim), order


def _stable_sort(
    x: Array, *, stable: bool | None, dim: int = -1, descending: bool = False
) -> tuple[Array, Array]:
    del stable
    return _sort(x, dim, descending)


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "aten.mean.dim": _reduction(jnp.mean),
    "aten.sum.dim_IntList": _reduction(jnp.sum),
    "aten.nansum.default": _reduction(jnp.nansum),
    "aten.logsumexp.default": _reduction(jax.nn.logsumexp),
    "aten.all.dim": _reduction(jnp.all),
    "aten.all.dims": _reduction(jnp.all),
    "aten.any.dim": _reduction(jnp.any),
    "aten.any.dims": _reduction(jnp.any),
    "aten.prod.dim_int": _prod,
    "aten.mean.default": _whole(jnp.mean),
    "aten.sum.default": _whole(jnp.sum),
    "aten.prod.default": _whole(jnp.prod),
    "aten.all.default": _whole(jnp.all),
    "aten.any.default": _whole(jnp.any),
    "aten.cumsum.default": _cumulative(jnp.cumsum),
    "aten.cumprod.default": _cumulative(jnp.cumprod),
    "aten.amax.default": K.amax,
    "aten.amin.default": K.amin,
    "aten.max.default": K.max,
    "aten.min.default": K.min,
    "aten.max.other": K.maximum,
    "aten.min.other": K.minimum,
    "aten.max.dim": K.max,
    "aten.min.dim": K.min,
    "aten.median.default": K.median,
    "aten.median.dim": K.median,
    "aten.cummax.default": K.cummax,
    "aten.cummin.default": K.cummin,
    "aten.argmax.default": _arg(jnp.argmax),
    "aten.argmin.default": _arg(jnp.argmin),
    "aten.var.correction": _var,
    "aten.std.correction": _std,
    "aten.var_mean.correction": _var_mean,
    "aten.var.dim": K.var,
    "aten.std.dim": K.std,
    "aten.var.default": K.var,
    "aten.std.default": K.std,
    "aten.linalg_vector_norm.default": _vector_norm,
    "aten.norm.ScalarOpt_dim": _norm,
    "aten.norm.Scalar": _norm,
    "aten.dist.default": K.dist,
    "aten.cdist.default": _cdist,
    "aten._cdist_forward.default": _cdist,
    "aten._euclidean_dist.default": lambda x1, x2: _cdist(x1, x2, 2.0, 1),
    "aten.pdist.default": F.pdist,
    "aten._pdist_forward.default": F.pdist,
    "aten.pairwise_distance.default": F.pairwise_distance,
    "aten.cosine_similarity.default": F.cosine_similarity,
    "aten.topk.default": _topk,
    "aten.sort.default": _sort,
    "aten.sort.stable": _stable_sort,
    "aten.argsort.default": lambda x, dim=-1, descending=False: _sort(x, dim, descending)[1],
}
