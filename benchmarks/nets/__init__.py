"""Whole networks as plain `torch.nn` modules, written from their papers, with random weights."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from ._images import EFFICIENT, convnext, inverted_residuals, resnet
from ._others import UNet, WaveNet, r2plus1d

Make = Callable[..., nn.Module]


@dataclass(frozen=True)
class Network:
    """A network, the input that it is timed with, and a smaller one of its kind for tests."""

    name: str
    make: Make
    input: tuple[int, ...]
    small: Make
    small_input: tuple[int, ...]
    classifies: bool = True

    def draw(
        self, small: bool = False, dtype: torch.dtype = torch.float32
    ) -> tuple[nn.Module, torch.Tensor]:
        """Return module and input, the same on every call.

        Norms' running statistics are those of the input: with the usual start, 0 and 1, signals
        would fade from layer to layer, and denormal numbers take longer than others.
        """
        torch.manual_seed(0)
        module = (self.small if small else self.make)().to(dtype)
        x = torch.randn(self.small_input if small else self.input, dtype=dtype)
        norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            norm.momentum = 1.0
        with torch.no_grad():
            module.train()(x)
        for norm in norms:
            norm.momentum = 0.0  # from here on they stay
        return module, x


_IMAGES = (4, 3, 160, 160)
_FIFTY = partial(resnet, (3, 4, 6, 3), bottleneck=True)
_SHORT = tuple((grow, min(channels, 48), 1, s, k) for grow, channels, _, s, k in EFFICIENT[:4])
_SMALL = partial(resnet, (1, 1), width=8, classes=5)
_INVERTED = partial(inverted_residuals, _SHORT, width=0.25, classes=5)
_TALL = (2, 3, 32, 32)

NETWORKS = {
    network.name: network
    for network in (
        Network("resnet18", resnet, _IMAGES, _SMALL, _TALL),
        Network("resnet50", _FIFTY, _IMAGES, partial(_SMALL, bottleneck=True), _TALL),
        Network(
            "resnext50",
            partial(_FIFTY, groups=32, widen=2),
            _IMAGES,
            partial(_SMALL, bottleneck=True, groups=4, widen=2),
            _TALL,
        ),
        Network("mobilenet_v2", inverted_residuals, _IMAGES, _INVERTED, _TALL),
        Network(
            "efficientnet_b0",
            partial(inverted_residuals, EFFICIENT, nn.SiLU, squeeze=True),
            _IMAGES,
            partial(_INVERTED, act=nn.SiLU, squeeze=True),
            _TALL,
        ),
        Network(
            "convnext_t",
            convnext,
            _IMAGES,
            partial(convnext, (1, 1), width=8, scale=1.0, classes=5),
            _TALL,
        ),
        Network(
            "unet", UNet, (2, 3, 128, 128), partial(UNet, 4, 2), (2, 3, 16, 16), classifies=False
        ),
        Network(
            "wavenet",
            WaveNet,
            (2, 1, 8000),
            partial(WaveNet, 4, 5, 2, (1, 2, 4), 6),
            (2, 1, 50),
            classifies=False,
        ),
        Network(
            "r2plus1d_18",
            r2plus1d,
            (1, 3, 8, 112, 112),
            partial(r2plus1d, (1, 1), width=4, classes=5),
            (2, 3, 4, 16, 16),
        ),
    )
}
