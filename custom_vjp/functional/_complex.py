"""Gradients with respect to complex numbers, as PyTorch has them."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import jax

from convgrad._arrays import conj


def complex_grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    r"""Make a function that returns the gradient of `fun` in PyTorch's convention.

    .. math:: 2\,\frac{\partial L}{\partial \bar z}
        = \frac{\partial L}{\partial \mathrm{Re}\,z} + i\,\frac{\partial L}{\partial \mathrm{Im}\,z}

    the direction of steepest ascent, which gradient descent goes against. jax.grad returns the
    conjugate of it. For real arguments both are the same.

    Args:
      fun: a function that returns a real scalar, or with `holomorphic` a complex one.
      argnums: which arguments to differentiate with respect to: one or several.
      has_aux: whether `fun` returns (scalar, something else).
      holomorphic: whether `fun` is holomorphic; the result is then the conjugate of its derivative.

    Returns:
      A function with the arguments of `fun` that returns the gradient: an array or a pytree like
      the argument, a tuple of them for several; with `has_aux` the pair (gradient, something else).

    Raises:
      TypeError: `fun` is not scalar, or real and complex do not fit, as by jax.grad.

    `grad.vjp` and `grad.backward` are in this convention too.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> F.complex_grad(lambda z: jnp.abs(z) ** 2)(3 + 4j)
      Array(6.+8.j, dtype=complex64)
      >>> jax.grad(lambda z: jnp.abs(z) ** 2)(3 + 4j)
      Array(6.-8.j, dtype=complex64)

    Reference: torch.autograd.grad; "Autograd for Complex Numbers" in PyTorch's notes.
    """
    gradient = jax.grad(fun, argnums, has_aux=has_aux, holomorphic=holomorphic)

    @wraps(fun)
    def function(*args: Any, **kwargs: Any) -> Any:
        found = gradient(*args, **kwargs)
        if has_aux:
            return jax.tree.map(conj, found[0]), found[1]
        return jax.tree.map(conj, found)

    return function
