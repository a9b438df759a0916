"""TPUs: what is not left to XLA. The thresholds, with what set them; then the order.

Nobody timed these. They are the cost figures of XLA's own compiler for TPU v5e (libtpu 0.0.52, jax
0.10.2), which needs no TPU: microseconds of XLA's lowering and of the method, float32 at default
precision, 16 images. `python -m checks.platforms` has that compiler.
"""

from dataclasses import dataclass

from ._method import STOCK, Choice, Platform
from ._problem import Problem
from .methods.blocks import BLOCKS, merged
from .methods.divided import for_several_devices


@dataclass(frozen=True)
class Limits:
    """Where a method becomes cheaper than XLA's own."""

    # Rows and columns of the unit that multiplies matrices: what is merged up to there is free.
    # Forward, 32 groups of 128 channels at 56 x 56 986 to 171, of 256 at 28 x 28 454 to 171; 8 of
    # 64 channels, 5 x 5, 342 to 65; 16 of 128 along a line of 512 142 to 20. Input gradients of 512
    # at 14 x 14, stride 2: 229 MB moved to 52.
    lanes: int = 128
    # Weight gradients over so many positions: 56 x 56 789 to 266, 28 x 28 390 to 99, 14 x 14 (from
    # 28 x 28, stride 2) 146 to 82; but 7 x 7 88 to 100.
    positions: int = 128
    # Numbers of a merged kernel, or of its gradient: 17 MB. Weight gradients of single samples come
    # as grouped convolutions with kernels as large as an image.
    numbers: int = 2**22


def choose(p: Problem) -> Choice:
    """Choose the method for a problem; 'stock' is XLA's own lowering."""
    if not _several_channels(p) or merged(p) == 1 or not BLOCKS.serves(p):
        return Choice(STOCK, "XLA's own")
    if p.out_channels * p.per_group[0] * merged(p) * p.taps > p.limits.numbers:
        return Choice(STOCK, "groups with large kernels: XLA's own")
    if p.role == "weight":
        if p.length < p.limits.positions:
            return Choice(STOCK, "groups over few positions: XLA's own")
        return Choice(BLOCKS, "groups: some at a time as one, of which their own part is kept")
    if p.exact:
        return Choice(STOCK, "groups, with highest precision: merged, a NaN would leave its group")
    return Choice(BLOCKS, "groups: some at a time as one, with zeros where they do not meet")


def _several_channels(p: Problem) -> bool:
    """Whether a group has several channels: XLA's own depthwise convolutions are good."""
    return p.groups > 1 and p.per_group[0] > 1


TPU = Platform(
    "tpu",
    choose,
    Limits(),
    ("float32", "bfloat16", "float16"),
    widens=False,
    split=for_several_devices("XLA's", in_float32=False),
)
