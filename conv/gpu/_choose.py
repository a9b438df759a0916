"""The one place that chooses what is not left to cuDNN, and the thresholds of its choices.

All were measured on an NVIDIA H200 with jax 0.11.2 and cuDNN 9.19: times in ms of XLA's own
lowering and of the method. What was not measured stays with XLA: float64, and channels last and 16
bits where the rules below do not let them through.
"""

import math

from ..cpu._choose import Route
from ..cpu._fourier import fast_size
from ..cpu._problem import Problem

# Products of matrices from so many positions on: 64 to 256 channels at 56 x 56, 128 images 0.44 to
# 0.17; at 14 x 14 no gain; 512 to 2048 at 7 x 7 0.10 to 0.15, and weights 0.14 to 0.41.
POINTWISE_LENGTH = 1024
# Numbers of a kernel, or its gradient, that is spelled out for each image: 67 MB.
POINTWISE_NUMBERS = 2**24
# Depthwise, one product a kernel element: up to so many of them. 3 x 3 0.43 to 0.23, 5 x 5 0.31 to
# 0.24, 7 x 7 1.07 to 0.70; lines of 4 2.5 to 0.17, of 31 4.1 to 0.31, of 63 4.7 to 0.38.
SUMMED = 64
# The same with channels last: two outputs a channel and 3 x 3 1.00 to 0.10; one output a channel is
# slower than XLA's own, 3 x 3 0.18 to 0.38, and 7 x 7 0.84 to 10.9.
SUMMED_LAST = 9
# Weights of two-dimensional depthwise kernels: 7 x 7 6.6 to 1.0; 3 x 3 0.41 to 0.45 and 5 x 5 0.27
# to 0.39.
SUMMED_WEIGHTS = 49
# Lines of so many elements go through spectra. Depthwise: 63 weights 2.0 to 0.31, 128 forward 18 to
# 0.83, 1024 1.4 to 0.08. Dense: 64 channels of 128 0.75 to 0.32, of 1024 5.4 to 0.41; but 8
# channels of 128 0.08 to 0.14.
SPECTRA_DEPTHWISE = 63
SPECTRA_DENSE = 128
SPECTRA_CHANNELS = 64
# Numbers of a dense kernel's spectrum: 268 MB.
SPECTRA_NUMBERS = 2**26
# Outputs that may be added so that a dilation divides their number, as a multiple.
RESIDUES_WASTE = 1.5


def choose(p: Problem) -> Route:
    """Choose the method for a problem; 'stock' is XLA's own lowering: cuDNN's kernels."""
    if p.role == "transposed":
        return Route("stock", "input gradients are cuDNN's")
    if p.role == "weight" and set(p.spread) != {1}:
        if p.unit_stride:
            return Route("exchanged", "input and gradient change places: XLA finds cuDNN's kernel")
        return Route("stock", "strides on both sides have no method")
    for rule in (_residues, _pointwise, _spectra, _depthwise):
        route = rule(p)
        if route is not None:
            return route
    return Route("stock", "cuDNN's")


def _residues(p: Problem) -> Route | None:
    dilated = [d > 1 and k > 1 for d, k in zip(p.dilation, p.kernel, strict=True)]
    if p.role != "weight" or not any(dilated) or p.per_group[0] == 1:
        return None
    whole = math.prod(
        -(-m // d) * d if far else m for m, d, far in zip(p.out, p.dilation, dilated, strict=True)
    )
    unit = all(s == 1 for s, far in zip(p.stride, dilated, strict=True) if far)
    if not unit or whole > RESIDUES_WASTE * p.length:
        return None
    return Route("residues", "dilated: what lies a dilation apart is an image of its own")


def _pointwise(p: Problem) -> Route | None:
    plain = p.taps == p.groups == 1 and p.unpadded and p.unit_stride
    large = p.batch * p.in_channels * p.out_channels > POINTWISE_NUMBERS
    if not plain or p.channels_last or p.sixteen_bits or p.length < POINTWISE_LENGTH or large:
        return None
    return Route("pointwise", "a kernel of one element is a matrix product")


def _spectra(p: Problem) -> Route | None:
    plain = p.dims == 1 and p.unit_stride and p.unit_dilation
    if not plain or p.exact or p.channels_last or p.sixteen_bits:
        return None
    if p.per_group[0] == 1 and p.groups > 1:
        enough = p.taps >= SPECTRA_DEPTHWISE
    else:
        size = fast_size(p.space[0] + p.taps - 1)
        few = p.in_channels * p.out_channels * size <= SPECTRA_NUMBERS
        many = min(p.in_channels, p.out_channels) >= SPECTRA_CHANNELS
        enough = p.groups == 1 and many and few and p.taps >= SPECTRA_DENSE
    return Route("spectra", "a long kernel is a product of spectra") if enough else None


def _depthwise(p: Problem) -> Route | None:
    line = p.dims == 1
    if p.per_group[0] > 1 or p.groups == 1 or p.taps > SUMMED or (p.sixteen_bits and not line):
        return None
    several = p.per_group[1] > 1
    if p.role == "weight":
        if p.channels_last or not p.unit_stride:
            return None
        if not (p.dims != 2 or several or p.taps >= SUMMED_WEIGHTS):
            return None
        return Route("depthwise", "one channel a group: a sum of products for each kernel element")
    if p.dims == 3 or (p.channels_last and not (several and p.taps <= SUMMED_LAST)):
        return None
    return Route("depthwise", "one channel a group: shifted products in one loop")
