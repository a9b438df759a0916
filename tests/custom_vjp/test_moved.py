"""Six classes of public repositories' kinds, moved over: JAX beside the originals in PyTorch."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import grad
from tests.support import moved_jax, moved_torch
from tests.support.agree import assert_same, draw, to_torch


@dataclasses.dataclass(frozen=True)
class Case:
    """A program of one of the modules, and its arguments: arrays that are differentiated first."""

    call: Callable[..., Any]
    arrays: tuple[np.ndarray, ...]
    others: tuple[Any, ...] = ()
    mapped: tuple[int | None, ...] = (0,)


# The weights of the outputs make the incoming gradients of both signs.
X = 2 * draw(0, (4, 6))
NEURONS = (draw(1, (4, 5, 3)), draw(2, (3, 3)) + 0.5, np.array(0.9))
CASES = {
    "learned step": Case(
        lambda m, *args: m.LearnedStep.apply(*args), (X, np.array([0.3])), (0.1, -4, 3), (0, None)
    ),
    "sparsemax": Case(lambda m, *args: m.Sparsemax.apply(*args), (X,), (0,)),
    "sparsemax, last": Case(lambda m, *args: m.Sparsemax.apply(*args), (X,)),
    "spikes in scan": Case(lambda m, *args: m.leaky_neurons(*args), NEURONS, (), (0, None, None)),
    "spikes": Case(lambda m, *args: m.unrolled_neurons(*args), NEURONS, (), (0, None, None)),
    "reversed gradient": Case(lambda m, *args: m.ReverseGradient.apply(*args), (X,), (0.25,)),
    "codebook": Case(
        lambda m, *args: m.Quantise.apply(*args)[0],
        (draw(3, (4, 5, 2)), draw(4, (7, 2))),
        (),
        (0, None),
    ),
    "lower bound": Case(lambda m, *args: m.LowerBound.apply(*args), (X,), (np.array([-0.5]),)),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def loss(case: Case, m: Any, to_array: Callable[[Any], Any], *arrays: Any) -> Any:
    """Each output with a weight of its own, and a square, for second derivatives."""
    others = [to_array(o) if isinstance(o, np.ndarray) else o for o in case.others]
    output = case.call(m, *arrays, *others)
    weights = to_array(draw(9, tuple(output.shape)))
    return (output * weights).sum() + (output * output * weights).sum() / 2


def in_torch(case: Case, *arrays: Any) -> tuple[Any, Any, Any]:
    """The value, the gradients, and the gradients of half their squares."""
    tensors = [to_torch(a, requires_grad=True) for a in arrays]
    value = loss(case, moved_torch, to_torch, *tensors)
    first = torch.autograd.grad(value, tensors, create_graph=True)
    energy = sum((g**2).sum() / 2 for g in first)
    return value, first, torch.autograd.grad(energy, tensors, materialize_grads=True)


def in_jax(case: Case) -> Callable[..., Any]:
    """The same, as a function of the arrays."""
    places = tuple(range(len(case.arrays)))

    def gradients(*arrays: Any) -> Any:
        return jax.grad(lambda *xs: loss(case, moved_jax, jnp.asarray, *xs), places)(*arrays)

    def everything(*arrays: Any) -> Any:
        def energy(*xs: Any) -> Any:
            return sum((g**2).sum() / 2 for g in gradients(*xs))

        value = loss(case, moved_jax, jnp.asarray, *arrays)
        return value, gradients(*arrays), jax.grad(energy, places)(*arrays)

    return everything


def compare(found: Any, expected: Any) -> None:
    """The recurrence multiplies what two orders of summing differ by, some ten times a step."""
    value, first, second = found
    assert_same(value, expected[0].detach())
    for mine, right in zip(first, expected[1], strict=True):
        assert_same(mine, right.detach(), "gradient", scale=10)
    for mine, right in zip(second, expected[2], strict=True):
        assert_same(mine, right.detach(), "second gradient", scale=100)


@cases
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["", "jit"])
def test_value_gradient_and_second_gradient(case: Case, wrap: Any) -> None:
    compare(wrap(in_jax(case))(*case.arrays), in_torch(case, *case.arrays))


@cases
def test_under_vmap(case: Case) -> None:
    """Each example by itself in PyTorch."""
    batches = [
        array if dim is None else np.stack([array, -array, array[::-1]])
        for array, dim in zip(case.arrays, case.mapped, strict=True)
    ]
    found = jax.vmap(in_jax(case), case.mapped)(*batches)
    for i in range(3):
        example = [b if d is None else b[i] for b, d in zip(batches, case.mapped, strict=True)]
        compare(jax.tree.map(lambda x, i=i: x[i], found), in_torch(case, *example))


@cases
def test_float32(case: Case) -> None:
    """The dtypes of PyTorch, and what float32 leaves of the digits in the first gradient."""
    arrays = [a.astype("float32") for a in case.arrays]
    others = tuple(o.astype("float32") if isinstance(o, np.ndarray) else o for o in case.others)
    small = dataclasses.replace(case, others=others)
    tensors = [to_torch(a, requires_grad=True) for a in arrays]
    output = small.call(moved_torch, *tensors, *(to_torch(o) for o in others))
    mine = small.call(moved_jax, *map(jnp.asarray, arrays), *others)
    assert_same(mine, output.detach(), scale=10)
    right = torch.autograd.grad(output.sum(), tensors)
    found = jax.grad(
        lambda *xs: small.call(moved_jax, *xs, *others).sum(), tuple(range(len(arrays)))
    )(*arrays)
    for one, other in zip(found, right, strict=True):
        assert_same(one, other, "gradient", scale=10)


@cases
def test_inputs_that_need_no_gradient(case: Case) -> None:
    """The first alone; what the others' would have been is not asked for."""
    first, *rest = case.arrays
    x = to_torch(first, requires_grad=True)
    loss(case, moved_torch, to_torch, x, *map(to_torch, rest)).backward()
    found = grad.backward(
        lambda x: loss(case, moved_jax, jnp.asarray, x, *rest), jnp.asarray(first)
    )
    assert_same(found, x.grad, scale=10)


@cases
def test_products(case: Case) -> None:
    """By going back twice, as in PyTorch, where backward is not linear: the lower bound's."""
    vectors = [draw(20 + i, a.shape) for i, a in enumerate(case.arrays)]
    for name in ("jvp", "hvp"):
        right = getattr(torch.autograd.functional, name)(
            lambda *xs: loss(case, moved_torch, to_torch, *xs),
            tuple(map(to_torch, case.arrays)),
            tuple(map(to_torch, vectors)),
        )[1]
        found = jax.jit(
            lambda xs, vs, name=name: getattr(grad, name)(
                lambda *xs: loss(case, moved_jax, jnp.asarray, *xs), xs, vs
            )[1]
        )(tuple(map(jnp.asarray, case.arrays)), tuple(map(jnp.asarray, vectors)))
        for mine, other in zip(
            jax.tree.leaves(found), right if isinstance(right, tuple) else (right,), strict=True
        ):
            assert_same(mine, other, name, scale=100)


def test_the_numbers_of_the_codes_have_no_gradient() -> None:
    inputs, codebook = CASES["codebook"].arrays
    codes, indices = moved_jax.Quantise.apply(jnp.asarray(inputs), jnp.asarray(codebook))
    right = moved_torch.Quantise.apply(to_torch(inputs), to_torch(codebook))
    assert_same(codes, right[0])
    assert_same(indices, right[1])
    with pytest.raises(RuntimeError, match="does not require grad"):
        grad.backward(
            lambda x: moved_jax.Quantise.apply(x, codebook)[1].sum() * 1.0, jnp.asarray(inputs)
        )


def two_scans(step: Callable[..., Any], carry: Any, xs: Any) -> Any:
    """A scan of scans, over one row after the other."""
    body = lambda carry, x: jax.lax.scan(step, carry, x[None])  # noqa: E731
    return jax.lax.scan(body, carry, xs)


LOOPS: dict[str, Callable[..., Any]] = {
    "scan": jax.lax.scan,
    "checkpoint": lambda step, carry, xs: jax.lax.scan(jax.checkpoint(step), carry, xs),
    "unrolled by two": lambda step, carry, xs: jax.lax.scan(step, carry, xs, unroll=2),
    "scan of scans": two_scans,
    "jit": lambda step, carry, xs: jax.lax.scan(jax.jit(step), carry, xs),
    "cond": lambda step, carry, xs: jax.lax.scan(
        lambda c, x: jax.lax.cond(jnp.max(x) > -99, step, lambda c, x: (c, None), c, x), carry, xs
    ),
    "fori_loop": lambda step, carry, xs: (
        jax.lax.fori_loop(0, len(xs), lambda i, c: step(c, xs[i])[0], carry),
        None,
    ),
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["", "jit"])
def test_second_derivatives_through_loops(loop: Any, wrap: Any) -> None:
    """A loop of JAX's does not open what has a derivative of its own: PyTorch's in a loop."""
    tensors = [to_torch(a, requires_grad=True) for a in NEURONS]
    value = (moved_torch.leaky_neurons(*tensors) ** 2).sum()
    first = torch.autograd.grad(value, tensors, create_graph=True)
    right = torch.autograd.grad(sum((g**2).sum() for g in first), tensors)

    def energy(*arrays: Any) -> Any:
        gradients = jax.grad(
            lambda *xs: (moved_jax.leaky_neurons(*xs, loop=loop) ** 2).sum(), (0, 1, 2)
        )(*arrays)
        return sum((g**2).sum() for g in gradients)

    found = wrap(jax.grad(energy, (0, 1, 2)))(*map(jnp.asarray, NEURONS))
    for mine, other in zip(found, right, strict=True):
        assert_same(mine, other, scale=1000)


def test_third_derivative_through_scan() -> None:
    """Of a cube whose backward says five times the square."""
    rate = 0.9

    def power(x: Any, order: int) -> Any:
        """The derivatives of the last of three values, each the cube of the one before."""
        loop = lambda x: jax.lax.scan(  # noqa: E731
            lambda c, _: (rate * moved_jax.FiveSquares.apply(c), None), x, None, length=3
        )[0]
        for _ in range(order):
            loop = jax.grad(loop)
        return loop(x)

    t = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    value = t
    for _ in range(3):
        value = rate * moved_torch.FiveSquares.apply(value)
    for order in range(1, 4):
        (value,) = torch.autograd.grad(value, t, create_graph=True)
        assert_same(jax.jit(power, static_argnums=1)(jnp.array(0.7), order), value.detach())


def test_training_through_spikes() -> None:
    """Ten steps of descent on the weights, in one compiled scan, as a loop in PyTorch."""
    currents, w, leak = NEURONS
    target = np.abs(draw(5, (5, 3)))
    t = to_torch(w, requires_grad=True)
    for _ in range(10):
        counts = moved_torch.leaky_neurons(to_torch(currents), t, to_torch(leak))
        (slope,) = torch.autograd.grad(((counts - to_torch(target)) ** 2).mean(), t)
        t = (t - 0.1 * slope).detach().requires_grad_()

    def step(w: Any, _: Any) -> Any:
        def error(w: Any) -> Any:
            counts = moved_jax.leaky_neurons(jnp.asarray(currents), w, leak)
            return ((counts - target) ** 2).mean()

        return w - 0.1 * jax.grad(error)(w), None

    found, _ = jax.jit(lambda w: jax.lax.scan(step, w, length=10))(jnp.asarray(w))
    assert_same(found, t.detach(), scale=100)
