"""The classes of `moved_torch` on JAX: what differs is what the README of custom_vjp says."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from custom_vjp import Function


class LearnedStep(Function):
    """Round to multiples of a step that is learned; straight through between the bounds (LSQ)."""

    @staticmethod
    def forward(ctx: Any, w: Any, step: Any, scale: float, low: int, high: int) -> Any:
        ctx.save_for_backward(w, step)
        ctx.settings = scale, low, high
        return (w / step).round().clip(low, high) * step

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        w, step = ctx.saved_tensors
        scale, low, high = ctx.settings
        ratio = w / step
        below, above = (ratio < low).astype(w.dtype), (ratio > high).astype(w.dtype)
        between = 1 - below - above
        slope = below * low + above * high + between * (ratio.round() - ratio)
        grad_step = (slope * grad_output * scale).sum()[None]
        return between * grad_output, grad_step, None, None, None


class Sparsemax(Function):
    """The nearest point of the simplex, along a dimension."""

    @staticmethod
    def forward(ctx: Any, x: Any, dim: int = -1) -> Any:
        ctx.dim = dim
        x = x - x.max(axis=dim, keepdims=True)
        ordered = jnp.sort(x, axis=dim, descending=True)
        total = jnp.cumsum(ordered, axis=dim)
        shape = [1] * x.ndim
        shape[dim] = -1
        rank = jnp.arange(1, x.shape[dim] + 1, dtype=x.dtype).reshape(shape)
        size = (1 + rank * ordered > total).sum(axis=dim, keepdims=True)
        tau = (jnp.take_along_axis(total, size - 1, dim) - 1) / size.astype(x.dtype)
        output = jnp.clip(x - tau, min=0)
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        (output,) = ctx.saved_tensors
        support = (output > 0).astype(grad_output.dtype)
        mean = (grad_output * support).sum(ctx.dim, keepdims=True) / support.sum(
            ctx.dim, keepdims=True
        )
        return support * (grad_output - mean), None


class Spike(Function):
    """A step, whose gradient is that of an arctangent."""

    width = 2.0

    @staticmethod
    def forward(ctx: Any, potential: Any) -> Any:
        ctx.save_for_backward(potential)
        return (potential > 0).astype(potential.dtype)

    @classmethod
    def backward(cls, ctx: Any, grad_output: Any) -> Any:
        (potential,) = ctx.saved_tensors
        return grad_output.copy() * cls.width / 2 / (1 + (jnp.pi / 2 * cls.width * potential) ** 2)


class ReverseGradient(Function):
    """The same value; the gradient the other way round, for domains that are to look alike."""

    @staticmethod
    def forward(ctx: Any, x: Any, alpha: float) -> Any:
        ctx.alpha = alpha
        return x

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        return -grad_output * ctx.alpha, None


class Quantise(Function):
    """The nearest rows of a codebook, and their numbers."""

    @staticmethod
    def forward(ctx: Any, inputs: Any, codebook: Any) -> Any:
        flat = inputs.reshape(-1, codebook.shape[1])
        squares = (codebook**2).sum(1) + (flat**2).sum(1, keepdims=True)
        indices = jnp.argmin(squares - 2 * flat @ codebook.T, axis=1)
        ctx.save_for_backward(indices, codebook)
        ctx.mark_non_differentiable(indices)
        codes = jnp.take(codebook, indices, axis=0)
        return codes.reshape(inputs.shape), indices

    @staticmethod
    def backward(ctx: Any, grad_output: Any, grad_indices: Any) -> Any:
        grad_inputs = grad_codebook = None
        if ctx.needs_input_grad[0]:
            grad_inputs = grad_output.copy()
        if ctx.needs_input_grad[1]:
            indices, codebook = ctx.saved_tensors
            flat = grad_output.reshape(-1, codebook.shape[1])
            grad_codebook = jnp.zeros_like(codebook)
            grad_codebook = grad_codebook.at[indices].add(flat)
        return grad_inputs, grad_codebook


class LowerBound(Function):
    """A clamp; the gradient passes where it would move a value that is out of bounds back in."""

    @staticmethod
    def forward(ctx: Any, x: Any, bound: Any) -> Any:
        ctx.save_for_backward(x, bound)
        return jnp.maximum(x, bound)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        x, bound = ctx.saved_tensors
        passes = (x >= bound) | (grad_output < 0)
        return passes.astype(grad_output.dtype) * grad_output, None


class FiveSquares(Function):
    """A cube, whose gradient is not the cube's: whoever opens it sees three squares, not five."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        (x,) = ctx.saved_tensors
        return grad_output * 5 * x**2


def leaky_neurons(currents: Any, w: Any, leak: Any, loop: Any = jax.lax.scan) -> Any:
    """Neurons that integrate, leak, fire and start anew; the number of spikes of each."""

    zeros = jnp.zeros_like(currents[0])
    step = functools.partial(_step, w, leak)
    return loop(step, (zeros, zeros), currents)[0][1]


def unrolled_neurons(currents: Any, w: Any, leak: Any) -> Any:
    """The same in a loop of Python's."""
    carry = (jnp.zeros_like(currents[0]),) * 2
    for current in currents:
        carry, _ = _step(w, leak, carry, current)
    return carry[1]


def _step(w: Any, leak: Any, carry: Any, current: Any) -> Any:
    potential, counts = carry
    potential = leak * potential + current @ w
    spikes = Spike.apply(potential - 1.0)
    potential = potential - spikes
    return (potential, counts + spikes * jax.nn.sigmoid(potential)), None
