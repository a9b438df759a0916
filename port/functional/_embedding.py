"""Tables of rows and the choice among them, as torch.nn.functional has them."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from custom_vjp import functional as conventions

from ._arguments import FLOATING, array, boolean, check_dtype, integer, is_traced, number, wide


@jax.custom_jvp
def _divide_gradient(rows: jax.Array, counts: jax.Array) -> jax.Array:
    """Return the rows; their derivative is divided by the counts."""
    del counts
    return rows


_divide_gradient.defjvps(lambda t, _y, _rows, counts: t / counts, None)


def embedding_renorm(
    input: ArrayLike, weight: ArrayLike, max_norm: float, norm_type: float = 2.0
) -> jax.Array:
    r"""Return weight with the rows that input names scaled down to a norm: torch.embedding_renorm_.

    .. math:: w_i \leftarrow w_i\, m / (\|w_i\|_p + 10^{-7}) \text{ where } \|w_i\|_p > m

    PyTorch does this to weight itself when `embedding` is called with max_norm.

    Args:
      input: indices, of any shape; int32 or int64.
      weight: (V, E), floating.
      max_norm: m, a number.
      norm_type: p, a number.

    Returns:
      (V, E), of weight's dtype. No gradient flows through it, as in PyTorch.

    Raises:
      ValueError: weight is no matrix; an index outside of it that is known while tracing.
      TypeError: indices or weights of another dtype.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import embedding_renorm
      >>> embedding_renorm(jnp.array([1]), jnp.array([[3.0], [4.0]]), 1.0)
      Array([[3.], [1.]], dtype=float32)

    Reference: torch.embedding_renorm_.
    """
    where = "embedding_renorm"
    indices, w = _table(where, input, weight)
    check_dtype("weight", w, FLOATING, where)
    w = jnp.asarray(lax.stop_gradient(w))
    rows = _shortened(w.at[indices].get(mode="fill"), max_norm, norm_type, where)
    return w.at[indices].set(rows, mode="drop")


def _shortened(rows: jax.Array, max_norm: float, norm_type: float, where: str) -> jax.Array:
    """Scale rows down to a norm where theirs is larger."""
    limit, wider = number("max_norm", max_norm, where), wide(rows)
    size = conventions.vector_norm(wider, number("norm_type", norm_type, where), -1, keepdim=True)
    return jnp.where(size > limit, wider * (limit / (size + 1e-7)), wider).astype(rows.dtype)


def _table(where: str, input: ArrayLike, weight: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Check indices and the table that they point into; indices outside point beyond its end."""
    w = array("weight", weight, where)
    if w.ndim != 2:
        raise ValueError(f"{where}: weight must have two dimensions, got weight.shape={w.shape}")
    indices = array("input", input, where)
    check_dtype("input", indices, ("int32", "int64"), where)
    rows = w.shape[0]
    if not is_traced(indices) and indices.size:
        least, most = int(np.min(indices)), int(np.max(indices))
        if least < 0 or most >= rows:
            raise ValueError(
                f"{where}: input must be from 0 to {rows - 1}, the rows of weight, "
                f"got {least if least < 0 else most}"
            )
    return jnp.where(indices < 0, rows, indices), w


def embedding(
    input: ArrayLike,
    weight: ArrayLike,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,  # noqa: ARG001 - PyTorch's
) -> jax.Array:
    r"""Look rows of a table up: torch.nn.functional.embedding.

    .. math:: y_i = w_{x_i}

    Args:
      input: indices, of any shape; int32 or int64.
      weight: (V, E), of any dtype.
      padding_idx: a row that gets no gradient; counted from the end where negative.
      max_norm: the rows that are looked up are scaled down to this norm where they are longer.
      norm_type: which norm: p of `vector_norm`.
      scale_grad_by_freq: whether a row's gradient is divided by how often it is looked up.
      sparse: without effect: gradients are dense.

    Returns:
      (*input.shape, E), of weight's dtype.

    Raises:
      ValueError: weight is no matrix; padding_idx outside of it; an index outside of it that is
        known while tracing.
      TypeError: indices of another dtype.

    An index outside of the table that is not known while tracing gives a row of nan (of the
    smallest value for integers), where PyTorch raises. With max_norm PyTorch changes weight itself:
    here only the result is that of the changed weight, which `embedding_renorm` returns.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import embedding
      >>> embedding(jnp.array([2, 0]), jnp.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
      Array([[4., 5.], [0., 1.]], dtype=float32)

    Reference: torch.nn.functional.embedding.
    """
    where = "embedding"
    indices, w = _table(where, input, weight)
    rows = w.shape[0]
    if padding_idx is not None:
        padding = integer("padding_idx", padding_idx, where)
        if not -rows <= padding < rows:
            raise ValueError(
                f"{where}: padding_idx must be from {-rows} to {rows - 1}, the rows of weight, "
                f"got {padding_idx=}"
            )
    y = w.at[indices].get(mode="fill")
    if max_norm is not None:
        check_dtype("weight", w, FLOATING, where)
        # The value is that of the scaled table; the derivative with respect to it is handed on.
        fixed = lax.stop_gradient(y)
        y = _shortened(fixed, max_norm, norm_type, where) + (y - fixed)
    if boolean("scale_grad_by_freq", scale_grad_by_freq, where):
        counts = jnp.zeros(rows, jnp.float32).at[indices.ravel()].add(1, mode="drop")
        counts = counts.at[indices].get(mode="fill", fill_value=1)[..., None]
        y = _divide_gradient(y, counts.astype(y.dtype))
    if padding_idx is not None:
        y = jnp.where((indices == padding % rows)[..., None], lax.stop_gradient(y), y)
    return y


def one_hot(tensor: ArrayLike, num_classes: int = -1) -> jax.Array:
    """Return 1 at an index and 0 elsewhere: torch.nn.functional.one_hot.

    Args:
      tensor: indices, of any shape, not negative; int64 (int32 where JAX has no 64-bit dtypes).
      num_classes: how many there are; -1 for one more than the largest index, which must then be
        known while tracing.

    Returns:
      (*tensor.shape, num_classes), of tensor's dtype.

    Raises:
      ValueError: num_classes is neither positive nor -1, or no larger than an index; no indices, or
        unknown ones, with -1.
      TypeError: tensor is not of an index's dtype.

    An index outside that is not known while tracing gives zeros, where PyTorch raises.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import one_hot
      >>> one_hot(jnp.array([2, 0]))
      Array([[0, 0, 1], [1, 0, 0]], dtype=int32)

    Reference: torch.nn.functional.one_hot.
    """
    where = "one_hot"
    indices = array("tensor", tensor, where)
    check_dtype("tensor", indices, (jax.dtypes.canonicalize_dtype(np.int64).name,), where)
    count = integer("num_classes", num_classes, where)
    known = not is_traced(indices) and indices.size > 0
    least, most = (int(np.min(indices)), int(np.max(indices))) if known else (0, -1)
    if least < 0:
        raise ValueError(f"{where}: tensor must not be negative, got {least}")
    if count == -1:
        if not known:
            what = "known while tracing" if indices.size else "some"
            raise ValueError(
                f"{where}: num_classes must be given where the indices are not {what}, "
                f"got {num_classes=}"
            )
        count = most + 1
    if count < 1 or most >= count:
        raise ValueError(
            f"{where}: num_classes must be positive and above the largest index, {most}, "
            f"got {num_classes=}"
        )
    return (indices[..., None] == jnp.arange(count, dtype=indices.dtype)).astype(indices.dtype)
