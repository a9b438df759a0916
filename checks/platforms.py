"""`python -m checks.platforms`: every public function and its gradient, for each platform.

Lowered for cpu, cuda and tpu with `jax.export`, which needs none of them; and compiled for TPU v5e
by the real compiler, which the package libtpu brings: that needs no TPU either. Prints the memory
and the flops of every program on TPU, and names what fails.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
from jax import export
from rich.console import Console
from rich.progress import track
from rich.table import Table

from .functions import Call, calls, missing

PLATFORMS = ("cpu", "cuda", "tpu")
TOPOLOGY = "v5e:2x2x1"
# What libtpu wants to know of a machine that it is not on, when it is loaded.
PLACE = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_WORKER_ID": "0",
    "TPU_MIN_LOG_LEVEL": "3",
}


@dataclass
class Record:
    """One program: what it needs on TPU, or how it failed."""

    name: str
    program: str  # forward or gradient
    failure: str = ""
    temporary: int = 0  # bytes
    arguments: int = 0
    results: int = 0
    flops: float = 0.0
    accessed: float = 0.0  # bytes
    seconds: float = 0.0  # of compiling


def device() -> Any:
    """Return a TPU v5e that is described, not there; an ImportError or RuntimeError where not."""
    from jax.experimental import topologies

    os.environ |= PLACE
    return topologies.get_topology_desc(TOPOLOGY, "tpu").devices[0]


def without_callbacks() -> AbstractContextManager[object]:
    """Have programs made without their callbacks, which would need the platform to be here."""

    def nothing(_: object, results: Any, *__: object, **___: object) -> Any:
        return jax.tree.map(lambda r: jnp.zeros(r.shape, r.dtype), results)

    return mock.patch.object(jax, "pure_callback", nothing)


def check(
    call: Call, kind: str, function: Callable[..., Any], types: Sequence[Any], target: Any
) -> Record:
    """Lower one program for all platforms, and compile it where there is a compiler for it."""
    record = Record(call.name, kind)
    began = time.perf_counter()
    stage = ""
    try:
        for platform in PLATFORMS:
            stage = f"lowering for {platform}"
            with without_callbacks() if call.calls_back else nullcontext():
                export.export(jax.jit(function), platforms=[platform])(*types)
        if target is not None:
            stage = "compiling for TPU"
            here = jax.sharding.SingleDeviceSharding(target)
            placed = [jax.ShapeDtypeStruct(t.shape, t.dtype, sharding=here) for t in types]
            with without_callbacks() if call.calls_back else nullcontext():
                compiled = jax.jit(function).lower(*placed).compile()
            memory: Any = compiled.memory_analysis()
            cost: Any = compiled.cost_analysis()
            record.temporary = memory.temp_size_in_bytes
            record.arguments = memory.argument_size_in_bytes
            record.results = memory.output_size_in_bytes
            record.flops = cost.get("flops", 0.0)
            record.accessed = cost.get("bytes accessed", 0.0)
    except Exception as error:  # whatever it is, it is what this command is for
        (first, *_) = str(error).splitlines() or [""]
        record.failure = f"{stage}: {type(error).__name__}: {first[:200]}"
    record.seconds = time.perf_counter() - began
    return record


def programs(call: Call) -> list[tuple[str, Callable[..., Any], Sequence[Any]]]:
    """Return a function's programs: itself, and its gradient where it has one."""
    found: list[tuple[str, Callable[..., Any], Sequence[Any]]] = [
        ("forward", lambda *arrays: call.forward(*arrays), call.arrays)
    ]
    gradient = call.gradient()
    return found if gradient is None else [*found, ("gradient", *gradient)]


def show(records: list[Record], compiled: bool, console: Console) -> None:
    """Print a row a function."""
    table = Table(title=f"TPU {TOPOLOGY}: temporary memory, memory moved, flops", pad_edge=False)
    table.add_column("function")
    for kind in ("forward", "gradient"):
        for unit in ("temp KB", "MB moved", "MFLOP"):
            table.add_column(f"{kind}\n{unit}", justify="right")
    for name in dict.fromkeys(r.name for r in records):
        cells = []
        for kind in ("forward", "gradient"):
            found = [r for r in records if (r.name, r.program) == (name, kind)]
            if not found:
                cells += ["-"] * 3
            elif found[0].failure:
                cells += ["failed", "", ""]
            elif not compiled:
                cells += ["lowered", "", ""]
            else:
                r = found[0]
                numbers = (r.temporary / 1e3, r.accessed / 1e6, r.flops / 1e6)
                cells += [f"{n:.3g}" if n < 1000 else f"{n:.0f}" for n in numbers]
        table.add_row(name, *cells)
    console.print(table)


def _read(path: Path | None) -> list[Record]:
    if path is None or not path.exists():
        return []
    return [Record(**r) for r in json.loads(path.read_text())]


def main() -> int:
    """Check every function; 1 where one fails, or is not in the list."""
    parser = argparse.ArgumentParser(prog="python -m checks.platforms", description=__doc__)
    parser.add_argument("names", nargs="*", help="only functions whose names begin like these")
    parser.add_argument("--lower", action="store_true", help="only lower: without libtpu")
    parser.add_argument(
        "--save", type=Path, help="a JSON file: written as it goes, and gone on with where it is"
    )
    options = parser.parse_args()
    jax.config.update("jax_platforms", "cpu")
    console = Console(width=None if sys.stdout.isatty() else 140)
    target = None
    if not options.lower:
        try:
            target = device()
        except (ImportError, RuntimeError) as error:
            parser.error(f"no compiler for TPU ({error}): make platforms installs libtpu")
    names = tuple(options.names)
    chosen = [call for call in calls() if not names or call.name.startswith(names)]
    records = _read(options.save)
    done = {r.name for r in records}
    chosen = [call for call in chosen if call.name not in done]
    screen, quiet = Console(stderr=True), not sys.stderr.isatty()
    for call in track(chosen, "compiling", console=screen, disable=quiet):
        try:
            made = programs(call)
            found = [check(call, kind, function, types, target) for kind, function, types in made]
        except Exception as error:
            failure = f"tracing: {type(error).__name__}: {error}"
            found = [Record(call.name, "forward", failure)]
        records += found
        if options.save:
            options.save.write_text(json.dumps([asdict(r) for r in records], indent=1) + "\n")
    show(records, target is not None, console)
    failed = [r for r in records if r.failure]
    shown = {r.name for r in records}
    for call in calls():
        if call.calls_back and call.name in shown:
            console.print(f"without its callback to Python: {call.name}", markup=False)
    for r in failed:
        console.print(f"failed: {r.name}, {r.program}: {r.failure}", markup=False)
    absent = [] if names else missing()
    for name in absent:
        console.print(f"not in the list of checks/functions.py: {name}", markup=False)
    console.print(
        f"{len(records) - len(failed)} of {len(records)} programs, jax {jax.__version__}"
        + (f", for {', '.join(PLATFORMS)}" if options.lower else ", compiled for TPU v5e")
    )
    return 1 if failed or absent else 0


if __name__ == "__main__":
    sys.exit(main())
