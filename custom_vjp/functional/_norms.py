"""Norms and what is made of them, with a derivative of 0 where they are 0."""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike, DTypeLike

from convgrad._arrays import is_inexact

from .._arguments import axes, axis, floating, number, together
from ._kinks import _abs, _sgn
from ._powers import _power
from ._rules import divide, keep

Dim = int | tuple[int, ...] | list[int] | None


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _norm(x: jax.Array, p: float, over: tuple[int, ...]) -> jax.Array:
    size = jnp.abs(x)
    if p == 0:
        return (x != 0).astype(size.dtype).sum(over, keepdims=True)
    if math.isinf(p):
        return (jnp.max if p > 0 else jnp.min)(size, axis=over, keepdims=True)
    if p == 1:
        return size.sum(over, keepdims=True)
    if p == 2:
        return jnp.sqrt((size * size).sum(over, keepdims=True))
    return jnp.power(jnp.power(size, p).sum(over, keepdims=True), 1 / p)


@_norm.defjvp
def _norm_jvp(
    p: float, over: tuple[int, ...], primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (x,), (t,) = primals, tangents
    y = _norm(x, p, over)
    along = jnp.real(_sgn(x).conj() * t)  # the tangent of |x|
    if p == 0:
        return y, jnp.zeros_like(y)
    if p == 1:
        return y, along.sum(over, keepdims=True)
    if p == 2:
        return y, jnp.real(divide(x, y.astype(x.dtype)).conj() * t).sum(over, keepdims=True)
    size = _abs(x)
    if math.isinf(p):
        mask = (size == y) | jnp.isnan(size)
        count = mask.sum(over, keepdims=True).astype(y.dtype)
        return y, keep(mask, along / count).sum(over, keepdims=True)
    slope = _masked_power(size, p - 1) * along
    return y, (slope * _masked_power(y, 1 - p)).sum(over, keepdims=True)


def _masked_power(x: jax.Array, p: float) -> jax.Array:
    """Return x**p, and 0 with derivatives of 0 where x is 0."""
    zero = x == 0
    return keep(~zero, _power(jnp.where(zero, jnp.ones_like(x), x), p))


def vector_norm(
    input: ArrayLike,
    ord: float = 2,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike | None = None,
) -> jax.Array:
    r"""Return the p-norm of the elements; where it is 0, so is its derivative.

    .. math:: y = (\sum_i |x_i|^p)^{1/p}, \qquad
        y'_{x_i} = \mathrm{sgn}(x_i) (|x_i| / y)^{p-1}, \quad 0 \text{ for } y = 0

    p = inf and -inf are the largest and the smallest absolute value, and equal ones get equal
    shares of the gradient; p = 0 counts what is not 0. For p = 1 and below, an element that is 0
    gets the gradient 0.

    Args:
      input: floating or complex array of any shape.
      ord: p, any real number.
      dim: one dimension or several; all where it is empty or None.
      keepdim: whether to keep the reduced dimensions with size 1.
      dtype: what to convert input to first.

    Returns:
      The norm, real.

    Raises:
      TypeError: input is not floating or complex; ord is no real number.
      ValueError: no such dimension, or one given twice; inf or a negative ord of no elements.

    jnp.linalg.norm has the derivative nan where the norm is 0, 1 at zeros with ord=1, and a sign
    for 0 with infinite ord. Second derivatives where the norm is 0 are 0 here, and nan in PyTorch.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(F.vector_norm)(jnp.zeros(2))
      Array([0., 0.], dtype=float32)

    Reference: torch.linalg.vector_norm.
    """
    return _checked_norm("vector_norm", "ord", input, ord, dim, keepdim, dtype)


def _checked_norm(
    where: str,
    name: str,
    input: ArrayLike,
    p: float,
    dim: Dim,
    keepdim: bool,
    dtype: DTypeLike | None,
) -> jax.Array:
    x = floating("input", input, where, complex=True)
    if dtype is not None:
        if not is_inexact(dtype):
            raise TypeError(f"{where}: dtype must be floating or complex, got {dtype=}")
        x = x.astype(dtype)
    p, over = number(name, p, where), axes("dim", dim, x, where)
    if (p < 0 or p == math.inf) and any(x.shape[i] == 0 for i in over):
        raise ValueError(
            f"{where}: {name} must be finite and not negative where there are no elements, "
            f"got {name}={p} for dimensions {over} of an input of shape {x.shape}"
        )
    y = _norm(x, p, over)
    return y if keepdim else y.squeeze(over)


def norm(
    input: ArrayLike,
    p: float | str | None = "fro",
    dim: Dim = None,
    keepdim: bool = False,
    dtype: DTypeLike | None = None,
) -> jax.Array:
    r"""Return the p-norm of the elements; where it is 0, so is its derivative.

    Args:
      input: floating or complex array of any shape.
      p: any real number, as ord of `vector_norm`; 'fro' and None are 2.
      dim: one dimension or several; all where it is empty or None.
      keepdim: whether to keep the reduced dimensions with size 1.
      dtype: what to convert input to first.

    Returns:
      The norm, real.

    Raises:
      TypeError: input is not floating or complex.
      ValueError: another word for p; no such dimension, or one given twice; inf or a negative p of
        no elements.

    PyTorch's 'nuc', the sum of the singular values, is refused: see jnp.linalg.norm.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.norm(x) ** 2)(jnp.zeros(2))
      Array([0., 0.], dtype=float32)

    Reference: torch.norm.
    """
    if isinstance(p, str) and p != "fro":
        raise ValueError(f"norm: p must be a number, 'fro' or None, got p={p!r}")
    power = 2.0 if p is None or isinstance(p, str) else p
    return _checked_norm("norm", "p", input, power, dim, keepdim, dtype)


def dist(input: ArrayLike, other: ArrayLike, p: float = 2) -> jax.Array:
    r"""Return the p-norm of a difference; where it is 0, so is its derivative.

    Args:
      input, other: arrays that broadcast, floating or complex.
      p: any real number, as ord of `vector_norm`.

    Returns:
      The distance, a real scalar.

    Raises:
      TypeError: no floating or complex array.
      ValueError: shapes that do not broadcast; inf or a negative p of no elements.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(F.dist)(jnp.ones(2), jnp.ones(2))
      Array([0., 0.], dtype=float32)

    Reference: torch.dist.
    """
    x, y = together("dist", input=input, other=other)
    return _checked_norm("dist", "p", x - y, p, None, False, None)


def normalize(input: ArrayLike, p: float = 2.0, dim: Dim = 1, eps: float = 1e-12) -> jax.Array:
    r"""Divide by the p-norm, or by eps where the norm is smaller.

    .. math:: y = x / \max(\|x\|_p, \epsilon)

    Args:
      input: floating or complex array of any shape.
      p: any real number, as ord of `vector_norm`.
      dim: the dimensions of the norm.
      eps: the least divisor.

    Returns:
      An array of input's shape and dtype; 0 for a vector of zeros, where the gradient is 1 / eps
      times the identity.

    Raises:
      TypeError: input is not floating or complex.
      ValueError: no such dimension (dim=1 of an array with one dimension, say).

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> jax.grad(lambda x: F.normalize(x, dim=0).sum())(jnp.zeros(2))
      Array([1.e+12, 1.e+12], dtype=float32)

    Reference: torch.nn.functional.normalize.
    """
    x = floating("input", input, "normalize", complex=True)
    size = _checked_norm("normalize", "p", x, p, dim, True, None)
    least = jnp.asarray(eps, size.dtype)
    return x / jnp.where(size < least, least, size)


def cosine_similarity(x1: ArrayLike, x2: ArrayLike, dim: int = 1, eps: float = 1e-8) -> jax.Array:
    r"""Return the cosine of the angle between vectors, 0 where one of them is 0.

    .. math:: y = \frac{x_1 \cdot x_2}{\max(\|x_1\|, \epsilon) \max(\|x_2\|, \epsilon)}

    Args:
      x1, x2: floating arrays that broadcast.
      dim: the dimension of the vectors, after broadcasting.
      eps: the least that is taken for a length.

    Returns:
      An array of the broadcast shape without dim.

    Raises:
      TypeError: no floating array.
      ValueError: no such dimension; shapes that do not broadcast.

    As in PyTorch, a length below eps counts as eps, with the derivative that it had.

    Example:
      >>> import jax.numpy as jnp
      >>> from custom_vjp import functional as F
      >>> F.cosine_similarity(jnp.array([1.0, 0.0]), jnp.zeros(2), dim=0)
      Array(0., dtype=float32)

    Reference: torch.nn.functional.cosine_similarity.
    """
    a, b = together("cosine_similarity", x1=x1, x2=x2)
    over = axis("dim", dim, floating("x1", a, "cosine_similarity"), "cosine_similarity")
    return (_unit(a, over, eps) * _unit(b, over, eps)).sum(() if a.ndim == 0 else over)


def _unit(x: jax.Array, over: int, eps: float) -> jax.Array:
    size = vector_norm(x, 2, over, keepdim=True)
    return x / (size + lax.stop_gradient(jnp.maximum(size, eps) - size))
