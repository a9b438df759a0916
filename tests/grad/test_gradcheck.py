"""``gradcheck`` and ``gradgradcheck``: the verdicts of PyTorch's on the same functions."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import lax

import grad
from tests.support.functions import S, U, W, X, Y, Z, to, verdicts

# PyTorch's own forward mode warns of its own torch.jit.script.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")


def pair(forward, backward):
    """A function of one array with this gradient, for JAX and for PyTorch."""

    @jax.custom_vjp
    def ours(x):
        return forward(jnp, x)

    def back(x, g):  # between JAX's cotangents and PyTorch's gradients lies a conjugate
        return (jnp.conj(backward(jnp, x, jnp.conj(g))),)

    ours.defvjp(lambda x: (forward(jnp, x), x), back)

    class Theirs(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return forward(torch, x)

        @staticmethod
        def backward(ctx, g):
            return backward(torch, *ctx.saved_tensors, g)

    return ours, Theirs.apply


def one_percent_off(m, x, g):
    factors = np.ones(x.shape)
    factors.flat[1] = 1.01
    return 3 * x * x * g * (jnp.asarray(factors) if m is jnp else torch.tensor(factors))


WRONG = {
    "one element by 1%": (lambda m, x: x**3, one_percent_off, X),
    "sign": (lambda m, x: m.sin(x), lambda m, x, g: -m.cos(x) * g, U),
    "nothing": (lambda m, x: x * x, lambda m, x, g: 0 * g, U),
    "no conjugate": (lambda m, z: z * z, lambda m, z, g: 2 * z * g, Z),
    "wrong conjugate": (lambda m, z: m.conj(z), lambda m, z, g: g, Z),
    "transposed": (lambda m, x: x @ x, lambda m, x, g: g @ x + x @ g, X),
    "not a number": (lambda m, x: x * x, lambda m, x, g: 2 * x * g * m.nan, U),
    "gradient ignored": (lambda m, x: m.sum(x), lambda m, x, g: m.ones_like(x), U),
    "broadcast, not summed": (lambda m, x: m.sum(x) * 2, lambda m, x, g: g + 0 * x, U),
}
RIGHT = {
    "cubes": (lambda m, x: x**3, lambda m, x, g: 3 * x * x * g, X),
    "complex": (lambda m, z: z * z, lambda m, z, g: 2 * m.conj(z) * g, Z),
    "conjugate": (lambda m, z: m.conj(z), lambda m, z, g: m.conj(g), Z),
}


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize("label", [*WRONG, *RIGHT])
def test_custom_functions_get_torchs_verdict(label, fast_mode):
    forward, backward, x = {**WRONG, **RIGHT}[label]
    ours, theirs = pair(forward, backward)
    found, expected = verdicts("gradcheck", ours, theirs, x, fast_mode=fast_mode)
    if label in RIGHT:
        assert found is True
        assert expected is True
        return
    assert isinstance(expected, RuntimeError)
    assert isinstance(found, grad.GradcheckError)
    first = str(expected).split(",\n")[0]
    assert str(found).startswith(first)
    assert grad.gradcheck(ours, to("jax", x), fast_mode=fast_mode, raise_exception=False) is False


def test_the_message_names_output_input_and_element():
    bad, _ = pair(lambda m, x: x**3, one_percent_off)
    with pytest.raises(grad.GradcheckError) as caught:
        grad.gradcheck(lambda n, y, x: (y, bad(x)), (3, jnp.asarray(Y), jnp.asarray(X)))
    text = str(caught.value)
    assert "mismatch for output 1 with respect to input 2" in text
    assert "1 of 16 elements differ, most of all element (0, 1) of output 1" in text
    # 3 * 1.2^2 = 4.32, and 1% more.
    assert "by element (0, 1) of input 2: numerical 4.3" in text
    assert "analytical 4.3632 (difference 0.0432)" in text
    assert issubclass(grad.GradcheckError, RuntimeError)


def noisy(scale):
    """The square, with a gradient that draws a random number at each pass."""
    rng = np.random.default_rng(0)

    @jax.custom_vjp
    def func(x):
        return x * x

    def back(x, g):
        noise = jax.pure_callback(lambda: rng.uniform(), jax.ShapeDtypeStruct((), np.float64))
        return (2 * x * g * (1 + scale * noise),)

    func.defvjp(lambda x: (x * x, x), back)
    return func


class Noisy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * x * g * (1 + 1e-8 * torch.rand((), dtype=x.dtype))


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize(("nondet_tol", "passes"), [(0.0, False), (1e-6, True)])
def test_randomness_is_found_with_nondet_tol(nondet_tol, passes, fast_mode):
    options = {"nondet_tol": nondet_tol, "fast_mode": fast_mode}
    found, expected = verdicts("gradcheck", noisy(1e-8), Noisy.apply, U, **options)
    if passes:
        assert found is True
        assert expected is True
        return
    for error in (found, expected):
        assert "Backward is not reentrant" in str(error)
    assert "nondet_tol" in str(found)


def test_randomness_of_the_function_itself_is_found():
    rng = np.random.default_rng(0)

    def by_callback(x):
        noise = jax.pure_callback(lambda: rng.uniform(), jax.ShapeDtypeStruct((), np.float64))
        return x * (1 + 1e-9 * lax.stop_gradient(noise))

    for func in (by_callback, lambda x: x * (1 + 1e-9 * rng.uniform())):
        with pytest.raises(grad.GradcheckError, match=r"func is not deterministic.*nondet_tol"):
            grad.gradcheck(func, jnp.asarray(U))

    @jax.custom_vjp
    def in_python(x):
        return x * x

    in_python.defvjp(lambda x: (x * x, x), lambda x, g: (2 * x * g * (1 + 1e-9 * rng.uniform()),))
    with pytest.raises(grad.GradcheckError, match="not reentrant"):
        grad.gradcheck(in_python, jnp.asarray(U))


def test_outputs_without_gradient():
    x = jnp.asarray(U)
    assert grad.gradcheck(lambda x: jnp.argmax(x), x)
    assert grad.gradcheck(lambda x: jnp.ones(3), x)
    assert grad.gradcheck(lambda x: (x * 2, grad.detach(x)), x)  # beside another, as in PyTorch
    t = torch.tensor(U, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: (x * 2, x.detach()), (t,))
    words = "Numerical gradient for function expected to be zero"
    for fast_mode in (False, True):
        with pytest.raises(RuntimeError, match=words):
            torch.autograd.gradcheck(lambda x: x.detach() * 2, (t,), fast_mode=fast_mode)
        with pytest.raises(grad.GradcheckError, match=words):
            grad.gradcheck(lambda x: grad.detach(x) * 2, x, fast_mode=fast_mode)


def test_single_precision_warns_as_in_torch():
    x = np.asarray(U, "float32")
    said = []
    for check, func, inputs in (
        (grad.gradcheck, jnp.sin, jnp.asarray(x)),
        (torch.autograd.gradcheck, torch.sin, torch.tensor(x, requires_grad=True)),
    ):
        with pytest.warns(UserWarning, match="Input #0 requires gradient and is not") as caught:
            said.append(check(func, inputs, eps=1e-2, atol=1e-3))
        assert caught[0].filename == __file__ or check is torch.autograd.gradcheck
    assert said == [True, True]
    z = jnp.asarray(Z, "complex64")
    with pytest.warns(UserWarning, match=r"Input #1 .*complex64"):
        assert grad.gradcheck(lambda n, z: z * z, (2, z), eps=1e-2, atol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not grad.gradcheck(jnp.sin, jnp.asarray(x), raise_exception=False)


def test_second_derivative_that_is_wrong():
    @jax.custom_vjp
    def slope(x):
        return 2 * x

    slope.defvjp(lambda x: (2 * x, None), lambda _, g: (3 * g,))

    @jax.custom_vjp
    def square(x):
        return x * x

    square.defvjp(lambda x: (x * x, x), lambda x, g: (slope(x) * g,))
    assert grad.gradcheck(square, jnp.asarray(U))
    for options in ({}, {"fast_mode": True}, {"grad_outputs": jnp.asarray(W)}):
        with pytest.raises(grad.GradcheckError, match="Jacobian mismatch for output 0"):
            grad.gradgradcheck(square, jnp.asarray(U), **options)
    assert not grad.gradgradcheck(square, jnp.asarray(U), raise_exception=False)


def test_wrong_forward_mode():
    @jax.custom_jvp
    def func(x, y):
        return x * y

    func.defjvp(lambda p, t: (p[0] * p[1], t[0] * p[1] + 2 * p[0] * t[1]))
    x, y = jnp.asarray(U), jnp.asarray(W)
    words = "Jacobian computed with forward mode mismatch for output 0 with respect to input 1"
    for fast_mode in (False, True):
        options = {"check_forward_ad": True, "check_backward_ad": False, "fast_mode": fast_mode}
        with pytest.raises(grad.GradcheckError, match=words):
            grad.gradcheck(func, (x, y), **options)
        words_complex = "the imaginary part of complex inputs only, Jacobian computed with forward"
        with pytest.raises(grad.GradcheckError, match=words_complex):
            grad.gradcheck(lambda z: func(z, z), jnp.asarray(Z), **options)
    plain, _ = pair(*RIGHT["cubes"][:2])
    with pytest.raises(TypeError, match="forward-mode"):
        grad.gradcheck(plain, x, check_forward_ad=True)


def test_dtypes_and_batches_of_gradients():
    @jax.custom_vjp
    def rounded(x):
        return 2 * x

    rounded.defvjp(lambda x: (2 * x, None), lambda _, g: ((2 * g).astype(jnp.float32),))
    assert grad.gradcheck(rounded, jnp.asarray(U))
    with pytest.raises(
        grad.GradcheckError, match="Gradient has dtype mismatch: input 0 has float64"
    ):
        grad.gradcheck(rounded, jnp.asarray(U), check_grad_dtypes=True)

    @jax.custom_vjp
    def unbatched(x):
        return 2 * x

    def back(_, g):
        return (jax.pure_callback(lambda g: 2 * np.asarray(g), g, g),)

    unbatched.defvjp(lambda x: (2 * x, None), back)
    assert grad.gradcheck(unbatched, jnp.asarray(U))
    with pytest.raises(grad.GradcheckError, match="While computing batched gradients, got"):
        grad.gradcheck(unbatched, jnp.asarray(U), check_batched_grad=True)


def test_unused_outputs_count_as_zero():
    @jax.custom_vjp
    def both(x):
        return x * 2, x * 3

    def back(_, cotangents):
        used = [g.value * k for g, k in zip(cotangents, (2, 3), strict=True) if g is not None]
        return (sum(used),)

    both.defvjp(lambda x: ((x.value * 2, x.value * 3), None), back, symbolic_zeros=True)

    def careless(_, cotangents):
        a, b = (isinstance(g, jax.custom_derivatives.SymbolicZero) for g in cotangents)
        return (jnp.asarray(U) * 0 + (5.0 if a or b else cotangents[0] * 2 + cotangents[1] * 3),)

    assert grad.gradcheck(lambda x: (x * 2, x * 3), jnp.asarray(U))
    both.defvjp(lambda x: ((x.value * 2, x.value * 3), None), careless, symbolic_zeros=True)
    assert not grad.gradcheck(both, jnp.asarray(U), raise_exception=False)


def test_python_branches_pytrees_and_empty_arrays():
    def doubled(x):
        while jnp.linalg.norm(x) < 100:
            x = x * 2
        return x * x

    assert grad.gradcheck(doubled, jnp.asarray(U), check_forward_ad=True, check_batched_grad=True)
    assert grad.gradgradcheck(doubled, jnp.asarray(U))
    params = {"w": jnp.asarray(U), "k": jnp.arange(3)}
    assert grad.gradcheck(lambda p, n: {"y": p["w"] ** n, "k": p["k"]}, (params, 3))
    assert grad.gradcheck(lambda x: x * 2, jnp.zeros((0, 3)), check_forward_ad=True)
    assert grad.gradcheck(lambda x: x * 2, jnp.zeros((0, 3)), fast_mode=True)
    assert grad.gradcheck(jnp.sum, [jnp.asarray(U)])
    assert grad.gradcheck(lambda x: x**2, np.float64(S))
