"""The lecture's rows on automatic differentiation, next to live PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import grad

X = [[1.0, 2.0], [3.0, 4.0]]


def torch_double_until(x, bound=1000.0):
    y, i = x * 2, 0
    while y.norm() < bound:
        y, i = y * 2, i + 1
    return y, i


def torch_mean_of_squares(x):
    y = x - 2
    return (y * y * 3).mean()


def tensor(values, requires_grad=False):
    return torch.tensor(np.asarray(values), requires_grad=requires_grad)


# Rows 10 to 13: a mean of squares.


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_mean_of_squares_and_its_gradient(wrap):
    x = np.asarray(X, np.float64)
    t = tensor(x, True)
    a = torch_mean_of_squares(t)
    a.backward()
    assert a.item() == 4.5
    np.testing.assert_array_equal(wrap(grad.mean_of_squares)(jnp.asarray(x)), a.item())
    ours = wrap(lambda x: grad.backward(grad.mean_of_squares, x))(jnp.asarray(x))
    np.testing.assert_array_equal(ours, [[-1.5, 0], [1.5, 3]])
    np.testing.assert_array_equal(ours, t.grad.numpy())
    np.testing.assert_array_equal(wrap(jax.grad(grad.mean_of_squares))(x), t.grad.numpy())
    np.testing.assert_array_equal(ours, 6 * (x - 2) / x.size)  # by hand


def test_gradient_is_the_transposed_jacobian():
    a = np.random.default_rng(0).normal(size=(3, 2))
    x, v = np.array([1.0, -2.0]), np.array([0.5, 1.0, 2.0])
    _, gradient = grad.vjp(lambda x: jnp.asarray(a) @ x, jnp.asarray(x), jnp.asarray(v))
    _, theirs = torch.autograd.functional.vjp(lambda x: tensor(a) @ x, tensor(x), tensor(v))
    # Sums of three products in another order: one rounding apart at most.
    np.testing.assert_allclose(gradient, theirs.numpy(), rtol=1e-14)
    np.testing.assert_allclose(gradient, a.T @ v, rtol=1e-14)


# Rows 14 and 15: doubling until the norm is large enough.


def check_doubling(x, bound=1000.0, dtype=np.float32, v=None):
    x = np.asarray(x, dtype)
    t = tensor(x, True)
    y, i = torch_double_until(t, bound)
    v = np.ones_like(x) if v is None else np.asarray(v, dtype)
    y.backward(tensor(v))

    def gradient(x):
        return grad.vjp(lambda x: grad.double_until(x, bound)[0], x, jnp.asarray(v))

    for wrap in (lambda f: f, jax.jit):
        ours, count = wrap(lambda x: grad.double_until(x, bound))(jnp.asarray(x))
        assert ours.dtype == dtype
        assert count.dtype == jnp.int32
        assert int(count) == i
        np.testing.assert_array_equal(ours, y.detach().numpy())
        again, pulled = wrap(gradient)(jnp.asarray(x))
        np.testing.assert_array_equal(again, y.detach().numpy())
        np.testing.assert_array_equal(pulled, t.grad.numpy())
    return i, t.grad.numpy()


def test_double_until_for_the_lectures_count():
    v = np.array([0.1, 1.0, 0.0001], np.float32)
    i, gradient = check_doubling([0.5, -1.0, 1.25], v=v)
    assert i == 9
    np.testing.assert_array_equal(gradient, v * 2.0**10)
    np.testing.assert_array_equal(gradient, np.array([102.4, 1024, 0.1024], np.float32))
    # The number of doublings, read off the gradient alone.
    assert np.log2(gradient[1]) - 1 == 9


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize(
    ("x", "bound"),
    [
        ([0.5, -1.0, 1.25], 1000.0),
        ([300.0, 400.0], 1000.0),  # the norm of y is the bound exactly: the loop does not start
        ([75.0, 100.0], 1000.0),
        ([600.0, 0.0], 1000.0),
        ([[0.1, 0.2], [0.3, -0.4]], 10),
        (0.3, 7.5),
        ([1.0, 2.0], -1.0),
        ([1.0, np.nan], 1000.0),
        ([1.0, np.inf], 1000.0),
    ],
)
def test_double_until_bit_for_bit(x, bound, dtype):
    check_doubling(x, bound, dtype)


@pytest.mark.parametrize("size", [1e-30, 1e-35, 1.3e-38])
def test_double_until_where_one_scale_would_overflow(size):
    # 1000 / 1.3e-38 is larger than the largest float32.
    check_doubling([size, -3 * size, 2 * size], v=[0.1, 1, 0.0001])


def test_double_until_in_float64_where_one_scale_would_overflow():
    check_doubling([3e-308, -5e-308], dtype=np.float64)


def test_double_until_random_draws():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        check_doubling(rng.normal(size=3) * 10.0 ** rng.integers(-6, 2))


def test_double_until_complex():
    x = np.array([1 + 2j, -0.3j], np.complex64)
    y, i = torch_double_until(tensor(x))
    ours, count = grad.double_until(jnp.asarray(x))
    assert int(count) == i
    np.testing.assert_array_equal(ours, y.numpy())


@pytest.mark.parametrize("shape", [(3,), (0,), ()])
def test_double_until_of_zeros_ends(shape):
    # PyTorch doubles zeros forever; y = 2 x is the only value it ever holds.
    y, i = jax.jit(grad.double_until)(jnp.zeros(shape, jnp.float32))
    assert int(i) == 0
    np.testing.assert_array_equal(y, torch.zeros(shape).numpy() * 2)


def test_double_until_under_vmap_counts_each_example():
    x = np.array([[0.5, -1.0], [300.0, 400.0], [1e-30, 2e-31]], np.float32)
    y, i = jax.vmap(grad.double_until)(jnp.asarray(x))
    each = [torch_double_until(tensor(row)) for row in x]
    np.testing.assert_array_equal(i, [count for _, count in each])
    np.testing.assert_array_equal(y, np.stack([out.numpy() for out, _ in each]))


def test_double_until_forward_mode_and_second_order():
    x = np.array([0.5, -1.0, 1.25])

    def ours(x):
        return jnp.sum(grad.double_until(x)[0] ** 2)

    def theirs(x):
        return (torch_double_until(x)[0] ** 2).sum()

    tangent = np.array([1.0, 2.0, -1.0])
    _, pushed = jax.jvp(ours, (jnp.asarray(x),), (jnp.asarray(tangent),))
    _, expected = torch.autograd.functional.jvp(theirs, tensor(x), tensor(tangent))
    np.testing.assert_allclose(pushed, expected.numpy(), rtol=1e-14)
    np.testing.assert_array_equal(
        jax.jit(jax.hessian(ours))(x), torch.autograd.functional.hessian(theirs, tensor(x)).numpy()
    )


def test_double_until_takes_a_traced_bound():
    x = np.array([0.5, -1.0, 1.25], np.float32)
    for bound in (1.0, 10.0, 1e6):
        y, i = jax.jit(grad.double_until)(jnp.asarray(x), bound)
        expected, count = torch_double_until(tensor(x), bound)
        assert int(i) == count
        np.testing.assert_array_equal(y, expected.numpy())


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: grad.double_until(jnp.arange(3)), TypeError, "x must have a floating point"),
        (lambda: grad.double_until([1.0]), TypeError, "x must be an array, got list"),
        (lambda: grad.double_until(jnp.ones(2), "3"), TypeError, "bound must be a real number"),
        (lambda: grad.double_until(jnp.ones(2), 1j), TypeError, "bound must be a real number"),
        (lambda: grad.double_until(jnp.ones(2), True), TypeError, "bound must be a real number"),
        (lambda: grad.double_until(jnp.ones(2), jnp.ones(2)), ValueError, "bound must be a scalar"),
        (lambda: grad.mean_of_squares(jnp.arange(3)), TypeError, "x must have a floating point"),
        (lambda: grad.mean_of_squares(3.0), TypeError, "x must be an array, got float"),
        (lambda: grad.dot(jnp.ones(3), jnp.ones(4)), ValueError, "the same length"),
        (lambda: grad.dot(jnp.ones((3, 1)), jnp.ones(3)), ValueError, "x must have one dimension"),
        (lambda: grad.dot(jnp.ones(3), jnp.ones(())), ValueError, "w must have one dimension"),
        (lambda: grad.dot(jnp.ones(3), jnp.arange(3)), TypeError, "the same dtype"),
        (lambda: grad.dot([1.0], jnp.ones(1)), TypeError, "x must be an array, got list"),
    ],
)
def test_programs_refuse(call, error, words):
    with pytest.raises(error, match=words):
        call()
    with pytest.raises(error, match=words):
        jax.jit(call)()


# Rows 16 to 18: inference, with every combination of tracked arguments.


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("tracked", [(True, True), (True, False), (False, True)])
def test_dot_with_each_combination_tracked(tracked, wrap):
    n = 5
    x, w = np.arange(1.0, n + 1), np.ones(n)
    tx, tw = tensor(x, tracked[0]), tensor(w, tracked[1])
    z = tw @ tx
    z.backward()

    def program(x, w):
        return grad.dot(x if tracked[0] else grad.detach(x), w if tracked[1] else grad.detach(w))

    np.testing.assert_array_equal(program(jnp.asarray(x), jnp.asarray(w)), z.item())
    ours = wrap(lambda x, w: grad.backward(program, (x, w)))(jnp.asarray(x), jnp.asarray(w))
    for gradient, expected in zip(ours, (tx.grad, tw.grad), strict=True):
        if expected is None:
            assert gradient is None
        else:
            np.testing.assert_array_equal(gradient, expected.numpy())


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_backward_raises_inside_no_grad(wrap):
    x, w = np.arange(1.0, 4.0), np.ones(3)
    with torch.no_grad():
        z = tensor(w, True) @ tensor(x, True)
    with pytest.raises(RuntimeError) as theirs:
        z.backward()
    with pytest.raises(RuntimeError, match="no_grad") as ours:
        wrap(lambda x, w: grad.backward(grad.no_grad(grad.dot), (x, w)))(x, w)
    assert str(ours.value).startswith(str(theirs.value))
    np.testing.assert_array_equal(grad.no_grad(grad.dot)(x, w), z.item())
