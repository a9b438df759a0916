"""Networks of PyTorch as JAX programs: functions, modules, weights, and a converter."""

from conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d

from . import functional, modules
from ._safetensors import read, read_metadata, write
from ._state import load_state_dict, state_dict
from .converter import Program, convert
from .modules import *  # noqa: F403 - so that `import port as nn` has what torch.nn has

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Program",
    "convert",
    "functional",
    "load_state_dict",
    "modules",
    "read",
    "read_metadata",
    "state_dict",
    "write",
    *modules.__all__,
]
