"""PyTorch, which only the comparison needs, imported when it is asked for."""

from types import ModuleType

HELP = (
    "the comparison runs PyTorch beside JAX, and torch is not installed. "
    "Get it with: pip install 'convgrad[torch]'"
)


def require_torch() -> ModuleType:
    """Import torch, or say how to get it."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(HELP) from error
    return torch
