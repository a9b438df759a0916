"""Networks with other convolutions: transposed, dilated and causal, and of videos."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from ._blocks import Residual, conv_norm, head


def _twice(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(conv_norm(inputs, outputs, 3), conv_norm(outputs, outputs, 3))


class UNet(nn.Module):
    """U-Net (Ronneberger et al. 2015) with padding and norms: halves, doubles, and joins."""

    def __init__(self, width: int = 64, levels: int = 4, classes: int = 2) -> None:
        super().__init__()
        sizes = [width << k for k in range(levels + 1)]
        pairs = list(pairwise(sizes))
        self.start = _twice(3, width)
        self.down = nn.ModuleList(_twice(a, b) for a, b in pairs)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in reversed(pairs))
        self.join = nn.ModuleList(_twice(2 * a, a) for a, _ in reversed(pairs))
        self.end = nn.Conv2d(width, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return one number a class and pixel."""
        kept = [self.start(x)]
        for down in self.down:
            kept.append(down(functional.max_pool2d(kept[-1], 2)))
        x = kept.pop()
        for up, join in zip(self.up, self.join, strict=True):
            x = join(torch.cat([kept.pop(), up(x)], 1))
        return self.end(x)


class Gated(nn.Module):
    """A causal dilated convolution with a gate; to the next layer, and to the output."""

    def __init__(self, channels: int, skip: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.conv = nn.Conv1d(channels, 2 * channels, 2, dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)
        self.skip = nn.Conv1d(channels, skip, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what goes on, and what is added to the output."""
        value, gate = self.conv(functional.pad(x, (self.dilation, 0))).chunk(2, 1)
        y = torch.tanh(value) * torch.sigmoid(gate)
        return x + self.mix(y), self.skip(y)


class WaveNet(nn.Module):
    """WaveNet (van den Oord et al. 2016): stacks of dilations 1, 2, 4, ..."""

    def __init__(
        self,
        channels: int = 64,
        skip: int = 64,
        stacks: int = 2,
        dilations: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        classes: int = 256,
    ) -> None:
        super().__init__()
        self.start = nn.Conv1d(1, channels, 1)
        self.layers = nn.ModuleList(Gated(channels, skip, d) for d in (*dilations,) * stacks)
        self.end = nn.Sequential(
            nn.ReLU(), nn.Conv1d(skip, skip, 1), nn.ReLU(), nn.Conv1d(skip, classes, 1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return one number a class and sample."""
        x = self.start(x)
        total: torch.Tensor | None = None
        for layer in self.layers:
            x, skip = layer(x)
            total = skip if total is None else total + skip
        return self.end(total)


def _split(inputs: int, outputs: int, stride: int, act: type[nn.Module] | None) -> nn.Sequential:
    """A 3 x 3 x 3 convolution in two, over space and over time, of as many numbers."""
    middle = inputs * outputs * 27 // (inputs * 9 + 3 * outputs)
    return nn.Sequential(
        conv_norm(inputs, middle, (1, 3, 3), (1, stride, stride)),
        conv_norm(middle, outputs, (3, 1, 1), (stride, 1, 1), act=act),
    )


def r2plus1d(
    depths: Sequence[int] = (2, 2, 2, 2), width: int = 64, classes: int = 400
) -> nn.Sequential:
    """R(2+1)D (Tran et al. 2018)."""
    middle = max(1, 45 * width // 64)
    layers: list[nn.Module] = [
        conv_norm(3, middle, (1, 7, 7), (1, 2, 2)),
        conv_norm(middle, width, (3, 1, 1)),
    ]
    now = width
    for stage, depth in enumerate(depths):
        out = width << stage
        for k in range(depth):
            stride = 2 if stage and not k else 1
            branch = nn.Sequential(_split(now, out, stride, nn.ReLU), _split(out, out, 1, None))
            moved = stride > 1
            shortcut = conv_norm(now, out, (1, 1, 1), stride, act=None) if moved else None
            layers.append(Residual(branch, shortcut, nn.ReLU()))
            now = out
    return nn.Sequential(*layers, head(now, classes, 3))
