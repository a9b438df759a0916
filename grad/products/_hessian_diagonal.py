"""`hessian_diagonal`: the diagonal of a Hessian, without the matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from convgrad._arrays import is_complex
from convgrad._integers import as_integer

from .._trace import Inputs, Trace, require_gradient_dtype
from ._hessian_products import gradient_of_scalar

CHUNK = 64  # products at once: enough to fill a machine's vectors


def hessian_diagonal(
    func: Callable[..., Any], inputs: Any, *, chunk_size: int | None = None
) -> Any:
    """Return the second derivatives of a scalar function, each element of its inputs by itself.

    `D[a...] = d^2 output / d input[a...]^2`, the diagonal of `hessian(func, inputs)`: exact, by
    a product of the Hessian with a unit vector for each of the `n` elements, of which one number
    is kept. It takes as long as `hessian`, and memory for `chunk_size` products, not `n`.

    Args:
      func: a function of arrays that returns one array with a single element.
      inputs: where to evaluate. A tuple is splatted, `func(*inputs)`; an array or any other
        pytree is passed as the one argument. Floating point arrays, any shape; None inside of a
        pytree is an empty subtree.
      chunk_size: how many products are computed at once, as one `vmap`. If None, 64.

    Returns:
      The structure, shapes and dtypes of `inputs`. An input that the output does not depend on
      gets zeros.

    Raises:
      TypeError: an input or the output is not an array; `chunk_size` is no int.
      ValueError: `chunk_size` is not positive.
      RuntimeError: an input has an integer or complex dtype; `func` returns several arrays, or
        one of several elements, or a complex one.

    Departs from PyTorch: it has the matrix only, `torch.diag(hessian(func, x))`.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import hessian_diagonal
      >>> print(hessian_diagonal(lambda x: jnp.prod(x) + jnp.sum(x**3), jnp.array([1.0, 2.0])))
      [ 6. 12.]

      Newton's steps, one for each parameter by itself:

      >>> import jax
      >>> loss = lambda p: jnp.sum((p["w"] - 3) ** 4) + jnp.sum((p["b"] + 1) ** 2)
      >>> params = {"w": jnp.zeros(2), "b": jnp.zeros(1)}
      >>> slopes, bends = jax.grad(loss)(params), hessian_diagonal(loss, params)
      >>> params = jax.tree.map(lambda p, g, h: p - g / h, params, slopes, bends)
      >>> print(params["w"], params["b"])
      [1. 1.] [-1.]

    Reference: `torch.autograd.functional.hessian`, and `torch.diagonal` of it.
    """
    size = _read_chunk_size(chunk_size)
    given = Inputs.read(inputs, "hessian_diagonal")
    require_gradient_dtype(given.leaves)
    for i, leaf in enumerate(given.leaves):
        if is_complex(leaf.dtype):
            raise RuntimeError(
                f"hessian_diagonal: inputs must be real, got input {i} of dtype {leaf.dtype}: pass "
                "the real and the imaginary part as two inputs."
            )
    _, gradient = gradient_of_scalar(func, given, "hessian_diagonal", strict=False)
    return jax.tree.unflatten(given.treedef, _diagonals(gradient, given, size))


def _diagonals(gradient: Trace, given: Inputs, size: int) -> list[jax.Array]:
    push = gradient.pushforward(back_twice=True)
    zeros = [jnp.zeros(leaf.shape, leaf.dtype) for leaf in given.leaves]
    # What does not depend on the direction is computed once, before all products.
    _, product = jax.linearize(lambda *tangents: push(list(tangents))[1], *zeros)

    def diagonal(i: int) -> jax.Array:
        leaf = given.leaves[i]

        def entry(place: jax.Array) -> jax.Array:
            unit = jnp.zeros(leaf.size, leaf.dtype).at[place].set(1).reshape(leaf.shape)
            moved = product(*(unit if j == i else zero for j, zero in enumerate(zeros)))
            return moved[i].reshape(-1)[place]

        if not leaf.size or i not in gradient.connected[i]:
            return zeros[i]
        found = jax.lax.map(entry, jnp.arange(leaf.size), batch_size=min(size, leaf.size))
        return found.reshape(leaf.shape)

    return [diagonal(i) for i in range(len(given.leaves))]


def _read_chunk_size(value: object) -> int:
    if value is None:
        return CHUNK
    size = as_integer(value)
    if size is None:
        raise TypeError(
            f"hessian_diagonal: chunk_size must be a positive int or None, got {value!r}."
        )
    if size < 1:
        raise ValueError(f"hessian_diagonal: chunk_size must be positive, got chunk_size={value}.")
    return size
