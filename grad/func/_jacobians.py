"""`torch.func`'s whole matrices: `jacrev`, `jacfwd`, `hessian`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import PyTreeDef

from convgrad._arrays import is_array, is_inexact

from ._arguments import (
    Argnums,
    Chosen,
    as_arrays,
    map_in_chunks,
    read_chunk_size,
    require_function,
    require_outputs,
    require_real,
)
from ._gradients import JVP, split_aux, vjp
from ._random import read_randomness


def jacrev(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return the function that computes the Jacobian, by a pass back for each output.

    `J[a..., b...] = d output[a...] / d input[b...]`, of shape `output.shape + input.shape`.

    Args:
      func: a function of positional arguments to an array or pytree of arrays, or to
        `(output, aux)` with `has_aux`.
      argnums: which of the arguments to differentiate, an int or a tuple of ints: pytrees of real
        floating point arrays.
      has_aux: whether `func` returns something beside, a pytree of arrays.
      chunk_size: how many passes are made at once, as one `vmap`; None for all. With 1 there is
        no `vmap`.

    Returns:
      A function of the arguments of `func` to the structure of the output with, in the place of
      each array, the structure of the argument, a tuple of these where `argnums` is a tuple;
      `(jacobian, aux)` with `has_aux`. The dtypes are the inputs'.

    Raises:
      ValueError: `chunk_size` is not positive; a leaf of a differentiated argument is no array.
      RuntimeError: `argnums` names no argument, or one twice; an argument or output is complex;
        an output is no array, or has an integer dtype; no aux where there should be one.
      TypeError: `func` cannot be called; `chunk_size` is no int.

    Departs from PyTorch: `jax.jacrev` has neither `chunk_size` nor these refusals.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import func
      >>> print(func.jacrev(jnp.square, chunk_size=1)(jnp.array([1.0, 2.0])))
      [[2. 0.]
       [0. 4.]]

    Reference: `torch.func.jacrev`.
    """
    require_function(func, "jacrev")
    words = "`chunk_size` should be greater than 0"
    size = read_chunk_size(chunk_size, "jacrev", words)

    @functools.wraps(func)
    def jacobian(*args: Any) -> Any:
        require_real(args, "jacrev", "inputs")
        chosen = Chosen.by(argnums, args)
        output, pull, *aux = vjp(
            lambda values: func(*chosen.replace(values)), chosen.values, has_aux=has_aux
        )
        require_real(output, "jacrev", "outputs")
        leaves, structure = jax.tree.flatten(output)
        rows = [_rows(pull, leaves, structure, i, chosen.values, size) for i in range(len(leaves))]
        found = jax.tree.unflatten(structure, rows)
        return (found, aux[0]) if has_aux else found

    return jacobian


def _rows(
    pull: Callable[..., Any],
    leaves: list[jax.Array],
    structure: PyTreeDef,
    index: int,
    values: Any,
    size: int | None,
) -> Any:
    """Go back from every element of one output."""
    out = leaves[index]
    if not out.size:
        return jax.tree.map(lambda x: jnp.zeros(out.shape + x.shape, x.dtype), as_arrays(values))

    def row(place: jax.Array) -> Any:
        unit = jnp.zeros(out.size, out.dtype).at[place].set(1).reshape(out.shape)
        seeds = [unit if i == index else jnp.zeros_like(o) for i, o in enumerate(leaves)]
        return pull(jax.tree.unflatten(structure, seeds))[0]

    places = jnp.arange(out.size)
    if size == 1:
        rows = jax.lax.map(row, places)
    else:
        rows, _ = map_in_chunks(lambda some: (jax.vmap(row)(some), ()), [places], size)
    return jax.tree.map(lambda x: x.reshape(out.shape + x.shape[1:]), rows)


def jacfwd(
    func: Callable[..., Any],
    argnums: Argnums | None = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable[..., Any]:
    """Return the function that computes the Jacobian, by a pass forward for each input.

    `J[a..., b...] = d output[a...] / d input[b...]`, of shape `output.shape + input.shape`.

    Args:
      func: as for `jacrev`.
      argnums: as for `jacrev`; None for all arguments.
      has_aux: as for `jacrev`.
      randomness: `"error"`, `"different"` or `"same"`; accepted for PyTorch's sake. Here
        `func` is evaluated once, so that it draws once.

    Returns:
      As `jacrev`, but that the dtypes are the outputs'. Outputs of integer or boolean dtypes
      have a Jacobian of zeros.

    Raises:
      RuntimeError: `argnums` names no argument, or one twice; an argument or output is complex;
        an argument or output is no array; no aux where there should be one; `randomness` is
        none of the three.
      ValueError: an argument has an integer dtype.
      TypeError: `func` cannot be called, or has no forward mode (`jax.custom_vjp`).

    Departs from PyTorch: in `randomness`. `jax.jacfwd` does not have these refusals.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import func
      >>> print(func.jacfwd(lambda x: jnp.sum(x) * x)(jnp.array([1.0, 2.0])))
      [[4. 1.]
       [2. 5.]]

    Reference: `torch.func.jacfwd`.
    """
    require_function(func, "jacfwd")
    read_randomness(randomness)

    @functools.wraps(func)
    def jacobian(*args: Any) -> Any:
        require_real(args, "jacfwd", "inputs")
        chosen = Chosen.by(tuple(range(len(args))) if argnums is None else argnums, args)
        given, structure = jax.tree.flatten(chosen.values)
        _require_arrays(given)
        leaves = [jnp.asarray(leaf) for leaf in given]

        def run(*flat: jax.Array) -> tuple[Any, Any]:
            returned = func(*chosen.replace(jax.tree.unflatten(structure, flat)))
            output, aux = split_aux(returned, has_aux, JVP)
            require_outputs(output, JVP)
            require_real(output, "jacfwd", "outputs")
            return output, aux

        output, push, aux = jax.linearize(run, *leaves, has_aux=True)
        outputs, outer = jax.tree.flatten(output)
        columns = [_columns(push, leaves, i, outputs) for i in range(len(leaves))]
        rows = [
            jax.tree.unflatten(structure, [column[i] for column in columns])
            for i in range(len(outputs))
        ]
        found = jax.tree.unflatten(outer, rows)
        return (found, aux) if has_aux else found

    return jacobian


def _require_arrays(leaves: list[Any]) -> None:
    for leaf in leaves:
        if not is_array(leaf):
            raise RuntimeError(f"{JVP}: Expected primals to only contain Tensors, got {type(leaf)}")
        if not is_inexact(leaf.dtype):
            raise ValueError(
                f"jacfwd: Expected primal to be floating point or complex, but got: {leaf.dtype}"
            )


def _columns(
    push: Callable[..., Any], leaves: list[jax.Array], index: int, outputs: list[jax.Array]
) -> list[jax.Array]:
    """Go forward from every element of one input; return a block for each output."""
    leaf = leaves[index]

    def column(place: jax.Array) -> list[jax.Array]:
        unit = jnp.zeros(leaf.size, leaf.dtype).at[place].set(1).reshape(leaf.shape)
        moving = [unit if i == index else jnp.zeros_like(x) for i, x in enumerate(leaves)]
        pairs = zip(jax.tree.leaves(push(*moving)), outputs, strict=True)
        return [t if is_inexact(o.dtype) else jnp.zeros_like(o) for t, o in pairs]

    if leaf.size:
        columns = jax.vmap(column, out_axes=-1)(jnp.arange(leaf.size))
    else:
        columns = [jnp.zeros((*o.shape, 0), o.dtype) for o in outputs]
    pairs = zip(columns, outputs, strict=True)
    return [found.reshape(o.shape + leaf.shape) for found, o in pairs]


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """Return the function that computes all second derivatives: forward over reverse mode.

    `hessian(f) = jacfwd(jacrev(f))`, of shape `output.shape + input.shape + input.shape`; the
    output need not be a scalar.

    Args:
      func: a function of positional arguments to an array or pytree of arrays.
      argnums: which of them to differentiate, an int or a tuple of ints: pytrees of real arrays.

    Returns:
      A function of the arguments of `func` to the structure of the output, and in it that of
      the argument twice, of tuples where `argnums` is a tuple.

    Raises:
      RuntimeError, ValueError, TypeError: as for `jacrev` and `jacfwd`.

    Departs from PyTorch: nowhere known.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import func
      >>> print(func.hessian(lambda x: x[0] ** 2 * x[1])(jnp.array([1.0, 3.0])))
      [[6. 2.]
       [2. 0.]]

    Reference: `torch.func.hessian`.
    """
    return jacfwd(jacrev(func, argnums), argnums)
