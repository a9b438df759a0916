"""Networks of PyTorch as JAX programs: functions, modules, weights, and a converter."""

from . import functional
from ._safetensors import read, read_metadata, write
from ._state import load_state_dict, state_dict
from .convert import Program, convert

__all__ = [
    "Program",
    "convert",
    "functional",
    "load_state_dict",
    "read",
    "read_metadata",
    "state_dict",
    "write",
]
