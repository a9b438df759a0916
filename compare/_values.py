"""Two values, one from JAX and one from PyTorch: brought to NumPy, measured, judged."""

import sys
from dataclasses import dataclass
from typing import Any

import jax
import ml_dtypes
import numpy as np
from jax.typing import ArrayLike, DTypeLike

from convgrad import _arrays

# Relative and absolute tolerance by dtype, a few units of its last place. Both libraries round
# every operation correctly, or nearly so, but they add the terms of a sum in different orders, and
# n terms added in another order move the sum by about sqrt(n) units. The lecture's longest sums
# have 300 terms (kernels of 20 x 3 x 5), hence 16 units of 2**-23 here, and as much of each other
# dtype; the half-precision ones have two units only, as both libraries accumulate them in float32.
# The absolute part is for sums that cancel; it supposes data of size 1.
TOLERANCE: dict[str, tuple[float, float]] = {
    "float16": (2e-3, 2e-3),
    "bfloat16": (1.6e-2, 1.6e-2),
    "float32": (2e-6, 1e-5),
    "float64": (4e-15, 2e-14),
    "complex64": (2e-6, 1e-5),
    "complex128": (4e-15, 2e-14),
}


def tolerance(dtype: DTypeLike) -> tuple[float, float]:
    """Relative and absolute tolerance for values of a dtype: exact unless it is a floating one."""
    return TOLERANCE.get(np.dtype(dtype).name, (0.0, 0.0))


@dataclass(frozen=True)
class Told:
    """A text that each side tells in its own words: shown side by side, not compared."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Entry:
    """One value of a comparison, as both sides have it.

    Args:
      name: what the value is.
      jax: JAX's value, an array being a NumPy array; None where that side has no such value.
      torch: PyTorch's value, likewise.
      difference: the largest absolute difference; None for what is no number.
      agree: whether both are the same, within the tolerance of the dtype.
      reason: why they do not agree; empty if they do.
      stated: the value that the lecture states, if it states one.

    Example:
      >>> from compare import Entry
      >>> Entry("output", (1, 16, 62), (1, 16, 62)).agree
      True
    """

    name: str
    jax: Any
    torch: Any
    difference: float | None = None
    agree: bool = True
    reason: str = ""
    stated: Any = None


def is_torch(value: object) -> bool:
    """Whether a value is a torch.Tensor, found out without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_array(value: object) -> bool:
    """Whether a value is an array of NumPy, JAX or PyTorch."""
    return _arrays.is_array(value) or is_torch(value)


def to_host(value: Any) -> Any:
    """Bring an array to NumPy, and a torch.Size or dtype to its plain form; keep all else."""
    if is_torch(value):
        tensor = value.detach().cpu().resolve_conj().resolve_neg()
        if str(tensor.dtype) == "torch.bfloat16":  # NumPy has none of its own
            return tensor.float().numpy().astype(ml_dtypes.bfloat16)
        return tensor.numpy()
    if isinstance(value, jax.Array | np.generic):
        return np.asarray(value)
    if isinstance(value, tuple) and all(isinstance(size, int) for size in value):
        return tuple(value)
    return value


def _wide(value: ArrayLike) -> np.ndarray:
    """Widen, so that the difference itself is not rounded."""
    array = np.asarray(value)
    kind = array.dtype.kind
    if kind in "biu":
        return array.astype(np.float64) if array.dtype.itemsize < 8 else array.astype(np.longdouble)
    return array.astype(np.complex128 if kind == "c" else np.float64)


def measure(a: ArrayLike, b: ArrayLike, rtol: float, atol: float) -> tuple[float, bool]:
    """Return the largest |a - b|, and whether |a - b| <= atol + rtol |b| everywhere.

    Infinities agree with themselves and nans with nans; their difference to all else is infinite.
    """
    a, b = _wide(a), _wide(b)
    with np.errstate(all="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        apart = np.where(same, 0.0, np.abs(a - b))
        apart = np.where(np.isnan(apart), np.inf, apart)
        close = same | (np.isfinite(apart) & (apart <= atol + rtol * np.abs(b)))
    return (float(apart.max()) if apart.size else 0.0), bool(close.all())


def _is_number(value: object) -> bool:
    return isinstance(value, np.ndarray) or (
        isinstance(value, int | float | complex) and not isinstance(value, bool)
    )


def _apart(
    a: Any, b: Any, rtol: float | None, atol: float | None, of: tuple[str, str]
) -> tuple[float | None, str]:
    """Return the difference of two host values, and why they do not agree."""
    if not (_is_number(a) and _is_number(b)):
        same = type(a) is type(b) and bool(np.all(a == b))
        return None, "" if same else f"{of[0]} has {a!r}, {of[1]} {b!r}"
    if np.shape(a) != np.shape(b):
        return None, f"shapes differ: {of[0]} {np.shape(a)}, {of[1]} {np.shape(b)}"
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        # Without x64 JAX has no 64-bit dtypes; PyTorch's are compared as what JAX holds of them.
        ours, theirs = (jax.dtypes.canonicalize_dtype(side.dtype) for side in (a, b))
        if ours != theirs:
            return None, f"dtypes differ: {of[0]} {ours}, {of[1]} {theirs}"
        usual = tolerance(ours)
    else:  # a plain number has no dtype; the array's counts
        arrays = [side.dtype for side in (a, b) if isinstance(side, np.ndarray)]
        usual = tolerance(arrays[0] if arrays else np.asarray(a).dtype)
    rtol, atol = usual[0] if rtol is None else rtol, usual[1] if atol is None else atol
    largest, close = measure(a, b, rtol, atol)
    if close:
        return largest, ""
    return largest, f"values differ by up to {largest:.3g} (rtol={rtol:g}, atol={atol:g})"


def compare_values(
    name: str,
    a: Any,
    b: Any,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    stated: Any = None,
) -> Entry:
    """Compare JAX's value a with PyTorch's b, and both with what the lecture states."""
    a, b = to_host(a), to_host(b)
    if isinstance(a, Told) and isinstance(b, Told):
        return Entry(name, a.text, b.text)
    difference, reason = _apart(a, b, rtol, atol, ("JAX", "PyTorch"))
    if stated is not None:
        for side, value in (("JAX", a), ("PyTorch", b)):
            told = stated
            if isinstance(value, np.ndarray):
                told = np.asarray(stated, value.dtype)
            if miss := _apart(value, told, rtol, atol, (side, "the lecture"))[1]:
                reason += ("; " if reason else "") + f"{side} and the lecture: {miss}"
    return Entry(name, a, b, difference, not reason, reason, stated)
