"""Every thread that computes on a core of its own while it is timed.

A scheduler may leave both threads of a pool on one core for a whole call after a pause, beside an
idle one: calls then take up to twice as long, PyTorch's as JAX's, and small ones of PyTorch, whose
threads wait spinning, 10 ms instead of 0.3. Which side it meets is chance. So the workers of both
pools are pinned, as `OMP_PROC_BIND` does for PyTorch's alone.

XLA's pool has a worker for each core, and yet the caller itself runs a program without loops, with
the help of the workers that lay down last. These must not be the ones on the caller's core: a
small product before each pause tells which they are (`Pins.settle`).
"""

import os
from collections.abc import Callable, Iterator, Sequence
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
    return hasattr(os, "sched_setaffinity") and (TASKS / str(os.getpid()) / "schedstat").exists()


class Pins:
    """Where the threads are while they are pinned."""

    def __init__(self, workers: tuple[int, ...], cores: list[int]) -> None:
        # The caller has the first core.
        self._cores = cores[1:] + cores[:1]
        self._workers = workers
        self._place(workers)

    def settle(self) -> None:
        """Put the XLA workers that a caller gets no help from on the caller's core."""
        before = {worker: _spent(worker) for worker in self._workers}
        _product()
        ran = {worker: _spent(worker) - before[worker] for worker in self._workers}
        self._place(sorted(ran, key=lambda worker: -ran[worker]))

    def _place(self, order: Sequence[int]) -> None:
        for k, worker in enumerate(order):
            os.sched_setaffinity(worker, {self._cores[k % len(self._cores)]})


@contextmanager
def pinned() -> Iterator[Pins | None]:
    """Pin the caller and the workers of PyTorch and XLA; afterwards all may run anywhere again.

    Threads that are made inside would inherit the caller's core: nothing is compiled in here.
    """
    if not can_pin():
        yield None
        return
    cores = sorted(os.sched_getaffinity(0))
    openmp, xla = teams()
    for k, thread in enumerate(openmp):
        os.sched_setaffinity(thread, {cores[k % len(cores)]})
    try:
        yield Pins(xla, cores)
    finally:
        for thread in (*openmp, *xla):
            os.sched_setaffinity(thread, cores)


def _spent(thread: int) -> int:
    """Return the nanoseconds that a thread has run."""
    return int((TASKS / str(thread) / "schedstat").read_text().split()[0])


@cache
def _operands() -> tuple[Callable[..., jax.Array], jax.Array]:
    matrix = jnp.ones((512, 512))
    return jax.jit(jnp.matmul).lower(matrix, matrix).compile(), matrix


def _product() -> None:
    """Compute something that the caller shares with XLA's workers."""
    call, matrix = _operands()
    jax.block_until_ready(call(matrix, matrix))


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
    _product()
    xla = sorted(t for t in _threads() if (TASKS / str(t) / "comm").read_text().strip() == XLA)
    if not xla:
        raise RuntimeError(f"no thread of this process is called {XLA}: nothing to pin")
    return (os.getpid(), *new), tuple(xla)
