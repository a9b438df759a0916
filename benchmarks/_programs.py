"""Whole programs: blocks of other libraries inside accelerate(), and a convolution in lax.scan."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

import conv

from ._timing import middle, turns


@dataclass(frozen=True)
class Race:
    """Two programs for the same result, their times, and how far their results are apart.

    The first one's time over the second's is to be at least ``bound``, or at most.
    """

    name: str
    first: str
    second: str
    milliseconds: tuple[float, float]
    difference: float
    bound: float
    above: bool

    @property
    def ratio(self) -> float:
        """Return the first program's time over the second's."""
        return self.milliseconds[0] / self.milliseconds[1]


class Block(nnx.Module):
    """A residual block: a spatial convolution, norm, and two dense layers (ConvNeXt's plan)."""

    def __init__(self, channels: int, groups: int, size: int, rngs: nnx.Rngs) -> None:
        self.spatial = nnx.Conv(
            channels,
            channels,
            (size, size),
            padding=[(size // 2, size // 2)] * 2,
            feature_group_count=groups,
            rngs=rngs,
        )
        self.norm = nnx.LayerNorm(channels, rngs=rngs)
        self.grow = nnx.Linear(channels, 4 * channels, rngs=rngs)
        self.shrink = nnx.Linear(4 * channels, channels, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Apply the block to (N, H, W, C)."""
        return x + self.shrink(nnx.gelu(self.grow(self.norm(self.spatial(x)))))


class Bottleneck(nnx.Module):
    """A residual bottleneck with a grouped convolution in the middle (ResNeXt's plan)."""

    def __init__(self, channels: int, width: int, groups: int, rngs: nnx.Rngs) -> None:
        self.reduce = nnx.Conv(channels, width, (1, 1), rngs=rngs)
        self.spatial = nnx.Conv(
            width, width, (3, 3), padding=[(1, 1)] * 2, feature_group_count=groups, rngs=rngs
        )
        self.expand = nnx.Conv(width, channels, (1, 1), rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Apply the block to (N, H, W, C)."""
        return x + self.expand(nnx.relu(self.spatial(nnx.relu(self.reduce(x)))))


class Depthwise(eqx.Module):
    """Two depthwise layers of equinox, one strided."""

    layers: list[eqx.nn.Conv2d]

    def __init__(self, channels: int) -> None:
        keys = jax.random.split(jax.random.key(0), 2)
        self.layers = [
            eqx.nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, key=key)
            for stride, key in zip((1, 2), keys, strict=True)
        ]

    def __call__(self, x: jax.Array) -> jax.Array:
        """Apply the layers to (C, H, W)."""
        for layer in self.layers:
            x = jax.nn.relu(layer(x))
        return x


def _training(function: Callable[[Any, jax.Array], jax.Array], model: Any, x: jax.Array) -> Any:
    """Return a jitted function that gives the gradients of a mean of squares."""
    return jax.jit(jax.grad(lambda m, x: (function(m, x) ** 2).mean())), model, x


def _apply(graph: Any, state: Any, x: jax.Array) -> jax.Array:
    return nnx.merge(graph, state)(x)


def finished(program: Callable[..., Any], *args: Any) -> Any:
    """Call a program and wait for its results."""
    return jax.block_until_ready(program(*args))


def _programs() -> dict[str, Any]:
    def draw(*shape: int) -> jax.Array:
        return jnp.asarray(np.random.default_rng(0).standard_normal(shape).astype("float32"))

    blocks: dict[str, Any] = {
        "nnx ConvNeXt block, 96": (Block(96, 96, 7, nnx.Rngs(0)), draw(8, 28, 28, 96)),
        "nnx ConvNeXt block, 768": (Block(768, 768, 7, nnx.Rngs(0)), draw(8, 7, 7, 768)),
        "nnx ConvNeXt block, 768, one image": (
            Block(768, 768, 7, nnx.Rngs(0)),
            draw(1, 7, 7, 768),
        ),
        "nnx ResNeXt block": (Bottleneck(256, 128, 32, nnx.Rngs(0)), draw(8, 28, 28, 256)),
    }
    programs = {}
    for name, (module, x) in blocks.items():
        graph, state = nnx.split(module)
        programs[name] = _training(partial(_apply, graph), state, x)
    arrays, static = eqx.partition(Depthwise(96), eqx.is_array)
    programs["equinox depthwise layers"] = _training(
        lambda a, x: jax.vmap(eqx.combine(a, static))(x), arrays, draw(8, 96, 28, 28)
    )
    return programs


def race(
    name: str,
    calls: Mapping[str, Callable[[], Any]],
    rounds: int,
    *,
    bound: float,
    above: bool = False,
) -> Race:
    """Time two programs turn by turn."""
    results = [[np.asarray(a) for a in jax.tree.leaves(call())] for call in calls.values()]
    difference = max(
        float(np.abs(a - b).max() / (np.abs(a).max() or 1.0)) for a, b in zip(*results, strict=True)
    )
    times = {side: middle(taken) for side, taken in turns(calls, rounds, 10.0).items()}
    first, second = calls
    return Race(name, first, second, (times[first], times[second]), difference, bound, above)


def races(rounds: int) -> list[Race]:
    """Time training of other libraries' blocks outside and inside, and scan against unrolled."""
    found = []
    for name, (program, model, x) in _programs().items():
        outside = program.lower(model, x).compile()
        with conv.accelerate():
            inside = program.lower(model, x).compile()
        calls = {
            side: partial(finished, compiled, model, x)
            for side, compiled in (("outside", outside), ("inside", inside))
        }
        found.append(race(name, calls, rounds, bound=4.0, above=True))
    found.append(_scan(rounds))
    return found


def _scan(rounds: int) -> Race:
    """A channels-first convolution applied eight times: in lax.scan, and unrolled."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal((4, 64, 28, 28)).astype("float32"))
    w = jnp.asarray((rng.standard_normal((64, 64, 3, 3)) / 24).astype("float32"))

    def step(y: jax.Array, _: None) -> tuple[jax.Array, None]:
        return jnp.tanh(conv.conv2d(y, w, padding=1)), None

    @jax.jit
    def looped(x: jax.Array) -> jax.Array:
        return lax.scan(step, x, None, length=8)[0]

    @jax.jit
    def unrolled(x: jax.Array) -> jax.Array:
        for _ in range(8):
            x, _none = step(x, None)
        return x

    calls = {
        "scan": partial(finished, looped, x),
        "unrolled": partial(finished, unrolled, x),
    }
    return race("conv2d eight times", calls, rounds, bound=1.3)
