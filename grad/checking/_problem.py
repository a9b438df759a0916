"""What `gradcheck` looks at: a function, its differentiable inputs, and directions in them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from convgrad._arrays import Array, is_array, is_complex, is_inexact
from convgrad._jax import is_traced

from .._trace import Inputs, Trace, trace
from .._trees import OUTPUTS, flatten, is_none

if TYPE_CHECKING:
    from convgrad._jax import Shaped


class GradcheckError(RuntimeError):
    """Raised by `gradcheck` and `gradgradcheck` when two derivatives differ."""


@dataclass
class Problem:
    """A function of its inexact inputs alone, evaluated at one point."""

    call: Callable[..., list[Array]]  # from the inexact inputs to the flat outputs
    point: list[jax.Array]
    positions: list[int]  # of the inexact inputs among all
    traced: Trace
    outputs: list[Array]
    differentiable: list[int]  # the outputs that depend on an input
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    _pulls: dict[int, Callable[..., list[jax.Array]]] = field(default_factory=dict)

    @classmethod
    def read(cls, func: Callable[..., Any], inputs: Any, caller: str = "gradcheck") -> Problem:
        """Read the arguments of `gradcheck`, with PyTorch's warning and refusal."""
        if not callable(func):
            raise TypeError(f"func must be a function, got {func!r}.")
        call, raw, positions = restrict(func, as_tuple(inputs), caller)
        if any(is_traced(leaf) for leaf in jax.tree.leaves(inputs)):
            raise TypeError(
                f"{caller} compares numbers: inputs must be concrete arrays, got a tracer. Call it "
                "outside jit, grad, vmap and scan."
            )
        point = [jnp.asarray(x) for x in raw]
        for i, x in zip(positions, point, strict=True):
            if x.dtype not in (np.float64, np.complex128):
                warnings.warn(
                    f"Input #{i} requires gradient and is not a double precision floating point or "
                    f"complex, but {x.dtype}. This check will likely fail if all the inputs are "
                    "not of double precision floating point or complex. Switch jax_enable_x64 on.",
                    stacklevel=3,
                )
        if not point:
            raise ValueError(
                f"{caller} expects at least one input tensor to require gradient, but none of the "
                "inputs is an array of a floating point or complex dtype."
            )

        traced = trace(call, Inputs.splatted(point), caller)
        differentiable = [i for i, sources in enumerate(traced.connected) if sources]
        return cls(call, point, positions, traced, call(*point), differentiable)

    @cached_property
    def run(self) -> Callable[..., list[Array]]:
        """`run(point) -> outputs`, compiled."""
        return self.traced.compiled(lambda traced: traced.values())

    @cached_property
    def push(self) -> Callable[..., list[jax.Array]]:
        """`push(point, tangents) -> tangents of the outputs` by forward mode, compiled."""
        return self.traced.compiled(lambda traced, tangents: traced.forward_mode(tangents)[1])

    def pull(self, output: int) -> Callable[..., list[jax.Array]]:
        """Return `(point, cotangent) -> gradients` of one output, compiled."""
        if output not in self._pulls:
            one = self.traced.only(output)
            self._pulls[output] = one.compiled(lambda traced, seed: traced.gradients([seed]))
        return self._pulls[output]

    def random(self, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        """Draw standard normal numbers, of both parts where the dtype is complex."""
        values = self.rng.normal(size=shape)
        if is_complex(dtype):
            values = values + 1j * self.rng.normal(size=shape)
        return np.asarray(values).astype(dtype)

    def direction(self, aval: Shaped) -> np.ndarray:
        """Draw a unit vector without negative entries, in which errors do not cancel."""
        values = self.rng.uniform(size=aval.shape)
        return values / max(float(np.linalg.norm(values)), 1e-300)


def restrict(
    func: Callable[..., Any], arguments: tuple[Any, ...], caller: str
) -> tuple[Callable[..., list[Array]], list[Array], list[int]]:
    """Return `func` as one of its inexact arrays alone, these arrays, and where they stand."""
    leaves, treedef = jax.tree.flatten(arguments, is_leaf=is_none)
    positions = [i for i, x in enumerate(leaves) if is_array(x) and is_inexact(x.dtype)]

    def call(*tracked: Array) -> list[Array]:
        full = list(leaves)
        for i, x in zip(positions, tracked, strict=True):
            full[i] = x
        outputs = func(*jax.tree.unflatten(treedef, full))
        return flatten(OUTPUTS, outputs, caller)[0]

    return call, [leaves[i] for i in positions], positions


def as_tuple(inputs: Any) -> tuple[Any, ...]:
    """Take a tuple or a list for the arguments of a function, and anything else for the one."""
    return tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)


def unit_vectors(aval: Shaped) -> list[np.ndarray]:
    """Return the standard basis in the shape of `aval`, real."""
    size = int(np.prod(aval.shape))
    return list(np.eye(size).reshape(size, *aval.shape))
