"""Fast convolutions on CPU: a lowering rule under `lax.conv_general_dilated`."""

from ._explain import Explanation, routes
from ._rule import accelerate

__all__ = ["Explanation", "accelerate", "routes"]
