"""``gradcheck`` and ``gradgradcheck`` of the convolutions, in float64."""

from functools import partial

import jax.numpy as jnp
import pytest
from flax import nnx

import conv
import grad
from tests.support.agree import draw

CASES = {
    "conv1d": (partial(conv.conv1d, stride=2, padding=1), ((1, 2, 5), (2, 2, 3), (2,))),
    "conv1d, groups": (partial(conv.conv1d, groups=2, padding="same"), ((2, 4), (4, 1, 2))),
    "conv2d": (partial(conv.conv2d, stride=(2, 1), padding=1), ((1, 2, 3, 4), (1, 2, 3, 2), (1,))),
    "conv2d, dilation": (partial(conv.conv2d, dilation=2), ((1, 1, 3, 4), (2, 1, 2, 2))),
    "conv2d, depthwise": (partial(conv.conv2d, groups=2, padding=1), ((1, 2, 2, 3), (2, 1, 2, 2))),
    "conv3d": (partial(conv.conv3d, padding=(0, 1, 0)), ((1, 1, 2, 2, 3), (2, 1, 2, 2, 2), (2,))),
}


def arrays(shapes, dtype="float64"):
    return tuple(jnp.asarray(draw(seed, shape, dtype)) for seed, shape in enumerate(shapes))


@pytest.mark.parametrize("label", CASES)
def test_first_and_second_derivatives(label):
    func, shapes = CASES[label]
    inputs = arrays(shapes)
    assert grad.gradcheck(func, inputs, check_forward_ad=True, check_batched_grad=True)
    assert grad.gradgradcheck(func, inputs, fast_mode=True)


def test_complex_convolutions():
    inputs = arrays(((1, 1, 3), (1, 1, 2)), "complex128")
    assert grad.gradcheck(conv.conv1d, inputs, check_forward_ad=True)
    assert grad.gradgradcheck(conv.conv1d, inputs)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_layers(mode):
    layer = conv.Conv1d(2, 1, 2, padding=1, padding_mode=mode, dtype=jnp.float64, rngs=nnx.Rngs(0))
    definition, state = nnx.split(layer)

    def call(state, x):
        return nnx.merge(definition, state)(x)

    assert grad.gradcheck(call, (nnx.to_pure_dict(state), *arrays(((1, 2, 4),))))
