"""``vjp`` next to ``torch.autograd.functional.vjp``: values, structures and refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import grad

X = np.array([[0.3, 1.2], [2.5, 0.7]])
Y = np.array([[1.5, -0.5], [0.25, 2.0]])
Z = X + 1j * Y


def to(kind, tree):
    convert = jnp.asarray if kind == "jax" else torch.tensor
    return jax.tree.map(lambda leaf: convert(np.asarray(leaf)), tree)


def same(ours, theirs):
    """Compare nested tuples of arrays: structure, dtype and value."""
    assert isinstance(ours, tuple) == isinstance(theirs, tuple)
    if isinstance(theirs, tuple):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
        return
    assert ours.shape == tuple(theirs.shape)
    assert ours.dtype == theirs.numpy().dtype
    # Double precision; the functions of libm differ in their last bits.
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-12, atol=1e-14)


CASES = {
    "sum": (lambda m: lambda x: m.sum(x), X, None),
    "one element": (lambda m: lambda x: m.sum(x).reshape(1, 1), X, None),
    "tuple of one": (lambda m: lambda x: (m.sum(x),), X, None),
    "tuple in": (lambda m: lambda x: m.sum(x * x), (X,), None),
    "two in": (lambda m: lambda x, y: m.sum(x * m.exp(y)), (X, Y), None),
    "one unused": (lambda m: lambda x, y: m.sum(x * x), (X, Y), None),
    "none used": (lambda m: lambda x: m.ones((), dtype=m.float64), X, None),
    "matrix": (lambda m: lambda x: m.sin(x), X, Y),
    "product": (lambda m: lambda x, y: x @ y, (X, Y), X),
    "two out": (lambda m: lambda x: (m.sin(x), m.sum(x)), X, (Y, np.float64(2.0))),
    "two in, two out": (lambda m: lambda x, y: (x * y, x @ y), (X, Y), (Y, X)),
    "an integer out": (lambda m: lambda x: (x * x, m.argmax(x)), X, (Y, np.int64(1))),
    "complex": (lambda m: lambda z: z * z, Z, Z),
    "complex abs": (lambda m: lambda z: m.sum(m.abs(z) ** 2), Z, None),
    "complex conj": (lambda m: lambda z: m.conj(z) * (1 + 2j) * z, Z, Z),
    "real to complex": (lambda m: lambda x: x * (1 + 2j), X, Z),
    "complex and real": (lambda m: lambda z, x: z * x, (Z, X), Z),
    "floor": (lambda m: lambda x: m.sum(m.floor(x) * x), X, None),
    "scalar in": (lambda m: lambda x: x**3, np.float64(1.5), None),
    "matrix power": (lambda m: lambda x: x @ x @ x, X, Y),
    "division": (lambda m: lambda x, y: (x / y, y / x), (X, Y), (X, Y)),
    "reuse": (lambda m: lambda x: (x, x), X, (X, Y)),
}


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_torch(name):
    func, inputs, v = CASES[name]
    theirs = torch.autograd.functional.vjp(
        func(torch), to("torch", inputs), None if v is None else to("torch", v)
    )
    ours, x = func(jnp), to("jax", inputs)
    vector = None if v is None else to("jax", v)
    same(grad.vjp(ours, x, vector), theirs)
    same(jax.jit(lambda x: grad.vjp(ours, x, vector))(x), theirs)


def raised(call):
    with pytest.raises((RuntimeError, TypeError)) as info:
        call()
    return info.type, str(info.value)


REFUSED = {
    "v missing": (lambda m: lambda x: x * 2, X, None, {}),
    "v missing, two out": (lambda m: lambda x: (m.sum(x), m.sum(x)), X, None, {}),
    "v too short": (lambda m: lambda x: (x, x), X, (X,), {}),
    "v too long": (lambda m: lambda x: x * 1, X, (X, X), {}),
    "complex seed": (lambda m: lambda x: m.sum(x) * 1j, X, None, {}),
    "dtype of v": (lambda m: lambda x: x * 2, X, Z, {}),
    "output constant": (lambda m: lambda x: (m.sum(x), m.ones(())), X, None, {"strict": True}),
    "output integer": (lambda m: lambda x: m.argmax(x), X, None, {"strict": True}),
    "input unused": (lambda m: lambda x, y: m.sum(x), (X, X), None, {"strict": True}),
    "linear": (lambda m: lambda x: m.sum(x * 2), X, None, {"strict": True, "create_graph": True}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_with_torchs_words(name):
    func, inputs, v, options = REFUSED[name]
    kind, words = raised(
        lambda: torch.autograd.functional.vjp(
            func(torch), to("torch", inputs), None if v is None else to("torch", v), **options
        )
    )
    vector = None if v is None else to("jax", v)

    def call(x):
        return grad.vjp(func(jnp), x, vector, **options)

    for wrap in (lambda f: f, jax.jit):
        ours, said = raised(lambda wrap=wrap: wrap(call)(to("jax", inputs)))
        assert ours is kind
        assert said.startswith(words.replace("torch.", "").rstrip("."))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: grad.vjp(jnp.sin, jnp.ones(2), jnp.ones(3)), RuntimeError, r"should be \(2,\)"),
        (
            lambda: grad.vjp(lambda x: (x, x), jnp.ones(2), (jnp.ones(2), jnp.ones(3))),
            RuntimeError,
            r"Entry 1 in v has invalid size: should be \(2,\) but got \(3,\)",
        ),
        (
            lambda: grad.vjp(lambda x: {"a": x, "b": x}, jnp.ones(2), (jnp.ones(2), jnp.ones(2))),
            RuntimeError,
            "v has invalid structure",
        ),
        (lambda: grad.vjp(jnp.sum, 3.0), TypeError, "inputs given to vjp .*'float'"),
        (lambda: grad.vjp(jnp.add, (jnp.ones(2), 3.0)), TypeError, "value at index 1"),
        (lambda: grad.vjp(lambda x: 3.0, jnp.ones(2)), TypeError, "outputs of the user-provided"),
        (lambda: grad.vjp(jnp.sum, jnp.ones(2), 1.0), TypeError, "v given to vjp"),
        (lambda: grad.vjp(jnp.sum, jnp.arange(3)), RuntimeError, "only Tensors of floating point"),
    ],
)
def test_refuses(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_other_pytrees_are_one_argument():
    inputs = {"x": jnp.asarray(X), "y": [jnp.asarray(Y)]}
    v = {"a": jnp.asarray(Y), "b": jnp.asarray(X)}
    outputs, gradients = grad.vjp(
        lambda p: {"a": p["x"] * p["y"][0], "b": jnp.sin(p["x"])}, inputs, v
    )
    _, (x, y) = torch.autograd.functional.vjp(
        lambda x, y: (x * y, x.sin()), to("torch", (X, Y)), to("torch", (Y, X))
    )
    same(gradients["x"], x)
    same(gradients["y"][0], y)
    assert set(outputs) == {"a", "b"}


def test_can_be_differentiated_again():
    def ours(x):
        return jnp.sum(grad.vjp(lambda x: jnp.sum(x**3), x, create_graph=True)[1])

    t = torch.tensor(X, requires_grad=True)
    torch.autograd.functional.vjp(lambda x: (x**3).sum(), t, create_graph=True)[1].sum().backward()
    np.testing.assert_allclose(jax.grad(ours)(jnp.asarray(X)), t.grad.numpy(), rtol=1e-14)
    np.testing.assert_allclose(jax.jit(jax.grad(ours))(X), t.grad.numpy(), rtol=1e-14)


def test_strict_passes_what_connects():
    x = jnp.asarray(X)
    same(
        grad.vjp(lambda x: jnp.sum(x**3), x, strict=True, create_graph=True),
        torch.autograd.functional.vjp(lambda x: (x**3).sum(), torch.tensor(X), strict=True),
    )


def test_integers_among_the_outputs_of_a_loop():
    v = (jnp.asarray([0.1, 1.0]), jnp.int32(1))
    (y, i), gradient = grad.vjp(grad.double_until, jnp.asarray([0.5, 1.0]), v)
    np.testing.assert_array_equal(gradient, np.array([0.1, 1.0]) * 2.0 ** (int(i) + 1))
    np.testing.assert_array_equal(y, np.array([0.5, 1.0]) * 2.0 ** (int(i) + 1))
