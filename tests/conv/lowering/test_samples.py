"""Weight gradients of each sample by itself, which `jax.vmap` makes grouped convolutions of."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import lax

import conv
from tests.support.agree import draw, to_torch


def of_each_sample(
    function: Any, x: jax.Array, w: jax.Array, g: jax.Array
) -> tuple[jax.Array, str]:
    """The weight gradients of single images, (N, O, C, *kernel), and how they are computed."""

    def gradient(x: jax.Array, g: jax.Array) -> jax.Array:
        return jax.grad(lambda w: (function(x[None], w) * g[None]).sum())(w)

    mapped = jax.vmap(gradient)
    return jax.jit(mapped)(x, g), conv.routes(mapped, x, g)[-1].method


@pytest.mark.parametrize(
    ("name", "input", "weight", "arguments"),
    [
        ("conv2d", (5, 8, 12, 11), (9, 8, 3, 2), {"padding": (1, 2)}),
        ("conv2d", (3, 4, 30, 29), (6, 4, 3, 3), {"stride": 2, "padding": 1}),
        ("conv2d", (3, 4, 20, 21), (6, 4, 2, 3), {"dilation": (2, 3), "padding": (0, 3)}),
        ("conv2d", (4, 1, 16, 16), (6, 1, 3, 3), {}),
        ("conv2d", (4, 5, 12, 12), (7, 5, 1, 1), {}),
        ("conv1d", (3, 6, 200), (8, 6, 3), {"padding": 1}),
        ("conv1d", (3, 6, 700), (8, 6, 3), {"stride": 2}),
        ("conv3d", (3, 4, 6, 7, 8), (5, 4, 2, 2, 3), {"padding": 1}),
        ("conv_transpose2d", (3, 8, 9, 8), (8, 4, 3, 4), {"stride": 2, "padding": 1}),
        ("conv_transpose1d", (3, 8, 90), (8, 4, 3), {"stride": 3, "output_padding": 1}),
    ],
)
def test_weight_gradients_of_samples_beside_pytorch(
    name: str, input: tuple[int, ...], weight: tuple[int, ...], arguments: dict[str, Any]
) -> None:
    ours, theirs = getattr(conv, name), getattr(torch.nn.functional, name)
    x, w = draw(0, input), draw(1, weight)
    g = draw(2, jax.eval_shape(lambda x, w: ours(x, w, **arguments), x, w).shape)
    found, method = of_each_sample(lambda x, w: ours(x, w, **arguments), x, w, g)
    assert method == "of_samples"
    for one, x_n, g_n in zip(found, x, g, strict=True):
        leaf = to_torch(w, requires_grad=True)
        y = theirs(to_torch(x_n[None]), leaf, **arguments)
        (right,) = torch.autograd.grad(y, leaf, to_torch(g_n[None]))
        np.testing.assert_allclose(one, right.numpy(), rtol=0, atol=1e-12 * right.abs().max())


@pytest.mark.parametrize(
    ("size", "kernel", "spread", "stride"), [(60, 16, 1, 1), (9, 3, 2, 3), (40, 3, 1, 2)]
)
def test_weight_gradients_without_a_method(
    size: int, kernel: int, spread: int, stride: int
) -> None:
    """Too many kernel elements to spell out, and strides on both sides, of lax alone."""
    shape = (3, 4, size, size)
    x, w = draw(0, shape), draw(1, (5, 4, kernel, kernel))

    def function(x: jax.Array, w: jax.Array) -> jax.Array:
        with conv.accelerate():
            return lax.conv_general_dilated(
                x, w, (stride,) * 2, [(1, 1)] * 2, lhs_dilation=(spread,) * 2
            )

    g = draw(2, jax.eval_shape(function, x, w).shape)
    found, method = of_each_sample(function, x, w, g)
    assert (method == "of_samples") == (kernel < 16 and spread == 1)
    spaced = np.zeros((*shape[:2], *(spread * (size - 1) + 1,) * 2))
    spaced[:, :, ::spread, ::spread] = x
    for one, x_n, g_n in zip(found, spaced, g, strict=True):
        right = torch.nn.grad.conv2d_weight(
            to_torch(x_n[None]), w.shape, to_torch(g_n[None]), stride=stride, padding=1
        ).numpy()
        np.testing.assert_allclose(one, right, rtol=0, atol=1e-12 * np.abs(right).max())


def test_gradients_of_replicas() -> None:
    """A batch and a weight for each of several models."""
    x, w, g = draw(0, (3, 4, 6, 9, 9)), draw(1, (3, 8, 6, 3, 3)), draw(2, (3, 4, 8, 9, 9))

    def gradients(w: jax.Array, x: jax.Array, g: jax.Array) -> jax.Array:
        return jax.grad(lambda w: (conv.conv2d(x, w, padding=1) * g).sum())(w)

    found = jax.jit(jax.vmap(gradients))(w, x, g)
    assert conv.routes(jax.vmap(gradients), w, x, g)[-1].method == "of_samples"
    right = np.stack(
        [
            torch.nn.grad.conv2d_weight(to_torch(b), a.shape, to_torch(c), padding=1).numpy()
            for a, b, c in zip(w, x, g, strict=True)
        ]
    )
    np.testing.assert_allclose(found, right, rtol=0, atol=1e-12 * np.abs(right).max())


def test_layers_of_few_outputs_are_no_samples() -> None:
    """Depthwise over all of the image, and a large kernel of many channels a group."""
    for x, w, groups in (
        ((8, 16, 7, 7), (16, 1, 7, 7), 16),
        ((1, 64, 7, 7), (64, 16, 7, 7), 4),
        ((8, 16, 12, 12), (32, 1, 7, 7), 16),
    ):
        program = lambda x, w, g=groups: conv.conv2d(x, w, groups=g)  # noqa: E731
        (found,) = conv.routes(program, jnp.ones(x), jnp.ones(w))
        assert found.method != "of_samples"
