"""Functions with a gradient of their own, as torch.autograd.Function gives them."""

from ._lecture import add, max, split

__all__ = ["add", "max", "split"]
