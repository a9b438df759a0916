"""``while_loop`` at second order, in batches, and inside other transformations."""

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax import lax

import custom_vjp
from grad import while_loop
from tests.support.loops import (
    CLOSE,
    LIMITS,
    arrays,
    loss,
    network,
    root,
    torch_derivatives,
    torch_gradients,
    torch_network,
)


@LIMITS
def test_hessian_in_every_order_of_modes(limit):
    weight, x, v = arrays()
    w = torch.tensor(weight)
    expected = torch.autograd.functional.hessian(
        lambda t: torch_network(w, t, 5) @ torch.tensor(v), torch.tensor(x)
    )

    def f(x):
        return loss(jnp.asarray(weight), x, 5, limit)

    rev, fwd = jax.jacrev, jax.jacfwd
    orders = ((rev, rev), (fwd, rev), (rev, fwd), (fwd, fwd))
    for outer, inner in orders if limit else orders[:1]:
        np.testing.assert_allclose(jax.jit(outer(inner(f)))(x), expected.numpy(), **CLOSE)


def test_second_derivative_by_a_closure_does_not_stack_it():
    n = 200

    def f(weight, x):
        return while_loop(
            lambda s: s[0] < 1000, lambda s: (s[0] + 1, jnp.sin(weight @ s[1])), (0, x)
        )[1].sum()

    def product(weight, x, v):
        return jax.grad(lambda w: jax.grad(f)(w, x).ravel() @ v)(weight)

    avals = [jax.ShapeDtypeStruct(s, jnp.float32) for s in ((n, n), (n,), (n * n,))]
    compiled = jax.jit(product).lower(*avals).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 40 * n * n * 4


# Batches, in which every example stops when it is done.


@LIMITS
def test_each_example_of_a_batch_has_its_own_steps(limit):
    a = np.array([2.0, 7.0, 1e4, 1.0, 0.3])  # 1 needs no step
    expected = np.array([torch_derivatives(v) for v in a]).T

    def single(a):
        return root(a, limit)

    @jax.jit
    def first_order(a):
        return (
            jax.vmap(single)(a),
            jax.vmap(jax.grad(single))(a),
            jax.grad(lambda a: jax.vmap(single)(a).sum())(a),
        )

    @jax.jit
    def second_order(a):
        return (
            jax.vmap(jax.vmap(jax.grad(single)))(a.reshape(5, 1)).reshape(5),
            jax.vmap(jax.grad(jax.grad(single)))(a),
            jax.grad(lambda a: jax.vmap(jax.grad(single))(a).sum())(a),
        )

    for found, right in zip(first_order(a), expected[[0, 1, 1]], strict=True):
        np.testing.assert_allclose(found, right, **CLOSE)
    if limit:
        for found, right in zip(second_order(a), expected[[1, 2, 2]], strict=True):
            np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-9)


@LIMITS
def test_batch_of_step_counts_with_a_shared_weight(limit):
    weight, x, _ = map(jnp.asarray, arrays())
    counts = [0, 7, 3]

    def total(w):
        return jax.vmap(lambda n: loss(w, x, n, limit))(jnp.asarray(counts)).sum()

    each = jax.vmap(jax.grad(lambda w, n: loss(w, x, n, limit)), (None, 0))
    expected = np.stack([torch_gradients(n)[0].numpy() for n in counts])
    np.testing.assert_allclose(jax.jit(each)(weight, jnp.asarray(counts)), expected, **CLOSE)
    np.testing.assert_allclose(jax.jit(jax.grad(total))(weight), expected.sum(0), **CLOSE)


def test_a_finished_example_with_an_infinite_derivative():
    def f(a):  # the square root of a state of 0 would give nan
        return while_loop(lambda y: y > 0.5, lambda y: y - jnp.sqrt(y * a) / 2, a, max_steps=20)

    def torch_f(a):
        y = a
        while y > 0.5:
            y = y - (y * a).sqrt() / 2
        return y

    a = np.array([0.0, 1.0, 4.0])
    t = torch.tensor(a, requires_grad=True)
    (expected,) = torch.autograd.grad(sum(torch_f(v) for v in t), t)
    summed = jax.grad(lambda a: jax.vmap(f)(a).sum())
    for program in (summed, jax.vmap(jax.grad(f))):
        np.testing.assert_allclose(jax.jit(program)(a), expected.numpy(), **CLOSE)


# Inside other transformations.


@LIMITS
def test_inside_scan_cond_checkpoint_and_another_loop(limit):
    weight, x, _ = map(jnp.asarray, arrays())

    def body(y, n):
        return network(weight, y, n, limit)["y"], None

    def scanned(x):
        return lax.scan(jax.checkpoint(body), x, jnp.array([1, 0, 2]))[0]

    def looped(x):
        def step(s):
            i, y = s
            return i + 1, lax.cond(i == 1, lambda y: y, lambda y: body(y, i // 2 + 1)[0], y)

        return while_loop(lambda s: s[0] < 3, step, (0, x), max_steps=limit)[1]

    w, t = (torch.tensor(a) for a in arrays()[:2])
    expected = torch.autograd.functional.jacobian(
        lambda t: torch_network(w, torch_network(w, t, 1), 2), t
    )
    for function in (scanned, looped):
        np.testing.assert_allclose(jax.jit(jax.jacrev(function))(x), expected.numpy(), **CLOSE)
    w, t, v = (torch.tensor(a) for a in arrays())
    expected_2 = torch.autograd.functional.hessian(
        lambda t: torch_network(w, torch_network(w, t, 1), 2) @ v, t
    )
    if limit:
        found = jax.jit(jax.hessian(lambda x: looped(x) @ arrays()[2]))(x)
        np.testing.assert_allclose(found, expected_2.numpy(), **CLOSE)
    linear = jax.linearize(scanned, x)[1]
    np.testing.assert_allclose(linear(x), expected.numpy() @ x, **CLOSE)


def test_a_batch_in_which_a_branch_has_the_loop():
    def f(x):
        return lax.cond(x > 1, lambda x: root(x, 50), lambda x: 3 * x, x)

    a = np.array([7.0, 0.5])
    expected = [torch_derivatives(7.0)[1], 3.0]
    np.testing.assert_allclose(jax.jit(jax.vmap(jax.grad(f)))(a), expected, **CLOSE)


def test_a_body_with_a_derivative_of_its_own():
    def f(x):
        return while_loop(
            lambda s: s[0] < 4, lambda s: (s[0] + 1, custom_vjp.add(s[1], jnp.sin(s[1]))), (0, x)
        )[1]

    t = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    y = t
    for _ in range(4):
        y = y + y.sin()
    y.backward()
    np.testing.assert_allclose(jax.jit(jax.grad(f))(0.3), t.grad.item(), **CLOSE)
