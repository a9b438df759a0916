"""`hook`: a function of the gradient that flows back through a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convgrad._arrays import Array, is_array
from custom_vjp import Function


class _Hook(Function):
    """The same value; backward calls the hook."""

    @staticmethod
    def forward(ctx: Any, x: jax.Array, hook_fn: Callable[[jax.Array], Any]) -> jax.Array:
        ctx.hook_fn = hook_fn
        return x

    @staticmethod
    def backward(ctx: Any, grad_output: jax.Array) -> tuple[Any, None]:
        return _checked(ctx.hook_fn(grad_output), grad_output, ctx.hook_fn), None

    @staticmethod
    def jvp(_ctx: Any, tangent: jax.Array, _hook_fn: None) -> jax.Array:
        """Forward mode has no gradient, and passes by."""
        return tangent


def hook(x: Array, hook_fn: Callable[[jax.Array], Any]) -> jax.Array:
    """Return `x`; the gradient that flows back through the result is given to `hook_fn`.

    `hook(x, f) = x`, and `x.grad = f(gradient)`; where `f` returns None the gradient goes on
    as it is. Use the result in the place of `x`: what is computed from `x` itself goes past.

    Args:
      x: an array of a floating point or complex dtype; any other passes through.
      hook_fn: a function of the gradient, in the shape and dtype of `x`, to another one of the
        same shape and dtype, or to None. It need not be linear: a clamp, a norm. It may
        not close over traced arrays.

    Returns:
      The same array.

    Raises:
      TypeError: `x` is no array; `hook_fn` cannot be called, or returns no array.
      RuntimeError: later, where a gradient flows: `hook_fn` has changed its shape or dtype.

    Works at every order, under `jit`, `vmap` and `scan`. Under `jit` the hook is traced,
    and prints by `jax.debug.print`; outside it gets the values. Forward mode passes it by.

    Departs from PyTorch: there are no handles to remove, as nothing is registered.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from grad import hook
      >>> def loss(x):
      ...     x = hook(x, lambda gradient: jnp.clip(gradient, -1, 1))
      ...     return jnp.sum(x**2)
      >>> print(jax.grad(loss)(jnp.array([0.25, 3.0])))
      [0.5 1. ]

    Reference: `torch.Tensor.register_hook`.
    """
    if not is_array(x):
        raise TypeError(f"hook: x must be an array, got {type(x)}: hook each array of a tree")
    if not callable(hook_fn):
        raise TypeError(f"hook: hook_fn must be a function, got {type(hook_fn).__name__}")
    hooked: jax.Array = _Hook.apply(jnp.asarray(x), hook_fn)
    return hooked


def _checked(new: Any, gradient: jax.Array, hook_fn: Callable[[jax.Array], Any]) -> Any:
    if new is None:
        return gradient
    name = getattr(hook_fn, "__name__", repr(hook_fn))
    if not is_array(new):
        raise TypeError(f"hook: hook_fn {name!r} must return an array or None, got {type(new)}")
    for what, mine, right in (
        ("size", np.shape(new), gradient.shape),
        ("type", new.dtype, gradient.dtype),
    ):
        if mine != right:
            raise RuntimeError(
                f"hook: hook_fn {name!r} has changed the {what} of value: from {right} to {mine}"
            )
    return new
