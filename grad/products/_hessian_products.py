"""Products with Hessians of scalar functions: `vhp` and `hvp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax

from convgrad._arrays import Array

from .._trace import (
    Inputs,
    Trace,
    require_gradient_dtype,
    require_real_seed,
    require_same_complex_dtype,
    trace,
)
from ._strict import (
    connected_to,
    require_second_order_entries,
    require_second_order_inputs,
    require_tracked_outputs,
    require_used_inputs,
    require_varying,
    require_varying_jacobian,
)
from ._vector import ones_like, read_input_vector, shapes_of


def vhp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Evaluate a scalar `func` and multiply a vector with its Hessian, from the left.

    `output = func(*inputs)` and `products[j] = sum_i conj(H_ij)^T v[i]` with
    `H_ij = d gradient[i] / d inputs[j]`: the gradient is gone back through once more.

    Args:
      func: a function of arrays that returns one array with a single element.
      inputs: where to evaluate. A tuple is splatted, `func(*inputs)`; an array or any other
        pytree is passed as the one argument. Floating point or complex arrays, any shape; None
        inside of a pytree is an empty subtree.
      v: the vector, in the structure and shapes of the inputs. It may be left out when there is
        one input with a single element; it is then 1.
      create_graph: accepted for PyTorch's sake. The result can always be differentiated again.
        With `strict=True` the products must then depend on the inputs.
      strict: raise when the output, the gradient or the products do not depend on the inputs,
        instead of returning zeros.

    Returns:
      `(output, products)`: what `func` returned, and the products in the structure, shapes
      and dtypes of `inputs`.

    Raises:
      TypeError: an input, an output or an entry of `v` is not an array.
      RuntimeError: an input has an integer dtype; `func` returns several arrays, or one of
        several elements, or a complex one; `v` is missing or has another structure, shape or
        complex dtype than the inputs; in strict mode, something is not connected.

    Departs from PyTorch: any pytree of inputs is accepted.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import vhp
      >>> output, product = vhp(lambda x: jnp.sum(x**3), jnp.array([1.0, 2.0]), jnp.ones(2))
      >>> print(output, product)
      9.0 [ 6. 12.]

    Reference: `torch.autograd.functional.vhp`.
    """
    given = Inputs.read(inputs, "vhp")
    require_gradient_dtype(given.leaves)
    vector = read_input_vector(v, given.leaves, given.treedef, "vhp")
    first, gradient = gradient_of_scalar(func, given, "vhp", strict)
    if strict:
        require_used_inputs(first, len(given.leaves))
        require_varying_jacobian(gradient)
        require_second_order_inputs(gradient, len(given.leaves))
    _require_vector_dtypes(v, vector, gradient)
    if strict and create_graph:
        require_varying(
            connected_to(lambda *xs: gradient.at(xs).gradients(vector), given.leaves, "vhp"),
            "hessian",
        )
    products = gradient.gradients(vector)
    return (
        jax.tree.unflatten(first.structure, first.values()),
        jax.tree.unflatten(given.treedef, products),
    )


def hvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Evaluate a scalar `func` and multiply its Hessian with a vector, from the right.

    `output = func(*inputs)` and `products[i] = sum_j H_ij v[j]` with
    `H_ij = d gradient[i] / d inputs[j]`: the derivative of the gradient along `v`. Where the
    second derivatives are continuous and real, this is `vhp` with the same `v`.

    Args:
      func: a function of arrays that returns one array with a single element.
      inputs: where to evaluate. A tuple is splatted, `func(*inputs)`; an array or any other
        pytree is passed as the one argument. Floating point or complex arrays, any shape; None
        inside of a pytree is an empty subtree.
      v: the vector, in the structure and shapes of the inputs. It may be left out when there is
        one input with a single element; it is then 1.
      create_graph: accepted for PyTorch's sake. The result can always be differentiated again.
        With `strict=True` the products must then depend on the inputs.
      strict: raise when the output, the gradient or the products do not depend on the inputs,
        instead of returning zeros.

    Returns:
      `(output, products)`: what `func` returned, and the products in the structure, shapes
      and dtypes of `inputs`.

    Raises:
      TypeError: an input, an output or an entry of `v` is not an array.
      RuntimeError: an input has an integer dtype; `func` returns several arrays, or one of
        several elements, or a complex one; `v` is missing or has another structure, shape or
        complex dtype than the inputs; in strict mode, something is not connected.

    Departs from PyTorch: forward mode over the gradient, and so no slower than `vhp`; only where
    a backward is not linear it goes back twice more. Any pytree of inputs is accepted.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import hvp
      >>> output, product = hvp(lambda x: jnp.sum(x**3), jnp.array([1.0, 2.0]), jnp.ones(2))
      >>> print(output, product)
      9.0 [ 6. 12.]

    Reference: `torch.autograd.functional.hvp`.
    """
    given = Inputs.read(inputs, "hvp")
    require_gradient_dtype(given.leaves)
    vector = read_input_vector(v, given.leaves, given.treedef, "hvp")
    first, gradient = gradient_of_scalar(func, given, "hvp", strict)
    push = gradient.pushforward(back_twice=True)
    if strict:
        require_used_inputs(first, len(given.leaves))
        require_varying_jacobian(gradient)
        require_second_order_entries(
            connected_to(lambda *ts: push(ts)[1], ones_like(given.leaves), "hvp")
        )
    _require_vector_dtypes(v, vector, gradient)
    if strict and create_graph:
        require_varying(
            connected_to(
                lambda *xs: gradient.at(xs).pushforward(back_twice=True)(vector)[1],
                given.leaves,
                "hvp",
            ),
            "hessian",
        )
    _, products = push(vector)
    return (
        jax.tree.unflatten(first.structure, first.values()),
        jax.tree.unflatten(given.treedef, products),
    )


def gradient_of_scalar(
    func: Callable[..., Any], given: Inputs, caller: str, strict: bool
) -> tuple[Trace, Trace]:
    """Return the traces of a scalar function and of its gradient, in PyTorch's convention."""
    first = trace(func, given, caller)
    if strict:
        require_tracked_outputs(first)
    if not jax.tree_util.treedef_is_leaf(first.structure):
        raise RuntimeError(
            f"The function given to {caller} should return a single Tensor, got {first.structure}."
        )
    if first.avals[0].size != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {caller} should contain a single "
            f"element, got shape {shapes_of(first.avals)}."
        )
    if first.connected[0]:
        require_real_seed(first.avals[0].dtype, "return a real number, such as the real part")
    seed = ones_like(first.avals)
    flat = Inputs.splatted(given.leaves)
    return first, trace(lambda *leaves: first.at(leaves).gradients(seed), flat, caller)


def _require_vector_dtypes(v: object, vector: Sequence[Array], gradient: Trace) -> None:
    for i, sources in enumerate(gradient.connected):
        if sources:
            if v is None:
                require_real_seed(gradient.avals[i].dtype, "pass v explicitly")
            require_same_complex_dtype(i, vector[i], gradient.avals[i])
