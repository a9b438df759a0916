"""custom_vjp.functional: dimensions, empty arrays, numbers, and what is refused."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import torch.nn.functional as nn
from flax import nnx

from custom_vjp import functional as F
from tests.support.agree import assert_agree, assert_refused, assert_same, draw, to_torch

NAN, INF = float("nan"), float("inf")

# (ours, PyTorch's, shapes): one call with other arguments than the rows of the table have.
CALLS: list[tuple[str, Callable, Callable, tuple]] = [
    ("leaky_relu", lambda x: F.leaky_relu(x, -0.3), lambda x: nn.leaky_relu(x, -0.3), ((3, 4),)),
    ("hardtanh", lambda x: F.hardtanh(x, 0, 0.5), lambda x: nn.hardtanh(x, 0, 0.5), ((3, 4),)),
    ("clamp-max", lambda x: F.clamp(x, max=0), lambda x: torch.clamp(x, max=0), ((3, 4),)),
    ("clamp-swapped", lambda x: F.clamp(x, 1, -1), lambda x: torch.clamp(x, 1, -1), ((3, 4),)),
    ("clamp-broadcast", F.clamp, torch.clamp, ((3, 4), (4,), (3, 1))),
    (
        "clamp-arrays",
        lambda x, b: F.clamp(x, max=b),
        lambda x, b: torch.clamp(x, max=b),
        ((3, 4), (4,)),
    ),
    ("maximum-broadcast", F.maximum, torch.maximum, ((3, 1), (4,))),
    ("max-of-two", F.max, torch.max, ((3, 1), (4,))),
    ("min-of-two", F.min, torch.min, ((3, 1), (4,))),
    ("l1-sum", lambda a, b: F.l1_loss(a, b, "sum"),
     lambda a, b: nn.l1_loss(a, b, reduction="sum"), ((3, 4), (3, 4))),
    ("l1-none", lambda a, b: F.l1_loss(a, b, "none"),
     lambda a, b: nn.l1_loss(a, b, reduction="none"), ((3, 4), (3, 4))),
    ("softplus", lambda x: F.softplus(x, 2, 0.5), lambda x: nn.softplus(x, 2, 0.5), ((3, 4),)),
    ("gelu-tanh", lambda x: F.gelu(x, "tanh"), lambda x: nn.gelu(x, approximate="tanh"), ((5,),)),
    ("logit-eps", lambda x: F.logit(x, 0.1), lambda x: torch.logit(x, 0.1), ((20,),)),
    ("pow-3", lambda x: F.pow(x, 3), lambda x: torch.pow(x, 3), ((3, 4),)),
    ("pow--2", lambda x: F.pow(x, -2), lambda x: torch.pow(x, -2), ((3, 4),)),
    ("pow-0", lambda x: F.pow(x, 0), lambda x: torch.pow(x, 0), ((3, 4),)),
    ("pow-number", lambda x: F.pow(2.5, x), lambda x: torch.pow(2.5, x), ((3, 4),)),
    ("pow-broadcast", lambda x, p: F.pow(F.abs(x), p), lambda x, p: torch.pow(torch.abs(x), p),
     ((3, 1), (4,))),
    ("xlogy-number", lambda x: F.xlogy(2, x), lambda x: torch.xlogy(2, x), ((20,),)),
    ("max-dim", lambda x: F.max(x, -1).values, lambda x: torch.max(x, -1).values, ((3, 4),)),
    ("amax-dims", lambda x: F.amax(x, (0, -1)), lambda x: torch.amax(x, (0, -1)), ((3, 4, 2),)),
    ("amax-kept", lambda x: F.amax(x, 1, True), lambda x: torch.amax(x, 1, True), ((3, 4, 2),)),
    ("amin-all", F.amin, torch.amin, ((3, 4),)),
    ("median-dim", lambda x: F.median(x, 1).values, lambda x: torch.median(x, 1).values, ((3, 4),)),
    ("cummin", lambda x: F.cummin(x, -2).values, lambda x: torch.cummin(x, -2).values, ((4, 3),)),
    ("std-dims", lambda x: F.std(x, (0, 2)), lambda x: torch.std(x, (0, 2)), ((3, 4, 2),)),
    ("std-biased", lambda x: F.std(x, False), lambda x: torch.std(x, False), ((3, 4),)),
    ("std-positions", lambda x: F.std(x, 0, False, True), lambda x: torch.std(x, 0, False, True),
     ((3, 4),)),
    ("var-corrected", lambda x: F.var(x, 1, correction=0.5, keepdim=True),
     lambda x: torch.var(x, 1, correction=0.5, keepdim=True), ((3, 4),)),
    ("var-all-dims", lambda x: F.var(x, (0, 1)), lambda x: torch.var(x, (0, 1)), ((3, 4),)),
    ("max-of-two-numbers", F.max, torch.max, ((3,), ())),
    ("norm-dims", lambda x: F.norm(x, 3, (0, 1)), lambda x: torch.norm(x, 3, (0, 1)), ((3, 4, 2),)),
    ("norm-kept", lambda x: F.norm(x, "fro", -1, True), lambda x: torch.norm(x, "fro", -1, True),
     ((3, 4),)),
    ("norm-none", lambda x: F.norm(x, None), lambda x: torch.norm(x, None), ((3, 4),)),
    ("vector_norm-2.5", lambda x: F.vector_norm(x, 2.5, 0),
     lambda x: torch.linalg.vector_norm(x, 2.5, 0), ((3, 4),)),
    ("vector_norm--3", lambda x: F.vector_norm(x, -3), lambda x: torch.linalg.vector_norm(x, -3),
     ((3, 4),)),
    ("normalize", F.normalize, nn.normalize, ((3, 4),)),
    ("normalize-1", lambda x: F.normalize(x, 1, (0, 1)), lambda x: nn.normalize(x, 1, (0, 1)),
     ((3, 4),)),
    ("cosine", F.cosine_similarity, nn.cosine_similarity, ((3, 4), (1, 4))),
    ("dist-broadcast", lambda a, b: F.dist(a, b, 3), lambda a, b: torch.dist(a, b, 3),
     ((3, 4), (4,))),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs", "shapes"), [c[1:] for c in CALLS],
                         ids=[c[0] for c in CALLS])  # fmt: skip
def test_calls(ours: Callable, theirs: Callable, shapes: tuple) -> None:
    arrays = [draw(i, shape) for i, shape in enumerate(shapes)]
    assert_agree(ours, theirs, *arrays, scale=10)  # powers and roots, some units each


COMPLEX: list[tuple[str, Callable, Callable]] = [
    ("abs", F.abs, torch.abs),
    ("angle", F.angle, torch.angle),
    ("norm", F.norm, torch.norm),
    ("norm-1", lambda z: F.norm(z, 1), lambda z: torch.norm(z, 1)),
    ("norm-3", lambda z: F.norm(z, 3, 0), lambda z: torch.norm(z, 3, 0)),
    ("norm-half", lambda z: F.norm(z, 0.5), lambda z: torch.norm(z, 0.5)),
    ("norm-inf", lambda z: F.norm(z, INF), lambda z: torch.norm(z, INF)),
    ("normalize", F.normalize, nn.normalize),
    ("std", F.std, torch.std),
    ("var", lambda z: F.var(z, 1), lambda z: torch.var(z, 1)),
    ("pow", lambda z: F.pow(z, 2.5), lambda z: torch.pow(z, 2.5)),
    ("l1", lambda z: F.l1_loss(z, z * 0), lambda z: nn.l1_loss(z, z * 0)),
]


@pytest.mark.parametrize(("ours", "theirs"), [c[1:] for c in COMPLEX], ids=[c[0] for c in COMPLEX])
def test_complex(ours: Callable, theirs: Callable) -> None:
    """Gradients in PyTorch's convention, also where an element is 0."""
    z = draw(0, (3, 4), "complex128")
    z[0, 1] = 0
    assert_agree(ours, theirs, z, scale=10)


def test_complex_powers_of_complex_exponents() -> None:
    z, p = draw(0, (4,), "complex128"), draw(1, (4,), "complex128")
    z[0], p[0] = 0, 2
    assert_agree(F.pow, torch.pow, z, p, scale=10)
    assert_agree(F.pow, torch.pow, np.abs(z), p, scale=10)


def test_complex_grad_has_the_arguments_of_jax_grad() -> None:
    def loss(a: Any, b: Any) -> Any:
        return (jnp.abs(a["z"]) ** 2).sum() * b, a

    z, b = jnp.asarray(draw(0, (3,), "complex128")), jnp.asarray(2.0)
    (by_a, by_b), aux = jax.jit(F.complex_grad(loss, (0, 1), has_aux=True))({"z": z}, b)
    tensors = [to_torch(np.asarray(z), True), to_torch(np.asarray(b), True)]
    right = torch.autograd.grad((torch.abs(tensors[0]) ** 2).sum() * tensors[1], tensors)
    assert_same(by_a["z"], right[0])
    assert_same(by_b, right[1])
    np.testing.assert_array_equal(aux["z"], z)


# Elements, indices and ties on larger arrays of few values.

CHOOSING: list[tuple[str, Callable, Callable]] = [
    ("max", F.max, torch.max),
    ("min", F.min, torch.min),
    ("cummax", F.cummax, torch.cummax),
    ("cummin", F.cummin, torch.cummin),
]


@pytest.mark.parametrize(
    ("ours", "theirs"), [c[1:] for c in CHOOSING], ids=[c[0] for c in CHOOSING]
)
@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool", "bfloat16"])
def test_indices_of_many_ties(ours: Callable, theirs: Callable, dtype: str) -> None:
    x = np.random.default_rng(0).integers(0, 4, (7, 300)).astype(jnp.dtype(dtype))
    for dim in (0, -1):
        mine, right = ours(jnp.asarray(x), dim), theirs(to_torch(x), dim)
        assert_same(mine.values, right.values)
        assert_same(mine.indices, right.indices)


@pytest.mark.parametrize("name", ["max", "min", "cummax", "cummin", "median", "nanmedian"])
def test_indices_with_nan(name: str) -> None:
    x = draw(0, (6, 9))
    x[np.random.default_rng(1).random(x.shape) < 0.3] = NAN
    mine, right = getattr(F, name)(x, 1), getattr(torch, name)(to_torch(x), 1)
    assert_same(mine.values, right.values)
    assert_same(mine.indices, right.indices)


@pytest.mark.parametrize("size", [1, 2, 7, 100, 1001])
def test_medians(size: int) -> None:
    """Of equal medians over a dimension PyTorch takes any; ours is one of them."""
    x = draw(size, (3, size))
    mine, right = F.median(x, 1, keepdim=True), torch.median(to_torch(x), 1, keepdim=True)
    assert_same(mine.values, right.values)
    assert_same(mine.indices, right.indices)
    tied = np.random.default_rng(0).integers(0, 3, (3, size)).astype("float64")
    mine = F.median(tied, 1)
    assert_same(mine.values, torch.median(to_torch(tied), 1).values)
    taken = np.take_along_axis(tied, np.asarray(mine.indices)[:, None], 1)[:, 0]
    np.testing.assert_array_equal(taken, mine.values)
    assert_agree(F.median, torch.median, tied)
    tied[0, 0] = NAN
    assert_agree(F.nanmedian, torch.nanmedian, tied)


@pytest.mark.parametrize("dim", [0, -1])
@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("name", ["max", "median", "amax", "std", "norm"])
def test_arrays_of_no_dimensions(name: str, dim: int, keepdim: bool) -> None:
    x = np.asarray(2.5)
    if name in ("amax", "std"):
        mine = getattr(F, name)(x, dim, keepdim=keepdim)
        with pytest.warns() if name == "std" else nullcontext():
            right = getattr(torch, name)(to_torch(x), dim, keepdim=keepdim)
        assert_same(mine, right)
    elif name == "norm":
        mine = F.norm(x, 2, dim, keepdim)
        assert_same(mine, torch.norm(to_torch(x), 2, dim, keepdim))
    else:
        mine, right = (
            getattr(F, name)(x, dim, keepdim),
            getattr(torch, name)(to_torch(x), dim, keepdim),
        )
        assert_same(mine.values, right.values)
        assert_same(mine.indices, right.indices)


def test_arrays_of_no_elements() -> None:
    none, rows = np.zeros(0), np.zeros((2, 0))
    assert_agree(F.abs, torch.abs, none)
    assert_agree(F.median, torch.median, none)
    assert_agree(F.norm, torch.norm, none)
    assert_agree(lambda x: F.amax(x, 0), lambda x: torch.amax(x, 0), rows)
    assert_agree(lambda x: F.norm(x, INF, 0), lambda x: torch.norm(x, INF, 0), rows)
    assert_same(F.max(rows, 0).indices, torch.max(to_torch(rows), 0).indices)
    assert_same(F.cummax(none, 0).values, torch.cummax(to_torch(none), 0).values)
    with pytest.warns(UserWarning, match="degrees of freedom"):
        assert_agree(F.std, torch.std, none)


REFUSED: list[tuple[str, Callable, Callable, type[Exception], list[str]]] = [
    ("no such dim", lambda x: F.max(x, 2), lambda x: torch.max(x, 2), ValueError,
     ["max: dim", "-2", "dim=2"]),
    ("negative", lambda x: F.median(x, -3), lambda x: torch.median(x, -3), ValueError, ["dim=-3"]),
    ("a float", lambda x: F.max(x, 0.5), lambda x: torch.max(x, 0.5), TypeError, ["dim=0.5"]),
    ("a bool", lambda x: F.cummax(x, True), lambda x: torch.max(x, True), TypeError, ["dim=True"]),
    ("a tuple", lambda x: F.max(x, (0,)), lambda x: torch.max(x, (0,)), TypeError, ["dim=(0,)"]),
    ("twice", lambda x: F.amax(x, (0, -2)), lambda x: torch.amax(x, (0, -2)), ValueError,
     ["amax: dim", "twice", "(0, -2)"]),
    ("twice", lambda x: F.std(x, (1, 1)), lambda x: torch.std(x, (1, 1)), ValueError, ["twice"]),
    ("cummin", lambda x: F.cummin(x, 5), lambda x: torch.cummin(x, 5), ValueError, ["dim=5"]),
    ("norm", lambda x: F.norm(x, 2, 5), lambda x: torch.norm(x, 2, 5), ValueError, ["dim=5"]),
    ("keepdim alone", lambda x: F.max(x, keepdim=True), lambda x: torch.max(x, keepdim=True),
     TypeError, ["keepdim"]),
    ("no elements", lambda x: F.max(x[:0]), lambda x: torch.max(x[:0]), ValueError, ["element"]),
    ("no elements", lambda x: F.amin(x[:0], 0), lambda x: torch.amin(x[:0], 0), ValueError,
     ["element"]),
    ("no elements", lambda x: F.norm(x[:0], INF), lambda x: torch.norm(x[:0], INF), ValueError,
     ["p=inf"]),
    ("no elements", lambda x: F.vector_norm(x[:0], -1),
     lambda x: torch.linalg.vector_norm(x[:0], -1), ValueError, ["ord=-1"]),
    ("a word", lambda x: F.norm(x, "abc"), lambda x: torch.norm(x, "abc"), ValueError, ["'abc'"]),
    ("a word", lambda x: F.vector_norm(x, "fro"), lambda x: torch.linalg.vector_norm(x, "fro"),
     TypeError, ["ord='fro'"]),
    ("both", lambda x: F.std(x, 0, True, correction=1),
     lambda x: torch.std(x, 0, True, correction=1), TypeError, ["unbiased", "correction"]),
    ("no bound", F.clamp, torch.clamp, ValueError, ["clamp", "min and max"]),
    ("swapped", lambda x: F.hardtanh(x, 1, -1), lambda x: nn.hardtanh(x, 1, -1), ValueError,
     ["min_val=1", "max_val=-1"]),
    ("reduction", lambda x: F.l1_loss(x, x, "max"), lambda x: nn.l1_loss(x, x, reduction="max"),
     ValueError, ["'max'"]),
    ("approximate", lambda x: F.gelu(x, "sin"), lambda x: nn.gelu(x, approximate="sin"),
     ValueError, ["approximate", "'sin'"]),
    ("shapes", lambda x: F.maximum(x, x[:, :2]), lambda x: torch.maximum(x, x[:, :2]), ValueError,
     ["broadcast", "(3, 4)", "(3, 2)"]),
    ("shapes", lambda x: F.clamp(x, x[:2]), lambda x: torch.clamp(x, x[:2]), ValueError,
     ["broadcast", "min.shape"]),
    ("shapes", lambda x: F.leaky_relu(x, x[0, :3]), lambda x: nn.leaky_relu(x, x[0, :3]),
     ValueError, ["broadcast", "negative_slope.shape"]),
    ("a list", lambda x: F.abs([1.0]), lambda x: torch.abs([1.0]), TypeError, ["input", "[1.0]"]),
    ("a word", lambda x: F.pow(x, "2"), lambda x: torch.pow(x, "2"), TypeError, ["exponent='2'"]),
    ("a word", lambda x: F.std(x, correction="a"), lambda x: torch.std(x, correction="a"),
     TypeError, ["correction='a'"]),
    ("a word", lambda x: F.softplus(x, "a"), lambda x: nn.softplus(x, "a"), TypeError,
     ["beta='a'"]),
    ("a word", lambda x: F.hardtanh(x, "a"), lambda x: nn.hardtanh(x, "a"), TypeError,
     ["min_val='a'"]),
    ("dtype", lambda x: F.norm(x, dtype=jnp.int32), lambda x: torch.norm(x, dtype=torch.int32),
     TypeError, ["dtype"]),
    ("narrow", lambda x: F.normalize(x[0]), lambda x: nn.normalize(x[0]), ValueError, ["dim=1"]),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs", "error", "words"), [c[1:] for c in REFUSED],
                         ids=[f"{i}-{c[0]}" for i, c in enumerate(REFUSED)])  # fmt: skip
def test_refused(ours: Callable, theirs: Callable, error: type, words: list[str]) -> None:
    assert_refused(ours, theirs, [draw(0, (3, 4))], error, words)


def test_integers_to_negative_powers() -> None:
    with pytest.raises(RuntimeError, match="negative integer powers"):
        torch.pow(torch.arange(3), -1)
    with pytest.raises(ValueError, match="negative integer, got exponent=-1"):
        F.pow(jnp.arange(3), -1)


def test_no_dims_are_all_dims() -> None:
    x = draw(0, (3, 4))
    assert_same(F.var(x, ()), torch.var(to_torch(x), ()))
    # PyTorch's gradient counts a single element then, and divides by 0.
    np.testing.assert_array_equal(jax.grad(lambda x: F.var(x, ()))(x), jax.grad(F.var)(x))


def test_amax_of_nan_has_a_gradient_of_nan() -> None:
    """In both; jnp.max's is nan eagerly, and 0 where XLA compiles it."""
    for ours, theirs in ((F.amax, torch.amax), (F.amin, torch.amin)):
        assert_agree(ours, theirs, np.array([1, NAN, 2]))
        assert_agree(lambda x, f=ours: f(x, 1), lambda x, f=theirs: f(x, 1),
                     np.array([[1, NAN], [2, 2]]))  # fmt: skip


def test_floor_divide_has_no_derivative() -> None:
    x = to_torch(draw(0, (3,)), True)
    with pytest.raises(RuntimeError, match="floor_divide is not implemented"):
        torch.floor_divide(x, 2).sum().backward()
    for transform in (jax.grad, jax.jacfwd):
        with pytest.raises(NotImplementedError, match="floor_divide is not implemented"):
            transform(lambda x: F.floor_divide(x, 2).sum())(jnp.ones(3))
    detached = jax.grad(lambda x: (x * F.floor_divide(jax.lax.stop_gradient(x), 2)).sum())
    np.testing.assert_array_equal(detached(jnp.array([5.0])), [2.0])


def test_python_numbers_and_wrapped_arrays() -> None:
    assert F.abs(-2) == 2
    assert jax.grad(F.abs)(0.0) == 0
    assert jax.grad(F.leaky_relu)(0.0) == pytest.approx(0.01)
    assert F.maximum(1, 2.5) == 2.5
    assert F.atan2(jnp.float32(0), 1.0).dtype == jnp.float32
    assert F.pow(jnp.arange(3), 0.5).dtype == jnp.float32  # as in PyTorch, whatever x64 says
    np.testing.assert_array_equal(F.relu(nnx.Param(jnp.array([-1.0, 2.0]))), [0, 2])


def test_only_what_is_differentiated_is_computed() -> None:
    """The derivative for the exponent, nan at a negative base, does not reach the base's."""
    p, base = jnp.array([3.0]), jnp.array([-2.0])
    np.testing.assert_allclose(jax.grad(lambda x: F.pow(x, p).sum())(base), [12])
    np.testing.assert_allclose(jax.jacfwd(lambda x: F.pow(x, p).sum())(base), [12])


def test_bounds_and_slopes_may_be_traced() -> None:
    x = jnp.array([-2.0, 0.5, 3.0])
    low, high = jax.jit(jax.grad(lambda a, b: F.clamp(x, a, b).sum(), (0, 1)))(-1.0, 1.0)
    assert (low, high) == (1, 1)
    assert jax.jit(jax.grad(lambda s: F.leaky_relu(x, s).sum()))(0.1) == -2
    low, high = jax.jit(jax.grad(lambda a, b: F.hardtanh(x, a, b).sum(), (0, 1)))(-1.0, 1.0)
    assert (low, high) == (1, 1)


def test_a_traced_order_of_a_norm_is_refused() -> None:
    with pytest.raises(TypeError, match="vector_norm: ord must be known while tracing"):
        jax.jit(lambda p: F.vector_norm(jnp.ones(3), p))(2.0)


def test_inside_scan_and_checkpoint() -> None:
    x = draw(0, (4, 3))

    def ours(x: jax.Array) -> jax.Array:
        def step(carry: jax.Array, row: jax.Array) -> tuple[jax.Array, None]:
            return F.normalize(carry + F.clamp(row, -0.5, 0.5), dim=0), None

        return jax.lax.scan(jax.checkpoint(step), jnp.zeros(3), x)[0]

    def theirs(x: torch.Tensor) -> torch.Tensor:
        carry = torch.zeros(3, dtype=torch.float64)
        for row in x:
            carry = nn.normalize(carry + torch.clamp(row, -0.5, 0.5), dim=0)
        return carry

    assert_agree(ours, theirs, x)
