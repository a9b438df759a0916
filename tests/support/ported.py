"""A small network of all kinds of layers, in PyTorch and by hand in JAX, and faults to plant."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import torch
from flax import nnx
from jax import lax

import conv
import port


class TorchNet(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.bn = torch.nn.BatchNorm2d(4)
        self.act = torch.nn.GELU()
        self.conv2 = torch.nn.Conv2d(4, 4, 3, padding=2, dilation=2)
        self.pool = torch.nn.AvgPool2d(3, 2, 1)
        self.up = torch.nn.ConvTranspose2d(4, 4, 4, stride=2, padding=1)
        self.resize = torch.nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.maxpool = torch.nn.MaxPool2d(3, 2, 1)
        self.norm = torch.nn.GroupNorm(2, 4)
        self.drop = torch.nn.Dropout(0.25)
        self.fc1 = torch.nn.Linear(144, 6)
        self.fc2 = torch.nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.bn(self.conv1(x)))
        x = self.pool(x + self.conv2(x))
        x = self.maxpool(self.resize(self.up(x)))
        x = torch.flatten(self.drop(self.norm(x)), 1)
        return self.fc2(torch.relu(self.fc1(x)))


class Net(port.Module):
    """The same in JAX. `order` is that in which (N, C, H, W) is flattened."""

    def __init__(self) -> None:
        made = {"rngs": nnx.Rngs(0)}
        self.conv1: Any = port.Conv2d(3, 4, 3, stride=2, padding=1, **made)
        self.bn: Any = port.BatchNorm2d(4, **made)
        self.act: Any = port.GELU()
        self.conv2: Any = port.Conv2d(4, 4, 3, padding=2, dilation=2, **made)
        self.pool: Any = port.AvgPool2d(3, 2, 1)
        self.up: Any = port.ConvTranspose2d(4, 4, 4, stride=2, padding=1, **made)
        self.resize: Any = port.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.maxpool: Any = port.MaxPool2d(3, 2, 1)
        self.norm: Any = port.GroupNorm(2, 4, **made)
        self.drop: Any = port.Dropout(0.25, **made)
        self.fc1: Any = port.Linear(144, 6, **made)
        self.fc2: Any = port.Linear(6, 6, **made)
        self.order = (0, 1, 2, 3)
        self.skip = True

    def forward(self, x: jax.Array) -> jax.Array:
        x = self.act(self.bn(self.conv1(x)))
        x = self.pool(x + self.conv2(x) if self.skip else self.conv2(x))
        x = self.maxpool(self.resize(self.up(x)))
        x = self.drop(self.norm(x)).transpose(self.order).reshape(len(x), -1)
        return self.fc2(jax.nn.relu(self.fc1(x)))


class Instead(nnx.Module):
    """A layer with another's weights that computes something else."""

    def __init__(self, layer: Any, compute: Callable[[Any, jax.Array], jax.Array]) -> None:
        for name in ("weight", "bias"):
            if isinstance(getattr(layer, name, None), nnx.Param):
                setattr(self, name, getattr(layer, name))
        self.compute = compute

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.compute(self, x)


@dataclass(frozen=True)
class Fault:
    """A fault: what it does to a `Net`, the layer that it is in, and words of its cause."""

    name: str
    plant: Callable[[Net], None]
    layer: str
    words: str

    def __str__(self) -> str:
        return self.name


def instead(name: str, compute: Callable[[Any, jax.Array], jax.Array]) -> Callable[[Net], None]:
    return lambda net: setattr(net, name, Instead(getattr(net, name), compute))


def attribute(path: str, value: Any) -> Callable[[Net], None]:
    layer, _, name = path.rpartition(".")
    return lambda net: setattr(getattr(net, layer) if layer else net, name, value)


def weight(name: str, change: Callable[[jax.Array], jax.Array]) -> Callable[[Net], None]:
    def plant(net: Net) -> None:
        held = getattr(net, name).weight
        held.set_value(change(held.get_value()))

    return plant


def bn_class(**changed: bool) -> Callable[[Net], None]:
    """flax's batch norm, with its momentum the right way round or not."""

    def plant(net: Net) -> None:
        made = nnx.BatchNorm(4, epsilon=1e-5, rngs=nnx.Rngs(0), **changed)
        port.load_state_dict(made, port.state_dict(net.bn))
        net.bn = made

    return plant


def same_conv(self: Any, x: jax.Array) -> jax.Array:
    y = lax.conv_general_dilated(x, self.weight[...], (2, 2), "SAME")
    return y + self.bias[...][:, None, None]


def dilated(change: Callable[[jax.Array], jax.Array], pads: int = 2, dilation: int = 2) -> Any:
    return lambda self, x: conv.conv2d(
        x, change(self.weight[...]), self.bias[...], padding=pads, dilation=dilation
    )


def rounded_conv(self: Any, x: jax.Array) -> jax.Array:
    half = [a.astype(jnp.bfloat16) for a in (x, self.weight[...], self.bias[...])]
    return conv.conv2d(*half, padding=2, dilation=2).astype(x.dtype)


def upward(change: Callable[[jax.Array], jax.Array], padding: int = 1) -> Any:
    return lambda self, x: conv.conv_transpose2d(
        x, change(self.weight[...]), self.bias[...], stride=2, padding=padding
    )


def shifted_up(self: Any, x: jax.Array) -> jax.Array:
    full = conv.conv_transpose2d(x, self.weight[...], self.bias[...], stride=2)
    return full[:, :, 2:8, 2:8]


def lax_up(self: Any, x: jax.Array) -> jax.Array:
    """Upsample by lax's own conv_transpose: PyTorch's padding, and its kernel unflipped."""
    kernel = self.weight[...].transpose(2, 3, 0, 1)
    y = lax.conv_transpose(x, kernel, (2, 2), "SAME", dimension_numbers=("NCHW", "HWIO", "NCHW"))
    return y + self.bias[...][:, None, None]


def same_max(self: Any, x: jax.Array) -> jax.Array:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 3, 3), (1, 1, 2, 2), "SAME")


def old_dropout(self: Any, x: jax.Array) -> jax.Array:
    return 0.75 * x


class Unscaled(nnx.Module):
    def __init__(self) -> None:
        self.deterministic = False
        self.rngs = nnx.Rngs(0)

    def __call__(self, x: jax.Array) -> jax.Array:
        if self.deterministic:
            return x
        return x * jax.random.bernoulli(self.rngs(), 0.75, x.shape)


def same(x: Any) -> Any:
    return x


def swapped(w: jax.Array) -> jax.Array:
    return w.swapaxes(2, 3)


def flip(w: jax.Array) -> jax.Array:
    return w[:, :, ::-1, ::-1]


def channels_last(w: jax.Array) -> jax.Array:
    """Return the columns for an input that was flattened with the channels last."""
    return w.reshape(6, 4, 6, 6).transpose(0, 2, 3, 1).reshape(6, 144)


def hwio(w: jax.Array) -> jax.Array:
    """Return what a kernel becomes that is reshaped where it had to be transposed."""
    return w.transpose(2, 3, 1, 0).reshape(w.shape)


def stopped(self: Any, x: jax.Array) -> jax.Array:
    return jax.nn.gelu(lax.stop_gradient(x), approximate=False)


def without_bias(self: Any, x: jax.Array) -> jax.Array:
    return x @ self.weight[...].T


FAULTS = [
    Fault("kernel flipped", instead("conv2", dilated(flip)), "conv2", "kernel flipped"),
    Fault("kernel transposed", instead("conv2", dilated(swapped)), "conv2", "wrong layout: OIWH"),
    Fault("channels exchanged", weight("conv2", lambda w: w.swapaxes(0, 1)), "conv2",
          "wrong layout: IOHW"),
    Fault("kernel reshaped", weight("conv2", hwio), "conv2", "HWIO reshaped to OIHW"),
    Fault("SAME padding", instead("conv1", same_conv), "conv1",
          "padding one pixel off: JAX pads (0, 1), as 'SAME' does"),
    Fault("dilation", instead("conv2", dilated(same, 1, 1)), "conv2", "dilation: JAX has (1, 1)"),
    Fault("transposed kernel not flipped", instead("up", upward(flip)), "up", "kernel not flipped"),
    Fault("transposed padding", instead("up", shifted_up), "up", "padding one pixel off"),
    Fault("lax's transposition", instead("up", lax_up), "up", "kernel not flipped"),
    Fault("eps", attribute("bn.eps", 1e-3), "bn", "eps: JAX has 0.001, PyTorch 1e-05"),
    Fault("eps of a group norm", attribute("norm.eps", 1e-6), "norm", "eps: JAX has 1e-06"),
    Fault("groups", attribute("norm.num_groups", 4), "norm", "groups: JAX has 4"),
    Fault("momentum", attribute("bn.momentum", 0.9), "bn",
          "momentum: JAX takes 0.9 of the batch, the opposite, PyTorch 0.1"),
    Fault("biased variance", bn_class(momentum=0.9), "bn", "biased variance"),
    Fault("flax's batch norm", bn_class(), "bn",
          "momentum: JAX takes 0.01 of the batch, PyTorch 0.1; biased variance"),
    Fault("count_include_pad", attribute("pool.count_include_pad", False), "pool",
          "count_include_pad: JAX has False, PyTorch True"),
    Fault("ceil_mode", attribute("pool.ceil_mode", True), "pool", "ceil_mode: JAX has True"),
    Fault("sum for mean", instead("pool", lambda self, x: 9 * conv.avg_pool2d(x, 3, 2, 1)), "pool",
          "sum for mean"),
    Fault("SAME maximum", instead("maxpool", same_max), "maxpool", "padding one pixel off"),
    Fault("align_corners", attribute("resize.align_corners", False), "resize",
          "align_corners: JAX has False, PyTorch True"),
    Fault("activation", attribute("act.approximate", "tanh"), "act", "JAX has gelu (tanh)"),
    Fault("stop_gradient", instead("act", stopped), "act", "gradient of input is zero"),
    Fault("flatten order", attribute("order", (0, 2, 3, 1)), "", "flatten order: (H, W, C)"),
    Fault("columns", weight("fc1", channels_last), "fc1", "flatten order: (H, W, C)"),
    Fault("linear transposed", weight("fc2", jnp.transpose), "fc2", "transposed, (in, out)"),
    Fault("bias missing", instead("fc2", without_bias), "fc2", "bias missing"),
    Fault("no skip", attribute("skip", False), "", "first term of a sum is missing"),
    Fault("dropout unscaled", lambda net: setattr(net, "drop", Unscaled()), "drop",
          "dropout scaling"),
    Fault("dropout at rest", instead("drop", old_dropout), "drop", "dropout scaling"),
    Fault("dropout's p", attribute("drop.p", 0.75), "drop", "dropout: JAX drops 0.7"),
    Fault("bfloat16", instead("conv2", rounded_conv), "conv2", "precision: JAX rounds to bfloat16"),
]  # fmt: skip


def pair() -> tuple[TorchNet, Net, torch.Tensor]:
    """Return both networks with the same weights, and an input."""
    torch.manual_seed(0)
    theirs, ours = TorchNet(), Net()
    with torch.no_grad():
        theirs.bn.weight.uniform_(0.5, 2)
        theirs.bn.bias.uniform_(-1, 1)
    port.load_state_dict(ours, theirs.state_dict())
    return theirs, ours, torch.randn(2, 3, 12, 10)
