"""Run as a module, with eight virtual devices: what sharded convolutions exchange, as JSON.

For each layer, sharding and role: the collective operations of JAX's own program and of this
package's, the bytes that they give each device, and how far the results are apart.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

import conv
from conv.lowering.gpu import GPU
from experiments.exchange import collectives
from tests.support.agree import draw
from tests.support.lowerings import lowering_for_cpu

# Name, function, input, weight, arguments: 16 images, 8 or more channels and rows to divide.
LAYERS: list[tuple[str, str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ("dense", "conv2d", (16, 64, 32, 32), (64, 64, 3, 3), {"padding": 1}),
    ("strided", "conv2d", (16, 32, 32, 32), (64, 32, 3, 3), {"padding": 1, "stride": 2}),
    ("grouped", "conv2d", (16, 64, 32, 32), (64, 8, 3, 3), {"padding": 1, "groups": 8}),
    ("depthwise", "conv2d", (16, 32, 32, 32), (32, 1, 3, 3), {"padding": 1, "groups": 32}),
    ("depthwise-7", "conv2d", (16, 32, 32, 32), (32, 1, 7, 7), {"padding": 3, "groups": 32}),
    ("first", "conv2d", (16, 3, 64, 64), (64, 3, 7, 7), {"padding": 3, "stride": 2}),
    ("1x1", "conv2d", (16, 64, 32, 32), (64, 64, 1, 1), {}),
    ("transposed", "conv_transpose2d", (16, 32, 16, 16), (32, 16, 4, 4),
     {"padding": 1, "stride": 2}),
    ("line", "conv1d", (16, 32, 256), (64, 32, 3), {"padding": 1}),
    ("dilated", "conv1d", (16, 32, 256), (64, 32, 3), {"padding": 8, "dilation": 8}),
    ("volume", "conv3d", (16, 16, 16, 8, 8), (16, 16, 3, 3, 3), {"padding": 1}),
]  # fmt: skip
SHARDED = {"batch": 0, "channels": 1, "rows": 2}
ROLES = ("forward", "input gradient", "weight gradient")
MARK = re.compile(r'mhlo\.frontend_attributes = \{convgrad = "\w+"\}(, )?')


def programs(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a layer's three programs, of an input, a weight and a gradient of the output."""

    def call(x: jax.Array, w: jax.Array) -> jax.Array:
        return getattr(conv, name)(x, w, **arguments)

    return {
        "forward": lambda x, w, g: call(x, w),
        "input gradient": lambda x, w, g: jax.vjp(lambda x: call(x, w), x)[1](g)[0],
        "weight gradient": lambda x, w, g: jax.vjp(lambda w: call(x, w), w)[1](g)[0],
    }


def placed(mesh: Any, array: np.ndarray, axis: int | None) -> jax.Array:
    """Put an array on the mesh: in equal parts of one axis, or whole on every device."""
    spec = [None] * array.ndim
    if axis is not None and array.shape[axis] % mesh.size == 0:
        spec[axis] = "parts"
    return jax.device_put(jnp.asarray(array), NamedSharding(mesh, PartitionSpec(*spec)))


def rows() -> Iterator[dict[str, Any]]:
    """Compile and run every program twice."""
    mesh = jax.make_mesh((8,), ("parts",), axis_types=(jax.sharding.AxisType.Auto,))
    for layer, name, input, weight, arguments in LAYERS:
        x, w = draw(0, input, "float32"), draw(1, weight, "float32")
        functions = programs(name, arguments)
        shape = jax.eval_shape(functions["forward"], x, w, None).shape
        g = draw(2, shape, "float32")
        for how, axis in SHARDED.items():
            arrays = placed(mesh, x, axis), placed(mesh, w, None), placed(mesh, g, axis)
            for role, function in functions.items():
                lowered = {}
                for enabled in (False, True):
                    # A new function: compiled programs are kept by function, not by rule.
                    with conv.accelerate(enabled):
                        program = jax.jit(lambda *a, f=function: f(*a)).lower(*arrays)
                    lowered[MARK.sub("", program.as_text())] = program
                if len(lowered) == 1 and layer != LAYERS[0][0]:
                    continue  # JAX's own program, to the letter: it is split as JAX's own is
                found = [
                    (*collectives(compiled), np.asarray(compiled(*arrays)))
                    for compiled in (program.compile() for program in lowered.values())
                ]
                stock, ours = found[0], found[-1]
                apart = float(np.abs(stock[2] - ours[2]).max() / np.abs(stock[2]).max())
                yield {
                    "layer": layer,
                    "sharded": how,
                    "role": role,
                    "stock": stock[0],
                    "ours": ours[0],
                    "bytes": [stock[1], ours[1]],
                    "apart": apart,
                }


if __name__ == "__main__":
    assert jax.device_count() == 8
    platform = sys.argv[1]
    if platform == "cpu":
        json.dump(list(rows()), sys.stdout)
    else:
        with lowering_for_cpu(replace(GPU, name="cpu")):
            json.dump(list(rows()), sys.stdout)
