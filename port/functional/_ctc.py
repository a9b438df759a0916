"""The loss of connectionist temporal classification: ctc_loss."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from custom_vjp.functional._rules import derivative, keep

from ._arguments import array, boolean, check_dtype, integer, is_traced
from ._reduction import check_inside, outside_is_nan, reduced, reduction_of

Lengths = jax.Array | np.ndarray  # one an example; those of NumPy are known while tracing

INTEGERS = ("uint8", "int32", "int64")


def ctc_loss(
    log_probs: ArrayLike,
    targets: ArrayLike,
    input_lengths: ArrayLike,
    target_lengths: ArrayLike,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> jax.Array:
    r"""Return how unlikely a sequence is that is not aligned: torch.nn.functional.ctc_loss.

    .. math:: l_n = -\log \sum_{\pi} \prod_t p_{t, n, \pi_t}

    over the paths that give the target when repetitions are made one and blanks are left out.

    Args:
      log_probs: (T, N, C) or (T, C), float32 or float64: results of `log_softmax`.
      targets: (N, S), or those of all examples one after the other: class numbers from 0 to C - 1.
      input_lengths: (N) or (), or a tuple: how much of T each example has.
      target_lengths: (N) or (), or a tuple: how long each target is.
      blank: the class that stands for no symbol.
      reduction: 'none', 'mean' or 'sum'. The mean is over the losses divided by the lengths of
        their targets.
      zero_infinity: whether an infinite loss, of an input too short for its target, counts as 0.

    Returns:
      A scalar of log_probs' dtype; with 'none' (N), or ().

    Raises:
      ValueError: shapes that do not fit; lengths or class numbers outside, where they are known.
      TypeError: a dtype that PyTorch refuses.

    As in PyTorch, the gradient is that of what goes through `log_softmax` before: it is also right
    for logits, and not for log_probs that are varied one by one. Lengths and class numbers outside
    that are not known, under jit say, give nan; PyTorch does not look at class numbers at all.

    Example:
      >>> import jax.numpy as jnp
      >>> from port.functional import ctc_loss
      >>> even = jnp.log(jnp.full((3, 1, 2), 0.5))
      >>> ctc_loss(even, jnp.array([[1]]), (3,), (1,)).round(4)  # -log(6 / 8)
      Array(0.2877, dtype=float32)

    Reference: torch.nn.functional.ctc_loss.
    """
    where = "ctc_loss"
    kind = reduction_of(where, reduction)
    x = array("log_probs", log_probs, where)
    check_dtype("log_probs", x, ("float32", "float64"), where)
    if x.ndim not in (2, 3) or x.size == 0:
        raise ValueError(
            f"{where}: log_probs must have the shape (T, N, C) or (T, C), none of them 0, "
            f"got log_probs.shape={x.shape}"
        )
    logs = x if x.ndim == 3 else x[:, None]
    times, batch, classes = logs.shape
    none = integer("blank", blank, where)
    if not 0 <= none < classes:
        raise ValueError(f"{where}: blank must be from 0 to {classes - 1}, got {blank=}")
    zero = boolean("zero_infinity", zero_infinity, where)

    spans, outside_spans = _lengths(where, "input_lengths", input_lengths, batch, times)
    labels = array("targets", targets, where)
    check_dtype("targets", labels, INTEGERS, where)
    most = labels.shape[1] if labels.ndim == 2 else labels.size
    sizes, outside_sizes = _lengths(where, "target_lengths", target_lengths, batch, most)
    labels = _rows(where, labels, sizes, batch)
    used = jnp.arange(labels.shape[1]) < sizes[:, None]
    wrong = used & ((labels < 0) | (labels >= classes))
    check_inside("targets", wrong, labels, f"from 0 to {classes - 1}", where)

    loss = _negative_log(logs, labels, spans, sizes, none)
    infinite = jnp.isinf(loss)
    # PyTorch's gradient of an infinite loss is nan.
    factor = jnp.where(infinite, 0.0 if zero else jnp.nan, 1.0).astype(x.dtype)
    within = (jnp.arange(times)[:, None] < spans)[:, :, None]
    if zero:
        loss = jnp.where(infinite, jnp.zeros_like(loss), loss)
    loss = loss + _normalising(logs, within, lax.stop_gradient(factor))
    loss = outside_is_nan(loss, wrong.any(1) | outside_spans | outside_sizes)
    if kind == "mean":
        loss = loss / jnp.maximum(sizes, 1)
    return reduced(loss if x.ndim == 3 else loss.reshape(()), kind, x.dtype)


@derivative(
    lambda t, _, x, within, factor: (keep(within, factor[:, None] * jnp.exp(x)) * t).sum((0, 2)),
    lambda t, *_: jnp.zeros_like(t),  # never asked for
    lambda t, *_: jnp.zeros_like(t),
)
def _normalising(x: jax.Array, within: jax.Array, factor: jax.Array) -> jax.Array:  # noqa: ARG001
    """Return zeros, with the gradient that a softmax adds to that of the loss."""
    return jnp.zeros(x.shape[1], x.dtype)


def _lengths(
    where: str, name: str, value: ArrayLike | tuple[int, ...] | list[int], batch: int, most: int
) -> tuple[Lengths, Lengths]:
    """Return one length an example, and which of them cannot be."""
    if isinstance(value, tuple | list):
        value = np.asarray([integer(f"{name}[{i}]", n, where) for i, n in enumerate(value)], int)
    else:
        value = array(name, value, where)
        check_dtype(name, value, INTEGERS, where)
        if not is_traced(value):
            value = np.asarray(value)
    if value.size != batch or value.ndim > 1:
        raise ValueError(
            f"{where}: {name} must have one length for each of the {batch} examples, "
            f"got {name}.shape={value.shape}"
        )
    lengths = value.reshape(batch)
    outside = (lengths < 0) | (lengths > most)
    check_inside(name, outside, lengths, f"from 0 to {most}", where)
    return lengths, outside


def _rows(where: str, labels: jax.Array, sizes: Lengths, batch: int) -> jax.Array:
    """Return the targets as a matrix, one example a row."""
    if labels.ndim == 2 and labels.shape[0] == batch:
        return labels
    if labels.ndim != 1:
        raise ValueError(
            f"{where}: targets must have the shape ({batch}, S), or be one after the other, "
            f"got targets.shape={labels.shape}"
        )
    width = labels.size
    if isinstance(sizes, np.ndarray):
        width = int(sizes.max())
        if sizes.sum() != labels.size:
            raise ValueError(
                f"{where}: targets one after the other must have the sum of target_lengths, "
                f"{sizes.sum()}, got targets.shape={labels.shape}"
            )
    places = (jnp.cumsum(sizes) - sizes)[:, None] + jnp.arange(width)
    return jnp.take(labels, places, mode="clip") if labels.size else jnp.zeros((batch, 0), int)


def _negative_log(
    logs: jax.Array, labels: jax.Array, spans: Lengths, sizes: Lengths, blank: int
) -> jax.Array:
    """Return the losses, (N): a sum over paths, one time after the other."""
    batch, width = labels.shape
    # The states of a path: blank, first label, blank, second label, ..., blank.
    states = jnp.full((batch, 2 * width + 1), blank, labels.dtype).at[:, 1::2].set(labels)
    seen = jnp.take_along_axis(logs, states[None].astype(jnp.int32), axis=2, mode="clip")
    never = jnp.full((batch, 2), -jnp.inf, logs.dtype)
    two_back = jnp.concatenate([jnp.full((batch, 2), blank, states.dtype), states], 1)[:, :-2]
    is_label = jnp.arange(2 * width + 1) % 2 == 1
    skips = is_label & (states != two_back) & (jnp.arange(2 * width + 1) > 1)

    def step(before: jax.Array, now: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        time, emitted = now
        padded = jnp.concatenate([never, before], 1)
        skipped = jnp.where(skips, padded[:, :-2], -jnp.inf)
        after = _log_sum(jnp.stack([before, padded[:, 1:-1], skipped])) + emitted
        return jnp.where((time < spans)[:, None], after, before), None

    start = jnp.where(jnp.arange(2 * width + 1) < 2, seen[0], -jnp.inf)
    last, _ = lax.scan(step, start, (jnp.arange(1, len(logs)), seen[1:]))
    ends = jnp.asarray(2 * sizes)[:, None] - jnp.arange(2)
    found = jnp.take_along_axis(last, jnp.maximum(ends, 0), axis=1, mode="clip")
    loss = -_log_sum(jnp.where(ends >= 0, found, -jnp.inf).T)
    # Without an input there is but the empty path.
    empty = jnp.where(jnp.asarray(sizes) == 0, 0.0, jnp.inf).astype(loss.dtype)
    return jnp.where(jnp.asarray(spans) == 0, empty, loss)


def _log_sum(x: jax.Array) -> jax.Array:
    """Return log(sum(exp(x))) over the first dimension; the gradient of log(0) is 0."""
    most = lax.stop_gradient(x.max(0))
    most = jnp.where(jnp.isneginf(most), jnp.zeros_like(most), most)
    total = jnp.exp(x - most).sum(0)
    nothing = total == 0
    logs = jnp.log(jnp.where(nothing, jnp.ones_like(total), total)) + most
    return jnp.where(nothing, -jnp.inf, logs)
