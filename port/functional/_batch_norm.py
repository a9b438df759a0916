"""Batch and instance normalisation, as torch.nn.functional has them."""

import math
from typing import Any, NamedTuple

import jax
from jax import lax
from jax.typing import ArrayLike

from ._arguments import (
    FLOATING,
    array,
    boolean,
    check_dtype,
    check_parameters,
    is_traced,
    number,
    optional,
    wide,
)
from ._moments import moments

Updated = tuple[jax.Array, jax.Array | None, jax.Array | None]


class _Given(NamedTuple):
    """The checked arguments of both functions."""

    input: jax.Array
    running_mean: jax.Array | None
    running_var: jax.Array | None
    weight: jax.Array | None
    bias: jax.Array | None
    momentum: Any
    eps: Any


def _given(
    where: str,
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    momentum: Any,
    eps: Any,
    of_input: bool,
) -> _Given:
    x = array("input", input, where)
    check_dtype("input", x, FLOATING, where)
    # PyTorch takes (0,) too: nothing, with no channels.
    channels = x.shape[1] if x.ndim > 1 else 0
    if x.ndim < 2 and x.shape != (0,):
        raise ValueError(f"{where}: input must be (N, C, ...), got input.shape={x.shape}")
    if (running_mean is None) != (running_var is None):
        missing = "running_mean" if running_mean is None else "running_var"
        raise ValueError(
            f"{where}: running_mean and running_var must both be given, or neither, "
            f"got {missing}=None alone"
        )
    if running_mean is None and not of_input:
        raise ValueError(
            f"{where}: running_mean and running_var must be given where the statistics are not "
            f"the input's own, got running_mean=None"
        )
    vectors = {
        "running_mean": optional("running_mean", running_mean, where),
        "running_var": optional("running_var", running_var, where),
        "weight": optional("weight", weight, where),
        "bias": optional("bias", bias, where),
    }
    for name, vector in vectors.items():
        if vector is not None and vector.size != channels:
            raise ValueError(
                f"{where}: {name} must have an element for each of input's channels, got "
                f"{name}.shape={vector.shape} for input.shape={x.shape}"
            )
    check_parameters(x, where, **vectors)
    return _Given(
        x, *vectors.values(), number("momentum", momentum, where), number("eps", eps, where)
    )


def _along_channels(vector: jax.Array, x: jax.Array) -> jax.Array:
    return wide(vector).reshape(-1, *(1,) * (x.ndim - 2))


def _scale_and_shift(centred: jax.Array, variance: jax.Array, given: _Given) -> jax.Array:
    x = given.input
    scale = lax.rsqrt(variance + given.eps)
    if given.weight is not None:
        scale = scale * _along_channels(given.weight, x)
    y = centred * scale
    if given.bias is not None:
        y = y + _along_channels(given.bias, x)
    return y.astype(x.dtype)


def _updated(old: jax.Array | None, new: jax.Array, momentum: Any) -> jax.Array | None:
    """Move a running statistic towards a new one; no gradient flows through it."""
    if old is None:
        return None
    kept = wide(lax.stop_gradient(old))
    moved = (1 - momentum) * kept + momentum * lax.stop_gradient(new).reshape(kept.shape)
    return moved.astype(old.dtype)


def _normalized(given: _Given, of_input: bool, over: tuple[int, ...]) -> Updated:
    """Normalise with the input's own statistics over some dimensions, or with the running ones."""
    x, mean, var = given.input, given.running_mean, given.running_var
    if not of_input:
        assert mean is not None
        assert var is not None
        centred = wide(x) - _along_channels(lax.stop_gradient(mean), x)
        return (
            _scale_and_shift(centred, _along_channels(lax.stop_gradient(var), x), given),
            mean,
            var,
        )
    if x.size == 0:
        return x, mean, var
    n = math.prod(x.shape[i] for i in over)
    centred, new_mean, variance = moments(wide(x), over)
    y = _scale_and_shift(centred, variance, given)
    if mean is None:
        return y, None, None
    # Over the examples of instance_norm; batch_norm has one number a channel already.
    new_mean, new_var = (v.mean(0) for v in (new_mean, variance * (n / max(n - 1, 1))))
    return (
        y,
        _updated(mean, new_mean, given.momentum),
        _updated(var, new_var, given.momentum),
    )


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
    given = _given(where, input, running_mean, running_var, weight, bias, momentum, eps, train)
    x = given.input
    over = (0, *range(2, x.ndim))
    if train and math.prod(x.shape[i] for i in over) == 1:
        raise ValueError(
            f"{where}: input must have more than 1 value per channel when training, "
            f"got input.shape={x.shape}"
        )
    _check_eps(where, eps, positive=train)
    return _normalized(given, train, over)


def _check_eps(where: str, eps: Any, positive: bool) -> None:
    if is_traced(eps):
        return
    if eps < 0 or (positive and eps == 0):
        rule = "be positive in training" if positive else "not be negative"
        raise ValueError(f"{where}: eps must {rule}, got {eps=}")


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
    given = _given(where, input, running_mean, running_var, weight, bias, momentum, eps, own)
    x = given.input
    if own and math.prod(x.shape[2:]) == 1:
        raise ValueError(
            f"{where}: input must have more than 1 spatial element when its own statistics are "
            f"used, got input.shape={x.shape}"
        )
    return _normalized(given, own, tuple(range(2, x.ndim)))


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
