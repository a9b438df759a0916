"""What both sides of a comparison speak of: a call of a layer, and what it gave."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    import torch

Arrays = Mapping[str, np.ndarray]


@dataclass
class Call:
    """One call of a layer in PyTorch's network: what went in, what came out, what came back.

    Attributes:
      path: the layer's, as in the state_dict; '' for the network itself.
      index: which call of the layer it is, from 0.
      module: the layer, in float64.
      kind: its class's name.
      given: (args, kwargs), tensors that belong to this call.
      outputs: the leaves of the output.
      cotangents: PyTorch's own gradient of each output, None where there is none.
      buffers: of the layer and all below it, as they were before the call.
      inside: the calls that were made in this one.
      shared: for each floating leaf of the input, the first one that is the same tensor.
      random: whether a second run gives another output.
    """

    path: str
    index: int
    module: Any
    given: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
    outputs: "list[torch.Tensor]" = field(default_factory=list)
    cotangents: "list[torch.Tensor | None]" = field(default_factory=list)
    buffers: "dict[str, torch.Tensor]" = field(default_factory=dict)
    inside: "list[Call]" = field(default_factory=list)
    shared: list[int] = field(default_factory=list)
    random: bool = False

    @property
    def kind(self) -> str:
        """Name of the layer's class."""
        return type(self.module).__name__

    @property
    def is_layer(self) -> bool:
        """Whether it holds no others."""
        return not self.inside

    def full(self, name: str) -> str:
        """Return a name in the network's state_dict for one in the layer's."""
        return f"{self.path}.{name}" if self.path else name


@dataclass
class Result:
    """What a side computes for a call.

    Attributes:
      outputs: the leaves of the output.
      inputs: the gradients of the floating leaves of the input.
      gradients: {name in the layer: gradient of a parameter}.
      buffers: {name in the layer: value after the call}.
      weights: {name in the layer: value of a parameter}.
    """

    outputs: list[np.ndarray]
    inputs: list[np.ndarray | None] = field(default_factory=list)
    gradients: Arrays = field(default_factory=dict)
    buffers: Arrays = field(default_factory=dict)
    weights: Arrays = field(default_factory=dict)


def joined(result: Result, call: Call) -> Result:
    """Return a result with one gradient for a tensor that is several leaves of the input.

    A program has one value there, as in self-attention, and a gradient for all of its uses.
    """
    if len(result.inputs) != len(call.shared):
        return result
    summed: dict[int, np.ndarray | None] = {}
    for first, gradient in zip(call.shared, result.inputs, strict=True):
        known = summed.get(first)
        both = known is not None and gradient is not None
        summed[first] = known + gradient if both else gradient  # type: ignore[operator]
    return replace(result, inputs=list(summed.values()))


class CannotRunError(Exception):
    """JAX's layer does not take what PyTorch's takes: the message has its words."""


class Side(Protocol):
    """The network in JAX."""

    rtol: float  # the tolerance that it needs, by what it is computed in
    lists_layers: bool  # whether a layer that is not there is worth a word

    def has(self, call: Call) -> bool:
        """Whether the layer of a call is there too."""

    def names(self) -> set[str] | None:
        """Return the names in its state, or None if it has none."""

    def run(self, call: Call) -> Result:
        """Compute a layer on PyTorch's own input, and its gradients from PyTorch's own.

        Raises:
          CannotRunError: where the layer raises.
        """

    def dropped(self, call: Call) -> np.ndarray | None:
        """Return the output of a dropout layer that drops; None where it cannot be run."""
