"""Both sides of the pooling family."""

from typing import Any

import torch

import conv

DIMS = (1, 2, 3)
INTEGERS = ("int8", "uint8", "int16", "int32", "int64")


def both(name: str, dims: int, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """A function of the family on both sides, with everything but the input given."""

    def call(function: Any) -> Any:
        return lambda x: function(x, *args, **kwargs)

    called = f"{name}{dims}d"
    return call(getattr(conv, called)), call(getattr(torch.nn.functional, called))
