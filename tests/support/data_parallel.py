"""Run as a module, with eight virtual devices: a training step of a small ConvNet, as JSON."""

import json
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

import conv
from experiments.exchange import collectives
from tests.support.agree import draw

Weights = dict[str, jax.Array]


def loss(weights: Weights, x: jax.Array, labels: jax.Array) -> jax.Array:
    """Strided, depthwise, pointwise, then a mean over positions: cross-entropy of 10 classes."""
    y = jax.nn.relu(conv.conv2d(x, weights["first"], stride=2, padding=1))
    y = jax.nn.relu(conv.conv2d(y, weights["depthwise"], padding=1, groups=16))
    y = conv.conv2d(y, weights["last"], weights["bias"]).mean((2, 3))
    return -(jax.nn.log_softmax(y) * jax.nn.one_hot(labels, 10)).sum(1).mean()


def apart(one: Any, other: Any) -> float:
    """The largest difference of two trees, relative to the largest element of each leaf."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)


def main() -> None:
    shapes = {"first": (16, 3, 3, 3), "depthwise": (16, 1, 3, 3), "last": (10, 16, 1, 1)}
    weights = {
        name: jnp.asarray(draw(i, s, "float32")) for i, (name, s) in enumerate(shapes.items())
    }
    weights["bias"] = jnp.zeros(10)
    x, labels = draw(9, (32, 3, 32, 32), "float32"), np.arange(32) % 10
    step = jax.value_and_grad(loss)
    alone = jax.jit(step)(weights, x, labels)

    mesh = jax.make_mesh((8,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    whole, parts = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((), ("batch",)))
    placed = (jax.device_put(weights, whole), *(jax.device_put(a, parts) for a in (x, labels)))
    compiled = jax.jit(step, out_shardings=whole).lower(*placed).compile()

    def mapped(weights: Weights, x: jax.Array, labels: jax.Array) -> Any:
        return jax.lax.pmean(step(weights, x, labels), "batch")

    specs = (PartitionSpec(), PartitionSpec("batch"), PartitionSpec("batch"))
    manual = jax.shard_map(
        mapped, mesh=mesh, in_specs=specs, out_specs=PartitionSpec(), check_vma=False
    )
    kinds, size = collectives(compiled)
    part = (weights, x[:4], labels[:4])
    found = {
        "collectives": kinds,
        "bytes": size,
        "parameters": sum(leaf.size for leaf in weights.values()),
        "apart": apart(compiled(*placed), alone),
        "apart in shard_map": apart(jax.jit(manual)(*placed), alone),
        "methods on one device": [r.method for r in conv.routes(step, *part)],
        "methods in shard_map": [r.method for r in conv.routes(manual, *placed)],
        "methods for eight devices": [r.method for r in conv.routes(step, *placed)],
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
