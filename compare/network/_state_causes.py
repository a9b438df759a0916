"""Causes in what a layer holds: its weights, and its buffers after a training step."""

from collections.abc import Iterator

import numpy as np
import torch

from ._judge import BUFFERS, WEIGHTS
from ._question import MARGIN, Question, ratio_of
from ._trial import sites
from .faults import column_orders, running_causes, variants
from .faults.kernels import Variant


def of_weights(q: Question) -> str:
    """Say what JAX's weights are to PyTorch's."""
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
    ratio = ratio_of(ours, theirs)
    if ratio is not None:
        return f"{name} is {ratio:.6g} times PyTorch's"
    return f"{name} is not PyTorch's: it was not loaded, or changed since"


def _arranged(q: Question, name: str, weight: torch.Tensor) -> Iterator[Variant]:
    transposed = "ConvTranspose" in q.call.kind
    yield from variants(weight, "IO" if transposed else "OI")
    if weight.ndim == 2 and name.endswith("weight"):
        yield from column_orders(weight.shape[1], q.flattened)


def of_buffers(q: Question) -> str:
    """Say by which rule JAX's buffers came about."""
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
