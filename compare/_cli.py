"""The command line: the lecture, `semantics` for the differences, `model` for two networks."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ._torch import HELP, IMAGES_HELP, require_images, require_torch

FIRST, LAST = 1, 24
AGREE, DISAGREE, USAGE = 0, 1, 2


def _row_number(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not FIRST <= number <= LAST:
        raise argparse.ArgumentTypeError(f"the lecture has rows {FIRST} to {LAST}, got {text!r}")
    return number


def _writable(text: str) -> Path:
    path = Path(text)
    try:
        path.open("a", encoding="utf-8").close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot write {text!r}: {error.strerror}") from error
    return path


def _lecture_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m compare",
        description="Run the lecture in JAX and in PyTorch, row by row, and compare.",
        epilog="Exit status: 0 if every row agrees, 1 if one does not, 2 for wrong usage or "
        "where torch is missing.",
    )
    parser.add_argument(
        "--row",
        metavar="N",
        type=_row_number,
        action="append",
        help=f"show row N ({FIRST} to {LAST}) with all of its values and the code of both sides; "
        "may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=_writable,
        help="also write a page with the table, the code of both sides and the figures",
    )
    return parser


def lecture(argv: Sequence[str]) -> int:
    """Run the lecture's rows and show them."""
    options = _lecture_parser().parse_args(argv)
    require_torch()
    if not options.row or LAST in options.row:
        require_images()
    # What runs is imported late: help and wrong usage answer at once.
    from ._report import to_json
    from ._table import console_for, print_row, print_table, print_tally, run_rows
    from ._versions import versions
    from .lecture import ROWS

    numbers = sorted(set(options.row)) if options.row else sorted(ROWS)
    results = run_rows([ROWS[number] for number in numbers])
    found = versions()
    if options.html:
        from ._html import page

        options.html.write_text(page(results, found), encoding="utf-8")
    if options.json:
        print(to_json(results, found))
    else:
        console = console_for(sys.stdout)
        if options.row:
            for result in results:
                print_row(console, result)
        else:
            print_table(console, results)
        print_tally(console, results, found)
    return AGREE if all(result.comparison.agree for result in results) else DISAGREE


def _semantics_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m compare semantics",
        description="Run the functions that JAX and PyTorch define otherwise at some point: JAX's, "
        "PyTorch's, and this package's.",
        epilog="Exit status: 0 if this package agrees with PyTorch in every row, 1 if not, 2 for "
        "wrong usage or where torch is missing.",
    )
    parser.add_argument(
        "--only", metavar="WORD", default="", help="show the rows with WORD in their name"
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    return parser


def semantics(argv: Sequence[str]) -> int:
    """Run the rows where JAX and PyTorch differ, and show them."""
    parser = _semantics_parser()
    options = parser.parse_args(argv)
    require_torch()
    from ._semantics import print_conventions, print_tally, run_conventions, to_json
    from ._table import console_for
    from ._versions import versions
    from .conventions import ROWS

    rows = [row for row in ROWS if options.only in row.name]
    if not rows:
        parser.error(f"argument --only: no row has {options.only!r} in its name")
    results = run_conventions(rows)
    if options.json:
        print(to_json(results, versions()))
    else:
        console = console_for(sys.stdout)
        print_conventions(console, results)
        print_tally(console, results, versions())
    return AGREE if all(result.agree for result in results) else DISAGREE


def model(argv: Sequence[str]) -> int:
    """Compare two networks, layer by layer."""
    from .network._command import parser, run

    made = parser()
    options = made.parse_args(argv)
    require_torch()
    return AGREE if run(made, options) else DISAGREE


# A command has its own arguments; without a name it is the lecture.
COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "lecture": lecture,
    "semantics": semantics,
    "model": model,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 agree, 1 disagree, 2 usage."""
    given = list(sys.argv[1:] if argv is None else argv)
    command = COMMANDS[given.pop(0)] if given and given[0] in COMMANDS else lecture
    try:
        return command(given)
    except SystemExit as exit:  # argparse: help is 0, wrong usage 2
        return int(exit.code or 0)
    except ImportError as error:
        if str(error) not in (HELP, IMAGES_HELP):
            raise
        print(f"python -m compare: {error}", file=sys.stderr)
        return USAGE
