"""The two layouts of a Jacobian, and structures beyond PyTorch's tuples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import lax

import grad
from tests.support.functions import M, U, W, X, Y

WEIGHT = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def test_numerator_and_denominator_layout():
    x, v = jnp.asarray(U), np.array([1.0, -1.0])
    numerator = grad.jacobian(lambda x: jnp.asarray(WEIGHT) @ x, x)
    np.testing.assert_array_equal(numerator, WEIGHT)  # (out, in), as PyTorch's
    theirs = torch.autograd.functional.jacobian(lambda x: torch.tensor(WEIGHT) @ x, torch.tensor(U))
    np.testing.assert_array_equal(numerator, theirs.numpy())
    # A step back multiplies with the denominator layout, a step forward with the numerator layout.
    _, back = grad.vjp(lambda x: jnp.asarray(WEIGHT) @ x, x, jnp.asarray(v))
    np.testing.assert_allclose(back, WEIGHT.T @ v, rtol=1e-15)
    _, forward = grad.jvp(lambda x: jnp.asarray(WEIGHT) @ x, x, x)
    np.testing.assert_allclose(forward, WEIGHT @ U, rtol=1e-15)


def test_the_gradient_of_a_scalar_is_its_denominator_layout():
    def loss(m):
        return jnp.sum(jnp.sin(m)).reshape(1)

    row = grad.jacobian(loss, jnp.asarray(M))
    gradient = grad.backward(loss, jnp.asarray(M))
    assert row.shape == (1, 2, 3)
    assert gradient.shape == (2, 3)
    np.testing.assert_allclose(row[0], np.cos(M), rtol=1e-14)
    np.testing.assert_allclose(gradient, np.cos(M), rtol=1e-14)


def test_chain_rule_reads_from_left_to_right_in_numerator_layout():
    inner, outer = (lambda x: jnp.asarray(WEIGHT) @ x), jnp.tanh
    x = jnp.asarray(U)
    whole = grad.jacobian(lambda x: outer(inner(x)), x)
    slope = np.diag(1 - np.tanh(WEIGHT @ U) ** 2)
    np.testing.assert_allclose(whole, slope @ WEIGHT, rtol=1e-11, atol=1e-14)


def tree_function(p):
    return {"y": p["a"] * p["b"][0], "s": jnp.sum(p["a"] ** 3)}


TREE = {"a": jnp.asarray(U), "b": [jnp.asarray(W)]}


def theirs(a, b):
    return torch.sum(a**3), a * b  # the order of the sorted keys: s, y


@pytest.mark.parametrize("options", [{}, {"vectorize": True, "strategy": "forward-mode"}])
def test_jacobian_of_pytrees(options):
    found = grad.jacobian(tree_function, TREE, **options)
    expected = torch.autograd.functional.jacobian(theirs, (torch.tensor(U), torch.tensor(W)))
    assert jax.tree.structure(found) == jax.tree.structure(
        {key: {"a": 0, "b": [0]} for key in ("s", "y")}
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-14)


def test_products_and_hessian_of_pytrees():
    tensors = (torch.tensor(U), torch.tensor(W))
    v = (torch.tensor(W), torch.tensor(U))
    v_tree = {"a": jnp.asarray(W), "b": [jnp.asarray(U)]}

    def loss(p):
        return jnp.sum(p["a"] ** 2 * p["b"][0])

    def torch_loss(a, b):
        return torch.sum(a**2 * b)

    for name in ("vhp", "hvp"):
        _, found = getattr(grad, name)(loss, TREE, v_tree)
        _, expected = getattr(torch.autograd.functional, name)(torch_loss, tensors, v)
        np.testing.assert_allclose(found["a"], expected[0].numpy(), rtol=1e-14)
        np.testing.assert_allclose(found["b"][0], expected[1].numpy(), rtol=1e-14)
    _, found = grad.jvp(tree_function, TREE, v_tree)
    _, expected = torch.autograd.functional.jvp(theirs, tensors, v)
    np.testing.assert_allclose(found["s"], expected[0].numpy(), rtol=1e-14)
    np.testing.assert_allclose(found["y"], expected[1].numpy(), rtol=1e-14)
    blocks = grad.hessian(loss, TREE)
    expected = torch.autograd.functional.hessian(torch_loss, tensors)
    np.testing.assert_allclose(blocks["a"]["b"][0], expected[0][1].numpy(), rtol=1e-14)
    np.testing.assert_allclose(blocks["b"][0]["a"], expected[1][0].numpy(), rtol=1e-14)


def test_vmap_and_further_derivatives():
    def curvature(x):
        return grad.hessian(lambda x: jnp.sum(x**3), x)

    found = jax.jit(jax.vmap(curvature))(jnp.asarray(X))
    expected = [
        torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.tensor(row)) for row in X
    ]
    np.testing.assert_allclose(found, torch.stack(expected).numpy(), rtol=1e-14)
    # d/dx of the sum of the Hessian of sum(x^3) is 6.
    np.testing.assert_allclose(jax.grad(lambda x: jnp.sum(curvature(x)))(jnp.asarray(U)), 6.0)
    found = jax.vmap(lambda x, v: grad.jvp(jnp.sin, x, v)[1])(jnp.asarray(X), jnp.asarray(Y))
    np.testing.assert_allclose(found, np.cos(X) * Y, rtol=1e-14)


def test_through_custom_backward_passes_and_loops():
    @jax.custom_vjp
    def cube(x):
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, g: (3 * x**2 * g,))
    x, v = jnp.asarray(U), jnp.asarray(W)
    np.testing.assert_allclose(grad.jvp(cube, x, v)[1], 3 * U**2 * W, rtol=1e-14)
    nested = jax.jit(lambda x: lax.scan(lambda c, _: (cube(c), None), x, None, length=2)[0])
    np.testing.assert_allclose(grad.jvp(nested, x, v)[1], 9 * U**8 * W, rtol=1e-13)
    np.testing.assert_allclose(
        grad.hessian(lambda x: cube(x).sum(), x), np.diag(6 * U), rtol=1e-14, atol=1e-14
    )
    forward = {"vectorize": True, "strategy": "forward-mode"}
    np.testing.assert_allclose(
        grad.jacobian(cube, x, **forward), np.diag(3 * U**2), rtol=1e-14, atol=1e-14
    )

    def doubled(x):  # a loop that reverse mode cannot go through
        return lax.while_loop(lambda y: jnp.sum(y * y) < 100, lambda y: 2 * y, x)

    np.testing.assert_allclose(grad.jvp(doubled, x, v)[1], 8 * W, rtol=1e-14)
    np.testing.assert_allclose(
        grad.jacobian(doubled, x, **forward), 8 * np.eye(3), rtol=1e-14, atol=1e-14
    )


def test_python_branches_outside_jit():
    def doubled(x):
        while jnp.sum(x * x) < 100:
            x = 2 * x
        return x * x

    x, v = jnp.asarray(U), jnp.asarray(W)
    np.testing.assert_allclose(grad.jvp(doubled, x, v)[1], 128 * U * W, rtol=1e-14)
    np.testing.assert_allclose(grad.jacobian(doubled, x), np.diag(128 * U), rtol=1e-14, atol=1e-12)
    np.testing.assert_allclose(
        grad.hessian(lambda x: doubled(x).sum(), x), 128 * np.eye(3), rtol=1e-14, atol=1e-12
    )


def test_an_infinite_slope_stays_with_its_output():
    def both(m):
        return lambda x: (x * x, m.sqrt(x))

    x = np.zeros(2)
    found = grad.jacobian(both(jnp), jnp.asarray(x))
    expected = torch.autograd.functional.jacobian(both(torch), torch.tensor(x))
    np.testing.assert_array_equal(found[0], expected[0].numpy())
    assert not np.isnan(found[0]).any()


def test_empty_arrays():
    x = jnp.zeros((0, 2))
    assert grad.jacobian(lambda x: 2 * x, x).shape == (0, 2, 0, 2)
    assert grad.jacobian(lambda x: jnp.ones(3) * x.sum(), x).shape == (3, 0, 2)
    assert grad.hessian(jnp.sum, x).shape == (0, 2, 0, 2)
    forward = {"vectorize": True, "strategy": "forward-mode"}
    assert grad.jacobian(lambda x: jnp.ones(3) * x.sum(), x, **forward).shape == (3, 0, 2)
    assert grad.jvp(lambda x: 2 * x, x, x)[1].shape == (0, 2)
