"""Running a notebook from top to bottom, and telling whether two runs gave the same."""

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import nbclient
import nbformat

ROOT = Path(__file__).parents[1]
LIMIT = 300  # seconds that one cell may take
MEASURED = "measured"  # the tag of a cell whose output differs from run to run: times, say
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def execute(made: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run all cells of a notebook in a fresh kernel, in an empty folder; it then holds the outputs.

    Raises:
      nbclient.exceptions.CellExecutionError: where a cell raises; it names the cell.
    """
    # The packages of this checkout, and a machine's own choice of colours and devices left out.
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "JAX_PLATFORMS": "cpu"}
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(
            made,
            timeout=LIMIT,
            resources={"metadata": {"path": folder}},
            record_timing=False,
            coalesce_streams=True,
        )
        manager = client.create_kernel_manager()
        if os.name == "posix":  # no port of the machine is opened
            manager.transport, manager.ip = "ipc", str(Path(folder) / "kernel")
        client.execute(env=environment)
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _blank(output)]
    return made


def _blank(output: Any) -> bool:
    """Whether an output is what a progress bar leaves when it goes."""
    return output.output_type == "stream" and not output.text.strip()


def texts(output: Any) -> list[str]:
    """Return the texts that an output shows, without pictures, sounds and markup."""
    if output.output_type == "stream":
        return [output.text]
    return [text for kind, text in output.get("data", {}).items() if kind == "text/plain"]


def kinds(output: Any) -> tuple[str, ...]:
    """Return what an output is: its type and the types of its data."""
    return (output.output_type, *sorted(output.get("data", {})))


def with_points(text: str) -> str:
    """Write decimal commas as points."""
    return re.sub(r"(?<=\d),(?=\d)", ".", text)


def figures(text: str) -> list[float]:
    """Return the numbers of a text."""
    return [float(number) for number in NUMBER.findall(text)]


def apart(one: Any, other: Any, *, words: bool = True) -> list[str]:
    """Say where the outputs of two runs of a notebook differ.

    Numbers may differ by a hundredth, or 0.001: rounding differs from one processor to the next,
    and training passes it on. Pictures and sounds are compared by kind and by alternative text. The
    output of cells tagged "measured" is compared by kind only.

    Args:
      one, other: executed notebooks with the same cells.
      words: whether to compare texts, too; False for two languages.
    """
    found = []
    for index, (a, b) in enumerate(zip(one.cells, other.cells, strict=True)):
        if a.cell_type != "code":
            continue
        where = f"cell {index}"
        if list(map(kinds, a.outputs)) != list(map(kinds, b.outputs)):
            found.append(
                f"{where}: outputs {list(map(kinds, a.outputs))} and {list(map(kinds, b.outputs))}"
            )
            continue
        if MEASURED in a.metadata.get("tags", []):
            continue
        for left, right in zip(a.outputs, b.outputs, strict=True):
            for text, told in zip(texts(left), texts(right), strict=True):
                if words and NUMBER.sub("#", text).split() != NUMBER.sub("#", told).split():
                    found.append(f"{where}: {text!r} and {told!r}")
                elif not _close(figures(text), figures(told if words else with_points(told))):
                    found.append(f"{where}: the numbers of {text!r} and {told!r}")
            if words and alternative(left) != alternative(right):
                found.append(f"{where}: alternative texts differ")
    return found


def _close(left: list[float], right: list[float]) -> bool:
    return len(left) == len(right) and all(
        abs(a - b) <= 1e-3 + 1e-2 * abs(b) for a, b in zip(left, right, strict=True)
    )


def alternative(output: Any) -> list[str]:
    """Return the alternative texts of an output's pictures."""
    metadata = output.get("metadata", {})
    return [metadata.get(kind, {}).get("alt", "") for kind in sorted(output.get("data", {}))]


def faults(made: Any) -> list[str]:
    """Say what a reader of a notebook should not see: warnings, tracebacks, unnamed pictures."""
    found = []
    for index, cell in enumerate(made.cells):
        for output in cell.get("outputs", []):
            where = f"cell {index}"
            if output.output_type == "error":
                found.append(f"{where}: {output.ename}: {output.evalue}")
            if output.output_type == "stream" and output.name == "stderr":
                found.append(f"{where}: on stderr: {output.text}")
            if any("Warning" in text or "Traceback" in text for text in texts(output)):
                found.append(f"{where}: a warning or traceback")
            data = output.get("data", {})
            alt = output.get("metadata", {}).get("image/png", {}).get("alt")
            if "image/png" in data and not alt:
                found.append(f"{where}: a picture without alternative text")
            if "image/svg+xml" in data and "aria-label" not in data["image/svg+xml"]:
                found.append(f"{where}: a drawing without alternative text")
    return found
