"""All rows of `python -m compare semantics`. Importing this needs torch."""

from ._convention import Convention
from .conventions import controls, pointwise, reductions, windows

ROWS: tuple[Convention, ...] = (*pointwise.ROWS, *reductions.ROWS, *windows.ROWS, *controls.ROWS)
