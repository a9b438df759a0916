"""Dropout: torch.nn's, as flax.nnx modules that draw from nnx.Rngs."""

from typing import Any, ClassVar

import jax
from flax import nnx
from jax.typing import ArrayLike

from .. import functional
from ..functional._arguments import probability
from ._base import Chance, Randomness


class _Dropout(Chance):
    function: ClassVar[Any]

    def __init__(
        self,
        p: float = 0.5,
        inplace: bool = False,
        *,
        rngs: nnx.Rngs | nnx.RngStream | None = None,
    ) -> None:
        self.p, self.inplace = probability(p, type(self).__name__), inplace
        self._set_chance(rngs)

    def __call__(self, input: ArrayLike, *, rngs: Randomness | None = None) -> jax.Array:
        """Drop by chance in training; in evaluation return the input."""
        key = self._key(rngs, needed=self.p > 0)
        return type(self).function(input, self.p, self.training, self.inplace, rng=key)


class Dropout(_Dropout):
    r"""Set elements to zero by chance, and scale the others: torch.nn.Dropout.

    .. math:: y_i = x_i m_i / (1 - p), \qquad P(m_i = 1) = 1 - p, \; P(m_i = 0) = p

    Args:
      p: the probability of an element to be dropped, from 0 to 1. Default: 0.5.
      inplace: without effect, as arrays of JAX do not change. Default: False.
      rngs: `nnx.Rngs` with a stream `dropout` (or a default one); or give `rngs`, or a JAX key,
        with each call.

    Attributes:
      training: whether anything is dropped. `train` and `eval`, of this layer or of any module
        above it, set it; flax's name for its opposite is deterministic.

    Raises:
      ValueError: p outside of [0, 1]; no rngs in training.

    PyTorch draws from a generator that it keeps: its elements are others, with the same statistics.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from port import Dropout
      >>> layer = Dropout(0.2, rngs=nnx.Rngs(0))
      >>> sorted(set(layer(jnp.ones(1000)).tolist()))
      [0.0, 1.25]
      >>> sorted(set(layer.eval()(jnp.ones(1000)).tolist()))
      [1.0]

    Reference: torch.nn.Dropout.
    """

    function = staticmethod(functional.dropout)


class Dropout1d(_Dropout):
    """Drop whole channels of (N, C, L) or (C, L): torch.nn.Dropout1d.

    Args:
      p: the probability of a channel to be dropped, from 0 to 1. Default: 0.5.
      inplace: without effect. Default: False.
      rngs: as of `Dropout`.

    Raises:
      ValueError: as `Dropout`; another number of dimensions.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from port import Dropout1d
      >>> y = Dropout1d(0.2, rngs=nnx.Rngs(0))(jnp.ones((16, 8, 4)))
      >>> bool((y == y[..., :1]).all())
      True

    Reference: torch.nn.Dropout1d.
    """

    function = staticmethod(functional.dropout1d)


class Dropout2d(_Dropout):
    """Drop whole channels of (N, C, H, W): torch.nn.Dropout2d.

    Args:
      p: the probability of a channel to be dropped, from 0 to 1. Default: 0.5.
      inplace: without effect. Default: False.
      rngs: as of `Dropout`.

    Raises:
      ValueError: as `Dropout`.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from port import Dropout2d
      >>> Dropout2d(0.2, rngs=nnx.Rngs(0))(jnp.ones((16, 8, 4, 4))).shape
      (16, 8, 4, 4)

    Reference: torch.nn.Dropout2d.
    """

    function = staticmethod(functional.dropout2d)


class Dropout3d(_Dropout):
    """Drop whole channels of (N, C, D, H, W) or (C, D, H, W): torch.nn.Dropout3d.

    Args:
      p: the probability of a channel to be dropped, from 0 to 1. Default: 0.5.
      inplace: without effect. Default: False.
      rngs: as of `Dropout`.

    Raises:
      ValueError: as `Dropout`.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from port import Dropout3d
      >>> Dropout3d(0.2, rngs=nnx.Rngs(0))(jnp.ones((2, 8, 4, 4, 4))).shape
      (2, 8, 4, 4, 4)

    Reference: torch.nn.Dropout3d.
    """

    function = staticmethod(functional.dropout3d)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean 0 and variance 1, for SELU: torch.nn.AlphaDropout.

    Args:
      p: the probability of an element to be dropped, from 0 to 1. Default: 0.5.
      inplace: without effect. Default: False.
      rngs: as of `Dropout`.

    Raises:
      ValueError: as `Dropout`.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from port import AlphaDropout
      >>> AlphaDropout(0.2, rngs=nnx.Rngs(0))(jnp.ones((2, 3))).shape
      (2, 3)

    Reference: torch.nn.AlphaDropout.
    """

    function = staticmethod(functional.alpha_dropout)


class FeatureAlphaDropout(_Dropout):
    """AlphaDropout of whole channels of (N, C, ...): torch.nn.FeatureAlphaDropout.

    Args:
      p: the probability of a channel to be dropped, from 0 to 1. Default: 0.5.
      inplace: without effect. Default: False.
      rngs: as of `Dropout`.

    Raises:
      ValueError: as `Dropout`.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from port import FeatureAlphaDropout
      >>> FeatureAlphaDropout(0.2, rngs=nnx.Rngs(0))(jnp.ones((2, 3, 4))).shape
      (2, 3, 4)

    Reference: torch.nn.FeatureAlphaDropout.
    """

    function = staticmethod(functional.feature_alpha_dropout)
