"""Values that carry no gradient: `detach` and `no_grad`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

import jax
from jax import lax

from convgrad._arrays import is_array

P = ParamSpec("P")
T = TypeVar("T")


def detach(x: T) -> T:
    """Return `x` as a constant: no gradient flows back through the result.

    `detach(x) = x` and `d detach(x) / dx = 0`.

    Args:
      x: an array, or any pytree of arrays; any shape and dtype. Leaves that are not arrays pass
        through unchanged.

    Returns:
      The same values in the same structure, shape and dtype.

    Departs from PyTorch: the result shares no memory with `x` that could be written to.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from grad import detach
      >>> print(jax.grad(lambda x: detach(x) * x)(jnp.float32(3.0)))
      3.0

    Reference: `torch.Tensor.detach`.
    """
    return jax.tree.map(lambda leaf: lax.stop_gradient(leaf) if is_array(leaf) else leaf, x)


@overload
def no_grad(func: Callable[P, T]) -> Callable[P, T]: ...
@overload
def no_grad() -> NoGrad: ...


def no_grad(func: Any = None) -> Any:
    """Wrap `func` so that nothing it computes carries a gradient.

    `no_grad(func)(*args) = detach(func(*args))`, which also holds for the values that `func`
    closes over. `backward` through the result raises a RuntimeError, as it does in PyTorch.

    Args:
      func: any function of arrays. `no_grad` also works as a decorator, with and without
        parentheses.

    Returns:
      A function with the same signature; of a generator function, a generator function whose
      values are detached.

    Raises:
      TypeError: `func` cannot be called; `with no_grad():`, which a program of pure functions
        cannot do: no state says which operations are inside.

    Departs from PyTorch: an input that `func` returns as it is comes back detached.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import backward, no_grad
      >>> backward(no_grad(jnp.sum), jnp.ones(3))  # doctest: +ELLIPSIS
      Traceback (most recent call last):
          ...
      RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn...

    Reference: `torch.no_grad`; the lecture's last lines on inference.
    """
    if func is None:
        return NoGrad()
    if not callable(func):
        raise TypeError(
            f"no_grad: func must be a function, got {func!r}: write no_grad(func)(*args) or "
            "decorate with @no_grad."
        )
    if inspect.isgeneratorfunction(func):

        @functools.wraps(func)
        def generator(*args: Any, **kwargs: Any) -> Any:
            for value in func(*args, **kwargs):
                yield detach(value)

        return generator

    @functools.wraps(func)
    def untracked(*args: Any, **kwargs: Any) -> Any:
        return detach(func(*args, **kwargs))

    return untracked


class NoGrad:
    """`no_grad()`: a decorator, and no context manager."""

    def __call__(self, func: Callable[P, T]) -> Callable[P, T]:
        """Wrap a function, as `no_grad(func)` does."""
        return no_grad(func)

    def __enter__(self) -> None:
        """Refuse: JAX's operations do not know in which block they stand."""
        raise TypeError(
            "with no_grad(): does nothing in JAX, where no state says which operations are inside "
            "of a block: write no_grad(func)(*args) around the function that computes what is in "
            "it, or detach(x) for each value that leaves it."
        )

    def __exit__(self, *_: object) -> None:
        """Do nothing: the block was not entered."""
