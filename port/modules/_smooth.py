"""Smooth activations: torch.nn's."""

import jax
from jax.typing import ArrayLike

from .. import functional
from ._base import Layer


class GELU(Layer):
    """x times the normal distribution's function at x: torch.nn.GELU.

    Args:
      approximate: 'none', or 'tanh' for a nearby function. Default: 'none'.

    Raises:
      ValueError, TypeError: as `functional.gelu`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import GELU
      >>> GELU()(jnp.array([0.0]))
      Array([0.], dtype=float32)

    Reference: torch.nn.GELU.
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.gelu(input, self.approximate)


class SiLU(Layer):
    """x / (1 + exp(-x)): torch.nn.SiLU.

    Args:
      inplace: without effect, as arrays of JAX do not change. Default: False.

    Raises:
      ValueError, TypeError: as `functional.silu`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import SiLU
      >>> SiLU()(jnp.array([0.0]))
      Array([0.], dtype=float32)

    Reference: torch.nn.SiLU.
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.silu(input, self.inplace)


class Mish(Layer):
    """x tanh(log(1 + exp(x))): torch.nn.Mish.

    Args:
      inplace: without effect, as arrays of JAX do not change. Default: False.

    Raises:
      ValueError, TypeError: as `functional.mish`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Mish
      >>> Mish()(jnp.array([0.0]))
      Array([0.], dtype=float32)

    Reference: torch.nn.Mish.
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.mish(input, self.inplace)


class Sigmoid(Layer):
    """1 / (1 + exp(-x)): torch.nn.Sigmoid.

    Raises:
      ValueError, TypeError: as `functional.sigmoid`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Sigmoid
      >>> Sigmoid()(jnp.array([0.0]))
      Array([0.5], dtype=float32)

    Reference: torch.nn.Sigmoid.
    """

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.sigmoid(input)


class LogSigmoid(Layer):
    """-log(1 + exp(-x)): torch.nn.LogSigmoid.

    Raises:
      ValueError, TypeError: as `functional.logsigmoid`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import LogSigmoid
      >>> LogSigmoid()(jnp.array([100.0]))
      Array([-0.], dtype=float32)

    Reference: torch.nn.LogSigmoid.
    """

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.logsigmoid(input)


class Tanh(Layer):
    """tanh(x): torch.nn.Tanh.

    Raises:
      ValueError, TypeError: as `functional.tanh`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Tanh
      >>> Tanh()(jnp.array([0.0]))
      Array([0.], dtype=float32)

    Reference: torch.nn.Tanh.
    """

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.tanh(input)


class Tanhshrink(Layer):
    """x - tanh(x): torch.nn.Tanhshrink.

    Raises:
      ValueError, TypeError: as `functional.tanhshrink`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Tanhshrink
      >>> Tanhshrink()(jnp.array([0.0]))
      Array([0.], dtype=float32)

    Reference: torch.nn.Tanhshrink.
    """

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.tanhshrink(input)


class Softsign(Layer):
    """x / (1 + |x|): torch.nn.Softsign.

    Raises:
      ValueError, TypeError: as `functional.softsign`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Softsign
      >>> Softsign()(jnp.array([-1.0, 3.0]))
      Array([-0.5 ,  0.75], dtype=float32)

    Reference: torch.nn.Softsign.
    """

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.softsign(input)


class Softplus(Layer):
    """log(1 + exp(b x)) / b, and x for b x > t: torch.nn.Softplus.

    Args:
      beta: b. Default: 1.
      threshold: t. Default: 20.

    Raises:
      ValueError, TypeError: as `functional.softplus`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Softplus
      >>> Softplus()(jnp.array([50.0]))
      Array([50.], dtype=float32)

    Reference: torch.nn.Softplus.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta, self.threshold = beta, threshold

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.softplus(input, self.beta, self.threshold)
