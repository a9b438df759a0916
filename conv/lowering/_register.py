"""The one place that registers the lowering rule, for every platform that has methods."""

from functools import partial

from convgrad import _jax

from . import _dot
from ._method import Platform
from ._rule import lower
from .cpu import CPU
from .gpu import GPU
from .tpu import TPU

PLATFORMS: dict[str, Platform] = {platform.name: platform for platform in (CPU, GPU, TPU)}
STOCK_RULES = {name: _jax.lowering_rule(_jax.CONVOLUTION, name) for name in PLATFORMS}
STOCK_PRODUCT = _jax.lowering_rule(_jax.DOT, "cpu")


def register() -> dict[str, bool]:
    """Register the rule for each platform; say for which it is in force.

    Where JAX has moved what that needs, its own rules stay, and a warning says so.
    """
    _jax.check_contexts()
    _jax.mark_derivatives()
    done = {}
    for name, platform in PLATFORMS.items():
        stock = STOCK_RULES[name]
        rule = partial(lower, platform, stock)
        done[name] = not _jax.losses() and _jax.register_lowering(_jax.CONVOLUTION, rule, name)
    if done["cpu"]:
        _jax.register_lowering(_jax.DOT, partial(_dot.lower, STOCK_PRODUCT), "cpu")
    return done


IN_FORCE = register()
