"""Causes of gradients that differ where the values agree."""

import numpy as np
import torch

from ._judge import GRADIENT, INPUT, Finding
from ._question import Question, ratio_of


def of_gradients(q: Question) -> str:
    """Say what JAX's gradients are to PyTorch's."""
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
        elif (ratio := ratio_of(ours, theirs)) is not None:
            texts.append(f"JAX's {what} is {ratio:.6g} times PyTorch's")
        elif finding.kind == INPUT and (edge := _edge(q, ours, theirs)):
            texts.append(edge)
        else:
            texts.append(f"{what}: {finding.reason}")
    return f"{head}: {'; '.join(dict.fromkeys(texts))}"


def _pair(q: Question, finding: Finding) -> tuple[np.ndarray | None, np.ndarray | None]:
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
