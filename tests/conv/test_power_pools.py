"""Pools by p-norms, and at random steps, beside torch.nn.functional's."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import conv
from tests.support.agree import assert_agree, assert_refused, assert_same, draw, to_torch

F = torch.nn.functional
SPACE = {1: (9,), 2: (7, 6), 3: (5, 4, 3)}
INF = float("inf")


def lp(dims: int, *args: Any) -> tuple[Any, Any]:
    ours, theirs = (getattr(side, f"lp_pool{dims}d") for side in (conv, F))
    return lambda x: ours(x, *args), lambda x: theirs(x, *args)


def fractional(dims: int, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    ours, theirs = (getattr(side, f"fractional_max_pool{dims}d") for side in (conv, F))
    return (
        lambda x, u: ours(x, *args, _random_samples=u, **kwargs),
        lambda x, u: theirs(x, *args, _random_samples=u.detach(), **kwargs),
    )


@pytest.mark.parametrize("lead", [(2, 3), (3,), (0, 2)], ids=str)
@pytest.mark.parametrize("p", [1, 2, 3, 2.5, -1, INF, -INF])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_lp_pool(dims: int, p: float, lead: tuple[int, ...]) -> None:
    """Powers that are no whole numbers and roots of negative sums are nan in both."""
    x = draw(0, (*lead, *SPACE[dims]))
    x = np.abs(x) if p in (2.5, -1) else x
    for window in ((2, None, False), (3, 2, True), (2, 1, False)):
        assert_agree(*lp(dims, p, *window), x)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_lp_pool_of_zeros_and_of_other_dtypes(dims: int) -> None:
    shape = (1, 2, *SPACE[dims])
    assert_agree(*lp(dims, 2, 2), np.zeros(shape))
    for dtype in ("float32", "int64", "bool"):
        x = draw(0, shape, "int8") > 0 if dtype == "bool" else draw(0, shape, dtype)
        assert_agree(*lp(dims, 2, 2), x)
    for dtype in ("float16", "int32", "complex64"):
        ours, theirs = lp(dims, 2, 2)
        if dtype == "float16" and dims < 3:
            assert_agree(ours, theirs, draw(0, shape, dtype))
        else:
            words = [f"lp_pool{dims}d: input", dtype]
            assert_refused(ours, theirs, [draw(0, shape, dtype)], TypeError, words)


@pytest.mark.parametrize("p", [2, 3, 2.5])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_lp_pool_second_derivatives_and_transforms(dims: int, p: float) -> None:
    x = np.abs(draw(0, (2, 1, *SPACE[dims]))) + 0.1
    ours, theirs = lp(dims, p, 2)
    t = to_torch(x, requires_grad=True)
    (first,) = torch.autograd.grad((theirs(t) ** 2).sum(), t, create_graph=True)
    (second,) = torch.autograd.grad((first**2).sum(), t)
    gradient = jax.grad(lambda x: (ours(x) ** 2).sum())
    assert_same(jax.jit(jax.grad(lambda x: (gradient(x) ** 2).sum()))(x), second)
    assert_same(jax.jit(jax.vmap(ours))(x), theirs(to_torch(x)))
    _, moved = jax.jvp(ours, (jnp.asarray(x),), (jnp.ones_like(x),))
    assert_same(moved, torch.autograd.functional.jvp(theirs, to_torch(x), torch.ones_like(t))[1])


@pytest.mark.parametrize(
    ("dims", "args", "error", "words"),
    [
        (1, (0, 2), ValueError, "lp_pool1d: norm_type must not be 0"),
        (2, ("a", 2), TypeError, "lp_pool2d: norm_type must be a number"),
        (1, (2, (2,)), TypeError, "lp_pool1d: kernel_size must be an integer"),
        (2, (2, (2,)), ValueError, "lp_pool2d: kernel_size"),
        (1, (2, 0), ValueError, "lp_pool1d: kernel_size must be positive"),
        (3, (2, 2, 0), ValueError, "lp_pool3d: stride must be positive"),
        (2, (2, 9), ValueError, "lp_pool2d: there must be at least one window"),
        (1, (2, 2.0), TypeError, "lp_pool1d: kernel_size must be an integer"),
        (2, (INF, 9), ValueError, "lp_pool2d: there must be at least one window"),
    ],
)
def test_lp_pool_refuses(dims: int, args: Any, error: type[Exception], words: str) -> None:
    assert_refused(*lp(dims, *args), [np.ones((1, 1, *SPACE[dims]))], error, [words])


@pytest.mark.parametrize("kind", ["normal", "ties", "nan"])
@pytest.mark.parametrize("dims", [2, 3])
def test_fractional_pool(dims: int, kind: str) -> None:
    """Random sizes and samples; of equal ones and of nan the same element is chosen."""
    rng = np.random.default_rng(dims)
    for seed in range(6):
        kernel = tuple(int(k) for k in rng.integers(1, 4, dims))
        counts = tuple(int(m) for m in rng.integers(1, 5, dims))
        space = [k + m + int(rng.integers(0, 3)) for k, m in zip(kernel, counts, strict=True)]
        lead = ((2, 3), (3,), (0, 2))[seed % 3]
        x = draw(seed, (*lead, *space))
        x = x if kind == "normal" else np.round(x)
        if kind == "nan":
            x[rng.uniform(size=x.shape) < 0.3] = np.nan
        u = rng.uniform(size=(lead[0] if len(lead) == 2 else 1, lead[-1], dims))
        ours, theirs = fractional(dims, kernel, counts)
        assert_agree(lambda x, u=u, f=ours: f(x, u), lambda x, u=u, f=theirs: f(x, to_torch(u)), x)
        both = fractional(dims, kernel, counts, return_indices=True)
        found, right = jax.jit(both[0])(x, u), both[1](to_torch(x), to_torch(u))
        for mine, theirs_ in zip(found, right, strict=True):
            assert_same(mine, theirs_)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("dims", [2, 3])
def test_fractional_pool_in_other_dtypes(dims: int, dtype: str) -> None:
    """The steps are computed in the input's dtype."""
    x, u = draw(0, (2, 2, *(19, 17, 9)[:dims]), dtype), np.random.default_rng(1)
    samples = jnp.asarray(u.uniform(size=(2, 2, dims))).astype(dtype)
    ours, theirs = fractional(dims, 2, tuple(n // 2 for n in x.shape[2:]))
    assert_same(jax.jit(ours)(x, samples), theirs(to_torch(x), to_torch(samples)))


@pytest.mark.parametrize("dims", [2, 3])
def test_fractional_pool_derivatives_ratio_and_key(dims: int) -> None:
    x = draw(0, (2, 1, *(7, 6, 5)[:dims]))
    u = np.random.default_rng(1).uniform(size=(2, 1, dims))
    ratio = {"output_ratio": (0.5,) * dims}
    ours, theirs = fractional(dims, 2, **ratio)
    t = to_torch(x, requires_grad=True)
    value = theirs(t, to_torch(u))
    (first,) = torch.autograd.grad((value**3).sum(), t, create_graph=True)
    (second,) = torch.autograd.grad((first**2).sum(), t)
    gradient = jax.grad(lambda x: (ours(x, u) ** 3).sum())
    assert_same(jax.jit(ours)(x, u), value.detach())
    assert_same(jax.jit(jax.grad(lambda x: (gradient(x) ** 2).sum()))(x), second)
    mapped = jax.vmap(lambda x, u: ours(x, u[None]))(x, u)
    assert_same(mapped, value.detach())
    pool = getattr(conv, f"fractional_max_pool{dims}d")
    key = jax.random.key(0)
    drawn = jax.random.uniform(key, (2, 1, dims), x.dtype)
    assert_same(pool(x, 2, **ratio, key=key), theirs(to_torch(x), to_torch(drawn)))


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({}, ValueError, "output_size or output_ratio must be given"),
        ({"output_size": 9}, ValueError, "output_size + kernel_size must not exceed"),
        ({"output_size": 3.0}, TypeError, "output_size must be an integer"),
        ({"output_size": (3,)}, ValueError, "output_size must be one integer or"),
        ({"output_ratio": -1.0}, ValueError, "output_ratio must leave a window"),
        ({"kernel_size": 7, "output_size": 2}, ValueError, "kernel_size must not exceed"),
        ({"kernel_size": 2.0, "output_size": 2}, TypeError, "kernel_size must be an integer"),
    ],
)
@pytest.mark.parametrize("dims", [2, 3])
def test_fractional_pool_refuses(
    dims: int, settings: Any, error: type[Exception], words: str
) -> None:
    x, u = np.ones((1, 2, *(6, 6, 6)[:dims])), np.full((1, 2, dims), 0.3)
    kwargs = {"kernel_size": 2, **settings}
    ours, theirs = fractional(dims, **kwargs)
    name = f"fractional_max_pool{dims}d: "
    assert_refused(ours, theirs, [x, u], error, [name, words])


@pytest.mark.parametrize("dims", [2, 3])
def test_samples_that_are_refused(dims: int) -> None:
    x, u = np.ones((1, 2, *(6, 6, 6)[:dims])), np.full((1, 2, dims), 0.3)
    for wrong in (u[:, :1], u[0], u.astype("float32"), u[..., :1]):
        assert_refused(*fractional(dims, 2, 3), [x, wrong], (ValueError, TypeError), ["_random_s"])
    pool = getattr(conv, f"fractional_max_pool{dims}d")
    with pytest.raises(ValueError, match=r"windows are random: pass key=jax.random.key\(...\)"):
        pool(x, 2, 3)
