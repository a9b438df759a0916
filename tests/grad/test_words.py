"""What grad says to code that expects PyTorch: lists of inputs, no_grad as a block."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch

import grad
from tests.support.agree import assert_same, draw, to_torch

X, Y = draw(0, (3,)), draw(1, (3,))
ALL = ["backward", "vjp", "jvp", "vhp", "hvp", "jacobian", "hessian"]


def arguments(name: str) -> tuple[Any, ...]:
    one = [jnp.ones(3), jnp.ones(3)]
    return (one,) if name in ("jvp", "vhp", "hvp") else ()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "func",
    [
        lambda x, y: (x * y).sum(),
        lambda x: (x**2).sum(),
        lambda x: jnp.sum(jnp.sin(x)),
        lambda x: x.sum(),
    ],
    ids=["two arguments", "a power", "jax.numpy", "a method"],
)
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["", "jit"])
def test_a_list_that_is_meant_to_be_splatted(name: str, func: Any, wrap: Any) -> None:
    if name != "backward":
        theirs = getattr(torch.autograd.functional, name)
        with pytest.raises(TypeError, match="but the given inputs has type <class 'list'>"):
            theirs(lambda x, y: (x * y).sum(), [to_torch(X), to_torch(Y)])
    call = wrap(lambda x, y: getattr(grad, name)(func, [x, y], *arguments(name)))
    words = rf"inputs given to {name} must be.* has type <class 'list'>.* \(.+\)\. Pass tuple\(in"
    with pytest.raises(TypeError, match=words):
        call(X, Y)


@pytest.mark.parametrize("name", ALL)
def test_a_list_that_is_one_argument(name: str) -> None:
    """As any pytree; and what goes wrong for other reasons stays what it was."""
    found = getattr(grad, name)(
        lambda xs: (xs[0] * xs[1]).sum(), [jnp.asarray(X), jnp.asarray(Y)], *arguments(name)
    )
    if name == "backward":
        assert_same(found[0], to_torch(Y))
    tree = {"a": jnp.asarray(X)}
    with pytest.raises(TypeError, match=r"^unsupported operand type.*: 'dict' and 'int'"):
        getattr(grad, name)(lambda d: d + 1, tree, *((tree,) if arguments(name) else ()))


def test_functions_that_branch_on_values_take_lists() -> None:
    def func(xs: Any) -> Any:
        return xs[0].sum() if xs[0].sum() > 100 else (xs[1] ** 2).sum()

    found = grad.backward(func, [jnp.asarray(X), jnp.asarray(Y)])
    assert found[0] is None
    np.testing.assert_allclose(found[1], 2 * Y, rtol=1e-15)


# no_grad


def decorated_in_torch(x: Any) -> Any:
    @torch.no_grad()
    def scale(x: Any) -> Any:
        return x.sum()

    return (x * scale(x)).sum()


@pytest.mark.parametrize(
    "wrap", [grad.no_grad, grad.no_grad(), grad.no_grad(None)], ids=["bare", "called", "None"]
)
@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["", "jit"])
def test_decorators(wrap: Any, transform: Callable[..., Any]) -> None:
    @wrap
    def scale(x: Any) -> Any:
        """The sum."""
        return x.sum()

    t = to_torch(X, requires_grad=True)
    decorated_in_torch(t).backward()
    assert scale.__doc__ == "The sum."
    assert_same(transform(jax.grad(lambda x: (x * scale(x)).sum()))(X), t.grad)
    assert_same(transform(lambda x: grad.backward(lambda x: (x * scale(x)).sum(), x))(X), t.grad)
    with pytest.raises(RuntimeError, match="does not require grad"):
        grad.backward(scale, jnp.asarray(X))


def test_generators() -> None:
    @grad.no_grad()
    def parts(x: Any) -> Any:
        yield x[0]
        yield x[1:].sum()

    @torch.no_grad()
    def parts_in_torch(x: Any) -> Any:
        yield x[0]
        yield x[1:].sum()

    t = to_torch(X, requires_grad=True)
    (t.sum() * sum(parts_in_torch(t))).backward()
    assert_same(jax.grad(lambda x: x.sum() * sum(parts(x)))(jnp.asarray(X)), t.grad)


def test_a_block_says_what_to_write() -> None:
    def block() -> None:
        with grad.no_grad():
            raise AssertionError("not reached")

    with pytest.raises(TypeError, match=r"with no_grad\(\): .*write no_grad\(func\).*detach\(x\)"):
        block()
    with pytest.raises(TypeError, match=r"no_grad: func must be a function, got 3: write no_grad"):
        grad.no_grad(3)  # type: ignore[call-overload]


def test_gradients_for_an_optimiser() -> None:
    """Zeros in the place of None, as the docstring of backward says: Adam's step is PyTorch's."""
    params = {"w": jnp.asarray(X), "unused": jnp.asarray(Y), "none": None}
    tensors = {"w": to_torch(X, requires_grad=True), "unused": to_torch(Y, requires_grad=True)}
    adam = torch.optim.Adam(tensors.values(), lr=0.1)
    optimiser = optax.adam(0.1)
    state = optimiser.init(params)
    with pytest.raises((ValueError, TypeError)):
        optimiser.update(grad.backward(lambda p: (p["w"] ** 2).sum(), params), state, params)
    for _ in range(3):
        adam.zero_grad()
        (tensors["w"] ** 2).sum().backward()
        adam.step()
        gradients = grad.backward(lambda p: (p["w"] ** 2).sum(), params)
        filled = jax.tree.map(lambda p, g: jnp.zeros_like(p) if g is None else g, params, gradients)
        updates, state = optimiser.update(filled, state, params)
        params = optax.apply_updates(params, updates)
    for name, tensor in tensors.items():
        # Adam divides by a root that the two round in another order.
        np.testing.assert_allclose(params[name], tensor.detach().numpy(), rtol=1e-7)
