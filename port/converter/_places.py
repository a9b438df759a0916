"""Writes in place, as functions of values: which array a tensor of the exported graph is by now.

A tensor of the graph is a root (what an operation made, or an input) seen through steps: slices,
reshapes, transposes. A write makes a new value for the root; what else shows the root is made anew
from that value when it is used next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ._graph import Value

Emit = Callable[..., Value]


@dataclass(frozen=True)
class Step:
    """A view of a tensor: the operation, and what it takes besides the tensor.

    Attributes:
      operation: 'aten.slice.Tensor', for one.
      args: its arguments after the tensor.
      kwargs: its keyword arguments.
      before: shape of the tensor.
      after: shape of the view.
      item: which of several views, for operations that give a list.
    """

    operation: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    before: tuple[int | str, ...]
    after: tuple[int | str, ...]
    item: int | None = None

    def apply(self, emit: Emit, value: Value) -> Value:
        """Emit the view of a value."""
        seen = emit(self.operation, (value, *self.args), self.kwargs, self.after)
        return (
            seen
            if self.item is None
            else emit("operator.getitem", (seen, self.item), {}, self.after)
        )

    def write(self, emit: Emit, whole: Value, part: Value) -> Value:
        """Emit the whole with `part` in the place of the view.

        Raises:
          KeyError: for views that nothing writes through.
        """
        args = self.args
        if self.operation in SCATTERS:
            return emit(SCATTERS[self.operation], (whole, part, *args), self.kwargs, self.before)
        if self.operation == "aten.permute.default":
            rank = len(args[0])
            order = [d % rank for d in args[0]]
            back = tuple(order.index(d) for d in range(rank))
            return emit(self.operation, (part, back), {}, self.before)
        if self.operation in SWAPS:
            return emit(self.operation, (part, *args), {}, self.before)
        if self.operation in RESHAPES:
            return emit("aten.reshape.default", (part, self.before), {}, self.before)
        if self.before == self.after and self.item is None and self.operation in SAME:
            return part
        raise KeyError(self.operation)


SCATTERS = {
    "aten.select.int": "aten.select_scatter.default",
    "aten.slice.Tensor": "aten.slice_scatter.default",
    "aten.diagonal.default": "aten.diagonal_scatter.default",
}
SWAPS = ("aten.transpose.int", "aten.t.default", "aten.swapaxes.default", "aten.swapdims.default")
RESHAPES = (
    "aten.view.default",
    "aten.reshape.default",
    "aten.flatten.using_ints",
    "aten.unflatten.int",
    "aten.squeeze.default",
    "aten.squeeze.dim",
    "aten.squeeze.dims",
    "aten.unsqueeze.default",
    "aten.view_as.default",
    "aten.reshape_as.default",
)
SAME = (
    "aten.alias.default",
    "aten.detach.default",
    "aten.contiguous.default",
    "aten.dropout.default",
    "aten.to.dtype",
    "aten.to.device",
    "aten.to.dtype_layout",
    "aten.expand.default",
)
# Copies, even where the exporter's tensors share their memory.
COPIES = ("aten.clone.default", "aten.lift_fresh_copy.default", "aten._to_copy.default")
# Views always; others are where the exporter's tensors share their memory.
VIEWS = {
    *SCATTERS,
    *SWAPS,
    "aten.view.default",
    "aten.permute.default",
    "aten.squeeze.default",
    "aten.squeeze.dim",
    "aten.squeeze.dims",
    "aten.unsqueeze.default",
    "aten.alias.default",
    "aten.detach.default",
    "aten.expand.default",
    "aten.unfold.default",
    "aten.chunk.default",
    "aten.split.Tensor",
    "aten.split_with_sizes.default",
    "aten.tensor_split.indices",
    "aten.tensor_split.sections",
    "aten.unbind.int",
}


@dataclass
class Root:
    """What an operation made: its value by now, and how often it was written to."""

    value: Value
    version: int = 0


@dataclass
class Place:
    """A tensor of the exported graph: a root, seen through steps.

    Attributes:
      root: what it is part of.
      steps: from the root to the tensor.
      value: what it was when it was last asked for.
      version: the root's version then.
    """

    root: Root
    steps: tuple[Step, ...] = ()
    value: Value | None = None
    version: int = -1

    def read(self, emit: Emit) -> Value:
        """Return the tensor's value by now, made anew where the root was written to."""
        if self.value is None or self.version != self.root.version:
            value = self.root.value
            for step in self.steps:
                value = step.apply(emit, value)
            self.value, self.version = value, self.root.version
        return self.value

    def write(self, emit: Emit, value: Value) -> None:
        """Take a new value: of the root, what lies here becomes `value`."""
        wholes = [self.root.value]
        for step in self.steps[:-1]:
            wholes.append(step.apply(emit, wholes[-1]))
        new = value
        for step, whole in zip(reversed(self.steps), reversed(wholes), strict=False):
            new = step.write(emit, whole, new)
        self.root.value = new
        self.root.version += 1
        self.value, self.version = value, self.root.version


def made(value: Value) -> Place:
    """Return the place of what an operation made."""
    return Place(Root(value), (), value, 0)


def seen(place: Place, step: Step, value: Value) -> Place:
    """Return the place of a view, which has been emitted as `value`."""
    return Place(place.root, (*place.steps, step), value, place.root.version)
