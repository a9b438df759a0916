"""The rows as a table on a terminal, and one row with all that it has."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from rich.console import Console, Group
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from ._code import jax_code, torch_code
from ._format import difference_text, full, short
from ._row import Row, RowResult, run_row
from ._values import Entry
from ._versions import versions_line

PIPED_WIDTH = 120  # columns, where there is no terminal that says how many it has
WIDEST = 160  # columns; longer lines are hard to follow
NUMBER, DIFFERENCE, VERDICT = 4, 9, 6  # the widths of the columns that stay


def console_for(stream: TextIO) -> Console:
    """Make a console that writes plain text where its stream is no terminal."""
    if stream.isatty():
        console = Console(file=stream, highlight=False)
        console.width = min(console.width, WIDEST)
        return console
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdigit() and int(columns) > 0 else PIPED_WIDTH
    return Console(
        file=stream, highlight=False, no_color=True, force_terminal=False, width=min(width, WIDEST)
    )


def run_rows(rows: Sequence[Row]) -> list[RowResult]:
    """Run rows, and show how far it is on stderr if that is a terminal."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as progress:
        task = progress.add_task("rows", total=len(rows))
        results = []
        for row in rows:
            progress.update(task, description=f"row {row.number}")
            results.append(run_row(row))
            progress.advance(task)
    return results


def verdict(agree: bool) -> Text:
    """Say whether a row or a value agrees, in a word."""
    return Text("agree", "green") if agree else Text("DIFFER", "bold red")


def tally(results: Sequence[RowResult]) -> str:
    """Count the rows that agree."""
    agreeing = sum(result.comparison.agree for result in results)
    seconds = sum(result.seconds for result in results)
    known = [
        result.comparison.largest_difference
        for result in results
        if result.comparison.largest_difference is not None
    ]
    largest = f"; largest difference {difference_text(max(known))}" if known else ""
    return f"{agreeing} of {len(results)} rows agree{largest}; {seconds:.1f} s"


def _columns(console: Console) -> tuple[int, int]:
    """Divide a line: the width of a value's name, and of its value on either side."""
    middle = console.width - NUMBER - DIFFERENCE - VERDICT
    name = max(17, middle * 26 // 100)
    return name, (middle - name) // 2


def _line(console: Console, *cells: str | Text, style: str = "") -> Table:
    """Lay out number, name, JAX, PyTorch, difference and verdict on one line."""
    name, value = _columns(console)
    widths = (NUMBER, name, value, value, DIFFERENCE, VERDICT)
    padded = [
        Padding(cell, (0, 2 if index == 0 else 1 if index < 5 else 0, 0, 0))
        for index, cell in enumerate(cells)
    ]
    grid = Table.grid()
    for index, width in enumerate(widths):
        grid.add_column(
            width=width, justify="right" if index in (0, 4) else "left", overflow="fold"
        )
    grid.add_row(*padded, style=style)
    return grid


def _head(console: Console, result: RowResult) -> Table:
    """Lay out a row's number, title, largest difference and verdict on one line."""
    name, value = _columns(console)
    grid = Table.grid()
    for width in (NUMBER, name + 2 * value, DIFFERENCE, VERDICT):
        grid.add_column(width=width)
    found = result.comparison
    grid.add_row(
        Padding(Text(str(result.row.number), "bold cyan", justify="right"), (0, 2, 0, 0)),
        Padding(Text(result.row.title, "bold"), (0, 2, 0, 0)),
        Padding(Text(difference_text(found.largest_difference), justify="right"), (0, 1, 0, 0)),
        verdict(found.agree),
    )
    return grid


def _entry_lines(console: Console, entry: Entry) -> Iterator[Table | Padding]:
    """Lay out a value; below it, where the sides differ, the reason."""
    style = "" if entry.agree else "red"
    yield _line(
        console,
        "",
        Text(entry.name, "dim"),
        Text(short(entry.jax)),  # as a str it would be markup, and [nan] a tag
        Text(short(entry.torch)),
        "",
        "",
        style=style,
    )
    if not entry.agree:
        yield Padding(Text(entry.reason, "red"), (0, 0, 0, NUMBER))


def print_table(console: Console, results: Iterable[RowResult]) -> None:
    """Print every row: what the lecture shows, JAX's result, PyTorch's, the difference."""
    heads = ("", "What the lecture shows", "JAX", "PyTorch", "Largest\ndiff.", "")
    console.print(_line(console, *(Text(head, "bold") for head in heads)))
    for result in results:
        console.print()
        lines = [line for entry in result.shown for line in _entry_lines(console, entry)]
        console.print(Group(_head(console, result), *lines))


def print_row(console: Console, result: RowResult) -> None:
    """Print one row with all of its values, and the code of both sides."""
    console.print(_head(console, result))
    for entry in result.comparison.entries:
        difference = difference_text(entry.difference)
        judged = "agree" if entry.agree else f"DIFFER: {entry.reason}"
        apart = "" if entry.difference is None else f", difference {difference}"
        console.print()
        console.print(Text.assemble((entry.name, "bold"), ": ", judged, apart))
        sides = [("JAX", entry.jax), ("PyTorch", entry.torch)]
        if entry.stated is not None:
            sides.append(("lecture", entry.stated))
        for side, value in sides:
            grid = Table.grid()
            grid.add_column(width=11)
            grid.add_column(overflow="fold")
            grid.add_row(Text(f"  {side}", "dim"), Text(full(value, console.width - 12)))
            console.print(grid)
    for side, code in (("JAX", jax_code(result.row)), ("PyTorch", torch_code(result.row))):
        console.print()
        console.print(Text(f"{side}, the code", "bold"))
        if console.is_terminal:
            theme = "ansi_dark"
            console.print(Syntax(code, "python", theme=theme, background_color="default"))
        else:  # as it is, to copy from
            console.print(Text(code), soft_wrap=True)
    console.print()


def print_tally(console: Console, results: Sequence[RowResult], found: dict[str, str]) -> None:
    """Print the closing lines: the tally, and what ran."""
    every = all(result.comparison.agree for result in results)
    console.print()
    console.print(Text(tally(results), "bold green" if every else "bold red"))
    console.print(Text(versions_line(found), "dim"))
