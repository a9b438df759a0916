"""Faults that a layer in JAX may have, as changed calls of PyTorch's functions."""

from . import convolutions, norms, pointwise, pools, shapes
from ._guess import Guess, Kind, Site, both
from .kernels import column_orders, variants
from .norms import running_causes
from .pointwise import rounding

KINDS: dict[str, Kind] = {
    name: kind
    for part in (convolutions, norms, pools, shapes, pointwise)
    for kind in part.KINDS
    for name in kind.names
}

__all__ = [
    "KINDS",
    "Guess",
    "Kind",
    "Site",
    "both",
    "column_orders",
    "rounding",
    "running_causes",
    "variants",
]
