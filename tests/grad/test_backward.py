"""``backward``, ``detach`` and ``no_grad`` next to ``torch.Tensor.backward``."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import lax

import grad

X = np.array([[0.3, -1.2], [2.5, 0.7]])
V = np.array([[1.0, 2.0], [-1.0, 0.5]])


def torch_backward(func, inputs, gradient=None):
    leaves = [torch.tensor(x, requires_grad=True) for x in inputs]
    outputs = func(*leaves)
    torch.autograd.backward(
        outputs, None if gradient is None else torch.tensor(np.asarray(gradient))
    )
    return [leaf.grad if leaf.grad is None else leaf.grad.resolve_conj() for leaf in leaves]


def check(ours, theirs, inputs, gradient=None):
    expected = torch_backward(theirs, inputs, gradient)
    seed = None if gradient is None else jnp.asarray(gradient)
    arrays = tuple(map(jnp.asarray, inputs))
    for wrap in (lambda f: f, jax.jit):
        found = wrap(lambda *arrays: grad.backward(ours, arrays, seed))(*arrays)
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert (a is None) == (b is None)
            if b is not None:
                assert a.dtype == b.numpy().dtype
                # Double precision; the functions of libm differ in their last bits.
                np.testing.assert_allclose(a, b.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("ours", "theirs", "count", "gradient"),
    [
        (lambda x: jnp.sum(x * x), lambda x: (x * x).sum(), 1, None),
        (lambda x: jnp.sum(x * x)[None], lambda x: (x * x).sum()[None], 1, None),
        (lambda x: jnp.sin(x), lambda x: x.sin(), 1, V),
        (lambda x, y: jnp.sum(x @ y), lambda x, y: (x @ y).sum(), 2, None),
        (lambda x, y: x @ y, lambda x, y: x @ y, 2, V),
        (lambda x, y: jnp.sum(x), lambda x, y: x.sum(), 2, None),
        (lambda x, y: jnp.sum(jnp.floor(x)), lambda x, y: x.floor().sum(), 2, None),
        (
            lambda x, y: jnp.sum(grad.detach(x) * y),
            lambda x, y: (x.detach() * y).sum(),
            2,
            None,
        ),
        (lambda x, y: (x.sum(), (y * x).sum()), lambda x, y: (x.sum(), (y * x).sum()), 2, None),
    ],
)
def test_agrees_with_torch(ours, theirs, count, gradient):
    check(ours, theirs, [X, V][:count], gradient)


def test_complex_gradients_follow_torch():
    z = X + 1j * V
    v = V - 2j * X
    check(lambda z: jnp.sum(jnp.abs(z) ** 2), lambda z: (z.abs() ** 2).sum(), [z])
    check(lambda z: z * z, lambda z: z * z, [z], v)
    check(lambda z: jnp.conj(z) * (1 + 2j), lambda z: z.conj() * (1 + 2j), [z], v)
    check(lambda x: x * (1 + 2j), lambda x: x * (1 + 2j), [X], v)


def raised(call):
    with pytest.raises(RuntimeError) as info:
        call()
    return str(info.value)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda x: x * 2, lambda x: x * 2),
        (lambda x: jnp.ones(()), lambda x: torch.ones(())),
        (lambda x: lax.stop_gradient(x).sum(), lambda x: x.detach().sum()),
        (lambda x: lax.stop_gradient(x) * 2, lambda x: x.detach() * 2),
        (lambda x: (x > 0).sum(), lambda x: (x > 0).sum()),
        (lambda x: (x.sum(), jnp.ones(())), lambda x: (x.sum(), torch.ones(()))),
        (lambda x: x.sum() * 1j, lambda x: x.sum() * 1j),
    ],
)
def test_refuses_with_torchs_words(ours, theirs):
    expected = raised(lambda: torch_backward(theirs, [X])).replace("torch.", "")
    assert raised(lambda: grad.backward(ours, jnp.asarray(X))).startswith(expected)
    jitted = jax.jit(lambda x: grad.backward(ours, x))
    assert raised(lambda: jitted(X)).startswith(expected)
    mapped = jax.vmap(lambda x: grad.backward(ours, x))
    assert raised(lambda: mapped(X[None])).startswith(expected)


def test_refuses_a_gradient_of_another_shape_or_complex_dtype():
    expected = raised(lambda: torch_backward(lambda x: x * 2, [X], np.ones(3)))
    found = raised(lambda: grad.backward(lambda x: x * 2, jnp.asarray(X), jnp.ones(3)))
    assert found == expected.replace("torch.Size([3])", "(3,)").replace(
        "torch.Size([2, 2])", "(2, 2)"
    )
    expected = raised(lambda: torch_backward(lambda x: x * 2, [X], V * 1j))
    found = raised(lambda: grad.backward(lambda x: x * 2, jnp.asarray(X), jnp.asarray(V * 1j)))
    assert found == expected.replace("torch.", "")


def test_refuses_integer_inputs():
    with pytest.raises(RuntimeError) as theirs:
        torch.ones(3, dtype=torch.int64, requires_grad=True)
    found = raised(lambda: grad.backward(jnp.sum, jnp.arange(3)))
    assert found.lower().startswith(str(theirs.value).lower())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: grad.backward(jnp.sum, 3.0), "inputs given to backward"),
        (lambda: grad.backward(jnp.sum, (jnp.ones(3), None)), "value at index 1"),
        (lambda: grad.backward(jnp.sum, ()), "contains none"),
        (lambda: grad.backward(lambda x: 3.0, jnp.ones(3)), "outputs of the user-provided"),
        (lambda: grad.backward(lambda x: None, jnp.ones(3)), "NoneType"),
        (lambda: grad.backward(jnp.sum, jnp.ones(3), 1.0), "gradient given to backward"),
    ],
)
def test_refuses_what_is_no_array(call, words):
    with pytest.raises(TypeError, match=words):
        call()


def test_refuses_a_gradient_of_another_structure():
    with pytest.raises(RuntimeError, match="got 1 tensors and 2 gradients"):
        grad.backward(jnp.sin, jnp.ones(3), (jnp.ones(3), jnp.ones(3)))


def test_gradients_come_in_the_structure_of_the_inputs():
    params = {"w": jnp.ones(3), "b": [jnp.ones(()), jnp.ones(2)]}
    found = grad.backward(lambda p: jnp.sum(p["w"] * 2) + 3 * p["b"][0], params)
    np.testing.assert_array_equal(found["w"], np.full(3, 2.0))
    np.testing.assert_array_equal(found["b"][0], 3.0)
    assert found["b"][1] is None


def test_a_gradient_may_be_left_out_in_places():
    x, v = jnp.asarray(X), jnp.asarray(V)
    t = torch.tensor(X, requires_grad=True)
    torch.autograd.backward((t.sum(), t * t), (None, torch.tensor(V)))
    found = grad.backward(lambda x: (x.sum(), x * x), x, (None, v))
    np.testing.assert_allclose(found, t.grad.numpy(), rtol=1e-15)


def test_under_vmap_each_example_is_scalar():
    found = jax.vmap(lambda x: grad.backward(lambda x: jnp.sum(x**3), x))(jnp.asarray(X))
    expected = [torch_backward(lambda x: (x**3).sum(), [row])[0].numpy() for row in X]
    np.testing.assert_allclose(found, np.stack(expected), rtol=1e-14)


def test_python_control_flow_on_values():
    x = np.array([0.5, -1.0, 1.25])

    def doubled(norm):
        def run(x):
            y = x * 2
            while norm(y) < 1000:
                y = y * 2
            return y

        return run

    (expected,) = torch_backward(doubled(torch.linalg.norm), [x], np.ones(3))
    ours = doubled(jnp.linalg.norm)
    np.testing.assert_array_equal(grad.backward(ours, jnp.asarray(x), jnp.ones(3)), expected)
    with pytest.raises(jax.errors.ConcretizationTypeError):
        jax.jit(lambda x: grad.backward(ours, x, jnp.ones(3)))(x)

    def one_of_two(x, y):
        return (x.sum(), (x > 0).sum()) if x.sum() > 0 else (y.sum(), (y > 0).sum())

    found = grad.backward(lambda x, y: one_of_two(x, y)[0], (jnp.asarray(x), jnp.asarray(x)))
    expected = torch_backward(lambda x, y: one_of_two(x, y)[0], [x, x])
    assert found[1] is None
    assert expected[1] is None
    np.testing.assert_array_equal(found[0], expected[0].numpy())
    with pytest.raises(RuntimeError, match="element 1 of tensors does not require grad"):
        grad.backward(one_of_two, (jnp.asarray(x), jnp.asarray(x)))


def test_through_loops_and_custom_functions():
    def ours(x):
        y, _ = lax.scan(lambda c, t: (c * t, None), x[0], x)
        return lax.cond(y[0] > 0, lambda y: y.sum(), lambda y: (y * y).sum(), y)

    def theirs(x):
        y = x[0]
        for row in x:
            y = y * row
        return y.sum() if y[0] > 0 else (y * y).sum()

    check(ours, theirs, [X])


def test_inside_a_gradient_of_the_caller():
    # d/dw of sum over i of d(w x^3)/dx_i is sum 3 x^2.
    def outer(w, x):
        return jnp.sum(grad.backward(lambda x: jnp.sum(w * x**3), x))

    x = np.array([0.5, -1.0, 1.25])
    w, t = torch.tensor(2.0, dtype=torch.float64, requires_grad=True), torch.tensor(x)
    t.requires_grad_()
    (inner,) = torch.autograd.grad((w * t**3).sum(), t, create_graph=True)
    inner.sum().backward()
    for wrap in (lambda f: f, jax.jit):
        found = wrap(jax.grad(outer))(jnp.asarray(2.0, jnp.float64), jnp.asarray(x))
        np.testing.assert_allclose(found, w.grad.numpy(), rtol=1e-14)


def test_detach_and_no_grad():
    tree = {"a": jnp.ones(3), "n": 2, "name": "x"}
    assert grad.detach(tree)["name"] == "x"
    np.testing.assert_array_equal(
        jax.grad(lambda x: jnp.sum(x * grad.detach({"a": x})["a"]))(jnp.asarray(X)),
        torch_backward(lambda x: (x * x.detach()).sum(), [X])[0].numpy(),
    )

    @grad.no_grad
    def scaled(x, factor=2.0):
        """Scale."""
        return {"y": x * factor, "factor": factor}

    assert scaled.__name__ == "scaled"
    assert scaled(jnp.ones(2), factor=3.0)["factor"] == 3.0
    np.testing.assert_array_equal(
        jax.grad(lambda x: jnp.sum(x * scaled(x)["y"]))(jnp.asarray(X)),
        torch_backward(lambda x: (x * (x.detach() * 2)).sum(), [X])[0].numpy(),
    )
    with pytest.raises(TypeError, match="decorate with @no_grad"):
        grad.no_grad(3)
