"""The likely cause of a difference: which fault makes PyTorch's layer give what JAX's gives."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from ._gradient_causes import of_gradients
from ._judge import BUFFERS, OUTPUT, WEIGHTS
from ._question import MARGIN, Cause, Question, ratio_of, wide
from ._state_causes import of_buffers, of_weights
from ._trial import attempt, sites
from .faults import KINDS, Guess, Site, both, rounding

if TYPE_CHECKING:
    import torch

TRIALS = 1500  # of one layer; a guess takes one forward of it
ALONE = 3  # a layer of so few functions may have two faults at once
ALIKE = 0.6  # correlation of two differences by the same rounding; other ones have none
FEW = 16  # elements that a correlation means little for
EPS = {"float16": 2**-10, "bfloat16": 2**-7, "float32": 2**-23, "tf32": 2**-10}


def likely_cause(question: Question) -> Cause:
    """Return the likely cause of a layer's difference."""
    q = question
    path = q.call.path
    if q.wrong(WEIGHTS):
        return Cause(of_weights(q), path)
    if q.wrong(OUTPUT):
        return _output(q)
    if q.wrong(BUFFERS):
        return Cause(of_buffers(q), path)
    return Cause(of_gradients(q), path)


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


def _array(tensor: "torch.Tensor") -> np.ndarray:
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
            if not bool((equal | (np.abs(wide(a) - wide(b)) <= near)).all()):
                return False
    return True


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
    return np.concatenate([wide(a).ravel() for a in arrays])


def _narrow(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> str | None:
    """Return the dtype of JAX's outputs, if it has fewer bits than PyTorch's."""
    for a, b in zip(ours, theirs, strict=False):
        if a.dtype.name in EPS and b.dtype == np.float64:
            return str(a.dtype.name)
    return None


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
        apart = wide(ours) - wide(theirs)
        if not np.abs(apart).max():
            continue
        ratio = ratio_of(ours, theirs)
        if ratio is not None:
            return f"a factor: JAX's output is {ratio:.6g} times PyTorch's"
        axes = (0, *range(2, apart.ndim))
        if apart.ndim > 1 and np.abs(apart - apart.mean(axes, keepdims=True)).max() <= (
            MARGIN * q.rtol * q.scale
        ):
            return "a bias: JAX's output is PyTorch's and a constant for each channel"
        ordered = np.sort(wide(ours), None) - np.sort(wide(theirs), None)
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


def flattened_shapes(found: Sequence[Site]) -> tuple[tuple[int, ...], ...]:
    """Return the shapes, without the batch, of what a network flattens."""
    shapes = []
    for site in found:
        if site.name in ("flatten", "view", "reshape"):
            before, after = site.arguments["input"].shape, site.output.shape
            if len(after) < len(before):
                shapes.append(tuple(before[1:]))
    return tuple(dict.fromkeys(shapes))
