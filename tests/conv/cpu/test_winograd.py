"""Winograd's tiles: the transforms, the rounding errors, and what precision=HIGHEST keeps apart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import conv
from conv.cpu import _winograd
from conv.cpu._limits import LIMITS
from tests.support.agree import draw


def test_transforms_are_a_correlation() -> None:
    d, g = np.random.default_rng(0).standard_normal((2, 6))
    y = _winograd.OUTPUT @ ((_winograd.KERNEL @ g[:3]) * (_winograd.DATA @ d))
    np.testing.assert_allclose(y, np.correlate(d, g[:3]), rtol=0, atol=1e-14)


@pytest.mark.optimised
@pytest.mark.parametrize(("channels", "size"), [(32, 28), (64, 64), (192, 32), (256, 16)])
def test_errors_are_at_most_four_times_pytorchs(channels: int, size: int) -> None:
    """Beside float64, up to the most products a sum, at widths that need an extra column."""
    x, w = (
        draw(0, (2, channels, size, size), "float32"),
        draw(1, (channels, channels, 3, 3), "float32"),
    )
    g = draw(2, x.shape, "float32")

    def three(x: jax.Array, w: jax.Array, g: jax.Array) -> tuple:
        y, pull = jax.vjp(lambda x, w: conv.conv2d(x, w, padding=1), x, w)
        return (y, *pull(g))

    methods = [r.method for r in conv.routes(three, x, w, g)]
    assert methods.count("winograd") == (3 if 3 * channels <= LIMITS.tile_products else 1)

    def theirs(dtype: torch.dtype) -> list[np.ndarray]:
        tensors = [torch.tensor(a, dtype=dtype, requires_grad=True) for a in (x, w)]
        y = torch.nn.functional.conv2d(*tensors, padding=1)
        both = torch.autograd.grad(y, tensors, torch.tensor(g, dtype=dtype))
        return [a.detach().numpy() for a in (y, *both)]

    rows = zip(jax.jit(three)(x, w, g), theirs(torch.float32), theirs(torch.float64), strict=True)
    for mine, torchs, right in rows:
        assert np.abs(mine - right).max() <= 4 * np.abs(torchs - right).max()


def test_highest_precision_keeps_infinities_apart() -> None:
    """An infinity spreads over the four rows of its tile; in plain sums it meets three."""
    x, w = draw(0, (1, 32, 28, 28), "float32"), draw(1, (32, 32, 3, 3), "float32")
    x[0, 0, 5, 5] = np.inf
    right = torch.nn.functional.conv2d(torch.tensor(x), torch.tensor(w), padding=1).numpy()
    bad = ~np.isfinite(right)

    def exact(x: jax.Array, w: jax.Array) -> jax.Array:
        return conv.conv2d(x, w, padding=1, precision="highest")

    tiles = ~np.isfinite(conv.conv2d(x, w, padding=1))
    assert tiles[bad].all()
    assert set(np.nonzero(tiles)[2]) == {4, 5, 6, 7}
    assert conv.routes(exact, x, w)[0].method == "direct"
    np.testing.assert_array_equal(~np.isfinite(exact(x, w)), bad)


def test_highest_precision_takes_no_spectra() -> None:
    x, w = jnp.ones((1, 4, 400)), jnp.ones((4, 1, 128))
    found = [
        conv.routes(lambda x, w, p=p: conv.conv1d(x, w, groups=4, precision=p), x, w)[0].method
        for p in (None, "highest")
    ]
    assert found == ["spectra", "depthwise"]
