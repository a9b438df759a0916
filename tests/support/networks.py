"""Networks for the converter's tests: torchvision's, timm's, and a few made of torch.nn alone."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from benchmarks.nets import NETWORKS
from tests.support import zoo


@dataclass(frozen=True)
class Network:
    """A network, the sizes of its arguments, and what is compared.

    Attributes:
      name: where it is from, and its name there.
      make: makes it; weights are random.
      inputs: sizes of its arguments.
      gradients: whether the gradients of all parameters are compared, too.
      training: whether it is compared in training, too, with its buffers.
      dtype: what it is computed in.
      tolerance: largest difference allowed, relative to the largest value.
    """

    name: str
    make: Callable[[], nn.Module]
    inputs: tuple[tuple[int, ...], ...]
    gradients: bool = False
    training: bool = False
    dtype: torch.dtype = torch.float64
    tolerance: float = 1e-9

    def __str__(self) -> str:
        return self.name

    def draw(self) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
        """Return module and arguments, the same on every call.

        No parameter is 0 and no statistic is as it starts, so that none can be left out unseen;
        and nothing is dropped at random, which cannot be compared.
        """
        torch.manual_seed(0)
        module = self.make().to(self.dtype)
        with torch.no_grad():
            for p in module.parameters():
                p.add_(0.02 * torch.randn_like(p))
            for name, buffer in module.named_buffers():
                if name.endswith("running_var"):
                    buffer.uniform_(0.5, 1.5)
                elif name.endswith("running_mean"):
                    buffer.normal_(0, 0.1)
        for part in module.modules():
            for attribute in ("p", "drop_prob", "dropout_p", "drop_path_rate", "attn_drop_p"):
                if isinstance(getattr(part, attribute, None), float):
                    setattr(part, attribute, 0.0)
            if isinstance(part, nn.MultiheadAttention):
                part.dropout = 0.0
        return module, tuple(torch.randn(size, dtype=self.dtype) for size in self.inputs)


class Generator(nn.Sequential):
    """DCGAN's generator (Radford et al. 2015): images by transposed convolutions."""

    def __init__(self, noise: int = 100, width: int = 64) -> None:
        layers: list[nn.Module] = []
        sizes = [noise, 8 * width, 4 * width, 2 * width, width]
        for now, after in pairwise(sizes):
            start = not layers
            layers += [
                nn.ConvTranspose2d(now, after, 4, 1 if start else 2, 0 if start else 1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(True),
            ]
        super().__init__(*layers, nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh())


def _image(size: int = 64, batch: int = 2) -> tuple[tuple[int, ...], ...]:
    return ((batch, 3, size, size),)


def _vision(name: str, size: int = 64, **settings: Any) -> Network:
    """A model of torchvision."""
    flags = {key: settings.pop(key) for key in ("gradients", "training") if key in settings}
    return Network(
        f"torchvision-{name}",
        lambda: zoo.torchvision().models.get_model(name, weights=None, **settings),
        _image(size),
        **flags,
    )


def _film(name: str, frames: int = 8, size: int = 32, **flags: Any) -> Network:
    """A model of torchvision for films."""
    return Network(
        f"torchvision-{name}",
        lambda: zoo.torchvision().models.get_model(name, weights=None),
        ((1, 3, frames, size, size),),
        **flags,
    )


def _segmentation(name: str, **flags: Any) -> Network:
    make = _vision(name, weights_backbone=None).make
    return Network(f"torchvision-{name}", make, _image(64, 2), **flags)


def _timm(name: str, size: int = 64, batch: int = 2, **flags: Any) -> Network:
    """A model of timm."""
    make = lambda: zoo.timm().create_model(name, pretrained=False)  # noqa: E731
    return Network(f"timm-{name}", make, _image(size, batch), **flags)


def _small(name: str, **flags: Any) -> Network:
    """A network of the benchmarks, in the size that their tests have."""
    network = NETWORKS[name]
    return Network(f"small-{name}", network.small, (network.small_input,), **flags)


def _vit() -> nn.Module:
    return zoo.torchvision().models.VisionTransformer(32, 8, 2, 2, 32, 64, num_classes=7)


def _swin() -> nn.Module:
    swin = zoo.torchvision().models.SwinTransformer
    return swin([4, 4], 12, [2, 2], [2, 4], [4, 4], num_classes=7)


def _maxvit() -> nn.Module:
    maxvit = zoo.torchvision().models.maxvit.MaxVit
    return maxvit((64, 64), 16, 2, [16, 32], [1, 1], 16, 0.0)


# In `make test`: each kind of layer once, in the smallest networks that have it.
FEW = (
    _vision("resnet18", 32, training=True),
    _vision("mobilenet_v3_small", 32),
    _vision("shufflenet_v2_x0_5", 32),
    _small("convnext_t"),
    _small("unet", gradients=True, training=True),
    _small("wavenet"),
    Network("generator", lambda: Generator(5, 2), ((2, 5, 1, 1),)),
    Network("torchvision-swin, small", _swin, _image(32)),
)

MANY = (
    _vision("alexnet", 64),
    _vision("vgg11_bn", 32),
    _vision("resnet18", gradients=True, training=True),
    _vision("resnet50", gradients=True, training=True),
    _vision("resnext50_32x4d"),
    _vision("wide_resnet50_2"),
    _vision("densenet121", gradients=True, training=True),
    _vision("squeezenet1_1"),
    _vision("inception_v3", 96, init_weights=False, gradients=True),
    _vision("googlenet", init_weights=False),
    _vision("mobilenet_v2", gradients=True, training=True),
    _vision("mobilenet_v3_small"),
    _vision("mobilenet_v3_large", gradients=True, training=True),
    _vision("shufflenet_v2_x0_5"),
    _vision("shufflenet_v2_x1_0", gradients=True, training=True),
    _vision("mnasnet0_5"),
    _vision("efficientnet_b0", gradients=True, training=True),
    _vision("efficientnet_v2_s"),
    _vision("regnet_y_400mf", gradients=True, training=True),
    _vision("regnet_x_400mf"),
    _vision("convnext_tiny", gradients=True),
    _vision("swin_t", gradients=True),
    _vision("swin_v2_t"),
    Network("torchvision-vit, small", _vit, _image(32), gradients=True),
    Network("torchvision-maxvit, small", _maxvit, _image(64)),
    _segmentation("fcn_resnet50"),
    _segmentation("deeplabv3_mobilenet_v3_large", gradients=True, training=True),
    _segmentation("deeplabv3_resnet50"),
    _segmentation("lraspp_mobilenet_v3_large"),
    _film("r3d_18"),
    _film("mc3_18"),
    _film("r2plus1d_18", gradients=True, training=True),
    _film("swin3d_t", 4),
    _film("s3d", 16, 224),
    # Its coordinates are float32 whatever the weights are.
    Network(
        "torchvision-raft_small",
        lambda: zoo.torchvision().models.optical_flow.raft_small(),
        _image(128, 1) * 2,
        dtype=torch.float32,
        tolerance=1e-3,  # twelve steps of a recurrence
    ),
    _small("resnet18"),
    _small("unet", training=True),
    _small("wavenet", gradients=True),
    _small("r2plus1d_18"),
    Network("generator", lambda: Generator(16, 8), ((2, 16, 1, 1),), True, True),
    *(
        _timm(name)
        for name in (
            "cspdarknet53",
            "cspresnet50",
            "darknet17",
            "dla34",
            "dm_nfnet_f0",
            "dpn48b",
            "ecaresnet26t",
            "edgenext_xx_small",
            "efficientnet_lite0",
            "ese_vovnet19b_dw",
            "fbnetc_100",
            "gernet_s",
            "ghostnet_100",
            "hardcorenas_a",
            "hrnet_w18_small",
            "inception_next_atto",
            "lcnet_050",
            "legacy_seresnet18",
            "mixnet_s",
            "mnasnet_small",
            "mobilenetv3_small_050",
            "mobilenetv4_conv_small",
            "mobileone_s0",
            "nf_resnet26",
            "poolformer_s12",
            "regnetz_b16",
            "repvgg_a0",
            "repvit_m0_9",
            "res2net50_26w_4s",
            "resnest14d",
            "resnet10t",
            "resnet18d",
            "resnetv2_50",
            "rexnet_100",
            "selecsls42",
            "skresnet18",
            "starnet_s1",
            "tf_efficientnet_b0",
            "tinynet_e",
            "xception41",
        )
    ),
    *(_timm(name, gradients=True) for name in ("convnext_atto", "convnextv2_atto")),
    *(
        _timm(name, 128, 1)
        for name in (
            "caformer_s18",
            "convformer_s18",
            "convmixer_768_32",
            "fastvit_t8",
            "focalnet_tiny_srf",
            "inception_v4",
            "lambda_resnet26t",
            "mambaout_femto",
            "mobilevit_xxs",
            "mobilevitv2_050",
            "poolformerv2_s12",
            "pvt_v2_b0",
        )
    ),
    *(
        _timm(name, 256, 1)
        for name in (
            "bat_resnext26ts",
            "botnet26t_256",
            "halonet26t",
            "maxvit_rmlp_pico_rw_256",
        )
    ),
    *(
        _timm(name, 224, 1)
        for name in (
            "cait_xxs24_224",
            "coat_lite_tiny",
            "coatnet_pico_rw_224",
            "davit_tiny",
            "deit_tiny_patch16_224",
            "efficientformer_l1",
            "efficientvit_m0",
            "gcvit_xxtiny",
            "gmlp_ti16_224",
            "hiera_tiny_224",
            "levit_128s",
            "mixer_s32_224",
            "mvitv2_tiny",
            "nest_tiny",
            "pit_ti_224",
            "resmlp_12_224",
            "sequencer2d_s",
            "swinv2_cr_tiny_ns_224",
            "tiny_vit_5m_224",
            "tnt_s_patch16_224",
            "twins_svt_small",
            "visformer_tiny",
            "volo_d1_224",
        )
    ),
    Network("timm-crossvit_tiny_240", _timm("crossvit_tiny_240").make, _image(240, 1)),
    # Its attention is computed in float32 whatever the weights are.
    _timm("efficientvit_b0", tolerance=1e-4),
    # So are the sines of its positions.
    _timm("xcit_nano_12_p16_224", 224, 1, tolerance=1e-6),
)


class Detector(nn.Module):
    """A detector of torchvision, which takes a list of images of any sizes."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: torch.Tensor) -> Any:
        return self.detector(list(images))


def _detection(name: str) -> Network:
    make = _vision(name, weights_backbone=None).make
    return Network(f"torchvision-{name}", lambda: Detector(make()), _image(64, 1))


# What cannot be converted: how many boxes there are depends on the image.
LACKING = tuple(
    map(
        _detection,
        (
            "fasterrcnn_mobilenet_v3_large_320_fpn",
            "fcos_resnet50_fpn",
            "maskrcnn_resnet50_fpn",
            "retinanet_resnet50_fpn",
            "ssdlite320_mobilenet_v3_large",
        ),
    )
)
