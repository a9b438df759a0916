"""`python -m compare semantics`: where JAX and PyTorch differ, on a terminal and as data."""

import json
import sys
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.progress import track
from rich.table import Table
from rich.text import Text

from ._convention import Convention, ConventionResult, Finding, run_convention
from ._format import plain, short
from ._table import verdict
from ._versions import versions_line

INDENT, VERDICT = 4, 6  # columns


def run_conventions(rows: Sequence[Convention]) -> list[ConventionResult]:
    """Run rows, and show how far it is on stderr if that is a terminal."""
    console = Console(stderr=True)
    quiet = not sys.stderr.isatty()
    watched = track(rows, "rows", console=console, transient=True, disable=quiet)
    return [run_convention(row) for row in watched]


def _cell(value: object) -> Text:
    return Text("-" if value is None else short(value))


def _line(console: Console, *cells: str | Text, style: str = "") -> Table:
    """Lay out a name, JAX, PyTorch, ours and the verdict on one line."""
    side = (console.width - INDENT - VERDICT) // 4
    widths = (console.width - VERDICT - 3 * side, side, side, side, VERDICT)
    grid = Table.grid()
    for width in widths:
        grid.add_column(width=width, overflow="fold")
    left = (INDENT if cells[0] else 0, *(0 for _ in widths))
    padded = [
        Padding(cell, (0, 1 if i < len(cells) - 1 else 0, 0, left[i]))
        for i, cell in enumerate(cells)
    ]
    grid.add_row(*padded, style=style)
    return grid


def _head(console: Console, result: ConventionResult) -> Table:
    """Lay out what the row is about, and its verdict, on one line."""
    grid = Table.grid()
    grid.add_column(width=console.width - VERDICT)
    grid.add_column(width=VERDICT)
    point = ", ".join(short(argument) for argument in result.arguments)
    title = Text.assemble((result.row.name, "bold"), (f"   {point}", "dim"))
    judged = verdict(result.agree) if result.row.ours or result.row.same else Text("none", "dim")
    grid.add_row(Padding(title, (0, 1, 0, 0)), judged)
    return grid


def _shown(result: ConventionResult) -> Iterator[Finding]:
    """Give what JAX and PyTorch do not have in common, and what ours has not."""
    return (f for f in result.findings if f.differs or not f.agree)


def print_conventions(console: Console, results: Sequence[ConventionResult]) -> None:
    """Print every row: the values and gradients that differ, from JAX, PyTorch and this package."""
    heads = ("Where they differ", "JAX", "PyTorch", "convgrad")
    console.print(_line(console, *(Text(head, "bold") for head in heads), ""))
    for result in results:
        if result.row.same:
            continue
        console.print()
        console.print(_head(console, result))
        for found in _shown(result):
            sides = (found.jax, found.torch, found.ours)
            style = "" if found.agree else "red"
            name = Text(found.name, "dim")
            console.print(_line(console, name, *map(_cell, sides), "", style=style))
        if result.row.note:
            console.print(Padding(Text(result.row.note, "dim"), (0, 0, 0, INDENT)))
    controls = [result for result in results if result.row.same]
    if controls:
        console.print()
        console.print(Text("Where they do not", "bold"))
        for result in controls:
            console.print(_head(console, result))
            for found in _shown(result):
                sides = (found.jax, found.torch, found.ours)
                console.print(_line(console, found.name, *map(_cell, sides), "", style="red"))


def tally(results: Sequence[ConventionResult]) -> str:
    """Count the rows: where JAX differs, where this package agrees with PyTorch, the controls."""
    differing = [result for result in results if not result.row.same]
    ours = [result for result in differing if result.row.ours]
    controls = [result for result in results if result.row.same]
    apart = sum(result.differs for result in differing)
    return (
        f"JAX differs from PyTorch in {apart} of {len(differing)} rows\n"
        f"convgrad agrees with PyTorch in {sum(r.agree for r in ours)} of the {len(ours)} it has\n"
        f"all agree in {sum(r.agree for r in controls)} of {len(controls)} controls"
    )


def print_tally(
    console: Console, results: Sequence[ConventionResult], found: dict[str, str]
) -> None:
    """Print the closing lines: the tally, and what ran."""
    every = all(result.agree for result in results)
    console.print()
    console.print(Text(tally(results), "bold green" if every else "bold red"))
    console.print(Text(versions_line(found), "dim"))


def to_json(results: Sequence[ConventionResult], versions: dict[str, str]) -> str:
    """Write the results as JSON: rows with their findings, the tally, the versions."""
    rows = [
        {
            "name": result.row.name,
            "arguments": plain(list(result.arguments)),
            "note": result.row.note,
            "control": result.row.same,
            "has_ours": result.row.ours is not None,
            "differs": result.differs,
            "agree": result.agree,
            "findings": [
                {
                    "name": f.name,
                    "jax": plain(f.jax),
                    "torch": plain(f.torch),
                    "ours": plain(f.ours),
                    "differs": f.differs,
                    "agree": f.agree,
                    "reason": f.reason,
                }
                for f in result.findings
            ],
        }
        for result in results
    ]
    counts = {"rows": len(rows), "agree": sum(result.agree for result in results)}
    return json.dumps({"tally": counts, "versions": versions, "rows": rows}, indent=1)
