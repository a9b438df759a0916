"""Loops of unknown length: grad.while_loop against lax's, and its gradient against equinox's."""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import grad

from ._programs import Race, finished, race

_STEPS = 5_000
# A step that costs little, so that what is timed is the loop; and one with a matrix that it closes
# over, as in an integrator or an iterative solver.
_BODIES: dict[str, Callable[[jax.Array, jax.Array], jax.Array]] = {
    "100 sines": lambda y, _: y + 1e-4 * jnp.sin(y),
    "a 100x100 matrix": lambda y, weight: y + 1e-4 * jnp.tanh(weight @ y),
}


def _program(loop: Callable[..., Any], body: Callable[..., Any], **options: Any) -> Any:
    """Return a function that runs the body some thousand times."""

    def run(y: jax.Array, weight: jax.Array, steps: jax.Array) -> jax.Array:
        def step(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            i, y = state
            return i + 1, body(y, weight)

        return loop(lambda state: state[0] < steps, step, (jnp.int32(0), y), **options)[1].sum()

    return run


def loop_races(rounds: int) -> list[Race]:
    """Time the value against lax.while_loop, and value and gradients against equinox's loops."""
    rng = np.random.default_rng(0)
    y = jnp.asarray(rng.standard_normal(100).astype("float32"))
    weight = jnp.asarray((rng.standard_normal((100, 100)) / 10.5).astype("float32"))
    args = (y, weight, jnp.int32(_STEPS))
    ours: dict[str, dict[str, Any]] = {
        "while_loop": {},
        "while_loop, max_steps": {"max_steps": _STEPS},
    }
    theirs: dict[str, Callable[..., Any]] = {
        f"equinox {kind}": partial(eqxi.while_loop, kind=kind, max_steps=_STEPS)
        for kind in ("checkpointed", "bounded")
    }
    found = []
    for name, body in _BODIES.items():
        lax_value = jax.jit(_program(lambda c, b, s: lax.while_loop(c, b, s), body))
        others = {
            side: jax.jit(jax.value_and_grad(_program(loop, body), (0, 1)))
            for side, loop in theirs.items()
        }
        for side, options in ours.items():
            run = _program(grad.while_loop, body, **options)
            calls = {
                side: partial(finished, jax.jit(run), *args),
                "lax": partial(finished, lax_value, *args),
            }
            found.append(race(f"{_STEPS} times {name}", calls, rounds, bound=1.2))
            gradient = jax.jit(jax.value_and_grad(run, (0, 1)))
            for other, program in others.items():
                calls = {
                    side: partial(finished, gradient, *args),
                    other: partial(finished, program, *args),
                }
                title = f"{_STEPS} times {name}, with gradients"
                found.append(race(title, calls, rounds, bound=1.0))
    return found
