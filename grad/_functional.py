"""``torch.autograd.functional``: products with Jacobians of pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from grad._trace import (
    Inputs,
    Trace,
    is_none,
    require_arrays,
    require_gradient_dtype,
    require_real_seed,
    require_same_complex_dtype,
    trace,
)


def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Evaluate ``func`` and multiply a vector with its Jacobian, from the left.

    ``outputs = func(*inputs)`` and ``gradients[i] = conj(J_i)^T v`` with
    ``J_i = d outputs / d inputs[i]``: one gradient for each input, in the shape of that input.

    Args:
        func: a function of arrays that returns an array, a tuple of arrays or another pytree.
        inputs: where to evaluate. A tuple is splatted, ``func(*inputs)``; an array or any other
            pytree is passed as the one argument. Floating point or complex arrays, any shape.
        v: the vector, in the structure and shapes of the outputs. It may be left out when there is
            one output with a single element; it is then 1.
        create_graph: accepted for PyTorch's sake. The result can always be differentiated again.
            With ``strict=True`` the gradients must then depend on the inputs.
        strict: raise when an output or an input is not connected, instead of returning zeros.

    Returns:
        ``(outputs, gradients)``: what ``func`` returned, and the gradients in the structure,
        shapes and dtypes of ``inputs``. An input that does not connect gets zeros.

    Raises:
        TypeError: an input, an output or an entry of ``v`` is not an array.
        RuntimeError: an input has an integer dtype; ``v`` is missing or has another structure,
            shape or complex dtype than the outputs; in strict mode, something is not connected.

    Departs from PyTorch: any pytree is accepted where PyTorch takes tuples; nothing is detached
    when ``create_graph`` is False. Complex numbers follow PyTorch's convention, not JAX's.

    Example:
        >>> import jax.numpy as jnp
        >>> from grad import vjp
        >>> y, gradient = vjp(lambda x: 2 * x, jnp.zeros(3), jnp.array([1.0, 2.0, 3.0]))
        >>> print(gradient)
        [2. 4. 6.]

    Reference: ``torch.autograd.functional.vjp``.
    """
    given = Inputs.read(inputs, "vjp")
    require_gradient_dtype(given.leaves)
    traced = trace(func, given, "vjp")
    if strict:
        _require_tracked_outputs(traced)
    vector = _default_vector(traced) if v is None else _read_vector(v, traced)
    for i, (entry, output) in enumerate(zip(vector, traced.outputs, strict=True)):
        if traced.connected[i]:
            require_same_complex_dtype(i, entry, output)
    gradients = traced.gradients(vector)
    if strict:
        _require_used_inputs(traced, len(given.leaves))
        if create_graph:
            _require_varying_gradients(func, given, vector)
    return (
        jax.tree.unflatten(traced.structure, traced.outputs),
        jax.tree.unflatten(given.treedef, gradients),
    )


def _default_vector(traced: Trace) -> list[Any]:
    if len(traced.outputs) != 1 or traced.outputs[0].size != 1:
        shapes = ", ".join(str(output.shape) for output in traced.outputs)
        raise RuntimeError(
            "The vector v can only be None if the user-provided function returns a single Tensor "
            f"with a single element. It returns shapes {shapes}: pass v in these shapes."
        )
    (output,) = traced.outputs
    if traced.connected[0]:
        require_real_seed(output.dtype)
    return [jnp.ones_like(output)]


def _read_vector(v: Any, traced: Trace) -> list[Any]:
    vector, structure = jax.tree.flatten(v, is_leaf=is_none)
    require_arrays("v", v, vector, "vjp")
    several = len(traced.outputs) > 1
    if len(vector) != len(traced.outputs):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(traced.outputs)} but got "
            f"{len(vector)}."
            if several
            else f"The given v should contain a single Tensor, got {len(vector)}."
        )
    if several and structure != traced.structure:
        raise RuntimeError(
            f"v has invalid structure: should be {traced.structure} but got {structure}."
        )
    for i, (entry, output) in enumerate(zip(vector, traced.outputs, strict=True)):
        if entry.shape != output.shape:
            raise RuntimeError(
                f"{f'Entry {i} in ' if several else ''}v has invalid size: should be "
                f"{output.shape} but got {entry.shape}."
            )
    return vector


def _require_tracked_outputs(traced: Trace) -> None:
    for i, sources in enumerate(traced.connected):
        if not sources:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs "
                "must be computed in a differentiable manner from the input when running in strict "
                "mode."
            )


def _require_used_inputs(traced: Trace, count: int) -> None:
    used: frozenset[int] = frozenset().union(*traced.connected)
    for i in range(count):
        if i not in used:
            raise RuntimeError(
                f"The output of the user-provided function is independent of input {i}. This is "
                "not allowed in strict mode."
            )


def _require_varying_gradients(
    func: Callable[..., Any], inputs: Inputs, vector: Sequence[Any]
) -> None:
    def gradients(*leaves: Any) -> list[Any]:
        moved = Inputs(list(leaves), inputs.treedef, inputs.splat)
        return trace(func, moved, "vjp").gradients(vector)

    again = trace(gradients, Inputs.read(tuple(inputs.leaves), "vjp"), "vjp")
    for i, sources in enumerate(again.connected):
        if not sources:
            raise RuntimeError(
                "The jacobian of the user-provided function is independent of "
                f"input {i}. This is not allowed in strict mode when create_graph=True."
            )
