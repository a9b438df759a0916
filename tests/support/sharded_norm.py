"""Run as a module, with eight virtual devices: batch norm in training over a spread batch, as JSON.

The statistics are those of the whole batch; between devices go a few numbers a channel.
"""

import json
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from experiments.exchange import collectives
from port.functional import batch_norm
from tests.support.agree import draw
from tests.support.data_parallel import apart

SHAPE = (32, 16, 24, 24)


def step(x: jax.Array, c: jax.Array, weight: jax.Array) -> Any:
    """The updated statistics, and the gradients of input and weight."""

    def loss(x: jax.Array, weight: jax.Array) -> Any:
        y, mean, var = batch_norm(x, c, c, weight, training=True)
        return (y**3).mean(), (mean, var)

    return jax.grad(loss, (0, 1), has_aux=True)(x, weight)


def main() -> None:
    x, c, weight = draw(1, SHAPE, "float32"), np.ones(16, "float32"), draw(2, (16,), "float32")
    alone = jax.jit(step)(x, c, weight)
    mesh = jax.make_mesh((8,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    rows, whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("batch",), ()))
    placed = (
        jax.device_put(x, rows),
        *(jax.device_put(jnp.asarray(a), whole) for a in (c, weight)),
    )
    out = ((rows, whole), whole)
    compiled = jax.jit(step, out_shardings=out).lower(*placed).compile()
    kinds, size = collectives(compiled)
    found = {"collectives": kinds, "bytes": size, "apart": apart(compiled(*placed), alone)}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
