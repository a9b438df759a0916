"""A row of the lecture: its inputs, its program in JAX, the same in PyTorch; and how it is run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from ._compare import Comparison, compare_named
from ._precision import OF_ROWS
from ._values import Entry

Inputs = Callable[[], tuple[np.ndarray, ...]]
Side = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """What the lecture shows in one place.

    Args:
      number: its number, 1 to 24.
      title: what the lecture shows, in one line.
      inputs: makes the arrays that both sides take, from a fixed seed.
      jax, torch: a side: takes the inputs, returns its results by name. Arrays are compared by
        value, all else by equality, `Told` texts not at all.
      headline: the results that the table shows; the others are in the row's own view.
      stated: the results that the lecture states in numbers; both sides must have them.
      jax_parts, torch_parts: definitions that a reader of a side wants to see with it.
    """

    number: int
    title: str
    inputs: Inputs
    jax: Side
    torch: Side
    headline: tuple[str, ...]
    stated: Mapping[str, Any] = field(default_factory=dict)
    jax_parts: Callable[[], tuple[Any, ...]] = tuple
    torch_parts: Callable[[], tuple[Any, ...]] = tuple


@dataclass(frozen=True)
class RowResult:
    """A row that was run: what was compared, and how long it took, in seconds."""

    row: Row
    comparison: Comparison
    seconds: float

    @property
    def shown(self) -> list[Entry]:
        """The entries for the table: the headline, and whatever disagrees."""
        return [
            entry
            for entry in self.comparison.entries
            if entry.name in self.row.headline or not entry.agree
        ]


def run_row(row: Row) -> RowResult:
    """Run both sides of a row and compare them; a side that raises makes its row disagree."""
    start = time.perf_counter()
    inputs = row.inputs()
    # On an accelerator JAX may round float32 factors to fewer bits; the lecture's CPU does not.
    with jax.default_matmul_precision(OF_ROWS):
        ours, crash_jax = _run(row.jax, inputs)
    theirs, crash_torch = _run(row.torch, inputs)
    if crash_jax or crash_torch:
        sides = [side for side, crash in (("JAX", crash_jax), ("PyTorch", crash_torch)) if crash]
        reason = f"{' and '.join(sides)} raised an error"
        entries = [Entry("error", crash_jax, crash_torch, None, False, reason)]
    else:
        entries = compare_named(ours, theirs, stated=row.stated)
        for name in row.stated.keys() - ours.keys():
            reason = "the lecture states it, and no side has it"
            entries.append(Entry(name, None, None, None, False, reason, row.stated[name]))
    return RowResult(row, Comparison(tuple(entries)), time.perf_counter() - start)


def _run(side: Side, inputs: tuple[np.ndarray, ...]) -> tuple[dict[str, Any], str | None]:
    try:
        return side(*(array.copy() for array in inputs)), None
    except Exception as error:
        return {}, f"{type(error).__name__}: {error}"
