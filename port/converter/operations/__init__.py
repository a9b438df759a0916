"""One table from PyTorch's operations to functions: OPERATIONS['aten.conv2d.default'](x, w, ...).

Each takes PyTorch's arguments in PyTorch's order. Those that take `rng` draw random numbers.
"""

from collections.abc import Callable, Mapping
from typing import Any

from . import (
    _activations,
    _arithmetic,
    _convolution,
    _creation,
    _fourier,
    _indices,
    _layers,
    _losses,
    _random,
    _recurrent,
    _reductions,
    _shapes,
)

OPERATIONS: Mapping[str, Callable[..., Any]] = {
    **_arithmetic.OPERATIONS,
    **_reductions.OPERATIONS,
    **_shapes.OPERATIONS,
    **_indices.OPERATIONS,
    **_creation.OPERATIONS,
    **_random.OPERATIONS,
    **_recurrent.OPERATIONS,
    **_convolution.OPERATIONS,
    **_layers.OPERATIONS,
    **_losses.OPERATIONS,
    **_fourier.OPERATIONS,
    **_activations.OPERATIONS,
}

__all__ = ["OPERATIONS"]
