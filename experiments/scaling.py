"""`python -m experiments.scaling`: a training step on 1, 2, 4, 8 devices; beyond, by calculation.

Time and bytes of each step, sharded by the batch and by rows; two processes; then what bytes and
flops let expect of more devices than one machine has.
"""

import argparse
import json
import os
import sys
import time
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.table import Table

from .exchange import collectives, sent
from .prediction import RESNET50, Machine, Network, expect
from .processes import run
from .training import BATCH, Spread, batches, initial

RESULTS = Path(__file__).with_name("scaling.json")
DEVICES = (1, 2, 4, 8)
BEYOND = (8, 16, 64, 256, 1024)


def measure(devices: int, by: str, batch: int, steps: int) -> dict[str, Any]:
    """Compile and time one mesh; the batch is divided by its devices."""
    spread = Spread.over(jax.devices()[:devices], by)
    compiled = spread.compiled(batch)
    kinds, size = collectives(compiled)
    state = jax.tree.map(lambda a: spread.put(a, spread.whole), initial())
    times = []
    for x, labels in islice(batches(batch), steps):
        placed = spread.put(x, spread.images), spread.put(labels, spread.labels)
        jax.block_until_ready(placed)
        began = time.perf_counter()
        state, loss = jax.block_until_ready(compiled(state, *placed))
        times.append(time.perf_counter() - began)
    return {
        "devices": devices,
        "by": by,
        "batch": batch,
        "milliseconds": 1e3 * sorted(times)[len(times) // 2],
        "collectives": kinds,
        "bytes": size,
        "sent": sent(size, devices) if by == "batch" else size,
        "flops": compiled.cost_analysis()["flops"],
        "temporary": compiled.memory_analysis().temp_size_in_bytes,
        "loss": float(loss),
    }


def show(records: list[dict[str, Any]], console: Console) -> None:
    """Print what was measured."""
    table = Table(
        title=f"A training step of {BATCH} images and of {BATCH} a device", pad_edge=False
    )
    for title in ("sharded by", "devices", "images", "ms", "MFLOP\na device", "temporary\nMB each",
                  "collectives", "KB\nexchanged", "KB sent\nby each"):  # fmt: skip
        table.add_column(
            title, justify="left" if title in ("sharded by", "collectives") else "right"
        )
    for r in records:
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(r["collectives"].items()))
        numbers = (r["flops"] / 1e6, r["temporary"] / 1e6)
        table.add_row(
            r["by"], str(r["devices"]), str(r["batch"]), f"{r['milliseconds']:.1f}",
            *(f"{n:.1f}" for n in numbers), kinds or "-",
            f"{r['bytes'] / 1e3:.0f}", f"{r['sent'] / 1e3:.0f}",
        )  # fmt: skip
    console.print(table)


def show_beyond(networks: list[Network], machine: Machine, images: int, console: Console) -> None:
    """Print what is to be expected."""
    table = Table(
        title=f"By calculation: {images} images a device, {machine.flops / 1e12:.0f} Tflop/s, "
        f"{machine.bandwidth / 1e9:.1f} GB/s and {machine.latency * 1e6:.0f} us between devices",
        pad_edge=False,
    )
    for title in ("network", "devices", "ms computing", "ms exchanging", "ms waiting",
                  "efficiency", "with overlap"):  # fmt: skip
        table.add_column(title, justify="left" if title == "network" else "right")
    for network in networks:
        for devices in BEYOND:
            e = expect(network, machine, devices, images)
            milliseconds = (1e3 * s for s in (e.computing, e.exchanging, e.waiting))
            table.add_row(
                network.name, str(devices), *(f"{m:.3g}" for m in milliseconds),
                f"{e.apart:.2f}", f"{e.together:.2f}",
            )  # fmt: skip
    console.print(table)


def main() -> int:
    """Measure, calculate, print."""
    parser = argparse.ArgumentParser(prog="python -m experiments.scaling", description=__doc__)
    parser.add_argument("--steps", type=int, default=15, help="steps that are timed (15)")
    parser.add_argument("--images", type=int, default=32, help="images a device, beyond (32)")
    machine = Machine()
    for name, unit in (("flops", "flop/s"), ("bandwidth", "bytes/s"), ("latency", "s")):
        value = getattr(machine, name)
        parser.add_argument(f"--{name}", type=float, default=value, help=f"in {unit} ({value:g})")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    if jax.device_count() < max(DEVICES):
        parser.error("set XLA_FLAGS=--xla_force_host_platform_device_count=8, as make scaling does")
    console = Console(width=None if sys.stdout.isatty() else 130)
    ways = [("batch", n, BATCH) for n in DEVICES] + [("batch", n, BATCH * n) for n in DEVICES[1:]]
    ways += [("rows", n, BATCH) for n in DEVICES[1:]]
    records = [measure(n, by, batch, options.steps) for by, n, batch in ways]
    show(records, console)
    together = run(2, options.steps)
    for outcome in together:
        if outcome.status != 0:
            console.print(outcome.errors)
            return 1
    seconds = together[0].result["seconds"]
    console.print(f"Two processes of a device each, {BATCH} images: {1e3 * seconds:.1f} ms a step")
    names = ("jax", "jaxlib")
    versions = {name: version(name) for name in names} | {"cores": str(os.cpu_count())}
    console.print(", ".join(f"{k} {v}" for k, v in versions.items()), style="dim")
    two = records[1]  # on one device XLA does not count what a library computes
    ours = Network("this one", 2 * two["flops"] / BATCH, two["bytes"], 2 * 3)
    machine = Machine(options.flops, options.bandwidth, options.latency)
    show_beyond([ours, RESNET50], machine, options.images, console)
    if options.save:
        data = {"versions": versions, "steps": records, "two processes ms": 1e3 * seconds}
        RESULTS.write_text(json.dumps(data, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
