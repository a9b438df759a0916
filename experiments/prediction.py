"""What to expect of data-parallel training beyond one machine, from bytes and flops alone."""

import math
from dataclasses import dataclass

from .exchange import sent


@dataclass(frozen=True)
class Network:
    """What a training step costs.

    Attributes:
      name: of the network.
      flops: of one image, forward and both gradients.
      bytes: of the gradients that are added up, once a step.
      waits: all-reduces a step that nothing can be computed beside: batch norm's statistics.
    """

    name: str
    flops: float
    bytes: float
    waits: int


@dataclass(frozen=True)
class Machine:
    """What a device and its network do, in flop/s, bytes/s and s."""

    flops: float = 50e12
    bandwidth: float = 12.5e9
    latency: float = 10e-6


# Of its paper: 4.1e9 multiplications and additions forward, 25.6e6 weights, 53 batch norms, each of
# which waits for its statistics forward and for the sums of its gradient backward.
RESNET50 = Network("ResNet-50", 3 * 2 * 4.1e9, 4 * 25.6e6, 2 * 53)


@dataclass(frozen=True)
class Expected:
    """Seconds of a step: computing, adding gradients up, waiting for statistics."""

    computing: float
    exchanging: float
    waiting: float

    @property
    def apart(self) -> float:
        """The part of the time that is computing, where gradients are added up afterwards."""
        return self.computing / (self.computing + self.exchanging + self.waiting)

    @property
    def together(self) -> float:
        """The same, where they are added up while others are computed."""
        return self.computing / (max(self.computing, self.exchanging) + self.waiting)


def expect(network: Network, machine: Machine, devices: int, images: int) -> Expected:
    """Calculate the step of some devices with so many images each.

    An all-reduce sends `sent` bytes, in a ring, and waits for 2 log2(devices) messages, in a tree.
    """
    messages = 2 * math.ceil(math.log2(devices)) if devices > 1 else 0
    return Expected(
        images * network.flops / machine.flops,
        sent(network.bytes, devices) / machine.bandwidth + messages * machine.latency,
        network.waits * messages * machine.latency,
    )
