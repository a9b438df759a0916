"""None in pytrees of inputs, outputs and vectors: an empty subtree, beside PyTorch's results."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import grad
from tests.support.agree import assert_same, to_torch

A = np.array([0.5, -1.25, 2.0])
B = np.array([[1.0, 2.0, -0.5], [0.25, 3.0, -1.0]])
Z = A + 1j * B[0]


class Layer(NamedTuple):
    weight: Any
    bias: Any


# A tree of the arrays a and b with None in some places, and the arrays found in it again.
TREES = {
    "dict": (lambda a, b: {"a": a, "b": b, "c": None}, lambda t: (t["a"], t["b"])),
    "list": (lambda a, b: [None, a, [None, b]], lambda t: (t[1], t[2][1])),
    "deep": (
        lambda a, b: {"layers": [Layer(a, None), Layer(b, None)], "head": (None, None)},
        lambda t: (t["layers"][0].weight, t["layers"][1].weight),
    ),
}


def total(m: Any, a: Any, b: Any) -> Any:
    return m.sum(a**3) + m.sum(m.sin(b) * a)


def cases() -> list[Any]:
    return [pytest.param(*tree, id=name) for name, tree in TREES.items()]


@pytest.mark.parametrize(("make", "find"), cases())
@pytest.mark.parametrize("jitted", [False, True])
def test_derivatives(make: Any, find: Any, jitted: bool) -> None:
    wrap = jax.jit if jitted else lambda f: f
    inputs, vector = make(jnp.asarray(A), jnp.asarray(B)), make(jnp.asarray(A) + 1, jnp.asarray(B))
    tensors = to_torch(A), to_torch(B)
    moved = to_torch(A + 1), to_torch(B)

    def ours(tree: Any) -> Any:
        return total(jnp, *find(tree))

    def theirs(*arrays: Any) -> Any:
        return total(torch, *arrays)

    def same(found: Any, expected: Any) -> None:
        assert jax.tree.structure(found) == jax.tree.structure(inputs)
        for mine, right in zip(find(found), expected, strict=True):
            assert_same(mine, right)

    functional = torch.autograd.functional
    for a in tensors:
        a.requires_grad_()
    theirs(*tensors).backward()
    same(wrap(lambda t: grad.backward(ours, t))(inputs), [t.grad for t in tensors])
    same(
        wrap(lambda t: grad.vjp(ours, t, jnp.asarray(2.0))[1])(inputs),
        functional.vjp(theirs, tensors, torch.tensor(2.0, dtype=torch.float64))[1],
    )
    value, product = wrap(lambda t, v: grad.jvp(ours, t, v, strict=True))(inputs, vector)
    expected = functional.jvp(theirs, tensors, moved)
    assert_same(value, expected[0].detach())
    assert_same(product, expected[1])
    for name in ("hvp", "vhp"):
        found = wrap(lambda t, v, name=name: getattr(grad, name)(ours, t, v, strict=True))
        same(found(inputs, vector)[1], getattr(functional, name)(theirs, tensors, moved)[1])
    same(wrap(lambda t: grad.jacobian(ours, t))(inputs), functional.jacobian(theirs, tensors))
    rows = wrap(lambda t: grad.hessian(ours, t))(inputs)
    for row, right in zip(find(rows), functional.hessian(theirs, tensors), strict=True):
        same(row, right)


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_none_in_outputs(strategy: str) -> None:
    """Beside arrays, in a list or dict: nothing to differentiate there."""
    x = jnp.asarray(A)

    def ours(x: Any) -> Any:
        return {"loss": x**2, "state": None, "rest": [None, jnp.sum(x)]}

    def theirs(x: Any) -> Any:
        return x**2, torch.sum(x)

    t = to_torch(A, requires_grad=True)
    found = grad.jacobian(ours, x, vectorize=True, strategy=strategy)
    right = torch.autograd.functional.jacobian(theirs, t)
    assert found["state"] is None
    assert found["rest"][0] is None
    assert_same(found["loss"], right[0])
    assert_same(found["rest"][1], right[1])
    seeds = {"loss": x + 1, "state": None, "rest": [None, None]}
    torch.autograd.backward(theirs(t), (to_torch(A + 1), None))
    assert_same(grad.backward(ours, x, seeds), t.grad)
    with pytest.raises(RuntimeError, match="got 2 tensors and 3 gradients: gradient must have"):
        grad.backward(ours, x, {"loss": x, "rest": [None, None]})
    with pytest.raises(RuntimeError, match="got 2 tensors and 4 gradients: gradient must have"):
        grad.backward(ours, x, {"loss": x, "state": x, "rest": [None, None]})
    one = grad.backward(lambda x: {"loss": jnp.sum(x * x), "state": None}, x)
    np.testing.assert_array_equal(one, 2 * A)


def test_a_filtered_model() -> None:
    """The arrays of an equinox module, its functions and missing bias being None."""
    bare = {"use_bias": False, "use_final_bias": False}
    model = eqx.nn.MLP(3, 2, 4, 1, jnp.tanh, **bare, key=jax.random.key(0))
    arrays, rest = eqx.partition(model, eqx.is_array)
    x = jnp.asarray(A)
    weights = [to_torch(layer.weight, requires_grad=True) for layer in arrays.layers]

    def loss(arrays: Any) -> Any:
        return jnp.sum(eqx.combine(arrays, rest)(x) ** 2)

    def theirs(first: Any, second: Any) -> Any:
        return (second @ torch.tanh(first @ to_torch(x).to(first.dtype))).square().sum()

    theirs(*weights).backward()
    for found in (grad.backward(loss, arrays), grad.vjp(loss, arrays)[1]):
        assert isinstance(found, eqx.nn.MLP)
        for layer, weight in zip(found.layers, weights, strict=True):
            assert_same(layer.weight, weight.grad)
    direction = jax.tree.map(jnp.ones_like, arrays)
    _, products = grad.hvp(loss, arrays, direction)
    _, right = torch.autograd.functional.hvp(
        theirs, tuple(weights), tuple(torch.ones_like(w) for w in weights)
    )
    for layer, product in zip(products.layers, right, strict=True):
        assert_same(layer.weight, product)


def test_complex_and_unused() -> None:
    tree = {"z": jnp.asarray(Z), "unused": jnp.asarray(A), "none": None}
    z = to_torch(Z, requires_grad=True)
    (z.abs() ** 2).sum().backward()
    found = grad.backward(lambda t: jnp.sum(jnp.abs(t["z"]) ** 2), tree)
    assert_same(found["z"], z.grad.resolve_conj())
    assert found["unused"] is None
    assert found["none"] is None


def test_a_missing_array_is_refused_as_by_torch() -> None:
    """None alone, or in the tuple that PyTorch takes, as input, vector and output."""
    x, t = jnp.asarray(A), to_torch(A)
    words = "the value at index 1 has type <class 'NoneType'>.*not in the place of an array"
    for name in ("vjp", "jvp", "vhp", "hvp", "jacobian", "hessian"):
        theirs = getattr(torch.autograd.functional, name)
        with pytest.raises(TypeError, match="the value at index 1 has type <class 'NoneType'>"):
            theirs(lambda x, y: x.sum(), (t, None))
        with pytest.raises(TypeError, match=words):
            getattr(grad, name)(lambda x, y: x.sum(), (x, None))
    with pytest.raises(TypeError, match="the value at index 1 has type <class 'NoneType'>"):
        torch.autograd.functional.jvp(lambda x, y: x.sum(), (t, t), (t, None))
    with pytest.raises(TypeError, match=r"The v given to jvp .* index 1"):
        grad.jvp(lambda x, y: x.sum(), (x, x), (x, None))
    with pytest.raises(TypeError, match="the value at index 1 has type <class 'NoneType'>"):
        torch.autograd.functional.jacobian(lambda x: (x, None), t)
    with pytest.raises(TypeError, match="the value at index 1 has type <class 'NoneType'>"):
        grad.jacobian(lambda x: (x, None), x)
    with pytest.raises(TypeError, match="contains none"):
        grad.backward(lambda t: jnp.ones(()), {"a": None})
    with pytest.raises(RuntimeError, match="v has invalid structure"):
        grad.jvp(
            lambda t: t["a"] * t["b"], {"a": x, "b": x, "c": None}, {"a": x, "b": None, "c": x}
        )


def test_the_advice_fits_what_stands_there() -> None:
    x = jnp.asarray(A)
    with pytest.raises(TypeError, match=r"type <class 'float'>. Wrap a number in jax.numpy"):
        grad.backward(lambda t: t[0].sum(), [x, 2.0])
    with pytest.raises(TypeError, match=r"type <class 'str'>. Close over it, or put None in"):
        grad.backward(lambda t: t["a"].sum(), {"a": x, "b": "relu"})
