"""Classifiers of images, from their papers; without dropout and stochastic depth."""

from collections.abc import Sequence

import torch
from torch import nn

from ._blocks import Residual, conv_norm, head


def resnet(
    depths: Sequence[int] = (2, 2, 2, 2),
    bottleneck: bool = False,
    width: int = 64,
    groups: int = 1,
    widen: int = 1,
    classes: int = 1000,
) -> nn.Sequential:
    """ResNet (He et al. 2015; stride in the 3 x 3), or ResNeXt (Xie et al. 2017) by groups.

    `widen` multiplies the channels in a bottleneck's middle: 2 for ResNeXt-50 32x4d.
    """
    layers: list[nn.Module] = [conv_norm(3, width, 7, 2), nn.MaxPool2d(3, 2, 1)]
    now = width
    for stage, depth in enumerate(depths):
        planes = width << stage
        out = 4 * planes if bottleneck else planes
        for k in range(depth):
            stride = 2 if stage and not k else 1
            if bottleneck:
                middle = widen * planes
                branch = nn.Sequential(
                    conv_norm(now, middle, 1),
                    conv_norm(middle, middle, 3, stride, groups),
                    conv_norm(middle, out, 1, act=None),
                )
            else:
                branch = nn.Sequential(
                    conv_norm(now, out, 3, stride), conv_norm(out, out, 3, act=None)
                )
            moved = stride > 1 or now != out
            shortcut = conv_norm(now, out, 1, stride, act=None) if moved else None
            layers.append(Residual(branch, shortcut, nn.ReLU()))
            now = out
    return nn.Sequential(*layers, head(now, classes))


def _even(channels: float) -> int:
    """Round to a multiple of eight, at most a tenth below."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near


class Squeeze(nn.Module):
    """Channels weighed by what their means say (squeeze and excitation)."""

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, narrow, 1),
            nn.SiLU(),
            nn.Conv2d(narrow, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Weigh the channels."""
        return x * self.weigh(x)


def _inverted(
    now: int, out: int, kernel: int, stride: int, grow: int, act: type[nn.Module], squeeze: bool
) -> nn.Module:
    wide = grow * now
    layers: list[nn.Module] = [conv_norm(now, wide, 1, act=act)] if grow > 1 else []
    layers.append(conv_norm(wide, wide, kernel, stride, wide, act))
    if squeeze:
        layers.append(Squeeze(wide, max(1, now // 4)))
    branch = nn.Sequential(*layers, conv_norm(wide, out, 1, act=None))
    return Residual(branch) if stride == 1 and now == out else branch


# growth, channels, blocks, stride, kernel
MOBILE = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 32, 3, 2, 3),
    (6, 64, 4, 2, 3),
    (6, 96, 3, 1, 3),
    (6, 160, 3, 2, 3),
    (6, 320, 1, 1, 3),
)
EFFICIENT = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


def inverted_residuals(
    plan: Sequence[tuple[int, int, int, int, int]] = MOBILE,
    act: type[nn.Module] = nn.ReLU6,
    squeeze: bool = False,
    width: float = 1.0,
    classes: int = 1000,
) -> nn.Sequential:
    """MobileNetV2 (Sandler et al. 2018), or EfficientNet (Tan and Le 2019) by plan and squeeze."""
    now = _even(32 * width)
    layers: list[nn.Module] = [conv_norm(3, now, 3, 2, act=act)]
    for grow, channels, count, stride, kernel in plan:
        out = _even(channels * width)
        for k in range(count):
            step = 1 if k else stride
            layers.append(_inverted(now, out, kernel, step, grow, act, squeeze))
            now = out
    last = _even(1280 * width)
    return nn.Sequential(*layers, conv_norm(now, last, 1, act=act), head(last, classes))


class Permute(nn.Module):
    """Another order of the axes."""

    def __init__(self, *order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Reorder the axes."""
        return x.permute(self.order)


class Scale(nn.Module):
    """One factor a channel."""

    def __init__(self, channels: int, start: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((channels, 1, 1), start))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply."""
        return x * self.factor


def _norm(channels: int) -> list[nn.Module]:
    last, first = Permute(0, 2, 3, 1), Permute(0, 3, 1, 2)
    return [last, nn.LayerNorm(channels, 1e-6), first]


def convnext(
    depths: Sequence[int] = (3, 3, 9, 3),
    width: int = 96,
    scale: float = 1e-6,
    classes: int = 1000,
) -> nn.Sequential:
    """ConvNeXt (Liu et al. 2022)."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 4), *_norm(width)]
    for stage, depth in enumerate(depths):
        now = width << stage
        if stage:
            layers += [*_norm(now // 2), nn.Conv2d(now // 2, now, 2, 2)]
        for _ in range(depth):
            branch = nn.Sequential(
                nn.Conv2d(now, now, 7, padding=3, groups=now),
                Permute(0, 2, 3, 1),
                nn.LayerNorm(now, 1e-6),
                nn.Linear(now, 4 * now),
                nn.GELU(),
                nn.Linear(4 * now, now),
                Permute(0, 3, 1, 2),
                Scale(now, scale),
            )
            layers.append(Residual(branch))
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(now, 1e-6))
    return nn.Sequential(*layers, pool, nn.Linear(now, classes))
