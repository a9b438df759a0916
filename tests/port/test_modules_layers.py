"""Every module with a state or with shapes of its own, side by side with PyTorch's."""

import numpy as np
import pytest

from tests.support.modules import Case, assert_modules_agree

IMAGE, VOLUME = (2, 4, 5, 6), (2, 4, 5, 6, 3)
pytestmark = pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
INDICES = np.array([[1, 3, 3, 0], [4, 1, 2, 3]])

GROUPS: dict[str, list[Case]] = {
    "batch norm": [
        Case("BatchNorm1d", (4,), ((5, 4),)),
        Case("BatchNorm1d", (4,), ((5, 4, 3),), {"eps": 0.1, "momentum": 0.3}),
        Case("BatchNorm1d", (4,), ((5, 4, 3),), training=False),
        Case("BatchNorm2d", (4,), (IMAGE,)),
        Case("BatchNorm2d", (4,), (IMAGE,), training=False),
        Case("BatchNorm2d", (4,), (IMAGE,), {"momentum": None}),
        Case("BatchNorm2d", (4,), (IMAGE,), {"affine": False}),
        Case("BatchNorm2d", (4,), (IMAGE,), {"bias": False}),
        Case("BatchNorm2d", (4,), (IMAGE,), {"track_running_stats": False}),
        Case("BatchNorm2d", (4,), (IMAGE,), {"track_running_stats": False}, training=False),
        Case("BatchNorm3d", (4,), (VOLUME,)),
        Case("BatchNorm3d", (4,), (VOLUME,), training=False),
    ],
    "instance norm": [
        Case("InstanceNorm1d", (4,), ((2, 4, 6),)),
        Case("InstanceNorm1d", (4,), ((4, 6),), {"affine": True}),
        Case("InstanceNorm2d", (4,), (IMAGE,), {"affine": True, "track_running_stats": True}),
        Case(
            "InstanceNorm2d",
            (4,),
            (IMAGE[1:],),
            {"affine": True, "track_running_stats": True},
            training=False,
        ),
        Case("InstanceNorm2d", (4,), (IMAGE,), {"affine": True, "bias": False}, training=False),
        Case("InstanceNorm3d", (4, 1e-3, 0.3, False, True), (VOLUME,)),
    ],
    "norms": [
        Case("LayerNorm", (6,), ((2, 4, 6),)),
        Case("LayerNorm", ((5, 6), 0.1), (IMAGE,)),
        Case("LayerNorm", ([6],), ((2, 4, 6),), {"bias": False}),
        Case("LayerNorm", (6,), ((2, 4, 6),), {"elementwise_affine": False}),
        Case("RMSNorm", (6,), ((2, 4, 6),)),
        Case("RMSNorm", ((4, 6), 0.1, False), ((2, 4, 6),)),
        Case("GroupNorm", (2, 4), (IMAGE,)),
        Case("GroupNorm", (2, 4), (IMAGE,), {"affine": False}),
        Case("GroupNorm", (4, 4, 0.1), ((3, 4),), {"bias": False}),
        Case("LocalResponseNorm", (3, 0.5, 0.8, 1.5), (IMAGE,)),
    ],
    "linear": [
        Case("Linear", (6, 3), ((2, 4, 6),)),
        Case("Linear", (6, 3, False), ((6,),)),
        Case("Linear", (0, 3), ((2, 0),)),
        Case("Bilinear", (6, 5, 3), ((2, 6), (2, 5))),
        Case("Bilinear", (6, 5, 3), ((4, 2, 6), (4, 2, 5)), {"bias": False}),
        Case("Embedding", (5, 3), (INDICES,)),
        Case("Embedding", (5, 3), (INDICES,), {"padding_idx": -2}),
        Case("Embedding", (5, 3), (INDICES,), {"scale_grad_by_freq": True}),
        Case("Embedding", (5, 3), (INDICES[:, :2],), {"max_norm": 0.5, "norm_type": 1.0}),
        Case("Identity", (1, 2), ((2, 4),), {"unused": 3}),
    ],
    "shapes": [
        Case("Flatten", (), (IMAGE,)),
        Case("Flatten", (0, 2), (IMAGE,)),
        Case("Flatten", (0,), ((),)),
        Case("Flatten", (), ((2, 0, 3),)),
        Case("Unflatten", (1, (2, 2)), (IMAGE,)),
        Case("Unflatten", (-1, [3, -1]), ((2, 6),)),
        Case("Unflatten", (0, (-1, 2)), ((0, 6),)),
        Case("PixelShuffle", (2,), (IMAGE,)),
        Case("PixelUnshuffle", (2,), ((1, 4, 6),)),
        Case("ChannelShuffle", (2,), (IMAGE,)),
        Case("Unfold", ((2, 3),), (IMAGE,), {"padding": [1, 0]}),
        Case("Fold", ((4, 5), 2), ((2, 8, 12),)),
        Case("Upsample", (), ((2, 4, 6),), {"scale_factor": 2}),
        Case("Upsample", (), (IMAGE,), {"size": [3, 9], "mode": "bilinear"}),
        Case(
            "Upsample",
            (),
            (IMAGE,),
            {"scale_factor": (1.5, 2.2), "mode": "bicubic", "align_corners": True},
        ),
        Case("Upsample", (None, 1.7, "nearest", None, True), (VOLUME,)),
        Case("UpsamplingNearest2d", ((3, 9),), (IMAGE,)),
        Case("UpsamplingBilinear2d", (None, 2), (IMAGE,)),
    ],
    "pools": [
        Case("MaxPool1d", (2,), ((2, 4, 6),)),
        Case("MaxPool2d", (3, 2, 1), (IMAGE,)),
        Case("MaxPool2d", ([2, 3], [1, 2], 1, (2, 1), True, True), (IMAGE,)),
        Case("MaxPool3d", ((1, 2, 2),), (VOLUME,)),
        Case("AvgPool1d", (3, 2, 1, True, False), ((2, 4, 6),)),
        Case("AvgPool2d", (2,), (IMAGE,), {"divisor_override": 3}),
        Case("AvgPool3d", ((1, 2, 2), [1, 1, 2], (0, 1, 0)), (VOLUME,)),
        Case("AdaptiveAvgPool1d", (4,), ((2, 4, 6),)),
        Case("AdaptiveAvgPool2d", ((None, 4),), (IMAGE,)),
        Case("AdaptiveAvgPool3d", (2,), (VOLUME,)),
        Case("AdaptiveMaxPool1d", (4,), ((2, 4, 6),)),
        Case("AdaptiveMaxPool2d", ([3, None], True), (IMAGE,)),
        Case("AdaptiveMaxPool3d", (2,), (VOLUME,)),
    ],
    "pads": [
        Case("ZeroPad1d", (2,), ((2, 4, 6),)),
        Case("ZeroPad2d", ((1, 2, 0, -1),), (IMAGE,)),
        Case("ZeroPad2d", ((1, 2),), (IMAGE,)),
        Case("ZeroPad3d", (1,), (VOLUME,)),
        Case("ConstantPad1d", ((1, 2), 3.5), ((2, 4, 6),)),
        Case("ConstantPad2d", (1, -2), (IMAGE,)),
        Case("ConstantPad3d", ([1, 2, 0, 1, 1, 0], 0.5), (VOLUME,)),
        Case("ReflectionPad1d", ((1, 2),), ((2, 4, 6),)),
        Case("ReflectionPad2d", (2,), (IMAGE,)),
        Case("ReflectionPad3d", (1,), (VOLUME,)),
        Case("ReplicationPad1d", (3,), ((4, 6),)),
        Case("ReplicationPad2d", ([1, 2, 3, 0],), (IMAGE,)),
        Case("ReplicationPad3d", (1,), (VOLUME,)),
        Case("CircularPad1d", ((1, 2),), ((2, 4, 6),)),
        Case("CircularPad2d", (2,), (IMAGE,)),
        Case("CircularPad3d", (1,), (VOLUME,)),
    ],
    "rectifiers": [
        Case("ReLU", (True,)),
        Case("ReLU6"),
        Case("LeakyReLU", (0.2,)),
        Case("PReLU"),
        Case("PReLU", (4, 0.1), (IMAGE,), state=False),
        Case("RReLU", (0.2, 0.4), training=False),
        Case("Threshold", (0.1, 20.0)),
        Case("ELU", (1.3,)),
        Case("CELU", (2.0,)),  # PyTorch rounds 1 / alpha to float32 in its gradient
        Case("SELU"),
        Case("Hardtanh", (-0.5, 0.7)),
        Case("Hardsigmoid"),
        Case("Hardswish"),
        Case("Hardshrink", (0.3,)),
        Case("Softshrink", (0.3,)),
    ],
    "smooth": [
        Case("GELU"),
        Case("GELU", ("tanh",)),
        Case("SiLU"),
        Case("Mish"),
        Case("Sigmoid"),
        Case("LogSigmoid"),
        Case("Tanh"),
        Case("Tanhshrink"),
        Case("Softsign"),
        Case("Softplus", (1.5, 2.0)),
        Case("Softmax", (1,)),
        Case("Softmin", (-1,)),
        Case("LogSoftmax", (0,)),
        Case("Softmax2d", (), (IMAGE,)),
        Case("GLU", (1,)),
    ],
}


@pytest.mark.parametrize("group", GROUPS)
def test_modules(group: str) -> None:
    assert_modules_agree(GROUPS[group])


@pytest.mark.parametrize("group", ["batch norm", "norms", "linear"])
def test_modules_in_float32(group: str) -> None:
    # A variance of a few numbers: its inverse root multiplies what was rounded.
    assert_modules_agree(GROUPS[group], "float32", scale=4.0)
