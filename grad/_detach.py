"""Values that carry no gradient: ``detach`` and ``no_grad``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import jax
from jax import lax

from convgrad._arrays import is_array

P = ParamSpec("P")
T = TypeVar("T")


def detach(x: T) -> T:
    """Return ``x`` as a constant: no gradient flows back through the result.

    ``detach(x) = x`` and ``d detach(x) / dx = 0``.

    Args:
        x: an array, or any pytree of arrays; any shape and dtype. Leaves that are not arrays pass
            through unchanged.

    Returns:
        The same values in the same structure, shape and dtype.

    Departs from PyTorch: the result shares no memory with ``x`` that could be written to.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from grad import detach
        >>> print(jax.grad(lambda x: detach(x) * x)(jnp.float32(3.0)))
        3.0

    Reference: ``torch.Tensor.detach``.
    """
    return jax.tree.map(lambda leaf: lax.stop_gradient(leaf) if is_array(leaf) else leaf, x)


def no_grad(func: Callable[P, T]) -> Callable[P, T]:
    """Wrap ``func`` so that nothing it computes carries a gradient.

    ``no_grad(func)(*args) = detach(func(*args))``, which also holds for the values that ``func``
    closes over. ``backward`` through the result raises a RuntimeError, as it does in PyTorch.

    Args:
        func: any function of arrays. ``no_grad`` also works as a decorator.

    Returns:
        A function with the same signature.

    Departs from PyTorch: there is no ``with no_grad():`` form, since a pure function has no state
    that a context could switch; and an input that ``func`` returns as it is comes back detached.

    Example:
        >>> import jax.numpy as jnp
        >>> from grad import backward, no_grad
        >>> backward(no_grad(jnp.sum), jnp.ones(3))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn...

    Reference: ``torch.no_grad``; the lecture's last lines on inference.
    """
    if not callable(func):
        raise TypeError(
            f"func must be a function, got {func!r}: write no_grad(func)(*args) or decorate with "
            "@no_grad, without parentheses."
        )

    @functools.wraps(func)
    def untracked(*args: P.args, **kwargs: P.kwargs) -> T:
        return detach(func(*args, **kwargs))

    return untracked
