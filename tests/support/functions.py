"""Pairs of functions, one for JAX and one for PyTorch, that the tests of derivatives share.

Each entry is ``(make, inputs)``: ``make(jax.numpy)`` and ``make(torch)`` are the two sides.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch.autograd.gradcheck import GradcheckError as TorchError

import grad

X = np.array([[0.3, 1.2], [2.5, 0.7]])
Y = np.array([[1.5, -0.5], [0.25, 2.0]])
Z = X + 1j * Y
U = np.array([0.5, -1.25, 2.0])
W = np.array([1.5, 0.75, -0.25])
S = np.float64(0.75)
C = np.complex128(0.5 - 1.25j)
M = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]])

FUNCTIONS: dict[str, tuple[Any, Any]] = {
    # one real number out
    "sum": (lambda m: lambda x: m.sum(x), X),
    "sum of squares": (lambda m: lambda x: m.sum(x * x), X),
    "cubes": (lambda m: lambda x: m.sum(x**3), X),
    "one element": (lambda m: lambda x: m.sum(m.sin(x)).reshape(1, 1), X),
    "scalar to scalar": (lambda m: lambda x: m.exp(x) * x, S),
    "log sum exp": (lambda m: lambda x: m.log(m.sum(m.exp(x))), U),
    "determinant": (lambda m: lambda x: m.linalg.det(x), X),
    "quadratic form": (lambda m: lambda x, y: m.sum((x @ y) * x), (X, Y)),
    "two vectors": (lambda m: lambda u, w: m.sum(u * m.exp(w)) ** 2, (U, W)),
    "scalar and vector": (lambda m: lambda s, u: m.sum(m.tanh(s * u)), (S, U)),
    "three inputs": (lambda m: lambda s, u, w: s * m.sum(u * u * w), (S, U, W)),
    "second unused": (lambda m: lambda u, w: m.sum(m.sin(u)), (U, W)),
    "second linear": (lambda m: lambda u, w: m.sum(u**3) + m.sum(w), (U, W)),
    "tuple of one in": (lambda m: lambda x: m.sum(m.cos(x)), (X,)),
    "product": (lambda m: lambda u: m.prod(u), U),
    "constant": (lambda m: lambda x: m.ones((), dtype=m.float64), X),
    "floor": (lambda m: lambda x: m.sum(m.floor(x) * x), X),
    "where": (lambda m: lambda u: m.sum(m.where(u > 0, u**3, m.exp(u))), U),
    "of complex": (lambda m: lambda z: m.sum(m.abs(z) ** 2), Z),
    "of complex parts": (lambda m: lambda z: m.sum(m.real(z) ** 2 * m.imag(z)), Z),
    "of complex and real": (lambda m: lambda z, x: m.sum(m.real(z * z) * x), (Z, X)),
    "of a complex number": (lambda m: lambda z: m.abs(z) ** 4, C),
    # several real numbers out
    "sine": (lambda m: lambda u: m.sin(u), U),
    "doubled": (lambda m: lambda x: 2 * x, X),
    "identity": (lambda m: lambda x: x, U),
    "matrix times vector": (lambda m: lambda a, u: a @ u, (M, U)),
    "matrix product": (lambda m: lambda x, y: x @ y, (X, Y)),
    "sums of rows": (lambda m: lambda x: m.sum(m.exp(x), 1), X),
    "inverse": (lambda m: lambda x: m.linalg.inv(x), X),
    "reshaped": (lambda m: lambda x: m.sin(x).reshape(4, 1), X),
    "running sum": (lambda m: lambda u: m.cumsum(u * u, 0), U),
    "softmax": (lambda m: lambda u: m.exp(u) / m.sum(m.exp(u)), U),
    "outer product": (lambda m: lambda u, w: u[:, None] * w[None, :], (U, W)),
    "scalar to vector": (lambda m: lambda s: m.stack([s, s * s, m.sin(s)]), S),
    # several arrays out
    "tuple of one out": (lambda m: lambda u: (m.sum(u * u),), U),
    "two out": (lambda m: lambda u: (m.sin(u), m.sum(u * u)), U),
    "two in, two out": (lambda m: lambda u, w: (u * w, m.sum(u**2 * w)), (U, W)),
    "one out constant": (lambda m: lambda u: (u * u, m.ones((2,), dtype=m.float64)), U),
    "one out floored": (lambda m: lambda u: (u * u, m.floor(u + 0.3)), U),
    "each its own": (lambda m: lambda u, w: (u * u, w**3), (U, W)),
    "an integer out": (lambda m: lambda u: (u * u, m.argmax(u)), U),
    "only an integer out": (lambda m: lambda u: m.argmax(u), U),
    # complex numbers out
    "complex square": (lambda m: lambda z: z * z, Z),
    "conjugate": (lambda m: lambda z: m.conj(z) * z * (1 + 2j), Z),
    "real to complex": (lambda m: lambda x: x * x * (1 + 2j), X),
    "complex and real": (lambda m: lambda z, x: z * m.exp(x), (Z, X)),
    "complex number": (lambda m: lambda z: z**3, C),
    "real and complex out": (lambda m: lambda u: (u * u, u * 1j), U),
}


def to(kind: str, tree: Any) -> Any:
    """Convert every NumPy array of a tree to JAX's or to PyTorch's."""
    convert = jnp.asarray if kind == "jax" else torch.tensor
    return jax.tree.map(lambda leaf: convert(np.asarray(leaf)), tree)


def vector_like(tree: Any) -> Any:
    """Numbers without a pattern in the shapes and dtypes of a tree of NumPy arrays."""
    rng = np.random.default_rng(3)

    def draw(leaf: Any) -> Any:
        leaf = np.asarray(leaf)
        values = rng.normal(size=leaf.shape)
        if leaf.dtype.kind == "c":
            values = values + 1j * rng.normal(size=leaf.shape)
        return np.asarray(values).astype(leaf.dtype)

    return jax.tree.map(draw, tree)


def torch_inputs(inputs: Any) -> tuple[torch.Tensor, ...]:
    """Convert to leaf tensors; those of a floating point or complex dtype require grad."""
    tensors = to("torch", inputs if isinstance(inputs, tuple) else (inputs,))
    return tuple(
        t.requires_grad_() if t.dtype.is_floating_point or t.is_complex() else t for t in tensors
    )


def verdicts(name: str, ours: Any, theirs: Any, inputs: Any, **options: Any) -> list[Any]:
    """Run gradcheck or gradgradcheck on both sides; each gives True, or its error."""
    results: list[Any] = []
    for module, func, arrays in (
        (grad, ours, to("jax", inputs)),
        (torch.autograd, theirs, torch_inputs(inputs)),
    ):
        try:
            results.append(getattr(module, name)(func, arrays, **options))
        except (grad.GradcheckError, TorchError) as e:
            results.append(e)
    return results
