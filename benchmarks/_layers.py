"""The layers that are timed: shapes of well-known networks, with the reason each is here.

`layers.json` has one for each kind of layer; `more_layers.json` many more, to find what was missed.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

LAYERS, MORE = (Path(__file__).with_name(f"{name}.json") for name in ("layers", "more_layers"))
QUICK = (
    "resnet50-3x3",
    "resnet50-1x1",
    "mobilenetv2-dw",
    "resnext-32x4d",
    "dcgan-up",
    "conformer-dw",
    "wavenet",
)


@dataclass(frozen=True)
class Layer:
    """One convolution with its arguments, as PyTorch's functional call takes them."""

    name: str
    op: str
    input: tuple[int, ...]
    weight: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    output_padding: tuple[int, ...]
    groups: int
    why: str

    @property
    def dims(self) -> int:
        """The number of spatial dimensions."""
        return len(self.weight) - 2

    @property
    def transposed(self) -> bool:
        """Whether the layer is a transposed convolution."""
        return "transpose" in self.op

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The padding of the same map in lax, of spread input where the layer is transposed."""
        if not self.transposed:
            return [(p, p) for p in self.padding]
        rows = zip(self.weight[2:], self.padding, self.dilation, self.output_padding, strict=True)
        return [(d * (k - 1) - p, d * (k - 1) - p + e) for k, p, d, e in rows]

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of the functional call."""
        named = {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }
        return {**named, "output_padding": self.output_padding} if self.transposed else named

    def arrays(self, dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
        """Draw an input and a weight with unit variance of the output."""
        rng = np.random.default_rng(0)
        fan = (
            self.weight[0] * np.prod(self.weight[2:]) / self.groups
            if self.transposed
            else (np.prod(self.weight[1:]))
        )
        x = rng.standard_normal(self.input).astype(dtype)
        return x, (rng.standard_normal(self.weight) / np.sqrt(fan)).astype(dtype)


def load(file: Path = LAYERS) -> list[Layer]:
    """Read a list of layers."""
    layers = []
    for entry in json.loads(file.read_text()):
        dims = len(entry["weight"]) - 2
        fields = {
            name: _tuple(entry.get(name, 0), dims)
            for name in ("stride", "padding", "dilation", "output_padding")
        }
        layers.append(
            Layer(
                name=entry["name"],
                op=entry["op"],
                input=tuple(entry["input"]),
                weight=tuple(entry["weight"]),
                groups=entry["groups"],
                why=entry["why"],
                **fields,
            )
        )
    return layers


def pick(layers: list[Layer], names: Collection[str]) -> list[Layer]:
    """Return the layers of these names, in their own order.

    Raises:
      ValueError: where no layer has one of the names.
    """
    unknown = set(names) - {layer.name for layer in layers}
    if unknown:
        raise ValueError(f"no layer is called {', '.join(sorted(unknown))}")
    return [layer for layer in layers if layer.name in names]


def _tuple(value: int | list[int], dims: int) -> tuple[int, ...]:
    return (value,) * dims if isinstance(value, int) else tuple(value)
