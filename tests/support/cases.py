"""The shared tables: shapes and arguments that every suite of the family runs."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ConvCase:
    name: str
    input: tuple[int, ...]
    weight: tuple[int, ...]
    arguments: dict[str, Any] = field(default_factory=dict)
    bias: bool = True

    @property
    def dims(self) -> int:
        return len(self.weight) - 2

    def __str__(self) -> str:
        return self.name


def _case(name: str, input: tuple[int, ...], weight: tuple[int, ...], **arguments: Any) -> ConvCase:
    bias = arguments.pop("bias", True)
    return ConvCase(name, input, weight, arguments, bias)


CONV_CASES = [
    _case("lecture-1d-k3", (1, 2, 64), (16, 2, 3)),
    _case("lecture-1d-k5", (1, 2, 64), (16, 2, 5)),
    _case("lecture-2d", (1, 20, 64, 128), (16, 20, 3, 5)),
    _case("lecture-2d-padded", (1, 20, 64, 128), (16, 20, 3, 5), stride=1, padding=(1, 2)),
    _case("plain-1d", (2, 3, 10), (4, 3, 3), bias=False),
    _case("unbatched-1d", (3, 10), (4, 3, 3)),
    _case("unbatched-2d", (3, 7, 6), (4, 3, 3, 2)),
    _case("unbatched-3d", (2, 5, 6, 4), (4, 2, 3, 2, 1)),
    _case("stride-1d", (2, 3, 11), (4, 3, 3), stride=2, padding=1),
    _case("stride-tuple", (2, 3, 11, 9), (4, 3, 3, 2), stride=(2, 3), padding=(0, 1)),
    _case("stride-skips-end", (2, 3, 12), (4, 3, 2), stride=4),
    _case("dilation", (2, 3, 12, 11), (4, 3, 3, 3), dilation=(2, 1), padding=2),
    _case("everything-1d", (2, 4, 17), (6, 2, 3), stride=2, padding=3, dilation=2, groups=2),
    _case("same-odd", (2, 3, 9), (4, 3, 3), padding="same"),
    _case("same-even", (2, 3, 9, 8), (4, 3, 4, 2), padding="same"),
    _case("same-dilated", (2, 3, 9, 8), (4, 3, 4, 3), padding="same", dilation=(3, 2)),
    _case("same-short", (1, 2, 1, 1), (3, 2, 4, 4), padding="same"),
    _case("valid", (2, 3, 9, 8), (4, 3, 4, 2), padding="valid"),
    _case("groups", (2, 6, 8, 8), (9, 2, 3, 3), groups=3, padding=1),
    _case("depthwise", (2, 6, 8, 8), (6, 1, 3, 3), groups=6, padding=1),
    _case("depthwise-multiplier", (2, 4, 8, 8), (12, 1, 3, 3), groups=4, stride=2),
    _case("pointwise", (2, 6, 5, 4), (3, 6, 1, 1)),
    _case("pointwise-strided", (2, 6, 5, 4), (3, 6, 1, 1), stride=2),
    _case("3d", (2, 4, 5, 6, 7), (6, 2, 2, 3, 3), stride=(1, 2, 1), padding=1, groups=2),
    _case("3d-dilated", (2, 2, 4, 6, 7), (2, 2, 2, 3, 2), stride=(2, 1, 1), padding=1, dilation=2),
    _case("one-tuple", (2, 3, 9, 8), (4, 3, 3, 3), stride=(2,), padding=(1,), dilation=(1,)),
    _case("list", (2, 3, 9, 8), (4, 3, 3, 3), stride=[2, 1], padding=[1, 0]),
    _case("kernel-fills-input", (2, 3, 5), (4, 3, 5)),
    _case("padding-beyond-kernel", (2, 3, 4), (4, 3, 2), padding=5),
    _case("batch-0", (0, 3, 9), (4, 3, 3), padding=1),
    _case("channels-0", (2, 0, 9), (4, 0, 3)),
    _case("batch-0-space-0", (0, 3, 0), (4, 3, 3), padding=2),
]

# Weights of transposed convolutions are (C, O / groups, *kernel).
TRANSPOSED_CASES = [
    _case("interleaved-k3-s2", (1, 1, 2), (1, 1, 3), stride=2, bias=False),
    _case("interleaved-k4-s2-p1", (1, 1, 2), (1, 1, 4), stride=2, padding=1, bias=False),
    _case("kernel-below-stride", (2, 3, 4), (3, 2, 2), stride=3),
    _case("kernel-below-stride-2d", (2, 3, 4, 3), (3, 2, 1, 2), stride=(3, 4),
          output_padding=(2, 3)),
    _case("plain-1d", (2, 3, 10), (3, 4, 3), bias=False),
    _case("plain-2d", (2, 3, 5, 6), (3, 4, 3, 2)),
    _case("plain-3d", (2, 3, 4, 5, 3), (3, 4, 3, 2, 2)),
    _case("unbatched-1d", (3, 10), (3, 4, 3), stride=2),
    _case("unbatched-2d", (3, 7, 6), (3, 4, 3, 2), stride=2),
    _case("unbatched-3d", (2, 5, 6, 4), (2, 4, 3, 2, 1)),
    _case("output-padding-stride", (2, 3, 5), (3, 4, 3), stride=3, output_padding=2),
    _case("output-padding-dilation", (2, 3, 5), (3, 4, 3), dilation=3, output_padding=2),
    _case("output-padding-either", (2, 3, 5, 4), (3, 4, 3, 3), stride=(3, 1), dilation=(1, 4),
          output_padding=(2, 3), padding=1),
    _case("output-padding-beyond-kernel", (1, 2, 3), (2, 2, 1), stride=5, output_padding=4),
    _case("padding-beyond-kernel", (2, 3, 6, 6), (3, 4, 3, 3), padding=(2, 3)),
    _case("padding-leaves-one", (2, 3, 1), (3, 4, 3), padding=1),
    _case("groups-two-inputs-each", (1, 4, 1), (4, 2, 1), groups=2, bias=False),
    _case("groups-three-inputs-each", (2, 6, 5, 4), (6, 2, 3, 2), groups=2, stride=2, padding=1),
    _case("groups-3d", (2, 4, 3, 4, 3), (4, 3, 2, 3, 2), groups=2, stride=(1, 2, 2), dilation=2),
    _case("depthwise", (2, 6, 5, 5), (6, 1, 3, 3), groups=6, stride=2),
    _case("depthwise-multiplier", (2, 4, 7), (4, 3, 4), groups=4, stride=2, padding=1),
    _case("everything-1d", (2, 4, 7), (4, 3, 3), stride=2, padding=3, output_padding=1,
          groups=2, dilation=2),
    _case("pointwise", (2, 6, 5, 4), (6, 3, 1, 1)),
    _case("one-tuple", (2, 3, 5, 4), (3, 4, 3, 3), stride=(2,), padding=(1,),
          output_padding=(1,), dilation=(1,)),
    _case("list", (2, 3, 5, 4), (3, 4, 3, 3), stride=[2, 3], padding=[1, 0], output_padding=[1, 2]),
    _case("positions", (2, 3, 5, 4), (3, 4, 3, 3), stride=(2, 1), padding=(0, 2)),
    _case("batch-0", (0, 3, 5), (3, 4, 3), stride=2),
    _case("batch-0-space-0", (0, 3, 0), (3, 4, 3)),
    _case("batch-0-output-0", (0, 3, 1, 3), (3, 4, 2, 2), padding=1),
]  # fmt: skip

# (input, kernel_size, other arguments) of unfold; fold runs over what comes out.
UNFOLD_CASES = [
    ((2, 3, 6, 5), 2, {}),
    ((2, 3, 6, 5), (3, 2), {"dilation": 2}),
    ((2, 3, 6, 5), (3, 2), {"dilation": (1, 3), "padding": (2, 1), "stride": (2, 1)}),
    ((1, 1, 5, 5), 3, {"padding": 4, "stride": 3}),
    ((1, 2, 7, 4), [2, 3], {"stride": [4, 5]}),
    ((3, 6, 5), 2, {"stride": 2}),
    ((2, 3, 2, 2), 3, {"padding": 1}),
    ((2, 3, 4, 4), 1, {}),
    ((2, 3, 4, 6), (4, 6), {}),
    ((0, 3, 6, 5), 2, {"padding": 1}),
    ((2, 1, 9, 8), (2, 2), {"stride": (3, 4), "dilation": (4, 1)}),
]


@dataclass(frozen=True)
class PoolCase:
    name: str
    input: tuple[int, ...]
    kernel: Any
    arguments: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


# For max and average pooling alike, in as many dimensions as there are.
POOL_CASES = {
    1: [
        PoolCase("plain", (2, 3, 9), 2),
        PoolCase("tiles", (2, 3, 8), 4),
        PoolCase("overlap", (2, 3, 9), 3, {"stride": 1}),
        PoolCase("gaps", (2, 3, 11), 2, {"stride": 4}),
        PoolCase("padding", (2, 3, 9), 3, {"stride": 2, "padding": 1}),
        PoolCase("ceil-hangs-over", (1, 1, 5), 2, {"stride": 2, "ceil_mode": True}),
        PoolCase("ceil-in-padding", (2, 3, 5), 3, {"stride": 4, "padding": 1, "ceil_mode": True}),
        PoolCase("ceil-long-stride", (2, 3, 6), 2, {"stride": 5, "padding": 1, "ceil_mode": True}),
        PoolCase("stride-none", (2, 3, 9), 3, {"stride": None}),
        PoolCase("stride-empty", (2, 3, 9), 3, {"stride": []}),
        PoolCase("one-tuple", (2, 3, 9), (3,), {"stride": (2,), "padding": (1,)}),
        PoolCase("unbatched", (3, 9), 3, {"padding": 1}),
        PoolCase("batch-0", (0, 3, 9), 3, {"padding": 1}),
        PoolCase("kernel-1", (2, 3, 5), 1, {"stride": 2}),
        PoolCase("whole", (2, 3, 5), 5),
        PoolCase("long", (2, 3, 50), 20, {"stride": 7, "padding": 9}),
        PoolCase("long-gaps", (2, 3, 70), 17, {"stride": 25}),
        PoolCase("long-ceil", (2, 3, 47), 18, {"stride": 10, "padding": 4, "ceil_mode": True}),
    ],
    2: [
        PoolCase("plain", (2, 3, 9, 7), 2),
        PoolCase("tiles", (2, 3, 8, 6), (4, 3)),
        PoolCase("overlap", (2, 3, 7, 6), 3, {"stride": 1}),
        PoolCase("padding", (2, 3, 9, 7), (3, 2), {"stride": (2, 1), "padding": (1, 0)}),
        PoolCase("ceil", (2, 3, 6, 7), 3, {"stride": 2, "padding": 1, "ceil_mode": True}),
        PoolCase("ceil-rows", (2, 3, 8, 7), (3, 2), {"stride": (4, 3), "ceil_mode": True}),
        PoolCase("stride-none", (2, 3, 9, 6), (3, 2), {"stride": None}),
        PoolCase("one-tuple", (2, 3, 9, 8), (3,), {"stride": (2,), "padding": (1,)}),
        PoolCase("unbatched", (3, 9, 8), [2, 3], {"stride": []}),
        PoolCase("batch-0", (0, 3, 9, 8), 3, {"padding": 1}),
        PoolCase("long", (1, 2, 7, 40), (3, 19), {"stride": (1, 4), "padding": (1, 9)}),
        PoolCase("long-both", (2, 1, 30, 41), (18, 20), {"stride": 5, "ceil_mode": True}),
    ],
    3: [
        PoolCase("plain", (2, 3, 5, 4, 6), 2),
        PoolCase("padding", (1, 2, 6, 5, 4), (3, 2, 2), {"stride": 2, "padding": (1, 0, 1)}),
        PoolCase("ceil", (1, 2, 6, 5, 4), 3, {"stride": 2, "padding": 1, "ceil_mode": True}),
        PoolCase("stride-none", (1, 2, 6, 6, 4), (3, 2, 4), {"stride": None}),
        PoolCase("one-tuple", (1, 2, 6, 5, 4), (2,), {"stride": (1,), "padding": (1,)}),
        PoolCase("unbatched", (2, 6, 5, 4), 2, {"stride": 1}),
        PoolCase("batch-0", (0, 2, 6, 5, 4), 2),
    ],
}  # fmt: skip
