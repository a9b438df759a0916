"""What functions with a gradient of their own are made with: PyTorch or JAX, from one source.

A factory (in function_notes, function_numpy and function_generated) takes a `Library` and returns a
subclass of its Function.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch

import custom_vjp


@dataclasses.dataclass(frozen=True)
class Library:
    """What the two libraries call by different names."""

    Function: Any
    once_differentiable: Any
    xp: Any
    clone: Callable[[Any], Any]
    numpy: Callable[[Any], np.ndarray]
    array: Callable[[Any], Any]
    take: Callable[[Any, Any, int], Any]
    put: Callable[[Any, Any, Any], Any]


def _torch_put(shape: Any, index: Any, value: torch.Tensor) -> torch.Tensor:
    out = value.new_zeros(shape)
    out[index] = value
    return out


TORCH = Library(
    torch.autograd.Function,
    torch.autograd.function.once_differentiable,
    torch,
    torch.clone,
    lambda x: x.detach().numpy(),
    torch.tensor,
    torch.take_along_dim,
    _torch_put,
)
JAX = Library(
    custom_vjp.Function,
    custom_vjp.once_differentiable,
    jnp,
    jnp.copy,
    np.asarray,
    jnp.asarray,
    jnp.take_along_axis,
    lambda shape, index, value: jnp.zeros(shape, value.dtype).at[index].set(value),
)
