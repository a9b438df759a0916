"""Programs that use torch.func, written once for PyTorch and for this package."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

import grad.func
from tests.support.agree import assert_same, draw


@dataclass(frozen=True)
class Library:
    """torch.func with torch, or grad.func with jax.numpy; and some arrays of it."""

    F: Any
    m: Any
    array: Callable[[np.ndarray], Any]

    @property
    def x(self) -> Any:
        return self.array(draw(0, (3,)))

    @property
    def y(self) -> Any:
        return self.array(draw(1, (3,)))

    @property
    def w(self) -> Any:
        return self.array(draw(2, (2, 3)))

    @property
    def z(self) -> Any:
        return self.array(draw(3, (3,), "complex128"))

    @property
    def integers(self) -> Any:
        return self.array(np.arange(3))

    @property
    def ones(self) -> Any:
        return self.array(np.ones(2))

    def cast(self, x: Any, dtype: str) -> Any:
        return x.to(getattr(torch, dtype)) if self.m is torch else x.astype(dtype)


TORCH = Library(torch.func, torch, lambda x: torch.from_numpy(np.array(x)))
JAX = Library(grad.func, jnp, jnp.asarray)


def assert_same_tree(ours: Any, theirs: Any) -> None:
    """The same structure, with the same arrays; anything else is equal."""
    leaves, structure = jax.tree.flatten(ours)
    others, expected = jax.tree.flatten(theirs)
    assert structure == expected
    for mine, right in zip(leaves, others, strict=True):
        if isinstance(right, torch.Tensor):
            assert isinstance(mine, jax.Array)
            assert_same(mine, right.detach().resolve_conj())
        else:
            assert mine == right
