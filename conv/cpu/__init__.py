"""Fast convolutions on CPU: a lowering rule under `lax.conv_general_dilated`."""

from ._rule import accelerate

__all__ = ["accelerate"]
