"""Where JAX and PyTorch define a function or its derivative otherwise; a topic a file.

All rows of `python -m compare semantics`. Importing this needs torch.
"""

from .._convention import Convention
from . import controls, pointwise, reductions, windows

ROWS: tuple[Convention, ...] = (*pointwise.ROWS, *reductions.ROWS, *windows.ROWS, *controls.ROWS)
