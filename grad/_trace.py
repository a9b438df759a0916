"""One evaluation of a user's function: its outputs, its pullback, and what connects to what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from grad._arrays import conj, is_array, is_complex, is_inexact
from grad._dependence import dependence

NEEDS_VALUES = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)


def is_none(x: Any) -> bool:
    """Whether ``x`` is None: as a leaf, so that a missing array is reported and not skipped."""
    return x is None


@dataclass(frozen=True)
class Inputs:
    """A user's ``inputs`` argument: its leaves, its structure, and how a function takes it."""

    leaves: list[Any]
    treedef: Any
    splat: bool

    @classmethod
    def read(cls, inputs: Any, caller: str) -> Inputs:
        """Flatten ``inputs``; every leaf must be an array."""
        leaves, treedef = jax.tree.flatten(inputs, is_leaf=is_none)
        require_arrays("inputs", inputs, leaves, caller)
        return cls(leaves, treedef, isinstance(inputs, tuple))

    def call(self, func: Callable[..., Any], leaves: Sequence[Any]) -> Any:
        """Call ``func`` as PyTorch does: a tuple is splatted, anything else is one argument."""
        inputs = jax.tree.unflatten(self.treedef, leaves)
        return func(*inputs) if self.splat else func(inputs)


@dataclass(frozen=True)
class Trace:
    """The outputs of a function at a point, flat, with the means to go back from them."""

    outputs: list[Any]
    structure: Any  # of the outputs
    connected: tuple[frozenset[int], ...]  # for each output, the inputs that it depends on
    _pull: Callable[[Any], Any]

    def gradients(self, cotangents: Sequence[Any]) -> list[Any]:
        """Return the gradients of all inputs, in PyTorch's convention for complex numbers.

        JAX transposes the derivative, PyTorch takes the adjoint: both ends are conjugated.
        """
        pulled = self._pull(
            [
                conj(jnp.asarray(cotangent).astype(output.dtype))
                if is_inexact(output.dtype)
                else np.zeros(output.shape, jax.dtypes.float0)
                for output, cotangent in zip(self.outputs, cotangents, strict=True)
            ]
        )
        return [conj(gradient) for gradient in pulled]


def trace(func: Callable[..., Any], inputs: Inputs, caller: str) -> Trace:
    """Evaluate ``func`` once and keep its pullback and its dependences.

    The dependences are read off the jaxpr. A function that branches on values in Python has none;
    it is evaluated at the values themselves, which works outside ``jit`` only, and the dependences
    are read off its linearised form. That form drops operations whose derivative is zero
    everywhere (``floor``, ``sign``), which then do not connect.
    """
    structures: list[Any] = []

    def flat(*leaves: Any) -> list[Any]:
        outputs = inputs.call(func, leaves)
        flat_outputs, structure = jax.tree.flatten(outputs, is_leaf=is_none)
        require_arrays("outputs of the user-provided function", outputs, flat_outputs, caller)
        structures.append(structure)
        return flat_outputs

    try:
        closed = jax.make_jaxpr(flat)(*inputs.leaves)
    except NEEDS_VALUES:
        outputs, pull = jax.vjp(flat, *inputs.leaves)
        return Trace(outputs, structures[-1], _linear_dependence(outputs, pull), pull)
    outputs, pull = jax.vjp(core.jaxpr_as_fun(closed), *inputs.leaves)
    return Trace(list(outputs), structures[-1], dependence(closed), pull)


def _linear_dependence(outputs: list[Any], pull: Callable[..., Any]) -> tuple[frozenset[int], ...]:
    """Return what each output depends on, from the pullback: the same relation, transposed."""
    real = [i for i, output in enumerate(outputs) if is_inexact(output.dtype)]

    def back(*cotangents: Any) -> Any:
        full: list[Any] = [np.zeros(output.shape, jax.dtypes.float0) for output in outputs]
        for i, cotangent in zip(real, cotangents, strict=True):
            full[i] = cotangent
        return pull(full)

    rows = dependence(jax.make_jaxpr(back)(*(outputs[i] for i in real)))
    return tuple(
        frozenset(j for j, row in enumerate(rows) if i in real and real.index(i) in row)
        for i in range(len(outputs))
    )


def require_arrays(name: str, given: Any, leaves: Sequence[Any], caller: str) -> None:
    """Raise PyTorch's TypeError unless every leaf of an argument is an array."""
    for i, leaf in enumerate(leaves):
        if not is_array(leaf):
            which = f"value at index {i}" if len(leaves) > 1 else f"given {name}"
            raise TypeError(
                f"The {name} given to {caller} must be either an array or a tuple (or another "
                f"pytree) of arrays but the {which} has type {type(leaf)}. "
                "Wrap a number in jax.numpy.asarray."
            )
    if not leaves:
        raise TypeError(
            f"The {name} given to {caller} must be either an array or a tuple (or another pytree) "
            f"of arrays but {given!r} contains none."
        )


def require_gradient_dtype(leaves: Sequence[Any]) -> None:
    """Raise PyTorch's RuntimeError unless every input can carry a gradient."""
    for i, leaf in enumerate(leaves):
        if not is_inexact(leaf.dtype):
            raise RuntimeError(
                "only Tensors of floating point and complex dtype can require gradients: input "
                f"{i} has dtype {leaf.dtype}. Convert it with .astype, or close over it so that "
                "it is a constant."
            )


def require_real_seed(dtype: Any) -> None:
    """Raise PyTorch's RuntimeError when a gradient of 1 would have to be made up for a complex."""
    if is_complex(dtype):
        raise RuntimeError(
            f"grad can be implicitly created only for real scalar outputs but got {dtype}: pass "
            "the gradient of the output explicitly."
        )


def require_same_complex_dtype(index: int, gradient: Any, output: Any) -> None:
    """Raise PyTorch's RuntimeError when a complex gradient and its output differ in dtype."""
    if (is_complex(gradient.dtype) or is_complex(output.dtype)) and gradient.dtype != output.dtype:
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype."
            f" Mismatch in dtype: grad_output[{index}] has a dtype of {gradient.dtype} and "
            f"output[{index}] has a dtype of {output.dtype}."
        )
