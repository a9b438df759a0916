"""`python -m notebooks`: make, run and write the notebooks, in all languages, and their pages."""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat

from ._page import page
from ._run import apart, execute, faults
from ._source import LANGUAGES, SOURCES, SourceError, committed, differences, notebook

LARGEST = 300_000  # bytes of a committed notebook
PAGES = Path("build") / "notebooks"


def run(path: Path, language: str) -> tuple[nbformat.NotebookNode, float]:
    """Make a notebook of its source, and execute it; return it and the seconds that it took."""
    start = time.perf_counter()
    made = execute(notebook(path, language))
    return made, time.perf_counter() - start


def main(argv: Sequence[str] | None = None) -> int:
    """Execute notebooks; write them and their pages, or hold them against the committed ones."""
    parser = argparse.ArgumentParser(prog="python -m notebooks", description=main.__doc__)
    parser.add_argument("--lang", choices=LANGUAGES, action="append", help="only this language")
    parser.add_argument("--only", metavar="NN", default="", help="only notebooks that begin so")
    parser.add_argument("--pages", type=Path, default=PAGES, help=f"folder for HTML ({PAGES})")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where outputs do not follow"
    )
    parser.add_argument("--jobs", type=int, default=2, help="notebooks that run side by side (2)")
    options = parser.parse_args(argv)
    paths = [path for path in SOURCES if path.name.startswith(options.only)]
    if not paths:
        parser.error(f"argument --only: no notebook begins with {options.only!r}")
    try:
        wrong = [line for path in paths for line in differences(path)]
    except SourceError as error:
        wrong = [str(error)]
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    todo = [(path, language) for language in options.lang or LANGUAGES for path in paths]
    with ProcessPoolExecutor(options.jobs) as pool:
        waiting = [pool.submit(run, *pair) for pair in todo]
        for (path, language), future in zip(todo, waiting, strict=True):
            made, seconds = future.result()
            wrong += [f"{language}/{path.stem}, {fault}" for fault in faults(made)]
            target = committed(path, language)
            if options.check:
                before = nbformat.read(target, as_version=4)
                wrong += [f"{language}/{path.stem}, {line}" for line in apart(before, made)]
            else:
                _write(options.pages, made, path, language)
                if (size := target.stat().st_size) > LARGEST:
                    wrong.append(f"{language}/{path.stem} has {size} bytes, above {LARGEST}")
            print(f"{language}/{path.stem}: {seconds:.0f} s", flush=True)
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong else 0


def _write(pages: Path, made: nbformat.NotebookNode, path: Path, language: str) -> None:
    target = committed(path, language)
    target.parent.mkdir(exist_ok=True)
    nbformat.write(made, target)
    html = pages / language / f"{path.stem}.html"
    html.parent.mkdir(parents=True, exist_ok=True)
    html.write_text(page(made, path, language), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
