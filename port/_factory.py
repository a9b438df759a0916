"""Objects by their place: `model.py:factory`, or `package.module:factory`."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def load(place: str) -> Any:
    """Return what is named by a file and a name in it, or a module and a name.

    Args:
      place: 'model.py:factory', or 'torchvision.models:resnet18'; the name may have dots.

    Raises:
      ValueError: no name after a colon, or no such file, module or name.
    """
    where, colon, name = place.rpartition(":")
    if not (colon and where and name):
        raise ValueError(f"{place!r} must be file.py:name or module:name")
    found: Any = _file(Path(where)) if where.endswith(".py") else _module(where)
    for part in name.split("."):
        if not hasattr(found, part):
            raise ValueError(f"{place!r}: there is no {name} in {where}")
        found = getattr(found, part)
    return found


def _file(path: Path) -> ModuleType:
    """Import a file; what lies beside it can be imported by it."""
    if not path.is_file():
        raise ValueError(f"{path} is no file")
    sys.path.insert(0, str(path.resolve().parent))
    name = path.stem
    while name in sys.modules:  # a file may be called torch.py
        name = f"{name}_"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            raise ValueError(f"there is no module {name}") from None
        raise
