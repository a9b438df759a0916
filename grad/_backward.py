"""`backward`: the gradients that `Tensor.backward` leaves in `.grad`, as a return value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from convgrad._arrays import Array

from ._trace import (
    Inputs,
    Trace,
    require_gradient_dtype,
    require_real_seed,
    require_same_complex_dtype,
    trace,
)
from ._trees import is_none, require_arrays, unflatten_up_to

if TYPE_CHECKING:
    from convgrad._jax import Shaped


def backward(func: Callable[..., Any], inputs: Any, gradient: Any = None) -> Any:
    """Return the gradient of `func`'s output with respect to every input.

    `gradients[i] = conj(d output / d inputs[i])^T gradient`, what `output.backward(gradient)`
    adds to `inputs[i].grad` when every input requires grad.

    Args:
      func: a function of arrays that returns an array (or a pytree of arrays, each of which is
        then gone back from, and the gradients added up).
      inputs: where to evaluate. A tuple is splatted, `func(*inputs)`; an array or any other
        pytree is passed as the one argument. Floating point or complex arrays, any shape; None
        inside of a pytree is an empty subtree.
        What should not be tracked is detached inside `func` or closed over.
      gradient: the gradient of the output, in its shape and structure. It may be left out, or be
        None in places, where the output is real with a single element; it is then 1.

    Returns:
      The gradients in the structure, shapes and dtypes of `inputs`, with None for an input
      that the output does not depend on while it does on others: its `.grad` stays None.

    Raises:
      TypeError: an input, an output or an entry of `gradient` is not an array.
      RuntimeError: an input has an integer dtype; the output is not scalar and `gradient` is
        missing; `gradient` has another shape; the output depends on no input.

    Whether an output depends on an input is read off the program, as in PyTorch, and not off the
    numbers: `floor(x)` depends on `x` and has a gradient of zeros. Where `func` branches on
    values in Python, which only works outside `jit`, it is read off the linearised program, in
    which `floor(x)` no longer depends on `x`.

    Departs from PyTorch: each call returns fresh gradients. To accumulate over two losses, as two
    calls of `backward` do in PyTorch, add the gradients up, or return both losses from `func`.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import backward
      >>> x, w = jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0])
      >>> for gradient in backward(jnp.dot, (x, w)):
      ...     print(gradient)
      [3. 4.]
      [1. 2.]

      The sum over several calls, and in one:

      >>> print(backward(jnp.sum, x) + backward(lambda x: jnp.sum(x * x), x))
      [3. 5.]
      >>> print(backward(lambda x: (jnp.sum(x), jnp.sum(x * x)), x))
      [3. 5.]

      Optimisers: PyTorch's leave a parameter alone whose gradient is None, optax's want an array
      for each. Zeros do the same where there is no weight decay, and no momentum from a step
      that had a gradient; where there is, optax.masked leaves parameters out:

      >>> import jax, optax
      >>> params = {"used": w, "unused": jnp.ones(2), "none": None}
      >>> gradients = backward(lambda p: jnp.sum(p["used"] ** 2), params)
      >>> print(gradients["unused"])
      None
      >>> fill = lambda p, g: jnp.zeros_like(p) if g is None else g
      >>> gradients = jax.tree.map(fill, params, gradients)
      >>> optimiser = optax.adam(1.0)
      >>> updates, state = optimiser.update(gradients, optimiser.init(params), params)
      >>> params = optax.apply_updates(params, updates)
      >>> print(params["used"].round(), params["unused"], params["none"])
      [2. 3.] [1. 1.] None

    Reference: `torch.Tensor.backward`, `torch.autograd.backward`.
    """
    given = Inputs.read(inputs, "backward")
    require_gradient_dtype(given.leaves)
    traced = trace(func, given, "backward")
    seeds = [
        seed_of(i, seed, output, bool(traced.connected[i]))
        for i, (seed, output) in enumerate(
            zip(read_gradient(gradient, traced), traced.avals, strict=True)
        )
    ]
    for i, sources in enumerate(traced.connected):
        if not sources:
            raise RuntimeError(untracked(i, traced.avals[i].dtype))
    used: frozenset[int] = frozenset().union(*traced.connected)
    gradients = traced.gradients(seeds)
    return jax.tree.unflatten(
        given.treedef, [g if i in used else None for i, g in enumerate(gradients)]
    )


def read_gradient(gradient: Any, traced: Trace) -> list[Array | None]:
    """Return the gradient of each output, None where it is left out."""
    if gradient is None:
        return [None] * len(traced.avals)
    leaves, structure = jax.tree.flatten(gradient, is_leaf=is_none)
    given = [leaf for leaf in leaves if leaf is not None]
    if given:
        require_arrays("gradient", gradient, given, "backward")
    seeds = unflatten_up_to(traced.structure, gradient)
    if seeds is None:
        raise RuntimeError(
            f"got {len(traced.avals)} tensors and {len(leaves)} gradients: gradient must have "
            f"the structure of the output, {traced.structure}, got {structure}."
        )
    return seeds


def seed_of(index: int, seed: Array | None, output: Shaped, tracked: bool) -> Array:
    """Return the gradient of an output that is gone back from; 1 where it is left out."""
    if seed is not None:
        if seed.shape != output.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{index}] has a shape of {seed.shape} and "
                f"output[{index}] has a shape of {output.shape}."
            )
        require_same_complex_dtype(index, seed, output)
        return seed
    if tracked:
        if output.size != 1:
            raise RuntimeError(
                f"grad can be implicitly created only for scalar outputs: output {index} has "
                f"shape {output.shape}. Reduce it to one number first (.sum(), .mean()), or pass "
                "gradient= in the shape of the output."
            )
        require_real_seed(output.dtype)
    return jnp.ones(output.shape, output.dtype)


def untracked(index: int, dtype: np.dtype) -> str:
    """Say that an output depends on no input."""
    return (
        f"element {index} of tensors does not require grad and does not have a grad_fn: the output "
        f"(dtype {dtype}) does not depend differentiably on any of the inputs. Likely causes: it "
        "is computed inside no_grad, from detach(x) or lax.stop_gradient(x), from integers or a "
        "comparison, or from values that func closes over; pass those as inputs."
    )
