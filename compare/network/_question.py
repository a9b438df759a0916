"""What is asked of a layer that parts, and what is answered."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ._judge import Finding
from ._pytorch import Tape
from ._sides import Call, Result

MARGIN = 10  # times the tolerance: a fault in PyTorch is computed in another order than in JAX


@dataclass(frozen=True)
class Cause:
    """What is likely to be wrong, in words, and in which layer.

    Args:
      text: the words.
      path: the layer; of functions in a layer that JAX does not have apart, a layer inside.
    """

    text: str
    path: str


@dataclass
class Question:
    """A layer that parts: both sides' results, and what is known."""

    tape: Tape
    call: Call
    ours: Result
    theirs: Result
    findings: Sequence[Finding]
    scale: float  # of the outputs
    rtol: float
    agreed: frozenset[str]  # layers inside that agree by themselves
    flattened: tuple[tuple[int, ...], ...]
    until: float  # when the search ends, by time.monotonic

    def wrong(self, *kinds: str) -> list[Finding]:
        """Return the findings of some kinds that do not agree."""
        return [f for f in self.findings if f.kind in kinds and not f.agree]


def wide(a: np.ndarray) -> np.ndarray:
    """Return an array in 64 or 128 bits, so that differences are not rounded."""
    return a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)


def ratio_of(ours: np.ndarray, theirs: np.ndarray) -> float | None:
    """Return by what number one is a multiple of the other."""
    a, b = wide(ours).ravel(), wide(theirs).ravel()
    square = np.vdot(b, b).real
    if ours.shape != theirs.shape or not square or not np.isfinite(square):
        return None
    factor = float((np.vdot(b, a) / square).real)
    near = 1e-9 * max(np.abs(a).max(), np.abs(b).max())
    return factor if np.abs(a - factor * b).max() <= near else None
