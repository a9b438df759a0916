"""A converted network in a folder: the module, and its weights."""

import os
from pathlib import Path

from .._safetensors import write
from ..converter import Program
from ._module import main_name, written


def save(program: Program, folder: str | os.PathLike[str]) -> Path:
    """Write a program's module and weights; return the module's path."""
    text, arrays = written(program)
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    write(place / "weights.safetensors", arrays)
    module = place / f"{main_name(program.graph)}.py"
    module.write_text(text)
    return module
