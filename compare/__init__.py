"""One program in JAX beside the same in PyTorch; the lecture, row by row: `python -m compare`."""

from ._compare import Comparison, assert_agree, compare
from ._values import Entry
from .network import models

__all__ = ["Comparison", "Entry", "assert_agree", "compare", "models"]
