"""`python -m benchmarks.networks`: whole networks, forward and a training step, turn by turn.

PyTorch in both layouts against ours; --compile adds torch.compile, whose compiling takes minutes,
and --stock JAX without this package, called once, as it may take ten times as long.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ._network_sides import MODES, Program, program
from ._report import geometric_mean
from ._threads import can_pin, team
from ._timing import middle, turns
from ._versions import extensions, versions
from .nets import NETWORKS, Network

SIDES = ("torch", "torch_channels_last", "ours")
TITLES = {"forward": "forward", "train": "training step"}
# Sides whose losses, or sizes of outputs, differ by more than this are not the same network.
WRONG = {"float32": 1e-3, "bfloat16": 5e-2}
RESULTS = Path(__file__).with_name("results")


@dataclass
class Timed:
    """What was measured of one network in one mode."""

    network: str
    mode: str
    milliseconds: dict[str, float] = field(default_factory=dict)
    least: dict[str, float] = field(default_factory=dict)
    quartiles: dict[str, list[float]] = field(default_factory=dict)
    first_call: dict[str, float] = field(default_factory=dict)
    results: dict[str, float] = field(default_factory=dict)

    def ratio(self, *against: str) -> float | None:
        """Return the fastest of these sides' time over ours: above 1, ours is faster."""
        times = [self.milliseconds[side] for side in against if side in self.milliseconds]
        if not times or "ours" not in self.milliseconds:
            return None
        return min(times) / self.milliseconds["ours"]


def measure(
    network: Network, mode: str, dtype: str, sides: Sequence[str], rounds: int, seconds: float
) -> Timed:
    """Compare the sides' results, then time them."""
    timed = Timed(network.name, mode)
    made: dict[str, Program] = {}
    for side in sides:
        found = program(network, mode, dtype, side)
        if found is None:
            continue
        made[side] = found
        timed.first_call[side] = found.first_call
        timed.results[side] = found.result()
    right = next(iter(timed.results.values()))
    for side, result in timed.results.items():
        if not abs(result - right) <= WRONG[dtype] * abs(right):
            raise RuntimeError(f"{network.name}, {mode}: {side} gives {result}, not {right}")
    often = {side: p.call for side, p in made.items() if side != "stock"}
    times = turns(often, rounds, seconds)
    if "stock" in made:
        times |= turns({"stock": made["stock"].call}, 1, 0.0)
    for side, taken in times.items():
        ordered = sorted(taken)
        timed.milliseconds[side] = middle(taken)
        timed.least[side] = ordered[0]
        timed.quartiles[side] = [ordered[len(taken) // 4], ordered[-1 - len(taken) // 4]]
    jax.clear_caches()
    return timed


def show(records: list[Timed], console: Console) -> None:
    """Print a table a mode, with means and worst."""
    for mode in MODES:
        rows = [r for r in records if r.mode == mode]
        if not rows:
            continue
        held = {side for r in rows for side in r.milliseconds}
        sides = [side for side in (*SIDES, "torch_compile", "stock") if side in held]
        table = Table(title=f"{TITLES[mode]}: ms; PyTorch's time over ours", pad_edge=False)
        table.add_column("network")
        for side in sides:
            table.add_column(side.replace("_", "\n", 1).replace("_", " "), justify="right")
        table.add_column("torch\n/ ours", justify="right")
        table.add_column("its faster\n/ ours", justify="right", style="bold")
        table.add_column("compiled\nin s", justify="right", style="dim")
        for r in rows:
            times = [f"{r.milliseconds[s]:.1f}" if s in r.milliseconds else "-" for s in sides]
            found = (r.ratio("torch"), r.ratio("torch", "torch_channels_last"))
            cells = ["-" if ratio is None else f"{ratio:.2f}" for ratio in found]
            compiled = f"{r.first_call['ours']:.1f}" if "ours" in r.first_call else "-"
            table.add_row(r.network, *times, *cells, compiled)
        console.print(table)
        _means(rows, console)


def _means(rows: list[Timed], console: Console) -> None:
    for title, against in (
        ("PyTorch, channels first", ("torch",)),
        ("PyTorch, channels last", ("torch_channels_last",)),
        ("PyTorch's faster layout", ("torch", "torch_channels_last")),
        ("torch.compile", ("torch_compile",)),
        ("stock JAX", ("stock",)),
    ):
        every = {r.network: r.ratio(*against) for r in rows}
        found = {name: ratio for name, ratio in every.items() if ratio is not None}
        if found:
            worst = min(found, key=found.__getitem__)
            console.print(
                f"  {title} over ours: geometric mean {geometric_mean(found.values()):.2f} of "
                f"{len(found)}, worst {worst} {found[worst]:.2f}"
            )


def report(records: list[Timed], about: Mapping[str, str]) -> None:
    """Print the tables, and below them what the figures were measured on."""
    console = Console(width=None if sys.stdout.isatty() else 150)
    show(records, console)
    console.print(", ".join(f"{k} {v}" for k, v in about.items()), style="dim")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.networks", description=__doc__)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--forward", action="store_true", help="only forward")
    only.add_argument("--train", action="store_true", help="only the training step")
    parser.add_argument("--compile", action="store_true", help="torch.compile, too")
    parser.add_argument("--stock", action="store_true", help="JAX without this package, too")
    parser.add_argument("--dtype", choices=WRONG, default="float32")
    parser.add_argument("--rounds", type=int, default=15, help="times each side is called (15)")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="limit a network and mode, all sides (10)"
    )
    parser.add_argument("--name", help=f"write results/networks-NAME.json, in {RESULTS}")
    parser.add_argument(
        "--show", type=Path, metavar="FILE", help="time nothing: print what these results hold"
    )
    options = parser.parse_args()
    if options.show:
        stored = json.loads(options.show.read_text())
        report([Timed(**record) for record in stored["networks"]], stored["versions"])
        return 0
    unknown = set(options.networks) - NETWORKS.keys()
    if unknown:
        parser.error(f"no network is called {', '.join(sorted(unknown))}: {', '.join(NETWORKS)}")
    if jax.default_backend() != "cpu":
        parser.error(f"this times CPUs, JAX is on {jax.default_backend()}: set JAX_PLATFORMS=cpu")
    if can_pin():
        team()
    networks = [NETWORKS[name] for name in options.networks or NETWORKS]
    modes = ["forward"] if options.forward else ["train"] if options.train else list(MODES)
    sides = [*SIDES, *["torch_compile"] * options.compile, *["stock"] * options.stock]
    data: dict[str, Any] = {
        "versions": versions() | {"extensions": extensions()},
        "dtype": options.dtype,
        "inputs": {network.name: network.input for network in networks},
        "networks": [],
    }
    records: list[Timed] = []
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("timing", total=len(networks) * len(modes))
        for network in networks:
            for mode in modes:
                progress.update(task, description=f"{network.name}, {TITLES[mode]}")
                how = (options.dtype, sides, options.rounds, options.seconds)
                records.append(measure(network, mode, *how))
                data["networks"].append(asdict(records[-1]))
                if options.name:  # after each, so that nothing is lost
                    text = json.dumps(data, indent=1) + "\n"
                    (RESULTS / f"networks-{options.name}.json").write_text(text)
                progress.advance(task)
    report(records, data["versions"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
