"""The Jacobians that `gradcheck` compares, each as an array `(directions, outputs)`.

A direction is a unit vector of an input, or, in fast mode, a random vector. Complex inputs have
derivatives along the real and along the imaginary axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from convgrad._arrays import is_complex

from ._problem import Problem

if TYPE_CHECKING:
    from convgrad._jax import Shaped

Directions = list[np.ndarray]


def numerical(problem: Problem, index: int, directions: Directions, eps: float) -> list[np.ndarray]:
    """Return `(f(x + eps d) - f(x - eps d)) / (2 eps)` for every output, by central differences.

    `directions` may be imaginary, for a complex input.
    """
    run = problem.run
    x = np.asarray(problem.point[index])
    columns: list[list[np.ndarray]] = [[] for _ in problem.outputs]
    for direction in directions:
        step = np.asarray(eps * direction).astype(x.dtype)
        low, high = (_outputs_at(problem, run, index, x + s) for s in (-step, step))
        for column, a, b in zip(columns, low, high, strict=True):
            column.append((b - a).ravel() / (2 * eps))
    return [
        np.stack(column) if column else np.zeros((0, output.size))
        for column, output in zip(columns, problem.outputs, strict=True)
    ]


def _outputs_at(
    problem: Problem, run: Callable[..., list[Any]], index: int, value: np.ndarray
) -> list[np.ndarray]:
    leaves = list(problem.point)
    leaves[index] = jnp.asarray(value)
    outputs = [np.asarray(output) for output in run(leaves)]
    for found, expected in zip(outputs, problem.outputs, strict=True):
        if found.shape != expected.shape or found.dtype != expected.dtype:
            raise ValueError(
                "Expected `func` to return outputs with the same shape and dtype when inputs are "
                f"perturbed, but got {expected.shape}, {expected.dtype} at the inputs and "
                f"{found.shape}, {found.dtype} beside them."
            )
    return [o.astype(np.float64) if o.dtype.kind in "biu" else o for o in outputs]


def backward(problem: Problem, output: int, cotangents: Directions) -> list[np.ndarray]:
    """Return for each input the gradients of one output for several cotangents, as columns."""
    pull = problem.pull(output)
    dtype = problem.outputs[output].dtype
    rows: list[list[np.ndarray]] = [[] for _ in problem.point]
    for cotangent in cotangents:
        for row, gradient in zip(
            rows, pull(problem.point, jnp.asarray(cotangent, dtype)), strict=True
        ):
            row.append(np.asarray(gradient).ravel())
    return [
        np.stack(row, 1) if row else np.zeros((x.size, 0))
        for row, x in zip(rows, problem.point, strict=True)
    ]


def forward(problem: Problem, index: int, directions: Directions) -> list[np.ndarray]:
    """Return the derivative of every output along several directions, by forward mode."""
    push = problem.push
    tangents = [jnp.zeros_like(x) for x in problem.point]
    columns: list[list[np.ndarray]] = [[] for _ in problem.outputs]
    for direction in directions:
        tangents[index] = jnp.asarray(direction, problem.point[index].dtype)
        for column, tangent in zip(columns, push(problem.point, tangents), strict=True):
            column.append(np.asarray(tangent).ravel())
    return [
        np.stack(column) if column else np.zeros((0, output.size))
        for column, output in zip(columns, problem.outputs, strict=True)
    ]


def axes(aval: Shaped) -> list[complex]:
    """Return the axes along which an input is differentiated."""
    return [1.0, 1j] if is_complex(aval.dtype) else [1.0]


def as_gradient(along: Sequence[np.ndarray], part: str) -> np.ndarray:
    """Make what backward mode should give of derivatives along the axes of an input.

    For a real function of `z = x + iy` the gradient is `df/dx + i df/dy`. `part` says which
    part of a complex output is the function.
    """
    real = [derivative.imag if part == "imaginary" else derivative.real for derivative in along]
    return real[0] + 1j * real[1] if len(real) == 2 else real[0]


def eager_gradients(problem: Problem, seeds: Sequence[ArrayLike]) -> list[np.ndarray]:
    """Go back once through a fresh trace, operation by operation."""
    outputs, pull = jax.vjp(problem.call, *problem.point)
    full = [
        jnp.asarray(seed, output.dtype)
        if i in problem.differentiable
        else np.zeros(output.shape, jax.dtypes.float0)
        if not jnp.issubdtype(output.dtype, np.inexact)
        else jnp.zeros_like(output)
        for i, (seed, output) in enumerate(zip(seeds, outputs, strict=True))
    ]
    return [np.asarray(gradient) for gradient in pull(full)]
