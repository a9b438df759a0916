"""``backward``'s errors and None gradients through scan, cond, while and custom functions.

PyTorch runs the same programs as Python loops and branches.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import lax

import grad

X = np.array([0.5, -1.25, 2.0])
Y = np.array([1.5, 0.75, -0.25])


def scanned(step):
    """``carry = step(carry, x)`` over the elements of x, from y[0]."""
    return lambda x, y: lax.scan(lambda c, t: (step(c, t), None), y[0], x)[0]


def looped(step):
    def run(x, y):
        c = y[0]
        for t in x:
            c = step(c, t)
        return c

    return run


@jax.custom_vjp
def constant(x):
    return jnp.ones_like(x)


constant.defvjp(lambda x: (jnp.ones_like(x), None), lambda _, g: (2 * g,))


class Constant(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.ones_like(x)

    @staticmethod
    def backward(ctx, g):
        return 2 * g


def while_detached(x, y):
    count = lax.while_loop(lambda c: jnp.sum(c) < 9, lambda c: c + 1, grad.detach(x))
    return jnp.sum(count * y)


def torch_while_detached(x, y):
    count = x.detach()
    while count.sum() < 9:
        count = count + 1
    return (count * y).sum()


# label -> (ours, theirs): each takes (x, y); the two agree in value, gradients, None and errors.
PAIRS = {
    "scan": (scanned(lambda c, t: c * t), looped(lambda c, t: c * t)),
    "scan, carry detached": (
        scanned(lambda c, t: grad.detach(c) + t),
        looped(lambda c, t: c.detach() + t),
    ),
    "scan, input detached": (
        scanned(lambda c, t: c * grad.detach(t)),
        looped(lambda c, t: c * t.detach()),
    ),
    "scan, all detached": (
        scanned(lambda c, t: grad.detach(c * t)),
        looped(lambda c, t: (c * t).detach()),
    ),
    "scan over integers": (
        lambda x, y: lax.scan(lambda c, t: (c + t, None), 0, (x > 0).astype(int))[0] * 1.0,
        lambda x, y: (x > 0).int().sum() * 1.0,
    ),
    "cond": (
        lambda x, y: lax.cond(y[0] > 0, lambda x: x.sum(), lambda x: (2 * x).sum(), x),
        lambda x, y: x.sum() if y[0] > 0 else (2 * x).sum(),
    ),
    "cond, both branches constant": (
        lambda x, y: lax.cond(x[0] > 0, lambda: 1.0, lambda: 2.0),
        lambda x, y: torch.tensor(1.0 if x[0] > 0 else 2.0, dtype=torch.float64),
    ),
    "cond, both branches detached": (
        lambda x, y: lax.cond(
            y[0] > 0, grad.no_grad(lambda x: x.sum()), grad.no_grad(lambda x: x[0]), x
        ),
        lambda x, y: x.detach().sum() if y[0] > 0 else x.detach()[0],
    ),
    "while, detached": (while_detached, torch_while_detached),
    "while, all detached": (
        lambda x, y: grad.no_grad(while_detached)(x, y),
        lambda x, y: torch_while_detached(x, y).detach(),
    ),
    "custom": (lambda x, y: jnp.sum(constant(x)), lambda x, y: Constant.apply(x).sum()),
    "custom, detached before": (
        lambda x, y: jnp.sum(constant(grad.detach(x))),
        lambda x, y: Constant.apply(x.detach()).sum(),
    ),
    "custom, detached behind": (
        lambda x, y: jnp.sum(grad.detach(constant(x))),
        lambda x, y: Constant.apply(x).detach().sum(),
    ),
    "not scalar": (lambda x, y: scanned(lambda c, t: c * t)(x, y) * x, lambda x, y: x * y),
}


@pytest.mark.parametrize("label", PAIRS)
def test_agrees_with_torch(label):
    ours, theirs = PAIRS[label]
    tensors = [torch.tensor(v, requires_grad=True) for v in (X, Y)]
    error = None
    try:
        theirs(*tensors).backward()
    except RuntimeError as raised:
        error = str(raised)
    arrays = (jnp.asarray(X), jnp.asarray(Y))
    for wrap in (lambda f: f, jax.jit):
        call = wrap(lambda x, y: grad.backward(ours, (x, y)))
        if error is not None:
            with pytest.raises(RuntimeError) as caught:
                call(*arrays)
            assert str(caught.value).startswith(error)
            continue
        for found, tensor in zip(call(*arrays), tensors, strict=True):
            assert (found is None) == (tensor.grad is None)
            if found is not None:
                np.testing.assert_allclose(found, tensor.grad.numpy(), rtol=1e-14)


def test_errors_inside_of_loops_are_raised_while_tracing():
    def step(c, t):
        return c + grad.backward(grad.no_grad(jnp.sin), t), None

    with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad"):
        jax.jit(lambda x: lax.scan(step, 0.0, x))(jnp.asarray(X))
    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        lax.cond(X[0] > 0, lambda x: grad.backward(jnp.sin, x), lambda x: x, jnp.asarray(X))
    with pytest.raises(ValueError, match=r"Reverse-mode differentiation .* lax.while_loop"):
        grad.backward(
            lambda x: lax.while_loop(lambda c: c.sum() < 9, lambda c: 2 * c, x).sum(),
            jnp.asarray(X),
        )


def test_accumulation_over_two_calls():
    x, t = jnp.asarray(X), torch.tensor(X, requires_grad=True)
    (t**2).sum().backward()
    t.sin().sum().backward()  # adds to the first
    first = grad.backward(lambda x: jnp.sum(x**2), x)
    second = grad.backward(lambda x: jnp.sum(jnp.sin(x)), x)
    both = grad.backward(lambda x: (jnp.sum(x**2), jnp.sum(jnp.sin(x))), x)
    np.testing.assert_allclose(first + second, t.grad.numpy(), rtol=1e-14)
    np.testing.assert_allclose(both, t.grad.numpy(), rtol=1e-14)


def test_accumulation_where_one_loss_does_not_use_an_input():
    x, y = (torch.tensor(v, requires_grad=True) for v in (X, Y))
    (x * x).sum().backward()
    (x * y).sum().backward()
    losses = lambda x, y: (jnp.sum(x * x), jnp.sum(x * y))  # noqa: E731
    found = grad.backward(losses, (jnp.asarray(X), jnp.asarray(Y)))
    np.testing.assert_allclose(found[0], x.grad.numpy(), rtol=1e-14)
    np.testing.assert_allclose(found[1], y.grad.numpy(), rtol=1e-14)
