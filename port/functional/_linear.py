"""Linear maps, as torch.nn.functional has them."""

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from conv.lowering import accelerated

from ._arguments import (
    COMPLEX,
    FLOATING,
    INTEGER,
    array,
    check_dtype,
    check_same_dtype,
    optional,
)

ALGEBRA = FLOATING + COMPLEX + INTEGER


def linear(input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> jax.Array:
    r"""Map the last dimension: torch.nn.functional.linear.

    .. math:: y = x W^T + b

    Args:
      input: (..., I), of a floating, complex or integer dtype.
      weight: (O, I), or (I,) for a single output without a dimension; of input's dtype.
      bias: (O,), or of a shape that broadcasts to it; or None. Of input's dtype.

    Returns:
      (..., O), or (...) for a weight of one dimension.

    On CPU it is computed as inside of `conv.accelerate()`.

    Raises:
      ValueError: shapes that do not fit.
      TypeError: a bool; another dtype of weight or bias.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import linear
      >>> linear(jnp.array([1.0, 2.0]), jnp.array([[1.0, 0.0], [1.0, 1.0]]), jnp.array([0.5, 0.5]))
      Array([1.5, 3.5], dtype=float32)

    Reference: torch.nn.functional.linear.
    """
    x, w = array("input", input, "linear"), array("weight", weight, "linear")
    b = optional("bias", bias, "linear")
    check_dtype("input", x, ALGEBRA, "linear")
    check_same_dtype("input", x, "linear", weight=w, bias=b)
    if w.ndim not in (1, 2):
        raise ValueError(f"linear: weight must be (O, I) or (I,), got weight.shape={w.shape}")
    if x.ndim == 0 or x.shape[-1] != w.shape[-1]:
        raise ValueError(
            f"linear: input's last dimension must be weight's, "
            f"got input.shape={x.shape} and weight.shape={w.shape}"
        )
    # Not of a transposed weight: it is multiplied as it lies, and so are the gradients.
    with accelerated():
        y = lax.dot_general(x, w, (((x.ndim - 1,), (w.ndim - 1,)), ((), ())))
    if b is None:
        return y
    try:
        fits = jnp.broadcast_shapes(y.shape, b.shape) == y.shape
    except ValueError:
        fits = False
    # PyTorch has a single output with a bias for a single input only.
    if not fits or (w.ndim == 1 and x.ndim > 1):
        raise ValueError(
            f"linear: bias must broadcast to the result, and be None for a weight of one dimension "
            f"and an input of more, got bias.shape={b.shape} for a result of shape {y.shape}"
        )
    return y + b


def bilinear(
    input1: ArrayLike, input2: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None
) -> jax.Array:
    r"""Map two inputs' last dimensions, linear in both: torch.nn.functional.bilinear.

    .. math:: y_o = x_1^T W_o\, x_2 + b_o

    Args:
      input1: (..., I), of a floating, complex or integer dtype.
      input2: (..., J), with input1's other dimensions.
      weight: (O, I, J).
      bias: (O,) or None.

    Returns:
      (..., O), of the dtype that all arguments have.

    Raises:
      ValueError: shapes that do not fit.
      TypeError: a bool; different dtypes.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import bilinear
      >>> bilinear(jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0]), jnp.eye(2)[None])
      Array([11.], dtype=float32)

    Reference: torch.nn.functional.bilinear.
    """
    where = "bilinear"
    x, y = array("input1", input1, where), array("input2", input2, where)
    w, b = array("weight", weight, where), optional("bias", bias, where)
    check_dtype("input1", x, ALGEBRA, where)
    check_same_dtype("input1", x, where, input2=y, weight=w, bias=b)
    if x.ndim == 0 or x.shape[:-1] != y.shape[:-1] or x.ndim != y.ndim:
        raise ValueError(
            f"{where}: input1 and input2 must agree in all dimensions but the last, "
            f"got input1.shape={x.shape} and input2.shape={y.shape}"
        )
    if w.ndim != 3 or w.shape[1:] != (x.shape[-1], y.shape[-1]):
        raise ValueError(
            f"{where}: weight must be (O, {x.shape[-1]}, {y.shape[-1]}), the last dimensions of "
            f"input1 and input2, got weight.shape={w.shape}"
        )
    if b is not None and b.shape != w.shape[:1]:
        raise ValueError(f"{where}: bias must be ({w.shape[0]},), got bias.shape={b.shape}")
    z = jnp.einsum("...i,oij,...j->...o", x, w, y)
    return z if b is None else z + b
