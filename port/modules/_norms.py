"""LayerNorm, RMSNorm, GroupNorm and LocalResponseNorm: torch.nn's, as flax.nnx modules."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike, DTypeLike

from .. import functional
from ..functional._arguments import integer, shape_of
from ._base import Layer, parameter_dtype


def _shape(normalized_shape: int | Sequence[int], where: str) -> tuple[int, ...]:
    if isinstance(normalized_shape, Sequence):
        return shape_of("normalized_shape", normalized_shape, where)
    return (integer("normalized_shape", normalized_shape, where),)


class LayerNorm(Layer):
    r"""Normalisation over the last dimensions: torch.nn.LayerNorm as an nnx module.

    .. math:: y = \frac{x - \mu}{\sqrt{v + \epsilon}} \odot w + b

    Args:
      normalized_shape: the sizes of the last dimensions, over which mean and variance are taken: an
        int or a tuple.
      eps: added to the variance. Default: 1e-5.
      elementwise_affine: whether there are w and b. Default: True.
      bias: whether there is b, with elementwise_affine. Default: True.
      dtype: dtype of the parameters. Default: float32.
      rngs: not used; there so that all layers can be made alike.

    Attributes:
      weight, bias: nnx.Param, of normalized_shape, 1 and 0 at first; or None.

    Raises:
      ValueError, TypeError: as torch.nn.LayerNorm.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import LayerNorm
      >>> LayerNorm(2, eps=0.0)(jnp.array([[1.0, 3.0]]))
      Array([[-1.,  1.]], dtype=float32)

    Reference: torch.nn.LayerNorm.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs | None = None,  # noqa: ARG002 - nothing is drawn
    ) -> None:
        self.normalized_shape = _shape(normalized_shape, "LayerNorm")
        self.eps, self.elementwise_affine = eps, elementwise_affine
        chosen = parameter_dtype(dtype, "LayerNorm")
        ones = jnp.ones(self.normalized_shape, chosen)
        self.weight: Any = nnx.Param(ones) if elementwise_affine else nnx.data(None)
        zeros = jnp.zeros_like(ones)
        self.bias: Any = nnx.Param(zeros) if elementwise_affine and bias else nnx.data(None)

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Normalise (..., *normalized_shape)."""
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(Layer):
    r"""Division by the root of the mean square over the last dimensions: torch.nn.RMSNorm.

    .. math:: y = \frac{x}{\sqrt{\tfrac{1}{n} \sum_i x_i^2 + \epsilon}} \odot w

    Args:
      normalized_shape: the sizes of the last dimensions, over which the mean is taken: an int or a
        tuple.
      eps: added to the mean; None for the distance from 1 to the next number. Default: None.
      elementwise_affine: whether there is w. Default: True.
      dtype: dtype of the parameter. Default: float32.
      rngs: not used; there so that all layers can be made alike.

    Attributes:
      weight: nnx.Param, of normalized_shape, 1 at first; or None.

    Raises:
      ValueError, TypeError: as torch.nn.RMSNorm.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import RMSNorm
      >>> RMSNorm(2)(jnp.array([[1.0, 7.0]]))
      Array([[0.2, 1.4]], dtype=float32)

    Reference: torch.nn.RMSNorm.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs | None = None,  # noqa: ARG002 - nothing is drawn
    ) -> None:
        self.normalized_shape = _shape(normalized_shape, "RMSNorm")
        self.eps, self.elementwise_affine = eps, elementwise_affine
        chosen = parameter_dtype(dtype, "RMSNorm")
        ones = jnp.ones(self.normalized_shape, chosen)
        self.weight: Any = nnx.Param(ones) if elementwise_affine else nnx.data(None)

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Normalise (..., *normalized_shape)."""
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)


class GroupNorm(Layer):
    r"""Normalisation over groups of channels of each example: torch.nn.GroupNorm.

    .. math:: y = \frac{x - \mu}{\sqrt{v + \epsilon}}\,w + b

    Args:
      num_groups: how many groups the channels are split into, each with its mean and variance.
      num_channels: C, the number of channels.
      eps: added to the variance. Default: 1e-5.
      affine: whether there are w and b. Default: True.
      bias: whether there is b, with affine. Default: True.
      dtype: dtype of the parameters. Default: float32.
      rngs: not used; there so that all layers can be made alike.

    Attributes:
      weight, bias: nnx.Param, (C,), 1 and 0 at first; or None.

    Raises:
      ValueError: num_channels is no multiple of num_groups; otherwise, and
      TypeError: as torch.nn.GroupNorm.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import GroupNorm
      >>> GroupNorm(2, 6)(jnp.ones((2, 6, 4, 5))).shape
      (2, 6, 4, 5)

    Reference: torch.nn.GroupNorm.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs | None = None,  # noqa: ARG002 - nothing is drawn
    ) -> None:
        self.num_groups = integer("num_groups", num_groups, "GroupNorm")
        self.num_channels = integer("num_channels", num_channels, "GroupNorm")
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(
                "GroupNorm: num_channels must be a multiple of num_groups, "
                f"got {num_channels=} and {num_groups=}"
            )
        self.eps, self.affine = eps, affine
        chosen = parameter_dtype(dtype, "GroupNorm")
        self.weight: Any = nnx.Param(jnp.ones(num_channels, chosen)) if affine else nnx.data(None)
        zeros = jnp.zeros(num_channels, chosen)
        self.bias: Any = nnx.Param(zeros) if affine and bias else nnx.data(None)

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Normalise (N, C, ...)."""
        return functional.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)


class LocalResponseNorm(Layer):
    r"""Division by a power of the sum over neighbouring channels: torch.nn.LocalResponseNorm.

    .. math:: y_c = x_c \left(k + \frac{\alpha}{n} \sum_{j} x_j^2\right)^{-\beta}

    Args:
      size: n, the number of channels in a window.
      alpha, beta, k: numbers. Defaults: 1e-4, 0.75, 1.

    Raises:
      ValueError, TypeError: as torch.nn.LocalResponseNorm.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import LocalResponseNorm
      >>> LocalResponseNorm(2)(jnp.ones((1, 4, 3))).shape
      (1, 4, 3)

    Reference: torch.nn.LocalResponseNorm.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Normalise (N, C, L, ...)."""
        return functional.local_response_norm(input, self.size, self.alpha, self.beta, self.k)
