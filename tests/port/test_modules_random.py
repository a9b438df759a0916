"""What the modules draw by chance: initial values, dropout, and where the keys come from.

PyTorch's generator gives other numbers: what is compared are distributions, and what each draw may
be in PyTorch.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import torch
from flax import nnx

import port
from tests.support.agree import assert_same, draw, to_torch


def both(name: str, *args: Any) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Name, ours and PyTorch's of each parameter of a fresh module."""
    torch.manual_seed(0)
    theirs = dict(getattr(torch.nn, name)(*args).named_parameters())
    ours = port.state_dict(getattr(port, name)(*args, rngs=nnx.Rngs(0)))
    assert sorted(ours) == sorted(theirs)
    return [(n, np.asarray(ours[n]), p.detach().numpy()) for n, p in theirs.items()]


@pytest.mark.parametrize(
    ("name", "args", "fan"), [("Linear", (50, 400), 50), ("Bilinear", (20, 9, 300), 20)]
)
def test_initial_values_are_uniform(name: str, args: tuple[int, ...], fan: int) -> None:
    """Exact bounds, and the uniform shape by a Kolmogorov-Smirnov test, on both sides."""
    bound = 1 / math.sqrt(fan)
    for _, *sides in both(name, *args):
        for values in (side.ravel() for side in sides):
            assert 0.95 * bound < np.abs(values).max() <= bound
            fit = scipy.stats.kstest(values, scipy.stats.uniform(-bound, 2 * bound).cdf)
            assert fit.pvalue > 1e-3


def test_initial_values_of_a_table_are_normal() -> None:
    ((_, *sides),) = both("Embedding", 200, 30, 7)
    for values in sides:
        assert (values[7] == 0).all()
        rest = np.delete(values, 7, 0).ravel()
        assert scipy.stats.kstest(rest, scipy.stats.norm.cdf).pvalue > 1e-3


def test_a_layer_without_inputs() -> None:
    with pytest.warns(UserWarning, match="zero-element"):
        theirs = torch.nn.Linear(0, 3)
    ours = port.Linear(0, 3, rngs=nnx.Rngs(0))
    assert ours.weight.shape == tuple(theirs.weight.shape)
    assert_same(ours.bias[...], theirs.bias)  # 0 there


# Name, shape of the input, and the shape in which elements are kept or dropped together.
DROPOUTS = {
    "Dropout": ((40, 50), (40, 50)),
    "Dropout1d": ((40, 50, 3), (40, 50, 1)),
    "Dropout2d": ((40, 50, 3, 2), (40, 50, 1, 1)),
    "Dropout3d": ((40, 50, 3, 2, 2), (40, 50, 1, 1, 1)),
    "AlphaDropout": ((40, 50), (40, 50)),
    "FeatureAlphaDropout": ((40, 50, 3), (40, 50, 1)),
}


@pytest.mark.parametrize("p", [0.25, 0.6])
@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout_draws_what_pytorch_may_draw(name: str, p: float) -> None:
    """Two values alone, PyTorch's own two; whole channels; as often as p says, within 4 sigma."""
    shape, apart = DROPOUTS[name]
    torch.manual_seed(0)
    right = getattr(torch.nn, name)(p)(torch.ones(shape)).numpy()
    layer = getattr(port, name)(p, rngs=nnx.Rngs(0))
    first, second = np.asarray(layer(jnp.ones(shape))), np.asarray(layer(jnp.ones(shape)))
    for values in (first, second):
        assert np.ptp(values.reshape(*apart[:2], -1), axis=-1).max() == 0 or shape == apart
        np.testing.assert_allclose(np.unique(values), np.unique(right), rtol=1e-5)
        dropped = (values == values.min()).mean()
        assert abs(dropped - p) < 4 * math.sqrt(p * (1 - p) / math.prod(apart))
    assert (first != second).any()


@pytest.mark.parametrize("name", [*DROPOUTS, "RReLU"])
def test_nothing_is_drawn_in_evaluation_or_at_zero(name: str) -> None:
    shape = DROPOUTS.get(name, ((4, 5), None))[0]
    x = draw(0, shape, "float32")
    layer = getattr(port, name)()
    with pytest.raises(ValueError, match=rf"^{name}: rngs must be given in training"):
        layer(x)
    theirs = getattr(torch.nn, name)().eval()
    assert_same(layer.eval()(x), theirs(to_torch(x)))
    if name != "RReLU":
        assert_same(getattr(port, name)(0.0)(x), getattr(torch.nn, name)(0.0)(to_torch(x)))
        assert_same(
            getattr(port, name)(1.0, rngs=nnx.Rngs(0))(x), getattr(torch.nn, name)(1.0)(to_torch(x))
        )


def test_rrelu_draws_slopes_within_its_bounds() -> None:
    layer = port.RReLU(0.2, 0.6, rngs=nnx.Rngs(dropout=3))
    x = -np.ones(4000, "float32")
    slopes = -np.asarray(layer(x))
    assert scipy.stats.kstest(slopes, scipy.stats.uniform(0.2, 0.4).cdf).pvalue > 1e-3
    assert_same(layer(-x), torch.nn.RReLU(0.2, 0.6)(to_torch(-x)))


def test_where_keys_come_from() -> None:
    x = jnp.ones(100)

    def drawn(layer: Any, **kwargs: Any) -> list[float]:
        return layer(x, **kwargs).tolist()

    same = [port.Dropout(rngs=nnx.Rngs(dropout=5)) for _ in range(2)]
    assert drawn(same[0]) == drawn(same[1])
    assert drawn(same[0]) == drawn(same[1]) != drawn(port.Dropout(rngs=nnx.Rngs(dropout=6)))
    # One nnx.Rngs for two layers: each draws its own.
    rngs = nnx.Rngs(0)
    assert drawn(port.Dropout(rngs=rngs)) != drawn(port.Dropout(rngs=rngs))
    # With the call: a key, a stream, nnx.Rngs; the layer's own are left alone.
    layer, key = port.Dropout(), jax.random.key(1)
    assert drawn(layer, rngs=key) == drawn(layer, rngs=key)
    assert drawn(same[0], rngs=key) == drawn(layer, rngs=key)
    assert drawn(layer, rngs=nnx.Rngs(dropout=5)) == drawn(layer, rngs=nnx.Rngs(dropout=5))
    assert drawn(layer, rngs=rngs.dropout) != drawn(layer, rngs=rngs.dropout)
    net = port.Sequential(port.Dropout(), port.ReLU(), port.Sequential(port.Dropout()))
    assert drawn(net, rngs=nnx.Rngs(7)) == drawn(net, rngs=nnx.Rngs(7))
    # Random streams are no state of PyTorch's.
    assert port.state_dict(same[0]) == {}
    for wrong in (5, "dropout"):
        with pytest.raises(TypeError, match="Dropout: rngs must be nnx"):
            port.Dropout(rngs=wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="Dropout: rngs must be nnx"):
            layer(x, rngs=wrong)


def test_streams_move_on_under_jit() -> None:
    layer = port.Dropout(rngs=nnx.Rngs(0))
    call = nnx.jit(lambda m, x: m(x))
    x = jnp.ones(100)
    first, second = call(layer, x), call(layer, x)
    assert (first != second).any()
    layer.eval()
    assert call(layer, x).tolist() == x.tolist()


def test_gradients_pass_what_is_kept() -> None:
    layer = port.Dropout(0.5, rngs=nnx.Rngs(0))
    key = jax.random.key(0)
    y, pull = jax.vjp(lambda x: layer(x, rngs=key), jnp.ones(50))
    assert_same(pull(jnp.ones(50))[0], to_torch(np.asarray(y)))
