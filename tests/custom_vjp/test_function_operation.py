"""What a call of a Function is in a program: an operation that others can look into."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import conv
import grad.func as F
from convgrad import _jax
from custom_vjp import Function
from tests.support.agree import draw


class Turned(Function):
    """A product whose forward keeps another form of what is not mapped."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any) -> Any:
        ctx.turned = w.T * 2.0
        return x @ w

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        return grad_output @ ctx.turned / 2.0, None


class Blurred(Function):
    """A convolution with a backward of its own."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any) -> Any:
        ctx.save_for_backward(w)
        return conv.conv2d(x, w)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        (w,) = ctx.saved_tensors
        return conv.conv_transpose2d(grad_output, w), None


class Dropped(Function):
    """Noise inside of forward."""

    @staticmethod
    def forward(ctx: Any, x: Any, key: Any) -> Any:
        return x + jax.random.normal(key, x.shape, x.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        return grad_output, None


XS, W = draw(0, (7, 5)), draw(1, (5, 3))


def _largest(fun: Any) -> int:
    program = jax.make_jaxpr(fun)(XS)
    return max(v.aval.size for e in _jax.equations(program.jaxpr) for v in e.outvars)


def test_what_is_not_mapped_is_kept_once() -> None:
    """Not 7 times 15 numbers: the largest array is one of 7 x 5."""
    gradients = jax.vmap(jax.grad(lambda x, w: Turned.apply(x, w).sum()), (0, None))
    np.testing.assert_allclose(gradients(XS, W), np.tile(W.sum(1), (7, 1)), rtol=1e-12)
    assert _largest(lambda xs: gradients(xs, jnp.asarray(W) + xs[0, 0])) == XS.size


def test_what_is_not_mapped_where_jax_says_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the traces of values have moved, everything counts as mapped; nothing else changes."""
    monkeypatch.setattr(_jax, "_losses", {})
    monkeypatch.setattr(_jax, "is_mapped_as", lambda *_: True)
    gradients = jax.vmap(jax.grad(lambda x, w: Turned.apply(x, w).sum()), (0, None))
    np.testing.assert_allclose(gradients(XS, W), np.tile(W.sum(1), (7, 1)), rtol=1e-12)
    assert _largest(lambda xs: gradients(xs, jnp.asarray(W) + xs[0, 0])) == 7 * W.size


def test_values_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_jax, "_losses", {})
    with pytest.warns(RuntimeWarning, match="has moved the trace of a value"):
        assert _jax.is_mapped_as(1.0, object())
    assert _jax.losses(_jax.WAYS) == ["the trace of a value"]


def test_routes_sees_the_convolution_inside() -> None:
    x, w = jnp.ones((2, 16, 12, 12)), jnp.ones((16, 16, 3, 3))
    inside = conv.routes(lambda x, w: Blurred.apply(x, w).sum(), x, w)
    alone = conv.routes(lambda x, w: conv.conv2d(x, w).sum(), x, w)
    assert [str(route) for route in inside] == [str(route) for route in alone] != []


def test_draws_inside_of_forward_are_seen() -> None:
    """As PyTorch's vmap does of draws: one key for all examples is an error."""
    key = jax.random.key(0)
    alike = F.vmap(Dropped.apply, (0, None), randomness="same")(XS, key)
    np.testing.assert_allclose(alike - XS, np.tile((alike - XS)[0], (7, 1)), rtol=1e-9)
    with pytest.raises(RuntimeError, match="randomness error mode"):
        jax.jit(F.vmap(Dropped.apply, (0, None)))(XS, key)


def test_code_runs_once_a_trace() -> None:
    """Traced under jit, forward is not run again to be compiled."""
    runs = []

    class Counted(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            runs.append("forward")
            return 2 * x

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            runs.append("backward")
            return 2 * grad_output

    assert jax.jit(Counted.apply)(3.0) == 6.0
    assert runs == ["forward"]
    runs.clear()
    assert jax.grad(Counted.apply)(3.0) == 2.0
    assert runs == ["forward", "backward"]
    runs.clear()
    assert jax.jit(jax.grad(Counted.apply))(3.0) == 2.0
    assert runs == ["forward", "backward"]
