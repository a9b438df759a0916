"""The lowering rule of `lax.conv_general_dilated`, the same for all platforms.

It sits below autodiff and batching, so that jvp, transposition and vmap stay JAX's own. It looks at
equations traced inside of `accelerate()` only; every other convolution is lowered by the rule that
JAX registered, to the same HLO as if this package were not imported.
"""

import os
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from convgrad import _jax

from ._finite import adds_padding, where_finite
from ._method import STOCK, Choice, Method, Platform
from ._problem import Plan, permute, plan
from ._stock import misread, without_misreading
from .methods import onednn

COMPLEX = Method("complex", {})  # three real convolutions, each by its own method


@dataclass(frozen=True)
class Decision:
    """What becomes of one convolution: how it is computed, and in which form."""

    choice: Choice
    plan: Plan | None = None
    again: bool = False  # where its result is not finite it is computed again, without padding

    @property
    def role(self) -> str:
        """The problem's role; '' where the primitive stays as it is."""
        return self.plan.problem.role if self.plan is not None else ""


def cores() -> int:
    """Return on how many cores this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def decide(
    platform: Platform,
    lhs: Any,
    rhs: Any,
    params: dict[str, Any],
    *,
    mark: str | None = _jax.ON,
    devices: int | None = 1,
    export: bool = False,
) -> Decision:
    """Decide how a convolution is computed: all that the rule does, and that `routes` tells.

    Args:
      platform: what it is lowered for.
      lhs, rhs: the operands' shapes and dtypes.
      params: the primitive's parameters.
      mark: of the equation, which says whether its input is an argument of the program, or a
        derivative was taken of it.
      devices: over how many the compiler may spread it; None where nobody knows.
      export: whether the program is for other machines, of which nobody knows what they have.
    """
    if mark not in (_jax.ON, _jax.GIVEN, _jax.DERIVED):
        return _stock("traced outside of accelerate()")
    if devices is None:
        return _stock("nobody knows for how many devices")
    given = _jax.convolution(params)
    if given is None:
        return _stock("nobody knows its parameters")
    dtype, wanted = lhs.dtype.name, given.preferred
    if rhs.dtype != lhs.dtype:
        return _stock("operands of two dtypes")
    if dtype.startswith("complex"):
        if wanted is None or jnp.dtype(wanted) == lhs.dtype:
            return Decision(Choice(COMPLEX, "three real convolutions, each by its own method"))
        return _stock(f"dtype {dtype} to {wanted}")
    results = (dtype, _wide(dtype)) if platform.widens else (dtype,)
    if dtype not in platform.dtypes or not (wanted is None or jnp.dtype(wanted).name in results):
        return _stock(f"dtype {dtype} has no method")
    library = platform.name == "cpu" and devices == 1 and not export and onednn.available()
    innermost = library and mark != _jax.DERIVED and not _jax.losses(_jax.DERIVATIVES)
    if dtype == "bfloat16":  # oneDNN's kernels for it round their results, and know no other layout
        library &= wanted is None or jnp.dtype(wanted) == lhs.dtype
        innermost = library
    found = plan(lhs, rhs, given, platform.limits, cores(), library, innermost)
    if found is None:
        return _stock("no method for such dimensions or groups")
    # By itself it would pay for a copy at either end; before others it leaves them its input's.
    # First layers take channels innermost, for what follows.
    if innermost and mark == _jax.GIVEN and dtype != "bfloat16" and not found.problem.opens:
        found = replace(found, problem=replace(found.problem, innermost=False))
    if devices == 1:
        choice = platform.choose(found.problem)
        again = platform.name == "cpu" and choice.method.adds_padding
        return Decision(choice, found, again and adds_padding(found.problem))
    for choice in platform.split:
        if choice.method.serves(found.problem):
            return Decision(choice, found)
    return _stock("for several devices: the compiler splits its own convolution best")


def _stock(why: str) -> Decision:
    return Decision(Choice(STOCK, why))


def _wide(dtype: str) -> str:
    return "float64" if dtype == "float64" else "float32"


def _compute(
    decision: Decision, params: dict[str, Any], lhs: jax.Array, rhs: jax.Array, *, dtype: Any
) -> jax.Array:
    found, choice = decision.plan, decision.choice
    assert found is not None
    compute = _wide(lhs.dtype.name) if choice.method.in_float32 else lhs.dtype
    x = permute(lhs.astype(compute), found.first)
    w = permute(rhs.astype(compute), found.second)
    if choice.stock:
        given = _jax.convolution(params)
        assert given is not None  # or there would be no plan
        result = without_misreading(params, given, lhs, rhs).astype(compute)
    else:
        result = permute(choice.solve(found.problem, x, w), found.result)
    if decision.again:
        result = where_finite(found.problem, result, x, w, found.result)
    return result.astype(dtype)


def _complex(params: dict[str, Any], mark: str | None, lhs: jax.Array, rhs: jax.Array) -> jax.Array:
    """Compute (a + b i)(c + d i) by three marked real convolutions, as JAX and PyTorch do."""

    def real(x: jax.Array, w: jax.Array) -> jax.Array:
        return _jax.bind_convolution(x, w, params, preferred=None)

    a, b, c, d = lhs.real, lhs.imag, rhs.real, rhs.imag
    with _jax.marked(mark):
        shared = real(a + b, c)
        return jax.lax.complex(shared - real(b, c + d), shared + real(a, d - c))


def lower(platform: Platform, stock: Any, ctx: Any, lhs: Any, rhs: Any, **params: Any) -> Any:
    """Lower one convolution: by a method where it is marked, else as JAX does."""
    body = _body(platform, ctx, params)
    lower_fun = None if body is None else _jax.lower_fun()
    if lower_fun is None:
        return stock(ctx, lhs, rhs, **params)
    with _jax.marked(None):  # what a method emits must not come back here
        return lower_fun(body, multiple_results=False)(ctx, lhs, rhs)


def _body(platform: Platform, ctx: Any, params: dict[str, Any]) -> Any:
    """Return what is lowered in the place of a convolution, None where that is JAX's own."""
    mark = _jax.mark_of_lowering(ctx)
    if mark is None or _jax.losses():
        return None
    left, right = ctx.avals_in
    decision = decide(
        platform,
        left,
        right,
        params,
        mark=mark,
        devices=_jax.devices_of_lowering(ctx),
        export=_jax.for_export(ctx),
    )
    if decision.choice.method is COMPLEX:
        return partial(_complex, params, mark)
    if decision.again or not decision.choice.stock:
        return partial(_compute, decision, params, dtype=ctx.avals_out[0].dtype)
    given = _jax.convolution(params)
    if platform.name == "cpu" and given is not None and misread(right.shape, given):
        return partial(without_misreading, params, given)
    return None
