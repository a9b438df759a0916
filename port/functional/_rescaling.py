"""Division by a size: of neighbouring channels, or of a vector, as torch.nn.functional has it."""

import jax
from jax import lax
from jax.typing import ArrayLike

from custom_vjp import functional as conventions

from ._arguments import array, floating, integer, number, wide


def local_response_norm(
    input: ArrayLike, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> jax.Array:
    r"""Divide by a power of the neighbouring channels: torch.nn.functional.local_response_norm.

    .. math:: y_c = x_c \left(k + \frac{\alpha}{n} \sum_{j} x_j^2\right)^{-\beta}, \qquad
        c - \lfloor n / 2 \rfloor \le j \le c + \lfloor (n - 1) / 2 \rfloor

    Args:
      input: (N, C, L, ...), floating.
      size: n, the number of channels in a window; channels that are not there count as 0.
      alpha, beta, k: numbers.

    Returns:
      An array of input's shape and dtype.

    Raises:
      ValueError: fewer than three dimensions; a size that is not positive.
      TypeError: a dtype that is not floating.

    PyTorch's CPU takes float16 and bfloat16 with three dimensions only, and int64 there.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import local_response_norm
      >>> local_response_norm(jnp.ones((1, 3, 1)), 3, alpha=3.0, beta=1.0)[0, :, 0]
      Array([0.33333334, 0.25      , 0.33333334], dtype=float32)

    Reference: torch.nn.functional.local_response_norm.
    """
    where = "local_response_norm"
    x = floating("input", input, where)
    n = integer("size", size, where)
    if x.ndim < 3:
        raise ValueError(f"{where}: input must be (N, C, L, ...), got input.shape={x.shape}")
    if n < 1:
        raise ValueError(f"{where}: size must be positive, got {size=}")
    a, b, c = (
        number(name, value, where) for name, value in (("alpha", alpha), ("beta", beta), ("k", k))
    )
    if x.size == 0:
        return x
    z = wide(x)
    window = (1, n) + (1,) * (x.ndim - 2)
    padding = [(0, 0), (n // 2, (n - 1) // 2)] + [(0, 0)] * (x.ndim - 2)
    total = lax.reduce_window(z * z, z.dtype.type(0), lax.add, window, (1,) * x.ndim, padding)
    return (z / conventions.pow(total / n * a + c, b)).astype(x.dtype)


def normalize(
    input: ArrayLike,
    p: float = 2.0,
    dim: int | tuple[int, ...] = 1,
    eps: float = 1e-12,
    out: None = None,
) -> jax.Array:
    r"""Divide by the p-norm, or by eps where the norm is smaller: torch.nn.functional.normalize.

    .. math:: y = x / \max(\|x\|_p, \epsilon)

    Args:
      input: floating or complex array of any shape.
      p: any real number.
      dim: the dimensions of the norm.
      eps: the least divisor.
      out: None: arrays of JAX are not written to.

    Returns:
      An array of input's shape and dtype.

    Raises:
      ValueError: no such dimension (dim=1 of an array with one dimension, say); out is given.
      TypeError: input is not floating or complex.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import normalize
      >>> normalize(jnp.array([[3.0, 4.0]]))
      Array([[0.6, 0.8]], dtype=float32)

    Reference: torch.nn.functional.normalize.
    """
    if out is not None:
        raise ValueError("normalize: out must be None, as arrays of JAX are not written to")
    x = array("input", input, "normalize")
    least = number("eps", eps, "normalize")
    return conventions.normalize(wide(x), p, dim, least).astype(x.dtype)
