"""``while_loop``: values and derivatives against PyTorch's loop in Python, and against formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import lax

import grad
import grad.loops._plan as plan
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
def test_newtons_root_and_two_derivatives(limit):
    def derivatives(a):
        gradient = jax.grad(root)
        return (
            root(a, limit),
            gradient(a, limit),
            jax.grad(gradient)(a, limit),
            jax.jvp(lambda a: root(a, limit), (a,), (jnp.ones_like(a),))[1],
            jax.hessian(root)(a, limit),
        )

    program = jax.jit(derivatives)
    for a in (2.0, 7.0, 1e4):
        value, first, second = torch_derivatives(a)
        found = program(jnp.float64(a))
        np.testing.assert_allclose(found, [value, first, second, first, second], rtol=1e-9)
        np.testing.assert_allclose(found[:2], [a**0.5, 0.5 * a**-0.5], **CLOSE)
        np.testing.assert_allclose(found[2], -0.25 * a**-1.5, rtol=1e-9)


def test_outside_of_jit():
    a = jnp.float64(7.0)
    np.testing.assert_allclose(root(a), 7**0.5, **CLOSE)
    np.testing.assert_allclose(jax.grad(root)(a, 50), torch_derivatives(7.0)[1], **CLOSE)


@LIMITS
@pytest.mark.parametrize("x", [[0.5, -1.0, 1.25], [300.0, 400.0], [600.0, 0.0], [1e-3, 2e-3]])
def test_the_lectures_doubling_bit_for_bit(x, limit):
    v = np.array([0.1, 1.0, 0.0001][: len(x)])
    t = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    y = t * 2
    while y.norm() < 1000:
        y = y * 2
    y.backward(torch.tensor(v))

    def program(x):
        loop = (lambda y: jnp.linalg.norm(y) < 1000), (lambda y: y * 2)
        y, pull = jax.vjp(lambda x: while_loop(*loop, x * 2, max_steps=limit), x)
        return y, pull(jnp.asarray(v))[0]

    ours, gradient = jax.jit(program)(jnp.asarray(x))
    np.testing.assert_array_equal(ours, y.detach().numpy())
    np.testing.assert_array_equal(gradient, t.grad.numpy())


@LIMITS
def test_gradients_of_the_state_and_of_a_closure(limit):
    weight, x, _ = map(jnp.asarray, arrays())
    program = jax.jit(jax.grad(lambda w, x, n: loss(w, x, n, limit), (0, 1)))
    for steps in (0, 1, 7, 30):  # none too
        for ours, theirs in zip(program(weight, x, steps), torch_gradients(steps), strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), **CLOSE)
    end = network(weight, x, 7, limit)
    assert int(end["i"]) == 7
    assert bool(end["odd"])
    assert end["key"].dtype == jax.random.key(0).dtype
    expected = torch_network(*(torch.tensor(a) for a in arrays()[:2]), 7)
    np.testing.assert_allclose(end["y"], expected.numpy(), **CLOSE)


# Many steps.


@LIMITS
def test_a_hundred_thousand_steps(limit):
    n = 100_000
    rate, start = 1 + np.linspace(-1e-5, 1e-5, 100), np.linspace(1.0, 2.0, 100)

    def f(rate, y):
        return while_loop(
            lambda s: s[0] < n,
            lambda s: (s[0] + 1, s[1] * rate),
            (0, y),
            max_steps=limit and n,
        )[1].sum()

    compiled = jax.jit(jax.grad(f, (0, 1))).lower(rate, start).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 4e6  # 1.5 GB would be allowed
    by_rate, by_start = compiled(rate, start)
    # A hundred thousand roundings of half a unit each, at worst all in one direction.
    np.testing.assert_allclose(by_start, rate**n, rtol=1e5 * 1.2e-16)
    np.testing.assert_allclose(by_rate, n * rate ** (n - 1) * start, rtol=2e5 * 1.2e-16)


def test_kept_states_thin_out(monkeypatch):
    """The levels of a loop of many steps, made small: every number of steps up to the largest."""
    monkeypatch.setattr(plan, "SMALL", (100, 4))

    def f(x, n):
        return while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] * (1.8 - s[1])), (0, x))[1]

    program = jax.jit(lambda x, n: (*jax.value_and_grad(f)(x, n), jax.grad(jax.grad(f))(x, n)))
    for n in range(101):
        t = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
        y = t
        for _ in range(n):
            y = y * (1.8 - y)
        (first,) = torch.autograd.grad(y, t, create_graph=True)
        second = torch.autograd.grad(first, t)[0] if n else torch.tensor(0.0)
        expected = [a.item() for a in (y, first, second)]
        np.testing.assert_allclose(program(0.3, n), expected, **CLOSE)
    with pytest.raises(RuntimeError, match="after 100 steps, as many as can be differentiated"):
        jax.grad(f)(0.3, 101)


def test_the_value_alone_costs_what_lax_does():
    x = jnp.ones(1000)

    def with_loop(loop):
        return lambda x: loop(lambda y: y.sum() < 1e9, lambda y: y * 2, x)

    programs = [jax.jit(with_loop(loop)).lower(x) for loop in (while_loop, lax.while_loop)]
    ours, theirs = (p.as_text().count("stablehlo.while") for p in programs)
    assert ours == theirs == 1
    ours, theirs = (p.compile().memory_analysis().temp_size_in_bytes for p in programs)
    assert ours == theirs


def test_complex_numbers():
    z = 0.3 + 0.2j

    def f(z):
        w = while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] ** 2 + z), (0, z))[1]
        return jnp.real(w) + 2 * jnp.imag(w)

    t = torch.tensor(z, dtype=torch.complex128, requires_grad=True)
    w = t
    for _ in range(3):
        w = w**2 + t
    (w.real + 2 * w.imag).backward()
    np.testing.assert_allclose(jax.grad(f)(z).conj(), t.grad.numpy(), **CLOSE)


def test_states_without_a_gradient():
    assert int(while_loop(lambda n: n < 10, lambda n: n * 3, 1)) == 27
    assert float(while_loop(lambda y: y < 10, lambda y: y * 2.5, 1)) == 15.625  # as lax promotes
    empty = jax.grad(lambda x: while_loop(lambda x: x.sum() > 1, lambda x: x * 2, x).sum())
    assert empty(jnp.zeros((0, 3))).shape == (0, 3)
    gradient = jax.grad(lambda x: while_loop(lambda n: n < x, lambda n: n + 1, 0) * 2.0)
    assert float(gradient(5.5)) == 0.0  # x decides on the number of steps only


def test_backward_knows_what_the_loop_depends_on():
    def f(x):
        step = (lambda s: s[0] < 3), (lambda s: (s[0] + 1, s[1] * 2))
        return while_loop(*step, (0, x))[1].sum()

    np.testing.assert_array_equal(grad.backward(f, jnp.ones(2)), [8, 8])
    with pytest.raises(RuntimeError, match="does not require grad"):
        grad.backward(lambda x: while_loop(lambda y: y < x[0], lambda y: y + 1, 0.0), jnp.ones(2))


# Errors.


def test_running_out_of_steps_is_an_error():
    def triple(n, limit):
        return while_loop(lambda n: n < 27, lambda n: n * 3, n, max_steps=limit)

    assert int(triple(1, 3)) == 27  # as many as allowed
    words = "cond_fun still holds after 2 steps.*raise max_steps"
    with pytest.raises(RuntimeError, match=words):
        triple(1, 2)
    with pytest.raises(RuntimeError, match=words):
        jax.block_until_ready(jax.jit(lambda n: triple(n, 2))(1))
    with pytest.raises(RuntimeError, match=words):
        jax.vmap(lambda n: triple(n, 2))(jnp.array([9, 1, 27]))
    mapped = jax.jit(jax.vmap(lambda n: triple(n, 2)))
    with pytest.raises(jax.errors.JaxRuntimeError, match=words):
        jax.block_until_ready(mapped(jnp.array([9, 1, 27])))
    np.testing.assert_array_equal(mapped(jnp.array([9, 3, 27])), [27, 27, 27])


def test_running_out_of_steps_is_an_error_of_the_gradient_too():
    with pytest.raises(RuntimeError, match="still holds after 2 steps"):
        jax.grad(root)(7.0, 2)
    gradient = jax.jit(jax.vmap(jax.grad(lambda a: root(a, 3))))
    np.testing.assert_allclose(gradient(np.ones(2)), 1, **CLOSE)  # no step
    # JAX's own choice, in a program that ran before: see the docstring.
    with pytest.raises((RuntimeError, ValueError), match="still holds after 3 steps"):
        jax.block_until_ready(gradient(np.array([1.0, 7.0])))
    with pytest.raises(jax.errors.JaxRuntimeError, match="still holds after 2 steps"):
        jax.block_until_ready(jax.jit(jax.hessian(root), static_argnums=1)(7.0, 2))


@pytest.mark.parametrize(
    ("limit", "error", "words"),
    [
        (0, ValueError, "max_steps must be positive.*got 0"),
        (-3, ValueError, "max_steps must be positive.*got -3"),
        (2**31, ValueError, "at most 2"),
        (2.0, TypeError, "max_steps must be a positive int or None, got 2.0"),
        (True, TypeError, "max_steps must be a positive int"),
        ("3", TypeError, "max_steps must be a positive int"),
    ],
)
def test_max_steps_must_be_a_positive_int(limit, error, words):
    with pytest.raises(error, match=words):
        while_loop(lambda x: x < 3, lambda x: x + 1, 0.0, max_steps=limit)


@pytest.mark.parametrize(
    ("cond", "body", "start", "words"),
    [
        (
            lambda x: True,
            lambda x: x[:1],
            np.ones(3),
            r"keep shapes: init_val has shape \(3,\), it returned \(1,\)",
        ),
        (
            lambda x: True,
            lambda x: {"a": x["a"] * 1.5},
            {"a": np.ones(3, int)},
            r"keep dtypes: init_val\['a'\] is int64, it returned float64",
        ),
        (lambda x: True, lambda x: x[0], (np.ones(3), 1), "must return the structure of init_val"),
        (lambda x: True, lambda x: "y", np.ones(3), "must return arrays: it returned str"),
        (lambda x: x > 1, lambda x: x, np.ones(3), r"boolean scalar.*bool of shape \(3,\)"),
        (lambda x: 1, lambda x: x, np.ones(3), "boolean scalar.*int"),
        (lambda x: x, lambda x: x, 1.0, "boolean scalar.*float64"),
        (lambda x: None, lambda x: x, 1.0, "boolean scalar.*NoneType"),
        (lambda x: True, lambda x: x, "y", "init_val must be an array or a number, got str"),
        (None, lambda x: x, 1.0, "cond_fun must be a function"),
        (lambda x: True, 3, 1.0, "body_fun must be a function"),
        (
            lambda k: True,
            jax.random.key_data,
            jax.random.key(0),
            "keep dtypes: init_val is a PRNG key, it returned uint32",
        ),
    ],
)
def test_wrong_functions(cond, body, start, words):
    with pytest.raises(TypeError, match=words):
        while_loop(cond, body, start)
    if cond is not None and not isinstance(start, str | jax.Array) and body != 3:
        with pytest.raises(TypeError):
            lax.while_loop(cond, body, start)
