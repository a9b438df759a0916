"""Second derivatives that are zero, beside PyTorch: zeros where its formula keeps the path.

The gradient penalty of a function with respect to something before it: PyTorch's gradient is an
array of zeros where the backward formula of the function takes the input, None or an error where it
takes a mask that was computed from it.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import conv
import grad
from custom_vjp import functional as F
from tests.support.agree import assert_same, draw, to_torch

nn = torch.nn.functional


def pointwise(name: str, *args: Any) -> Any:
    twin = getattr(torch, name, None) or getattr(nn, name)
    ours = getattr(F, name)
    return pytest.param(lambda x: ours(x, *args), lambda x: twin(x, *args), (3, 4), id=name)


def windowed(name: str, *args: Any, **kwargs: Any) -> Any:
    ours, twin = getattr(conv, name), getattr(nn, name)
    dims = next((int(c) for c in name if c.isdigit()), 2)
    shape = (2, 2, *(6, 5, 4)[:dims])
    label = "-".join(map(str, (name, *args)))
    return pytest.param(
        lambda x: ours(x, *args, **kwargs), lambda x: twin(x, *args, **kwargs), shape, id=label
    )


FUNCTIONS = [
    pointwise("relu"),
    pointwise("leaky_relu"),
    pointwise("leaky_relu", 0.3),
    pointwise("hardtanh"),
    pointwise("hardtanh", -0.5, 0.25),
    pointwise("abs"),
    pointwise("sign"),
    pointwise("clamp", -0.5, 0.5),
    pointwise("softplus"),
    pointwise("gelu"),
    pytest.param(jnp.tanh, torch.tanh, (3, 4), id="tanh"),
    pytest.param(jnp.floor, torch.floor, (3, 4), id="floor"),
    pytest.param(
        lambda x: F.maximum(x, 0.25),
        lambda x: torch.maximum(x, torch.tensor(0.25)),
        (3, 4),
        id="maximum",
    ),
    pytest.param(lambda x: F.max(x, 1)[0], lambda x: torch.max(x, 1)[0], (3, 4), id="max"),
    pytest.param(lambda x: F.amax(x, 1), lambda x: torch.amax(x, 1), (3, 4), id="amax"),
    pytest.param(lambda x: F.median(x), lambda x: torch.median(x), (3, 4), id="median"),
    pytest.param(lambda x: F.cummax(x, 1)[0], lambda x: torch.cummax(x, 1)[0], (3, 4), id="cummax"),
    pytest.param(lambda x: F.norm(x, 1), lambda x: torch.norm(x, 1), (3, 4), id="norm"),
    *(windowed(f"max_pool{n}d", 2) for n in (1, 2, 3)),
    *(windowed(f"max_pool{n}d", 3, 1, 1) for n in (1, 2, 3)),
    *(windowed(f"avg_pool{n}d", 2) for n in (1, 2, 3)),
    *(windowed(f"adaptive_max_pool{n}d", 2) for n in (1, 2, 3)),
    *(windowed(f"adaptive_avg_pool{n}d", s) for n in (1, 2, 3) for s in (1, 2)),
    *(windowed("pad", (1, 1, 1, 1), mode) for mode in ("constant", "reflect", "replicate")),
    windowed("pad", (1, 1, 1, 1), "circular"),
    windowed("unfold", 2),
]


def penalty_in_torch(twin: Callable[..., Any], x: Any, b: Any, weight: Any, other: Any) -> Any:
    """The gradient penalty at x, with respect to b: b's gradient and other's, or the error."""
    point, bias = to_torch(x, requires_grad=True), to_torch(b, requires_grad=True)
    rest = to_torch(other, requires_grad=True)
    value = twin(point + bias)
    if not value.requires_grad:
        return RuntimeError
    (g,) = torch.autograd.grad(value, point, to_torch(weight), create_graph=True)
    loss = (g**2).sum()
    if not loss.requires_grad:
        alone: Any = RuntimeError
    else:
        (alone,) = torch.autograd.grad(loss, bias, allow_unused=True, retain_graph=True)
    (loss + (rest**2).sum()).backward()
    return alone, bias.grad, rest.grad


def cycled(*others: Any) -> list[Any]:
    """The functions, each with one of several values of a further argument, in turn."""
    return [
        pytest.param(*f.values, others[i % len(others)], id=f"{f.id}-{others[i % len(others)]}")
        for i, f in enumerate(FUNCTIONS)
    ]


@pytest.mark.parametrize(("ours", "twin", "shape", "dtype"), cycled("float64", "float32"))
def test_gradient_penalty(ours: Any, twin: Any, shape: tuple[int, ...], dtype: str) -> None:
    x, b, other = draw(0, shape, dtype), draw(1, shape[-1:], dtype), draw(2, (3,), dtype)
    weight = draw(3, tuple(twin(to_torch(x + b)).shape), dtype)
    alone, theirs, rest = penalty_in_torch(twin, x, b, weight, other)

    def penalty(b: Any) -> Any:
        g = jax.grad(lambda x: (weight * ours(x + b)).sum())(jnp.asarray(x))
        return (g**2).sum()

    # Windows are many operations, which take long one by one.
    for wrap in (jax.jit,) if len(shape) > 2 else (lambda f: f, jax.jit):
        if alone is RuntimeError:
            with pytest.raises(RuntimeError, match="does not require grad"):
                wrap(lambda b: grad.backward(penalty, b))(b)
        elif alone is None:
            assert wrap(lambda b: grad.backward(penalty, b))(b) is None
        else:
            assert_same(wrap(lambda b: grad.backward(penalty, b))(b), alone)
        both = wrap(
            lambda b, other: grad.backward(lambda b, o: penalty(b) + (o**2).sum(), (b, other))
        )
        mine, mine_rest = both(jnp.asarray(b), jnp.asarray(other))
        assert (mine is None) == (theirs is None)
        if theirs is not None:
            assert_same(mine, theirs)
        assert_same(mine_rest, rest)


@pytest.mark.parametrize(("ours", "twin", "shape", "name"), cycled("hvp", "vhp", "hessian"))
def test_strict_mode(ours: Any, twin: Any, shape: tuple[int, ...], name: str) -> None:
    """Strict mode refuses a gradient that does not depend on its input, where PyTorch does."""
    x = draw(0, shape)
    v = () if name == "hessian" else (np.ones(shape),)

    def of_torch(x: Any) -> Any:
        return twin(x).sum()

    def of_ours(x: Any) -> Any:
        return ours(x).sum()

    derivative = getattr(torch.autograd.functional, name)
    try:
        right = derivative(of_torch, to_torch(x), *map(to_torch, v), strict=True)
    except RuntimeError as error:
        words = str(error)[:40]
        with pytest.raises(RuntimeError) as caught:
            getattr(grad, name)(of_ours, jnp.asarray(x), *v, strict=True)
        assert str(caught.value).startswith(words)
        return
    found = getattr(grad, name)(of_ours, jnp.asarray(x), *v, strict=True)
    if name == "hessian":
        assert_same(found, right)
    else:
        assert_same(found[1], right[1])


@pytest.mark.parametrize("function", [F.relu, F.hardtanh, lambda x: conv.max_pool1d(x[None], 2)])
def test_what_is_not_finite_stays_where_it_is(function: Callable[..., Any]) -> None:
    """The path is kept by 1 with the derivative 0, known as such: no infinity meets a zero."""
    x, weight = jnp.asarray([-1.0, 0.5, 0.25, -2.0]), jnp.asarray([jnp.inf, 2.0, jnp.nan, jnp.inf])

    def gradient(x: Any) -> Any:
        y, pull = jax.vjp(function, x)
        return pull(weight[: y.size].reshape(y.shape))[0]

    first = np.asarray(gradient(x))
    assert set(np.flatnonzero(~np.isfinite(first))) < {1, 2, 3}
    _, second = jax.jvp(gradient, (x,), (jnp.ones(4),))
    np.testing.assert_array_equal(second, np.zeros(4))


def test_the_kept_path_costs_no_memory() -> None:
    """What is saved for it is a number, also where a scan stacks what its steps save."""

    def loss(x: Any) -> Any:
        step = lambda c, _: (conv.avg_pool1d(jnp.repeat(c, 2, -1), 2), None)  # noqa: E731
        return jax.lax.scan(step, x, None, length=7)[0].sum()

    x = jnp.ones((1, 1, 1000))
    pullback = jax.vjp(loss, x)[1]
    saved = [leaf.size for leaf in jax.tree.leaves(pullback)]
    assert sum(saved) < 2 * x.size
