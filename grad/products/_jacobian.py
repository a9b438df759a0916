"""Whole matrices of derivatives: `jacobian` and `hessian`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax.tree_util import PyTreeDef

from convgrad._arrays import Array

from .._trace import Inputs, Trace, require_gradient_dtype, require_real_seed, trace
from ._hessian_products import gradient_of_scalar
from ._strict import (
    connected_to,
    require_dense_row,
    require_tracked_outputs,
    require_varying_jacobian,
)
from ._vector import ones_like

if TYPE_CHECKING:
    from convgrad._jax import Shaped

Blocks = list[list[jax.Array]]  # one row for each output, in it one array for each input


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Return all derivatives of all outputs with respect to all inputs.

    `J[a..., b...] = d output[a...] / d input[b...]`, of shape `output.shape + input.shape`:
    for vectors one row for each output and one column for each input. This is the numerator
    layout, in which `dy = J dx` and the chain rule reads from left to right. The denominator
    layout is its transpose, of shape `input.shape + output.shape`: it is the layout of gradients,
    which have the shape of the input, and `gradient = J^T v` (`vjp`).

    Args:
      func: a function of arrays that returns an array, a tuple of arrays or another pytree.
      inputs: where to evaluate. A tuple is splatted, `func(*inputs)`; an array or any other
        pytree is passed as the one argument. Floating point or complex arrays, any shape; None
        inside of a pytree is an empty subtree.
      create_graph: accepted for PyTorch's sake. The result can always be differentiated again.
        With `strict=True` the Jacobian must then depend on the inputs.
      strict: raise when an output does not depend on an input, instead of returning zeros.
      vectorize: needed for complex outputs and for `"forward-mode"`, refused with `strict`.
      strategy: `"reverse-mode"`, one pass back for each output, or `"forward-mode"`, one
        pass forward for each input.

    Returns:
      The structure of the outputs with, for each of them, the structure of the inputs: an array
      for one array in and out, `J[i][j]` for tuples. The dtype is the input's, and the
      output's in forward mode.

    Raises:
      TypeError: an input or an output is not an array.
      ValueError: `strategy` is neither of the two.
      RuntimeError: an input has an integer dtype; `strict` together with `vectorize` or
        forward mode; a complex output without `vectorize`; in strict mode, something is not
        connected.
      NotImplementedError: forward mode without `vectorize` or with `create_graph`.

    Departs from PyTorch: all passes are one `vmap`, with and without `vectorize`, so that
    `func` must support it. An output without elements has a Jacobian without elements. The
    complex rows of reverse mode are `conj(J)`, as in PyTorch; those of forward mode are `J`.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import jacobian
      >>> w = jnp.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
      >>> print(jacobian(lambda x: w @ x, jnp.ones(3)))
      [[1. 2. 3.]
       [4. 5. 6.]]

    Reference: `torch.autograd.functional.jacobian`.
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise ValueError(
            'Expected strategy to be either "forward-mode" or "reverse-mode", got '
            f"{strategy!r}. With more outputs than inputs the first takes fewer passes."
        )
    forward = strategy == "forward-mode"
    if forward:
        _refuse_with_forward_mode(create_graph, strict)
    given = Inputs.read(inputs, "jacobian")
    require_gradient_dtype(given.leaves)
    if forward:
        _require_vectorize(vectorize)
    traced = trace(func, given, "jacobian")
    if forward:
        blocks = _columns(traced, given.leaves)
    else:
        blocks = _rows(traced, given.leaves, create_graph, strict, vectorize)
    return _nest(blocks, traced.structure, given.treedef)


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return all second derivatives of a scalar function: the Jacobian of its gradient.

    `H[a..., b...] = d^2 output / d input[b...] d input[a...]`, of shape
    `input.shape + input.shape`.

    Args:
      func: a function of arrays that returns one array with a single element.
      inputs: where to evaluate. A tuple is splatted, `func(*inputs)`; an array or any other
        pytree is passed as the one argument. Floating point or complex arrays, any shape; None
        inside of a pytree is an empty subtree.
      create_graph: accepted for PyTorch's sake. The result can always be differentiated again.
        With `strict=True` the Hessian must then depend on the inputs.
      strict: raise when the output or its gradient does not depend on an input, instead of
        returning zeros.
      vectorize: needed for complex inputs and for `"forward-mode"`, refused with `strict`.
      outer_jacobian_strategy: how the gradient is differentiated: `"reverse-mode"` or
        `"forward-mode"`.

    Returns:
      The structure of the inputs twice: an array for one array, `H[i][j]` for a tuple.

    Raises:
      TypeError: an input or an output is not an array.
      ValueError: `outer_jacobian_strategy` is neither of the two.
      RuntimeError: an input has an integer dtype; `func` returns several arrays, or one of
        several elements, or a complex one; complex inputs without `vectorize`; `strict`
        together with `vectorize` or forward mode; in strict mode, something is not connected.
      NotImplementedError: forward mode without `vectorize` or with `create_graph`.

    Departs from PyTorch: all passes are one `vmap`, with and without `vectorize`.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import hessian
      >>> print(hessian(lambda x: x[0] ** 2 * x[1], jnp.array([1.0, 3.0])))
      [[6. 2.]
       [2. 0.]]

    Reference: `torch.autograd.functional.hessian`.
    """
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise ValueError(
            'Expected strategy to be either "forward-mode" or "reverse-mode", got '
            f"outer_jacobian_strategy={outer_jacobian_strategy!r}."
        )
    forward = outer_jacobian_strategy == "forward-mode"
    given = Inputs.read(inputs, "hessian")
    require_gradient_dtype(given.leaves)
    if forward:
        _refuse_with_forward_mode(create_graph, strict)
        _require_vectorize(vectorize)
    _, gradient = gradient_of_scalar(func, given, "hessian", strict)
    if strict:
        require_varying_jacobian(gradient)
    if forward:
        blocks = _columns(gradient, given.leaves)
    else:
        blocks = _rows(gradient, given.leaves, create_graph, strict, vectorize)
    return _nest(blocks, given.treedef, given.treedef)


def _rows(
    traced: Trace, leaves: Sequence[Array], create_graph: bool, strict: bool, vectorize: bool
) -> Blocks:
    """Go back from every element of every output."""
    if strict:
        require_tracked_outputs(traced)
        if vectorize:
            raise RuntimeError(
                "jacobian: `strict=True` and `vectorize=True` are not supported together. Please "
                "either set `strict=False` or `vectorize=False`."
            )
    for i, output in enumerate(traced.avals):
        if output.size and traced.connected[i]:
            if not vectorize:
                require_real_seed(output.dtype, "set `vectorize=True` for conj(J)")
            if strict:
                require_dense_row(traced.connected[i], len(leaves), i)
                if create_graph:
                    _require_varying_row(traced, leaves, i)
    return [_row(traced, leaves, i) for i in range(len(traced.avals))]


def _row(traced: Trace, leaves: Sequence[Array], index: int) -> list[jax.Array]:
    output = traced.avals[index]
    shapes = [output.shape + leaf.shape for leaf in leaves]
    if not output.size or not traced.connected[index]:
        return [jnp.zeros(s, leaf.dtype) for s, leaf in zip(shapes, leaves, strict=True)]
    one = traced.only(index)  # a zero gradient of the others would still meet their infinities
    basis = _basis(one.outputs[0])  # evaluated here, outside of vmap
    rows = jax.vmap(lambda seed: one.gradients([seed]))(basis)
    return [row.reshape(s) for s, row in zip(shapes, rows, strict=True)]


def _columns(traced: Trace, leaves: Sequence[Array]) -> Blocks:
    """Go forward from every element of every input."""
    push = traced.pushforward()
    zeros = _zeros(leaves)
    blocks: Blocks = [[] for _ in traced.avals]
    for i, leaf in enumerate(leaves):
        columns = (
            jax.vmap(lambda t, i=i: push(_set(zeros, i, t))[1])(_basis(leaf))
            if leaf.size
            else [jnp.zeros((0, *output.shape), output.dtype) for output in traced.avals]
        )
        for block, output, column in zip(blocks, traced.avals, columns, strict=True):
            block.append(jnp.moveaxis(column, 0, -1).reshape(output.shape + leaf.shape))
    return blocks


def _require_varying_row(traced: Trace, leaves: Sequence[Array], index: int) -> None:
    one = traced.only(index)
    seed = ones_like(one.avals)
    row = connected_to(lambda *xs: one.at(xs).gradients(seed), leaves, "jacobian")
    if not all(row):
        raise RuntimeError(
            f"The jacobian of the user-provided function is independent of input {index}. This is "
            "not allowed in strict mode when create_graph=True."
        )


def _refuse_with_forward_mode(create_graph: bool, strict: bool) -> None:
    for name, value, error in (
        ("create_graph", create_graph, NotImplementedError),
        ("strict", strict, RuntimeError),
    ):
        if value:
            raise error(
                f'jacobian: `{name}=True` and `strategy="forward-mode"` are not supported together '
                f'(yet). Please either set `{name}=False` or `strategy="reverse-mode"`.'
            )


def _require_vectorize(vectorize: bool) -> None:
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is only "
            "implemented for `vectorize=True`."
        )


def _nest(blocks: Blocks, outer: PyTreeDef, inner: PyTreeDef) -> Any:
    return jax.tree.unflatten(outer, [jax.tree.unflatten(inner, row) for row in blocks])


def _basis(aval: Shaped) -> jax.Array:
    return jnp.eye(aval.size, dtype=aval.dtype).reshape(aval.size, *aval.shape)


def _zeros(avals: Sequence[Shaped]) -> list[jax.Array]:
    return [jnp.zeros(aval.shape, aval.dtype) for aval in avals]


def _set(values: Sequence[jax.Array], index: int, value: jax.Array) -> list[jax.Array]:
    return [value if i == index else other for i, other in enumerate(values)]
