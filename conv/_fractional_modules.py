"""Fractional max pools of two and three dimensions: torch.nn's."""

from collections.abc import Sequence
from functools import partial

from flax import nnx
from jax.typing import ArrayLike

from ._arguments import IntOrTuple
from ._docs import documented
from ._fractional import fractional_max_pool2d, fractional_max_pool3d
from ._layer import Layer, Randomness, next_key, own_stream, repeated
from ._max_pool import Maxima


class _FractionalMaxPool(Layer):
    dims: int

    def __init__(
        self,
        kernel_size: IntOrTuple,
        output_size: IntOrTuple | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: ArrayLike | None = None,
        *,
        rngs: nnx.Rngs | nnx.RngStream | None = None,
    ) -> None:
        where, dims = type(self).__name__, self.dims
        if (output_size is None) == (output_ratio is None):
            raise ValueError(
                f"{where}: one of output_size and output_ratio must be given, got "
                f"output_size={output_size} and output_ratio={output_ratio}"
            )
        self.kernel_size, self.return_indices = repeated(kernel_size, dims), return_indices
        self.output_size = None if output_size is None else repeated(output_size, dims)
        self.output_ratio = None if output_ratio is None else repeated(output_ratio, dims)
        if self.output_ratio is not None and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ValueError(f"{where}: output_ratio must be between 0 and 1, got {output_ratio=}")
        self._random_samples = nnx.data(None)
        if _random_samples is not None:
            self._random_samples = nnx.Variable(_random_samples)
        self.rngs = own_stream(rngs, "windows", where)

    def __call__(self, input: ArrayLike, *, rngs: Randomness | None = None) -> Maxima:
        """Return the maxima, and with return_indices their positions."""
        given, key = None, None
        if self._random_samples is not None:
            given = self._random_samples[...]
        else:
            source = self.rngs if rngs is None else rngs
            name = type(self).__name__
            if source is None:
                raise ValueError(
                    f"{name}: rngs must be given, for the windows are random: "
                    f"{name}(..., rngs=nnx.Rngs(0)), or with the call; or _random_samples"
                )
            key = next_key(source, "windows", name)
        pool = fractional_max_pool2d if self.dims == 2 else fractional_max_pool3d
        sizes = (self.kernel_size, self.output_size, self.output_ratio)
        return pool(input, *sizes, self.return_indices, given, key=key)


_DOCS = """
Args:
  kernel_size: size of the windows, in $units: $an_int.
  output_size: number of windows: $an_int. Default: None, for output_ratio.
  output_ratio: the same as a part of the input's size, between 0 and 1: $ratio.
  return_indices: whether to return where the maxima stand, too. Default: False.
  _random_samples: numbers from [0, 1) that say where the windows stand, (N, C, $dims): a buffer.
    Default: None, to draw them at each call, in training and in evaluation.
  rngs: `nnx.Rngs` to draw them from, its stream `windows` (or the default one); or None, if
    each call is given some.

Raises:
  ValueError: neither or both of output_size and output_ratio, a ratio that is not between 0 and
    1; no rngs where they are needed; otherwise, and
  TypeError: as `fractional_max_pool${dims}d`, when it is called.
"""
_docs = partial(documented, _DOCS, "torch.nn")


@_docs(2, ratio="a number or a pair")
class FractionalMaxPool2d(_FractionalMaxPool):
    """Maxima of windows at random steps in images: torch.nn.FractionalMaxPool2d.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from conv import FractionalMaxPool2d
      >>> pool = FractionalMaxPool2d(2, output_ratio=0.5, rngs=nnx.Rngs(0))
      >>> pool(jnp.ones((2, 3, 9, 8))).shape
      (2, 3, 4, 4)
    """

    dims = 2


@_docs(3, ratio="a number or one a dimension")
class FractionalMaxPool3d(_FractionalMaxPool):
    """Maxima of windows at random steps in volumes: torch.nn.FractionalMaxPool3d.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from conv import FractionalMaxPool3d
      >>> pool = FractionalMaxPool3d(2, output_size=3, rngs=nnx.Rngs(0))
      >>> pool(jnp.ones((3, 8, 7, 6))).shape
      (3, 3, 3, 3)
    """

    dims = 3
