"""Indexing: gather, scatter, masks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ._shapes import place

Array = jax.Array


def _where_indexed(indices: Sequence[Array | None]) -> tuple[slice | Array, ...]:
    return tuple(slice(None) if i is None else i for i in indices)


def _index(x: Array, indices: Sequence[Array | None]) -> Array:
    return x[_where_indexed(indices)]


def _index_put(
    x: Array, indices: Sequence[Array | None], values: Array, accumulate: bool = False
) -> Array:
    values = values.astype(x.dtype)
    mask = indices[-1]
    if (
        mask is not None
        and mask.dtype == jnp.bool_
        and not any(i is not None for i in indices[:-1])
    ):
        return _masked_put(x, mask, len(indices) - 1, values, accumulate)
    at = x.at[_where_indexed(indices)]
    return at.add(values) if accumulate else at.set(values)


def _masked_put(x: Array, mask: Array, ahead: int, values: Array, accumulate: bool) -> Array:
    """Put the same values wherever a mask is true, which lies after `ahead` dimensions."""
    behind = x.ndim - ahead - mask.ndim
    if values.ndim > behind:
        raise NotImplementedError(
            "program: x[mask] = values takes one value for all places, got "
            f"values.shape={values.shape}: how many places there are depends on the data"
        )
    there = mask.reshape((1,) * ahead + mask.shape + (1,) * behind)
    return jnp.where(there, x + values if accumulate else values, x)


def _index_select(x: Array, dim: int, index: Array) -> Array:
    return jnp.take(x, jnp.atleast_1d(index), axis=dim) if x.ndim else x


def _positions(index: Array, dim: int) -> tuple[Array, ...]:
    """Return the positions that an index of `gather` stands for, one array a dimension."""
    grid = jnp.meshgrid(*(jnp.arange(n) for n in index.shape), indexing="ij", sparse=True)
    grid[place(dim, index.ndim)] = index
    return tuple(grid)


def _gather(x: Array, dim: int, index: Array, *, sparse_grad: bool = False) -> Array:
    del sparse_grad
    return x[_positions(index, dim)] if x.ndim else jnp.broadcast_to(x, index.shape)


def _scatter(x: Array, dim: int, index: Array, source: ArrayLike) -> Array:
    return x.at[_positions(index, dim)].set(_like(source, index, x))


def _scatter_add(x: Array, dim: int, index: Array, source: ArrayLike) -> Array:
    return x.at[_positions(index, dim)].add(_like(source, index, x))


def _like(source: ArrayLike, index: Array, x: Array) -> Array:
    """Return the part of what is scattered that the index reaches."""
    source = jnp.asarray(source, x.dtype)
    return source[tuple(slice(n) for n in index.shape)] if source.ndim else source


def _index_add(x: Array, dim: int, index: Array, source: Array, *, alpha: float = 1) -> Array:
    where = (slice(None),) * place(dim, x.ndim) + (index,)
    return x.at[where].add(source if alpha == 1 else alpha * source)


def _masked_fill(x: Array, mask: Array, value: ArrayLike) -> Array:
    return jnp.where(mask, jnp.asarray(value, x.dtype), x)


def _take_along_dim(x: Array, indices: Array, dim: int | None = None) -> Array:
    return jnp.take_along_axis(x, indices, dim)


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "aten.index.Tensor": _index,
    "aten._unsafe_index.Tensor": _index,
    "aten.index_put.default": _index_put,
    "aten._unsafe_index_put.default": _index_put,
    "aten.index_select.default": _index_select,
    "aten.index_add.default": _index_add,
    "aten.gather.default": _gather,
    "aten.scatter.src": _scatter,
    "aten.scatter.value": _scatter,
    "aten.scatter_add.default": _scatter_add,
    "aten.masked_fill.Scalar": _masked_fill,
    "aten.masked_fill.Tensor": _masked_fill,
    "aten.take_along_dim.default": _take_along_dim,
    "aten.where.self": jnp.where,
    "aten.where.Scalar": jnp.where,
    "aten.where.ScalarOther": jnp.where,
    "aten.where.ScalarSelf": jnp.where,
}
