"""Under which names, and in which layouts, PyTorch's state holds the variables of a module.

The modules of this package and of `conv` have PyTorch's names and layouts already. Flax's layers
have names of their own and channels that come last: one table, a line a class. A class that is not
in it (flax's recurrent cells, Einsum, a module of yours) keeps the names of its attributes.

Names and layouts are all that carries over. What a layer computes with them can differ from what
PyTorch's layer does:

- flax's BatchNorm keeps the biased variance, and its momentum is 1 minus PyTorch's, 0.99 by
  default; it counts no batches;
- the default epsilon of flax's LayerNorm and GroupNorm is 1e-6, PyTorch's is 1e-5;
- channels come last, so that `reshape` flattens in another order, and the columns of a Linear after
  it would have to be permuted;
- padding, strides and output_padding of a ConvTranspose mean other sizes (`conv.ConvTranspose2d`
  has PyTorch's).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """The way of an array into PyTorch's layout, and back into the shape that it has in flax."""

    out: Callable[[jax.Array], jax.Array]
    back: Callable[[jax.Array, Shape], jax.Array]


@dataclass(frozen=True)
class Packed:
    """Several variables, by their paths, that are one tensor in PyTorch, one below the other."""

    name: str
    paths: tuple[str, ...]
    layout: Layout


@dataclass(frozen=True)
class Names:
    """What a class calls otherwise than PyTorch: all else keeps its name, and its layout."""

    variables: Mapping[str, tuple[str, Layout]] = field(default_factory=dict)
    packed: tuple[Packed, ...] = ()
    children: Mapping[str, str | None] = field(default_factory=dict)  # None: all of it is packed
    ignored: tuple[str, ...] = ()  # what PyTorch's layer has and this one does not need


def _kernel_out(kernel: jax.Array) -> jax.Array:
    """(*k, I, O) -> (O, I, *k)."""
    last = kernel.ndim - 1
    return kernel.transpose(last, last - 1, *range(last - 1))


def _kernel_back(weight: jax.Array, _: Shape) -> jax.Array:
    """(O, I, *k) -> (*k, I, O)."""
    return weight.transpose(*range(2, weight.ndim), 1, 0)


def _flipped(weight: jax.Array) -> jax.Array:
    return jnp.flip(weight, tuple(range(2, weight.ndim)))


def _swapped(weight: jax.Array) -> jax.Array:
    return weight.swapaxes(0, 1)


def _columns(kernel: jax.Array, outputs: int) -> jax.Array:
    """(*inputs, *outputs) -> (all outputs, all inputs)."""
    wide = kernel.reshape(-1, math.prod(kernel.shape[kernel.ndim - outputs :]))
    return wide.swapaxes(0, 1)


def _rows_back(weight: jax.Array, shape: Shape) -> jax.Array:
    """(all outputs, all inputs) -> (*inputs, *outputs)."""
    return weight.swapaxes(0, 1).reshape(shape)


def _reshaped(*torch_shape: int) -> Layout:
    return Layout(lambda x: x.reshape(torch_shape), lambda x, shape: x.reshape(shape))


SAME = Layout(lambda x: x, lambda x, _: x)
FLAT = _reshaped(-1)
KERNEL = Layout(_kernel_out, _kernel_back)  # of two dimensions: a transposition
# lax.conv_transpose takes the kernel as it is, and flips it with transpose_kernel; PyTorch's weight
# is that of the convolution that this one is the transpose of. (*k, I, O) -> (I, O, *k) either way.
TRANSPOSED = Layout(
    lambda kernel: _flipped(_swapped(_kernel_out(kernel))),
    lambda weight, shape: _kernel_back(_swapped(_flipped(weight)), shape),
)

SCALE = Names({"scale": ("weight", SAME)})
STATISTICS = {"mean": ("running_mean", SAME), "var": ("running_var", SAME)}


def _linear_general(layer: nnx.LinearGeneral) -> Names:
    if layer.batch_axis:  # several layers in one: PyTorch has no such layer
        return Names()
    outputs = len(layer.out_features)
    layout = Layout(lambda kernel: _columns(kernel, outputs), _rows_back)
    return Names({"kernel": ("weight", layout), "bias": ("bias", FLAT)})


def _attention(layer: nnx.MultiHeadAttention) -> Names:
    """Three projections in one weight, as torch.nn.MultiheadAttention packs them."""
    parts = ("query", "key", "value")
    kernels, biases = (tuple(f"{part}.{name}" for part in parts) for name in ("kernel", "bias"))
    rows = Layout(lambda kernel: _columns(kernel, 2), _rows_back)  # (in, heads, size of a head)
    if layer.in_kv_features == layer.in_features:
        packed = [Packed("in_proj_weight", kernels, rows)]
    else:
        packed = [
            Packed(f"{part[0]}_proj_weight", (kernel,), rows)
            for part, kernel in zip(parts, kernels, strict=True)
        ]
    if layer.use_bias:
        packed.append(Packed("in_proj_bias", biases, FLAT))
    return Names(packed=tuple(packed), children={**dict.fromkeys(parts), "out": "out_proj"})


def _conv_transpose(layer: nnx.ConvTranspose) -> Names:
    flipped = layer.transpose_kernel  # by lax itself; and its channels are (O, I) then
    return Names({"kernel": ("weight", KERNEL if flipped else TRANSPOSED)})


def _always(names: Names) -> Callable[[Any], Names]:
    return lambda _: names


TABLE: dict[type, Callable[[Any], Names]] = {
    nnx.Linear: _always(Names({"kernel": ("weight", KERNEL)})),
    nnx.LinearGeneral: _linear_general,
    nnx.Conv: _always(Names({"kernel": ("weight", KERNEL)})),
    nnx.ConvTranspose: _conv_transpose,
    nnx.Embed: _always(Names({"embedding": ("weight", SAME)})),
    nnx.BatchNorm: _always(
        Names({**SCALE.variables, **STATISTICS}, ignored=("num_batches_tracked",))
    ),
    nnx.LayerNorm: _always(SCALE),
    nnx.RMSNorm: _always(SCALE),
    nnx.GroupNorm: _always(SCALE),
    nnx.InstanceNorm: _always(SCALE),
    nnx.PReLU: _always(Names({"negative_slope": ("weight", _reshaped(1))})),
    nnx.MultiHeadAttention: _attention,
    nnx.Sequential: _always(Names(children={"layers": ""})),  # its numbers follow at once
}


def names(module: object) -> Names:
    """Return what a module calls otherwise than PyTorch, by its class or the nearest above it."""
    for cls in type(module).__mro__:
        if cls in TABLE:
            return TABLE[cls](module)
    return Names()
