"""Values as text: short for a table's cell, full for a page of their own."""

from typing import Any

import numpy as np

SHORT = 6  # an array with more elements than this is shown by its shape in a table


def number(value: Any) -> str:
    """Write a number with six significant digits, and no digits it does not need."""
    if isinstance(value, complex | np.complexfloating):
        return f"{value.real:.6g}{value.imag:+.6g}j"
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | np.integer):
        return str(int(value))
    return f"{float(value) + 0.0:.6g}"  # + 0.0: a zero has no sign here


def nested(array: np.ndarray) -> str:
    """Write an array as nested brackets on one line."""
    if array.ndim == 0:
        return number(array[()])
    return f"[{', '.join(nested(part) for part in array)}]"


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape in words of its sizes: 3 x 6 x 8."""
    return " x ".join(map(str, shape))


def short(value: object) -> str:
    """Write a value for a cell: itself if it is small, its shape and dtype if not."""
    if value is None:
        return "none"
    if isinstance(value, np.ndarray):
        if value.size <= SHORT:
            return nested(value)
        return f"{value.dtype} {shape_text(value.shape)}"
    if isinstance(value, int | float | complex):
        return number(value)
    return str(value)


def medium(value: object) -> str:
    """Write a value as `short` does, a large array with its first numbers too."""
    if isinstance(value, np.ndarray) and value.size > SHORT:
        return f"{short(value)}: {', '.join(map(number, value.flat[:3]))}, ..."
    return short(value)


def full(value: object, width: int = 100) -> str:
    """Write a value with its numbers, a large array with its corners only."""
    if isinstance(value, np.ndarray) and value.size > SHORT:
        text = np.array2string(
            value, precision=6, suppress_small=True, threshold=60, edgeitems=2, max_line_width=width
        )
        return f"{value.dtype} {shape_text(value.shape)}\n{text}"
    return short(value)


def difference_text(value: float | None) -> str:
    """Write a difference: 0 when exact, two digits else, a dash where there is none."""
    if value is None:
        return "-"
    return "0" if value == 0 else f"{value:.1e}"


def plain(value: object) -> Any:
    """Bring a value to what JSON can hold; nan and infinities become their names."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, complex):
        return {"real": plain(value.real), "imag": plain(value.imag)}
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
