"""Run as a module, with eight virtual devices: layers over a mesh against PyTorch, as JSON.

Each layer, sharded by its batch, its channels or its rows, with `jax.jit` and `NamedSharding` and
with `jax.shard_map`: how far the result and the gradients are from PyTorch's of the whole arrays in
float64, and what the compiled program exchanges.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax import lax
from jax.sharding import AxisType, PartitionSpec

import conv
import port.functional
from experiments.exchange import collectives
from tests.support.agree import draw
from tests.support.devices import placed

Shape = tuple[int, ...]
SHARDED = {"batch": 0, "channels": 1, "rows": 2}


@dataclass(frozen=True)
class Layer:
    """A function of an input and, where it has one, a weight; the same in both libraries."""

    name: str
    function: str
    input: Shape
    weight: Shape | None = None
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def norm(self) -> bool:
        """Whether it has statistics, which training returns, too."""
        return self.function == "batch_norm"

    @property
    def transposed(self) -> bool:
        """Whether its weight's first axis is the input's channels."""
        return "transpose" in self.function

    @property
    def groups(self) -> int:
        """How many groups of channels do not meet."""
        return self.arguments.get("groups", 1)

    @cached_property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """Input and weight."""
        shapes = [self.input, *[self.weight] * (self.weight is not None)]
        return tuple(draw(i, shape, "float32") for i, shape in enumerate(shapes))

    def ours(self, *arrays: Any, **changed: Any) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        """Return the output, and the updated statistics where there are some."""
        arguments = self.arguments | changed
        if self.norm:
            zeros, ones = (jnp.full(arrays[1].shape, c) for c in (0.0, 1.0))
            y, *statistics = port.functional.batch_norm(
                arrays[0], zeros, ones, arrays[1], training=True, **arguments
            )
            return y, tuple(statistics)
        return getattr(conv, self.function)(*arrays, **arguments), ()

    def expected(self, seed: int = 9) -> list[np.ndarray]:
        """Return PyTorch's output, gradients, and statistics, in float64."""
        tensors = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in self.arrays]
        call, statistics = getattr(torch.nn.functional, self.function), []
        if self.norm:
            size = self.input[1]
            statistics = [torch.zeros(size).double(), torch.ones(size).double()]
            y = call(tensors[0], *statistics, tensors[1], training=True, **self.arguments)
        else:
            y = call(*tensors, **self.arguments)
        g = torch.tensor(draw(seed, tuple(y.shape), "float32"), dtype=torch.float64)
        found = [y, *torch.autograd.grad(y, tensors, g), *statistics]
        return [a.detach().numpy() for a in found]


GROUPED, POOL = {"groups": 8, "padding": 1}, {"kernel_size": 3, "stride": 2, "padding": 1}
UP = {"stride": 2, "padding": 1}
BY_8, BY_16 = {"groups": 8}, {"groups": 16}
LAYERS = [
    Layer("conv1d", "conv1d", (8, 16, 64), (16, 16, 3), {"padding": 1}),
    Layer("conv2d", "conv2d", (8, 16, 32, 10), (24, 16, 3, 3), {"padding": 1}),
    Layer("conv3d", "conv3d", (8, 16, 16, 6, 6), (16, 16, 3, 3, 3), {"padding": 1}),
    Layer("strided", "conv2d", (8, 16, 32, 10), (24, 16, 3, 3), UP),
    Layer("dilated", "conv2d", (8, 16, 32, 10), (24, 16, 3, 3), {"padding": 2, "dilation": 2}),
    Layer("grouped-1d", "conv1d", (8, 16, 64), (16, 2, 3), GROUPED),
    Layer("grouped", "conv2d", (8, 16, 32, 10), (24, 2, 3, 3), GROUPED),
    Layer("grouped-strided", "conv2d", (8, 16, 32, 10), (24, 2, 3, 3), GROUPED | UP),
    Layer("grouped-3d", "conv3d", (8, 16, 16, 6, 6), (16, 2, 3, 3, 3), GROUPED),
    Layer("depthwise", "conv2d", (8, 16, 32, 10), (16, 1, 3, 3), BY_16 | {"padding": 1}),
    Layer("depthwise-strided", "conv2d", (8, 16, 32, 10), (16, 1, 3, 3), BY_16 | UP),
    Layer("multiplied", "conv2d", (8, 16, 32, 10), (32, 1, 3, 3), BY_16 | {"padding": 1}),
    Layer("transposed-1d", "conv_transpose1d", (8, 16, 32), (16, 8, 4), UP),
    Layer("transposed", "conv_transpose2d", (8, 16, 16, 6), (16, 8, 4, 4), UP),
    Layer("transposed-3d", "conv_transpose3d", (8, 16, 16, 4, 4), (16, 8, 4, 4, 4), UP),
    Layer("transposed-grouped", "conv_transpose2d", (8, 16, 16, 6), (16, 3, 4, 4), BY_8 | UP),
    Layer("transposed-depthwise", "conv_transpose2d", (8, 16, 16, 6), (16, 1, 4, 4), BY_16 | UP),
    Layer("max-pool-1d", "max_pool1d", (8, 16, 64), None, POOL),
    Layer("max-pool", "max_pool2d", (8, 16, 32, 10), None, POOL),
    Layer("max-pool-tiles", "max_pool2d", (8, 16, 32, 10), None, {"kernel_size": 2}),
    Layer("max-pool-3d", "max_pool3d", (8, 16, 16, 6, 6), None, POOL),
    Layer("avg-pool", "avg_pool2d", (8, 16, 32, 10), None, POOL),
    Layer("avg-pool-tiles", "avg_pool2d", (8, 16, 32, 10), None, {"kernel_size": 2}),
    Layer("avg-pool-3d", "avg_pool3d", (8, 16, 16, 6, 6), None, POOL),
    Layer("batch-norm", "batch_norm", (8, 16, 32, 10), (16,)),
]  # fmt: skip


# With the rule off, these inside of shard_map: what is one device's there is tested elsewhere.
FEW = ("conv2d", "grouped", "depthwise", "transposed", "max-pool", "batch-norm")


def value_and_gradients(function: Callable[..., Any], *arrays: Any) -> list[jax.Array]:
    """Return the output, the gradients, and what else there is."""
    *operands, g = arrays
    y, pull, more = jax.vjp(function, *operands, has_aux=True)
    return [y, *pull(g), *more]


# With shard_map: what a user writes.


def halo(x: jax.Array, low: int, high: int, edge: float) -> jax.Array:
    """Add the last rows of the device before and the first ones of the device behind to axis 2."""
    n, k = lax.axis_size("parts"), lax.axis_index("parts")
    parts = [x if high >= 0 else x[:, :, :high]]
    if low > 0:
        before = lax.ppermute(x[:, :, -low:], "parts", [(i, i + 1) for i in range(n - 1)])
        parts.insert(0, jnp.where(k == 0, edge, before))
    if high > 0:
        behind = lax.ppermute(x[:, :, :high], "parts", [(i + 1, i) for i in range(n - 1)])
        parts.append(jnp.where(k == n - 1, edge, behind))
    return jnp.concatenate(parts, 2)


def of_rows(layer: Layer, *arrays: jax.Array) -> Any:
    """Compute one device's rows of the output, from its own and its neighbours'."""
    x, *weight = arrays
    dims, arguments = x.ndim - 2, layer.arguments
    if layer.transposed:  # kernel 4, stride 2, padding 1: one row on each side is enough
        y, more = layer.ours(halo(x, 1, 1, 0.0), *weight)
        return lax.slice_in_dim(y, 2, y.shape[2] - 2, axis=2), more
    kernel = weight[0].shape[2] if weight else arguments["kernel_size"]
    stride = arguments.get("stride", 1 if weight else kernel)
    padding, dilation = arguments.get("padding", 0), arguments.get("dilation", 1)
    high = dilation * (kernel - 1) + 1 - stride - padding
    extended = halo(x, padding, high, -jnp.inf if "max" in layer.function else 0.0)
    return layer.ours(extended, *weight, padding=(0, *[padding] * (dims - 1)))


def of_channels(layer: Layer, *arrays: jax.Array) -> Any:
    """Compute one device's groups; without groups, what its input channels add to the output."""
    if layer.groups > 1:
        return layer.ours(*arrays, groups=layer.groups // lax.axis_size("parts"))
    y, more = layer.ours(*arrays)
    return (lax.psum(y, "parts") if layer.weight and not layer.norm else y), more


def mapped(layer: Layer, how: str, mesh: Any) -> Callable[..., Any] | None:
    """Return the layer as a function over the mesh; None where it would be another function."""
    if layer.norm and how != "channels":
        return None  # a device's own statistics: see `of_parts`
    whole, *spread = (
        PartitionSpec(*axes) for axes in ((), ("parts",), (None, "parts"), (None, None, "parts"))
    )
    first, second, third = spread
    x = y = {"batch": first, "channels": second, "rows": third}[how]
    w, function = whole, layer.ours
    if how == "rows":
        function = partial(of_rows, layer)
    elif how == "channels":
        function = partial(of_channels, layer)
        dense = layer.weight is not None and layer.groups == 1 and not layer.norm
        w, y = (second if dense and not layer.transposed else first), (whole if dense else y)
    specs = (x, *[w] * (layer.weight is not None))
    more = (first, first) if layer.norm else ()
    return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=(y, more))


def apart(found: list[Any], expected: list[np.ndarray]) -> float:
    """Return the largest difference, relative to the largest element of each array."""
    pairs = zip((np.asarray(a, np.float64) for a in found), expected, strict=True)
    assert all(a.shape == b.shape for a, b in zip(found, expected, strict=True))
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)


def rows(enabled: bool) -> Iterator[dict[str, Any]]:
    """Compile and run every layer, every way."""
    mesh = jax.make_mesh((8,), ("parts",), axis_types=(AxisType.Auto,))
    for layer in LAYERS:
        expected = layer.expected()
        g = draw(9, expected[0].shape, "float32")
        for how, axis in SHARDED.items():
            weights = [placed(mesh, w, None) for w in layer.arrays[1:]]
            arrays = (placed(mesh, layer.arrays[0], axis), *weights, placed(mesh, g, axis))
            assert arrays[0].sharding.shard_shape(layer.input) != layer.input
            functions: dict[str, Any] = {"jit": layer.ours}
            if enabled or layer.name in FEW:
                functions["shard_map"] = mapped(layer, how, mesh)
            for way, function in functions.items():
                if function is None:
                    continue
                program = partial(value_and_gradients, function)
                with conv.accelerate(enabled):
                    compiled = jax.jit(program).lower(*arrays).compile()
                kinds, size = collectives(compiled)
                found = compiled(*arrays)
                yield {
                    "layer": layer.name,
                    "sharded": how,
                    "way": way,
                    "apart": apart(found, expected),
                    "collectives": kinds,
                    "bytes": size,
                    "input": layer.arrays[0].nbytes,
                    "output": g.nbytes,
                    "parameters": sum(w.nbytes for w in layer.arrays[1:]),
                    "spread": len(found[1].sharding.device_set),
                }


def of_parts() -> float:
    """Return how far batch norm of each part by itself is from PyTorch's."""
    layer = next(layer for layer in LAYERS if layer.norm)
    mesh = jax.make_mesh((4,), ("parts",), axis_types=(AxisType.Auto,), devices=jax.devices()[:4])
    part = PartitionSpec("parts")
    function = jax.shard_map(
        lambda x, w: layer.ours(x, w)[0],
        mesh=mesh,
        in_specs=(part, PartitionSpec()),
        out_specs=part,
    )
    x, w = layer.arrays
    found = jax.jit(function)(x, w)
    rights = [
        torch.nn.functional.batch_norm(
            torch.tensor(piece), torch.zeros(16), torch.ones(16), torch.tensor(w), training=True
        ).numpy()
        for piece in np.split(x, 4)
    ]
    return apart([found], [np.concatenate(rights)])


if __name__ == "__main__":
    assert jax.device_count() == 8
    found = {"rows": list(rows(sys.argv[1] == "on")), "of parts": of_parts()}
    json.dump(found, sys.stdout)
