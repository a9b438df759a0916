"""Which Python objects are arrays, and which arrays can carry a gradient."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def is_array(x: Any) -> bool:
    """Whether ``x`` is an array or a tracer standing for one (Python numbers are not)."""
    return isinstance(x, jax.Array | np.ndarray | np.generic)


def is_inexact(dtype: Any) -> bool:
    """Whether values of ``dtype`` can carry a gradient: floating point or complex."""
    return bool(jnp.issubdtype(dtype, np.inexact))


def is_complex(dtype: Any) -> bool:
    """Whether ``dtype`` is complex."""
    return bool(jnp.issubdtype(dtype, np.complexfloating))


def conj(x: Any) -> Any:
    """Return the complex conjugate, and ``x`` itself where it is real."""
    return jnp.conj(x) if is_complex(x.dtype) else x
