"""Products with Jacobians of pure functions: `vjp` and `jvp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax

from convgrad._arrays import Array, is_inexact

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
    require_tangents,
    require_tracked_outputs,
    require_used_inputs,
    require_varying,
    union,
)
from ._vector import ones_like, read_input_vector, read_vector, shapes_of


def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Evaluate `func` and multiply a vector with its Jacobian, from the left.

    `outputs = func(*inputs)` and `gradients[i] = conj(J_i)^T v` with
    `J_i = d outputs / d inputs[i]`: one gradient for each input, in the shape of that input.

    Args:
      func: a function of arrays that returns an array, a tuple of arrays or another pytree.
      inputs: where to evaluate. A tuple is splatted, `func(*inputs)`; an array or any other
        pytree is passed as the one argument. Floating point or complex arrays, any shape; None
        inside of a pytree is an empty subtree.
      v: the vector, in the structure and shapes of the outputs. It may be left out when there is
        one output with a single element; it is then 1.
      create_graph: accepted for PyTorch's sake. The result can always be differentiated again.
        With `strict=True` the gradients must then depend on the inputs.
      strict: raise when an output or an input is not connected, instead of returning zeros.

    Returns:
      `(outputs, gradients)`: what `func` returned, and the gradients in the structure,
      shapes and dtypes of `inputs`. An input that does not connect gets zeros.

    Raises:
      TypeError: an input, an output or an entry of `v` is not an array.
      RuntimeError: an input has an integer dtype; `v` is missing or has another structure,
        shape or complex dtype than the outputs; in strict mode, something is not connected.

    Departs from PyTorch: any pytree is accepted where PyTorch takes tuples; nothing is detached
    when `create_graph` is False. Complex numbers follow PyTorch's convention, not JAX's.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import vjp
      >>> y, gradient = vjp(lambda x: 2 * x, jnp.zeros(3), jnp.array([1.0, 2.0, 3.0]))
      >>> print(gradient)
      [2. 4. 6.]

    Reference: `torch.autograd.functional.vjp`.
    """
    given = Inputs.read(inputs, "vjp")
    require_gradient_dtype(given.leaves)
    traced = trace(func, given, "vjp")
    if strict:
        require_tracked_outputs(traced)
    if v is None:
        vector = _default_vector(traced)
    else:
        vector = read_vector(v, traced.avals, traced.structure, "vjp")
    for i, (entry, output) in enumerate(zip(vector, traced.avals, strict=True)):
        if traced.connected[i]:
            require_same_complex_dtype(i, entry, output)
    if strict:
        require_used_inputs(traced, len(given.leaves))
        if create_graph:
            require_varying(
                connected_to(lambda *xs: traced.at(xs).gradients(vector), given.leaves, "vjp"),
                "jacobian",
            )
    gradients = traced.gradients(vector)
    return (
        jax.tree.unflatten(traced.structure, traced.outputs),
        jax.tree.unflatten(given.treedef, gradients),
    )


def jvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Evaluate `func` and multiply its Jacobian with a vector, from the right.

    `outputs = func(*inputs)` and `products = sum_i J_i v[i]` with
    `J_i = d outputs / d inputs[i]`: the derivative of the outputs when the inputs move along
    `v`, in the shapes of the outputs.

    Args:
      func: a function of arrays that returns an array, a tuple of arrays or another pytree.
      inputs: where to evaluate. A tuple is splatted, `func(*inputs)`; an array or any other
        pytree is passed as the one argument. Floating point or complex arrays, any shape; None
        inside of a pytree is an empty subtree.
      v: the vector, in the structure and shapes of the inputs. It may be left out when there is
        one input with a single element; it is then 1.
      create_graph: accepted for PyTorch's sake. The result can always be differentiated again.
        With `strict=True` the products must then depend on the inputs.
      strict: raise when an output or an input is not connected, instead of returning zeros.

    Returns:
      `(outputs, products)`, both in the structure, shapes and dtypes of the outputs.

    Raises:
      TypeError: an input, an output or an entry of `v` is not an array.
      RuntimeError: an input or an output has an integer dtype; `v` is missing or has another
        structure, shape or complex dtype than the inputs; in strict mode, something is not
        connected.

    Departs from PyTorch: forward mode, where PyTorch goes back twice; only a program with a
    `custom_vjp` inside, or with a backward that is not linear, is gone back through twice. Any
    pytree is accepted.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import jvp
      >>> y, product = jvp(lambda x: x * x, jnp.array([1.0, 2.0]), jnp.array([1.0, 10.0]))
      >>> print(product)
      [ 2. 40.]

    Reference: `torch.autograd.functional.jvp`.
    """
    given = Inputs.read(inputs, "jvp")
    require_gradient_dtype(given.leaves)
    vector = read_input_vector(v, given.leaves, given.treedef, "jvp")
    traced = trace(func, given, "jvp")
    if strict:
        require_tracked_outputs(traced)
    _require_gradient_outputs(traced)
    push = traced.pushforward(back_twice=True)
    if strict:
        tangents = connected_to(lambda *ts: push(ts)[1], ones_like(given.leaves), "jvp")
        require_tangents(traced, tangents, len(given.leaves))
    for i in sorted(union(traced.connected)):
        if v is None:
            require_real_seed(given.leaves[i].dtype, "pass v explicitly")
        require_same_complex_dtype(i, vector[i], given.leaves[i])
    if strict and create_graph:
        require_varying(
            connected_to(
                lambda *xs: traced.at(xs).pushforward(back_twice=True)(vector)[1],
                given.leaves,
                "jvp",
            ),
            "jacobian",
        )
    outputs, products = push(vector)
    return (
        jax.tree.unflatten(traced.structure, outputs),
        jax.tree.unflatten(traced.structure, products),
    )


def _default_vector(traced: Trace) -> Sequence[Array]:
    if len(traced.avals) != 1 or traced.avals[0].size != 1:
        raise RuntimeError(
            "The vector v can only be None if the user-provided function returns a single Tensor "
            f"with a single element. It returns shapes {shapes_of(traced.avals)}: pass v in these "
            "shapes."
        )
    if traced.connected[0]:
        require_real_seed(traced.avals[0].dtype, "pass v explicitly")
    return ones_like(traced.avals)


def _require_gradient_outputs(traced: Trace) -> None:
    for i, output in enumerate(traced.avals):
        if not is_inexact(output.dtype):
            raise RuntimeError(
                "only Tensors of floating point and complex dtype can require gradients: output "
                f"{i} of the user-provided function has dtype {output.dtype}, and no derivative. "
                "Return it beside what is differentiated, not with it."
            )
