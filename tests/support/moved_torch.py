"""Six classes of the kinds that public repositories have, as they are written for PyTorch.

`moved_jax` has the same classes with jax.numpy in the place of torch, in the same order.
"""

from typing import Any

import torch
from torch.autograd import Function


class LearnedStep(Function):
    """Round to multiples of a step that is learned; straight through between the bounds (LSQ)."""

    @staticmethod
    def forward(ctx: Any, w: Any, step: Any, scale: float, low: int, high: int) -> Any:
        ctx.save_for_backward(w, step)
        ctx.settings = scale, low, high
        return (w / step).round().clamp(low, high) * step

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        w, step = ctx.saved_tensors
        scale, low, high = ctx.settings
        ratio = w / step
        below, above = (ratio < low).to(w.dtype), (ratio > high).to(w.dtype)
        between = 1 - below - above
        slope = below * low + above * high + between * (ratio.round() - ratio)
        grad_step = (slope * grad_output * scale).sum().unsqueeze(dim=0)
        return between * grad_output, grad_step, None, None, None


class Sparsemax(Function):
    """The nearest point of the simplex, along a dimension."""

    @staticmethod
    def forward(ctx: Any, x: Any, dim: int = -1) -> Any:
        ctx.dim = dim
        x = x - x.max(dim=dim, keepdim=True).values
        ordered = torch.sort(x, dim=dim, descending=True).values
        total = torch.cumsum(ordered, dim=dim)
        shape = [1] * x.dim()
        shape[dim] = -1
        rank = torch.arange(1, x.size(dim) + 1, dtype=x.dtype).view(shape)
        size = (1 + rank * ordered > total).sum(dim=dim, keepdim=True)
        tau = (torch.gather(total, dim, size - 1) - 1) / size.to(x.dtype)
        output = torch.clamp(x - tau, min=0)
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        (output,) = ctx.saved_tensors
        support = (output > 0).to(grad_output.dtype)
        mean = (grad_output * support).sum(ctx.dim, keepdim=True) / support.sum(
            ctx.dim, keepdim=True
        )
        return support * (grad_output - mean), None


class Spike(Function):
    """A step, whose gradient is that of an arctangent."""

    width = 2.0

    @staticmethod
    def forward(ctx: Any, potential: Any) -> Any:
        ctx.save_for_backward(potential)
        return (potential > 0).to(potential.dtype)

    @classmethod
    def backward(cls, ctx: Any, grad_output: Any) -> Any:
        (potential,) = ctx.saved_tensors
        return (
            grad_output.clone() * cls.width / 2 / (1 + (torch.pi / 2 * cls.width * potential) ** 2)
        )


class ReverseGradient(Function):
    """The same value; the gradient the other way round, for domains that are to look alike."""

    @staticmethod
    def forward(ctx: Any, x: Any, alpha: float) -> Any:
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        return grad_output.neg() * ctx.alpha, None


class Quantise(Function):
    """The nearest rows of a codebook, and their numbers."""

    @staticmethod
    def forward(ctx: Any, inputs: Any, codebook: Any) -> Any:
        flat = inputs.reshape(-1, codebook.size(1))
        squares = (codebook**2).sum(1) + (flat**2).sum(1, keepdim=True)
        indices = torch.min(squares - 2 * flat @ codebook.t(), dim=1).indices
        ctx.save_for_backward(indices, codebook)
        ctx.mark_non_differentiable(indices)
        codes = torch.index_select(codebook, 0, indices)
        return codes.view_as(inputs), indices

    @staticmethod
    def backward(ctx: Any, grad_output: Any, grad_indices: Any) -> Any:
        grad_inputs = grad_codebook = None
        if ctx.needs_input_grad[0]:
            grad_inputs = grad_output.clone()
        if ctx.needs_input_grad[1]:
            indices, codebook = ctx.saved_tensors
            flat = grad_output.contiguous().view(-1, codebook.size(1))
            grad_codebook = torch.zeros_like(codebook)
            grad_codebook.index_add_(0, indices, flat)
        return grad_inputs, grad_codebook


class LowerBound(Function):
    """A clamp; the gradient passes where it would move a value that is out of bounds back in."""

    @staticmethod
    def forward(ctx: Any, x: Any, bound: Any) -> Any:
        ctx.save_for_backward(x, bound)
        return torch.max(x, bound)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        x, bound = ctx.saved_tensors
        passes = (x >= bound) | (grad_output < 0)
        return passes.type(grad_output.dtype) * grad_output, None


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


def leaky_neurons(currents: Any, w: Any, leak: Any) -> Any:
    """Neurons that integrate, leak, fire and start anew; the number of spikes of each."""
    potential = torch.zeros_like(currents[0])
    counts = torch.zeros_like(currents[0])
    for current in currents:
        potential = leak * potential + current @ w
        spikes = Spike.apply(potential - 1.0)
        potential = potential - spikes
        counts = counts + spikes * torch.sigmoid(potential)
    return counts


unrolled_neurons = leaky_neurons
