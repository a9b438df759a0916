"""The walk through the calls of a network: each is run on both sides, measured and judged."""

from collections.abc import Iterator
from time import monotonic

from ._dropout import drops, held
from ._judge import OUTPUT, WEIGHTS, Finding, Measured, Scales, measured
from ._pytorch import Tape
from ._question import Question
from ._report import Layer, Report
from ._search import flattened_shapes, likely_cause
from ._sides import Call, CannotRunError, Side, joined
from ._trial import sites

COUNTS = "num_batches_tracked"  # PyTorch's norms count batches; JAX's need not
SECONDS = 60.0  # that causes are sought for; a fault in a large network's own code takes long


def compared(tape: Tape, side: Side, rtol: float) -> Report:
    """Compare all calls, and seek the causes of those that part."""
    return _Walk(tape, side, rtol).report()


class _Walk:
    def __init__(self, tape: Tape, side: Side, rtol: float) -> None:
        self.tape, self.side = tape, side
        self.raised: dict[int, str] = {}
        self.notes: dict[int, str] = {}
        self.ours = side.names()
        module = tape.module
        self.theirs = {name for name, _ in module.named_parameters(remove_duplicate=False)}
        self.theirs |= {name for name, _ in module.named_buffers(remove_duplicate=False)}
        self.measured = {id(call): list(self._measured(call)) for call in tape.calls}
        self.rtol = max(rtol, side.rtol)
        self.scales = Scales(list(self.measured.values()))
        self.findings = {
            key: self.scales.judged(found, self.rtol) for key, found in self.measured.items()
        }
        self._pardon()
        self.flattened: tuple[tuple[int, ...], ...] | None = None
        self.until = monotonic() + SECONDS

    def _measured(self, call: Call) -> Iterator[Measured]:
        """Yield the differences of a call, with weights that one side lacks."""
        theirs = joined(self.tape.run(call), call)
        if not call.index:
            yield from self._unequal_names(call)
        if call.random:
            self.notes[id(call)] = "it draws random numbers"
        elif self.side.has(call):
            try:
                yield from measured(joined(self.side.run(call), call), theirs, call)
            except CannotRunError as error:
                self.raised[id(call)] = str(error)
                yield Measured(OUTPUT, "", 0.0, 0.0, f"JAX raises {error}")

    def _unequal_names(self, call: Call) -> Iterator[Measured]:
        """Yield the names of a layer's own that one side lacks."""
        if self.ours is None:
            return
        own = [name for name, _ in call.module.named_parameters(recurse=False)]
        own += [n for n, _ in call.module.named_buffers(recurse=False) if n in _saved(call)]
        for name in own:
            if call.full(name) not in self.ours and name != COUNTS:
                yield Measured(WEIGHTS, name, 0.0, 0.0, "JAX has none")
        for name in sorted(self.ours - self.theirs):
            if self._holder(name) == call.path:
                inner = name.removeprefix(f"{call.path}.") if call.path else name
                yield Measured(WEIGHTS, inner, 0.0, 0.0, "PyTorch has none")

    def _holder(self, name: str) -> str:
        """Return the path of the nearest of PyTorch's layers above a name."""
        path = name.rpartition(".")[0]
        while path and path not in self.tape.paths:
            path = path.rpartition(".")[0]
        return path

    def _pardon(self) -> None:
        """Take what JAX's layers raise for another signature, where the network agrees."""
        root = self.findings[id(self.tape.root)]
        if root and all(f.agree for f in root) and id(self.tape.root) not in self.raised:
            for key, text in self.raised.items():
                self.findings[key] = []
                self.notes[key] = f"JAX's layer takes other arguments, and raises {text}"

    def report(self) -> Report:
        """Seek the causes, and put everything together."""
        layers: list[Layer] = []
        parting: list[Layer] = []
        apart: set[int] = set()
        first: tuple[str, str] | None = None
        for call in self.tape.calls:
            findings, cause, place = self.findings[id(call)], "", call.path
            inner = any(id(c) in apart for c in _below(call))
            if not all(f.agree for f in findings) and not inner:
                cause, place = self._cause(call, findings)
            if self.tape.train and drops(call):
                findings, cause = self._with_dropout(call, findings, cause)
            if not all(f.agree for f in findings) or inner:
                apart.add(id(call))
            note = self.notes.get(id(call), "")
            layers.append(Layer(call.path, call.index, call.kind, tuple(findings), cause, note))
            if cause:
                parting.append(layers[-1])
                first = first or (place, cause)
        where, why = first or (None, "")
        return Report(
            tuple(layers), where, why, self.tape.train, tuple(self._unmatched()), self.rtol
        )

    def _with_dropout(
        self, call: Call, findings: list[Finding], cause: str
    ) -> tuple[list[Finding], str]:
        dropped = self.side.dropped(call)
        if dropped is None:
            return findings, cause
        finding, text = held(call, dropped)
        return [*findings, finding], cause or text

    def _cause(self, call: Call, findings: list[Finding]) -> tuple[str, str]:
        if id(call) in self.raised:
            return f"JAX raises {self.raised[id(call)]}", call.path
        if not self.side.has(call):
            return "; ".join(f"{f.name} missing: {f.reason}" for f in findings), call.path
        if self.flattened is None:
            self.flattened = flattened_shapes(sites(self.tape, self.tape.root))
        agreed = {
            c.path
            for c in _below(call)
            if self.findings[id(c)] and all(f.agree for f in self.findings[id(c)])
        }
        theirs, ours = (joined(side.run(call), call) for side in (self.tape, self.side))
        scale = self.scales.of(self.measured[id(call)]).get(OUTPUT, 1.0)
        found = likely_cause(
            Question(
                self.tape,
                call,
                ours,
                theirs,
                findings,
                scale,
                self.rtol,
                frozenset(agreed),
                self.flattened,
                self.until,
            )
        )
        return found.text, found.path

    def _unmatched(self) -> Iterator[str]:
        for call in self.tape.calls:
            if not call.index and not self.side.has(call) and self.side.lists_layers:
                yield call.path


def _below(call: Call) -> Iterator[Call]:
    for inner in call.inside:
        yield inner
        yield from _below(inner)


def _saved(call: Call) -> set[str]:
    return set(call.module.state_dict())
