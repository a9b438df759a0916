"""TransformerEncoderLayer: torch.nn's, as a flax.nnx module."""

from collections.abc import Callable
from typing import Any

import jax
from flax import nnx
from jax.typing import ArrayLike, DTypeLike

from .. import functional
from ..functional._arguments import array
from ._attention import MultiheadAttention
from ._base import Randomness, Switched
from ._dropout import Dropout
from ._linear import Linear
from ._norms import LayerNorm

_ACTIVATIONS = {"relu": functional.relu, "gelu": functional.gelu}


class TransformerEncoderLayer(Switched):
    r"""Self-attention and two linear layers, each with a norm: torch.nn.TransformerEncoderLayer.

    .. math:: y = \mathrm{norm}_1(x + \mathrm{attention}(x)), \qquad
        z = \mathrm{norm}_2(y + \mathrm{linear}_2(f(\mathrm{linear}_1(y))))

    Args:
      d_model: E, the size of the vectors.
      nhead: the number of heads, which divides E.
      dim_feedforward: the size between the two linear layers. Default: 2048.
      dropout: the probability of dropping, in four places. Default: 0.1.
      activation: f: 'relu', 'gelu', or a function. Default: relu.
      layer_norm_eps: added to the norms' variances. Default: 1e-5.
      batch_first: whether the batch is the first dimension, not the second. Default: False.
      norm_first: whether the norms come before attention and linear layers. Default: False.
      bias: whether there are biases. Default: True.
      dtype: dtype of the parameters. Default: float32.
      rngs: `nnx.Rngs` with the streams `params` and `dropout`, or a default one.

    Attributes:
      self_attn: `MultiheadAttention`.
      linear1, linear2: `Linear`.
      norm1, norm2: `LayerNorm`.
      dropout, dropout1, dropout2: `Dropout`.

    Raises:
      ValueError: an unknown activation; otherwise, and
      TypeError: as torch.nn.TransformerEncoderLayer.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from port import TransformerEncoderLayer
      >>> layer = TransformerEncoderLayer(8, 2, 16, rngs=nnx.Rngs(0))
      >>> layer(jnp.ones((10, 3, 8))).shape
      (10, 3, 8)

    Reference: torch.nn.TransformerEncoderLayer.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[jax.Array], jax.Array] = functional.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs,
    ) -> None:
        if isinstance(activation, str) and activation not in _ACTIVATIONS:
            raise ValueError(
                "TransformerEncoderLayer: activation must be 'relu', 'gelu' or a function, "
                f"got {activation=}"
            )
        made: Any = {"dtype": dtype, "rngs": rngs}
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, **made
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, **made)
        self.dropout = Dropout(dropout, rngs=rngs)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **made)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout1 = Dropout(dropout, rngs=rngs)
        self.dropout2 = Dropout(dropout, rngs=rngs)
        chosen = _ACTIVATIONS[activation] if isinstance(activation, str) else activation
        self.activation: Any = chosen

    def __call__(
        self,
        src: ArrayLike,
        src_mask: ArrayLike | None = None,
        src_key_padding_mask: ArrayLike | None = None,
        is_causal: bool = False,
        *,
        rngs: Randomness | None = None,
    ) -> jax.Array:
        """Map (S, N, E), with batch_first (N, S, E), or (S, E) to the same shape.

        Args:
          src: the vectors.
          src_mask, src_key_padding_mask, is_causal: the masks, as of `MultiheadAttention`.
          rngs: where what is dropped is drawn from; the layers' own by default.
        """
        x = array("src", src, "TransformerEncoderLayer")

        def attention(x: jax.Array) -> jax.Array:
            y, _ = self.self_attn(
                x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal, rngs=rngs
            )
            return self.dropout1(y, rngs=rngs)

        def feed_forward(x: jax.Array) -> jax.Array:
            y = self.dropout(self.activation(self.linear1(x)), rngs=rngs)
            return self.dropout2(self.linear2(y), rngs=rngs)

        if self.norm_first:
            x = x + attention(self.norm1(x))
            return x + feed_forward(self.norm2(x))
        x = self.norm1(x + attention(x))
        return self.norm2(x + feed_forward(x))
