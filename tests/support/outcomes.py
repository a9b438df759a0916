"""What both sides make of a call: results and gradients, or a refusal."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import torch

from tests.support.agree import draw, dtype_name, is_inexact, to_torch
from tests.support.calls import Call
from tests.support.compiling import FAST


@dataclass(frozen=True)
class Outcome:
    """The results of a call, and the gradient of the first of them for each floating argument."""

    results: list[Any]
    gradients: dict[str, Any] | None  # None: there is a result, but no gradient


def cotangent(value: torch.Tensor, dtype: str | None = None) -> np.ndarray:
    return draw(7, tuple(value.shape), dtype or dtype_name(value))


def results_of(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]


def their_outcome(call: Call, wide: bool = False) -> Outcome | None:
    """What PyTorch returns; None where it refuses the call, with whatever class of error.

    `wide` computes with the same numbers in float64.
    """

    def tensor(a: Any) -> torch.Tensor:
        made = to_torch(a)
        return made.double() if wide and made.is_floating_point() else made

    tensors = {n: tensor(a).requires_grad_(is_inexact(a)) for n, a in call.arrays().items()}
    tracked = {n: t for n, t in tensors.items() if t.requires_grad}
    try:
        results = results_of(call.theirs(tensors))
    except Exception:
        return None
    first = results[0]
    if not tracked or not first.requires_grad:
        return Outcome(results, {n: torch.zeros_like(t) for n, t in tracked.items()})
    try:
        dtype = next(a.dtype.name for a in call.arrays().values() if is_inexact(a))
        ct = tensor(cotangent(first, dtype))
        found = torch.autograd.grad(first, list(tracked.values()), ct, materialize_grads=True)
    except RuntimeError:
        return Outcome(results, None)
    return Outcome(results, dict(zip(tracked, found, strict=True)))


class Refused(Exception):
    """We refused a call. Any other error on the way is a failure."""


def refusal(function: str, error: Exception) -> bool:
    """Whether an error is a refusal of ours: it begins with the name of the function.

    What lax or NumPy raises by accident, further in, does not.
    """
    return isinstance(error, ValueError | TypeError) and str(error).startswith(f"{function}: ")


def our_outcome(call: Call, expected: Outcome | None) -> Outcome | None:
    """What we return, compiled as one program; None where we refuse the call while tracing.

    The shape of the cotangent is that of the expected result; without one, nothing is run.
    """
    arrays = call.arrays()
    tracked = {n: a for n, a in arrays.items() if is_inexact(a)}

    def values(tracked: dict[str, jax.Array], rest: dict[str, jax.Array]) -> Any:
        try:
            first, *others = results_of(call.ours({**rest, **tracked}))
        except (ValueError, TypeError) as error:
            if refusal(call.function, error):
                raise Refused from error
            raise
        return first, others

    def program(arrays: dict[str, jax.Array], ct: jax.Array) -> Any:
        chosen = {n: arrays[n] for n in tracked}
        first, pull, others = jax.vjp(lambda c: values(c, arrays), chosen, has_aux=True)
        if first.shape != ct.shape or first.dtype != ct.dtype or not tracked:
            return [first, *others], {}
        # JAX's cotangents are the conjugates of PyTorch's gradients.
        (found,) = pull(ct.conj())
        return [first, *others], {n: g.conj() for n, g in found.items()}

    try:
        if expected is None:
            jax.eval_shape(values, tracked, arrays)
            return Outcome([], {})
        ct = cotangent(expected.results[0])
        return Outcome(
            *jax.jit(program, compiler_options=FAST).lower(arrays, ct).compile()(arrays, ct)
        )
    except Refused:
        return None
