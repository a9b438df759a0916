"""A network in PyTorch beside the same in JAX, layer by layer: `compare.models`."""

from ._models import models
from ._report import Layer, Report

__all__ = ["Layer", "Report", "models"]
