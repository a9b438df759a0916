"""Calls of the convolution family as data: a function's name and its arguments."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import torch

import conv
from tests.support.agree import draw, is_inexact


@dataclass(frozen=True)
class Array:
    """An array to make: its numbers follow from a seed, so that a failure prints in one line."""

    shape: tuple[int, ...]
    dtype: str = "float64"
    kind: str = "normal"  # "ties": many equal numbers; "nan": some numbers missing
    seed: int = 0

    def values(self) -> np.ndarray:
        if self.dtype == "bool":
            return draw(self.seed, self.shape, "int8") > 0
        numbers = draw(self.seed, self.shape, self.dtype)
        if self.kind != "normal" and is_inexact(numbers):
            numbers = np.round(numbers).astype(numbers.dtype)
        if self.kind == "nan" and is_inexact(numbers):
            holes = np.random.default_rng(self.seed).uniform(size=self.shape) < 0.3
            numbers = np.where(holes, np.array(np.nan, numbers.dtype), numbers)
        return numbers


@dataclass(frozen=True)
class Call:
    """A function's name, its arguments by name, and how many of them are passed by position."""

    function: str
    arguments: dict[str, Any]
    positional: int = 0

    def split(self, replace: Callable[[str, Any], Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return (args, kwargs), each argument passed through `replace` first."""
        kwargs = {name: replace(name, value) for name, value in self.arguments.items()}
        args = []
        for name in list(inspect.signature(OURS[self.function]).parameters)[: self.positional]:
            if name not in kwargs:
                break
            args.append(kwargs.pop(name))
        return args, kwargs

    def arrays(self) -> dict[str, np.ndarray]:
        return {k: v.values() for k, v in self.arguments.items() if isinstance(v, Array)}

    def ours(self, arrays: dict[str, jax.Array]) -> Any:
        args, kwargs = self.split(lambda name, value: arrays.get(name, value))
        return OURS[self.function](*args, **kwargs)

    def theirs(self, tensors: dict[str, torch.Tensor]) -> Any:
        args, kwargs = self.split(lambda name, value: tensors.get(name, value))
        return THEIRS[self.function](*args, **kwargs)


NAMES = [f"{f}{n}d" for f in ("conv", "conv_transpose") for n in (1, 2, 3)]
NAMES += ["unfold", "fold", "pad"]
NAMES += [
    f"{f}_pool{n}d" for f in ("max", "avg", "adaptive_max", "adaptive_avg", "lp") for n in (1, 2, 3)
]
NAMES += [f"conv{n}d_{f}" for f in ("input", "weight") for n in (1, 2, 3)]

OURS = {name: getattr(conv, name) for name in NAMES}
THEIRS = {
    name: getattr(
        torch.nn.grad if name.endswith(("_input", "_weight")) else torch.nn.functional, name
    )
    for name in NAMES
}
