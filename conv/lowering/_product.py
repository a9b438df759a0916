"""Products of two matrices: by oneDNN where XLA's library has it, else by XLA's own kernels."""

import jax
import jax.numpy as jnp
from jax import lax

from convgrad import _jax

from ._problem import Problem

# Fewer products than these are not worth a call.
LEAST = 2**16


def library_multiplies(dtype: str, rows: int, inner: int, columns: int) -> bool:
    """Whether oneDNN's product is ahead of XLA's, where the library has it at all.

    With AVX-512; with AVX2 nobody has measured.
    """
    return dtype == "float32" and _jax.has_avx512() and rows * inner * columns >= LEAST


def product(p: Problem, a: jax.Array, b: jax.Array, axes: tuple[int, int] = (1, 0)) -> jax.Array:
    """Multiply two matrices, a part of a problem, over the axis that `axes` names of each.

    What is left of a comes first: (M, K) by (K, N) is (M, N), and with axes (0, 0) so is (K, M) by
    (K, N).
    """
    sizes = a.shape[1 - axes[0]], a.shape[axes[0]], b.shape[1 - axes[1]]
    if p.onednn and library_multiplies(jnp.dtype(a.dtype).name, *sizes):
        return _jax.onednn_product(a, b, axes)
    return lax.dot_general(a, b, (((axes[0],), (axes[1],)), ((), ())))
