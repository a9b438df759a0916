"""Every worker thread on a core of its own while it is timed.

A scheduler may leave both threads of a pool on one core for a whole call after a pause, beside an
idle one: calls then take up to twice as long, PyTorch's as JAX's, and small ones of PyTorch, whose
threads wait spinning, 10 ms instead of 0.3. Which side it meets is chance. So the workers of both
pools are pinned, as `OMP_PROC_BIND` does for PyTorch's alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import torch

TASKS = Path("/proc/self/task")
XLA = "tf_XLAEigen"


def can_pin() -> bool:
    """Whether the system lets threads be pinned."""
    return hasattr(os, "sched_setaffinity") and TASKS.is_dir()


@contextmanager
def pinned() -> Iterator[None]:
    """Pin the caller and the workers of PyTorch and XLA; afterwards all may run anywhere again.

    Threads that are made inside would inherit the caller's core: nothing is compiled in here.
    """
    if not can_pin():
        yield
        return
    cores = sorted(os.sched_getaffinity(0))
    places = [(t, cores[k % len(cores)]) for team in teams() for k, t in enumerate(team)]
    for thread, core in places:
        os.sched_setaffinity(thread, {core})
    try:
        yield
    finally:
        for thread, _ in places:
            os.sched_setaffinity(thread, cores)


def _threads() -> set[int]:
    return {int(task.name) for task in TASKS.iterdir()}


@cache
def teams() -> tuple[tuple[int, ...], ...]:
    """Start both pools, PyTorch's first work in this process, and return their threads.

    PyTorch's carry no name: they are the ones that its first parallel loop makes.
    """
    before = _threads()
    torch.ones(2**24).exp_()
    new = sorted(_threads() - before)
    if len(new) != torch.get_num_threads() - 1:
        raise RuntimeError(
            f"{len(new)} threads are new after PyTorch's first loop, not the "
            f"{torch.get_num_threads() - 1} beside the caller: did it work before?"
        )
    jax.block_until_ready(jax.jit(jnp.matmul)(jnp.ones((512, 512)), jnp.ones((512, 512))))
    xla = sorted(t for t in _threads() if (TASKS / str(t) / "comm").read_text().strip() == XLA)
    if not xla:
        raise RuntimeError(f"no thread of this process is called {XLA}: nothing to pin")
    return (os.getpid(), *new), tuple(xla)
