"""Views, joins and splits."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array
END = 2**63 - 1


def place(dim: int, rank: int) -> int:
    """Return a dimension counted from the front; a number has one dimension here."""
    return dim % max(rank, 1)


def _flatten(x: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    if not x.ndim:
        return x.reshape(1)
    start, end = place(start_dim, x.ndim), place(end_dim, x.ndim)
    return x.reshape(*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :])


def _unflatten(x: Array, dim: int, sizes: Sequence[int]) -> Array:
    dim = place(dim, x.ndim)
    inner = x.shape[dim]
    known = math.prod(s for s in sizes if s != -1)
    sizes = [inner // known if s == -1 else s for s in sizes]
    return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])


def _transpose(x: Array, dim0: int, dim1: int) -> Array:
    return jnp.swapaxes(x, dim0, dim1) if x.ndim else x


def _t(x: Array) -> Array:
    return x.T


def _unsqueeze(x: Array, dim: int) -> Array:
    return jnp.expand_dims(x, dim)


def _squeeze(x: Array, dim: int | Sequence[int] | None = None) -> Array:
    """Drop dimensions of size 1; others are left as they are."""
    dims = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    ones = {place(d, x.ndim) for d in dims} if x.ndim else set()
    return jnp.squeeze(x, tuple(d for d in ones if x.shape[d] == 1))


def _expand(x: Array, size: Sequence[int], *, implicit: bool = False) -> Array:
    del implicit
    ahead = len(size) - x.ndim
    full = [x.shape[i - ahead] if s == -1 else s for i, s in enumerate(size)]
    return jnp.broadcast_to(x, full)


def _repeat(x: Array, repeats: Sequence[int]) -> Array:
    return jnp.tile(x.reshape((1,) * (len(repeats) - x.ndim) + x.shape), repeats)


def _repeat_interleave(
    x: Array, repeats: int, dim: int | None = None, *, output_size: int | None = None
) -> Array:
    del output_size
    return jnp.repeat(x, repeats, dim)


def bounds(start: int | None, end: int | None, size: int) -> tuple[int, int]:
    """Return a slice's bounds, both counted from the front."""
    start, end, _ = slice(start, end).indices(size)
    return start, max(start, end)


def cut(dim: int, start: int | None, end: int | None, step: int, x: Array) -> tuple[slice, ...]:
    """Return the index that a slice of one dimension is."""
    dim = place(dim, x.ndim)
    start, end = bounds(start, end, x.shape[dim])
    return (slice(None),) * dim + (slice(start, end, step),)


def _slice(
    x: Array, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Array:
    return x[cut(dim, start, end, step, x)]


def _slice_scatter(
    x: Array,
    source: Array,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Array:
    return x.at[cut(dim, start, end, step, x)].set(source.astype(x.dtype))


def _select_index(x: Array, dim: int, index: int) -> tuple[slice | int, ...]:
    return (slice(None),) * place(dim, x.ndim) + (index,)


def _select(x: Array, dim: int, index: int) -> Array:
    return x[_select_index(x, dim, index)]


def _select_scatter(x: Array, source: Array, dim: int, index: int) -> Array:
    return x.at[_select_index(x, dim, index)].set(source.astype(x.dtype))


def _narrow(x: Array, dim: int, start: int, length: int) -> Array:
    dim = place(dim, x.ndim)
    start = start % x.shape[dim] if start < 0 else start
    return jax.lax.slice_in_dim(x, start, start + length, axis=dim)


def _pieces(x: Array, ends: Sequence[int], dim: int) -> tuple[Array, ...]:
    dim = place(dim, x.ndim)
    return tuple(jax.lax.slice_in_dim(x, a, b, axis=dim) for a, b in pairwise((0, *ends)))


def _split(x: Array, split_size: int | Sequence[int], dim: int = 0) -> tuple[Array, ...]:
    if not isinstance(split_size, int):
        return _pieces(x, list(accumulate(split_size)), dim)
    size = x.shape[dim]
    ends = [*range(split_size, size, split_size), size] if split_size else [0]
    return _pieces(x, ends, dim)


def _chunk(x: Array, chunks: int, dim: int = 0) -> tuple[Array, ...]:
    size = -(-x.shape[dim] // chunks)
    return _split(x, size, dim) if size else (x,) * chunks


def _tensor_split(
    x: Array, indices_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Array, ...]:
    return tuple(jnp.array_split(x, indices_or_sections, axis=dim))


def _unbind(x: Array, dim: int = 0) -> tuple[Array, ...]:
    return tuple(jnp.moveaxis(x, dim, 0))


def _cat(tensors: Sequence[Array], dim: int = 0) -> Array:
    # PyTorch leaves out what has the shape (0,), whatever the others' rank.
    kept = [t for t in tensors if t.shape != (0,)]
    return jnp.concatenate(kept, dim) if kept else tensors[0]


def _stack(tensors: Sequence[Array], dim: int = 0) -> Array:
    return jnp.stack(tensors, dim)


def _flip(x: Array, dims: Sequence[int]) -> Array:
    return jnp.flip(x, tuple(dims)) if dims else x


def _roll(x: Array, shifts: Sequence[int], dims: Sequence[int] = ()) -> Array:
    return jnp.roll(x, tuple(shifts), tuple(dims)) if dims else jnp.roll(x, shifts[0])


def _unfold(x: Array, dimension: int, size: int, step: int) -> Array:
    """Windows of one dimension; their elements lie in a new last one."""
    dim = place(dimension, x.ndim)
    starts = jnp.arange(0, x.shape[dim] - size + 1, step)
    windows = jnp.take(x, starts[:, None] + jnp.arange(size), axis=dim)
    return jnp.moveaxis(windows, dim + 1, -1)


def _as_strided(
    x: Array, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Array:
    """Elements of a contiguous array at these steps."""
    index = jnp.asarray(storage_offset or 0)
    for n, step in zip(size, stride, strict=True):
        index = index[..., None] + step * jnp.arange(n)
    return x.reshape(-1)[index]


def _movedim(x: Array, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    return jnp.moveaxis(x, source, destination)


def _diagonal(x: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    return jnp.diagonal(x, offset, dim1, dim2)


def _diagonal_scatter(
    x: Array, source: Array, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Array:
    dims = place(dim1, x.ndim), place(dim2, x.ndim)
    last = jnp.moveaxis(x, dims, (-2, -1))
    along = jnp.arange(source.shape[-1])
    rows, columns = along + max(-offset, 0), along + max(offset, 0)
    changed = last.at[..., rows, columns].set(source.astype(x.dtype))
    return jnp.moveaxis(changed, (-2, -1), dims)


def _meshgrid(tensors: Sequence[Array], *, indexing: str = "ij") -> tuple[Array, ...]:
    return tuple(jnp.meshgrid(*tensors, indexing=indexing))


def _reshape(x: Array, shape: Sequence[int], *_: object) -> Array:
    return x.reshape(tuple(shape))


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "aten.view.default": _reshape,
    "aten._unsafe_view.default": _reshape,
    "aten.reshape.default": _reshape,
    "aten.view_as.default": lambda x, other: x.reshape(other.shape),
    "aten.reshape_as.default": lambda x, other: x.reshape(other.shape),
    "aten.flatten.using_ints": _flatten,
    "aten.unflatten.int": _unflatten,
    "aten.permute.default": lambda x, dims: jnp.transpose(x, dims),
    "aten.transpose.int": _transpose,
    "aten.swapaxes.default": _transpose,
    "aten.swapdims.default": _transpose,
    "aten.movedim.int": _movedim,
    "aten.movedim.intlist": _movedim,
    "aten.t.default": _t,
    "aten.numpy_T.default": _t,
    "aten.mT.default": lambda x: jnp.swapaxes(x, -1, -2),
    "aten.unsqueeze.default": _unsqueeze,
    "aten.squeeze.default": _squeeze,
    "aten.squeeze.dim": _squeeze,
    "aten.squeeze.dims": _squeeze,
    "aten.expand.default": _expand,
    "aten.expand_as.default": lambda x, other: jnp.broadcast_to(x, other.shape),
    "aten.broadcast_to.default": _expand,
    "aten.repeat.default": _repeat,
    "aten.tile.default": lambda x, dims: jnp.tile(x, dims),
    "aten.repeat_interleave.self_int": _repeat_interleave,
    "aten.slice.Tensor": _slice,
    "aten.slice_scatter.default": _slice_scatter,
    "aten.select.int": _select,
    "aten.select_scatter.default": _select_scatter,
    "aten.narrow.default": _narrow,
    "aten.split.Tensor": _split,
    "aten.split.sizes": _split,
    "aten.split_with_sizes.default": _split,
    "aten.chunk.default": _chunk,
    "aten.tensor_split.indices": _tensor_split,
    "aten.tensor_split.sections": _tensor_split,
    "aten.unbind.int": _unbind,
    "aten.cat.default": _cat,
    "aten.concat.default": _cat,
    "aten.concatenate.default": _cat,
    "aten.stack.default": _stack,
    "aten.flip.default": _flip,
    "aten.roll.default": _roll,
    "aten.unfold.default": _unfold,
    "aten.as_strided.default": _as_strided,
    "aten.diagonal.default": _diagonal,
    "aten.diagonal_scatter.default": _diagonal_scatter,
    "aten.meshgrid.default": _meshgrid,
    "aten.meshgrid.indexing": _meshgrid,
    "aten.tril.default": jnp.tril,
    "aten.triu.default": jnp.triu,
    "aten.rot90.default": lambda x, k=1, dims=(0, 1): jnp.rot90(x, k, tuple(dims)),
}
