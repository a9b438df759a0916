"""``gradcheck`` and ``gradgradcheck`` of pads, windows, pools, and of the lecture's functions."""

from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest

import conv
import custom_vjp
import grad
from tests.grad.test_gradcheck_adjoint import CASES as ADJOINT
from tests.grad.test_gradcheck_conv import CASES as CONVOLUTIONS
from tests.support.agree import draw


def unpooled(dims):
    def unpool(x):
        places = jnp.arange(x.size).reshape(x.shape)[..., ::-1]
        return getattr(conv, f"max_unpool{dims}d")(x, places, 2)

    return unpool


def power_pooled(dims):
    return lambda x: getattr(conv, f"lp_pool{dims}d")(x, 2, 2, stride=1)


def fractional(dims):
    samples = np.full((1, 1, dims), 0.3)
    pool = getattr(conv, f"fractional_max_pool{dims}d")
    return lambda x: pool(x, 2, output_size=2, _random_samples=samples)


CASES = {
    "pad": (lambda x: conv.pad(x, (1, 2, 0, -1), value=3.0), ((1, 2, 3),)),
    "pad, reflect": (lambda x: conv.pad(x, (1, 2), "reflect"), ((1, 1, 3),)),
    "pad, replicate": (lambda x: conv.pad(x, (1, 2, 1, 0), "replicate"), ((1, 1, 2, 3),)),
    "pad, circular": (lambda x: conv.pad(x, (2, 1), "circular"), ((1, 1, 3),)),
    "unfold": (partial(conv.unfold, kernel_size=2, padding=1, stride=2), ((1, 1, 3, 3),)),
    "fold": (partial(conv.fold, output_size=(3, 3), kernel_size=2), ((1, 4, 4),)),
    "max_pool1d": (partial(conv.max_pool1d, kernel_size=2, dilation=2), ((1, 1, 6),)),
    "max_pool2d": (partial(conv.max_pool2d, kernel_size=2, padding=1), ((1, 1, 3, 4),)),
    "max_pool3d": (partial(conv.max_pool3d, kernel_size=(1, 2, 2), stride=1), ((1, 1, 2, 3, 2),)),
    "avg_pool1d": (partial(conv.avg_pool1d, kernel_size=2, ceil_mode=True), ((1, 2, 5),)),
    "avg_pool2d": (
        partial(conv.avg_pool2d, kernel_size=3, padding=1, count_include_pad=False),
        ((1, 1, 4, 4),),
    ),
    "avg_pool3d": (partial(conv.avg_pool3d, kernel_size=2, divisor_override=3), ((1, 1, 2, 3, 2),)),
    "adaptive_avg_pool1d": (partial(conv.adaptive_avg_pool1d, output_size=3), ((1, 1, 5),)),
    "adaptive_avg_pool2d": (
        partial(conv.adaptive_avg_pool2d, output_size=(2, None)),
        ((1, 1, 3, 2),),
    ),
    "adaptive_avg_pool3d": (partial(conv.adaptive_avg_pool3d, output_size=2), ((1, 1, 2, 3, 2),)),
    "adaptive_max_pool1d": (partial(conv.adaptive_max_pool1d, output_size=3), ((1, 1, 5),)),
    "adaptive_max_pool2d": (partial(conv.adaptive_max_pool2d, output_size=2), ((1, 1, 3, 3),)),
    "adaptive_max_pool3d": (partial(conv.adaptive_max_pool3d, output_size=2), ((1, 1, 2, 3, 2),)),
    **{f"max_unpool{n}d": (unpooled(n), ((1, 1, *(2, 1, 2)[:n]),)) for n in (1, 2, 3)},
    **{f"lp_pool{n}d": (power_pooled(n), ((1, 1, *(4, 2, 2)[:n]),)) for n in (1, 2, 3)},
    **{f"fractional_max_pool{n}d": (fractional(n), ((1, 1, *(5, 4, 4)[:n]),)) for n in (2, 3)},
    "conv_matrix": (lambda w: conv.conv_matrix(w, 4), ((2, 3),)),
    "scalar_products": (conv.scalar_products, ((1, 5), (2, 1, 3))),
    "mean_of_squares": (grad.mean_of_squares, ((2, 2),)),
    "double_until": (lambda x: grad.double_until(x, 10.0)[0], ((3,),)),
    "dot": (grad.dot, ((3,), (3,))),
    "detach": (lambda x, y: x * grad.detach({"y": y})["y"] * y, ((2,),) * 2),
    "no_grad": (lambda x: x * grad.no_grad(jnp.ones_like)(x), ((2,),)),
    "add": (custom_vjp.add, ((2, 3), (3,))),
    "split": (custom_vjp.split, ((3,),)),
    "max": (custom_vjp.max, ((2, 3),)),
}
# What each function of derivatives gives, as a function to be differentiated again.
DERIVATIVES = {
    "vjp": lambda x, v: grad.vjp(jnp.sin, x, v),
    "jvp": lambda x, v: grad.jvp(jnp.sin, x, v),
    "vhp": lambda x, v: grad.vhp(lambda x: jnp.prod(jnp.sin(x)), x, v),
    "hvp": lambda x, v: grad.hvp(lambda x: jnp.prod(jnp.sin(x)), x, v),
    "backward": lambda x, v: grad.backward(lambda x: x**3, x, v),
    "jacobian": lambda x, v: grad.jacobian(lambda x: v * x**3, x),
    "hessian": lambda x, v: grad.hessian(lambda x: jnp.sum(x**3 * v), x),
}


def arrays(shapes):
    return tuple(jnp.asarray(draw(seed, shape)) for seed, shape in enumerate(shapes))


# The lecture's three have a backward pass of their own, and so no forward mode.
REVERSE_ONLY = ("add", "split", "max")


@pytest.mark.parametrize("label", CASES)
def test_first_and_second_derivatives(label):
    func, shapes = CASES[label]
    inputs = arrays(shapes)
    forward = label not in REVERSE_ONLY
    if label == "detach":  # the numerical derivative goes through what is detached
        with pytest.raises(grad.GradcheckError, match="with respect to input 1"):
            grad.gradcheck(func, inputs)
        return
    assert grad.gradcheck(func, inputs, check_forward_ad=forward, check_batched_grad=True)
    assert grad.gradgradcheck(func, inputs, fast_mode=True)


@pytest.mark.parametrize("label", DERIVATIVES)
def test_derivatives_of_derivatives(label):
    inputs = arrays(((3,), (3,)))
    assert grad.gradcheck(DERIVATIVES[label], inputs, check_forward_ad=True)
    assert grad.gradgradcheck(DERIVATIVES[label], inputs, fast_mode=True)


def test_no_public_function_is_left_out():
    covered = {label.split(",")[0] for label in {**CASES, **CONVOLUTIONS, **ADJOINT, **DERIVATIVES}}
    layers = {name for name in conv.__all__ if name[0].isupper()}
    about_programs = {
        "accelerate",
        "conv_output_shape",
        "conv_transpose_output_shape",
        "routes",
        "same_padding",
    }
    assert set(conv.__all__) - covered - layers == about_programs
    elsewhere = {"gradcheck", "gradgradcheck", "graph", "while_loop", "fixed_point"}
    elsewhere |= {"hessian_diagonal", "gradients_of", "tap", "hook"}
    assert {name for name in grad.__all__ if name[0].islower()} - covered <= elsewhere
    assert {"add", "split", "max"} <= covered


def test_a_maximum_that_moves_is_found():
    with pytest.raises(grad.GradcheckError, match="Jacobian mismatch"):
        grad.gradcheck(partial(conv.max_pool1d, kernel_size=2), jnp.asarray(np.zeros((1, 2))))
