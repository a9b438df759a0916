"""Long one-dimensional convolutions by the convolution theorem: a product of real spectra."""

import jax
import jax.numpy as jnp

from .._method import Method
from .._problem import Problem


def fast_size(n: int) -> int:
    """Return the least size of at least n without prime factors above 5."""
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1


def _forward(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve (N, C, L) with (O, C / groups, k), stride and dilation 1; depthwise or dense."""
    ((low, high),) = p.padding
    # Room for what looks before the input, and behind its end, without wrapping into each other.
    reach = p.kernel[0] - 1
    size = fast_size(x.shape[2] + max(reach, low) + max(high - reach, 0))
    signal, kernel = jnp.fft.rfft(x, size), jnp.conj(jnp.fft.rfft(w, size))
    if p.groups == 1:
        spectrum = jnp.einsum("ncf,ocf->nof", signal, kernel)
    else:
        n, c, f = signal.shape
        each = kernel.reshape(c, -1, f)
        spectrum = (signal[:, :, None] * each).reshape(n, -1, f)
    y = jnp.fft.irfft(spectrum, size)
    # Output 0 begins `low` elements before the input: those wrapped around to the end.
    y = jnp.concatenate([y[..., size - low :], y], -1) if low else y
    return y[..., : p.out[0]]


def _weight(p: Problem, x: jax.Array, g: jax.Array) -> jax.Array:
    """Return the weight gradient (O, C / groups, k) of such a convolution."""
    ((low, high),) = p.padding
    size = fast_size(max(x.shape[2] + max(low, high), g.shape[2]))
    signal, gradient = jnp.fft.rfft(x, size), jnp.conj(jnp.fft.rfft(g, size))
    if p.groups == 1:
        spectrum = jnp.einsum("ncf,nof->ocf", signal, gradient)
    else:
        n, c, f = signal.shape
        each = gradient.reshape(n, c, -1, f)
        spectrum = (signal[:, :, None] * each).sum(0).reshape(-1, 1, f)
    r = jnp.fft.irfft(spectrum, size)
    r = jnp.concatenate([r[..., size - low :], r], -1) if low else r
    return r[..., : p.kernel[0]]


SPECTRA = Method(
    "spectra",
    {"forward": _forward, "weight": _weight},
    lambda p: (
        p.dims == 1
        and not p.spreads
        and p.unit_stride
        and p.unit_dilation
        and (p.groups == 1 or p.per_group[0] == 1)
    ),
    adds_padding=False,  # it spreads what is not finite anyway
)
