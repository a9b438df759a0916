"""The lowering rule of `lax.dot_general` on CPU: dense layers beside convolutions.

XLA's products on CPU take 1.2 to 2.2 times as long as oneDNN's. Like the convolutions' rule this
one sits below autodiff and batching, looks at marked equations only, and leaves others to the rule
that JAX registered.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax

from convgrad import _jax

from ._product import library_multiplies
from .methods import onednn


@dataclass(frozen=True)
class Matrices:
    """A product of two arrays, as one of two matrices.

    Attributes:
      left, right: what the arrays are reshaped to.
      axes: the axis of each that is summed over.
      shape: the result's.
    """

    left: tuple[int, int]
    right: tuple[int, int]
    axes: tuple[int, int]
    shape: tuple[int, ...]


def matrices(lhs: Any, rhs: Any, given: _jax.Product) -> Matrices | None:
    """Say how two arrays are multiplied as matrices; None where a copy would have to come first.

    That is so with batch dimensions, and where what is summed over is not a block of first or last
    axes, in the same order on both sides.
    """
    if any(given.batch) or not all(isinstance(n, int) for n in (*lhs.shape, *rhs.shape)):
        return None
    shapes, axes, free = [], [], []
    for array, summed in zip((lhs, rhs), given.contracting, strict=True):
        count, rank = len(summed), len(array.shape)
        if count == 0 or count == rank:
            return None
        first, last = tuple(range(count)), tuple(range(rank - count, rank))
        if tuple(summed) not in (first, last):
            return None
        axis = 0 if tuple(summed) == first else 1
        inner = math.prod(array.shape[i] for i in summed)
        rest = array.shape[count:] if axis == 0 else array.shape[:-count]
        outer = math.prod(rest)
        shapes.append((inner, outer) if axis == 0 else (outer, inner))
        axes.append(axis)
        free.extend(rest)
    return Matrices(shapes[0], shapes[1], (axes[0], axes[1]), tuple(free))


def _multiply(how: Matrices, lhs: jax.Array, rhs: jax.Array) -> jax.Array:
    y = _jax.onednn_product(lhs.reshape(how.left), rhs.reshape(how.right), how.axes, lhs.dtype)
    return y.reshape(how.shape)


def _body(ctx: Any, params: dict[str, Any]) -> Any:
    """Return what is lowered in the place of a product, None where that is JAX's own."""
    if _jax.mark_of_lowering(ctx) not in (_jax.ON, _jax.GIVEN, _jax.DERIVED):
        return None
    if _jax.losses() or not onednn.available():
        return None
    given = _jax.product(params)
    if given is None or _jax.devices_of_lowering(ctx) != 1 or _jax.for_export(ctx):
        return None
    lhs, rhs = ctx.avals_in
    dtypes = {lhs.dtype.name, rhs.dtype.name, ctx.avals_out[0].dtype.name}
    how = matrices(lhs, rhs, given) if len(dtypes) == 1 and not given.sharded else None
    if how is None:
        return None
    rows, columns = how.left[1 - how.axes[0]], how.right[1 - how.axes[1]]
    if not library_multiplies(dtypes.pop(), rows, how.left[how.axes[0]], columns):
        return None
    return partial(_multiply, how)


def lower(stock: Any, ctx: Any, lhs: Any, rhs: Any, **params: Any) -> Any:
    """Lower one product: by oneDNN where it is marked and large enough, else as JAX does."""
    body = _body(ctx, params)
    lower_fun = None if body is None else _jax.lower_fun()
    if lower_fun is None:
        return stock(ctx, lhs, rhs, **params)
    with _jax.marked(None):
        return lower_fun(body, multiple_results=False)(ctx, lhs, rhs)
