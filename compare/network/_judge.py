"""How far the two sides of a layer are apart, on one scale for the network."""

import statistics
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .._values import measure
from ._sides import Arrays, Call, Result

OUTPUT, INPUT, GRADIENT = "output", "gradient of input", "gradient of weights"
BUFFERS, WEIGHTS, STEP = "buffers", "weights", "weights after a step"
KINDS = (WEIGHTS, OUTPUT, INPUT, GRADIENT, BUFFERS, STEP)
# What is measured on the same scale.
SCALES = {INPUT: GRADIENT, STEP: WEIGHTS}
RATE = 0.1  # of the step of gradient descent that weights are compared after


@dataclass(frozen=True)
class Finding:
    """One value of a layer, as both sides have it.

    Args:
      kind: 'output', 'gradient of input', 'gradient of weights', 'buffers', 'weights', 'weights
        after a step'.
      name: which of them: a number, or the name of a parameter or buffer in the layer.
      difference: the largest, relative to the scale; None where there is no number.
      agree: whether it is within the tolerance.
      reason: why it is not.
    """

    kind: str
    name: str
    difference: float | None
    agree: bool
    reason: str = ""


@dataclass(frozen=True)
class Measured:
    """A difference before there is a scale: absolute, with the largest value."""

    kind: str
    name: str
    apart: float
    largest: float
    reason: str = ""

    @property
    def scale(self) -> str:
        """Which scale it is held against."""
        return SCALES.get(self.kind, self.kind)


def measured(ours: Result, theirs: Result, call: Call) -> Iterator[Measured]:
    """Yield the differences of all that two sides computed; what JAX has not is left out."""
    own = {name for name, _ in call.module.named_parameters(recurse=False)} & set(ours.weights)
    yield from _named(WEIGHTS, _only(ours.weights, own), _only(theirs.weights, own))
    yield from _listed(OUTPUT, ours.outputs, theirs.outputs)
    if ours.inputs:
        yield from _listed(INPUT, ours.inputs, theirs.inputs)
    yield from _named(GRADIENT, ours.gradients, _only(theirs.gradients, ours.gradients))
    yield from _named(BUFFERS, ours.buffers, _only(theirs.buffers, ours.buffers))
    yield from _named(STEP, _stepped(ours, theirs.gradients), _stepped(theirs, ours.gradients))


def _only(values: Arrays, names: Container[str]) -> dict[str, np.ndarray]:
    return {name: value for name, value in values.items() if name in names}


def _stepped(side: Result, others: Arrays) -> dict[str, np.ndarray]:
    """Return the weights after a step of gradient descent."""
    return {
        name: weight - RATE * side.gradients[name]
        for name, weight in side.weights.items()
        if name in side.gradients and name in others
    }


def _listed(
    kind: str, ours: Sequence[np.ndarray | None], theirs: Sequence[np.ndarray | None]
) -> Iterator[Measured]:
    if len(ours) != len(theirs):
        yield Measured(kind, "", 0.0, 0.0, f"JAX gives {len(ours)} arrays, PyTorch {len(theirs)}")
        return
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if a is not None and b is not None:
            yield _measured(kind, str(i) if len(ours) > 1 else "", a, b)


def _named(kind: str, ours: Arrays, theirs: Arrays) -> Iterator[Measured]:
    for name, b in theirs.items():
        yield _measured(kind, name, ours[name], b)


def _measured(kind: str, name: str, ours: np.ndarray, theirs: np.ndarray) -> Measured:
    floats = theirs.dtype.kind in "fc"
    largest = float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0.0)) if floats else 0.0
    if ours.shape != theirs.shape:
        reason = f"shapes differ: JAX {ours.shape}, PyTorch {theirs.shape}"
        return Measured(kind, name, 0.0, largest, reason)
    if (ours.dtype.kind in "fcV") != floats:  # bfloat16 is V
        reason = f"dtypes differ: JAX {ours.dtype}, PyTorch {theirs.dtype}"
        return Measured(kind, name, 0.0, largest, reason)
    apart, same = measure(ours, theirs, 0.0, 0.0)
    if not floats:
        return Measured(kind, name, apart, 0.0, "" if same else f"values differ by up to {apart:g}")
    return Measured(kind, name, apart, largest)


class Scales:
    """The scales of a network: of each kind of value, the median of its layers' largest.

    A value is held against its layer's largest, or this one if it is larger: the gradient of a bias
    that cancels is 1e-17 on either side, and no two such numbers need be equal.
    """

    def __init__(self, layers: list[list[Measured]]) -> None:
        largest: dict[str, list[float]] = {}
        for layer in layers:
            for kind, value in _largest(layer).items():
                largest.setdefault(kind, []).append(value)
        self.typical = {
            kind: statistics.median([v for v in values if v > 0] or [0.0])
            for kind, values in largest.items()
        }

    def of(self, layer: list[Measured]) -> dict[str, float]:
        """Return the scale of each kind for a layer."""
        own = _largest(layer)
        return {kind: max(own[kind], self.typical.get(kind, 0.0)) for kind in own}

    def judged(self, layer: list[Measured], rtol: float) -> list[Finding]:
        """Return a layer's findings."""
        scales = self.of(layer)
        return [_judged(m, scales[m.scale], rtol) for m in layer]


def _largest(layer: list[Measured]) -> dict[str, float]:
    found: dict[str, float] = {}
    for m in layer:
        found[m.scale] = max(found.get(m.scale, 0.0), m.largest)
    return found


def _judged(m: Measured, scale: float, rtol: float) -> Finding:
    if m.reason:
        return Finding(m.kind, m.name, None, False, m.reason)
    difference = m.apart / scale if scale > 0 else m.apart
    if difference <= rtol:
        return Finding(m.kind, m.name, difference, True)
    return Finding(
        m.kind, m.name, difference, False, f"apart by {difference:.1e} of the largest value"
    )
