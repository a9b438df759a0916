"""One layer at a time: check every side against float64, then time them turn by turn."""

from dataclasses import asdict, dataclass, field

import jax
import numpy as np

from ._layers import Layer
from ._sides import NAMES, Side, make, reference
from ._timing import middle, turns

MODES = ("forward", "both")
# A result further from float64 than this is wrong, not inexact: it is not timed.
WRONG = 1e-3
# Layers of other packages hold weights of their own: their results are not comparable.
CHECKED = ("torch", "torch_channels_last", "lax", "ours")


@dataclass
class Record:
    """What was measured of one layer."""

    layer: str
    why: str
    milliseconds: dict[str, dict[str, float]] = field(default_factory=dict)
    error: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, dict[str, int]] = field(default_factory=dict)
    first_call: dict[str, dict[str, float]] = field(default_factory=dict)

    def ratio(self, mode: str, side: str = "ours", against: str = "torch") -> float | None:
        """Return how many times faster `side` is than `against`."""
        times = self.milliseconds[mode]
        return times[against] / times[side] if {side, against} <= times.keys() else None

    def data(self) -> dict:
        """Return the record as plain data."""
        return asdict(self)


def measure(layer: Layer, rounds: int, seconds: float, names: tuple[str, ...] = NAMES) -> Record:
    """Check and time one layer on all sides that have it."""
    record = Record(layer.name, layer.why)
    made = {name: make(layer, name) for name in names}
    sides: dict[str, Side] = {name: side for name, side in made.items() if side is not None}
    _check(layer, sides, record)
    for mode in MODES:
        calls = {name: getattr(side, mode) for name, side in sides.items()}
        times = turns(calls, rounds, seconds)
        record.milliseconds[mode] = {name: middle(taken) for name, taken in times.items()}
    for name, side in sides.items():
        if side.memory:
            record.memory[name] = side.memory
            record.first_call[name] = side.first_call
    jax.clear_caches()
    return record


def _check(layer: Layer, sides: dict[str, Side], record: Record) -> None:
    """Compare output and both gradients with float64: largest difference by standard deviation."""
    right = reference(layer)
    for name in CHECKED:
        if name not in sides:
            continue
        results = sides[name].both_result()
        errors = [
            float(np.abs(mine - true).max() / true.std())
            for mine, true in zip(results, right, strict=True)
        ]
        if max(errors) > WRONG:
            raise RuntimeError(f"{layer.name}: {name} is wrong, errors {errors}: not timed")
        record.error[name] = errors
