"""`torch.func.vmap`: a function of one example as a function of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import repeat
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax.tree_util import PyTreeDef

from convgrad import _jax
from convgrad._arrays import is_array

from .._trees import is_none
from ._arguments import map_in_chunks, read_chunk_size, require_function
from ._random import fold_in, is_key, read_randomness, require_mapped_draws

if TYPE_CHECKING:
    from convgrad._jax import ClosedJaxpr

COLLECTION = (
    "`out_dims` must be an int, None or a python collection of ints representing where in the "
    "outputs the vmapped dimension should appear."
)


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return the function that maps `func` over a dimension of its arguments.

    `vmap(f)(xs)[i] = f(xs[i])`, computed for all `i` at once.

    Args:
      func: a function of one example to an array or a pytree of arrays.
      in_dims: which dimension of the positional arguments is mapped: an int for all, or a tuple
        with an entry for each argument, an int, None for what is not mapped, or the like in the
        structure of the argument. Keyword arguments are not mapped.
      out_dims: where the mapped dimension is put in the outputs: an int or a structure of ints;
        None for an output that is the same for all examples, or is no array.
      randomness: what a draw of random numbers does whose key is not mapped: `"error"` raises;
        with `"same"` all examples get the same numbers, as in JAX; with `"different"` each
        example gets a key of its own from each key (of `jax.random.key`) that is an argument
        which is not mapped.
      chunk_size: how many examples are computed at once; None for all.

    Returns:
      A function of the arguments of `func`, with the mapped dimension in addition, to its
      outputs with it.

    Raises:
      ValueError: `in_dims` or `out_dims` does not fit the arguments or outputs; the mapped
        dimensions have several sizes, or there is none; an output is no array, or is mapped
        where `out_dims` is None; `chunk_size` is not positive.
      IndexError: an out_dim that the output does not have.
      RuntimeError: `randomness` is none of the three; a draw that it forbids.
      TypeError: `func` cannot be called; `chunk_size` is no int.
      jax.errors.ConcretizationTypeError: `func` branches on values (RuntimeError in PyTorch).

    Departs from PyTorch: `randomness` is about keys, there being no global generator.
    `jax.vmap` has an entry of `in_axes` for each argument where it is a list, too, maps keyword
    arguments, and draws the same numbers in silence. None inside of a pytree is an empty subtree.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from grad import func
      >>> x, w = jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), jnp.array([1.0, 10.0])
      >>> print(func.vmap(jnp.dot, in_dims=(0, None), chunk_size=2)(x, w))
      [21. 43. 65.]
      >>> noisy = lambda key, x: x + jax.random.normal(key)
      >>> noise = func.vmap(noisy, (None, 0), randomness="different")
      >>> len(set(noise(jax.random.key(0), jnp.zeros(3)).tolist()))
      3

    Reference: `torch.func.vmap`.
    """
    require_function(func, "vmap")
    kind = read_randomness(randomness)
    words = "chunk_size should be None or greater than 0"
    size = read_chunk_size(chunk_size, "vmap", words)
    name = getattr(func, "__name__", repr(func))
    for dim in jax.tree.leaves(out_dims, is_leaf=is_none):
        if not _is_dim(dim):
            raise ValueError(f"vmap({name}, ..., out_dims={out_dims}): {COLLECTION}")

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, structure, dims = _read(name, in_dims, args)
        places = [i for i, dim in enumerate(dims) if dim is not None]
        xs = [jnp.moveaxis(jnp.asarray(leaves[i]), dims[i], 0) for i in places]
        count = _count([len(x) for x in xs])
        keys = [i for i, leaf in enumerate(leaves) if is_key(leaf) and i not in places]
        folded = keys if kind == "different" else []
        rest: list[Any] = []

        def one(number: jax.Array, *arrays: jax.Array) -> tuple[list[jax.Array], list[jax.Array]]:
            full = dict(enumerate(leaves)) | dict(zip(places, arrays, strict=True))
            full |= {i: fold_in(leaves[i], number) for i in folded}
            output = func(*jax.tree.unflatten(structure, full.values()), **kwargs)
            outputs, outer, where = _read_outputs(name, out_dims, output)
            still = [where[i] is None for i in range(len(outputs))]
            rest[:] = [outer, where, [None if is_array(o) else (o,) for o in outputs]]
            return (
                [jnp.asarray(o) for o, s in zip(outputs, still, strict=True) if not s],
                [jnp.asarray(o) for o, s in zip(outputs, still, strict=True) if s and is_array(o)],
            )

        numbered = [jnp.arange(count), *xs]
        program, pack = _trace(one, numbered)
        if kind != "same":
            require_mapped_draws(program, kind)
        run = jax.vmap(pack, out_axes=(0, None))
        moving, fixed = map(iter, map_in_chunks(run, numbered, size))
        outer, where, constants = rest
        found = [
            held[0]
            if held
            else jnp.asarray(next(fixed))
            if dim is None
            else _placed(next(moving), dim)
            for dim, held in zip(where, constants, strict=True)
        ]
        return jax.tree.unflatten(outer, found)

    return mapped


def _trace(
    function: Callable[..., Any], xs: list[jax.Array]
) -> tuple[ClosedJaxpr, Callable[..., Any]]:
    """Trace a function of one example; return its program, and that as a function."""
    avals = [jax.ShapeDtypeStruct(x.shape[1:], x.dtype) for x in xs]
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(*avals)
    structure = jax.tree.structure(shapes)
    evaluate = _jax.as_function(closed)
    return closed, lambda *args: jax.tree.unflatten(structure, evaluate(*args))


def _is_dim(dim: object) -> bool:
    return dim is None or (isinstance(dim, int) and not isinstance(dim, bool))


def _read(name: str, in_dims: Any, args: tuple[Any, ...]) -> tuple[list[Any], PyTreeDef, list[Any]]:
    """Return the leaves of the arguments, their structure, and the mapped dimension of each."""
    where = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
    if isinstance(in_dims, bool) or not isinstance(in_dims, int | tuple):
        raise ValueError(
            f"{where}: expected `in_dims` to be int or a (potentially nested) tuple matching the "
            f"structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are "
            "trying to vmap over a function with no inputs. The latter is unsupported."
        )
    each = in_dims if isinstance(in_dims, tuple) else repeat(in_dims)
    for arg, dim in zip(args, each, strict=False):
        if arg is None:  # an argument, and no empty subtree of one
            _require_dim(where, arg, dim)
    leaves, structure = jax.tree.flatten(args)
    dims = _spread_over(args, in_dims)
    if dims is None:
        raise ValueError(
            f"{where}: in_dims is not compatible with the structure of `inputs`. in_dims has "
            f"structure {jax.tree.structure(in_dims, is_leaf=is_none)} but inputs has structure "
            f"{structure}."
        )
    for leaf, dim in zip(leaves, dims, strict=True):
        _require_dim(where, leaf, dim)
    return leaves, structure, dims


def _spread_over(args: tuple[Any, ...], dims: Any) -> list[int | None] | None:
    """Return the dimension of each leaf of the arguments; None where they do not fit."""
    each = dims if isinstance(dims, tuple) else (dims,) * len(args)
    if len(each) != len(args):
        return None
    found: list[int | None] = []
    for arg, dim in zip(args, each, strict=True):
        part = _spread(dim, jax.tree.structure(arg))
        if part is None:
            return None
        found += part
    return found


def _spread(dims: Any, structure: PyTreeDef) -> list[int | None] | None:
    """Return the dimension of each leaf of a structure; None where they do not fit it."""
    if _is_dim(dims):
        return [dims] * structure.num_leaves
    whole = jax.tree.unflatten(structure, [0] * structure.num_leaves)
    try:
        spread = jax.tree.broadcast(dims, whole, is_leaf=is_none)
    except ValueError:
        return None
    found = jax.tree.leaves(spread, is_leaf=is_none)
    return found if len(found) == structure.num_leaves else None


def _require_dim(where: str, leaf: Any, dim: Any) -> None:
    if not _is_dim(dim):
        raise ValueError(
            f"{where}: Got in_dim={dim} for an input but in_dim must be either an integer "
            "dimension or None."
        )
    if dim is None:
        return
    if not is_array(leaf):
        raise ValueError(
            f"{where}: Got in_dim={dim} for an input but the input is of type {type(leaf)}. We "
            "cannot vmap over non-Tensor arguments, please use None as the respective in_dim"
        )
    if not -leaf.ndim <= dim < leaf.ndim:
        raise ValueError(
            f"{where}: Got in_dim={dim} for some input, but that input is a Tensor of "
            f"dimensionality {leaf.ndim} so expected in_dim to satisfy -{leaf.ndim} <= in_dim < "
            f"{leaf.ndim}."
        )


def _count(sizes: list[int]) -> int:
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return sizes[0]


def _read_outputs(
    name: str, out_dims: Any, output: Any
) -> tuple[list[Any], PyTreeDef, list[int | None]]:
    """Return the leaves of an output, None too, their structure, and the dimension of each."""
    outputs, outer = jax.tree.flatten(output, is_leaf=is_none)
    given = out_dims
    if is_array(output) and isinstance(out_dims, tuple) and len(out_dims) == 1:
        given = out_dims[0]
    where = _spread(given, outer)
    if where is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with "
            f"the structure of `outputs`. out_dims has structure "
            f"{jax.tree.structure(out_dims, is_leaf=is_none)} but outputs has structure {outer}."
        )
    for leaf, dim in zip(outputs, where, strict=True):
        if dim is not None and not is_array(leaf):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(leaf)}. Did "
                "you mean to set out_dims= to None for output?"
            )
    return outputs, outer, where


def _placed(x: jax.Array, dim: int) -> jax.Array:
    if not -x.ndim <= dim < x.ndim:
        raise IndexError(
            f"vmap: Dimension out of range (expected to be in range of [{-x.ndim}, {x.ndim - 1}], "
            f"but got {dim})"
        )
    return jnp.moveaxis(x, 0, dim)
