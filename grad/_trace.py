"""One reading of a user's function: its outputs, its derivatives, and what connects to what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import PyTreeDef
from jax.typing import ArrayLike

from convgrad import _jax
from convgrad._arrays import Array, conj, is_complex, is_inexact
from convgrad._dependence import dependence, has_custom_jvp, has_custom_vjp, has_forward_mode
from convgrad._errors import NEEDS_VALUES

from ._trees import OUTPUTS, flatten

if TYPE_CHECKING:
    from convgrad._jax import Shaped

Pushed = tuple[list[jax.Array], list[jax.Array]]  # outputs, and their tangents


@dataclass(frozen=True)
class Inputs:
    """A user's `inputs` argument: its leaves, its structure, and how a function takes it."""

    leaves: list[Array]
    treedef: PyTreeDef
    splat: bool
    caller: str = ""  # the function of this package that was given them

    @classmethod
    def read(cls, inputs: Any, caller: str) -> Inputs:
        """Flatten `inputs`; every leaf must be an array."""
        leaves, treedef = flatten("inputs", inputs, caller)
        return cls(leaves, treedef, isinstance(inputs, tuple), caller)

    @classmethod
    def splatted(cls, leaves: Sequence[Array]) -> Inputs:
        """Return the inputs of a function that takes one array after the other."""
        return cls(list(leaves), jax.tree.structure(tuple(leaves)), True)

    def call(self, func: Callable[..., Any], leaves: Sequence[Array]) -> Any:
        """Call `func` as PyTorch does: a tuple is splatted, anything else is one argument."""
        inputs = jax.tree.unflatten(self.treedef, leaves)
        if self.splat:
            return func(*inputs)
        try:
            return func(inputs)
        except (TypeError, AttributeError) as error:
            # Python's own, and not one of JAX's that say that a value is needed.
            if not isinstance(inputs, list) or type(error) not in (TypeError, AttributeError):
                raise
            raise TypeError(
                f"The inputs given to {self.caller} must be either an array or a tuple of arrays, "
                "one an argument, but the given inputs has type <class 'list'>: as any pytree but "
                f"a tuple it is passed as the one argument, which the function did not take "
                f"({error}). Pass tuple(inputs)."
            ) from error


@dataclass(frozen=True)
class Trace:
    """A function at a point: what connects to what, and its derivative in both directions.

    Everything is computed when it is first asked for: checks that need shapes only come before any
    evaluation, and forward mode does not need a function that can be transposed.
    """

    avals: Sequence[Shaped]  # shapes and dtypes of the outputs
    structure: PyTreeDef  # of the outputs
    _run: Callable[..., Sequence[Any]]  # from the leaves of the inputs to the flat outputs
    _leaves: list[Array]
    _closed: Any  # the jaxpr, or None where there is none to look at
    _eager: bool = False  # the function branches on values in Python

    @cached_property
    def _pullback(self) -> tuple[list[jax.Array], Callable[..., Any]]:
        outputs, pull = jax.vjp(self._run, *self._leaves)
        return list(outputs), pull

    @property
    def outputs(self) -> list[jax.Array]:
        """The outputs, from the evaluation that the pullback needs anyway."""
        return self._pullback[0]

    def values(self) -> list[Any]:
        """Return the outputs by an evaluation of their own, without derivatives."""
        return list(self._run(*self._leaves))

    @cached_property
    def connected(self) -> tuple[frozenset[int], ...]:
        """For each output, the inputs that it depends on differentiably."""
        if self._closed is not None:
            return dependence(self._closed)
        return _linear_dependence(*self._pullback)

    def gradients(self, cotangents: Sequence[ArrayLike]) -> list[jax.Array]:
        """Return the gradients of all inputs, in PyTorch's convention for complex numbers.

        JAX transposes the derivative, PyTorch takes the adjoint: both ends are conjugated.
        """
        outputs, pull = self._pullback
        pulled = pull(
            [
                conj(jnp.asarray(cotangent).astype(output.dtype))
                if is_inexact(output.dtype)
                else np.zeros(output.shape, jax.dtypes.float0)
                for output, cotangent in zip(outputs, cotangents, strict=True)
            ]
        )
        return [conj(gradient) for gradient in pulled]

    def pushforward(self, back_twice: bool = False) -> Callable[[Sequence[ArrayLike]], Pushed]:
        """Return the map from a tangent for each input to the outputs and their tangents.

        Integers have none, and get zeros. Forward mode does it in one pass. A function with a
        backward pass of its own has no forward mode; its pullback is transposed, as PyTorch does.
        With `back_twice` so is one that is not linear: at cotangents of 0, again as in PyTorch.
        """
        transposed = self._closed is None or has_custom_vjp(self._closed)
        push = self._transposed_pullback() if transposed else self.forward_mode
        if back_twice and not transposed and has_custom_jvp(self._closed):
            push = self._forward_or_back_twice

        def apply(tangents: Sequence[ArrayLike]) -> Pushed:
            pairs = zip(tangents, self._leaves, strict=True)
            return push([jnp.asarray(t).astype(leaf.dtype) for t, leaf in pairs])

        return apply

    def forward_mode(self, tangents: list[jax.Array]) -> Pushed:
        """Return the outputs and their tangents by JAX's forward mode itself."""
        leaves = [jnp.asarray(leaf) for leaf in self._leaves]
        outputs, pushed = jax.jvp(lambda *xs: list(self._run(*xs)), leaves, tangents)
        return outputs, [
            t if is_inexact(output.dtype) else jnp.zeros_like(output)
            for output, t in zip(outputs, pushed, strict=True)
        ]

    def _forward_or_back_twice(self, tangents: list[jax.Array]) -> Pushed:
        ahead = jax.make_jaxpr(lambda *ts: self.forward_mode(list(ts)))(*tangents)
        if not has_forward_mode(ahead):
            return self._transposed_pullback()(tangents)
        pushed = _jax.as_function(ahead)(*tangents)
        return pushed[: len(self.avals)], pushed[len(self.avals) :]

    def _transposed_pullback(self) -> Callable[[list[jax.Array]], Pushed]:
        outputs, pull = self._pullback
        real = [i for i, output in enumerate(outputs) if is_inexact(output.dtype)]
        zeros = [jnp.zeros_like(outputs[i]) for i in real]
        _, push = jax.vjp(_of_real(pull, outputs, real), *zeros)

        def apply(tangents: list[jax.Array]) -> Pushed:
            pushed = dict(zip(real, push(tuple(tangents)), strict=True))
            return outputs, [pushed.get(i, jnp.zeros_like(o)) for i, o in enumerate(outputs)]

        return apply

    def compiled(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return `(leaves, *args) -> method(self.at(leaves), *args)`, under jit if it can be."""

        def call(leaves: Sequence[Array], *args: Any) -> Any:
            return method(self.at(leaves), *args)

        return call if self._eager else jax.jit(call)

    def at(self, leaves: Sequence[Array]) -> Trace:
        """Return the trace of the same program at another point."""
        return replace(self, _leaves=list(leaves))

    def only(self, index: int) -> Trace:
        """Return the trace of one output, as if the function returned no other."""
        run = self._run
        return replace(
            self, avals=[self.avals[index]], _run=lambda *xs: [run(*xs)[index]], _closed=None
        )


def trace(func: Callable[..., Any], inputs: Inputs, caller: str) -> Trace:
    """Read the program of `func` at `inputs`.

    The dependences are read off the jaxpr. A function that branches on values in Python has none;
    it is evaluated at the values themselves, which works outside `jit` only, and the dependences
    are read off its linearised form. That form drops operations whose derivative is zero
    everywhere (`floor`, `sign`), which then do not connect.
    """
    structures: list[PyTreeDef] = []

    def flat(*leaves: jax.Array) -> list[Array]:
        outputs = inputs.call(func, leaves)
        flat_outputs, structure = flatten(OUTPUTS, outputs, caller)
        structures.append(structure)
        return flat_outputs

    try:
        closed = jax.make_jaxpr(flat)(*inputs.leaves)
    except NEEDS_VALUES:
        outputs, pull = jax.vjp(flat, *inputs.leaves)
        traced = Trace(outputs, structures[-1], flat, inputs.leaves, None, _eager=True)
        traced.__dict__["_pullback"] = (outputs, pull)  # already there: evaluate once
        return traced
    return Trace(
        list(closed.out_avals), structures[-1], _jax.as_function(closed), inputs.leaves, closed
    )


def _of_real(
    pull: Callable[..., Any], outputs: Sequence[jax.Array], real: Sequence[int]
) -> Callable[..., Any]:
    """Restrict a pullback to the cotangents of the outputs numbered in `real`."""

    def back(*cotangents: jax.Array) -> Any:
        full: list[Array] = [np.zeros(output.shape, jax.dtypes.float0) for output in outputs]
        for i, cotangent in zip(real, cotangents, strict=True):
            full[i] = cotangent
        return pull(full)

    return back


def _linear_dependence(
    outputs: list[jax.Array], pull: Callable[..., Any]
) -> tuple[frozenset[int], ...]:
    """Return what each output depends on, from the pullback: the same relation, transposed."""
    real = [i for i, output in enumerate(outputs) if is_inexact(output.dtype)]

    rows = dependence(jax.make_jaxpr(_of_real(pull, outputs, real))(*(outputs[i] for i in real)))
    return tuple(
        frozenset(j for j, row in enumerate(rows) if i in real and real.index(i) in row)
        for i in range(len(outputs))
    )


def require_gradient_dtype(leaves: Sequence[Array]) -> None:
    """Raise PyTorch's RuntimeError unless every input can carry a gradient."""
    for i, leaf in enumerate(leaves):
        if not is_inexact(leaf.dtype):
            raise RuntimeError(
                "only Tensors of floating point and complex dtype can require gradients: input "
                f"{i} has dtype {leaf.dtype}. Convert it with .astype, or close over it so that "
                "it is a constant."
            )


def require_real_seed(
    dtype: np.dtype, advice: str = "pass the gradient of the output explicitly"
) -> None:
    """Raise PyTorch's RuntimeError when a gradient of 1 would have to be made up for a complex."""
    if is_complex(dtype):
        raise RuntimeError(
            f"grad can be implicitly created only for real scalar outputs but got {dtype}: "
            f"{advice}."
        )


def require_same_complex_dtype(index: int, gradient: Array, output: Shaped) -> None:
    """Raise PyTorch's RuntimeError when a complex gradient and its output differ in dtype."""
    if (is_complex(gradient.dtype) or is_complex(output.dtype)) and gradient.dtype != output.dtype:
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype."
            f" Mismatch in dtype: grad_output[{index}] has a dtype of {gradient.dtype} and "
            f"output[{index}] has a dtype of {output.dtype}."
        )
