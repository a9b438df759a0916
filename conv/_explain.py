"""Which method computes each convolution of a program, and why."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
from jax import lax

from .cpu import _rule as _cpu
from .cpu._choose import Route
from .gpu import _rule as _gpu

_RULES = {"cpu": _cpu.route, "cuda": _gpu.route}


@dataclass(frozen=True)
class Explanation:
    """One convolution of a program, as a platform meets it.

    Attributes:
      role: 'forward', 'transposed' (of spread input: also the input gradient of a strided
        convolution), 'weight' (a weight gradient), or '' where the primitive stays as it is.
      method: the method's name; 'stock' is XLA's own lowering.
      why: the reason, in words.
      lhs, rhs: shapes of the primitive's operands.
    """

    role: str
    method: str
    why: str
    lhs: tuple[int, ...]
    rhs: tuple[int, ...]


def routes(function: Callable[..., Any], *args: Any, platform: str = "cpu") -> list[Explanation]:
    """Say how each convolution of a function would be computed on a CPU, or on a GPU.

    The function is traced, not run. Gradients are programs too: ``routes(jax.grad(loss), x, w)``
    lists the forward convolution and both gradients' where they are needed.

    Args:
      function: any function of arrays that JAX can trace.
      *args: its arguments: arrays, or `jax.ShapeDtypeStruct`.
      platform: "cpu", or "cuda" for NVIDIA GPUs. No other has methods of this package.

    Returns:
      An `Explanation` for each `lax.conv_general_dilated` in the order of the program; inside of
      loops and branches once each.

    Raises:
      ValueError: for another platform.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from conv import conv2d, routes
      >>> x, w = jnp.ones((8, 32, 14, 14)), jnp.ones((32, 1, 3, 3))
      >>> loss = lambda x, w: conv2d(x, w, groups=32).sum()
      >>> [(r.role, r.method) for r in routes(jax.grad(loss, argnums=1), x, w)]
      [('forward', 'depthwise'), ('weight', 'depthwise')]
    """
    if platform not in _RULES:
        raise ValueError(f"platform must be one of {', '.join(_RULES)}, got {platform!r}")
    program = jax.make_jaxpr(function)(*args)
    return [_explain(equation, _RULES[platform]) for equation in _convolutions(program.jaxpr)]


def _convolutions(jaxpr: Any) -> Iterator[Any]:
    for equation in jaxpr.eqns:
        if equation.primitive is lax.conv_general_dilated_p:
            yield equation
        for value in equation.params.values():
            for part in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(part, "jaxpr", part)
                if hasattr(inner, "eqns"):
                    yield from _convolutions(inner)


def _explain(equation: Any, route: Callable[..., Any]) -> Explanation:
    lhs, rhs = (v.aval for v in equation.invars)
    marks = equation.ctx.xla_metadata or {}
    if marks.get(_cpu.MARK) != "on":
        chosen, found = Route("stock", "traced outside of accelerate()"), None
    else:
        found, chosen = route(lhs, rhs, equation.params)
    role = found.problem.role if found is not None else ""
    return Explanation(role, chosen.method, chosen.why, tuple(lhs.shape), tuple(rhs.shape))
