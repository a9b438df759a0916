"""Random convolutions for the lowering rules, and comparisons for the methods that they choose."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax import lax

import conv
from conv.lowering import _register
from conv.lowering._method import Platform
from conv.lowering._rule import lower
from convgrad import _jax
from tests.support.agree import TOLERANCE, draw, to_torch

STOCK_RULE = _register.STOCK_RULES["cpu"]


def _register_rule(platform: Platform) -> None:
    _jax.register_lowering(_jax.CONVOLUTION, partial(lower, platform, STOCK_RULE), "cpu")


@contextmanager
def lowering_for_cpu(platform: Platform) -> Iterator[None]:
    """Let another platform's methods, or other limits, lower for CPU inside."""
    _register_rule(platform)
    jax.clear_caches()
    try:
        yield
    finally:
        _register_rule(_register.PLATFORMS["cpu"])
        jax.clear_caches()


def counting(platform: Platform) -> tuple[Platform, Counter]:
    """Return a platform that counts which methods it chooses, by role."""
    counts: Counter = Counter()

    def choose(problem: Any) -> Any:
        choice = platform.choose(problem)
        counts[problem.role, choice.method.name] += 1
        return choice

    return replace(platform, choose=choose), counts


def random_call(rng: np.random.Generator) -> tuple[Any, tuple[int, ...], tuple[int, ...], str]:
    """Draw a convolution with any strides, dilations, groups, padding and order of dimensions."""
    dims = int(rng.integers(1, 4))
    groups = int(rng.choice([1, 1, 1, 2, 3, 4, 8]))
    ins, outs = (int(rng.choice([1, 1, 2, 3, 8, 20])) for _ in range(2))

    def some(low: int, high: int) -> tuple[int, ...]:
        return tuple(int(n) for n in rng.integers(low, high, dims))

    one = (1,) * dims
    kernel = some(1, 5)
    stride = some(1, 4) if rng.random() < 0.6 else one
    dilation = some(1, 4) if rng.random() < 0.5 else one
    if rng.random() < 0.15:
        stride = kernel
    if dims == 1 and rng.random() < 0.3:
        kernel = (int(rng.choice([20, 40, 128, 300])),)
    pads = tuple((p, p + int(rng.integers(0, 2))) for p in some(0, 4))
    if rng.random() < 0.3:
        pads = ((0, 0),) * dims
    wide = 30 if dims < 3 and rng.random() < 0.15 else 0
    space = tuple(
        n + d * (k - 1) + wide for n, k, d in zip(some(1, 9), kernel, dilation, strict=True)
    )
    spread = rng.random() < 0.35
    orders = [tuple(range(dims + 2))] * 3
    if rng.random() < 0.3:
        orders = [tuple(int(i) for i in rng.permutation(dims + 2)) for _ in range(3)]
    settings = {
        "window_strides": one if spread else stride,
        "padding": pads,
        "lhs_dilation": stride if spread else one,
        "rhs_dilation": dilation,
        "dimension_numbers": lax.ConvDimensionNumbers(*orders),
        "feature_group_count": groups,
    }
    shapes = [(int(rng.choice([1, 2, 4])), groups * ins, *space), (groups * outs, ins, *kernel)]
    placed = [
        tuple(np.array(shape)[np.argsort(order)].tolist())
        for shape, order in zip(shapes, orders, strict=False)
    ]
    dtype = str(rng.choice(["float64", "float64", "float32", "bfloat16", "complex128"]))

    def call(x: jax.Array, w: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(x, w, **settings)

    return call, placed[0], placed[1], dtype


def value_and_gradients(call: Any, x: jax.Array, w: jax.Array, g: jax.Array) -> tuple:
    y, pull = jax.vjp(call, x, w)
    return (y, *pull(g))


def agree_with_pytorch(
    x: np.ndarray,
    w: np.ndarray,
    arguments: dict[str, Any],
    tolerance: float,
    transposed: bool = False,
    platform: str = "cpu",
) -> list[str]:
    """Compare the result and both gradients; return the methods, forward first, then sorted."""
    dims = w.ndim - 2
    name = f"conv_transpose{dims}d" if transposed else f"conv{dims}d"
    ours, theirs = getattr(conv, name), getattr(torch.nn.functional, name)

    def gradients(x: jax.Array, w: jax.Array, g: jax.Array) -> tuple:
        return value_and_gradients(lambda x, w: ours(x, w, **arguments), x, w, g)

    tensors = [to_torch(a, requires_grad=True) for a in (x, w)]
    expected = theirs(*tensors, **arguments)
    g = draw(2, tuple(expected.shape)).astype(x.dtype)
    rights = [expected, *torch.autograd.grad(expected, tensors, to_torch(g))]
    for mine, right in zip(jax.jit(gradients)(x, w, g), rights, strict=True):
        right = right.detach().numpy()
        np.testing.assert_allclose(mine, right, rtol=0, atol=tolerance * np.abs(right).max())
    first, *rest = (r.method for r in conv.routes(gradients, x, w, g, platform=platform))
    return [first, *sorted(rest)]


def compare_marked(seed: int, count: int) -> None:
    """Compare random calls inside of accelerate() with XLA's own lowering, in all three roles."""
    rng = np.random.default_rng(seed)
    done = 0
    while done < count:
        call, left, right, dtype = random_call(rng)
        x, w = jnp.asarray(draw(1, left, dtype)), jnp.asarray(draw(2, right, dtype))
        try:
            shape = jax.eval_shape(call, x, w).shape
        except (TypeError, ValueError):
            continue  # a negative size: nothing to compare
        g = jnp.asarray(draw(3, shape, dtype))
        program = jax.jit(lambda *a, call=call: value_and_gradients(call, *a))
        stock = program(x, w, g)
        with conv.accelerate():
            fast = program(x, w, g)
        for name, ours, theirs in zip(("y", "dx", "dw"), fast, stock, strict=True):
            assert ours.dtype == theirs.dtype
            assert ours.shape == theirs.shape
            wide = "complex128" if dtype.startswith("complex") else "float64"
            difference = np.abs(np.asarray(ours, wide) - np.asarray(theirs, wide)).max(initial=0)
            most = np.abs(np.asarray(theirs, wide)).max(initial=1e-30)
            assert difference <= TOLERANCE[dtype] * most, (name, left, right, dtype)
        done += 1
