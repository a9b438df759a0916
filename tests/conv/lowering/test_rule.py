"""The rule itself: who is marked, who is not, and that JAX's transformations see nothing of it."""

import subprocess
import sys
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from jax import lax

import conv
from tests.support.agree import assert_agree, draw, to_torch

DEPTHWISE = {"padding": 1, "groups": 4}
X, W = draw(0, (2, 4, 6, 6)), draw(1, (4, 1, 3, 3))


def raw(x: jax.Array, w: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(x, w, (1, 1), [(1, 1)] * 2, feature_group_count=4)


def convolutions(function: Any, *args: Any) -> int:
    """How many convolutions are left in the program as XLA gets it."""
    return jax.jit(function).lower(*args).as_text().count("stablehlo.convolution")


def test_marked_inside_only() -> None:
    assert convolutions(raw, X, W) == 1
    with conv.accelerate():
        assert convolutions(raw, X, W) == 0
    assert convolutions(raw, X, W) == 1


def test_decorator_marks() -> None:
    assert convolutions(conv.accelerate()(raw), X, W) == 0


def test_this_package_is_always_on_unless_switched_off() -> None:
    def ours(x: jax.Array, w: jax.Array) -> jax.Array:
        return conv.conv2d(x, w, **DEPTHWISE)

    assert convolutions(ours, X, W) == 0
    with conv.accelerate(False):
        assert convolutions(ours, X, W) == 1
        with conv.accelerate():
            assert convolutions(ours, X, W) == 0
        assert convolutions(ours, X, W) == 1
    assert convolutions(ours, X, W) == 0


def test_a_jitted_function_has_a_program_for_each_side() -> None:
    traces = []

    @jax.jit
    def function(x: jax.Array, w: jax.Array) -> jax.Array:
        traces.append(None)
        return raw(x, w)

    outside = function(X, W)
    with conv.accelerate():
        inside = function(X, W)
        function(X, W)
    again = function(X, W)
    assert len(traces) == 2
    np.testing.assert_array_equal(outside, again)
    expected = torch.nn.functional.conv2d(to_torch(X), to_torch(W), **DEPTHWISE)
    for value in (outside, inside):
        np.testing.assert_allclose(value, expected.numpy(), atol=1e-13)


def test_importing_changes_no_program_of_others() -> None:
    """The HLO of raw lax, flax and equinox layers, in processes with and without the import."""
    program = """
import hashlib, jax, jax.numpy as jnp, equinox as eqx
from flax import nnx
from jax import lax
IMPORT
x = jnp.ones((2, 6, 6, 8))
layer = nnx.Conv(8, 8, (3, 3), feature_group_count=8, rngs=nnx.Rngs(0))
module = eqx.nn.ConvTranspose2d(6, 4, 3, 2, key=jax.random.key(0))
raw = lambda x, w: lax.conv_general_dilated(x, w, (1, 1), 'SAME')
texts = [
    jax.jit(jax.grad(lambda x: layer(x).sum())).lower(x).as_text(),
    jax.jit(jax.grad(lambda x: module(x).sum())).lower(x[0]).as_text(),
    jax.jit(jax.grad(lambda w: raw(x, w).sum())).lower(jnp.ones((4, 6, 3, 3))).as_text(),
]
assert all('stablehlo.convolution' in t for t in texts)
print(hashlib.sha256(''.join(texts).encode()).hexdigest())
"""
    digests = [
        subprocess.run(
            [sys.executable, "-c", program.replace("IMPORT", line)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for line in ("", "import conv")
    ]
    assert digests[0] == digests[1]


def test_every_order_and_transformation() -> None:
    """Hessian, jacfwd of grad, vmap over both and scan, beside PyTorch."""

    def ours(x: jax.Array, w: jax.Array) -> jax.Array:
        return (conv.conv2d(x, w, **DEPTHWISE) ** 3).sum()

    def theirs(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return (torch.nn.functional.conv2d(x, w, **DEPTHWISE) ** 3).sum()

    x = X[:1, :, :3, :3]
    args = tuple(to_torch(a) for a in (x, W))
    expected = torch.autograd.functional.hessian(theirs, args)
    for transform in (jax.hessian, lambda f, n: jax.jacfwd(jax.grad(f, n), n)):
        got = transform(ours, (0, 1))(x, W)
        for i in range(2):
            for j in range(2):
                np.testing.assert_allclose(got[i][j], expected[i][j].numpy(), atol=1e-10)

    xs, ws = draw(2, (3, 2, 4, 6, 6)), draw(3, (3, 4, 1, 3, 3))
    each = torch.stack(
        [
            torch.nn.functional.conv2d(to_torch(a), to_torch(b), **DEPTHWISE)
            for a, b in zip(xs, ws, strict=True)
        ]
    ).numpy()
    mapped = jax.jit(jax.vmap(lambda x, w: conv.conv2d(x, w, **DEPTHWISE)))(xs, ws)
    np.testing.assert_allclose(mapped, each, atol=1e-12)
    scanned = lax.scan(lambda c, b: (c, conv.conv2d(*b, **DEPTHWISE)), None, (xs, ws))[1]
    np.testing.assert_allclose(scanned, each, atol=1e-12)


def test_gradients_of_gradients_of_samples() -> None:
    """vmap of grad: feature and batch groups that nobody typed."""
    for groups, weight in ((1, (3, 4, 3, 3)), (2, (6, 2, 3, 3)), (4, (4, 1, 3, 3))):
        w = draw(5, weight)

        def loss(w: jax.Array, x: jax.Array, groups: int = groups) -> jax.Array:
            return (conv.conv2d(x, w, stride=2, padding=1, groups=groups) ** 2).sum()

        def loss_torch(w: torch.Tensor, x: torch.Tensor, groups: int = groups) -> torch.Tensor:
            return (torch.nn.functional.conv2d(x, w, stride=2, padding=1, groups=groups) ** 2).sum()

        got = jax.jit(jax.vmap(jax.grad(loss), (None, 0)))(w, X)
        for one, x in zip(got, X, strict=True):
            t = to_torch(w, requires_grad=True)
            (right,) = torch.autograd.grad(loss_torch(t, to_torch(x)), t)
            np.testing.assert_allclose(one, right.numpy(), atol=1e-11)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_integers_keep_jaxs_lowering(dtype: str) -> None:
    x, w = draw(0, (2, 4, 6, 6), dtype), draw(1, (4, 1, 3, 3), dtype)
    assert [r.method for r in conv.routes(lambda x, w: conv.conv2d(x, w, **DEPTHWISE), x, w)] == [
        "stock"
    ]
    assert_agree(
        lambda x, w: conv.conv2d(x, w, **DEPTHWISE),
        lambda x, w: torch.nn.functional.conv2d(x, w, **DEPTHWISE),
        x,
        w,
    )


def test_strides_on_both_sides_keep_jaxs_lowering() -> None:
    def both(x: jax.Array, w: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(x, w, (2, 2), [(1, 1)] * 2, lhs_dilation=(3, 3))

    x, w = draw(0, (1, 2, 5, 5)), draw(1, (3, 2, 3, 3))
    spread = np.zeros((1, 2, 13, 13))
    spread[:, :, ::3, ::3] = x
    expected = torch.nn.functional.conv2d(to_torch(spread), to_torch(w), stride=2, padding=1)
    with conv.accelerate():
        assert [r.method for r in conv.routes(both, x, w)] == ["stock"]
        np.testing.assert_allclose(both(x, w), expected.numpy(), atol=1e-13)


@pytest.mark.parametrize(("stride", "size", "padding"), [(2, 3, 0), (2, 3, 1), (3, 4, 0)])
def test_so_do_their_gradients(stride: int, size: int, padding: int) -> None:
    """Of sizes that abort in XLA's own hands, too; a NaN reaches the elements that meet it."""
    x, w = draw(0, (2, 4, 9, 9)), draw(1, (5, 4, size, size))

    def both(x: jax.Array, w: jax.Array) -> jax.Array:
        pads = [(padding, padding)] * 2
        return lax.conv_general_dilated(x, w, (stride,) * 2, pads, lhs_dilation=(size,) * 2)

    spread = torch.zeros(2, 4, 8 * size + 1, 8 * size + 1, dtype=torch.float64)
    spread[:, :, ::size, ::size] = to_torch(x)
    tensors = [spread.requires_grad_(), to_torch(w).requires_grad_()]
    right = torch.nn.functional.conv2d(*tensors, stride=stride, padding=padding)
    g = draw(2, tuple(right.shape))
    expected = torch.autograd.grad(right, tensors, to_torch(g))
    with conv.accelerate():
        pull = jax.jit(lambda x, w, g: jax.vjp(both, x, w)[1](g))
        of_x, of_w = pull(x, w, g)
        np.testing.assert_allclose(of_x, expected[0].numpy()[..., ::size, ::size], atol=1e-12)
        np.testing.assert_allclose(of_w, expected[1].numpy(), atol=1e-12)
        g[0, 1, 2, 3] = np.nan
        reached = ~np.isfinite(pull(x, w, g)[1])
    met = torch.zeros_like(right).detach()
    met[0, 1, 2, 3] = 1
    ones = torch.zeros_like(spread).detach()
    ones[:, :, ::size, ::size] = 1
    counted = torch.nn.functional.conv2d(ones, tensors[1], stride=stride, padding=padding)
    (counted,) = torch.autograd.grad(counted, tensors[1], met)
    np.testing.assert_array_equal(reached, counted.numpy() > 0)


def test_unmarked_convolutions_are_explained() -> None:
    (explained,) = conv.routes(raw, X, W)
    assert explained.method == "stock"
    assert "accelerate" in explained.why


@pytest.mark.parametrize(("dtype", "groups"), [("float64", 1), ("float64", 2), ("int64", 1)])
def test_xlas_own_lowering_does_not_abort(dtype: str, groups: int) -> None:
    """A kernel of two over an input spread by two, beside a kernel longer than the input."""
    x, w = draw(0, (2, 2, 4, 1), dtype), draw(1, (2, 1, 2, 3), dtype)
    settings = {"stride": (2, 3), "padding": (1, 0), "dilation": (1, 2), "groups": groups}

    def ours(x: jax.Array, w: jax.Array) -> jax.Array:
        with conv.accelerate(False):
            return conv.conv_transpose2d(x, w, **settings)

    assert_agree(ours, lambda x, w: torch.nn.functional.conv_transpose2d(x, w, **settings), x, w)


def test_export_for_three_platforms() -> None:
    def ours(x: jax.Array, w: jax.Array) -> jax.Array:
        return conv.conv2d(x, w, **DEPTHWISE)

    exported = jax.export.export(jax.jit(ours), platforms=("cpu", "cuda", "tpu"))(X, W)
    back = jax.export.deserialize(exported.serialize())
    expected = torch.nn.functional.conv2d(to_torch(X), to_torch(W), **DEPTHWISE)
    np.testing.assert_allclose(back.call(X, W), expected.numpy(), atol=1e-13)


class Block(nnx.Module):
    """A ConvNeXt-style block: depthwise 7 x 7, then two dense layers with a residual."""

    def __init__(self, channels: int, groups: int, size: int, rngs: nnx.Rngs) -> None:
        pad = size // 2
        self.spatial = nnx.Conv(
            channels,
            channels,
            (size, size),
            padding=[(pad, pad)] * 2,
            feature_group_count=groups,
            rngs=rngs,
        )
        self.grow = nnx.Linear(channels, 2 * channels, rngs=rngs)
        self.shrink = nnx.Linear(2 * channels, channels, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return x + self.shrink(nnx.gelu(self.grow(self.spatial(x))))


@pytest.mark.parametrize(("groups", "size"), [(16, 7), (4, 3)], ids=["convnext", "resnext"])
def test_gradients_of_flax_blocks_are_the_same_inside(groups: int, size: int) -> None:
    block = Block(16, groups, size, nnx.Rngs(0))
    x = jnp.asarray(draw(0, (2, 12, 12, 16), "float32"))

    @nnx.jit
    def gradients(block: Block, x: jax.Array) -> Any:
        return nnx.grad(lambda m, x: (m(x) ** 2).mean())(block, x)

    outside = jax.tree.leaves(gradients(block, x))
    with conv.accelerate():
        inside = jax.tree.leaves(gradients(block, x))
    for a, b in zip(outside, inside, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * np.abs(a).max())


def test_gradients_of_equinox_layers_are_the_same_inside() -> None:
    layer = eqx.nn.Conv2d(8, 8, 3, padding=1, groups=8, dtype=jnp.float32, key=jax.random.key(0))
    x = jnp.asarray(draw(0, (3, 8, 9, 9), "float32"))

    @eqx.filter_jit
    def gradients(layer: Any, x: jax.Array) -> Any:
        return eqx.filter_grad(lambda m: (jax.vmap(m)(x) ** 2).mean())(layer)

    outside = jax.tree.leaves(gradients(layer, x))
    with conv.accelerate():
        inside = jax.tree.leaves(gradients(layer, x))
    for a, b in zip(outside, inside, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * np.abs(a).max())
