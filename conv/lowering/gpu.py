"""NVIDIA GPUs: what is not left to cuDNN. The thresholds, with what set them; then the order.

All were measured on an NVIDIA H200 with jax 0.11.2 and cuDNN 9.19: times in ms of XLA's own
lowering and of the method. What was not measured stays with XLA: float64, and channels last and 16
bits where the rules below do not let them through. Programs for several devices were not timed
either: grouped convolutions are divided there because XLA's own is computed whole by every device.
"""

import math
from dataclasses import dataclass, replace

from ._method import STOCK, Choice, Platform
from ._problem import Problem
from .methods.depthwise import DEPTHWISE_BY_TAPS
from .methods.divided import for_several_devices
from .methods.exchange import EXCHANGED, RESIDUES, TRANSPOSED_BY_JAX
from .methods.fourier import SPECTRA, fast_size
from .methods.pointwise import IMAGE_PRODUCTS


@dataclass(frozen=True)
class Limits:
    """Where a method becomes faster than cuDNN."""

    # Products of matrices from so many positions on: 64 to 256 channels at 56 x 56, 128 images
    # 0.44 to 0.17; at 14 x 14 no gain; 512 to 2048 at 7 x 7 0.10 to 0.15, and weights 0.14 to
    # 0.41.
    pointwise_length: int = 1024
    # Numbers of a kernel, or its gradient, that is spelled out for each image: 67 MB.
    pointwise_numbers: int = 2**24
    # Depthwise, one product a kernel element: up to so many of them. 3 x 3 0.43 to 0.23, 5 x 5
    # 0.31 to 0.24, 7 x 7 1.07 to 0.70; lines of 4 2.5 to 0.17, of 31 4.1 to 0.31, of 63 4.7 to
    # 0.38.
    summed: int = 64
    # The same with channels last: two outputs a channel and 3 x 3 1.00 to 0.10; one output a
    # channel is slower than XLA's own, 3 x 3 0.18 to 0.38, and 7 x 7 0.84 to 10.9.
    summed_last: int = 9
    # Weights of two-dimensional depthwise kernels: 7 x 7 6.6 to 1.0; 3 x 3 0.41 to 0.45 and 5 x 5
    # 0.27 to 0.39.
    summed_weights: int = 49
    # Lines of so many elements go through spectra, where sums take more than ten times as long.
    # Depthwise: 63 weights 2.0 to 0.31, 128 forward 18 to 0.83, 1024 1.4 to 0.08. Dense: 64
    # channels of 128 0.75 to 0.32, of 1024 5.4 to 0.41; but 8 channels of 128 0.08 to 0.14.
    spectra_depthwise: int = 128
    spectra_dense: int = 1024
    spectra_channels: int = 64
    # Numbers of a dense kernel's spectrum: 268 MB.
    spectra_numbers: int = 2**26
    # Outputs that may be added so that a dilation divides their number, as a multiple.
    residues_waste: float = 1.5
    # Depthwise rows that share their padding are the CPU's.
    shared_padding_taps: int = 0
    shared_padding_length: int = 0


EXCHANGED_ON_GPU = replace(EXCHANGED, in_float32=False)
CUDNNS = Choice(TRANSPOSED_BY_JAX, "cuDNN's, of a plain convolution")


def choose(p: Problem) -> Choice:
    """Choose the method for a problem; 'stock' is XLA's own lowering: cuDNN's kernels."""
    if p.role == "transposed":
        return Choice(STOCK, "input gradients are cuDNN's")
    if p.role == "weight" and p.spreads:
        if p.unit_stride:
            why = "input and gradient change places: XLA finds cuDNN's kernel"
            return Choice(EXCHANGED_ON_GPU, why, CUDNNS)
        return Choice(STOCK, "strides on both sides have no method")
    for rule in (_residues, _pointwise, _spectra, _depthwise):
        route = rule(p)
        if route is not None:
            return route
    return Choice(STOCK, "cuDNN's")


def _residues(p: Problem) -> Choice | None:
    dilated = [d > 1 and k > 1 for d, k in zip(p.dilation, p.kernel, strict=True)]
    if p.role != "weight" or not any(dilated) or p.per_group[0] == 1:
        return None
    whole = math.prod(
        -(-m // d) * d if far else m for m, d, far in zip(p.out, p.dilation, dilated, strict=True)
    )
    unit = all(s == 1 for s, far in zip(p.stride, dilated, strict=True) if far)
    if not unit or whole > p.limits.residues_waste * p.length:
        return None
    why = "dilated: what lies a dilation apart is an image of its own"
    return Choice(RESIDUES, why, CUDNNS)


def _pointwise(p: Problem) -> Choice | None:
    plain = p.taps == p.groups == 1 and p.unpadded and p.unit_stride
    large = p.batch * p.in_channels * p.out_channels > p.limits.pointwise_numbers
    if (
        not plain
        or p.channels_last
        or p.sixteen_bits
        or p.length < p.limits.pointwise_length
        or large
    ):
        return None
    return Choice(IMAGE_PRODUCTS, "a kernel of one element is a matrix product")


def _spectra(p: Problem) -> Choice | None:
    plain = p.dims == 1 and p.unit_stride and p.unit_dilation
    if not plain or p.exact or p.channels_last or p.sixteen_bits:
        return None
    if p.per_group[0] == 1 and p.groups > 1:
        enough = p.taps >= p.limits.spectra_depthwise
    else:
        size = fast_size(p.space[0] + p.taps - 1)
        few = p.in_channels * p.out_channels * size <= p.limits.spectra_numbers
        many = min(p.in_channels, p.out_channels) >= p.limits.spectra_channels
        enough = p.groups == 1 and many and few and p.taps >= p.limits.spectra_dense
    return Choice(SPECTRA, "a long kernel is a product of spectra") if enough else None


def _depthwise(p: Problem) -> Choice | None:
    line = p.dims == 1
    if (
        p.per_group[0] > 1
        or p.groups == 1
        or p.taps > p.limits.summed
        or (p.sixteen_bits and not line)
    ):
        return None
    several = p.per_group[1] > 1
    if p.role == "weight":
        if p.channels_last or not p.unit_stride:
            return None
        if not (p.dims != 2 or several or p.taps >= p.limits.summed_weights):
            return None
        return Choice(
            DEPTHWISE_BY_TAPS, "one channel a group: a sum of products for each kernel element"
        )
    if p.dims == 3 or (p.channels_last and not (several and p.taps <= p.limits.summed_last)):
        return None
    return Choice(DEPTHWISE_BY_TAPS, "one channel a group: shifted products in one loop")


GPU = Platform(
    "cuda",
    choose,
    Limits(),
    ("float32", "bfloat16", "float16"),
    widens=False,
    split=for_several_devices("cuDNN's", in_float32=False),
)
