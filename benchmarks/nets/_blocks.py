"""What the networks share: a convolution with its norm, and sums with a shortcut."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

CONV = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def conv_norm(
    inputs: int,
    outputs: int,
    kernel: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    groups: int = 1,
    act: type[nn.Module] | None = nn.ReLU,
) -> nn.Sequential:
    """Return a convolution without bias, padded to keep the size at stride 1, its norm, and act."""
    sizes = (kernel,) * 2 if isinstance(kernel, int) else tuple(kernel)
    dims = len(sizes)
    padding = tuple(k // 2 for k in sizes)
    make: Any = CONV[dims - 1]
    conv = make(inputs, outputs, sizes, stride, padding, groups=groups, bias=False)
    return nn.Sequential(conv, NORM[dims - 1](outputs), *([] if act is None else [act()]))


class Residual(nn.Module):
    """A branch beside a shortcut, and what follows their sum."""

    def __init__(
        self, branch: nn.Module, shortcut: nn.Module | None = None, after: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut or nn.Identity()
        self.after = after or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add, and apply what follows."""
        return self.after(self.branch(x) + self.shortcut(x))


def head(channels: int, classes: int, dims: int = 2) -> nn.Sequential:
    """Return the mean over all positions and a linear layer."""
    pool: nn.Module = (nn.AdaptiveAvgPool2d if dims == 2 else nn.AdaptiveAvgPool3d)(1)
    return nn.Sequential(pool, nn.Flatten(), nn.Linear(channels, classes))
