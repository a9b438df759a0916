"""Data-parallel training: one program, on one device, on several, and in several processes.

The batch is sharded over a mesh of all devices, the weights are on each. `jax.jit` makes one
program of it: batch norm's statistics are those of the whole batch, and gradients are added up over
the devices, because that is what the program says. Nothing here knows how many devices there are,
nor in how many processes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from conv import conv2d, max_pool2d
from port.functional import batch_norm, cross_entropy, linear, relu

State = dict[str, dict[str, jax.Array]]  # weights, momenta, statistics
BATCH, CLASSES, IMAGE = 16, 10, (3, 32, 32)
RATE, MOMENTUM = 0.05, 0.9
# Name, and the shape of the weight. Depthwise and grouped layers are among them.
WEIGHTS = {
    "stem": (32, 3, 3, 3),
    "depthwise": (32, 1, 3, 3),
    "pointwise": (64, 32, 1, 1),
    "grouped": (64, 8, 3, 3),
    "head": (CLASSES, 64),
}
NORMS = {"stem": 32, "pointwise": 64, "grouped": 64}


def initial(seed: int = 0) -> State:
    """Return weights, momenta of zero, and the statistics of batch norm, the same everywhere."""
    rng = np.random.default_rng(seed)
    weights = {
        name: (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        for name, shape in WEIGHTS.items()
    }
    for name, size in NORMS.items():
        weights |= {f"{name}.weight": np.ones(size, np.float32)}
        weights |= {f"{name}.bias": np.zeros(size, np.float32)}
    statistics: dict[str, np.ndarray] = {}
    for name, size in NORMS.items():
        statistics |= {f"{name}.mean": np.zeros(size, np.float32)}
        statistics |= {f"{name}.var": np.ones(size, np.float32)}
    momenta = {name: np.zeros_like(w) for name, w in weights.items()}
    return {"weights": weights, "momenta": momenta, "statistics": statistics}


def _loss(weights: Any, statistics: Any, x: jax.Array, labels: jax.Array) -> tuple[jax.Array, Any]:
    updated = {}

    def norm(name: str, y: jax.Array) -> jax.Array:
        mean, var = statistics[f"{name}.mean"], statistics[f"{name}.var"]
        scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
        y, mean, var = batch_norm(y, mean, var, scale, shift, training=True)
        updated.update({f"{name}.mean": mean, f"{name}.var": var})
        return relu(y)

    y = norm("stem", conv2d(x, weights["stem"], padding=1))
    y = jnp.asarray(max_pool2d(y, 2))
    y = conv2d(y, weights["depthwise"], padding=1, groups=32)
    y = norm("pointwise", conv2d(y, weights["pointwise"]))
    y = norm("grouped", conv2d(y, weights["grouped"], stride=2, padding=1, groups=8))
    logits = linear(y.mean((2, 3)), weights["head"])
    return cross_entropy(logits, labels), updated


def step(state: State, x: jax.Array, labels: jax.Array) -> tuple[State, jax.Array]:
    """Make one step of stochastic gradient descent with momentum; return the loss before it."""
    grad = jax.value_and_grad(_loss, has_aux=True)
    (loss, statistics), slopes = grad(state["weights"], state["statistics"], x, labels)
    momenta = jax.tree.map(lambda m, g: MOMENTUM * m + g, state["momenta"], slopes)
    weights = jax.tree.map(lambda w, m: w - RATE * m, state["weights"], momenta)
    return {"weights": weights, "momenta": momenta, "statistics": statistics}, loss


def batches(batch: int = BATCH, seed: int = 1) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield images and their classes without end: each class is a colour, in noise."""
    rng = np.random.default_rng(seed)
    colours = rng.normal(size=(CLASSES, IMAGE[0], 1, 1)).astype(np.float32)
    while True:
        labels = rng.integers(0, CLASSES, batch)
        noise = rng.normal(size=(batch, *IMAGE)).astype(np.float32)
        yield 2 * colours[labels] + noise, labels.astype(np.int32)


@dataclass(frozen=True)
class Spread:
    """A mesh of devices, and how arrays lie on it: the batch in parts, all else whole."""

    mesh: Mesh
    by: str = "batch"

    @classmethod
    def over(cls, devices: Any = None, by: str = "batch") -> "Spread":
        """Take these devices; all of all processes where none are named.

        `by="rows"` gives each device some rows of every image instead.
        """
        chosen = jax.devices() if devices is None else list(devices)
        return cls(jax.make_mesh((len(chosen),), ("parts",), (AxisType.Auto,), devices=chosen), by)

    @property
    def whole(self) -> NamedSharding:
        """The sharding of what every device has."""
        return NamedSharding(self.mesh, PartitionSpec())

    @property
    def images(self) -> NamedSharding:
        """The sharding of a batch's images."""
        axes = (None, None, "parts") if self.by == "rows" else ("parts",)
        return NamedSharding(self.mesh, PartitionSpec(*axes))

    @property
    def labels(self) -> NamedSharding:
        """The sharding of its labels."""
        return self.whole if self.by == "rows" else self.images

    def put(self, array: Any, sharding: NamedSharding) -> jax.Array:
        """Lay an array that every process has on the mesh: each device takes its part."""
        array = np.asarray(array)
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

    def compiled(self, batch: int = BATCH) -> Any:
        """Compile the step for a batch of so many images."""
        state = jax.tree.map(
            lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=self.whole), initial()
        )
        x = jax.ShapeDtypeStruct((batch, *IMAGE), jnp.float32, sharding=self.images)
        labels = jax.ShapeDtypeStruct((batch,), jnp.int32, sharding=self.labels)
        return jax.jit(step, out_shardings=self.whole).lower(state, x, labels).compile()


def train(
    spread: Spread, steps: int, after: Callable[[int, float], None] = lambda _k, _loss: None
) -> list[float]:
    """Train for some steps, from the same weights and with the same batches wherever it runs.

    Args:
      spread: the mesh.
      steps: how many.
      after: called after each step, with its number and its loss.

    Returns:
      The loss of each step.
    """
    compiled = spread.compiled()
    state = jax.tree.map(lambda a: spread.put(a, spread.whole), initial())
    losses = []
    for k, (x, labels) in zip(range(steps), batches(), strict=False):
        state, loss = compiled(
            state, spread.put(x, spread.images), spread.put(labels, spread.labels)
        )
        losses.append(float(loss))
        after(k, losses[-1])
    return losses
