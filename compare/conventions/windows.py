"""Windows, indices and resizing."""

from typing import Any

import jax
import jax.numpy as jnp
import torch
import torch.nn.functional as nn
from flax import nnx
from jax import lax

import conv

from .._convention import Convention

NAN = float("nan")


def pooled(x: jax.Array, width: int) -> jax.Array:
    """Max-pool as flax does: channels last."""
    return nnx.max_pool(x[None, :, None], (width,))[0, :, 0]


def dilated(x: jax.Array) -> jax.Array:
    """Take maxima over windows of two elements with a gap of one."""
    return lax.reduce_window(x, -jnp.inf, lax.max, (2,), (1,), "VALID", window_dilation=(2,))


def put(x: Any, values: Any) -> Any:
    """Write two values to one place."""
    if isinstance(x, torch.Tensor):
        return torch.index_put(x, (torch.tensor([1, 1]),), values)
    return x.at[jnp.array([1, 1])].set(values)


ROWS = (
    Convention(
        "max_pool1d with nan",
        lambda x: pooled(x, 2),
        lambda x: nn.max_pool1d(x[None], 2)[0],
        lambda x: conv.max_pool1d(x[None], 2)[0],
        ([NAN, 1],),
        "ours is conv.max_pool1d",
    ),
    Convention(
        "max_pool1d, kernel_size=2, dilation=2",
        dilated,
        lambda x: nn.max_pool1d(x[None], 2, 1, 0, 2)[0],
        lambda x: conv.max_pool1d(x[None], 2, 1, 0, 2)[0],
        ([0, 1, 2, 3, 4],),
        "ours is conv.max_pool1d",
    ),
    Convention(
        "writing twice to one place", put, put, None, ([5, 5, 5], [1, 2]), "the last one stays"
    ),
    Convention(
        "resizing from 3 to 5, nearest",
        lambda x: jax.image.resize(x, (5,), "nearest"),
        lambda x: nn.interpolate(x[None, None], 5)[0, 0],
        None,
        ([1, 2, 3],),
    ),
)
