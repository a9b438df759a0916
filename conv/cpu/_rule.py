"""The CPU lowering rule of `lax.conv_general_dilated`, and the mark that switches it on.

The rule sits below autodiff and batching, so that jvp, transposition and vmap stay JAX's own. It
looks at equations traced inside of `accelerate()` only; every other convolution is lowered by the
rule that JAX registered, to the same HLO as if this package were not imported.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental.xla_metadata import set_xla_metadata
from jax.interpreters import mlir

from ._choose import Route, choose
from ._methods import solve
from ._problem import Plan, permute, plan
from ._stock import misread, stock, without_misreading

MARK = "convgrad"

# What the methods compute in, by the dtype of the operands.
COMPUTE = {"float32": "float32", "float64": "float64", "float16": "float32", "bfloat16": "float32"}


# What the functions of this package do where nothing was said: they are always on.
_enabled: ContextVar[bool] = ContextVar("convgrad_enabled", default=True)


@contextmanager
def accelerate(enabled: bool = True) -> Iterator[None]:
    """Make convolutions fast that are traced inside, of any JAX library: on CPU above all.

    Use it as a context manager around a call (of a model of Flax, Equinox, Haiku or Keras, under
    jit or not), or as a decorator of the function that calls. It changes how
    `lax.conv_general_dilated` is compiled for CPU, forward and backward, at every order of
    differentiation and under vmap; results agree up to rounding. For NVIDIA GPUs it changes what
    XLA finds no good kernel for: weight gradients of transposed and dilated layers, depthwise
    layers, long kernels. Programs for TPU and others are the same as without it, and so are
    programs traced outside. The functions and modules of this package have it always on.

    A function that `jax.jit` has compiled outside is traced anew inside, and kept beside.

    Args:
      enabled: False switches the rule off inside, for this package's functions too: every
        convolution is then lowered as JAX does it.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from flax import nnx
      >>> from conv import accelerate
      >>> layer = nnx.Conv(8, 8, (3, 3), feature_group_count=8, rngs=nnx.Rngs(0))
      >>> with accelerate():
      ...     y = layer(jnp.ones((1, 16, 16, 8)))
      >>> y.shape
      (1, 16, 16, 8)

    Reference: jax-ml/jax#13800, #23713, #31662 and #12868 tell what is slow without it.
    """
    before = _enabled.set(enabled)
    try:
        with set_xla_metadata(**{MARK: "on" if enabled else "off"}):
            yield
    finally:
        _enabled.reset(before)


def accelerated() -> AbstractContextManager[None]:
    """Mark what this package's own functions trace, unless `accelerate(False)` is in force."""
    return accelerate(_enabled.get())


@contextmanager
def unmarked() -> Iterator[None]:
    """Leave what is traced inside to JAX's own lowering."""
    with set_xla_metadata(**{MARK: None}):
        yield


def route(lhs: Any, rhs: Any, params: dict[str, Any]) -> tuple[Plan | None, Route]:
    """Say how the rule computes a convolution of operands with these shapes and dtypes."""
    dtype, wanted = lhs.dtype.name, params.get("preferred_element_type")
    if rhs.dtype != lhs.dtype:
        return None, Route("stock", "operands of two dtypes")
    if dtype.startswith("complex"):
        if wanted is None or jnp.dtype(wanted) == lhs.dtype:
            return None, Route("complex", "three real convolutions, each by its own method")
        return None, Route("stock", f"dtype {dtype} to {wanted}")
    compute = COMPUTE.get(dtype)
    if compute is None or not (wanted is None or jnp.dtype(wanted).name in (dtype, compute)):
        return None, Route("stock", f"dtype {dtype} has no method")
    found = plan(lhs, rhs, params)
    if found is None:
        return None, Route("stock", "no method for such dimensions or groups")
    return found, choose(found.problem)


def _compute(found: Plan, lhs: jax.Array, rhs: jax.Array, *, dtype: Any) -> jax.Array:
    compute = COMPUTE[lhs.dtype.name]
    x = permute(lhs.astype(compute), found.first)
    w = permute(rhs.astype(compute), found.second)
    return permute(solve(found.problem, x, w), found.result).astype(dtype)


def _complex(lhs: jax.Array, rhs: jax.Array, **params: Any) -> jax.Array:
    """Compute (a + b i)(c + d i) by three marked real convolutions, as JAX and PyTorch do."""
    real = partial(lax.conv_general_dilated_p.bind, **{**params, "preferred_element_type": None})
    a, b, c, d = lhs.real, lhs.imag, rhs.real, rhs.imag
    with accelerate():
        shared = real(a + b, c)
        return lax.complex(shared - real(b, c + d), shared + real(a, d - c))


def mark_of(ctx: Any) -> str | None:
    """Return the mark of the equation that is lowered: "on", "off", or None."""
    context = getattr(ctx, "jaxpr_eqn_ctx", None)
    return (getattr(context, "xla_metadata", None) or {}).get(MARK)


def _lower(ctx: Any, lhs: Any, rhs: Any, **params: Any) -> Sequence[Any]:
    """Lower one convolution for CPU: by a method where it is marked, else as JAX does."""
    mark = mark_of(ctx)
    body = None
    if mark == "on":
        left, right = ctx.avals_in
        found, chosen = route(left, right, params)
        if chosen.method == "complex":
            body = partial(_complex, **params)
        elif found is not None and chosen.method != "stock":
            body = partial(_compute, found, dtype=ctx.avals_out[0].dtype)
    if body is None and mark and misread(ctx.avals_in[1].shape, params):
        body = partial(without_misreading, **params)
    if body is None:
        return stock(ctx, lhs, rhs, **params)
    with unmarked():
        return mlir.lower_fun(body, multiple_results=False)(ctx, lhs, rhs)


mlir.register_lowering(lax.conv_general_dilated_p, _lower, platform="cpu")
