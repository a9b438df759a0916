"""`python -m benchmarks`: time the layers, print tables, write results as data and a picture."""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import jax
from rich.console import Console
from rich.progress import Progress

from ._layers import LAYERS, MORE, QUICK, load, pick
from ._loops import loop_races
from ._measure import Record, measure
from ._plot import plot
from ._programs import Race, races
from ._report import race_targets, show, show_races, show_targets, targets
from ._sides import NAMES
from ._threads import can_pin, team
from ._versions import versions


def report(records: list[Record], programs: list[Race], about: Mapping[str, str]) -> int:
    """Print all tables, and return whether a target was missed."""
    console = Console(width=None if sys.stdout.isatty() else 150)
    lines = targets(records) + race_targets(programs)
    show(records, console)
    show_races(programs, console)
    show_targets(lines, console)
    console.print(", ".join(f"{k} {v}" for k, v in about.items()), style="dim")
    return 0 if all(t.held for t in lines) else 1


def show_stored(folder: Path) -> int:
    """Print the tables of results that were stored before."""
    data = json.loads((folder / "results.json").read_text())
    records = [Record(**layer) for layer in data["layers"]]
    report(records, [Race(**race) for race in data["programs"]], data["versions"])
    return 0


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="seven layers, PyTorch, lax and ours")
    parser.add_argument(
        "--more-layers", action="store_true", help="layers of more networks, PyTorch, lax and ours"
    )
    parser.add_argument("--layers", nargs="+", metavar="NAME", help="only these layers")
    parser.add_argument("--sides", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--rounds", type=int, default=31, help="times each side is called (31)")
    parser.add_argument("--seconds", type=float, default=1.0, help="limit a side and mode (1)")
    parser.add_argument("--out", type=Path, help="folder for results.json and ratios.png")
    parser.add_argument(
        "--show",
        type=Path,
        metavar="FOLDER",
        help="time nothing: print what its results.json holds",
    )
    options = parser.parse_args()
    if options.show:
        return show_stored(options.show)
    if jax.default_backend() != "cpu":
        parser.error(f"this times CPUs, JAX is on {jax.default_backend()}: set JAX_PLATFORMS=cpu")
    if can_pin():
        team()
    layers = load(MORE if options.more_layers else LAYERS)
    names = list(options.layers or (QUICK if options.quick else [layer.name for layer in layers]))
    if options.quick and options.more_layers:
        parser.error("--quick and --more-layers: seven layers of one list, or all of the other")
    try:
        chosen = pick(layers, names)
    except ValueError as error:
        parser.error(f"--layers: {error}")
    few = options.quick or options.more_layers
    sides = tuple(s for s in options.sides if not few or s in ("torch", "lax", "ours"))
    rounds, seconds = (7, 3.0) if options.quick else (options.rounds, options.seconds)
    records = []
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("timing", total=len(chosen))
        for layer in chosen:
            progress.update(task, description=layer.name)
            records.append(measure(layer, rounds, seconds, sides))
            progress.advance(task)
    about = versions()
    whole = not few and not options.layers
    programs = races(rounds) + loop_races(rounds) if whole else []
    status = report(records, programs, about)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        data = {
            "versions": about,
            "layers": [r.data() for r in records],
            "programs": [asdict(r) for r in programs],
        }
        (options.out / "results.json").write_text(json.dumps(data, indent=1) + "\n")
        plot(records, options.out / "ratios.png")
    return status


sys.exit(main())
