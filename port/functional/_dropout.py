"""Dropout as torch.nn.functional has it, with the random numbers drawn from a JAX key."""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ._arguments import array, boolean, floating, probability, random_key

# The value that SELU tends to for large negative inputs, with the sign turned.
SATURATION = 1.7580993408473766


def _drop(
    where: str,
    input: ArrayLike,
    p: float,
    training: bool,
    rng: jax.Array | None,
    *,
    channels: bool = False,
    batched: bool = True,
    saturate: bool = False,
) -> jax.Array:
    """Drop elements, or with `channels` all of a channel, by zero or by SELU's lower limit."""
    x = array("input", input, where)
    p = probability(p, where)
    if not boolean("training", training, where) or p == 0 or x.size == 0:
        return x
    shape = x.shape
    if channels:
        kept = 2 if batched else 1
        if x.ndim < kept:
            raise ValueError(
                f"{where}: input must have a dimension of channels, got input.shape={x.shape}"
            )
        shape = x.shape[:kept] + (1,) * (x.ndim - kept)
    chosen = random_key(rng, where)
    if p == 1:
        return x * jnp.zeros(shape, x.dtype)  # as in PyTorch: what is not finite becomes nan
    x = floating("input", x, where)
    mask = jax.random.bernoulli(chosen, 1 - p, shape)
    if not saturate:
        return x * jnp.where(mask, 1 / (1 - p), 0.0).astype(x.dtype)
    # An affine map of kept and dropped values alike, which restores mean 0 and variance 1.
    scale = 1 / math.sqrt((SATURATION**2 * p + 1) * (1 - p))
    low, shift = -SATURATION * scale * (1 - p), SATURATION * scale * p
    slope = jnp.where(mask, scale, 0.0).astype(x.dtype)
    return x * slope + jnp.where(mask, shift, low).astype(x.dtype)


def dropout(
    input: ArrayLike,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,  # noqa: ARG001 - PyTorch's
    *,
    rng: jax.Array | None = None,
) -> jax.Array:
    r"""Set elements to zero by chance, and scale the others: torch.nn.functional.dropout.

    .. math:: y_i = x_i m_i / (1 - p), \qquad P(m_i = 1) = 1 - p, \; P(m_i = 0) = p

    Args:
      input: array of any shape, of a floating dtype where elements are dropped.
      p: the probability of an element to be dropped, from 0 to 1.
      training: whether to drop anything; otherwise input is returned.
      inplace: without effect, as arrays of JAX do not change.
      rng: the JAX key that the elements are drawn from. The same key drops the same elements.

    Returns:
      An array of input's shape and dtype.

    Raises:
      ValueError: p outside of [0, 1]; no rng although training=True and p > 0.
      TypeError: a dtype that PyTorch refuses; training is no bool.

    PyTorch draws from a generator that it keeps: its elements are others, with the same statistics.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from port.functional import dropout
      >>> x = dropout(jnp.ones(1000), 0.2, rng=jax.random.key(0))
      >>> sorted(set(x.tolist()))
      [0.0, 1.25]

    Reference: torch.nn.functional.dropout.
    """
    return _drop("dropout", input, p, training, rng)


def dropout1d(
    input: ArrayLike,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,  # noqa: ARG001 - PyTorch's
    *,
    rng: jax.Array | None = None,
) -> jax.Array:
    """Set whole channels of signals to zero by chance: torch.nn.functional.dropout1d.

    Args:
      input: (N, C, L) or (C, L).
      p: the probability of a channel to be dropped, from 0 to 1.
      training, inplace, rng: as of `dropout`.

    Returns:
      An array of input's shape and dtype; kept channels are scaled by 1 / (1 - p).

    Raises:
      ValueError: as `dropout`; another number of dimensions.
      TypeError: as `dropout`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from port.functional import dropout1d
      >>> dropout1d(jnp.ones((4, 2)), rng=jax.random.key(0)).std(1)
      Array([0., 0., 0., 0.], dtype=float32)

    Reference: torch.nn.functional.dropout1d.
    """
    x = array("input", input, "dropout1d")
    if x.ndim not in (2, 3):
        raise ValueError(f"dropout1d: input must be (N, C, L) or (C, L), got input.shape={x.shape}")
    return _drop("dropout1d", x, p, training, rng, channels=True, batched=x.ndim == 3)


def dropout2d(
    input: ArrayLike,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,  # noqa: ARG001 - PyTorch's
    *,
    rng: jax.Array | None = None,
) -> jax.Array:
    """Set whole channels of images to zero by chance: torch.nn.functional.dropout2d.

    Args:
      input: (N, C, H, W). As in PyTorch (N, C, L) is taken too, and is not (C, H, W); and other
        inputs of at least two dimensions, of which the first two are N and C.
      p: the probability of a channel to be dropped, from 0 to 1.
      training, inplace, rng: as of `dropout`.

    Returns:
      An array of input's shape and dtype; kept channels are scaled by 1 / (1 - p).

    Raises:
      ValueError: as `dropout`; fewer than two dimensions.
      TypeError: as `dropout`.

    PyTorch warns of inputs that are not (N, C, H, W); this does not.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from port.functional import dropout2d
      >>> dropout2d(jnp.ones((1, 4, 3, 3)), rng=jax.random.key(0)).std((2, 3))
      Array([[0., 0., 0., 0.]], dtype=float32)

    Reference: torch.nn.functional.dropout2d.
    """
    return _drop("dropout2d", input, p, training, rng, channels=True)


def dropout3d(
    input: ArrayLike,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,  # noqa: ARG001 - PyTorch's
    *,
    rng: jax.Array | None = None,
) -> jax.Array:
    """Set whole channels of volumes to zero by chance: torch.nn.functional.dropout3d.

    Args:
      input: (N, C, D, H, W); with any other number of dimensions its first one is C, as in PyTorch.
      p: the probability of a channel to be dropped, from 0 to 1.
      training, inplace, rng: as of `dropout`.

    Returns:
      An array of input's shape and dtype; kept channels are scaled by 1 / (1 - p).

    Raises:
      ValueError: as `dropout`; no dimension.
      TypeError: as `dropout`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from port.functional import dropout3d
      >>> dropout3d(jnp.ones((1, 4, 3, 3, 3)), rng=jax.random.key(0)).std((2, 3, 4))
      Array([[0., 0., 0., 0.]], dtype=float32)

    Reference: torch.nn.functional.dropout3d.
    """
    x = array("input", input, "dropout3d")
    return _drop("dropout3d", x, p, training, rng, channels=True, batched=x.ndim == 5)


def alpha_dropout(
    input: ArrayLike,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,  # noqa: ARG001 - PyTorch's
    *,
    rng: jax.Array | None = None,
) -> jax.Array:
    r"""Set elements to SELU's lower limit by chance: torch.nn.functional.alpha_dropout.

    .. math:: y_i = a\,(x_i m_i - \alpha (1 - m_i)) + a \alpha p, \qquad
        a = ((1 - p)(1 + p \alpha^2))^{-1/2}, \quad \alpha = 1.7581

    Mean 0 and variance 1 of the input are those of the result.

    Args:
      input: array of any shape, of a floating dtype where elements are dropped.
      p: the probability of an element to be dropped, from 0 to 1; with 1 all become 0.
      training: whether to drop anything; otherwise (the default) input is returned.
      inplace, rng: as of `dropout`.

    Returns:
      An array of input's shape and dtype.

    Raises:
      ValueError, TypeError: as `dropout`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from port.functional import alpha_dropout
      >>> x = alpha_dropout(jnp.zeros(1000), 0.5, True, rng=jax.random.key(0))
      >>> [round(v, 3) for v in sorted(set(x.tolist()))]
      [-0.779, 0.779]

    Reference: torch.nn.functional.alpha_dropout.
    """
    return _drop("alpha_dropout", input, p, training, rng, saturate=True)


def feature_alpha_dropout(
    input: ArrayLike,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,  # noqa: ARG001 - PyTorch's
    *,
    rng: jax.Array | None = None,
) -> jax.Array:
    """Set whole channels to SELU's lower limit by chance: feature_alpha_dropout of torch.

    Args:
      input: (N, C, ...), of a floating dtype where elements are dropped.
      p: the probability of a channel to be dropped, from 0 to 1; with 1 all become 0.
      training: whether to drop anything; otherwise (the default) input is returned.
      inplace, rng: as of `dropout`.

    Returns:
      An array of input's shape and dtype, scaled and shifted as by `alpha_dropout`.

    Raises:
      ValueError: as `dropout`; fewer than two dimensions.
      TypeError: as `dropout`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from port.functional import feature_alpha_dropout
      >>> x = jnp.zeros((1, 4, 3))
      >>> y = feature_alpha_dropout(x, 0.5, True, rng=jax.random.key(0))
      >>> y.max(2) - y.min(2)
      Array([[0., 0., 0., 0.]], dtype=float32)

    Reference: torch.nn.functional.feature_alpha_dropout.
    """
    return _drop("feature_alpha_dropout", input, p, training, rng, channels=True, saturate=True)
