"""fixed_point where it does not settle, and what it refuses."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import grad


def double(x: Any, a: Any = 2.0) -> Any:
    return a * x


@pytest.mark.parametrize("solver", ["iteration", "anderson"])
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["", "jit"])
def test_nan_where_it_does_not_settle(solver: str, wrap: Any) -> None:
    """Also in all that is computed from it: derivatives of both modes."""

    def root(a: Any) -> Any:
        step = lambda x, a: jnp.sin(a * x) + 2 * x + 1  # noqa: E731 - moves away without an end
        return grad.fixed_point(step, 1.0, a, solver=solver, max_steps=4)

    assert np.isnan(wrap(root)(1.0))
    assert np.isnan(wrap(jax.grad(root))(1.0))
    assert np.isnan(wrap(jax.jacfwd(root))(1.0))


def test_only_the_example_that_does_not_settle() -> None:
    a = np.array([0.5, 2.0, -0.5])

    def root(a: Any) -> Any:
        return grad.fixed_point(lambda x, a: a * x + 1, 1.0, a, max_steps=50)

    found, slopes = jax.vmap(jax.value_and_grad(root))(a)
    for values in (found, slopes):
        np.testing.assert_array_equal(np.isnan(values), [False, True, False])
    np.testing.assert_allclose(found[::2], 1 / (1 - a[::2]), rtol=1e-9)
    np.testing.assert_allclose(slopes[::2], 1 / (1 - a[::2]) ** 2, rtol=1e-9)


def test_info() -> None:
    x, info = grad.fixed_point(double, 1.0, max_steps=10, unconverged="keep", return_info=True)
    assert isinstance(info, grad.FixedPointInfo)
    assert (x, info.steps, info.residual, bool(info.converged)) == (1024, 10, 512, False)
    x, info = jax.jit(lambda a: grad.fixed_point(double, 1.0, a, return_info=True))(0.5)
    # After n steps x = residual = 2^-n, and tol + tol x is first reached with n = 35.
    assert (info.steps, x, info.residual) == (35, 2.0**-35, 2.0**-35)
    assert info.converged
    x, info = grad.fixed_point(lambda x: x, jnp.ones(3), return_info=True)
    assert (info.steps, info.residual, bool(info.converged)) == (1, 0, True)
    # What is returned beside the state is differentiated as what it is: a constant.
    slope = jax.grad(lambda a: grad.fixed_point(double, 1.0, a, return_info=True)[1].residual)(0.5)
    assert slope == 0


def test_keep() -> None:
    """The last state, and the derivative that it would have as a fixed point."""

    def steps(a: Any, **options: Any) -> Any:
        step = lambda x, a: a * x + 1  # noqa: E731
        return grad.fixed_point(step, 0.0, a, unconverged="keep", max_steps=3, **options)

    a = 0.5
    assert steps(a) == 1.75
    # u = a u + 1 in three steps from 1: the sum of 1, a, a^2 and a^3; times d func / d a = x.
    np.testing.assert_allclose(jax.grad(steps)(a), (1 + a + a**2 + a**3) * 1.75, rtol=1e-14)
    full = jax.grad(lambda a: steps(a, backward_max_steps=1000))(a)
    np.testing.assert_allclose(full, 1.75 / (1 - a), rtol=1e-9)


def test_a_linear_equation_that_is_not_solved() -> None:
    def root(a: Any) -> Any:
        step = lambda x, a: 0.9 * x + a  # noqa: E731
        return grad.fixed_point(step, 1.0, a, backward_max_steps=5)

    np.testing.assert_allclose(root(1.0), 10, rtol=1e-8)
    assert np.isnan(jax.grad(root)(1.0))
    assert np.isnan(jax.jvp(root, (1.0,), (1.0,))[1])


def test_infinity_and_nan_end_the_search() -> None:
    for step in (lambda x: x * jnp.inf, lambda x: x * jnp.nan, lambda x: jnp.exp(x) + 1e200):
        _, info = grad.fixed_point(step, 1.0, max_steps=10**6, return_info=True)
        assert info.steps < 10
        assert not info.converged


def test_no_tolerance_runs_all_steps_that_change_something() -> None:
    def count(**options: Any) -> Any:
        found = grad.fixed_point(lambda x: 0.5 * x + 1, 0.0, tol=0, return_info=True, **options)
        return found[1].steps, found[1].converged

    assert count(max_steps=20) == (20, False)
    assert count()[0] < 80


def test_empty_states() -> None:
    x, info = grad.fixed_point(lambda x: x + 1, jnp.ones((0, 3)), return_info=True)
    assert x.shape == (0, 3)
    assert info.converged
    assert jax.grad(lambda a: grad.fixed_point(lambda x: x * a, jnp.ones(0)).sum())(1.0) == 0
    x = grad.fixed_point(lambda x: x + 1, jnp.ones((0, 3)), solver="anderson")
    assert x.shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: grad.fixed_point(3, 1.0), TypeError, "func must be a function, got int"),  # type: ignore[arg-type]
        (lambda: grad.fixed_point(double, None), TypeError, "init must have an array, got"),
        (lambda: grad.fixed_point(double, "x"), TypeError, "init must be an array, got str: 'x'"),
        (
            lambda: grad.fixed_point(lambda x: x, {"a": 1.0, "b": "x"}),
            TypeError,
            r"init\['b'\] must be an array, got str",
        ),
        (
            lambda: grad.fixed_point(lambda x: x, (1.0, np.arange(3))),
            TypeError,
            r"init\[1\] must have a floating point or complex dtype, got int64",
        ),
        (
            lambda: grad.fixed_point(lambda x: (x,), 1.0),
            TypeError,
            r"func must return the structure of init, PyTreeDef\(\*\), got PyTreeDef\(\(\*,\)\)",
        ),
        (lambda: grad.fixed_point(lambda x: "x", 1.0), TypeError, "func must return arrays, got"),
        (
            lambda: grad.fixed_point(lambda x: x + jnp.ones(3), 1.0),
            ValueError,
            r"func must keep the shapes of init, \(\), got \(3,\)",
        ),
        (
            lambda: grad.fixed_point(lambda x: x.astype("float32"), jnp.ones(3)),
            TypeError,
            "func must keep the dtypes of init, float64, got float32",
        ),
        (
            lambda: grad.fixed_point(lambda x: x + 1j, jnp.ones(3)),
            TypeError,
            "func must keep the dtypes of init, float64, got complex128",
        ),
        (
            lambda: grad.fixed_point(double, 1.0, solver="newton"),
            ValueError,
            'solver must be "iteration" or "anderson", got solver=\'newton\'',
        ),
        (
            lambda: grad.fixed_point(double, 1.0, backward_solver="lu"),
            ValueError,
            "backward_solver must be .*, or a function",
        ),
        (lambda: grad.fixed_point(double, 1.0, tol=-1), ValueError, "tol must be at least 0, got"),
        (lambda: grad.fixed_point(double, 1.0, tol="s"), TypeError, "tol must be a number"),  # type: ignore[arg-type]
        (
            lambda: jax.jit(lambda t: grad.fixed_point(double, 1.0, tol=t))(1.0),
            TypeError,
            "tol must be a number that is known while tracing",
        ),
        (
            lambda: grad.fixed_point(double, 1.0, damping=1.5),
            ValueError,
            "damping must be from 0 to 1, got damping=1.5",
        ),
        (lambda: grad.fixed_point(double, 1.0, damping=0), ValueError, "damping must be above 0"),
        (
            lambda: grad.fixed_point(double, 1.0, max_steps=0),
            ValueError,
            "max_steps must be a positive int32, got max_steps=0",
        ),
        (
            lambda: grad.fixed_point(double, 1.0, max_steps=1.5),  # type: ignore[arg-type]
            TypeError,
            "max_steps must be a positive int, got",
        ),
        (
            lambda: grad.fixed_point(double, 1.0, history=True),
            TypeError,
            "history must be a positive int, got history=True",
        ),
        (
            lambda: grad.fixed_point(double, 1.0, backward_max_steps=-3),
            ValueError,
            "backward_max_steps must be a positive int32",
        ),
        (
            lambda: grad.fixed_point(double, 1.0, unconverged="raise"),
            ValueError,
            'unconverged must be "nan" or "keep", got unconverged=\'raise\'',
        ),
    ],
)
def test_refusals(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=f"^fixed_point: {words}"):
        call()


def test_numbers_and_numpy_for_states() -> None:
    """A number takes the dtype that func returns; arrays of NumPy are JAX's."""
    half = jnp.float16(0.5)
    found = grad.fixed_point(lambda x: half * x + half, 0.0)
    assert found.dtype == "float16"
    assert grad.fixed_point(lambda x: 0.5 * x, np.ones(3, "float32")).dtype == "float32"
    assert grad.fixed_point(lambda x: 0.5 * x + 1j, 0.0).dtype == "complex128"
