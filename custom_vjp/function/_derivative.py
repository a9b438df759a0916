"""The derivative of one call: a user's backward and jvp, as the two directions of a TangentMap."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from convgrad import _jax
from convgrad._errors import NEEDS_VALUES, NotLinearError

from ._call import Call, Record, Source, defines, jax_array
from ._context import FunctionCtx
from ._gradients import from_jvp, to_inputs, to_jvp, to_outputs
from ._numpy import on_values_of_shape
from ._tangents import TangentMap, shape_of, without_derivative
from ._words import torch_words

if TYPE_CHECKING:
    from convgrad._jax import Program, ShapedArray


@dataclasses.dataclass(frozen=True)
class Derivative:
    """What backward and jvp need to know.

    Attributes:
      call: the arguments.
      record: what forward left.
      needs: which arguments are differentiated.
      live: which of the traced arrays are.
      through: where the residuals come from.
      constants: what is on ctx and no residual.
      leaves: of the arguments, with shapes for the traced arrays.
      outputs: shapes of all output arrays.
      types: of their tangents.
    """

    call: Call
    record: Record
    needs: tuple[bool, ...]
    live: Sequence[bool]
    through: Sequence[Source]
    constants: dict[Source, Any]
    leaves: Sequence[Any]
    outputs: Sequence[jax.ShapeDtypeStruct]
    types: Sequence[ShapedArray]

    def map(self) -> TangentMap:
        flags = self.record.differentiable
        outputs = tuple(out for out, flag in zip(self.types, flags, strict=True) if flag)
        push = self.push
        if not defines(self.call.function, "jvp"):
            push = transposed(self.backward, outputs, self.call.name)
        refuse = self.refuse_twice if self.once else None
        return TangentMap(self.call.name, push, self.pull, outputs, refuse)

    @property
    def once(self) -> bool:
        return getattr(_backward(self.call), "once_differentiable", False)

    def refuse_twice(self) -> None:
        raise RuntimeError(
            f"{self.call.name}: trying to differentiate twice a function that was marked with "
            "@once_differentiable"
        )

    def context(self, residuals: Sequence[ArrayLike], stage: str) -> FunctionCtx:
        arrays = map(jax_array, residuals)
        found = {**self.constants, **dict(zip(self.through, arrays, strict=True))}
        ctx = self.record.context(self.call, self.needs, found)
        ctx._state.stage = stage
        ctx._state.forward_mode = stage == "jvp"
        return ctx

    def guarded(self, residuals: Sequence[ArrayLike], results: Sequence[Any]) -> list[Any]:
        """Make the results depend on forward having kept what it kept when it was traced."""
        if self.record.guard is None:
            return list(results)
        held = residuals[list(self.through).index(self.record.guard)]
        return [None if r is None else jnp.where(held, r, jnp.nan) for r in results]

    def pull(
        self, residuals: Sequence[ArrayLike], cotangents: Sequence[ArrayLike | None]
    ) -> Sequence[jax.Array | None]:
        """Reverse mode."""
        pull: Callable[..., Any] = self.backward
        if self.once:
            pull = without_derivative(self.backward, self.refuse_twice)
        return pull(list(residuals), list(cotangents))

    def backward(
        self, residuals: Sequence[ArrayLike], cotangents: Sequence[ArrayLike | None]
    ) -> Sequence[jax.Array | None]:
        """Call the user's backward; on values, where it asks for them."""
        backward = _backward(self.call)
        if backward is None:
            raise NotImplementedError(
                f"{self.call.name} has no backward: define the staticmethod backward(ctx, "
                "*grad_outputs), which returns one gradient for each input of forward"
            )

        def run(
            residuals: Sequence[ArrayLike], cotangents: Sequence[ArrayLike | None]
        ) -> list[Any]:
            ctx = self.context(residuals, "backward")
            given = to_outputs(self.record, self.outputs, cotangents)
            with torch_words(f"{self.call.name}.backward"):
                returned = backward(ctx, *given)
            cotangents = to_inputs(self.call, self.leaves, returned, self.live)
            return self.guarded(residuals, cotangents)

        try:
            return run(residuals, cotangents)
        except NEEDS_VALUES:
            positions = zip(self.call.traced, self.live, strict=True)
            shapes = [shape_of(self.leaves[i]) for i, live in positions if live]
            owner = f"{self.call.name}.backward"
            return on_values_of_shape(run, (list(residuals), list(cotangents)), shapes, owner)

    def push(self, residuals: Sequence[ArrayLike], tangents: Sequence[ArrayLike]) -> Sequence[Any]:
        """Forward mode, by the user's jvp; on values, where it asks for them."""

        def run(residuals: Sequence[ArrayLike], tangents: Sequence[ArrayLike]) -> list[Any]:
            ctx = self.context(residuals, "jvp")
            given = map(jax_array, tangents)
            spread = [next(given) if live else None for live in self.live]
            moving = to_jvp(self.call, self.record, self.leaves, spread)
            with torch_words(f"{self.call.name}.jvp"):
                returned = self.call.function.jvp(ctx, *moving)
            tangents = from_jvp(self.call, self.record, self.outputs, returned)
            return self.guarded(residuals, tangents)

        try:
            return run(residuals, tangents)
        except NEEDS_VALUES:
            flags = self.record.differentiable
            shapes = [out for out, flag in zip(self.outputs, flags, strict=True) if flag]
            owner = f"{self.call.name}.jvp"
            return on_values_of_shape(run, (list(residuals), list(tangents)), shapes, owner)


def _backward(call: Call) -> Callable[..., Any] | None:
    """Return the user's backward, which may be called vjp; None if there is neither."""
    for method in ("backward", "vjp"):
        if defines(call.function, method):
            return getattr(call.function, method)
    return None


def transposed(
    pull: Callable[..., Any], outputs: Sequence[ShapedArray], name: str
) -> Callable[..., Any]:
    """Make push out of pull: the transpose of a function that is linear in the cotangents."""

    def push(residuals: Sequence[ArrayLike], tangents: Sequence[ArrayLike]) -> list[Any]:
        zeros = [jnp.zeros(out.shape, out.dtype) for out in outputs]

        def transpose(at: Sequence[Any], residuals: Any, tangents: Any) -> list[Any]:
            def pulled(cotangents: Sequence[ArrayLike | None]) -> list[Any]:
                back = pull(residuals, cotangents)
                return [
                    jnp.zeros_like(t) if ct is None else ct
                    for ct, t in zip(back, tangents, strict=True)
                ]

            return jax.vjp(pulled, list(at))[1](list(tangents))[0]

        try:
            jaxpr = jax.make_jaxpr(transpose)(zeros, list(residuals), list(tangents))
        except (TypeError, ValueError) as error:
            raise NotLinearError(
                f"{name}: forward mode needs jvp(ctx, *grad_inputs), a staticmethod, as the one "
                f"derived from backward failed: {error}"
            ) from error
        if _uses(jaxpr, len(zeros)):
            raise NotLinearError(
                f"{name}: forward mode needs jvp(ctx, *grad_inputs), a staticmethod. It is derived "
                "from backward only where that is linear in grad_output, which it is not here. "
                "grad.jvp and grad.hvp go back twice instead, as PyTorch's do"
            )
        return transpose(zeros, residuals, tangents)

    return push


def _uses(jaxpr: Program, count: int) -> bool:
    """Whether the outputs of a jaxpr depend on its first `count` inputs; effects do not count."""
    jaxpr, used = _jax.without_dead_code(jaxpr)
    first = sum(used[:count])
    return any(_jax.reach(jaxpr, [i < first for i in range(len(jaxpr.invars))]))
