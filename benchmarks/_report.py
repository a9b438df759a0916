"""What the benchmark says: a table of ratios, geometric means, worst layers, targets."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from ._measure import MODES, Record
from ._programs import Race

MEGABYTE = 2**20
TITLES = {"forward": "forward", "both": "forward + both gradients"}
# Arrays whose channels come last on both sides.
LAST = ("nnx_accelerated", "torch_channels_last")
# What is asked of the mean and of the worst layer, of PyTorch's time over ours.
ASKED = {"forward": (1.3, 0.6), "both": (1.5, 0.6)}
ASKED_OF_LAST = (1.0, 0.7)


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean."""
    logs = [math.log(v) for v in values]
    return math.exp(sum(logs) / len(logs))


def ratios(records: list[Record], mode: str, side: str, against: str) -> dict[str, float]:
    """Return time(against) / time(side) by layer: above 1, `side` is faster."""
    found = {r.layer: r.ratio(mode, side, against) for r in records}
    return {layer: ratio for layer, ratio in found.items() if ratio is not None}


@dataclass(frozen=True)
class Target:
    """A line that the benchmark is to hold."""

    name: str
    value: float
    bound: float
    above: bool

    @property
    def held(self) -> bool:
        """Whether the line holds."""
        return self.value >= self.bound if self.above else self.value <= self.bound


def targets(records: list[Record]) -> list[Target]:
    """Return all lines: speed against PyTorch and raw lax, error, memory, first call."""
    lines = []
    for mode, least in (("forward", 3.0), ("both", 6.0)):
        title = TITLES[mode]
        for sides, name, (mean, worst) in (
            (("ours", "torch"), "PyTorch", ASKED[mode]),
            (LAST, "PyTorch, both channels last", ASKED_OF_LAST),
        ):
            torch = ratios(records, mode, *sides).values()
            if torch:
                mine = geometric_mean(torch)
                lines.append(Target(f"{title}: mean against {name}", mine, mean, True))
                lines.append(Target(f"{title}: worst against {name}", min(torch), worst, True))
        lax = ratios(records, mode, "ours", "lax").values()
        if lax:
            lines.append(Target(f"{title}: mean against raw lax", geometric_mean(lax), least, True))
            lines.append(Target(f"{title}: worst against raw lax", min(lax), 0.9, True))
        for side in ("nnx", "equinox"):
            found = ratios(records, mode, f"{side}_accelerated", side).values()
            if found:
                name = f"{title}: worst of {side} inside accelerate()"
                lines.append(Target(name, min(found), 0.9, True))
    lines.append(Target("error: worst multiple of PyTorch's", _worst(records, _error), 4.0, False))
    if all("lax" in r.memory for r in records):
        memory = _worst(records, _memory)
        lines.append(Target("memory: worst multiple of the allowance", memory, 1.0, False))
        first = _worst(records, _first_call)
        lines.append(Target("first call: worst multiple of the allowance", first, 1.0, False))
    return lines


def _worst(records: list[Record], of: Callable[[Record], float]) -> float:
    return max(of(r) for r in records)


def _errors(r: Record) -> list[float]:
    """Return our errors over PyTorch's, of output and gradients: over its larger layout's.

    Its kernels for channels last, which are oneDNN's as ours are, add up in another order than
    those for channels first. Below half a unit of float32 an error is exact: no multiple of it
    means anything.
    """
    theirs = [r.error[side] for side in ("torch", "torch_channels_last") if side in r.error]
    return [o / max(*t, 6e-8) for o, *t in zip(r.error["ours"], *theirs, strict=True)]


def _error(r: Record) -> float:
    return max(_errors(r))


def _memory(r: Record) -> float:
    """Return temporary memory over its allowance: twice raw lax's, or 32 MB."""
    return max(r.memory["ours"][m] / max(2 * r.memory["lax"][m], 32 * MEGABYTE) for m in MODES)


def _first_call(r: Record) -> float:
    """Return trace and compile time over its allowance: twice raw lax's, or a second."""
    return max(r.first_call["ours"][m] / max(2 * r.first_call["lax"][m], 1.0) for m in MODES)


def show(records: list[Record], console: Console) -> None:
    """Print the tables."""
    sides = list(dict.fromkeys(s for r in records for s in r.milliseconds["forward"]))
    for mode in MODES:
        table = Table(
            title=f"{TITLES[mode]}: times in ms; PyTorch's time over ours", pad_edge=False
        )
        table.add_column("layer")
        for side in sides:
            table.add_column(side.replace("_", "\n"), justify="right")
        table.add_column("ratio", justify="right", style="bold")
        for r in records:
            times = r.milliseconds[mode]
            cells = [f"{times[s]:.2f}" if s in times else "-" for s in sides]
            ratio = r.ratio(mode)
            table.add_row(r.layer, *cells, "-" if ratio is None else f"{ratio:.2f}")
        console.print(table)
        _means(records, mode, sides, console)
    _channels_last(records, console)
    _details(records, console)


def _channels_last(records: list[Record], console: Console) -> None:
    """Print Flax inside of accelerate() beside PyTorch, channels last on both sides."""
    ours, torch = LAST
    rows = [r for r in records if r.ratio("forward", ours, torch) is not None]
    if not rows:
        return
    table = Table(title="channels last on both sides: times in ms", pad_edge=False)
    table.add_column("layer")
    for mode in MODES:
        heading = TITLES[mode].replace(" + ", "\n")
        for column in ("PyTorch", "Flax", "ratio"):
            table.add_column(f"{heading}\n{column}", justify="right")
    for r in rows:
        cells = []
        for mode in MODES:
            times = r.milliseconds[mode]
            cells += [f"{n:.2f}" for n in (times[torch], times[ours], r.ratio(mode, ours, torch))]
        table.add_row(r.layer, *cells)
    console.print(table)
    for mode in MODES:
        console.print(_summary(TITLES[mode], ratios(rows, mode, ours, torch)))


def show_races(programs: list[Race], console: Console) -> None:
    """Print the whole programs' times."""
    if not programs:
        return
    table = Table(title="whole programs: times in ms", pad_edge=False)
    for column in ("program", "", "", "ratio", "largest difference"):
        table.add_column(column)
    for r in programs:
        cells = [
            f"{side} {time:.2f}"
            for side, time in zip((r.first, r.second), r.milliseconds, strict=True)
        ]
        table.add_row(r.name, *cells, f"{r.ratio:.2f}", f"{r.difference:.1e}")
    console.print(table)


def race_targets(programs: list[Race]) -> list[Target]:
    """Return the lines that whole programs are to hold."""
    lines = []
    for r in programs:
        name = f"{r.name}: {r.first} over {r.second}"
        lines.append(Target(name, r.ratio, r.bound, r.above))
        lines.append(Target(f"{r.name}: difference", r.difference, 1e-5, False))
    return lines


def show_targets(targets: list[Target], console: Console) -> None:
    """Print each line: reached, asked, held or not."""
    lines = Table(title="Targets", pad_edge=False)
    for column in ("line", "reached", "asked", ""):
        lines.add_column(column)
    for t in targets:
        sign = "at least" if t.above else "at most"
        held = "[green]holds[/]" if t.held else "[red]missed[/]"
        lines.add_row(t.name, f"{t.value:.3g}", f"{sign} {t.bound:g}", held)
    console.print(lines)


def _summary(title: str, found: Mapping[str, float]) -> str:
    """Put the mean and the worst three of some ratios into a line."""
    worst = sorted(found.items(), key=lambda item: item[1])[:3]
    return (
        f"  {title}: geometric mean {geometric_mean(found.values()):.2f} over {len(found)}, worst "
        + ", ".join(f"{layer} {ratio:.2f}" for layer, ratio in worst)
    )


def _means(records: list[Record], mode: str, sides: list[str], console: Console) -> None:
    for against in sides:
        if against == "ours":
            continue
        found = ratios(records, mode, "ours", against)
        if found:
            console.print(_summary(f"ours against {against}", found))
    for side in sides:
        fast = f"{side}_accelerated"
        if fast in sides:
            found = ratios(records, mode, fast, side)
            console.print(
                f"  {side} inside accelerate() against outside: geometric mean "
                f"{geometric_mean(found.values()):.2f} over {len(found)}"
            )


def _details(records: list[Record], console: Console) -> None:
    table = Table(title="error (multiple of PyTorch's), memory and first call", pad_edge=False)
    table.add_column("layer")
    for column in ("error y/dx/dw", "MB", "lax MB", "first call s", "lax s"):
        table.add_column(column, justify="right")
    for r in records:
        error = "/".join(f"{e:.1f}" for e in _errors(r))

        def pair(values: Mapping[str, float], scale: float = 1.0, digits: int = 2) -> str:
            return "/".join(f"{values[m] / scale:.{digits}f}" for m in MODES) if values else "-"

        table.add_row(
            r.layer,
            error,
            pair(r.memory.get("ours", {}), MEGABYTE, 0),
            pair(r.memory.get("lax", {}), MEGABYTE, 0),
            pair(r.first_call.get("ours", {})),
            pair(r.first_call.get("lax", {})),
        )
    console.print(table)
