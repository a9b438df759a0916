"""The lecture's programs: a mean of squares, a loop of unknown length, and a scalar product."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from convgrad._arrays import is_array, is_complex, is_inexact


def mean_of_squares(x: jax.Array) -> jax.Array:
    """Return the mean of `3 (x - 2)^2`, the lecture's first scalar.

    `y = x - 2`, `z = 3 y^2`, `a = mean(z)`, and so `da/dx = 6 (x - 2) / x.size`.

    Args:
      x: floating point or complex array of any shape.

    Returns:
      The mean, a scalar array of the dtype of `x`.

    Raises:
      TypeError: `x` is not an array, or has an integer or boolean dtype.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from grad import mean_of_squares
      >>> x = jnp.array([[1.0, 2.0], [3.0, 4.0]])
      >>> print(mean_of_squares(x))
      4.5
      >>> print(jax.grad(mean_of_squares)(x))
      [[-1.5  0. ]
       [ 1.5  3. ]]

    Reference: the lecture, from `x` to `a`.
    """
    _require_inexact("x", x)
    y = jnp.asarray(x) - 2
    return jnp.mean(y * y * 3)


def double_until(x: jax.Array, bound: ArrayLike = 1000.0) -> tuple[jax.Array, jax.Array]:
    """Double `x` once, and then on until its norm reaches `bound`.

    `y = 2 x`; while `norm(y) < bound`: `y = 2 y`. With `i` doublings in the loop
    `y = 2^(i+1) x`, and the gradient is `2^(i+1) v`: `i` can be read off it without
    knowing `x`.

    The loop decides on values that carry no gradient and stays inside the compiled program. The
    result is one product with its constant outcome, so reverse mode, forward mode, any order,
    `vmap` (every example with its own `i`) and `jit` work.

    Args:
      x: floating point or complex array of any shape.
      bound: a real number or a scalar array, which may be traced. It carries no gradient.

    Returns:
      `(y, i)`: `y` in the shape and dtype of `x`, bit for bit what doubling in a loop
      gives, and `i`, an int32 scalar.

    Raises:
      TypeError: `x` is not an array or not floating point or complex, `bound` is not a real
        number.
      ValueError: `bound` is not a scalar.

    Departs from PyTorch: an `x` of zeros (or of size 0) would be doubled forever there; here the
    loop ends at once with `i = 0`. XLA treats subnormal numbers as zeros on CPU, so an `x` of
    nothing else (below 1.2e-38 in float32) counts as zeros.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import double_until, vjp
      >>> y, i = double_until(jnp.array([0.5, -1.0, 1.5]))
      >>> print(y, i)
      [  512. -1024.  1536.] 9
      >>> x, v = jnp.array([0.5, -1.0, 1.5]), jnp.array([1.0, 2.0, 0.5])
      >>> print(vjp(lambda x: double_until(x)[0], x, v)[1])
      [1024. 2048.  512.]

    Reference: the lecture, "from basic to crazy".
    """
    _require_inexact("x", x)
    x = jnp.asarray(x)
    limit = _read_bound(bound)
    real = jnp.finfo(x.dtype).dtype

    def unfinished(state: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        y, _, _ = state
        return (_norm(y) < limit) & jnp.any(y != 0)

    def double(
        state: tuple[jax.Array, jax.Array, jax.Array],
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        y, i, factors = state
        turn = jnp.arange(3) == i % 3
        return 2 * y, i + 1, jnp.where(turn, 2 * factors, factors)

    # From the smallest x to the largest y the scale 2^(i+1) can leave the range of the dtype; its
    # three factors, doubled in turn, cannot. Each is a power of two, so the products are exact.
    start = (lax.stop_gradient(2 * x), jnp.int32(0), jnp.ones(3, real))
    _, i, factors = lax.while_loop(unfinished, double, start)
    return 2 * x * factors[0] * factors[1] * factors[2], i


def dot(x: jax.Array, w: jax.Array) -> jax.Array:
    """Return the scalar product `w @ x`.

    `z = sum_j w_j x_j`, and so `dz/dx = w` and `dz/dw = x`.

    Args:
      x: array of shape `(n,)`.
      w: array of shape `(n,)` and of the dtype of `x`.

    Returns:
      The scalar product, a scalar array of the common dtype.

    Raises:
      TypeError: an argument is not an array, or the dtypes differ.
      ValueError: an argument does not have one dimension, or the lengths differ.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import backward, dot
      >>> x, w = jnp.arange(1.0, 4.0), jnp.ones(3)
      >>> print(dot(x, w))
      6.0
      >>> print(backward(lambda w: dot(x, w), w))
      [1. 2. 3.]

    Reference: the lecture, on inference; `torch.dot`.
    """
    for name, value in (("x", x), ("w", w)):
        _require_array(name, value)
        if value.ndim != 1:
            raise ValueError(
                f"{name} must have one dimension, (n,): got shape {tuple(value.shape)}."
            )
    if x.shape != w.shape:
        raise ValueError(
            f"x and w must have the same length: got x of shape {tuple(x.shape)} and w of shape "
            f"{tuple(w.shape)}."
        )
    if x.dtype != w.dtype:
        raise TypeError(f"x and w must have the same dtype: got {x.dtype} and {w.dtype}.")
    return jnp.asarray(w) @ jnp.asarray(x)


def _norm(y: jax.Array) -> jax.Array:
    """Return the 2-norm as PyTorch takes it: half precision is summed in float32."""
    wide = y.astype(jnp.promote_types(y.dtype, jnp.float32))
    squares = jnp.real(wide) ** 2 + jnp.imag(wide) ** 2 if is_complex(y.dtype) else wide * wide
    return jnp.sqrt(jnp.sum(squares)).astype(jnp.finfo(y.dtype).dtype)


def _read_bound(bound: ArrayLike) -> ArrayLike:
    dtype = jnp.result_type(bound) if is_array(bound) else np.asarray(bound).dtype
    number = is_array(bound) or isinstance(bound, int | float)
    if not number or dtype == np.bool_ or is_complex(dtype):
        raise TypeError(f"bound must be a real number, got {bound!r}.")
    if np.shape(bound) != ():
        raise ValueError(f"bound must be a scalar, got shape {np.shape(bound)}.")
    return lax.stop_gradient(bound) if is_array(bound) else bound


def _require_array(name: str, value: object) -> None:
    if not is_array(value):
        raise TypeError(f"{name} must be an array, got {type(value).__name__}: {value!r}.")


def _require_inexact(name: str, value: Any) -> None:
    _require_array(name, value)
    if not is_inexact(value.dtype):
        raise TypeError(
            f"{name} must have a floating point or complex dtype, got {value.dtype}: convert it "
            f"with {name}.astype."
        )
