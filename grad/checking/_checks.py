"""The single checks of `gradcheck`; each raises a GradcheckError."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convgrad._arrays import Array, is_complex

from ._jacobians import (
    as_gradient,
    axes,
    backward,
    eager_gradients,
    forward,
    numerical,
)
from ._problem import GradcheckError, Problem, unit_vectors
from ._report import (
    NOT_DETERMINISTIC,
    NOT_REENTRANT,
    mismatch,
    require_same,
    within,
    worst_element,
)


@dataclass(frozen=True)
class Tolerance:
    """The numbers of a check."""

    eps: float
    atol: float
    rtol: float
    nondet: float


Numerical = list[list[list[np.ndarray]]]  # [input][axis][output]


def check_full(problem: Problem, by: Tolerance, backward_mode: bool, forward_mode: bool) -> None:
    """Compare whole Jacobians."""
    expected: Numerical = [
        [numerical(problem, i, [axis * e for e in unit_vectors(x)], by.eps) for axis in axes(x)]
        for i, x in enumerate(problem.point)
    ]
    if not problem.differentiable:
        _require_zero(expected, 0.0)
        return
    if backward_mode:
        for part in _parts(problem):
            for o in problem.differentiable:
                _check_backward(problem, by, o, part, expected)
    if forward_mode:
        for i, x in enumerate(problem.point):
            for axis, along in reversed(list(zip(axes(x), expected[i], strict=True))):
                found = forward(problem, i, [axis * e for e in unit_vectors(x)])
                for o in problem.differentiable:
                    _compare(problem, by, found[o], along[o], o, i, _axis_name(x, axis), True)


def check_fast(problem: Problem, by: Tolerance, backward_mode: bool, forward_mode: bool) -> None:
    """Compare `v^T J u` for one random `u` for each input and one `v` for each output."""
    us = [[problem.direction(x) for _ in axes(x)] for x in problem.point]
    expected: Numerical = [
        [numerical(problem, i, [axis * u], by.eps) for axis, u in zip(axes(x), us[i], strict=True)]
        for i, x in enumerate(problem.point)
    ]
    if not problem.differentiable:
        _require_zero(expected, by.nondet)
        return
    if backward_mode:
        for o in problem.differentiable:
            v = problem.direction(problem.outputs[o])
            for part in _parts(problem):
                if part == "imaginary" and not is_complex(problem.outputs[o].dtype):
                    continue
                seed = [v * (1j if part == "imaginary" else 1.0)]
                gradients = backward(problem, o, seed)
                require_same(gradients, backward(problem, o, seed), by.nondet, NOT_REENTRANT)
                for i, gradient in enumerate(gradients):
                    n = as_gradient([along[o] for along in expected[i]], part) @ v.ravel()
                    a = _project(gradient[:, 0], us[i])
                    scale = sum(float(u.sum()) for u in us[i]) * float(v.sum())
                    if not within(a, n, by.rtol, by.atol * scale):
                        name = part if is_complex(problem.outputs[o].dtype) else None
                        _fail_fast(problem, by, a, n, o, i, name, False)
    if forward_mode:
        for i, x in enumerate(problem.point):
            for axis, u, along in reversed(list(zip(axes(x), us[i], expected[i], strict=True))):
                found = forward(problem, i, [axis * u])
                for o in problem.differentiable:
                    atol = by.atol * float(u.sum())
                    if not within(found[o], along[o], by.rtol, atol):
                        _fail_fast(problem, by, found[o], along[o], o, i, _axis_name(x, axis), True)


def _parts(problem: Problem) -> tuple[str, ...]:
    some = any(is_complex(output.dtype) for output in problem.outputs)
    return ("imaginary", "real") if some else ("real",)


def _axis_name(x: jax.Array, axis: complex) -> str | None:
    if not is_complex(x.dtype):
        return None
    return "imaginary" if axis == 1j else "real"


def _check_backward(
    problem: Problem, by: Tolerance, output: int, part: str, expected: Numerical
) -> None:
    whole = problem.outputs[output]
    if part == "imaginary" and not is_complex(whole.dtype):
        return
    seeds = [e * (1j if part == "imaginary" else 1.0) for e in unit_vectors(whole)]
    found = backward(problem, output, seeds)
    require_same(found, backward(problem, output, seeds), by.nondet, NOT_REENTRANT)
    name = part if is_complex(whole.dtype) else None
    for i, a in enumerate(found):
        n = as_gradient([along[output] for along in expected[i]], part)
        _compare(problem, by, a, n, output, i, name, False)


def _compare(
    problem: Problem,
    by: Tolerance,
    a: np.ndarray,
    n: np.ndarray,
    output: int,
    index: int,
    part: str | None,
    is_forward: bool,
) -> None:
    if not within(a, n, by.rtol, by.atol):
        raise GradcheckError(
            mismatch(a, n, output, problem.positions[index], part, is_forward)
            + worst_element(problem, a, n, output, index, by.rtol, by.atol)
        )


def _fail_fast(
    problem: Problem,
    by: Tolerance,
    a: np.ndarray,
    n: np.ndarray,
    output: int,
    index: int,
    part: str | None,
    is_forward: bool,
) -> None:
    """Raise with the whole Jacobians beside the numbers that differ."""
    first = mismatch(a, n, output, problem.positions[index], part, is_forward)
    try:
        check_full(problem, by, not is_forward, is_forward)
    except GradcheckError as whole:
        raise GradcheckError(f"{first}These numbers are v^T J u. In full:\n{whole}") from None
    raise GradcheckError(
        f"{first}These numbers are v^T J u, of fast mode. The whole Jacobians agree within the "
        "tolerances: pass fast_mode=False, or a larger atol."
    )


def _project(gradient: np.ndarray, us: list[np.ndarray]) -> np.ndarray:
    if len(us) == 1:
        return gradient @ us[0].ravel()
    return gradient.real @ us[0].ravel() + 1j * (gradient.imag @ us[1].ravel())


def _require_zero(expected: Numerical, tolerance: float) -> None:
    for along_axes in expected:
        for along in along_axes:
            if any(np.abs(n).max(initial=0.0) > tolerance for n in along):
                raise GradcheckError(
                    "Numerical gradient for function expected to be zero: no output depends "
                    "differentiably on an input, but the outputs change with the inputs."
                )


def check_deterministic(problem: Problem, tolerance: float, backward_mode: bool) -> None:
    """Evaluate twice, and go back twice, through fresh traces: the same numbers must come."""
    again = problem.call(*problem.point)
    require_same(problem.outputs, again, tolerance, NOT_DETERMINISTIC)
    if backward_mode and problem.differentiable:
        seeds = [problem.random(o.shape, o.dtype) for o in problem.outputs]
        first, second = (eager_gradients(problem, seeds) for _ in range(2))
        require_same(first, second, tolerance, NOT_REENTRANT)


def check_zero_gradient(problem: Problem, dtypes: bool) -> None:
    """A gradient of zero goes back as zero; with `dtypes`, in the dtype of the input."""
    for o in problem.differentiable:
        gradients = problem.pull(o)(problem.point, jnp.zeros_like(problem.outputs[o]))
        for i, x, gradient in zip(problem.positions, problem.point, gradients, strict=True):
            if dtypes and gradient.dtype != x.dtype:
                raise GradcheckError(
                    f"Gradient has dtype mismatch: input {i} has {x.dtype}, its gradient "
                    f"{gradient.dtype}."
                )
            if not np.all(np.asarray(gradient) == 0):
                raise GradcheckError(
                    f"backward not multiplied by grad_output: a gradient of zeros of output {o} "
                    f"gives input {i} the gradient {gradient}."
                )


def check_undefined_backward(problem: Problem) -> None:
    """An output that is not used goes back as one whose gradient is zero."""
    if len(problem.outputs) < 2:
        return
    for o in problem.differentiable:
        seeds = [jnp.zeros_like(output) for output in problem.outputs]
        seeds[o] = jnp.asarray(problem.random(seeds[o].shape, seeds[o].dtype))
        with_zeros = problem.traced.gradients(seeds)
        alone = problem.pull(o)(problem.point, seeds[o])
        for i, (a, b) in enumerate(zip(alone, with_zeros, strict=True)):
            if not np.allclose(a, b):
                raise GradcheckError(
                    "Expected backward function to handle undefined output grads: with only output "
                    f"{o} in use, input {problem.positions[i]} gets {a}, and with zeros for the "
                    f"other outputs {b}."
                )


def check_undefined_forward(problem: Problem) -> None:
    """An input that does not move has the effect of one whose tangent is zero."""
    for i, fixed in enumerate(problem.point):
        others = [x for k, x in enumerate(problem.point) if k != i]
        if not others:
            return
        moved = [jnp.asarray(problem.random(x.shape, x.dtype)) for x in others]

        def rest(*xs: jax.Array, i: int = i, fixed: jax.Array = fixed) -> list[Any]:
            return problem.run([*xs[:i], fixed, *xs[i:]])

        alone = jax.jvp(rest, others, moved)[1]
        moved.insert(i, jnp.zeros_like(fixed))
        with_zeros = problem.push(problem.point, moved)
        for o in problem.differentiable:
            if not np.allclose(alone[o], with_zeros[o]):
                raise GradcheckError(
                    f"Mismatch in tangent values for output with index: {o} when input: "
                    f"{problem.positions[i]} has an undefined tangent value. Got: {with_zeros[o]} "
                    f"but expected: {alone[o]}"
                )


def check_batched(problem: Problem, is_forward: bool) -> None:
    """Vmap over two gradients (or tangents) gives what the two give one by one."""
    if is_forward:
        for i, x in enumerate(problem.point):
            zeros = [jnp.zeros_like(other) for other in problem.point]

            def push(t: jax.Array, i: int = i, zeros: list[jax.Array] = zeros) -> list[jax.Array]:
                return problem.push(problem.point, [*zeros[:i], t, *zeros[i + 1 :]])

            _check_vmap(problem, push, x, f"input {problem.positions[i]}")
        return
    for o in problem.differentiable:
        pull = partial(problem.pull(o), problem.point)
        _check_vmap(problem, pull, problem.outputs[o], f"output {o}")


def _check_vmap(problem: Problem, func: Callable[..., Any], like: Array, what: str) -> None:
    draws = [jnp.asarray(problem.random(like.shape, like.dtype)) for _ in range(2)]
    one_by_one = [func(draw) for draw in draws]
    expected = [np.stack([np.asarray(x) for x in xs]) for xs in zip(*one_by_one, strict=True)]
    try:
        found = jax.vmap(func)(jnp.stack(draws))
    except Exception as error:
        raise GradcheckError(
            f"While computing batched gradients, got: {error}\n\nvmap over the gradients of {what} "
            "failed, one of its operations has no batching rule."
        ) from error
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        if not np.allclose(a, b):
            raise GradcheckError(
                f"For {what} and result {k}: vmap over gradients does not give what the gradients "
                f"give one by one.\n\nGot:\n{a}\n\nExpected:\n{b}"
            )
