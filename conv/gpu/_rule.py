"""The lowering rule of `lax.conv_general_dilated` for NVIDIA GPUs.

As the CPU's: it looks at equations traced inside of `accelerate()`, below autodiff and batching.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.interpreters import mlir

from ..cpu._choose import Route
from ..cpu._problem import Plan, permute, plan
from ..cpu._rule import mark_of, unmarked
from ..cpu._stock import stock_rule
from ._choose import choose
from ._methods import solve

DTYPES = ("float32", "bfloat16", "float16")


def route(lhs: Any, rhs: Any, params: dict[str, Any]) -> tuple[Plan | None, Route]:
    """Say how the rule computes a convolution of operands with these shapes and dtypes."""
    dtype, wanted = lhs.dtype.name, params.get("preferred_element_type")
    same = rhs.dtype == lhs.dtype and (wanted is None or jnp.dtype(wanted) == lhs.dtype)
    if dtype not in DTYPES or not same:
        return None, Route("stock", "a dtype, or dtypes, without a method")
    found = plan(lhs, rhs, params)
    if found is None:
        return None, Route("stock", "no method for such dimensions or groups")
    return found, choose(found.problem)


def compute(found: Plan, precision: Any, lhs: jax.Array, rhs: jax.Array) -> jax.Array:
    """Compute a planned convolution of the primitive's operands."""
    x, w = permute(lhs, found.first), permute(rhs, found.second)
    return permute(solve(found.problem, x, w, precision=precision), found.result)


def _lower(ctx: Any, lhs: Any, rhs: Any, *, stock: Any, **params: Any) -> Sequence[Any]:
    """Lower one convolution for the GPU: by a method where it is marked, else as JAX does."""
    if mark_of(ctx) == "on":
        found, chosen = route(ctx.avals_in[0], ctx.avals_in[1], params)
        if found is not None and chosen.method != "stock":
            body = partial(compute, found, params["precision"])
            with unmarked():
                return mlir.lower_fun(body, multiple_results=False)(ctx, lhs, rhs)
    return stock(ctx, lhs, rhs, **params)


mlir.register_lowering(
    lax.conv_general_dilated_p, partial(_lower, stock=stock_rule("cuda")), platform="cuda"
)
