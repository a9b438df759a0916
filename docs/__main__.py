"""`python -m docs`: the site, into build/docs. Warnings are errors, and so are broken links."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from sphinx.cmd.build import build_main

from notebooks._source import LANGUAGES

from ._links import broken
from ._reference import missing, write_reference

ROOT = Path(__file__).parents[1]
PAGES = Path(__file__).with_name("pages")
# The READMEs of folders, which tell how it works: under inside/, with the names that they have.
INSIDE = {
    "conv/lowering/README.md": "lowering",
    "conv/lowering/PRECISION.md": "lowering",
    "conv/lowering/GPU.md": "lowering",
    "custom_vjp/README.md": "custom_vjp",
    "grad/README.md": "grad",
    "port/README.md": "port",
    "compare/network/README.md": "compare",
    "experiments/README.md": "experiments",
    "checks/README.md": "checks",
}
BUILD = ROOT / "build"


def gather(source: Path) -> None:
    """Lay all pages into one folder: written ones, notebooks, and the reference."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(PAGES, source)
    for language in LANGUAGES:
        folder = source / "tutorials" / language
        folder.mkdir(exist_ok=True)
        for notebook in sorted((ROOT / "notebooks" / language).glob("*.ipynb")):
            shutil.copy(notebook, folder)
    for readme, place in INSIDE.items():
        (source / "inside" / place).mkdir(exist_ok=True)
        shutil.copy(ROOT / readme, source / "inside" / place)
    write_reference(source / "reference")
    shutil.copy(ROOT / "CHANGELOG.md", source / "changelog.md")


def main(argv: Sequence[str] | None = None) -> int:
    """Build the site, and look for names without a place and links that lead nowhere."""
    parser = argparse.ArgumentParser(prog="python -m docs", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=BUILD / "docs", help="folder (build/docs)")
    parser.add_argument("--jobs", default="2", help="pages that are read side by side (2)")
    options = parser.parse_args(argv)
    source, doctrees = BUILD / "docs-source", BUILD / "docs-doctrees"
    gather(source)
    shutil.rmtree(options.out, ignore_errors=True)
    how = ["-b", "html", "-c", str(Path(__file__).parent), "-d", str(doctrees), "-j", options.jobs]
    strict = ["--fail-on-warning", "--quiet", "--fresh-env"]
    if status := build_main([*how, *strict, str(source), str(options.out)]):
        return int(status)
    wrong = [*missing(options.out), *broken(options.out)]
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    if not wrong:
        print(f"The site is in {options.out}: open {options.out / 'index.html'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
