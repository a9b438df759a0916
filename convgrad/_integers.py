"""What an integer is among arguments. Sizes are computed without JAX: so is this."""

import operator
from typing import Any

import numpy as np


def as_integer(value: Any) -> int | None:
    """Return an integer, of whichever type, as an int; None for all else, and for a Boolean."""
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None
