"""Identity, Linear, Bilinear and Embedding: torch.nn's, as flax.nnx modules."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike, DTypeLike

from .. import functional
from ..functional._arguments import array, integer
from ._base import Layer, drawn, parameter_dtype


class Identity(Layer):
    """Return the input: torch.nn.Identity. Any arguments are taken, and not used.

    Example:
      >>> from port import Identity
      >>> Identity(54, unused=True)(7)
      7

    Reference: torch.nn.Identity.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, input: Any) -> Any:
        """Return the input."""
        return input


class Linear(Layer):
    r"""Affine map of the last dimension: torch.nn.Linear as an nnx module.

    .. math:: y = x W^T + b

    Args:
      in_features: I, the size of the last dimension of the input.
      out_features: O, that of the output.
      bias: whether there is b. Default: True.
      dtype: dtype of the parameters. Default: float32.
      rngs: `nnx.Rngs` whose `params` stream the initial values are drawn from.

    Attributes:
      weight: nnx.Param, (O, I), drawn from U(-u, u) with u = 1 / sqrt(I).
      bias: nnx.Param, (O,), of the same distribution; or None.

    Raises:
      ValueError, TypeError: as torch.nn.Linear.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from port import Linear
      >>> layer = Linear(20, 30, rngs=nnx.Rngs(0))
      >>> layer.weight.shape, layer(jnp.ones((128, 20))).shape
      ((30, 20), (128, 30))

    Reference: torch.nn.Linear.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs,
    ) -> None:
        self.in_features = integer("in_features", in_features, "Linear")
        self.out_features = integer("out_features", out_features, "Linear")
        chosen = parameter_dtype(dtype, "Linear", complex=True)
        bound = in_features**-0.5 if in_features else 0.0
        self.weight: Any = drawn((out_features, in_features), bound, chosen, rngs)
        self.bias: Any = drawn((out_features,), bound, chosen, rngs) if bias else nnx.data(None)

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Map (..., I) to (..., O)."""
        return functional.linear(input, self.weight, self.bias)


class Bilinear(Layer):
    r"""Bilinear map of two inputs: torch.nn.Bilinear as an nnx module.

    .. math:: y_o = x_1^T W_o\, x_2 + b_o

    Args:
      in1_features: I, the size of the last dimension of the first input.
      in2_features: J, that of the second.
      out_features: O, that of the output.
      bias: whether there is b. Default: True.
      dtype: dtype of the parameters. Default: float32.
      rngs: `nnx.Rngs` whose `params` stream the initial values are drawn from.

    Attributes:
      weight: nnx.Param, (O, I, J), drawn from U(-u, u) with u = 1 / sqrt(I).
      bias: nnx.Param, (O,), of the same distribution; or None.

    Raises:
      ValueError: in1_features is not positive; otherwise, and
      TypeError: as torch.nn.Bilinear.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from port import Bilinear
      >>> Bilinear(2, 3, 4, rngs=nnx.Rngs(0))(jnp.ones((5, 2)), jnp.ones((5, 3))).shape
      (5, 4)

    Reference: torch.nn.Bilinear.
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs,
    ) -> None:
        self.in1_features = integer("in1_features", in1_features, "Bilinear")
        self.in2_features = integer("in2_features", in2_features, "Bilinear")
        self.out_features = integer("out_features", out_features, "Bilinear")
        if in1_features <= 0:
            raise ValueError(f"Bilinear: in1_features must be positive, got {in1_features=}")
        chosen = parameter_dtype(dtype, "Bilinear", complex=True)
        shape, bound = (out_features, in1_features, in2_features), in1_features**-0.5
        self.weight: Any = drawn(shape, bound, chosen, rngs)
        self.bias: Any = drawn((out_features,), bound, chosen, rngs) if bias else nnx.data(None)

    def __call__(self, input1: ArrayLike, input2: ArrayLike) -> jax.Array:
        """Map (..., I) and (..., J) to (..., O)."""
        return functional.bilinear(input1, input2, self.weight, self.bias)


class Embedding(Layer):
    r"""Table of vectors that integers are looked up in: torch.nn.Embedding as an nnx module.

    Args:
      num_embeddings: V, the number of vectors.
      embedding_dim: E, their size.
      padding_idx: a row that is 0 at first and gets no gradient; from the end where negative.
        Default: None.
      max_norm: rows that are looked up are scaled down to this norm, in the table too. Default:
        None.
      norm_type: which norm. Default: 2.
      scale_grad_by_freq: whether a row's gradient is divided by how often it is looked up. Default:
        False.
      sparse: without effect: gradients are dense. Default: False.
      dtype: dtype of the parameter. Default: float32.
      rngs: `nnx.Rngs` whose `params` stream the initial values are drawn from.

    Attributes:
      weight: nnx.Param, (V, E), standard normal at first.

    Raises:
      ValueError: padding_idx outside of the table; otherwise, and
      TypeError: as torch.nn.Embedding.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from port import Embedding
      >>> Embedding(10, 3, rngs=nnx.Rngs(0))(jnp.array([[1, 2, 4, 5], [4, 3, 2, 9]])).shape
      (2, 4, 3)

    Reference: torch.nn.Embedding.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        *,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs,
    ) -> None:
        self.num_embeddings = integer("num_embeddings", num_embeddings, "Embedding")
        self.embedding_dim = integer("embedding_dim", embedding_dim, "Embedding")
        self.padding_idx = _row(padding_idx, num_embeddings)
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        chosen = parameter_dtype(dtype, "Embedding", complex=True)
        table = jax.random.normal(rngs.params(), (num_embeddings, embedding_dim), chosen)
        if self.padding_idx is not None:
            table = table.at[self.padding_idx].set(0)
        self.weight: Any = nnx.Param(table)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: ArrayLike,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> "Embedding":
        """Return an Embedding with the rows of `embeddings`, (V, E).

        With freeze, the default, its weight is a variable that is no nnx.Param: no optimiser and no
        gradient of parameters sees it.
        """
        table = array("embeddings", embeddings, "Embedding.from_pretrained")
        if table.ndim != 2:
            raise ValueError(
                "Embedding.from_pretrained: embeddings must have two dimensions, "
                f"got embeddings.shape={table.shape}"
            )
        rows, size = table.shape
        layer = cls(
            rows,
            size,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            dtype=table.dtype,
            rngs=nnx.Rngs(0),
        )
        copied = jnp.array(table, copy=True)
        layer.weight = nnx.Variable(copied) if freeze else nnx.Param(copied)
        return layer

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Map integers (...) to vectors (..., E)."""
        if self.max_norm is not None:
            weight = functional.embedding_renorm(input, self.weight, self.max_norm, self.norm_type)
            y = self._look_up(input)
            self.weight.set_value(weight)
            return y
        return self._look_up(input)

    def _look_up(self, input: ArrayLike) -> jax.Array:
        return functional.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )


def _row(padding_idx: int | None, rows: int) -> int | None:
    """Return padding_idx counted from the start."""
    if padding_idx is None:
        return None
    row = integer("padding_idx", padding_idx, "Embedding")
    if not -rows <= row < rows:
        raise ValueError(
            f"Embedding: padding_idx must be from {-rows} to {rows - 1}, the rows of the table, "
            f"got {padding_idx=}"
        )
    return row % rows
