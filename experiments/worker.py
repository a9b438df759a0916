"""Run as a module: one process of a training run; a line of JSON a step, and one at the end.

`python -m experiments.worker STEPS` is the whole run; with --port, --id and --of it is one of
several processes that train together. If another one is lost, this one says so and ends.
"""

import argparse
import json
import os
import sys
import time
from itertools import pairwise
from typing import Any, NoReturn

import jax

from .training import Spread, train

# The exit status of a process that has lost another one.
LOST = 3
# Seconds until a process that is silent is taken for lost, and until all must have come.
SILENCE, COMING = 10, 60


def _say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def _lost(process: int, step: int, error: Exception) -> NoReturn:
    """Say what is known, and end at once.

    JAX's own way out would wait for the other processes.
    """
    (first, *_) = str(error).splitlines() or [type(error).__name__]
    print(
        f"process {process}: lost another process at step {step}. Start all of them again, from "
        f"what was saved last. JAX said: {first}",
        file=sys.stderr,
        flush=True,
    )
    os._exit(LOST)


def main() -> None:
    """Train, alone or with others."""
    parser = argparse.ArgumentParser(prog="python -m experiments.worker", description=__doc__)
    parser.add_argument("steps", type=int)
    parser.add_argument("--port", type=int, help="of the first process, on this machine")
    parser.add_argument("--id", type=int, default=0, help="which process this is")
    parser.add_argument("--of", type=int, default=1, help="how many processes there are")
    options = parser.parse_args()
    if options.of > 1:
        jax.distributed.initialize(
            f"127.0.0.1:{options.port}",
            options.of,
            options.id,
            initialization_timeout=COMING,
            heartbeat_timeout_seconds=SILENCE,
        )
    times, step = [time.perf_counter()], 0

    def after(k: int, loss: float) -> None:
        nonlocal step
        step = k + 1
        times.append(time.perf_counter())
        _say(step=k, loss=loss)

    try:
        losses = train(Spread.over(), options.steps, after)
    except jax.errors.JaxRuntimeError as error:
        if options.of == 1:
            raise
        _lost(options.id, step, error)
    taken = sorted(b - a for a, b in pairwise(times[1:]))  # the first step is not like the others
    _say(
        losses=losses,
        devices=jax.device_count(),
        processes=jax.process_count(),
        seconds=taken[len(taken) // 2] if taken else None,
    )


if __name__ == "__main__":
    main()
