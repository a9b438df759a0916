"""Networks of PyTorch as JAX programs: functions, modules, weights, and a converter."""

from . import functional

__all__ = ["functional"]
