"""The lecture's three custom functions: add, split and max, as `jax.custom_vjp` definitions.

Each is three small functions: what is computed, what the forward pass keeps for later, and what the
backward pass makes of it. As with every `jax.custom_vjp`, forward mode (`jax.jvp`, `jax.jacfwd`,
`jax.hessian`) raises TypeError; reverse mode goes to any order.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from convgrad._arrays import is_complex, is_inexact


def _to_shape(cotangent: jax.Array, like: jax.Array) -> jax.Array | None:
    """Sum a cotangent over the axes that broadcasting stretched, back to the shape of `like`."""
    if not is_inexact(like.dtype):
        return None  # integers have no gradient
    if not is_complex(like.dtype):
        cotangent = cotangent.real
    added = cotangent.ndim - like.ndim
    stretched = [
        axis
        for axis, size in enumerate(cotangent.shape)
        if axis < added or (like.shape[axis - added] == 1 and size != 1)
    ]
    return cotangent.sum(stretched).reshape(like.shape).astype(like.dtype)


@jax.custom_vjp
def add(x1: ArrayLike, x2: ArrayLike) -> jax.Array:
    r"""Add two arrays; the backward pass copies the gradient to both.

    .. math:: y = x_1 + x_2, \qquad \bar x_1 = \bar y, \quad \bar x_2 = \bar y

    where the bar marks the gradient of a later scalar. Where broadcasting stretched an argument,
    its gradient is summed back to its shape.

    Args:
      x1: array of any shape and dtype.
      x2: array that broadcasts with x1.

    Returns:
      x1 + x2, of the broadcast shape and the promoted dtype.

    Raises:
      TypeError: shapes that do not broadcast (by JAX); forward-mode differentiation.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import add
      >>> x = jnp.arange(3.0)
      >>> jax.grad(lambda a, b: add(a, b).mean(), argnums=(0, 1))(x, x)
      (Array([0.33333334, 0.33333334, 0.33333334], dtype=float32),
       Array([0.33333334, 0.33333334, 0.33333334], dtype=float32))

    Reference: the lecture's MyAdd, a torch.autograd.Function.
    """
    return jnp.add(x1, x2)


def _add_forward(x1: jax.Array, x2: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return jnp.add(x1, x2), (x1, x2)


def _add_backward(
    saved: tuple[jax.Array, jax.Array], cotangent: jax.Array
) -> tuple[jax.Array | None, jax.Array | None]:
    x1, x2 = saved
    return _to_shape(cotangent, x1), _to_shape(cotangent, x2)


add.defvjp(_add_forward, _add_backward)


@jax.custom_vjp
def split(x: ArrayLike) -> tuple[jax.Array, jax.Array]:
    r"""Copy one array to two; the backward pass adds the two gradients.

    .. math:: x_1 = x_2 = x, \qquad \bar x = \bar x_1 + \bar x_2

    Args:
      x: array of any shape and dtype.

    Returns:
      The pair (x, x).

    Raises:
      TypeError: forward-mode differentiation.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import split
      >>> def mean_of_sum(x):
      ...     x1, x2 = split(x)
      ...     return (x1 + x2).mean()
      >>> jax.grad(mean_of_sum)(jnp.arange(4.0))
      Array([0.5, 0.5, 0.5, 0.5], dtype=float32)

    Reference: the lecture's MySplit, a torch.autograd.Function.
    """
    return jnp.asarray(x), jnp.asarray(x)


def _split_forward(x: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
    return (x, x), None


def _split_backward(_: None, cotangents: tuple[jax.Array, jax.Array]) -> tuple[jax.Array]:
    first, second = cotangents
    return (first + second,)


split.defvjp(_split_forward, _split_backward)


@jax.custom_vjp
def max(x: ArrayLike) -> jax.Array:
    r"""Return the largest element; the backward pass gives its gradient to where it stood.

    .. math:: y = \max_i x_i, \qquad \bar x_i = \bar y\,[x_i = y]

    Every one of several equal maxima gets the full gradient, as in the lecture's notebook. Both
    libraries' own functions share it out: torch.max(x), torch.amax and jnp.max give each of m tied
    maxima 1/m of it, and torch.max(x, dim) gives all of it to one of them.

    Args:
      x: array of any shape and real dtype, with at least one element.

    Returns:
      The maximum, of shape () and x's dtype; nan where x holds a nan (whose gradient is 0
      everywhere, as nothing equals nan).

    Raises:
      ValueError: an array without elements.
      TypeError: forward-mode differentiation.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import max
      >>> jax.grad(max)(jnp.array([1.0, 3.0, 2.0, 3.0]))
      Array([0., 1., 0., 1.], dtype=float32)

    Reference: the lecture's MyMax, a torch.autograd.Function.
    """
    return _maximum(jnp.asarray(x))


def _maximum(x: jax.Array) -> jax.Array:
    if x.size == 0:
        raise ValueError(f"max: x must have at least one element, got x.shape={x.shape}")
    return jnp.max(x)


def _max_forward(x: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    y = max(x)  # not jnp.max: a second derivative takes this function's own first one
    return y, (x, y)


def _max_backward(saved: tuple[jax.Array, jax.Array], cotangent: jax.Array) -> tuple[jax.Array]:
    x, y = saved
    return (jnp.where(x == y, cotangent, jnp.zeros_like(cotangent)),)


max.defvjp(_max_forward, _max_backward)
