"""flax.nnx modules with the layout, names and initial distribution of torch.nn's."""

import math
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike, DTypeLike

from ._arguments import IntOrTuple, bounded_integers, integer, padding_pairs
from ._arrays import COMPLEX, FLOATING
from ._convolution import conv1d, conv2d, conv3d
from ._docs import documented
from ._layer import Layer
from ._pad import pad


def uniform(key: jax.Array, shape: tuple[int, ...], bound: float, dtype: DTypeLike) -> jax.Array:
    """Draw from U(-bound, bound); a complex number's parts are two such draws, as in PyTorch."""
    real = jnp.finfo(dtype).dtype
    parts = 2 if jnp.issubdtype(dtype, jnp.complexfloating) else 1
    # In one dimension: XLA compiles the same draw in four dimensions six times as long.
    flat = jax.random.uniform(key, (parts * math.prod(shape),), real, -bound, bound)
    drawn = flat.reshape(parts, *shape)
    return drawn[0] if parts == 1 else jax.lax.complex(drawn[0], drawn[1])


class ConvModule(Layer):
    """What the convolution modules have in common, over the number of dimensions.

    A subclass takes the arguments in PyTorch's order, and calls `_set` and `_initialise`.
    """

    dims: int

    def _set(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple,
        dilation: IntOrTuple,
        groups: int,
        padding_mode: str,
        padding_modes: tuple[str, ...],
    ) -> None:
        where, n = type(self).__name__, self.dims
        self.in_channels = integer("in_channels", in_channels, where)
        self.out_channels = integer("out_channels", out_channels, where)
        self.groups = integer("groups", groups, where)
        if self.groups < 1:
            raise ValueError(f"{where}: groups must be positive, got groups={groups}")
        for name, count in (("in_channels", in_channels), ("out_channels", out_channels)):
            if count < 1 or count % self.groups:
                raise ValueError(
                    f"{where}: {name} must be a positive multiple of groups={groups}, "
                    f"got {name}={count}"
                )
        if padding_mode not in padding_modes:
            raise ValueError(
                f"{where}: padding_mode must be one of {', '.join(padding_modes)}, "
                f"got padding_mode={padding_mode!r}"
            )
        self.padding_mode = padding_mode
        self.kernel_size = bounded_integers("kernel_size", kernel_size, n, 1, where)
        self.stride = bounded_integers("stride", stride, n, 1, where)
        self.dilation = bounded_integers("dilation", dilation, n, 1, where)

    def _initialise(
        self, rows: int, columns: int, bias: bool, dtype: DTypeLike | None, rngs: nnx.Rngs
    ) -> None:
        """Draw a weight of shape (rows, columns, *kernel_size), and a bias."""
        param_dtype = jnp.dtype(jnp.float32 if dtype is None else dtype)
        if param_dtype.name not in FLOATING + COMPLEX:
            raise TypeError(
                f"{type(self).__name__}: dtype must be one of {', '.join(FLOATING + COMPLEX)}, "
                f"got dtype={dtype!r}"
            )
        # PyTorch's kaiming_uniform_(a=sqrt(5)) and its bias rule are one bound, from the fan that
        # it reads off the weight's second and further axes, also where the layer is transposed.
        bound = 1 / math.sqrt(columns * math.prod(self.kernel_size))
        shape = (rows, columns, *self.kernel_size)
        self.weight = nnx.Param(uniform(rngs.params(), shape, bound, param_dtype))
        drawn = uniform(rngs.params(), (self.out_channels,), bound, param_dtype) if bias else None
        self.bias = None if drawn is None else nnx.Param(drawn)

    def _bias(self) -> jax.Array | None:
        return None if self.bias is None else self.bias[...]


class _Conv(ConvModule):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple | str = 0,
        dilation: IntOrTuple = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs,
    ) -> None:
        where, n = type(self).__name__, self.dims
        modes = ("zeros", "reflect", "replicate", "circular")
        self._set(
            in_channels, out_channels, kernel_size, stride, dilation, groups, padding_mode, modes
        )
        word = isinstance(padding, str)
        self.padding = padding if word else bounded_integers("padding", padding, n, 0, where)
        pairs = padding_pairs(self.padding, self.kernel_size, self.stride, self.dilation, where)
        self._edges = tuple(side for pair in reversed(pairs) for side in pair)
        self._initialise(self.out_channels, self.in_channels // self.groups, bias, dtype, rngs)

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Convolve (N, C, *space) or (C, *space) with this module's weight."""
        conv = (conv1d, conv2d, conv3d)[self.dims - 1]
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = pad(input, self._edges, self.padding_mode), 0
        return conv(
            input, self.weight[...], self._bias(), self.stride, padding, self.dilation, self.groups
        )


_DOCS = r"""
.. math:: y_{n,o} = b_o + \sum_c w_{o,c} \star x_{n,c}

with the cross-correlation of `conv${dims}d`. It maps (N, C, $space) to (N, O, $out), batched or
not.

Args:
  in_channels: C, number of channels of the input.
  out_channels: O, number of channels that the convolution produces.
  kernel_size: size of the kernel, in $units$lengths.
  stride: step of the kernel, in $units$each. Default: 1.
  padding: $units added to both sides$each; 'valid' is 0, 'same' keeps the size. Default: 0.
  dilation: distance between the kernel's elements, in $units$each. Default: 1.
  groups: number of groups that channels are split into. Default: 1.
  bias: whether to learn a number to add to each output channel. Default: True.
  padding_mode: what is added: 'zeros', 'reflect', 'replicate' or 'circular'. Default: 'zeros'.
  dtype: dtype of the parameters. Default: float32.
  rngs: `nnx.Rngs` whose `params` stream the initial values are drawn from.

Attributes:
  weight: nnx.Param, (O, C / groups, $kernel), drawn from U(-u, u) with
    u = 1 / sqrt(C / groups * $fan).
  bias: nnx.Param, (O,), of the same distribution; or None.

Raises:
  ValueError, TypeError: as torch.nn.Conv${dims}d, and already here for what PyTorch refuses only
    when the layer is called (a stride of 0, say).
"""
_docs = partial(documented, _DOCS, "torch.nn")


@_docs(1)
class Conv1d(_Conv):
    """Convolution layer over signals: torch.nn.Conv1d as a flax.nnx module.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from conv import Conv1d
      >>> layer = Conv1d(2, 16, 3, rngs=nnx.Rngs(0))
      >>> layer.weight.shape, layer.bias.shape, layer(jnp.ones((1, 2, 64))).shape
      ((16, 2, 3), (16,), (1, 16, 62))
    """

    dims = 1


@_docs(2)
class Conv2d(_Conv):
    """Convolution layer over images: torch.nn.Conv2d as a flax.nnx module.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from conv import Conv2d
      >>> layer = Conv2d(20, 16, (3, 5), 1, (1, 2), rngs=nnx.Rngs(0))
      >>> layer.weight.shape, layer(jnp.ones((1, 20, 64, 128))).shape
      ((16, 20, 3, 5), (1, 16, 64, 128))
    """

    dims = 2


@_docs(3)
class Conv3d(_Conv):
    """Convolution layer over volumes and films: torch.nn.Conv3d as a flax.nnx module.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from conv import Conv3d
      >>> layer = Conv3d(1, 4, 3, padding='same', rngs=nnx.Rngs(0))
      >>> layer(jnp.ones((1, 8, 9, 10))).shape
      (4, 8, 9, 10)
    """

    dims = 3
