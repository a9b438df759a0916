"""The likely cause of a difference: which fault makes PyTorch's layer give what JAX's gives."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np
import torch

from ._judge import BUFFERS, GRADIENT, INPUT, OUTPUT, WEIGHTS, Finding
from ._pytorch import Tape
from ._sides import Call, Result
from ._trial import attempt, sites
from .faults import KINDS, Guess, Site, both, column_orders, rounding, running_causes, variants

TRIALS = 1500  # of one layer; a guess takes one forward of it
ALONE = 3  # a layer of so few functions may have two faults at once
MARGIN = 10  # times the tolerance: a fault in PyTorch is computed in another order than in JAX
ALIKE = 0.6  # correlation of two differences by the same rounding; other ones have none
FEW = 16  # elements that a correlation means little for
EPS = {"float16": 2**-10, "bfloat16": 2**-7, "float32": 2**-23, "tf32": 2**-10}


@dataclass(frozen=True)
class Cause:
    """What is likely to be wrong, in words, and in which layer.

    Args:
      text: the words.
      path: the layer; of functions in a layer that JAX does not have apart, a layer inside.
    """

    text: str
    path: str


@dataclass
class Question:
    """A layer that parts: both sides' results, and what is known."""

    tape: Tape
    call: Call
    ours: Result
    theirs: Result
    findings: Sequence[Finding]
    scale: float  # of the outputs
    rtol: float
    agreed: frozenset[str]  # layers inside that agree by themselves
    flattened: tuple[tuple[int, ...], ...]
    until: float  # when the search ends, by time.monotonic

    def wrong(self, *kinds: str) -> list[Finding]:
        """Return the findings of some kinds that do not agree."""
        return [f for f in self.findings if f.kind in kinds and not f.agree]


def likely_cause(question: Question) -> Cause:
    """Return the likely cause of a layer's difference."""
    q = question
    path = q.call.path
    if q.wrong(WEIGHTS):
        return Cause(_weights(q), path)
    if q.wrong(OUTPUT):
        return _output(q)
    if q.wrong(BUFFERS):
        return Cause(_buffers(q), path)
    return Cause(_gradient(q), path)


# Weights


def _weights(q: Question) -> str:
    texts = []
    for finding in q.wrong(WEIGHTS):
        name = finding.name
        if name not in q.ours.weights or name not in q.theirs.weights:
            texts.append(f"{name} missing: {finding.reason}")
            continue
        ours, theirs = q.ours.weights[name], q.theirs.weights[name]
        texts.append(_weight(q, name, ours, theirs))
    return "; ".join(texts)


def _weight(q: Question, name: str, ours: np.ndarray, theirs: np.ndarray) -> str:
    """Say what a weight of JAX's is to PyTorch's."""
    if ours.shape != theirs.shape:
        return f"{name} in another shape: JAX {ours.shape}, PyTorch {theirs.shape}"
    right, held = torch.tensor(theirs), torch.tensor(ours)
    near = q.rtol * max(float(np.abs(theirs).max(initial=0.0)), 1e-300)
    if theirs.ndim >= 2:
        for cause, change in _arranged(q, name, right):
            if bool((change(right) - held).abs().max() <= near):
                return f"{cause} ({name})"
    for dtype in ("bfloat16", "float16", "float32"):
        rounded = right.to(getattr(torch, dtype)).double()
        if bool((rounded - held).abs().max() <= near):
            return f"precision: {name} is rounded to {dtype}"
    if float(np.abs(ours).max(initial=0.0)) == 0.0 or len(np.unique(ours)) == 1:
        return f"{name} not loaded: JAX's is {ours.flat[0]:g} throughout"
    if np.allclose(np.sort(ours, None), np.sort(theirs, None), rtol=1e-9, atol=near):
        return f"{name} holds PyTorch's numbers in another order"
    ratio = _ratio(ours, theirs)
    if ratio is not None:
        return f"{name} is {ratio:.6g} times PyTorch's"
    return f"{name} is not PyTorch's: it was not loaded, or changed since"


def _arranged(q: Question, name: str, weight: Any) -> Iterator[tuple[str, Any]]:
    transposed = "ConvTranspose" in q.call.kind
    yield from variants(weight, "IO" if transposed else "OI")
    if weight.ndim == 2 and name.endswith("weight"):
        yield from column_orders(weight.shape[1], q.flattened)


# Outputs


def _output(q: Question) -> Cause:
    path = q.call.path
    if len(q.ours.outputs) != len(q.theirs.outputs):
        return Cause(q.wrong(OUTPUT)[0].reason, path)
    narrow = _narrow(q.ours.outputs, q.theirs.outputs)
    near = MARGIN * q.rtol * q.scale
    if narrow:
        near = max(near, 64 * EPS[narrow] * q.scale)
        if _fits(q.ours.outputs, q.theirs.outputs, near):
            return Cause(f"precision: JAX's output is {narrow} where it is given float64", path)
    asked = sites(q.tape, q.call)
    asked = [s for s in asked if not _inside_agreed(s.owner, q)]
    if len(asked) == 1 and len(q.ours.outputs) == 1:
        asked = [replace(asked[0], wanted=q.ours.outputs[0].shape)]
    trials = 0
    for number, guess in _guesses(asked, q):
        trials += 1
        if trials > TRIALS or monotonic() > q.until:
            break
        made = attempt(q.tape, q.call, number, guess)
        if made is None:
            continue
        if _fits(q.ours.outputs, [_array(x) for x in made], near):
            owner = next(s.owner for s in asked if s.number == number)
            return Cause(guess.cause, owner)
    return _rounding(asked, q) or Cause(_described(q), path)


def _guesses(asked: Sequence[Site], q: Question) -> Iterator[tuple[int, Guess]]:
    """Yield the faults of all calls, one at a time; then two in one."""
    for site in asked:
        site = replace(site, flattened=q.flattened)
        for guess in KINDS[site.name].guesses(site):
            yield site.number, guess
    if len(asked) <= ALONE:
        for site in asked:
            single = list(KINDS[site.name].guesses(replace(site, flattened=q.flattened)))
            single = [g for g in single if g.topic and g.run is None]
            for one, other in itertools.combinations(single, 2):
                if one.topic != other.topic:
                    yield site.number, both(one, other)


def _inside_agreed(owner: str, q: Question) -> bool:
    return any(
        owner == path or owner.startswith(f"{path}.") for path in q.agreed if path != q.call.path
    )


def _array(tensor: Any) -> np.ndarray:
    found: np.ndarray = tensor.detach().numpy()
    return found


def _fits(ours: Sequence[np.ndarray], made: Sequence[np.ndarray], near: float) -> bool:
    if len(ours) != len(made):
        return False
    for a, b in zip(ours, made, strict=True):
        if a.shape != b.shape or (a.dtype.kind in "fc") != (b.dtype.kind in "fc"):
            return False
        with np.errstate(all="ignore"):
            equal = (a == b) | (np.isnan(a) & np.isnan(b)) if a.dtype.kind in "fc" else a == b
            if not bool((equal | (np.abs(_wide(a) - _wide(b)) <= near)).all()):
                return False
    return True


def _wide(a: np.ndarray) -> np.ndarray:
    return a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)


def _rounding(asked: Sequence[Site], q: Question) -> Cause | None:
    """Return the rounding that a difference goes with, if there is one."""
    best: tuple[float, Guess, str] | None = None
    for site in asked:
        for guess in rounding(site):
            if monotonic() > q.until:
                break
            made = attempt(q.tape, q.call, site.number, guess)
            likeness = 0.0 if made is None else _likeness(q, [_array(x) for x in made])
            if likeness >= ALIKE and (best is None or likeness > best[0]):
                best = likeness, guess, site.owner
    return None if best is None else Cause(best[1].cause, best[2])


def _likeness(q: Question, made: Sequence[np.ndarray]) -> float:
    """Return the correlation of JAX's difference and a guess's; 0 where their sizes differ."""
    shapes = [[a.shape for a in side] for side in (made, q.ours.outputs, q.theirs.outputs)]
    if shapes[0] != shapes[1] or shapes[1] != shapes[2]:
        return 0.0
    theirs = _joined(q.theirs.outputs)
    ours, guessed = _joined(q.ours.outputs) - theirs, _joined(made) - theirs
    size, other = float(np.linalg.norm(ours)), float(np.linalg.norm(guessed))
    if ours.size < FEW or not size / 2 < other < 2 * size < np.inf:
        return 0.0
    return float(np.vdot(ours, guessed).real / (size * other))


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([_wide(a).ravel() for a in arrays])


def _narrow(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> str | None:
    """Return the dtype of JAX's outputs, if it has fewer bits than PyTorch's."""
    for a, b in zip(ours, theirs, strict=False):
        if a.dtype.name in EPS and b.dtype == np.float64:
            return str(a.dtype.name)
    return None


def _ratio(ours: np.ndarray, theirs: np.ndarray) -> float | None:
    """Return by what number one is a multiple of the other."""
    a, b = _wide(ours).ravel(), _wide(theirs).ravel()
    square = np.vdot(b, b).real
    if ours.shape != theirs.shape or not square or not np.isfinite(square):
        return None
    factor = float((np.vdot(b, a) / square).real)
    near = 1e-9 * max(np.abs(a).max(), np.abs(b).max())
    return factor if np.abs(a - factor * b).max() <= near else None


def _described(q: Question) -> str:
    """Say what the difference looks like, where no fault was found that makes it."""
    reason = q.wrong(OUTPUT)[0].reason
    for ours, theirs in zip(q.ours.outputs, q.theirs.outputs, strict=True):
        if ours.shape != theirs.shape:
            return f"unknown: {reason}"
        if theirs.dtype.kind not in "fc" or not ours.size:
            continue
        if (np.isnan(ours) != np.isnan(theirs)).any():
            return "unknown: one side has nan where the other has none"
        apart = _wide(ours) - _wide(theirs)
        if not np.abs(apart).max():
            continue
        ratio = _ratio(ours, theirs)
        if ratio is not None:
            return f"a factor: JAX's output is {ratio:.6g} times PyTorch's"
        axes = (0, *range(2, apart.ndim))
        if apart.ndim > 1 and np.abs(apart - apart.mean(axes, keepdims=True)).max() <= (
            MARGIN * q.rtol * q.scale
        ):
            return "a bias: JAX's output is PyTorch's and a constant for each channel"
        ordered = np.sort(_wide(ours), None) - np.sort(_wide(theirs), None)
        if np.abs(ordered).max() <= MARGIN * q.rtol * q.scale:
            return "order: JAX's output has PyTorch's numbers in other places"
        relative = np.sqrt((np.abs(apart) ** 2).mean()) / q.scale
        for dtype, low, high in (
            ("float32", 2**-32, 2**-21),
            ("tf32 or float16", 2**-17, 2**-10),
            ("bfloat16", 2**-14, 2**-6),
        ):
            if low <= relative <= high and _looks_random(apart):
                return f"precision, perhaps: the difference is of the size of {dtype}'s rounding"
    return f"unknown: outputs {reason}"


def _looks_random(apart: np.ndarray) -> bool:
    """Whether differences have either sign, and none stands out."""
    flat = apart.ravel().real
    moved = flat[flat != 0]
    if moved.size < 8:
        return False
    return bool(
        0.2 < (moved > 0).mean() < 0.8 and np.abs(flat).max() < 12 * np.sqrt((flat**2).mean())
    )


# Buffers


def _buffers(q: Question) -> str:
    wrong = [f.name for f in q.wrong(BUFFERS)]
    names = ("running_mean", "running_var")
    if set(wrong) <= set(names) and all(n in q.ours.buffers for n in names):
        norms = [s for s in sites(q.tape, q.call) if s.name == "batch_norm"]
        if len(norms) == 1:
            near = MARGIN * q.rtol * max(float(np.abs(q.theirs.buffers[n]).max()) for n in names)
            before = {n: q.call.buffers[n] for n in names}
            found = running_causes(
                {**norms[0].arguments, **before}, {n: q.ours.buffers[n] for n in names}, near
            )
            if found:
                return found
    reasons = {f.name: f.reason for f in q.wrong(BUFFERS)}
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())


# Gradients


def _gradient(q: Question) -> str:
    head = "the values agree and the gradients do not"
    wrong = q.wrong(GRADIENT, INPUT)
    if not wrong:
        return "; ".join(f"{f.kind}: {f.reason}" for f in q.findings if not f.agree)
    pairs = [(f, *_pair(q, f)) for f in wrong]
    texts = []
    for finding, ours, theirs in pairs:
        what = f"{finding.kind} {finding.name}".strip()
        if ours is None or theirs is None or ours.shape != theirs.shape:
            texts.append(f"{what}: {finding.reason}")
        elif not np.abs(ours).max(initial=0.0):
            texts.append(f"JAX's {what} is zero: something stops it (stop_gradient, an integer)")
        elif (ratio := _ratio(ours, theirs)) is not None:
            texts.append(f"JAX's {what} is {ratio:.6g} times PyTorch's")
        elif finding.kind == INPUT and (edge := _edge(q, ours, theirs)):
            texts.append(edge)
        else:
            texts.append(f"{what}: {finding.reason}")
    return f"{head}: {'; '.join(dict.fromkeys(texts))}"


def _pair(q: Question, finding: Finding) -> tuple[Any, Any]:
    if finding.kind == GRADIENT:
        return q.ours.gradients.get(finding.name), q.theirs.gradients.get(finding.name)
    if len(q.ours.inputs) != len(q.theirs.inputs):
        return None, None
    i = int(finding.name or 0)
    return q.ours.inputs[i], q.theirs.inputs[i]


def _edge(q: Question, ours: np.ndarray, theirs: np.ndarray) -> str:
    """Say at which values of the input gradients differ, if at few: a kink, or an edge."""
    from torch.utils import _pytree

    for tensor in _pytree.tree_leaves(q.call.given):
        if isinstance(tensor, torch.Tensor) and tuple(tensor.shape) == theirs.shape:
            x = tensor.numpy()
            there = np.abs(ours - theirs) > q.rtol * max(np.abs(theirs).max(), 1e-300)
            values = np.unique(x[there])
            if 0 < len(values) <= 3 and not np.isin(x[~there], values).any():
                shown = ", ".join(f"{v:g}" for v in values)
                return (
                    f"a kink: they differ where the input is {shown} (python -m compare semantics)"
                )
    return ""


def flattened_shapes(found: Mapping[str, Any] | Sequence[Site]) -> tuple[tuple[int, ...], ...]:
    """Return the shapes, without the batch, of what a network flattens."""
    shapes = []
    for site in found:
        if isinstance(site, Site) and site.name in ("flatten", "view", "reshape"):
            before, after = site.arguments["input"].shape, site.output.shape
            if len(after) < len(before):
                shapes.append(tuple(before[1:]))
    return tuple(dict.fromkeys(shapes))
