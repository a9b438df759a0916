"""Activations with a kink at 0, and their smooth relatives: torch.nn's."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike, DTypeLike

from .. import functional
from ..functional._arguments import integer
from ._base import Chance, Layer, Randomness, parameter_dtype


class ReLU(Layer):
    """max(x, 0): torch.nn.ReLU.

    Args:
      inplace: without effect, as arrays of JAX do not change. Default: False.

    Raises:
      ValueError, TypeError: as `functional.relu`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import ReLU
      >>> ReLU()(jnp.array([-1.0, 2.0]))
      Array([0., 2.], dtype=float32)

    Reference: torch.nn.ReLU.
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.relu(input, self.inplace)


class ReLU6(Layer):
    """min(max(x, 0), 6): torch.nn.ReLU6.

    Args:
      inplace: without effect, as arrays of JAX do not change. Default: False.

    Raises:
      ValueError, TypeError: as `functional.relu6`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import ReLU6
      >>> ReLU6()(jnp.array([-1.0, 2.0, 7.0]))
      Array([0., 2., 6.], dtype=float32)

    Reference: torch.nn.ReLU6.
    """

    def __init__(self, inplace: bool = False) -> None:
        self.min_val, self.max_val, self.inplace = 0.0, 6.0, inplace

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.relu6(input, self.inplace)


class LeakyReLU(Layer):
    """x for x > 0, s x else: torch.nn.LeakyReLU.

    Args:
      negative_slope: s. Default: 0.01.
      inplace: without effect, as arrays of JAX do not change. Default: False.

    Raises:
      ValueError, TypeError: as `functional.leaky_relu`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import LeakyReLU
      >>> LeakyReLU(0.5)(jnp.array([-1.0, 2.0]))
      Array([-0.5,  2. ], dtype=float32)

    Reference: torch.nn.LeakyReLU.
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope, self.inplace = negative_slope, inplace

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.leaky_relu(input, self.negative_slope, self.inplace)


class Threshold(Layer):
    """x for x > t, v else: torch.nn.Threshold.

    Args:
      threshold: t.
      value: v.
      inplace: without effect, as arrays of JAX do not change. Default: False.

    Raises:
      ValueError, TypeError: as `functional.threshold`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Threshold
      >>> Threshold(0.5, 9.0)(jnp.array([0.5, 2.0]))
      Array([9., 2.], dtype=float32)

    Reference: torch.nn.Threshold.
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.threshold(input, self.threshold, self.value, self.inplace)


class ELU(Layer):
    """x for x > 0, a (exp(x) - 1) else: torch.nn.ELU.

    Args:
      alpha: a. Default: 1.
      inplace: without effect, as arrays of JAX do not change. Default: False.

    Raises:
      ValueError, TypeError: as `functional.elu`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import ELU
      >>> ELU()(jnp.array([0.0, 2.0]))
      Array([0., 2.], dtype=float32)

    Reference: torch.nn.ELU.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha, self.inplace = alpha, inplace

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.elu(input, self.alpha, self.inplace)


class CELU(Layer):
    """x for x > 0, a (exp(x / a) - 1) else: torch.nn.CELU.

    Args:
      alpha: a. Default: 1.
      inplace: without effect, as arrays of JAX do not change. Default: False.

    Raises:
      ValueError, TypeError: as `functional.celu`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import CELU
      >>> CELU(2.0)(jnp.array([0.0, 2.0]))
      Array([0., 2.], dtype=float32)

    Reference: torch.nn.CELU.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha, self.inplace = alpha, inplace

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.celu(input, self.alpha, self.inplace)


class SELU(Layer):
    """ELU that is scaled to keep mean 0 and variance 1: torch.nn.SELU.

    Args:
      inplace: without effect, as arrays of JAX do not change. Default: False.

    Raises:
      ValueError, TypeError: as `functional.selu`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import SELU
      >>> SELU()(jnp.array([0.0]))
      Array([0.], dtype=float32)

    Reference: torch.nn.SELU.
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.selu(input, self.inplace)


class PReLU(Layer):
    """x for x > 0, w x else, with w to be learned: torch.nn.PReLU.

    Args:
      num_parameters: how many w there are: 1, or one a channel. Default: 1.
      init: what w is at first. Default: 0.25.
      dtype: dtype of the parameter. Default: float32.
      rngs: not used; there so that all layers can be made alike.

    Attributes:
      weight: nnx.Param, (num_parameters,).

    Raises:
      ValueError, TypeError: as `functional.prelu`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import PReLU
      >>> PReLU()(jnp.array([-1.0, 2.0]))
      Array([-0.25,  2.  ], dtype=float32)

    Reference: torch.nn.PReLU.
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        *,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs | None = None,  # noqa: ARG002 - nothing is drawn
    ) -> None:
        self.num_parameters = integer("num_parameters", num_parameters, "PReLU")
        self.init = init
        chosen = parameter_dtype(dtype, "PReLU")
        self.weight: Any = nnx.Param(jnp.full(num_parameters, init, chosen))

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.prelu(input, self.weight)


class RReLU(Chance):
    """x for x > 0, r x else, with r by chance in training: torch.nn.RReLU.

    Args:
      lower, upper: the bounds of r, drawn for each element; in evaluation r is their mean.
        Defaults: 1/8 and 1/3.
      inplace: without effect. Default: False.
      rngs: as of `Dropout`.

    Raises:
      ValueError: no rngs in training; otherwise, and
      TypeError: as `functional.rrelu`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import RReLU
      >>> RReLU(0.25, 0.75).eval()(jnp.array([-1.0, 2.0]))
      Array([-0.5,  2. ], dtype=float32)

    Reference: torch.nn.RReLU.
    """

    def __init__(
        self,
        lower: float = 1.0 / 8,
        upper: float = 1.0 / 3,
        inplace: bool = False,
        *,
        rngs: nnx.Rngs | nnx.RngStream | None = None,
    ) -> None:
        self.lower, self.upper, self.inplace = lower, upper, inplace
        self._set_chance(rngs)

    def __call__(self, input: ArrayLike, *, rngs: Randomness | None = None) -> jax.Array:
        """Apply it to each element of input."""
        key = self._key(rngs)
        return functional.rrelu(input, self.lower, self.upper, self.training, self.inplace, rng=key)
