"""Run as a module, with two virtual devices: every operation under shard_map, results to a file."""

import sys

import jax
import numpy as np
from jax.sharding import PartitionSpec

from tests.support.agree import draw
from tests.support.operations import OPERATIONS, Operation


def sharded(operation: Operation, shared: bool) -> np.ndarray:
    """Map over a new leading axis of two, one piece on each device.

    With `shared`, the last of several operands is the same on both devices.
    """
    arrays = [draw(i, (2, *shape)) for i, shape in enumerate(operation.shapes)]
    mesh = jax.make_mesh((2,), ("pieces",), axis_types=(jax.sharding.AxisType.Auto,))
    specs = [PartitionSpec("pieces") for _ in arrays]
    if shared:
        arrays[-1], specs[-1] = arrays[-1][:1], PartitionSpec()

    def on_one_device(*pieces: jax.Array) -> jax.Array:
        result = operation.ours(*(piece[0] for piece in pieces))
        return (result[0] if isinstance(result, tuple) else result)[None]

    mapped = jax.shard_map(on_one_device, mesh=mesh, in_specs=tuple(specs), out_specs=specs[0])
    result = jax.jit(mapped)(*arrays)
    assert len(result.sharding.device_set) == 2
    return np.asarray(result)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    assert jax.device_count() == 2
    results = {operation.name: sharded(operation, shared=False) for operation in OPERATIONS}
    several = [operation for operation in OPERATIONS if len(operation.shapes) > 1]
    results |= {
        f"{operation.name}-shared": sharded(operation, shared=True) for operation in several
    }
    np.savez(sys.argv[1], **results)
