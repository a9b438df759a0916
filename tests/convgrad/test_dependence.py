"""What depends on what: through every construct, as ``requires_grad`` says it in PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import lax

from convgrad._dependence import dependence


def depends(func, *args):
    return [sorted(sources) for sources in dependence(jax.make_jaxpr(func)(*args))]


X = np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda x, y: x * y, lambda x, y: x * y),
        (lambda x, y: x * lax.stop_gradient(y), lambda x, y: x * y.detach()),
        (lambda x, y: lax.stop_gradient(x * y), lambda x, y: (x * y).detach()),
        (lambda x, y: jnp.floor(x), lambda x, y: x.floor()),
        (lambda x, y: jnp.sign(x) + jnp.round(y), lambda x, y: x.sign() + y.round()),
        (lambda x, y: x * 0, lambda x, y: x * 0),
        (lambda x, y: x > y, lambda x, y: x > y),
        (lambda x, y: jnp.where(x > 0, y, 1.0), lambda x, y: torch.where(x > 0, y, 1.0)),
        (lambda x, y: x.astype(int) * 1.0, lambda x, y: x.int() * 1.0),
        (lambda x, y: jnp.argmax(x), lambda x, y: x.argmax()),
        (lambda x, y: x[jnp.argsort(y)], lambda x, y: x[y.argsort()]),
        (lambda x, y: jnp.sort(y), lambda x, y: y.sort()[0]),
        (lambda x, y: y, lambda x, y: y),
        (lambda x, y: jnp.ones(3), lambda x, y: torch.ones(3)),
        (lambda x, y: jnp.maximum(x, y), lambda x, y: torch.maximum(x, y)),
        (lambda x, y: lax.complex(x, y), lambda x, y: torch.complex(x, y)),
        (lambda x, y: jnp.linalg.norm(x) * 2, lambda x, y: x.norm() * 2),
    ],
)
def test_agrees_with_requires_grad(ours, theirs):
    expected = []
    for i in range(2):
        args = [torch.tensor(X, requires_grad=i == k) for k in range(2)]
        if theirs(*args).requires_grad:
            expected.append(i)
    assert depends(ours, X, X) == [expected]
    assert depends(jax.jit(ours), X, X) == [expected]
    assert depends(jax.checkpoint(ours), X, X) == [expected]
    assert depends(jax.vmap(ours), X[None], X[None]) == [expected]


def test_jit_is_seen_through_output_by_output():
    inner = jax.jit(lambda x, y: (x * 2, lax.stop_gradient(x) + y, 3.0))
    assert depends(inner, X, X) == [[0], [1], []]


def test_functions_with_their_own_derivative_connect_all_their_inputs():
    # PyTorch's custom Functions do: what backward does cannot be read off forward.
    @jax.custom_vjp
    def step(x, n, unused):
        return (x > 0).astype(x.dtype), n + 1

    step.defvjp(lambda x, n, u: (step(x, n, u), None), lambda _, g: (g[0], None, None))
    assert depends(lambda x, u: step(x, 2, u), X, X) == [[0, 1], []]

    @jax.custom_jvp
    def surrogate(x):
        return lax.stop_gradient(x)

    surrogate.defjvp(lambda p, t: (p[0], t[0]))
    assert depends(lambda x, y: surrogate(x) + lax.stop_gradient(y), X, X) == [[0]]


def test_cond_unites_its_branches_and_ignores_the_predicate():
    def cond(p, x, y, z):
        return lax.cond(p > 0, lambda x, y, z: x, lambda x, y, z: y, x, y, z)

    assert depends(cond, 1.0, X, X, X) == [[1, 2]]

    def switch(p, x, y):
        branches = [lambda x, y: x, lambda x, y: y * 0, lambda x, y: jnp.ones(3)]
        return lax.switch(p.astype(int), branches, x, y)

    assert depends(switch, jnp.float32(1.0), X, X) == [[1, 2]]


def test_while_follows_the_carry_and_ignores_the_condition():
    def loop(bound, x, y, z):
        def body(state):
            _, b, c, i = state
            return b * 1, c * 1, c, i + 1

        return lax.while_loop(lambda s: jnp.sum(s[0]) < bound, body, (x, y, z, 0))

    assert depends(loop, 3.0, X, X, X) == [[1, 2, 3], [2, 3], [3], []]


def test_while_uses_closed_over_values():
    def loop(x, y):
        return lax.while_loop(lambda s: s.sum() < y.sum(), lambda s: s * x, jnp.ones(3))

    assert depends(loop, X, X) == [[0]]


@pytest.mark.parametrize("length", [0, 1, 2, 3, 7, 100])
def test_scan_follows_the_carry_trip_by_trip(length):
    def ours(x, y, ts):
        def body(carry, t):
            a, b, i = carry
            return (b, a, i + 1), (a, t)

        (a, b, _), (stacked, ts) = lax.scan(body, (x, y, 0), ts)
        return a, b, stacked, ts

    def theirs(x, y, ts):
        a, b, stacked = x, y, [torch.zeros(3)]
        for _ in ts:
            stacked.append(a)
            a, b = b, a
        return a, b, torch.stack(stacked), ts

    ts = np.ones(length)
    expected: list[list[int]] = [[], [], [], []]
    for i in range(3):
        args = [torch.tensor(v, requires_grad=i == k) for k, v in enumerate((X, X, ts))]
        for sources, out in zip(expected, theirs(*args), strict=True):
            if out.requires_grad:
                sources.append(i)
    found = depends(ours, X, X, ts)
    if length == 0:
        found, expected = found[:3], expected[:3]  # PyTorch passes the empty ts itself
    assert found == expected


def test_scan_over_constants_and_detached_carries():
    def loop(x, y):
        return lax.scan(lambda c, t: (lax.stop_gradient(c) + y, c * t), x, jnp.ones(3))

    assert depends(loop, 1.0, 1.0) == [[1], [0, 1]]


def test_fori_loop_and_map():
    assert depends(lambda x, y: lax.fori_loop(0, 3, lambda i, c: c * x, y), X, X) == [[0, 1]]
    assert depends(lambda x, y: lax.map(lambda t: t * y[0], x), X, X) == [[0, 1]]


def test_unknown_primitives_with_functions_inside_connect_everything():
    def solve(x, b):
        return lax.custom_linear_solve(lambda v: v * x, b, lambda _, b: b / x, symmetric=True)

    assert depends(solve, X, X) == [[0, 1]]


def test_integer_inputs_never_connect():
    assert depends(lambda x, n: x * n, X, np.arange(3)) == [[0]]


def test_deep_nesting_is_analysed_once():
    func = jnp.sin
    for _ in range(40):  # without a memory this would be 2^40 visits
        func = jax.jit(lambda x, inner=func: inner(x) + inner(x))
    assert depends(func, 1.0) == [[0]]
