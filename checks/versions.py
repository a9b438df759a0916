"""`python -m checks.versions`: the tests on the oldest supported JAX, the newest, and one between.

Each on a Python of its own, in an environment of its own (.venv-3.12 and the like), which is made
the first time. Prints a table, and exits with 1 where a test fails. What differs between the
versions is said in checks/README.md.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
EXTRAS = ("torch", "port", "bench", "test", "notebooks")
SHOWN = ("jax", "jaxlib", "flax", "numpy", "torch")


@dataclass(frozen=True)
class Row:
    """A Python, and what is not as in the constraints."""

    python: str
    versions: dict[str, str] = field(default_factory=dict)


ROWS = (
    Row("3.11", {"jax": "0.10.2", "jaxlib": "0.10.2", "flax": "0.12.8"}),  # the oldest
    Row("3.12", {"jax": "0.11.2", "jaxlib": "0.11.2", "flax": "0.12.12"}),
    Row("3.13", {"jax": "0.12.0.1", "jaxlib": "0.12.0.1", "flax": "0.12.12"}),  # the newest
)


@dataclass
class Result:
    """What a run found."""

    versions: dict[str, str]
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: int = 0
    minutes: float = 0.0
    problem: str = ""


def name_of(requirement: str) -> str:
    """Return the name in a requirement, as package indexes compare them."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None, requirement
    return re.sub(r"[-_.]+", "-", found.group()).lower()


def requirements(row: Row) -> list[str]:
    """List what the tests need, with a row's own versions."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    every = [*project["dependencies"], *(r for extra in EXTRAS for r in extras[extra])]
    kept = [r for r in every if name_of(r) not in {"convgrad", *row.versions}]
    return kept + [f"{name}=={version}" for name, version in row.versions.items()]


def constraints(row: Row) -> str:
    """Return the constraints without those that a row sets itself."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return "\n".join(
        line
        for line in lines
        if line and not line.startswith("#") and name_of(line) not in row.versions
    )


def interpreter(version: str) -> Path | None:
    """Find a Python of this version: on the path, or pyenv's."""
    found = shutil.which(f"python{version}")
    # pyenv puts scripts on the path for all its versions, which run for the chosen ones only.
    if (
        found
        and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0
    ):
        return Path(found)
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return next(iter(sorted(root.glob(f"versions/{version}.*/bin/python"), reverse=True)), None)


def environment(row: Row, given: Path | None) -> Path:
    """Return the Python of a row's environment, made where it is not there.

    Raises:
      RuntimeError: where there is no such Python, or something does not install.
    """
    if given is not None:
        return given / "bin" / "python"
    folder = ROOT / f".venv-{row.python}"
    python, wanted = folder / "bin" / "python", folder / "constraints.txt"
    stamp, text = folder / "installed", "\n".join(requirements(row))
    if stamp.exists() and stamp.read_text() == text:
        return python
    base = interpreter(row.python)
    if base is None:
        raise RuntimeError(f"no Python {row.python}: neither on the path nor pyenv's")
    subprocess.run([str(base), "-m", "venv", str(folder)], check=True)
    wanted.write_text(constraints(row))
    pip = [str(python), "-m", "pip", "install", "--quiet", "-c", str(wanted), *requirements(row)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"does not install: {done.stderr.strip().splitlines()[-1]}")
    stamp.write_text(text)
    return python


def _versions(python: Path) -> dict[str, str]:
    code = (
        "import sys, platform; from importlib.metadata import version; "
        "print(platform.python_version(), *(version(n) for n in sys.argv[1:]))"
    )
    command = [str(python), "-c", code, *SHOWN]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(zip(("python", *SHOWN), done.stdout.split(), strict=True))


def run(row: Row, given: Path | None, arguments: Sequence[str]) -> Result:
    """Run the tests, as `make test` does without lint and types."""
    try:
        python = environment(row, given)
        result = Result(_versions(python))
    except (RuntimeError, subprocess.CalledProcessError) as error:
        return Result({"python": row.python, **row.versions}, problem=str(error))
    began = time.monotonic()
    report = ROOT / "build" / f"versions-{row.python}.xml"
    report.parent.mkdir(exist_ok=True)
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    done = subprocess.run(
        [*command, *(arguments or ["-n", "2", "--dist", "worksteal", "-m", "not long", "tests"])],
        cwd=ROOT,
        env={**os.environ, "CONVGRAD_QUICK": "on"},
        check=False,
    )
    result.minutes = (time.monotonic() - began) / 60
    if not report.exists():
        result.problem = f"pytest ended with {done.returncode}"
        return result
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            result.failed.append(f"{case.get('classname')}::{case.get('name')}")
        elif "skipped" in kinds:
            result.skipped += 1
        else:
            result.passed += 1
    report.unlink()
    return result


def show(results: Sequence[Result], console: Console) -> None:
    """Print a row a run, and the names of what failed."""
    table = Table(pad_edge=False)
    for title in ("python", *SHOWN):
        table.add_column(title)
    for title in ("passed", "failed", "skipped", "minutes"):
        table.add_column(title, justify="right")
    for result in results:
        versions = [result.versions.get(name, "-") for name in ("python", *SHOWN)]
        counts = (result.passed, len(result.failed), result.skipped)
        table.add_row(*versions, *map(str, counts), f"{result.minutes:.1f}")
    console.print(table)
    for result in results:
        where = f"Python {result.versions['python']}, jax {result.versions.get('jax', '-')}"
        for name in [*result.failed, *[result.problem] * bool(result.problem)]:
            console.print(f"{where}: {name}", markup=False)


def main() -> int:
    """Run every row; 1 where something fails."""
    parser = argparse.ArgumentParser(prog="python -m checks.versions", description=__doc__)
    parser.add_argument("--only", action="append", metavar="3.12", help="only this Python's row")
    parser.add_argument(
        "--venv", action="append", default=[], metavar="3.12=FOLDER", help="an environment to take"
    )
    parser.add_argument("pytest", nargs="*", help="arguments of pytest, after --")
    options = parser.parse_args()
    given = dict(pair.split("=", 1) for pair in options.venv)
    rows = [row for row in ROWS if not options.only or row.python in options.only]
    if not rows:
        parser.error(f"no such row: there are {', '.join(row.python for row in ROWS)}")
    results = []
    for row in rows:
        folder = given.get(row.python)
        results.append(run(row, Path(folder) if folder else None, options.pytest))
    show(results, Console(width=None if sys.stdout.isatty() else 130))
    return 1 if any(result.failed or result.problem for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
