"""Which method computes each convolution of a program, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from convgrad import _jax

from ._method import STOCK, Choice, Platform
from ._register import IN_FORCE, PLATFORMS
from ._rule import Decision, decide


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
    """Say how each convolution of a function would be computed on a CPU, a GPU or a TPU.

    The function is traced, not run. Gradients are programs too: ``routes(jax.grad(loss), x, w)``
    lists the forward convolution and both gradients' where they are needed.

    Args:
      function: any function of arrays that JAX can trace.
      *args: its arguments: arrays, or `jax.ShapeDtypeStruct`. Arrays that lie on several devices,
        or a mesh in force, make a program for several devices.
      platform: "cpu", "cuda" for NVIDIA GPUs, or "tpu". No other has methods of this package.

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
    if platform not in PLATFORMS:
        raise ValueError(f"platform must be one of {', '.join(PLATFORMS)}, got {platform!r}")
    if isinstance(function, jax.stages.Wrapped):
        program = function.trace(*args).jaxpr
    else:
        program = jax.make_jaxpr(function)(*args)
    devices = _devices(args)
    return [
        _explain(equation, PLATFORMS[platform], _jax.devices_of_equation(equation, devices))
        for equation in _jax.equations(program.jaxpr)
        if _jax.is_convolution(equation)
    ]


def _devices(args: Any) -> int:
    """Return over how many devices a program of these arguments is spread."""
    shardings = (getattr(leaf, "sharding", None) for leaf in jax.tree.leaves(args))
    return max((s.num_devices for s in shardings if s is not None), default=1)


def _explain(equation: Any, platform: Platform, devices: int | None) -> Explanation:
    lhs, rhs, params = _jax.parts_of_convolution(equation)
    mark = _jax.mark_of_equation(equation)
    if not IN_FORCE[platform.name] or _jax.losses():
        moved = ", ".join(_jax.losses())
        decision = Decision(Choice(STOCK, f"jax {jax.__version__} has moved {moved}"))
    else:
        decision = decide(platform, lhs, rhs, params, mark=mark, devices=devices)
    choice = decision.choice
    return Explanation(
        decision.role, choice.method.name, choice.why, tuple(lhs.shape), tuple(rhs.shape)
    )
