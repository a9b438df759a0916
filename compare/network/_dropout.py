"""Dropout in training: two masks are never the same, but what they keep and drop can be held."""

import math

import numpy as np

from ._judge import OUTPUT, Finding
from ._sides import Call

DEVIATIONS = 6  # of the number of dropped elements: once in a billion by chance
# What is dropped at once: elements, or all of a channel.
UNITS = {"Dropout": None, "Dropout1d": 2, "Dropout2d": 2, "Dropout3d": 2}


def drops(call: Call) -> bool:
    """Whether a call is that of a dropout layer that drops something."""
    return call.kind in UNITS and call.module.training and 0 < call.module.p < 1


def held(call: Call, dropped: np.ndarray) -> tuple[Finding, str]:
    """Hold what JAX's dropout gave against its input; return the finding, and what is wrong."""
    p = call.module.p
    x = np.asarray(call.outputs[0].numpy())  # the input: the networks are run without dropout
    if dropped.shape != x.shape:
        reason = f"shapes differ: JAX {dropped.shape}, PyTorch {x.shape}"
        return Finding(OUTPUT, "dropped", None, False, reason), reason
    units = math.prod(x.shape[: UNITS[call.kind]])
    there = x != 0
    gone = there & (dropped == 0)
    fraction = float(gone.sum() / max(there.sum(), 1))
    kept = there & ~gone
    factors = dropped[kept] / x[kept]
    texts = []
    if factors.size:
        factor = float(np.median(factors))
        if np.abs(factors - 1 / (1 - p)).max() > 1e-6:
            texts.append(
                f"dropout scaling: JAX multiplies what it keeps by {factor:.4g}, "
                f"PyTorch by 1/(1 - {p:g}) = {1 / (1 - p):.4g}"
            )
    if abs(fraction - p) > DEVIATIONS * math.sqrt(p * (1 - p) / max(units, 1)) + 1 / max(units, 1):
        texts.append(f"dropout: JAX drops {fraction:.3g} of the elements, PyTorch {p:g}")
    text = "; ".join(texts)
    return Finding(OUTPUT, "dropped", None, not texts, text), text
