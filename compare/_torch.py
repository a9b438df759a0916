"""PyTorch, which only the comparison needs, imported when it is asked for."""

import importlib
from types import ModuleType

HELP = (
    "the comparison runs PyTorch beside JAX, and torch is not installed. "
    "Get it with: pip install 'convgrad[torch]'"
)
IMAGES_HELP = (
    "row 24 trains on the images of scikit-learn, which is not installed. "
    "Get it with: pip install 'convgrad[torch]'"
)


def require_images() -> ModuleType:
    """Import scikit-learn's data sets, or say how to get them."""
    try:
        return importlib.import_module("sklearn.datasets")
    except ImportError as error:
        raise ImportError(IMAGES_HELP) from error


def require_torch() -> ModuleType:
    """Import torch, or say how to get it."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(HELP) from error
    return torch
