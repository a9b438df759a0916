"""Activations of straight pieces: torch.nn's."""

import warnings

import jax
from jax.typing import ArrayLike

from .. import functional
from ._base import Layer


class Hardsigmoid(Layer):
    """min(max(x + 3, 0), 6) / 6: torch.nn.Hardsigmoid.

    Args:
      inplace: without effect, as arrays of JAX do not change. Default: False.

    Raises:
      ValueError, TypeError: as `functional.hardsigmoid`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Hardsigmoid
      >>> Hardsigmoid()(jnp.array([-3.0, 0.0, 3.0]))
      Array([0. , 0.5, 1. ], dtype=float32)

    Reference: torch.nn.Hardsigmoid.
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.hardsigmoid(input, self.inplace)


class Hardswish(Layer):
    """x min(max(x + 3, 0), 6) / 6: torch.nn.Hardswish.

    Args:
      inplace: without effect, as arrays of JAX do not change. Default: False.

    Raises:
      ValueError, TypeError: as `functional.hardswish`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Hardswish
      >>> Hardswish()(jnp.array([-3.0, 0.0, 3.0]))
      Array([-0.,  0.,  3.], dtype=float32)

    Reference: torch.nn.Hardswish.
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.hardswish(input, self.inplace)


class Hardshrink(Layer):
    """x outside of [-b, b], 0 inside: torch.nn.Hardshrink.

    Args:
      lambd: b. Default: 0.5.

    Raises:
      ValueError, TypeError: as `functional.hardshrink`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Hardshrink
      >>> Hardshrink()(jnp.array([-1.0, 0.5, 2.0]))
      Array([-1.,  0.,  2.], dtype=float32)

    Reference: torch.nn.Hardshrink.
    """

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = lambd

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.hardshrink(input, self.lambd)


class Softshrink(Layer):
    """x moved by b towards 0, 0 inside of [-b, b]: torch.nn.Softshrink.

    Args:
      lambd: b. Default: 0.5.

    Raises:
      ValueError, TypeError: as `functional.softshrink`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Softshrink
      >>> Softshrink()(jnp.array([-1.0, 0.5, 2.0]))
      Array([-0.5,  0. ,  1.5], dtype=float32)

    Reference: torch.nn.Softshrink.
    """

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = lambd

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.softshrink(input, self.lambd)


class Hardtanh(Layer):
    """min(max(x, a), b): torch.nn.Hardtanh.

    Args:
      min_val: a. Default: -1.
      max_val: b. Default: 1.
      inplace: without effect, as arrays of JAX do not change. Default: False.
      min_value, max_value: older names of a and b, with a warning. Default: None.

    Raises:
      ValueError: b is not above a; otherwise, and
      TypeError: as `functional.hardtanh`, when it is called.

    Example:
      >>> import jax.numpy as jnp
      >>> from port import Hardtanh
      >>> Hardtanh(-2, 2)(jnp.array([-3.0, 1.0, 5.0]))
      Array([-2.,  1.,  2.], dtype=float32)

    Reference: torch.nn.Hardtanh.
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        for old, value in (("min_value", min_value), ("max_value", max_value)):
            if value is not None:
                warnings.warn(
                    f"Hardtanh: {old} is an old name of {old[:-2]}", FutureWarning, stacklevel=2
                )
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        self.inplace = inplace
        if self.max_val <= self.min_val:
            raise ValueError(
                "Hardtanh: max_val must be above min_val, "
                f"got max_val={self.max_val} and min_val={self.min_val}"
            )

    def __call__(self, input: ArrayLike) -> jax.Array:
        """Apply it to each element of input."""
        return functional.hardtanh(input, self.min_val, self.max_val, self.inplace)
