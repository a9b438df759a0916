"""Batch and instance normalisation, as torch.nn.functional has them."""

import math
from typing import Any

from jax.typing import ArrayLike

from ._arguments import boolean
from ._channel_norm import Updated, channel_norm, check_eps, normalized


def batch_norm_update(
    input: ArrayLike,
    running_mean: ArrayLike | None,
    running_var: ArrayLike | None,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    training: bool = False,
    momentum: ArrayLike = 0.1,
    eps: float = 1e-5,
) -> Updated:
    r"""Normalise each channel, and return the running statistics too, whatever the arguments.

    Args:
      input, running_mean, running_var, weight, bias, training, momentum, eps: as of `batch_norm`.

    Returns:
      The output, running_mean and running_var: updated with training=True, otherwise as they were
      given; None where they were.

    Raises:
      ValueError, TypeError: as `batch_norm`.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import batch_norm_update
      >>> x = jnp.array([[1.0], [3.0]])
      >>> batch_norm_update(x, jnp.zeros(1), jnp.ones(1), training=True)[1:]
      (Array([0.2], dtype=float32), Array([1.1], dtype=float32))

    Reference: torch.nn.functional.batch_norm.
    """
    where = "batch_norm"
    train = boolean("training", training, where)
    given = channel_norm(
        where, input, running_mean, running_var, weight, bias, momentum, eps, train
    )
    x = given.input
    over = (0, *range(2, x.ndim))
    if train and math.prod(x.shape[i] for i in over) == 1:
        raise ValueError(
            f"{where}: input must have more than 1 value per channel when training, "
            f"got input.shape={x.shape}"
        )
    check_eps(where, eps, positive=train)
    return normalized(given, train, over)


def batch_norm(
    input: ArrayLike,
    running_mean: ArrayLike | None,
    running_var: ArrayLike | None,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    training: bool = False,
    momentum: ArrayLike = 0.1,
    eps: float = 1e-5,
) -> Any:
    r"""Normalise each channel: torch.nn.functional.batch_norm.

    .. math:: y = \frac{x - \mu}{\sqrt{v + \epsilon}}\,w + b

    With training=True mu and v are the mean and the variance (divided by n) of the input over all
    dimensions but the second, otherwise running_mean and running_var. Training updates those:

    .. math:: \mu_r \leftarrow (1 - m) \mu_r + m \mu, \qquad
        v_r \leftarrow (1 - m) v_r + m \tfrac{n}{n - 1} v

    Args:
      input: (N, C, ...), floating.
      running_mean, running_var: (C,), or both None; needed unless training.
      weight, bias: w and b, (C,); or None.
      training: whether to normalise with the input's own statistics.
      momentum: m, a number.
      eps: added to the variance.

    All vectors have input's dtype; or all float32 where input's has two bytes. Computation is in
    float32 then, with one rounding at the end.

    Returns:
      With training=True and running statistics: the output, and the updated running_mean and
      running_var, as PyTorch changes them in place. In all other cases the output alone. The output
      has input's shape and dtype. `batch_norm_update` returns three things always.

    Raises:
      ValueError: one value per channel in training; shapes that do not fit; one running statistic
        without the other, or none although not in training; a negative eps, or 0 in training.
      TypeError: a dtype that is not floating, or mixed ones; training is no bool.

    No gradient flows through running statistics, as in PyTorch.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import batch_norm
      >>> x = jnp.array([[1.0], [3.0]])
      >>> y, mean, var = batch_norm(x, jnp.zeros(1), jnp.ones(1), training=True)
      >>> mean, var
      (Array([0.2], dtype=float32), Array([1.1], dtype=float32))
      >>> batch_norm(x, jnp.ones(1), jnp.ones(1), eps=0.0)
      Array([[0.], [2.]], dtype=float32)

    Reference: torch.nn.functional.batch_norm.
    """
    result = batch_norm_update(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )
    return result if training and running_mean is not None else result[0]


def instance_norm_update(
    input: ArrayLike,
    running_mean: ArrayLike | None = None,
    running_var: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    use_input_stats: bool = True,
    momentum: ArrayLike = 0.1,
    eps: float = 1e-5,
) -> Updated:
    r"""Normalise each channel of each example, and return the running statistics too, always.

    Args:
      input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps: as of
        `instance_norm`.

    Returns:
      The output, running_mean and running_var: updated with use_input_stats=True, otherwise as they
      were given; None where they were.

    Raises:
      ValueError, TypeError: as `instance_norm`.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import instance_norm_update
      >>> instance_norm_update(jnp.array([[[1.0, 3.0]]]), jnp.zeros(1), jnp.ones(1))[1:]
      (Array([0.2], dtype=float32), Array([1.1], dtype=float32))

    Reference: torch.nn.functional.instance_norm.
    """
    where = "instance_norm"
    own = boolean("use_input_stats", use_input_stats, where)
    given = channel_norm(where, input, running_mean, running_var, weight, bias, momentum, eps, own)
    x = given.input
    if own and math.prod(x.shape[2:]) == 1:
        raise ValueError(
            f"{where}: input must have more than 1 spatial element when its own statistics are "
            f"used, got input.shape={x.shape}"
        )
    return normalized(given, own, tuple(range(2, x.ndim)))


def instance_norm(
    input: ArrayLike,
    running_mean: ArrayLike | None = None,
    running_var: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    use_input_stats: bool = True,
    momentum: ArrayLike = 0.1,
    eps: float = 1e-5,
) -> Any:
    r"""Normalise each channel of each example: torch.nn.functional.instance_norm.

    .. math:: y = \frac{x - \mu}{\sqrt{v + \epsilon}}\,w + b

    With use_input_stats=True mu and v are of the input over all dimensions but the first two,
    otherwise running_mean and running_var. Those are updated with the means over the examples, as
    by `batch_norm`.

    Args:
      input: (N, C, L, ...), floating.
      running_mean, running_var: (C,), or both None; needed unless use_input_stats.
      weight, bias: w and b, (C,); or None.
      use_input_stats: whether to normalise with the input's own statistics.
      momentum, eps: as of `batch_norm`.

    Returns:
      With use_input_stats=True and running statistics: the output, and the updated running_mean and
      running_var. In all other cases the output alone, of input's shape and dtype.
      `instance_norm_update` returns three things always.

    Raises:
      ValueError: one value per channel and example; otherwise as `batch_norm`.
      TypeError: as `batch_norm`.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import instance_norm
      >>> instance_norm(jnp.array([[[1.0, 3.0], [10.0, 30.0]]]), eps=0.0)
      Array([[[-1.,  1.],
              [-1.,  1.]]], dtype=float32)

    Reference: torch.nn.functional.instance_norm.
    """
    result = instance_norm_update(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )
    return result if use_input_stats and running_mean is not None else result[0]
