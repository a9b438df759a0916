"""Rows 1 to 4: a convolution as a matrix, and as scalar products of kernels with windows."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F

import conv

from .._row import Row

Results = dict[str, Any]

M, K, N = 3, 3, 8  # three kernels of length 3, a signal of 8 samples
T = N - K + 1


def normal(seed: int, *shapes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Draw float32 arrays from N(0, 1)."""
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(shape).astype(np.float32) for shape in shapes)


def kernels_and_signal() -> tuple[np.ndarray, ...]:
    """Draw m kernels of length k, (m, k), and a signal of n samples, (n,)."""
    return normal(1, (M, K), (N,))


# Row 1


def matrix_jax(kernels: Any, x: Any) -> Results:
    """Stack and shift each kernel, and multiply."""
    k = kernels.shape[1]
    layers = jax.jit(conv.conv_matrix, static_argnums=1)(kernels, x.size)
    row, column = np.indices(layers.shape[1:])
    band = (column >= row) & (column < row + k)
    product = jax.jit(jnp.matmul)(layers, x)
    convolution = jax.jit(conv.conv1d)(x[None], kernels[:, None])
    return {
        "layers": layers.shape,
        "entries": layers,
        "off the band": abs(layers * ~band).max(),
        "layers @ x": product,
        "convolution": convolution,
        "|layers @ x - conv|": abs(product - convolution).max(),
    }


def matrix_torch(kernels: Any, x: Any) -> Results:
    """Stack and shift each kernel, and multiply."""
    kernels, x = torch.tensor(kernels), torch.tensor(x)
    (m, k), n = kernels.shape, x.numel()
    layers = torch.zeros(m, n - k + 1, n)
    for i in range(n - k + 1):
        layers[:, i, i : i + k] = kernels
    band = torch.ones(n - k + 1, n).triu().tril(k - 1) > 0
    product = layers @ x
    convolution = F.conv1d(x[None], kernels[:, None])
    return {
        "layers": tuple(layers.shape),
        "entries": layers,
        "off the band": (layers * ~band).abs().max(),
        "layers @ x": product,
        "convolution": convolution,
        "|layers @ x - conv|": (product - convolution).abs().max(),
    }


# Row 2


def vectors_jax(kernels: Any, x: Any) -> Results:
    """Convolve: one vector a kernel."""
    y = jax.jit(conv.conv1d)(x[None], kernels[:, None])
    return {"vectors": y.shape[0], "their length": y.shape[1], "values": y}


def vectors_torch(kernels: Any, x: Any) -> Results:
    """Convolve: one vector a kernel."""
    y = F.conv1d(torch.tensor(x)[None], torch.tensor(kernels)[:, None])
    return {"vectors": y.shape[0], "their length": y.shape[1], "values": y}


# Row 3


def times() -> tuple[np.ndarray, ...]:
    """Make the domain Omega = 1, 2, ..., 64."""
    return (np.arange(1, 65, dtype=np.float32),)


def signal_jax(omega: Any) -> Results:
    """Sample a signal, a function of time, at every point of its domain."""

    def mono(t: Any) -> Any:
        return jnp.stack([jnp.sin(t / 4) * jnp.exp(-t / 32)])

    def stereo(t: Any) -> Any:
        return jnp.stack([jnp.sin(t / 4) * jnp.exp(-t / 32), jnp.cos(t / 3) * t / 64])

    x1 = jax.jit(jax.vmap(mono, out_axes=1))(omega)
    x2 = jax.jit(jax.vmap(stereo, out_axes=1))(omega)
    return {"mono": x1.shape, "stereo": x2.shape, "mono samples": x1, "stereo samples": x2}


def signal_torch(omega: Any) -> Results:
    """Sample a signal, a function of time, at every point of its domain."""

    def mono(t: Any) -> Any:
        return torch.stack([torch.sin(t / 4) * torch.exp(-t / 32)])

    def stereo(t: Any) -> Any:
        return torch.stack([torch.sin(t / 4) * torch.exp(-t / 32), torch.cos(t / 3) * t / 64])

    x1 = torch.vmap(mono, out_dims=1)(torch.tensor(omega))
    x2 = torch.vmap(stereo, out_dims=1)(torch.tensor(omega))
    return {
        "mono": tuple(x1.shape),
        "stereo": tuple(x2.shape),
        "mono samples": x1,
        "stereo samples": x2,
    }


# Row 4


def stereo_and_kernels() -> tuple[np.ndarray, ...]:
    """Draw a signal of two channels, (c, n), and m kernels as thick, (m, c, k)."""
    return normal(4, (2, N), (M, 2, K))


def products_jax(x: Any, kernels: Any) -> Results:
    """Take each sample as the scalar product of a kernel with a window."""
    product = jax.jit(conv.scalar_products)
    layers = [product(x[c : c + 1], kernels[:, c : c + 1]) for c in range(x.shape[0])]
    convolution = jax.jit(conv.conv1d)(x, kernels)
    return {
        "kernels": kernels.shape,
        "scalar products": product(x, kernels),
        "channel by channel": jnp.stack(layers),
        "sum over channels": sum(layers),
        "convolution": convolution,
        "|products - conv|": abs(product(x, kernels) - convolution).max(),
    }


def products_torch(x: Any, kernels: Any) -> Results:
    """Take each sample as the scalar product of a kernel with a window."""
    x, kernels = torch.tensor(x), torch.tensor(kernels)
    windows = x.unfold(1, kernels.shape[2], 1)  # (c, n-k+1, k)
    layers = torch.einsum("mck,cik->cmi", kernels, windows)
    products = torch.stack(
        [
            torch.stack([torch.vdot(w.flatten(), windows[:, i].flatten()) for w in kernels])
            for i in range(windows.shape[1])
        ],
        dim=1,
    )
    convolution = F.conv1d(x, kernels)
    return {
        "kernels": tuple(kernels.shape),
        "scalar products": products,
        "channel by channel": layers,
        "sum over channels": layers.sum(0),
        "convolution": convolution,
        "|products - conv|": (products - convolution).abs().max(),
    }


ROWS = (
    Row(
        1,
        "A convolution is a matrix: each of m kernels of length k, stacked and shifted, makes a "
        "sparse layer of shape (n-k+1, n)",
        kernels_and_signal,
        matrix_jax,
        matrix_torch,
        ("layers", "off the band", "|layers @ x - conv|"),
        {
            "layers": (M, T, N),
            "off the band": 0.0,
            "|layers @ x - conv|": 0.0,
        },
    ),
    Row(
        2,
        "Its result: m vectors of length n-k+1",
        kernels_and_signal,
        vectors_jax,
        vectors_torch,
        ("vectors", "their length"),
        {"vectors": M, "their length": T},
    ),
    Row(
        3,
        "A signal is a map from Omega to R^c: c=1 is monophonic, c=2 stereophonic; here (c, n)",
        times,
        signal_jax,
        signal_torch,
        ("mono", "stereo"),
        {"mono": (1, 64), "stereo": (2, 64)},
    ),
    Row(
        4,
        "Each sample is the scalar product of one kernel, of thickness c, with one window",
        stereo_and_kernels,
        products_jax,
        products_torch,
        ("kernels", "channel by channel", "|products - conv|"),
        {"kernels": (M, 2, K), "|products - conv|": 0.0},
    ),
)
