"""PyTorch in float64 throughout, and without chance."""

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree

NARROW = (torch.float16, torch.bfloat16, torch.float32)
# Functions whose argument says whether anything is drawn: what it is for it not to be.
QUIET: dict[str, dict[str, Any]] = {
    name: {"training": False}
    for name in (
        "alpha_dropout",
        "dropout",
        "dropout1d",
        "dropout2d",
        "dropout3d",
        "feature_alpha_dropout",
        "multi_head_attention_forward",
    )
} | {"scaled_dot_product_attention": {"dropout_p": 0.0}}


def name_of(function: object) -> str:
    """Return a function's name; that of one that writes in place is the other's."""
    name = str(getattr(function, "__name__", function))
    return name.rstrip("_") if not name.startswith("__") else name


class Widened(TorchFunctionMode):
    """Puts float64 where a network asks for a narrower dtype, and switches dropout off."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call the function with its arguments widened."""
        name = name_of(func)
        if name in ("float", "half", "bfloat16"):
            func = torch.Tensor.double
        args, kwargs = _pytree.tree_map(_wide, (args, kwargs or {}))
        if name in QUIET:
            args, kwargs = _quiet(name, args, kwargs)
        return func(*args, **kwargs)


def _wide(leaf: Any) -> Any:
    return torch.float64 if isinstance(leaf, torch.dtype) and leaf in NARROW else leaf


def _quiet(name: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
    if name == "scaled_dot_product_attention":  # it has no signature
        return (*args[:4], 0.0, *args[5:]) if len(args) > 4 else args, kwargs | (
            {"dropout_p": 0.0} if len(args) <= 4 else {}
        )
    bound = inspect.signature(getattr(F, name)).bind(*args, **kwargs)
    bound.arguments.update(QUIET[name])
    return bound.args, bound.kwargs


@contextlib.contextmanager
def widened(mode: Widened | None = None) -> Iterator[Any]:
    """Run PyTorch so, or in a mode that does more; what has no dtype is float64 too."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with mode or Widened() as entered:
            yield entered
    finally:
        torch.set_default_dtype(before)


def double(leaf: Any) -> Any:
    """Return a tensor in float64, or complex128; all else as it is."""
    if not isinstance(leaf, torch.Tensor):
        return leaf
    if leaf.dtype in NARROW:
        return leaf.double()
    return leaf.to(torch.complex128) if leaf.dtype == torch.complex64 else leaf
