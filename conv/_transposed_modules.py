"""The transposed convolutions as flax.nnx modules, in PyTorch's layout and initial distribution."""

from collections.abc import Sequence
from functools import partial

import jax
from flax import nnx
from jax.typing import ArrayLike, DTypeLike

from ._arguments import IntOrTuple, bounded_integers, integers
from ._arrays import array
from ._docs import documented
from ._modules import ConvModule
from ._transposed import conv_transpose1d, conv_transpose2d, conv_transpose3d


class _ConvTranspose(ConvModule):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        output_padding: IntOrTuple = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrTuple = 1,
        padding_mode: str = "zeros",
        *,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs,
    ) -> None:
        where, n = type(self).__name__, self.dims
        modes = ("zeros",)
        self._set(
            in_channels, out_channels, kernel_size, stride, dilation, groups, padding_mode, modes
        )
        self.padding = bounded_integers("padding", padding, n, 0, where)
        self.output_padding = bounded_integers("output_padding", output_padding, n, 0, where)
        self._initialise(self.in_channels, self.out_channels // self.groups, bias, dtype, rngs)

    def __call__(self, input: ArrayLike, output_size: Sequence[int] | None = None) -> jax.Array:
        """Apply the layer; `output_size` picks one of the sizes that stride leaves open."""
        function = (conv_transpose1d, conv_transpose2d, conv_transpose3d)[self.dims - 1]
        x = array("input", input, type(self).__name__)
        extra = self.output_padding if output_size is None else self._extra(x, output_size)
        return function(
            x,
            self.weight[...],
            self._bias(),
            self.stride,
            self.padding,
            extra,
            self.groups,
            self.dilation,
        )

    def _extra(self, input: jax.Array, output_size: Sequence[int]) -> tuple[int, ...]:
        """Return the output_padding that leads to `output_size`."""
        where, n = type(self).__name__, self.dims
        if len(output_size) == input.ndim:
            output_size = output_size[-n:]
        wanted = integers("output_size", tuple(output_size), n, where, expand=False)
        sides = zip(
            input.shape[-n:],
            self.stride,
            self.padding,
            self.dilation,
            self.kernel_size,
            strict=True,
        )
        least = tuple((size - 1) * s - 2 * p + d * (k - 1) + 1 for size, s, p, d, k in sides)
        extra = tuple(w - m for w, m in zip(wanted, least, strict=True))
        if any(not 0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
            most = tuple(m + s - 1 for m, s in zip(least, self.stride, strict=True))
            raise ValueError(
                f"{where}: output_size must lie between {least} and {most} for an input of shape "
                f"{input.shape}, got output_size={wanted}"
            )
        return extra


_DOCS = r"""
.. math:: y_{n} = b + w^\top x_{n}

with the transposed convolution of `conv_transpose${dims}d`. It maps (N, C, $space) to
(N, O, $out), batched or not. Called with ``output_size=...`` it chooses its output_padding so that
this size comes out, where the stride allows it.

Args:
  in_channels: C, number of channels of the input.
  out_channels: O, number of channels that the layer produces.
  kernel_size: size of the kernel, in $units$lengths.
  stride: distance of the places that neighbours are written to, in $units$each. Default: 1.
  padding: $units cropped off both sides$each. Default: 0.
  output_padding: $units added to the high sides$each. Default: 0.
  groups: number of groups that channels are split into. Default: 1.
  bias: whether to learn a number to add to each output channel. Default: True.
  dilation: distance between the kernel's elements, in $units$each. Default: 1.
  padding_mode: 'zeros', the only one, as in PyTorch. Default: 'zeros'.
  dtype: dtype of the parameters. Default: float32.
  rngs: `nnx.Rngs` whose `params` stream the initial values are drawn from.

Attributes:
  weight: nnx.Param, (C, O / groups, $kernel), drawn from U(-u, u) with
    u = 1 / sqrt(O / groups * $fan): PyTorch's fan is that of the weight's second axis.
  bias: nnx.Param, (O,), of the same distribution; or None.

Raises:
  ValueError, TypeError: as torch.nn.ConvTranspose${dims}d, and already here for what PyTorch
    refuses only when the layer is called.
"""
_docs = partial(documented, _DOCS, "torch.nn")


@_docs(1)
class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution layer over signals: torch.nn.ConvTranspose1d as an nnx module.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from conv import ConvTranspose1d
      >>> layer = ConvTranspose1d(256, 128, 16, 8, 4, rngs=nnx.Rngs(0))
      >>> layer(jnp.ones((1, 256, 10))).shape
      (1, 128, 80)
    """

    dims = 1


@_docs(2)
class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution layer over images: torch.nn.ConvTranspose2d as an nnx module.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from conv import ConvTranspose2d
      >>> layer = ConvTranspose2d(16, 4, 3, 2, 1, 1, rngs=nnx.Rngs(0))
      >>> layer(jnp.ones((1, 16, 5, 6))).shape
      (1, 4, 10, 12)
    """

    dims = 2


@_docs(3)
class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution layer over volumes: torch.nn.ConvTranspose3d as an nnx module.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from conv import ConvTranspose3d
      >>> layer = ConvTranspose3d(2, 4, 2, 2, rngs=nnx.Rngs(0))
      >>> layer(jnp.ones((1, 2, 3, 4, 5))).shape
      (1, 4, 6, 8, 10)
    """

    dims = 3
