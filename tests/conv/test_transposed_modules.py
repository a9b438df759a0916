"""The transposed nnx modules beside torch.nn's: signature, distribution, results, output_size."""

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

OURS: dict[int, Any] = {n: getattr(conv, f"ConvTranspose{n}d") for n in (1, 2, 3)}
THEIRS: dict[int, Any] = {n: getattr(torch.nn, f"ConvTranspose{n}d") for n in (1, 2, 3)}


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_signature_is_pytorchs(dims: int) -> None:
    mine = inspect.signature(OURS[dims]).parameters
    theirs = inspect.signature(THEIRS[dims]).parameters
    names = [n for n in theirs if n not in ("device", "dtype")]
    assert list(mine)[: len(names)] == names
    assert [mine[n].default for n in names] == [theirs[n].default for n in names]
    assert all(f"{name}:" in OURS[dims].__doc__ for name in mine)


def pair(dims: int, **arguments: Any) -> tuple[Any, Any]:
    """Our module and PyTorch's with the same parameters."""
    kernel = (2, 3, 3)[:dims]
    theirs = THEIRS[dims](4, 6, kernel, **arguments, dtype=torch.float64)
    ours = OURS[dims](4, 6, kernel, **arguments, dtype=jnp.float64, rngs=nnx.Rngs(0))
    assert ours.weight.shape == tuple(theirs.weight.shape)
    ours.weight[...] = jnp.asarray(theirs.weight.detach().numpy())
    if theirs.bias is not None:
        ours.bias[...] = jnp.asarray(theirs.bias.detach().numpy())
    return ours, theirs


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2},
        {"stride": 2, "dilation": 3, "output_padding": 2, "bias": False},
    ],
    ids=["plain", "strided", "dilated"],
)
def test_call(dims: int, arguments: dict[str, Any]) -> None:
    ours, theirs = pair(dims, **arguments)
    for shape in ((2, 4, *(5, 4, 3)[:dims]), (4, *(5, 4, 3)[:dims])):
        x = draw(0, shape)
        assert_same(nnx.jit(lambda m, x: m(x))(ours, x), theirs(to_torch(x)))


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_output_size_is_chosen_as_in_pytorch(dims: int) -> None:
    ours, theirs = pair(dims, stride=3, padding=1)
    x = draw(0, (2, 4, *(5, 4, 3)[:dims]))
    least = theirs(to_torch(x)).shape[2:]
    for extra in range(3):
        size = [n + extra for n in least]
        for given in (size, [2, 6, *size]):
            assert_same(ours(x, output_size=given), theirs(to_torch(x), output_size=given))
    for extra in (-1, 3):
        size = [n + extra for n in least]
        with pytest.raises(ValueError, match="requested an output size"):
            theirs(to_torch(x), output_size=size)
        with pytest.raises(
            ValueError, match=rf"ConvTranspose{dims}d: output_size must lie between"
        ):
            ours(x, output_size=size)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_initial_distribution_has_the_fan_of_the_second_axis(dims: int) -> None:
    kernel = (5, 3, 2)[:dims]
    bound = 1 / math.sqrt(64 // 2 * math.prod(kernel))
    ours = OURS[dims](256, 64, kernel, groups=2, rngs=nnx.Rngs(0))
    theirs = THEIRS[dims](256, 64, kernel, groups=2)
    assert ours.weight.shape == tuple(theirs.weight.shape) == (256, 32, *kernel)
    for values in (ours.weight[...], theirs.weight):
        flat = np.asarray(values.detach() if isinstance(values, torch.Tensor) else values).ravel()
        assert 0.99 * bound < np.abs(flat).max() <= bound
        fit = scipy.stats.kstest(flat, scipy.stats.uniform(-bound, 2 * bound).cdf)
        assert fit.pvalue > 1e-3  # one in a thousand, on PyTorch's side; ours has a fixed seed
    for values in (np.asarray(ours.bias[...]), theirs.bias.detach().numpy()):
        assert 0.8 * bound < np.abs(values).max() <= bound


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"in_channels": 3, "groups": 2}, "in_channels must be a positive multiple of groups=2"),
        ({"out_channels": 3, "groups": 2}, "out_channels must be a positive multiple"),
        ({"groups": 0}, "groups must be positive, got groups=0"),
        ({"padding_mode": "reflect"}, "padding_mode must be one of zeros, .*'reflect'"),
    ],
)
def test_refusals_side_by_side(arguments: dict[str, Any], words: str) -> None:
    settings = {"in_channels": 4, "out_channels": 4, "kernel_size": 3, **arguments}
    with pytest.raises((ValueError, RuntimeError)):
        torch.nn.ConvTranspose1d(**settings)
    with pytest.raises(ValueError, match=words):
        conv.ConvTranspose1d(**settings, rngs=nnx.Rngs(0))


def test_output_padding_is_refused_at_the_call_as_in_pytorch() -> None:
    ours, theirs = pair(1, stride=2, output_padding=2)
    x = draw(0, (1, 4, 5))
    with pytest.raises(RuntimeError, match="output padding"):
        theirs(to_torch(x))
    with pytest.raises(ValueError, match="output_padding must be smaller"):
        ours(x)
