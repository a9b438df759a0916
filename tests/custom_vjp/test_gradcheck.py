"""gradcheck and gradgradcheck of every function of the package, away from kinks and poles."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import custom_vjp
from custom_vjp import functional as F
from grad import gradcheck, gradgradcheck

# Numbers of both signs, no two alike and none near a kink at 0, 1/2 or 1; and positive ones.
SIGNED = np.array([[0.31, -1.42, 0.77], [-0.25, 2.13, -0.68]])
OTHER = np.array([[1.27, 0.36, -0.84], [0.58, -1.91, 0.15]])
POSITIVE = np.array([[0.32, 1.43, 0.78], [0.24, 2.12, 0.67]])
SMALL = np.array([[0.31, 0.12, 0.83], [0.64, 0.45, 0.28]])
COMPLEX = SIGNED + 1j * OTHER

SMOOTH: dict[str, tuple[Callable[..., Any], tuple[np.ndarray, ...]]] = {
    "abs": (F.abs, (SIGNED,)),
    "abs, complex": (F.abs, (COMPLEX,)),
    "add": (custom_vjp.add, (SIGNED, OTHER)),
    "amax": (lambda x: F.amax(x, 1), (SIGNED,)),
    "amin": (lambda x: F.amin(x, (0, 1)), (SIGNED,)),
    "angle": (F.angle, (COMPLEX,)),
    "atan2": (F.atan2, (SIGNED, OTHER)),
    "clamp": (lambda x: F.clamp(x, -0.5, 1.0), (SIGNED,)),
    "copysign": (F.copysign, (SIGNED, OTHER)),
    "cosine_similarity": (F.cosine_similarity, (SIGNED, OTHER)),
    "cummax": (lambda x: F.cummax(x, 1)[0], (SIGNED,)),
    "cummin": (lambda x: F.cummin(x, 0)[0], (SIGNED,)),
    "digamma": (F.digamma, (POSITIVE,)),
    "dist": (F.dist, (SIGNED, OTHER)),
    "float_power": (F.float_power, (POSITIVE, OTHER)),
    "fmax": (F.fmax, (SIGNED, OTHER)),
    "fmin": (F.fmin, (SIGNED, OTHER)),
    "gelu": (F.gelu, (SIGNED,)),
    "hardtanh": (F.hardtanh, (SIGNED,)),
    "hypot": (F.hypot, (SIGNED, OTHER)),
    "l1_loss": (F.l1_loss, (SIGNED, OTHER)),
    "leaky_relu": (F.leaky_relu, (SIGNED,)),
    "lgamma": (F.lgamma, (POSITIVE,)),
    "logaddexp": (F.logaddexp, (SIGNED, OTHER)),
    "logaddexp2": (F.logaddexp2, (SIGNED, OTHER)),
    "logit": (F.logit, (SMALL,)),
    "max": (custom_vjp.max, (SIGNED[0],)),
    "max over a dimension": (lambda x: F.max(x, 1)[0], (SIGNED,)),
    "maximum": (F.maximum, (SIGNED, OTHER)),
    "median": (lambda x: F.median(x, 1)[0], (SIGNED,)),
    "min": (lambda x: F.min(x, 1)[0], (SIGNED,)),
    "minimum": (F.minimum, (SIGNED, OTHER)),
    "nanmedian": (F.nanmedian, (SIGNED,)),
    "norm": (lambda x: F.norm(x, 3, 1), (SIGNED,)),
    "normalize": (F.normalize, (SIGNED,)),
    "pow": (F.pow, (POSITIVE, OTHER)),
    "relu": (F.relu, (SIGNED,)),
    "sign": (F.sign, (SIGNED,)),
    "softplus": (F.softplus, (SIGNED,)),
    "split": (custom_vjp.split, (SIGNED,)),
    "std": (lambda x: F.std(x, 1), (SIGNED,)),
    "var": (lambda x: F.var(x, 0), (SIGNED,)),
    "vector_norm": (lambda x: F.vector_norm(x, 2.5, 1), (SIGNED,)),
    "vector_norm, complex": (F.vector_norm, (COMPLEX,)),
    "xlog1py": (F.xlog1py, (SIGNED, SMALL)),
    "xlogy": (F.xlogy, (SIGNED, POSITIVE)),
}
# Not functions of arrays with a derivative: a class, a decorator, a transformation, a module, and
# the one whose derivative PyTorch refuses.
OTHERS = {"Function", "once_differentiable", "complex_grad", "functional", "floor_divide"}


def test_no_name_is_left_out() -> None:
    tested = {name.split(",")[0].split(" ")[0] for name in SMOOTH}
    assert tested == set(custom_vjp.__all__) - OTHERS


@pytest.mark.parametrize("name", SMOOTH)
def test_first_and_second_derivatives(name: str) -> None:
    function, inputs = SMOOTH[name]
    arrays = tuple(jnp.asarray(a) for a in inputs)
    forward = name not in ("add", "split", "max")  # the lecture's, which have a backward only
    assert gradcheck(function, arrays, check_forward_ad=forward, check_batched_grad=True)
    assert gradgradcheck(function, arrays, check_batched_grad=True)


REAL = [
    name
    for name, (_, inputs) in SMOOTH.items()
    if name not in ("add", "split", "max") and not any(map(np.iscomplexobj, inputs))
]


@pytest.mark.parametrize("name", REAL)
def test_the_hessian_is_the_jacobian_of_the_gradient(name: str) -> None:
    """Forward over reverse, beside central differences of the gradient."""
    function, inputs = SMOOTH[name]
    x, *rest = (jnp.asarray(a) for a in inputs)
    gradient = jax.jit(jax.grad(lambda x: (function(x, *rest) ** 2).sum()))
    found = jax.hessian(lambda x: (function(x, *rest) ** 2).sum())(x)
    for at in np.ndindex(x.shape):
        step = jnp.zeros_like(x).at[at].set(1e-6)
        numeric = (gradient(x + step) - gradient(x - step)) / 2e-6
        np.testing.assert_allclose(found[(..., *at)], numeric, rtol=1e-5, atol=1e-5)
