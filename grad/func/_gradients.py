"""`torch.func`'s gradients and products: `grad`, `grad_and_value`, `vjp`, `jvp`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import PyTreeDef

from convgrad._arrays import conj, is_array, is_inexact

from .._trace import require_real_seed
from ..products._strict import connected_to
from ._arguments import (
    Argnums,
    Chosen,
    as_arrays,
    require_function,
    require_outputs,
    require_primals,
    split_aux,
)

SCALAR = "grad_and_value(f)(*args)"
JVP = "jvp(f, primals, tangents)"
VJP = "vjp(f, *primals)"


def grad(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return the function that computes the gradient of a scalar function.

    `grad(f)(x) = conj(df / dx)`, the gradient that `backward` leaves in `x.grad`.

    Args:
      func: a function that returns an array of shape (), or `(output, aux)` with `has_aux`.
      argnums: which of the positional arguments to differentiate, an int or a tuple of ints,
        counted from the end where negative: pytrees of floating point or complex arrays.
      has_aux: whether `func` returns something beside, a pytree of arrays.

    Returns:
      A function of the arguments of `func`, keywords too, to the gradient in the structure of
      the argument, a tuple of gradients where `argnums` is a tuple; `(gradient, aux)` with
      `has_aux`. An input that the output does not depend on gets zeros.

    Raises:
      RuntimeError: `argnums` names no argument, or one twice, or is no int or tuple; the output
        is not one array of shape (), or is complex; no aux where there should be one; an input
        has an integer dtype.
      ValueError: a leaf of a differentiated argument is no array.
      TypeError: `func` cannot be called.

    Departs from PyTorch: `jax.grad` differs from it in what it returns for complex inputs, its
    conjugate, and in what it refuses. None inside of a pytree is an empty subtree.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import func
      >>> x = jnp.array([1.0, 2.0])
      >>> print(func.grad(lambda x: jnp.sum(x**2))(x))
      [2. 4.]
      >>> func.grad(lambda x, y: jnp.dot(x, y), argnums=(0, -1))(x, x + 1)
      (Array([2., 3.], dtype=float32), Array([1., 2.], dtype=float32))

    Reference: `torch.func.grad`.
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def grad_and_value(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return the function that computes the gradient of a scalar function, and its value.

    Args:
      func: as for `grad`.
      argnums: as for `grad`.
      has_aux: as for `grad`.

    Returns:
      A function of the arguments of `func` to `(gradient, value)`, in this order, or
      `(gradient, (value, aux))` with `has_aux`.

    Raises:
      RuntimeError, ValueError, TypeError: as for `grad`.

    Departs from PyTorch: as `grad`. `jax.value_and_grad` has the value first.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import func
      >>> gradient, value = func.grad_and_value(lambda x: jnp.sum(x**2))(jnp.array([1.0, 2.0]))
      >>> print(gradient, value)
      [2. 4.] 5.0

    Reference: `torch.func.grad_and_value`.
    """
    require_function(func, "grad_and_value")

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        chosen = Chosen.by(argnums, args)
        require_primals(chosen.values)

        def run(values: Any) -> tuple[Any, Any]:
            returned = func(*chosen.replace(values), **kwargs)
            output, aux = split_aux(returned, has_aux, SCALAR)
            _require_scalar(output)
            return output, aux

        value, pull, aux = jax.vjp(run, as_arrays(chosen.values), has_aux=True)
        if is_inexact(value.dtype):
            require_real_seed(value.dtype, "return a real number, such as the real part")
            (gradient,) = pull(jnp.ones_like(value))
            gradient = jax.tree.map(conj, gradient)
        else:
            gradient = jax.tree.map(jnp.zeros_like, chosen.values)
        return gradient, ((value, aux) if has_aux else value)

    return both


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Evaluate `func`; return its output, and the function that multiplies with its Jacobian.

    `vjp_fn(v) = conj(J)^T v`, a tuple with one gradient for each of `primals`.

    Args:
      func: a function of `primals` to an array or pytree of arrays of floating point or complex
        dtypes, or to `(output, aux)` with `has_aux`.
      *primals: where to evaluate: pytrees of floating point or complex arrays.
      has_aux: whether `func` returns something beside, a pytree of arrays.

    Returns:
      `(output, vjp_fn)`, or `(output, vjp_fn, aux)`. `vjp_fn` takes the structure and the
      shapes of the output, and can be called any number of times.

    Raises:
      RuntimeError: an output is no array, or has an integer dtype; no aux where there should be
        one; an input has an integer dtype. From `vjp_fn`: another structure or shape.
      ValueError: a leaf of the inputs is no array.
      TypeError: `func` cannot be called.

    Departs from PyTorch: `jax.vjp` has `J^T v` for complex numbers, and no check of the
    structure. Whatever is asked for can be differentiated again.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import func
      >>> y, pull = func.vjp(jnp.square, jnp.array([1.0, 2.0]))
      >>> pull(jnp.ones(2))
      (Array([2., 4.], dtype=float32),)

    Reference: `torch.func.vjp`.
    """
    require_function(func, "vjp")
    require_primals(primals)

    def run(*values: Any) -> tuple[Any, Any]:
        output, aux = split_aux(func(*values), has_aux, VJP)
        require_outputs(output, VJP)
        for leaf in jax.tree.leaves(output):
            if not is_inexact(leaf.dtype):
                raise RuntimeError(
                    "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got "
                    f"Tensor with dtype {leaf.dtype}"
                )
        return output, aux

    output, pull, aux = jax.vjp(run, *as_arrays(primals), has_aux=True)
    structure: PyTreeDef = jax.tree.structure(output)

    def vjp_fn(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        """Multiply with the transposed Jacobian. The two flags are accepted for PyTorch's sake."""
        del retain_graph, create_graph
        given: PyTreeDef
        leaves, given = jax.tree.flatten(cotangents)
        if given != structure:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {given}, primal output: {structure}"
            )
        pairs = list(zip(leaves, jax.tree.leaves(output), strict=True))
        for i, (leaf, out) in enumerate(pairs):
            if jnp.shape(leaf) != out.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{i}] has a shape of {jnp.shape(leaf)} and "
                    f"output[{i}] has a shape of {out.shape}."
                )
        seeds = [conj(jnp.asarray(leaf).astype(out.dtype)) for leaf, out in pairs]
        return jax.tree.map(conj, pull(jax.tree.unflatten(structure, seeds)))

    return (output, vjp_fn, aux) if has_aux else (output, vjp_fn)


def jvp(
    func: Callable[..., Any],
    primals: Any,
    tangents: Any,
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """Evaluate `func`, and multiply its Jacobian with tangents: forward mode.

    `jvp_out = J tangents`.

    Args:
      func: a function of `primals` to an array or pytree of arrays, or to `(output, aux)`
        with `has_aux`.
      primals: a tuple: where to evaluate, pytrees of floating point or complex arrays.
      tangents: the structure and shapes of `primals`.
      strict: raise when an output does not depend on `primals`, instead of returning zeros.
      has_aux: whether `func` returns something beside, a pytree of arrays.

    Returns:
      `(output, jvp_out)`, or `(output, jvp_out, aux)`. The tangent of an output of an integer
      or boolean dtype is zeros of that dtype.

    Raises:
      RuntimeError: `primals` is no tuple, or has no array, or something else; `tangents` has
        another structure or shape; an output is no array; no aux where there should be one;
        with `strict`, an output that does not depend on the inputs.
      ValueError: an input has an integer dtype.
      TypeError: `func` cannot be called, or has no forward mode (`jax.custom_vjp`).

    Departs from PyTorch: tangents take the dtype of the primals; there a wider one is kept.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import func
      >>> y, moved = func.jvp(jnp.square, (jnp.array([1.0, 2.0]),), (jnp.array([1.0, 10.0]),))
      >>> print(moved)
      [ 2. 40.]

    Reference: `torch.func.jvp`.
    """
    require_function(func, "jvp")
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{JVP}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals). "
            f"Got {type(primals)}"
        )
    leaves, moving = _read_tangents(primals, tangents)
    structure = jax.tree.structure(primals)

    def run(*flat: jax.Array) -> tuple[Any, Any]:
        returned = func(*jax.tree.unflatten(structure, flat))
        output, aux = split_aux(returned, has_aux, JVP)
        require_outputs(output, JVP)
        return output, aux

    if strict:
        _require_connected(lambda *flat: run(*flat)[0], leaves)
    output, moved, aux = jax.jvp(run, leaves, moving, has_aux=True)
    moved = jax.tree.map(
        lambda out, t: t if is_inexact(out.dtype) else jnp.zeros_like(out), output, moved
    )
    return (output, moved, aux) if has_aux else (output, moved)


def _require_scalar(output: Any) -> None:
    if not is_array(output):
        raise RuntimeError(f"{SCALAR}: Expected f(*args) to return a Tensor, got {type(output)}")
    if output.ndim != 0:
        raise RuntimeError(
            f"{SCALAR}: Expected f(*args) to return a scalar Tensor, got tensor with {output.ndim} "
            "dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )


def _read_tangents(primals: Any, tangents: Any) -> tuple[list[jax.Array], list[jax.Array]]:
    given: PyTreeDef
    wanted: PyTreeDef
    leaves, wanted = jax.tree.flatten(primals)
    moving, given = jax.tree.flatten(tangents)
    if given != wanted:
        raise RuntimeError(
            f"{JVP}: Expected primals and tangents to have the same python structure. For example, "
            "if primals is a tuple of 3 tensors, tangents also must be. Got primals with structure "
            f"{wanted} and tangents with structure {given}"
        )
    for name, values in (("primals", leaves), ("tangents", moving)):
        if not values:
            raise RuntimeError(f"{JVP}: Expected {name} to contain at least one Tensor.")
        for value in values:
            if not is_array(value):
                raise RuntimeError(
                    f"{JVP}: Expected {name} to only contain Tensors, got {type(value)}"
                )
    for leaf, tangent in zip(leaves, moving, strict=True):
        if not is_inexact(leaf.dtype):
            raise ValueError(
                f"{JVP}: Expected primal to be floating point or complex, but got: {leaf.dtype}"
            )
        if leaf.shape != tangent.shape:
            raise RuntimeError(
                f"{JVP}: Trying to set a forward gradient that has a different size than that of "
                "the original Tensor, this is not supported. Tensor is of size "
                f"{leaf.shape} while the given forward gradient is of size {tangent.shape}."
            )
    arrays = [jnp.asarray(leaf) for leaf in leaves]
    return arrays, [
        jnp.asarray(t).astype(leaf.dtype) for t, leaf in zip(moving, arrays, strict=True)
    ]


def _require_connected(run: Callable[..., Any], leaves: list[jax.Array]) -> None:
    connected = connected_to(lambda *flat: tuple(jax.tree.leaves(run(*flat))), leaves, "jvp")
    if not all(connected):
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. "
            "This is not allowed with strict=True."
        )
