"""How the functions of this package get their derivatives: `jax.custom_jvp`, forward and reverse.

A term is what an argument's tangent t adds to the tangent of the result: `term(t, y, *arguments)`,
linear in t. JAX transposes it for reverse mode. A mask stands in it as `where(mask, t, 0)`, not as
a product, so that nothing infinite is multiplied by zero.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

Term = Callable[..., jax.Array]


def derivative(*terms: Term) -> Callable[[Callable[..., jax.Array]], Callable[..., jax.Array]]:
    """Give a function of arrays its derivative, one term an argument.

    The term of an argument that nothing is differentiated with respect to is not computed.
    """

    def decorate(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
        ruled = jax.custom_jvp(function)

        @partial(ruled.defjvp, symbolic_zeros=True)
        def rule(
            primals: tuple[jax.Array, ...], tangents: tuple[jax.Array | SymbolicZero, ...]
        ) -> tuple[jax.Array, jax.Array]:
            y = ruled(*primals)
            total = jnp.zeros_like(y)
            for term, t in zip(terms, tangents, strict=True):
                if not isinstance(t, SymbolicZero):
                    total = total + term(t, y, *primals)
            return y, total

        return ruled

    return decorate


def keep(mask: jax.Array, t: jax.Array) -> jax.Array:
    """Return t where the mask is set, and 0 elsewhere."""
    return jnp.where(mask, t, jnp.zeros_like(t))


def divide(x: jax.Array, y: jax.Array) -> jax.Array:
    """Return x / y, and 0 where y is 0, with derivatives of 0 there too."""
    zero = y == 0
    return keep(~zero, x) / jnp.where(zero, jnp.ones_like(y), y)
