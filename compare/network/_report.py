"""What a comparison of two networks found: as an object, as text, on a terminal, as data."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .._format import difference_text, plain
from .._table import verdict
from ._judge import BUFFERS, GRADIENT, INPUT, OUTPUT, STEP, WEIGHTS, Finding

SHORT = 40  # layers; of a longer report str() has those that part
COLUMNS = {
    WEIGHTS: "Weights",
    OUTPUT: "Output",
    INPUT: "Gradient\nof input",
    GRADIENT: "Gradient\nof weights",
    BUFFERS: "Buffers\nafter",
    STEP: "Weights\nafter",
}


@dataclass(frozen=True)
class Layer:
    """One call of a layer, on PyTorch's own input.

    Args:
      path: the layer's, as in the state_dict; '' for the network itself.
      index: which call of the layer it is, from 0.
      kind: its class in PyTorch.
      findings: what was compared.
      cause: why it parts, if it does and no layer inside of it does.
      note: why nothing was compared, if so.
    """

    path: str
    index: int
    kind: str
    findings: tuple[Finding, ...] = ()
    cause: str = ""
    note: str = ""

    @property
    def agree(self) -> bool:
        """Whether all that was compared agrees."""
        return all(finding.agree for finding in self.findings)

    @property
    def title(self) -> str:
        """The path, with the call's number where it is not the first."""
        again = f" (call {self.index + 1})" if self.index else ""
        return f"{self.path or 'the network'}{again}"

    def largest(self, kind: str) -> float | None:
        """Return the largest difference of one kind, relative to the scale; None for none."""
        found = [f.difference for f in self.findings if f.kind == kind and f.difference is not None]
        return max(found, default=None)


@dataclass(frozen=True)
class Report:
    """What `models` found: truth is agreement, and printed it is a table.

    Args:
      layers: the calls of layers, in the order in which they ended in PyTorch.
      first: path of the first layer that parts ('' is the network's own code), None if none does.
      cause: the likely cause, in words; '' if none parts.
      train: whether the networks were in training.
      unmatched: paths of PyTorch's layers that JAX's network has not.
      rtol: how far apart values may be, relative to the scale.

    Example:
      >>> from compare.network import Report
      >>> bool(Report((), None, "", False, (), 1e-9))
      True
    """

    layers: tuple[Layer, ...]
    first: str | None
    cause: str
    train: bool
    unmatched: tuple[str, ...]
    rtol: float

    @property
    def agree(self) -> bool:
        """Whether no layer parts."""
        return self.first is None

    def __bool__(self) -> bool:
        return self.agree

    def __str__(self) -> str:
        plain = io.StringIO()
        console = Console(file=plain, width=110, color_system=None, force_jupyter=False)
        print_models(console, self, every=False)
        return "\n".join(line.rstrip() for line in plain.getvalue().rstrip().splitlines())

    def __repr__(self) -> str:
        return str(self)

    @property
    def compared(self) -> list[Layer]:
        """The layers of which anything was compared."""
        return [layer for layer in self.layers if layer.findings]

    @property
    def parting(self) -> list[Layer]:
        """The layers that part, and hold none that does."""
        return [layer for layer in self.layers if layer.cause]


def headline(report: Report) -> str:
    """Say in a sentence what was found."""
    mode = "a training step" if report.train else "at rest"
    count = len(report.compared)
    calls = f"{count} call{'s' * (count != 1)} of layers"
    if report.agree:
        found = [x for layer in report.compared for x in [f.difference for f in layer.findings]]
        largest = max((x for x in found if x is not None), default=0.0)
        return f"JAX and PyTorch agree ({mode}, {calls}): largest difference {largest:.1e}"
    where = report.first or "the network's own code, between its layers"
    return f"JAX and PyTorch part ({mode}, {calls}), first in {where}: {report.cause}"


def _cell(layer: Layer, kind: str) -> Text:
    found = [f for f in layer.findings if f.kind == kind]
    if not found:
        return Text("")
    largest = layer.largest(kind)
    shown = "differ" if largest is None else difference_text(largest)
    return Text(shown, "" if all(f.agree for f in found) else "bold red")


def _shown(report: Report, every: bool) -> Iterator[Layer]:
    """Give the layers for the table: all, or in a long report those that part."""
    for layer in report.layers:
        short = every or len(report.compared) <= SHORT
        if not layer.agree or layer.cause or (short and layer.findings):
            yield layer


def print_models(console: Console, report: Report, every: bool = True) -> None:
    """Print a report: a line for each layer, and what was found."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Layer", overflow="fold")
    table.add_column("in PyTorch", style="dim", overflow="fold")
    kinds = [
        k for k in COLUMNS if any(f.kind == k for layer in report.layers for f in layer.findings)
    ]
    for kind in kinds:
        table.add_column(COLUMNS[kind], justify="right")
    table.add_column("")
    for layer in _shown(report, every):
        judged = verdict(layer.agree) if layer.findings else Text("-", "dim")
        cells = [_cell(layer, kind) for kind in kinds]
        table.add_row(Text(layer.title), Text(layer.kind), *cells, judged)
    if table.rows:
        console.print(table)
        console.print()
    for layer in report.parting:
        console.print(Text(f"{layer.title}: {layer.cause}", "red"))
    notes = {layer.note: layer for layer in report.layers if layer.note}
    for note in notes:
        of = [layer.title for layer in report.layers if layer.note == note]
        console.print(Text(f"not compared: {', '.join(of)}: {note}", "dim"))
    if report.unmatched:
        console.print(Text(f"not apart in JAX's network: {', '.join(report.unmatched)}", "dim"))
    console.print(Text(headline(report), "bold green" if report.agree else "bold red"))


def to_data(report: Report, versions: dict[str, str]) -> dict[str, Any]:
    """Return a report as what JSON can hold."""
    return {
        "agree": report.agree,
        "first": report.first,
        "cause": report.cause,
        "train": report.train,
        "rtol": report.rtol,
        "unmatched": list(report.unmatched),
        "versions": versions,
        "layers": [
            {
                "path": layer.path,
                "call": layer.index,
                "kind": layer.kind,
                "agree": layer.agree,
                "cause": layer.cause,
                "note": layer.note,
                "findings": [
                    {
                        "kind": f.kind,
                        "name": f.name,
                        "difference": plain(f.difference),
                        "agree": f.agree,
                        "reason": f.reason,
                    }
                    for f in layer.findings
                ],
            }
            for layer in report.layers
        ],
    }
