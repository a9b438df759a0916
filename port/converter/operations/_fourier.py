"""Fourier transforms, and complex numbers as pairs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array


def _over(function: Callable[..., Array], dims: tuple[int, ...] | None) -> Callable[..., Array]:
    """Return a transform over several axes, those given by default."""

    def transform(
        x: Array,
        s: Sequence[int] | None = None,
        dim: Sequence[int] | None = dims,
        norm: str | None = None,
    ) -> Array:
        return function(x, s, dim, norm)

    return transform


def _shifted(function: Callable[..., Array]) -> Callable[..., Array]:
    return lambda x, dim=None: function(x, dim)


def _from_pairs(x: Array) -> Array:
    return jax.lax.complex(x[..., 0], x[..., 1])


def _as_pairs(x: Array) -> Array:
    return jnp.stack([x.real, x.imag], -1)


PLANE = (-2, -1)
OPERATIONS: Mapping[str, Callable[..., Any]] = {
    **{
        f"aten.fft_{name}.default": getattr(jnp.fft, name)
        for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
    },
    **{
        f"aten.fft_{name}2.default": _over(getattr(jnp.fft, f"{name}n"), PLANE)
        for name in ("fft", "ifft", "rfft", "irfft")
    },
    **{
        f"aten.fft_{name}n.default": _over(getattr(jnp.fft, f"{name}n"), None)
        for name in ("fft", "ifft", "rfft", "irfft")
    },
    "aten.fft_fftshift.default": _shifted(jnp.fft.fftshift),
    "aten.fft_ifftshift.default": _shifted(jnp.fft.ifftshift),
    "aten.view_as_complex.default": _from_pairs,
    "aten.view_as_real.default": _as_pairs,
    "aten.complex.default": jax.lax.complex,
    "aten.real.default": jnp.real,
    "aten.imag.default": jnp.imag,
    "aten.conj.default": jnp.conj,
    "aten.conj_physical.default": jnp.conj,
    "aten._conj.default": jnp.conj,
    "aten.resolve_conj.default": lambda x: x,
}
