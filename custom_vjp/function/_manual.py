"""Under shard_map every value has mesh axes that it varies over; arrays must agree in them.

The operations of jax.numpy see to that themselves. A primitive, a rule and a callback have to.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
from jax.typing import ArrayLike

from convgrad._jax import varying


def vary(array: ArrayLike, axes: frozenset[str]) -> ArrayLike:
    """Make an array vary over these axes too."""
    missing = axes - varying(jax.typeof(array)) if axes else axes
    return jax.lax.pcast(array, tuple(missing), to="varying") if missing else array


def vary_alike(arrays: Sequence[ArrayLike], *others: ArrayLike) -> list[ArrayLike]:
    """Make arrays vary over every axis that one of them, or of `others`, varies over."""
    axes = frozenset().union(*(varying(jax.typeof(a)) for a in (*arrays, *others)))
    return [vary(array, axes) for array in arrays]
