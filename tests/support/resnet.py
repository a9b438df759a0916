"""ResNet-18 twice: in torch.nn, laid out as in torchvision, and by hand in port's modules."""

from typing import Any

import jax
import torch
from flax import nnx

import port


def conv3(channels: int, width: int, stride: int) -> torch.nn.Conv2d:
    return torch.nn.Conv2d(channels, width, 3, stride, 1, bias=False)


class TorchBlock(torch.nn.Module):
    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv3(channels, width, stride)
        self.bn1 = torch.nn.BatchNorm2d(width)
        self.relu = torch.nn.ReLU(inplace=True)
        self.conv2 = conv3(width, width, 1)
        self.bn2 = torch.nn.BatchNorm2d(width)
        self.downsample = None
        if stride != 1 or channels != width:
            self.downsample = torch.nn.Sequential(
                torch.nn.Conv2d(channels, width, 1, stride, bias=False), torch.nn.BatchNorm2d(width)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + identity)


class TorchResNet18(torch.nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(64)
        self.relu = torch.nn.ReLU(inplace=True)
        self.maxpool = torch.nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._layer(64, 64, 1)
        self.layer2 = self._layer(64, 128, 2)
        self.layer3 = self._layer(128, 256, 2)
        self.layer4 = self._layer(256, 512, 2)
        self.avgpool = torch.nn.AdaptiveAvgPool2d((1, 1))
        self.fc = torch.nn.Linear(512, num_classes)

    @staticmethod
    def _layer(channels: int, width: int, stride: int) -> torch.nn.Sequential:
        return torch.nn.Sequential(TorchBlock(channels, width, stride), TorchBlock(width, width, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class Block(port.Module):
    def __init__(self, channels: int, width: int, stride: int, **made: Any) -> None:
        self.conv1 = port.Conv2d(channels, width, 3, stride, 1, bias=False, **made)
        self.bn1 = port.BatchNorm2d(width, **made)
        self.relu = port.ReLU(inplace=True)
        self.conv2 = port.Conv2d(width, width, 3, 1, 1, bias=False, **made)
        self.bn2 = port.BatchNorm2d(width, **made)
        self.downsample = nnx.data(None)
        if stride != 1 or channels != width:
            self.downsample = port.Sequential(
                port.Conv2d(channels, width, 1, stride, bias=False, **made),
                port.BatchNorm2d(width, **made),
            )

    def forward(self, x: jax.Array) -> jax.Array:
        identity = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + identity)


class ResNet18(port.Module):
    def __init__(self, num_classes: int = 1000, **made: Any) -> None:
        self.conv1 = port.Conv2d(3, 64, 7, 2, 3, bias=False, **made)
        self.bn1 = port.BatchNorm2d(64, **made)
        self.relu = port.ReLU(inplace=True)
        self.maxpool = port.MaxPool2d(3, 2, 1)
        self.layer1 = self._layer(64, 64, 1, **made)
        self.layer2 = self._layer(64, 128, 2, **made)
        self.layer3 = self._layer(128, 256, 2, **made)
        self.layer4 = self._layer(256, 512, 2, **made)
        self.avgpool = port.AdaptiveAvgPool2d((1, 1))
        self.flatten = port.Flatten()
        self.fc = port.Linear(512, num_classes, **made)

    @staticmethod
    def _layer(channels: int, width: int, stride: int, **made: Any) -> port.Sequential:
        return port.Sequential(
            Block(channels, width, stride, **made), Block(width, width, 1, **made)
        )

    def forward(self, x: jax.Array) -> jax.Array:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.flatten(self.avgpool(x)))
