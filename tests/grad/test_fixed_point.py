"""fixed_point beside PyTorch's loop, unrolled until it has settled: values and derivatives."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import custom_vjp
import grad
from tests.support.agree import draw, to_torch

N = 5
W, X, B = 0.3 * draw(0, (N, N)), draw(1, (N,)), draw(2, (3, N))

# Both sides stop near the fixed point, at a distance of about the tolerance, 4e-11 in float64; a
# derivative multiplies that by the size of the inverse of I - J, which is below 10 here.
NEAR = {"rtol": 0, "atol": 1e-9}


def gmres(matvec: Any, b: Any) -> Any:
    return jax.scipy.sparse.linalg.gmres(matvec, b, tol=1e-12)[0]


SETTINGS: dict[str, dict[str, Any]] = {
    "iteration": {},
    "damped": {"damping": 0.7},
    "anderson": {"solver": "anderson"},
    "mixed": {"solver": "anderson", "damping": 0.5, "history": 3, "backward_solver": "iteration"},
    "gmres back": {"backward_solver": gmres},
}
settings = pytest.mark.parametrize("options", SETTINGS.values(), ids=SETTINGS)


def layer(m: Any, z: Any, w: Any, x: Any) -> Any:
    return m.tanh(w @ z + x)


def ours(w: Any, x: Any, **options: Any) -> Any:
    return grad.fixed_point(lambda z, w, x: layer(jnp, z, w, x), jnp.zeros_like(x), w, x, **options)


def theirs(w: Any, x: Any, steps: int = 200) -> Any:
    z = torch.zeros_like(x)
    for _ in range(steps):
        z = layer(torch, z, w, x)
    return z


def near(found: Any, expected: torch.Tensor, **tolerance: Any) -> None:
    np.testing.assert_allclose(found, expected.detach().numpy(), **{**NEAR, **tolerance})


@settings
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["", "jit"])
def test_value_and_gradient(options: Any, wrap: Any) -> None:
    w, x = to_torch(W, requires_grad=True), to_torch(X, requires_grad=True)
    value = theirs(w, x)
    value.sin().sum().backward()
    near(wrap(lambda w, x: ours(w, x, **options))(W, X), value)
    found = wrap(jax.grad(lambda w, x: jnp.sin(ours(w, x, **options)).sum(), (0, 1)))(W, X)
    near(found[0], w.grad)
    near(found[1], x.grad)


@pytest.mark.parametrize("options", [{}, {"solver": "anderson"}], ids=["iteration", "anderson"])
def test_both_modes_and_second_derivatives(options: Any) -> None:
    w, x = to_torch(W), to_torch(X)
    direction = draw(3, (N,))
    _, right = torch.autograd.functional.jvp(lambda x: theirs(w, x), x, to_torch(direction))
    _, found = jax.jvp(lambda x: ours(W, x, **options), (X,), (direction,))
    near(found, right)

    def loss(w: Any, x: Any) -> Any:
        return jnp.sin(ours(w, x, **options)).sum()

    hessian = torch.autograd.functional.hessian(lambda w, x: theirs(w, x).sin().sum(), (w, x))
    blocks = jax.jit(jax.hessian(loss, (0, 1)))(W, X)  # forward over reverse
    again = jax.jit(jax.jacrev(jax.grad(loss, (0, 1)), (0, 1)))(W, X)
    for i in range(2):
        for j in range(2):
            near(blocks[i][j], hessian[i][j], atol=1e-8)
            near(again[i][j], hessian[i][j], atol=1e-8)
    twice = jax.jvp(lambda x: jax.jvp(lambda x: ours(W, x), (x,), (direction,))[1], (X,), (X,))[1]
    _, right = torch.autograd.functional.jvp(
        lambda x: torch.autograd.functional.jvp(
            lambda x: theirs(w, x), x, to_torch(direction), create_graph=True
        )[1],
        x,
        x,
    )
    near(twice, right, atol=1e-8)


def test_third_derivative_of_a_number() -> None:
    a = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    x = torch.tensor(0.5, dtype=torch.float64)
    for _ in range(400):
        x = torch.cos(a * x)
    for _ in range(3):
        (x,) = torch.autograd.grad(x, a, create_graph=True)

    def root(a: Any) -> Any:
        return grad.fixed_point(lambda x, a: jnp.cos(a * x), 0.5, a, tol=1e-14)

    near(jax.jit(jax.grad(jax.grad(jax.grad(root))))(0.8), x)
    near(jax.jit(jax.jacfwd(jax.jacrev(jax.jacfwd(root))))(0.8), x)


@settings
def test_under_vmap_each_example_has_its_own_steps(options: Any) -> None:
    scaled = np.stack([0.01 * X, X, -3 * X])
    w, xs = to_torch(W, requires_grad=True), to_torch(scaled, requires_grad=True)
    values = torch.stack([theirs(w, x) for x in xs])
    values.square().sum().backward()
    batched = jax.vmap(lambda x: ours(W, x, **options))
    near(batched(scaled), values)
    near(jax.grad(lambda xs: (batched(xs) ** 2).sum())(scaled), xs.grad)
    found = jax.vmap(jax.grad(lambda x: (ours(W, x, **options) ** 2).sum()))(scaled)
    near(found, xs.grad)
    per = jax.vmap(jax.grad(lambda w, x: (ours(w, x, **options) ** 2).sum()), (None, 0))(W, scaled)
    near(per.sum(0), w.grad)
    if not options:
        infos = jax.vmap(lambda x: ours(W, x, return_info=True)[1])(scaled)
        for i, x in enumerate(scaled):
            assert infos.steps[i] == ours(W, x, return_info=True)[1].steps
        assert len(set(infos.steps.tolist())) > 1


def test_scan_and_checkpoint() -> None:
    w, x = to_torch(W, requires_grad=True), to_torch(X)
    carry = x
    for row in to_torch(B):
        carry = theirs(w, carry + row)
    carry.sum().backward()

    def total(w: Any) -> Any:
        body = jax.checkpoint(lambda c, row: (ours(w, c + row), None))
        return jax.lax.scan(body, jnp.asarray(X), B)[0].sum()

    near(jax.jit(jax.grad(total))(W), w.grad)


def test_a_tree_of_states_what_is_closed_over_and_other_arguments() -> None:
    """Complex and real leaves, an integer and a string among the arguments, None, a closure."""
    z = draw(4, (N,), "complex128")
    a, b = to_torch(X, requires_grad=True), to_torch(z, requires_grad=True)
    u, v = torch.zeros_like(b), torch.zeros_like(a)
    for _ in range(200):
        u, v = 0.3 * torch.sin(u.conj()) * v + b, torch.tanh(u.abs() * 0.2 + a + v[2])
    (u.abs().square().sum() + v.sum()).backward()

    def loss(a: Any, b: Any, **options: Any) -> Any:
        def step(state: Any, b: Any, index: Any, kind: str, nothing: None) -> Any:
            assert (kind, nothing) == ("tanh", None)
            u, v = state["u"], state["v"]
            return {
                "u": 0.3 * jnp.sin(u.conj()) * v + b,
                "v": jnp.tanh(jnp.abs(u) * 0.2 + a + v[index]),
                "none": None,
            }

        init = {"u": jnp.zeros_like(b), "v": jnp.zeros_like(a), "none": None}
        end = grad.fixed_point(step, init, b, jnp.asarray(2), "tanh", None, **options)
        assert end["none"] is None
        return (jnp.abs(end["u"]) ** 2).sum() + end["v"].sum()

    for solver in ("iteration", "anderson"):
        found = jax.jit(
            lambda a, b, s=solver: grad.backward(lambda a, b: loss(a, b, solver=s), (a, b))
        )(X, z)
        near(found[0], a.grad)
        near(found[1], b.grad)


def test_no_gradient_flows_to_the_first_state() -> None:
    """In PyTorch it dies out on the way, by a factor a step."""
    z = to_torch(X, requires_grad=True)
    end = z
    for _ in range(200):
        end = layer(torch, end, to_torch(W), to_torch(X))
    end.sum().backward()
    assert z.grad.abs().max() < 1e-20
    found = jax.grad(lambda z: grad.fixed_point(lambda z: layer(jnp, z, W, X), z).sum())(X)
    np.testing.assert_array_equal(found, np.zeros(N))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("solver", ["iteration", "anderson"])
def test_dtypes(dtype: str, solver: str) -> None:
    """As near to the float64 result as the default tolerance, eps^(2/3), and the derivative let."""
    w, x = to_torch(W, requires_grad=True), to_torch(X)
    value = theirs(w, x)
    value.sum().backward()
    given = jnp.asarray(W, dtype), jnp.asarray(X, dtype)
    found = ours(*given, solver=solver)
    slope = jax.grad(lambda w, x: ours(w, x, solver=solver).sum())(*given)
    assert found.dtype == slope.dtype == dtype
    room = float(jnp.finfo(dtype).eps) ** (2 / 3)
    near(found.astype("float64"), value, atol=2 * room)
    near(slope.astype("float64"), w.grad, atol=10 * room)


class Square(custom_vjp.Function):
    """A Function whose backward says what it likes: a tenth of the derivative."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * x / 5


class SquareInTorch(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * x / 5


@jax.custom_vjp
def tenth(x: Any) -> Any:
    return x * x


tenth.defvjp(lambda x: (x * x, x), lambda x, g: (g * x / 5,))


@pytest.mark.parametrize("square", [Square.apply, tenth], ids=["Function", "jax.custom_vjp"])
def test_gradients_of_their_own_inside(square: Callable[..., Any]) -> None:
    a = to_torch(0.2 * X, requires_grad=True)
    z = torch.zeros_like(a)
    for _ in range(300):
        z = 0.5 * SquareInTorch.apply(z) + a
    z.sum().backward()

    def root(a: Any) -> Any:
        return grad.fixed_point(lambda z, a: 0.5 * square(z) + a, jnp.zeros_like(a), a)

    near(root(0.2 * X), z)
    near(jax.jit(jax.grad(lambda a: root(a).sum()))(0.2 * X), a.grad)
    near(jax.vmap(jax.grad(root))(0.2 * X), a.grad)
    near(jax.jvp(root, (0.2 * X,), (np.ones(N),))[1], a.grad)
    if square is tenth:  # which has no forward mode, here or anywhere
        with pytest.raises(TypeError, match="forward-mode"):
            jax.jvp(lambda a: grad.fixed_point(lambda z: square(z * a), 0.1), (1.0,), (1.0,))


def test_loops_inside() -> None:
    """A step that is itself a loop, and a fixed point inside of a fixed point."""
    a = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    x = torch.tensor(0.0, dtype=torch.float64)
    for _ in range(100):
        y = torch.tensor(0.0, dtype=torch.float64)
        for _ in range(100):
            y = 0.5 * torch.cos(y + x)
        x = 0.5 * torch.sin(y * a)
    x.backward()

    def inner(x: Any) -> Any:
        return grad.fixed_point(lambda y, x: 0.5 * jnp.cos(y + x), 0.0, x)

    def outer(a: Any) -> Any:
        return grad.fixed_point(lambda x, a: 0.5 * jnp.sin(inner(x) * a), 0.0, a)

    near(outer(0.7), x)
    near(jax.jit(jax.grad(outer))(0.7), a.grad)
    near(jax.jit(jax.jacfwd(outer))(0.7), a.grad)

    def stepping(x: Any, a: Any) -> Any:
        steps = grad.while_loop(
            lambda s: s[0] < 3, lambda s: (s[0] + 1, 0.9 * jnp.sin(s[1]) + 0.1 * a), (0, x)
        )
        return steps[1]

    b = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    z = torch.tensor(0.0, dtype=torch.float64)
    for _ in range(900):
        z = 0.9 * torch.sin(z) + 0.1 * b
    z.backward()
    near(jax.grad(lambda b: grad.fixed_point(stepping, 0.0, b))(0.7), b.grad)


def test_anderson_takes_fewer_steps_and_finds_what_repels() -> None:
    slow = 0.95 * np.linalg.qr(draw(5, (N, N)))[0]
    both = [
        grad.fixed_point(
            lambda z: slow @ z + X, jnp.zeros(N), solver=solver, history=N + 1, return_info=True
        )
        for solver in ("iteration", "anderson")
    ]
    exact = np.linalg.solve(np.eye(N) - slow, X)
    for z, info in both:
        assert info.converged
        np.testing.assert_allclose(z, exact, rtol=0, atol=1e-8)
    assert both[1][1].steps < both[0][1].steps / 10

    def away(a: Any) -> Any:  # x = a / 4, from which each step is three times as far away
        return grad.fixed_point(lambda x, a: a - 3 * x, jnp.ones(N), a, solver="anderson").sum()

    np.testing.assert_allclose(jax.value_and_grad(away)(2.0), (N * 0.5, N * 0.25), rtol=1e-9)
