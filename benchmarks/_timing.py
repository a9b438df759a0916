"""Turn-by-turn timing: every round calls each side once, in another order."""

import random
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

# PyTorch's idle threads spin for some milliseconds after a call and would take a core from the next
# side; every side waits as long, so that none has the advantage of a warmer machine.
PAUSE = 0.012


def turns(
    calls: Mapping[str, Callable[[], Any]], rounds: int, seconds: float
) -> dict[str, list[float]]:
    """Time each call once a round, in shuffled order; milliseconds by side.

    A side that has used up its share of `seconds` sits out; each is timed three times at least, or
    once where that took all of `seconds`.
    """
    order = list(calls)
    shuffle = random.Random(0)
    times: dict[str, list[float]] = {name: [] for name in order}
    for name in order:
        calls[name]()  # warm
    for _ in range(rounds):
        shuffle.shuffle(order)
        for name in order:
            taken = times[name]
            spent = sum(taken) / 1000
            if spent > seconds or (len(taken) >= 3 and spent > seconds / len(order)):
                continue
            time.sleep(PAUSE)
            start = time.perf_counter()
            calls[name]()
            taken.append(1000 * (time.perf_counter() - start))
    return times


def middle(times: list[float]) -> float:
    """Return the median."""
    return statistics.median(times)
