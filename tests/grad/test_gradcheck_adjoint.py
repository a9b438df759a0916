"""``gradcheck`` and ``gradgradcheck`` of transposed convolutions and of ``torch.nn.grad``'s."""

from functools import partial

import jax.numpy as jnp
import pytest

import conv
import grad
from tests.support.agree import draw

CASES = {
    "conv_transpose1d": (
        partial(conv.conv_transpose1d, stride=2, output_padding=1, groups=2),
        ((1, 4, 2), (4, 1, 2), (2,)),
    ),
    "conv_transpose2d": (
        partial(conv.conv_transpose2d, stride=2, padding=1, dilation=(1, 2)),
        ((1, 2, 2, 2), (2, 1, 3, 2), (1,)),
    ),
    "conv_transpose3d": (
        partial(conv.conv_transpose3d, stride=(1, 2, 1)),
        ((1, 1, 1, 2, 2), (1, 2, 2, 1, 2)),
    ),
    "conv1d_input": (
        lambda w, g: conv.conv1d_input((1, 2, 5), w, g, 2, 1),
        ((1, 2, 3), (1, 1, 3)),
    ),
    "conv1d_weight": (
        lambda x, g: conv.conv1d_weight(x, (1, 2, 3), g, 2, 1),
        ((1, 2, 5), (1, 1, 3)),
    ),
    "conv2d_input": (
        lambda w, g: conv.conv2d_input((1, 2, 3, 3), w, g, groups=2),
        ((2, 1, 2, 2), (1, 2, 2, 2)),
    ),
    "conv2d_weight": (
        lambda x, g: conv.conv2d_weight(x, (2, 1, 2, 2), g, groups=2),
        ((1, 2, 3, 3), (1, 2, 2, 2)),
    ),
    "conv3d_input": (
        lambda w, g: conv.conv3d_input((1, 1, 2, 3, 2), w, g),
        ((1, 1, 2, 2, 1), (1, 1, 1, 2, 2)),
    ),
    "conv3d_weight": (
        lambda x, g: conv.conv3d_weight(x, (1, 1, 2, 2, 1), g),
        ((1, 1, 2, 3, 2), (1, 1, 1, 2, 2)),
    ),
}


def arrays(shapes, dtype="float64"):
    return tuple(jnp.asarray(draw(seed, shape, dtype)) for seed, shape in enumerate(shapes))


@pytest.mark.parametrize("label", CASES)
def test_first_and_second_derivatives(label):
    func, shapes = CASES[label]
    inputs = arrays(shapes)
    assert grad.gradcheck(func, inputs, check_forward_ad=True, check_batched_grad=True)
    assert grad.gradgradcheck(func, inputs, fast_mode=True)


def test_complex_transposed_convolutions():
    inputs = arrays(((1, 1, 3), (1, 1, 2)), "complex128")
    assert grad.gradcheck(conv.conv_transpose1d, inputs)
