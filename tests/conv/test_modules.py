"""The nnx modules beside torch.nn's: layout, signature, initial distribution, result."""

import inspect
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import torch
from flax import nnx

import conv
from tests.support.agree import assert_same, draw, to_torch

OURS: dict[int, Any] = {1: conv.Conv1d, 2: conv.Conv2d, 3: conv.Conv3d}
THEIRS: dict[int, Any] = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d, 3: torch.nn.Conv3d}


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_signature_is_pytorchs(dims: int) -> None:
    mine = inspect.signature(OURS[dims]).parameters
    theirs = inspect.signature(THEIRS[dims]).parameters
    names = [n for n in theirs if n not in ("device", "dtype")]
    assert list(mine)[: len(names)] == names
    for name in names:
        assert mine[name].default == theirs[name].default or (
            mine[name].default is theirs[name].default is inspect.Parameter.empty
        )
        assert f"{name}:" in OURS[dims].__doc__  # each is explained
    assert set(list(mine)[len(names) :]) == {"dtype", "rngs"}


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [0, 1, "same", "valid"])
@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_call(dims: int, mode: str, padding: int | str, batched: bool) -> None:
    arguments = {"dilation": 2, "groups": 2, "padding": padding, "padding_mode": mode}
    kernel = (2, 3, 3)[:dims]
    theirs = THEIRS[dims](4, 6, kernel, **arguments, dtype=torch.float64)
    ours = OURS[dims](4, 6, kernel, **arguments, dtype=jnp.float64, rngs=nnx.Rngs(0))
    assert ours.weight.shape == tuple(theirs.weight.shape)
    ours.weight[...] = jnp.asarray(theirs.weight.detach().numpy())
    ours.bias[...] = jnp.asarray(theirs.bias.detach().numpy())
    x = draw(0, (*((2,) if batched else ()), 4, *(7, 8, 9)[:dims]))
    assert_same(nnx.jit(lambda m, x: m(x))(ours, x), theirs(to_torch(x)))


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_without_bias(dims: int) -> None:
    layer = OURS[dims](2, 4, 3, bias=False, rngs=nnx.Rngs(0))
    assert layer.bias is None
    assert layer(jnp.ones((2, *(5,) * dims), "float32")).shape == (4, *(3,) * dims)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_initial_distribution(dims: int) -> None:
    """Exact bounds, and the uniform shape by a Kolmogorov-Smirnov test, on both sides."""
    kernel = (5, 3, 2)[:dims]
    bound = 1 / math.sqrt(16 * math.prod(kernel))
    torch.manual_seed(0)  # whatever ran before
    ours = OURS[dims](32, 400, kernel, groups=2, rngs=nnx.Rngs(0))
    theirs = THEIRS[dims](32, 400, kernel, groups=2)
    for values in (ours.weight[...], ours.bias[...], theirs.weight, theirs.bias):
        flat = np.asarray(values.detach() if isinstance(values, torch.Tensor) else values).ravel()
        assert np.abs(flat).max() <= bound
        assert np.abs(flat).max() > 0.95 * bound
        fit = scipy.stats.kstest(flat, scipy.stats.uniform(-bound, 2 * bound).cdf)
        assert fit.pvalue > 1e-3
    assert not np.array_equal(ours.weight[...].ravel()[:400], ours.bias[...])


def test_dtypes_of_parameters() -> None:
    assert conv.Conv1d(1, 1, 3, rngs=nnx.Rngs(0)).weight.dtype == jnp.float32
    layer = conv.Conv1d(1, 1, 3, dtype=jnp.complex64, rngs=nnx.Rngs(0))
    assert layer.weight.dtype == layer.bias.dtype == jnp.complex64
    assert np.abs(layer.weight[...].imag).max() > 0


def test_training_step_lowers_the_loss() -> None:
    """Gradients reach the parameters through nnx.grad, as those of PyTorch's layer do."""
    x, y = draw(0, (8, 2, 16), "float32"), draw(1, (8, 3, 14), "float32")
    ours = conv.Conv1d(2, 3, 3, rngs=nnx.Rngs(0))
    theirs = torch.nn.Conv1d(2, 3, 3)
    with torch.no_grad():
        theirs.weight.copy_(to_torch(ours.weight[...]))
        theirs.bias.copy_(to_torch(ours.bias[...]))
    loss = ((theirs(to_torch(x)) - to_torch(y)) ** 2).mean()
    loss.backward()
    grads = nnx.grad(lambda m: ((m(x) - y) ** 2).mean())(ours)
    assert_same(grads.weight[...], theirs.weight.grad)
    assert_same(grads.bias[...], theirs.bias.grad)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"in_channels": 3, "groups": 2}, "in_channels must be a positive multiple of groups=2"),
        ({"out_channels": 3, "groups": 2}, "out_channels must be a positive multiple"),
        ({"groups": 0}, "groups must be positive, got groups=0"),
        ({"padding_mode": "mirror"}, "padding_mode must be one of .*'mirror'"),
        ({"padding": "full"}, "padding='full'"),
        ({"padding": "same", "stride": 2}, "same"),
        ({"in_channels": -4}, "in_channels=-4"),
    ],
)
def test_refusals_side_by_side(arguments: dict[str, Any], words: str) -> None:
    settings = {"in_channels": 4, "out_channels": 4, "kernel_size": 3, **arguments}
    with pytest.raises((ValueError, RuntimeError)):
        torch.nn.Conv1d(**settings)
    with pytest.raises(ValueError, match=words):
        conv.Conv1d(**settings, rngs=nnx.Rngs(0))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"stride": 0}, ValueError, "stride must be positive, got stride=0"),
        ({"stride": 2.0}, TypeError, "stride must be an integer"),
        ({"kernel_size": 0}, ValueError, "kernel_size must be positive"),
        ({"kernel_size": (3, 3)}, ValueError, "kernel_size must be one integer or 1 of them"),
        ({"dtype": jnp.int32}, TypeError, "dtype must be one of"),
    ],
)
def test_refused_when_built_where_pytorch_waits_for_the_call(
    arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    settings = {"in_channels": 4, "out_channels": 4, "kernel_size": 3, **arguments}
    with pytest.raises(error, match=words):
        conv.Conv1d(**settings, rngs=nnx.Rngs(0))


def test_help_shows_the_parameters() -> None:
    """What IPython's question mark prints: the signature and every parameter explained."""
    for shown in (conv.Conv1d, conv.conv1d):
        text = inspect.getdoc(shown)
        for name in inspect.signature(shown).parameters:
            assert f"{name}:" in text
