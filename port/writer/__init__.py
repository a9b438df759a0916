"""A converted network as a Python module that one would keep."""

from ._module import source

__all__ = ["source"]
