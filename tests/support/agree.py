"""Comparison helpers. Each one asserts, always; none compares the code under test with itself."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

# Largest difference allowed, relative to the largest value expected. The sums in these tests have
# up to some thousand terms in another order than PyTorch's: a few times sqrt(1000) rounding errors
# of half a unit each in float32, and the like in the other dtypes. Two bytes are rounded once at
# the end by both sides (bfloat16: 2^-8), and once more where a bias is added.
TOLERANCE = {
    "float64": 1e-12,
    "complex128": 1e-12,
    "float32": 1e-5,
    "complex64": 1e-5,
    "float16": 2e-3,
    "bfloat16": 1.6e-2,
}

DTYPES = {
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float32": torch.float32,
    "float64": torch.float64,
    "complex64": torch.complex64,
    "complex128": torch.complex128,
    "int8": torch.int8,
    "uint8": torch.uint8,
    "int16": torch.int16,
    "int32": torch.int32,
    "int64": torch.int64,
    "bool": torch.bool,
}


def draw(seed: int, shape: Sequence[int], dtype: str = "float64") -> np.ndarray:
    """Random numbers: standard normal, or integers of both signs where the dtype has them."""
    rng = np.random.default_rng(seed)
    if dtype.startswith("complex"):
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    if dtype.startswith(("int", "uint")):
        return rng.integers(0 if dtype[0] == "u" else -5, 6, shape).astype(dtype)
    return np.asarray(rng.normal(size=shape)).astype(jnp.dtype(dtype))


def to_torch(value: Any, requires_grad: bool = False) -> Any:
    """Copy an array to PyTorch, dtype kept; anything else passes through."""
    if not isinstance(value, np.ndarray | np.generic | jax.Array):
        return value
    name = value.dtype.name
    wide = np.array(value, dtype="float32") if name == "bfloat16" else np.array(value)
    return torch.from_numpy(wide).to(DTYPES[name]).requires_grad_(requires_grad)


def to_numpy(value: Any) -> np.ndarray:
    """Copy a JAX array or a tensor to NumPy; bfloat16 becomes float32, which holds it."""
    if isinstance(value, torch.Tensor):
        # Forced: also what PyTorch holds as a conjugate, or as zeros without storage.
        return (value.float() if value.dtype == torch.bfloat16 else value).numpy(force=True)
    value = np.asarray(value)
    return value.astype("float32") if value.dtype.name == "bfloat16" else value


def dtype_name(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.")


def assert_same(ours: Any, theirs: torch.Tensor, what: str = "value", scale: float = 1.0) -> None:
    """Shape, dtype and values; `scale` widens the tolerance for a reason given by the caller."""
    assert tuple(ours.shape) == tuple(theirs.shape), f"{what}: shape"
    name = dtype_name(ours)
    assert name == dtype_name(theirs), f"{what}: dtype"
    mine, right = to_numpy(ours), to_numpy(theirs)
    if name not in TOLERANCE:
        np.testing.assert_array_equal(mine, right, err_msg=what)
        return
    finite = np.abs(right[np.isfinite(right)])
    atol = TOLERANCE[name] * scale * max(1.0, finite.max(initial=0.0))
    np.testing.assert_allclose(mine, right, rtol=0, atol=atol, err_msg=what)


def assert_as_good(
    ours: Any, theirs: torch.Tensor, what: str, exact: Callable[[], torch.Tensor]
) -> None:
    """As `assert_same`; in two bytes, at least as near to the float64 result as PyTorch.

    PyTorch adds up some gradients in two bytes, with an error that grows with the number of terms.
    """
    halves = dtype_name(theirs) in ("float16", "bfloat16")
    if not halves or not torch.isfinite(theirs).all():
        assert_same(ours, theirs, what)
        return
    right = exact().detach().double()
    error = np.abs((theirs.detach().double() - right).numpy()).max(initial=0.0)
    allowed = TOLERANCE[dtype_name(theirs)] * np.abs(right.numpy()).max(initial=1.0)
    assert dtype_name(ours) == dtype_name(theirs), f"{what}: dtype"
    assert tuple(ours.shape) == tuple(theirs.shape), f"{what}: shape"
    mine = np.asarray(to_numpy(ours), "float64")
    np.testing.assert_allclose(mine, right.numpy(), rtol=0, atol=max(allowed, error), err_msg=what)


def is_inexact(value: Any) -> bool:
    return hasattr(value, "dtype") and jnp.issubdtype(value.dtype, jnp.inexact)


def assert_agree(
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    *arrays: Any,
    gradients: bool = True,
    scale: float = 1.0,
) -> None:
    """Value under jit, and the gradient of every floating argument for one random cotangent."""
    tensors = [to_torch(a, gradients and is_inexact(a)) for a in arrays]
    expected = theirs(*tensors)
    inputs = [jnp.asarray(a) for a in arrays]
    tracked = [i for i, t in enumerate(tensors) if t.requires_grad]
    if not tracked:
        assert_same(jax.jit(ours)(*inputs), expected, "value", scale)
        return

    def function(*chosen: Any) -> Any:
        full = list(inputs)
        for i, a in zip(tracked, chosen, strict=True):
            full[i] = a
        return ours(*full)

    def value_and_gradients(cotangent: jax.Array, *chosen: Any) -> tuple[Any, Any]:
        value, pull = jax.vjp(function, *chosen)
        return value, pull(cotangent.astype(value.dtype))

    # One program for value and gradients: compiling is most of what a test takes. JAX's cotangents
    # are the conjugates of PyTorch's gradients.
    cotangent = draw(7, tuple(expected.shape), dtype_name(expected))
    program = jax.jit(value_and_gradients)
    value, pulled = program(jnp.asarray(cotangent).conj(), *(inputs[i] for i in tracked))
    assert_same(value, expected, "value", scale)
    right = torch.autograd.grad(
        expected, [tensors[i] for i in tracked], to_torch(cotangent), allow_unused=False
    )
    for i, m, r in zip(tracked, pulled, right, strict=True):
        assert_same(m.conj(), r, f"gradient of argument {i}", scale)


def assert_refused(
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    arrays: Sequence[Any],
    error: type[Exception],
    words: Sequence[str],
) -> None:
    """Both refuse; ours while tracing, with all of `words` in the message.

    The message begins with the name of a function or module: what lax raises by accident does not.
    """
    tensors = [to_torch(a) for a in arrays]
    with pytest.raises(Exception):  # noqa: B017, PT011 - PyTorch's class and words are its own
        theirs(*tensors)
    inputs = [jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in arrays]
    with pytest.raises(error) as caught:
        jax.eval_shape(lambda: ours(*inputs))
    assert re.match(r"\w+: ", str(caught.value)), str(caught.value)
    for word in words:
        assert re.search(re.escape(word), str(caught.value)), (word, str(caught.value))
