"""How `gradcheck` says what differs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jax.typing import ArrayLike

from ._problem import GradcheckError, Problem

NOT_REENTRANT = (
    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
    "times gives different values"
)
NOT_DETERMINISTIC = "func is not deterministic, i.e., two evaluations at the same inputs differ"


def within(analytical: np.ndarray, numerical: np.ndarray, rtol: float, atol: float) -> bool:
    """Whether `|analytical - numerical| <= atol + rtol |numerical|` everywhere; not for nan."""
    return bool(np.isclose(analytical, numerical, rtol=rtol, atol=atol).all())


def mismatch(
    analytical: np.ndarray,
    numerical: np.ndarray,
    output: int,
    position: int,
    part: str | None,
    forward: bool,
) -> str:
    """PyTorch's words for two Jacobians that differ. `part`: of a complex number."""
    prefix = (
        f"While considering the {part} part of complex {'inputs' if forward else 'outputs'} only, "
        if part
        else ""
    )
    mode = "computed with forward mode " if forward else ""
    return (
        f"{prefix}Jacobian {mode}mismatch for output {output} with respect to input {position},\n"
        f"numerical:{numerical}\nanalytical:{analytical}\n"
    )


def worst_element(
    problem: Problem,
    analytical: np.ndarray,
    numerical: np.ndarray,
    output: int,
    index: int,
    rtol: float,
    atol: float,
) -> str:
    """Name the element that is off by most, with both values."""
    with np.errstate(invalid="ignore"):
        difference = np.abs(analytical - numerical)
        excess = np.nan_to_num(difference - (atol + rtol * np.abs(numerical)), nan=np.inf)
    off = ~np.isclose(analytical, numerical, rtol=rtol, atol=atol)
    k, j = np.unravel_index(int(np.argmax(np.where(off, excess, -np.inf))), excess.shape)
    to = _element(int(j), problem.outputs[output].shape)
    of = _element(int(k), problem.point[index].shape)
    return (
        f"{int(off.sum())} of {off.size} elements differ, most of all element {to} of output "
        f"{output} by element {of} of input {problem.positions[index]}: numerical "
        f"{numerical[k, j]:.10g}, analytical {analytical[k, j]:.10g} (difference "
        f"{difference[k, j]:.3g}).\n"
    )


def require_same(
    a: Sequence[ArrayLike], b: Sequence[ArrayLike], tolerance: float, what: str
) -> None:
    """Raise when two results of the same computation differ by more than `tolerance`."""
    for x, y in zip(a, b, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        if np.array_equal(x, y, equal_nan=x.dtype.kind in "fc"):
            continue
        wide = np.result_type(x.dtype, np.float32)
        same = (x == y) | ((x != x) & (y != y))  # infinities and nan have no difference
        with np.errstate(invalid="ignore"):
            apart = np.where(same, 0.0, np.abs(x.astype(wide) - y.astype(wide)))
        difference = float(np.nan_to_num(apart, nan=np.inf).max())
        if difference > tolerance:
            raise GradcheckError(
                f"{what}: by {difference:.3g}. The tolerance for nondeterminism was {tolerance}. "
                "If this is meant to be so, pass a larger nondet_tol."
            )


def _element(index: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(index, shape)) if shape else ()
