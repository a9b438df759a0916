"""A converted network as a Python module that one would keep."""

from ._module import source
from ._save import save

__all__ = ["save", "source"]
