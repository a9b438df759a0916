"""Where a compiled program spends its time: XLA's trace of its operations, and their HLO text.

XLA traces when an operation is begun and when its caller is done with it; what goes on in other
threads it does not. So each moment belongs to the operations that are begun and not done, in equal
parts, or, where there is none, to the one that was begun last.
"""

import gzip
import json
import math
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax

from ._threads import pinned

MOVES = {
    "bitcast", "broadcast", "concatenate", "constant", "convert", "copy", "dynamic-slice",
    "dynamic-update-slice", "get-tuple-element", "iota", "pad", "parameter", "reshape", "reverse",
    "slice", "transpose", "tuple",
}  # fmt: skip
CONTAINERS = {"while", "call", "conditional"}
_INSTRUCTION = re.compile(r"^\s*(?:ROOT )?%?([\w.\-]+) = (.*)$")
_OPCODE = re.compile(r"^((?:\([^=]*?\)|\S+)) ([a-z][\w\-]*)\((.*?)\)(?:, |$)")
_SHAPE = re.compile(r"[a-z]+\d*\[[\d,]*\]\{?[\d,]*\}?")


@dataclass
class Operation:
    """An HLO instruction: its shapes, what it is made of, and what of the source it stands for."""

    name: str
    opcode: str
    shape: str
    operands: list[str]
    source: str
    inner: list["Operation"] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Name what kind of work it is."""
        codes = {op.opcode for op in self.inner} or {self.opcode}
        for code in ("convolution", "dot", "select-and-scatter", "reduce-window", "scatter"):
            if code in codes:
                return code
        if self.opcode == "custom-call":
            return "custom-call"
        moved = "copy" in codes or "transpose" in codes
        if "reduce" in codes:
            rest = codes - MOVES - {"reduce"}
            sums = "reduce" + (" of arithmetic" if rest else "")
            return sums + (", transposing" if moved else "")
        if codes <= MOVES:
            if codes & {"pad", "concatenate"}:
                return "pad or concatenate" + (", transposing" if moved else "")
            if moved:
                return "copy or transpose"
            return "broadcast" if codes <= {"broadcast", "constant", "parameter"} else "slice"
        return "arithmetic" + (", transposing" if moved else "")


def _layout(shape: str) -> str:
    """Leave out the layout where it is row-major."""
    dims = re.search(r"\{([\d,]+)\}", shape)
    if dims and dims[1] == ",".join(map(str, reversed(range(dims[1].count(",") + 1)))):
        return shape[: dims.start()]
    return shape


def operations(text: str) -> dict[str, Operation]:
    """Parse a program's HLO text: all instructions of all computations by name."""
    found: dict[str, Operation] = {}
    bodies: dict[str, list[Operation]] = defaultdict(list)
    calls: dict[str, str] = {}
    body = ""
    for line in text.splitlines():
        if line.endswith("{") and "->" in line:
            body = line.removeprefix("ENTRY ").split()[0].lstrip("%")
            continue
        match = _INSTRUCTION.match(line)
        parts = _OPCODE.match(match[2]) if match else None
        if match is None or parts is None:
            continue
        source = re.search(r'op_name="([^"]*)"', line)
        operation = Operation(
            match[1],
            parts[2],
            " ".join(map(_layout, _SHAPE.findall(parts[1]))),
            re.findall(r"%([\w.\-]+)", parts[3]),
            source[1] if source else "",
        )
        found[match[1]] = operation
        bodies[body].append(operation)
        called = re.search(r"calls=%?([\w.\-]+)", line)
        if called and parts[2] == "fusion":
            calls[match[1]] = called[1]
    for name, callee in calls.items():
        found[name].inner = bodies[callee]
        if not found[name].source:
            found[name].source = next((o.source for o in bodies[callee] if o.source), "")
    return found


def _events(folder: str) -> list[tuple[float, float, str]]:
    """Return begin, end and name of all HLO operations in a trace, in microseconds."""
    (path,) = Path(folder).rglob("*.trace.json.gz")
    with gzip.open(path) as file:
        events = json.load(file)["traceEvents"]
    return sorted(
        (e["ts"], e["ts"] + e["dur"], e["args"]["hlo_op"])
        for e in events
        if e.get("ph") == "X" and "hlo_op" in e.get("args", {})
    )


def _shares(events: list[tuple[float, float, str]]) -> dict[str, float]:
    """Share out the time from the first event on to the last."""
    points = sorted(
        [(begin, 1, name) for begin, _, name in events]
        + [(end, 0, name) for _, end, name in events]
    )
    spent: dict[str, float] = defaultdict(float)
    active: dict[str, int] = defaultdict(int)
    last, before = "", points[0][0]
    for time, begins, name in points:
        if active:
            for one in active:
                spent[one] += (time - before) / len(active)
        elif last:
            spent[last] += time - before
        before = time
        if begins:
            active[name] += 1
            last = name
        else:
            active[name] -= 1
            if not active[name]:
                del active[name]
    return spent


def trace(call: Callable[[], Any], known: Iterable[str], rounds: int) -> dict[str, float]:
    """Run a program some times and return each operation's milliseconds, the least of all runs."""
    leaves = set(known)
    spent: dict[str, float] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            options = jax.profiler.ProfileOptions()
            options.python_tracer_level = 0
            jax.profiler.start_trace(folder, profiler_options=options)
            with pinned():
                call()
            jax.profiler.stop_trace()
            events = [e for e in _events(folder) if e[2] in leaves]
        for name, time in _shares(events).items():
            spent[name] = min(spent.get(name, math.inf), time / 1000)
    return spent
