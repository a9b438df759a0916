"""torchvision and timm beside a CPU build of torch, for their networks alone."""

import importlib
from functools import cache
from types import ModuleType

import torch

# What torchvision gives a fake implementation of while it is imported, with its schema. Its C++
# library defines them, and PyPI's build of it loads only beside a CUDA build of torch.
OPERATORS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


@cache
def _operators() -> torch.library.Library:
    """Define the operators, without an implementation; they last as long as the library."""
    library = torch.library.Library("torchvision", "DEF")
    for schema in OPERATORS.values():
        library.define(schema)
    return library


@cache
def torchvision() -> ModuleType:
    """Import torchvision, with its C++ library or without."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
    _operators()
    return importlib.import_module("torchvision")


@cache
def timm() -> ModuleType:
    """Import timm, which imports torchvision."""
    torchvision()
    return importlib.import_module("timm")
