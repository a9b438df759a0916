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

    In float32 with AVX-512 (with AVX2 nobody has measured), in bfloat16 with AMX.
    """
    known = {"float32": _jax.has_avx512, "bfloat16": _jax.has_amx}
    return dtype in known and known[dtype]() and rows * inner * columns >= LEAST


def product(
    p: Problem, a: jax.Array, b: jax.Array, axes: tuple[int, int] = (1, 0), whole: bool = False
) -> jax.Array:
    """Multiply two matrices, a part of a problem, over the axis that `axes` names of each.

    What is left of a comes first: (M, K) by (K, N) is (M, N), and with axes (0, 0) so is (K, M) by
    (K, N). Products of 16 bits are float32, as there may be others to add, unless this is `whole`.
    """
    dtype = a.dtype if whole else jnp.promote_types(a.dtype, jnp.float32)
    sizes = a.shape[1 - axes[0]], a.shape[axes[0]], b.shape[1 - axes[1]]
    if p.onednn and library_multiplies(jnp.dtype(a.dtype).name, *sizes):
        return _jax.onednn_product(a, b, axes, dtype)
    how = (((axes[0],), (axes[1],)), ((), ()))
    return lax.dot_general(a, b, how, preferred_element_type=dtype)
