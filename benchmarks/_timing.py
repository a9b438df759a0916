"""Turn-by-turn timing: every round calls each side once, in another order."""

import random
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from ._threads import pinned

# PyTorch's idle threads spin for some milliseconds after a call and would take a core from the next
# side; every side waits as long, so that none has the advantage of a warmer machine.
PAUSE = 0.012
# Where every side takes less than this many milliseconds, the time of a call varies by more than
# the sides differ: four times the rounds bring the medians' ratio to within a few hundredths.
SHORT = 1.0


def turns(
    calls: Mapping[str, Callable[[], Any]], rounds: int, seconds: float
) -> dict[str, list[float]]:
    """Time each call once a round, in shuffled order; milliseconds by side.

    A side that has used up its share of `seconds` sits out; each is timed three times at least. The
    first call only warms up, but where it took all of `seconds` it is the one that counts.
    Layers of less than `SHORT` milliseconds get four times the rounds.
    """
    order = list(calls)
    shuffle = random.Random(0)
    warm = {name: _timed(calls[name]) for name in order}
    times = {name: [t] if t > 1000 * seconds else [] for name, t in warm.items()}
    with pinned():
        for done in range(4 * rounds):
            if done == rounds and any(middle(taken) >= SHORT for taken in times.values()):
                break
            shuffle.shuffle(order)
            for name in order:
                taken = times[name]
                spent = sum(taken) / 1000
                if spent > seconds or (len(taken) >= 3 and spent > seconds / len(order)):
                    continue
                time.sleep(PAUSE)
                taken.append(_timed(calls[name]))
    return times


def _timed(call: Callable[[], Any]) -> float:
    """Return the milliseconds that a call takes."""
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


def middle(times: list[float]) -> float:
    """Return the median."""
    return statistics.median(times)
