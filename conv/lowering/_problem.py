"""A convolution as the lowering rule meets it, in one canonical form.

`lax.conv_general_dilated` is called with any order of dimensions. Here the arrays are x (N, C,
*space), w (O, C / groups, *kernel) and y (N, O, *out), and

    y[n, o, i] = sum over c, u of w[o, c, u] * z[n, c, s i + d u - low],

where z is x, padded with zeros, or x with `spread - 1` zeros between its elements (a transposed
convolution, or the input gradient of a strided one).

A weight gradient is the same primitive with a kernel as large as its input and few outputs. Then
the roles change: x (N, C, *space) and g (N, O, *out) are given, w (O, C / groups, *kernel) wanted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from jax import lax

from convgrad._jax import Convolution

Pairs = tuple[tuple[int, int], ...]
FEW_CHANNELS = 16


@dataclass(frozen=True)
class Problem:
    """Shapes and arguments of one convolution; all that a choice of method may depend on."""

    role: str  # 'forward', 'transposed' (spread > 1) or 'weight'
    batch: int
    in_channels: int
    out_channels: int
    groups: int
    space: tuple[int, ...]
    kernel: tuple[int, ...]
    out: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Pairs
    spread: tuple[int, ...]
    dilation: tuple[int, ...]
    dtype: str
    channels_last: bool = False  # whether x comes, and y goes (or g comes), channels innermost
    precision: Any = None  # as lax takes it
    cores: int = 1  # that this process may use, where it is the one that computes
    limits: Any = None  # the platform's thresholds
    onednn: bool = False  # whether the library that executes it has oneDNN's calls
    # How the primitive's kernel was permuted to (O, C / groups, *kernel); None: as it came.
    kernel_order: tuple[int, ...] | None = None
    # Whether its arrays, and those around it, may lie with their channels innermost in memory.
    innermost: bool = False

    @property
    def dims(self) -> int:
        """The number of spatial dimensions."""
        return len(self.space)

    @property
    def taps(self) -> int:
        """The number of kernel elements."""
        return math.prod(self.kernel)

    @property
    def length(self) -> int:
        """The number of output positions."""
        return math.prod(self.out)

    @property
    def per_group(self) -> tuple[int, int]:
        """Input and output channels of one group."""
        return self.in_channels // self.groups, self.out_channels // self.groups

    @property
    def result_shape(self) -> tuple[int, ...]:
        """The shape of the result: of the output, or of the weight's gradient."""
        if self.role == "weight":
            return (self.out_channels, self.per_group[0], *self.kernel)
        return (self.batch, self.out_channels, *self.out)

    @property
    def sixteen_bits(self) -> bool:
        """Whether the operands are float16 or bfloat16."""
        return self.dtype in ("float16", "bfloat16")

    @property
    def has_kernel(self) -> bool:
        """Whether XLA has a kernel for all convolutions of the dtype: not so in float64."""
        return self.dtype != "float64"

    @property
    def unit_stride(self) -> bool:
        """Whether the window moves by one."""
        return set(self.stride) == {1}

    @property
    def unit_dilation(self) -> bool:
        """Whether the kernel has no holes."""
        return set(self.dilation) == {1}

    @property
    def exact(self) -> bool:
        """Whether precision=HIGHEST asks for plain sums of products, whatever they cost."""
        both = self.precision if isinstance(self.precision, tuple) else (self.precision,)
        return lax.Precision.HIGHEST in both

    @property
    def spreads(self) -> bool:
        """Whether there are zeros between the input's elements."""
        return set(self.spread) != {1}

    @property
    def whole_strides(self) -> bool:
        """Whether each phase of a transposed convolution meets as many kernel elements."""
        return all(k % s == 0 for k, s in zip(self.kernel, self.spread, strict=True))

    @property
    def opens(self) -> bool:
        """Whether this is the first layer of a network: of few channels, to many."""
        return self.in_channels < FEW_CHANNELS <= self.out_channels

    @property
    def itemsize(self) -> int:
        """The bytes of one element, as it is computed in."""
        return 8 if self.dtype == "float64" else 4

    @property
    def unpadded(self) -> bool:
        """Whether nothing is padded or cropped."""
        return all(pair == (0, 0) for pair in self.padding)

    def as_weight(self) -> "Problem":
        """Return the weight gradient that a convolution is, or a transposed one.

        The images are the input channels of its groups, their channels its images, and the kernel
        the output's gradient.
        """
        return replace(
            self,
            role="weight",
            batch=self.per_group[0],
            in_channels=self.groups * self.batch,
            kernel=self.out,
            out=self.kernel,
            stride=self.dilation,
            dilation=self.stride,
            channels_last=False,
        )

    def phased(self) -> tuple["Problem", tuple[int, ...]]:
        """Return all phases of a transposed convolution as one plain one, of more channels.

        For kernels of whole strides: zeros in the place of what is missing would carry a NaN to
        outputs that do not meet it. Its output channels are (O, *spread) or (*spread, O). Its
        output begins some places early, which are returned too: so that all phases look alike.
        """
        early = tuple(
            (s - 1 - low) % s for (low, _), s in zip(self.padding, self.spread, strict=True)
        )
        widths = tuple(k // s for k, s in zip(self.kernel, self.spread, strict=True))
        counts = tuple(
            -(-(m + e) // s) for m, e, s in zip(self.out, early, self.spread, strict=True)
        )
        offsets = [
            (s - 1 - low - e) // s
            for (low, _), s, e in zip(self.padding, self.spread, early, strict=True)
        ]
        pairs = tuple(
            (-offset, count - size + offset + width - 1)
            for offset, count, size, width in zip(offsets, counts, self.space, widths, strict=True)
        )
        plain = replace(
            self,
            role="forward",
            out_channels=self.out_channels * math.prod(self.spread),
            kernel=widths,
            out=counts,
            padding=pairs,
            spread=(1,) * self.dims,
        )
        return plain, early


def meets(p: Problem, axis: int, tap: int) -> tuple[int, int]:
    """Return the range of outputs for which a kernel element meets the input."""
    low, _ = p.padding[axis]
    shift, stride = tap * p.dilation[axis] - low, p.stride[axis]
    first, last = max(0, -(shift // stride)), -((shift - p.space[axis]) // stride)
    return first, min(p.out[axis], last)


def meetings(p: Problem) -> int:
    """Return how often an output and a kernel element meet the input, of taps * length."""
    spans = ([meets(p, d, u) for u in range(k)] for d, k in enumerate(p.kernel))
    return math.prod(sum(max(0, last - first) for first, last in axis) for axis in spans)


@dataclass(frozen=True)
class Plan:
    """A problem, and how the primitive's operands become its arrays and its result theirs."""

    problem: Problem
    first: tuple[int, ...]  # permutation of the left operand to (N, C, *space)
    second: tuple[int, ...]  # permutation of the right operand to (O, C, *kernel) or (N, O, *out)
    result: tuple[int, ...]  # permutation of the canonical result to the primitive's


def _inverse(spec: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argsort(spec))


def _used(
    pairs: Pairs,
    reach: Sequence[int],
    out: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Pairs:
    """Drop padding behind the last window.

    Then a strided convolution and its weight gradient pad alike, and XLA pads once for both.
    """
    unused = (
        r - (m - 1) * s - d * (k - 1) - 1
        for r, m, s, d, k in zip(reach, out, stride, dilation, kernel, strict=True)
    )
    return tuple(
        (low, high - min(u, max(high, 0))) for (low, high), u in zip(pairs, unused, strict=True)
    )


def plan(
    lhs: Any,
    rhs: Any,
    given: Convolution,
    limits: Any = None,
    cores: int = 1,
    onednn: bool = False,
    innermost: bool = False,
) -> Plan | None:
    """Bring the primitive's operands (anything with shape and dtype) to canonical form.

    Returns None for what no method here is for: no spatial dimension or more than three, empty
    arrays, symbolic sizes.
    """
    numbers = given.numbers
    lhs_spec, rhs_spec, out_spec = numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec
    dims = len(lhs_spec) - 2
    sizes = (*lhs.shape, *rhs.shape)
    if dims not in (1, 2, 3) or not all(isinstance(n, int) and n > 0 for n in sizes):
        return None
    space = tuple(lhs.shape[i] for i in lhs_spec[2:])
    kernel = tuple(rhs.shape[i] for i in rhs_spec[2:])
    stride, dilation, spread = map(tuple, (given.stride, given.dilation, given.spread))
    pairs = tuple((int(low), int(high)) for low, high in given.padding)
    reach = [(n - 1) * e + 1 + sum(p) for n, e, p in zip(space, spread, pairs, strict=True)]
    out = tuple(
        (r - d * (k - 1) - 1) // s + 1
        for r, d, k, s in zip(reach, dilation, kernel, stride, strict=True)
    )
    if min(out) < 1:
        return None
    pairs = _used(pairs, reach, out, kernel, stride, dilation)
    features, batches = given.groups, given.batch_groups
    shared = {
        "dtype": lhs.dtype.name,
        "precision": given.precision,
        "limits": limits,
        "cores": cores,
        "onednn": onednn,
        "innermost": innermost,
    }
    whole = tuple(range(2, dims + 2))
    # Of two ways to see a dense convolution, the one that unrolls fewer positions.
    weight = batches > 1 or (features == 1 and math.prod(kernel) > math.prod(out))
    if not weight:
        problem = Problem(
            role="forward" if set(spread) == {1} else "transposed",
            batch=lhs.shape[lhs_spec[0]],
            in_channels=lhs.shape[lhs_spec[1]],
            out_channels=rhs.shape[rhs_spec[0]],
            groups=features,
            space=space,
            kernel=kernel,
            out=out,
            stride=stride,
            padding=pairs,
            spread=spread,
            dilation=dilation,
            channels_last=lhs_spec[1] == out_spec[1] == dims + 1,
            kernel_order=tuple(rhs_spec),
            **shared,
        )
        return Plan(problem, tuple(lhs_spec), tuple(rhs_spec), _inverse(out_spec))
    # The output is the kernel that is wanted; stride and dilation change places.
    problem = Problem(
        role="weight",
        batch=lhs.shape[lhs_spec[1]],
        in_channels=lhs.shape[lhs_spec[0]],
        out_channels=rhs.shape[rhs_spec[0]],
        groups=batches,
        space=space,
        kernel=out,
        out=kernel,
        stride=dilation,
        padding=pairs,
        spread=spread,
        dilation=stride,
        channels_last=lhs_spec[0] == rhs_spec[0] == dims + 1,
        **shared,
    )
    swap = (1, 0, *whole)
    first = tuple(lhs_spec[i] for i in swap)
    second = tuple(rhs_spec[i] for i in swap)
    # The canonical result is (O, C / groups, *kernel); the primitive's batch axis holds C / groups.
    return Plan(problem, first, second, _inverse([out_spec[1], out_spec[0], *out_spec[2:]]))


def permute(x: jax.Array, order: tuple[int, ...]) -> jax.Array:
    """Transpose, unless the order is the identity."""
    return x if order == tuple(range(x.ndim)) else x.transpose(order)
