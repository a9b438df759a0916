"""The one place where convolutions reach `lax.conv_general_dilated`."""

from collections.abc import Sequence

import jax
from jax import lax
from jax.typing import DTypeLike

from .lowering import accelerated


def channels_first(dims: int) -> lax.ConvDimensionNumbers:
    """Dimension numbers of (N, C, *space), (O, C / groups, *kernel) and (N, O, *space)."""
    plan = tuple(range(dims + 2))
    return lax.ConvDimensionNumbers(plan, plan, plan)


def convolve(
    input: jax.Array,
    weight: jax.Array,
    stride: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    groups: int,
    *,
    input_dilation: Sequence[int] | None = None,
    precision: lax.PrecisionLike = None,
    preferred_element_type: DTypeLike | None = None,
) -> jax.Array:
    """Cross-correlate (N, C, *space) with (O, C / groups, *kernel) to (N, O, *space)."""
    with accelerated():
        return lax.conv_general_dilated(
            input,
            weight,
            window_strides=stride,
            padding=padding,
            lhs_dilation=input_dilation,
            rhs_dilation=dilation,
            dimension_numbers=channels_first(input.ndim - 2),
            feature_group_count=groups,
            precision=precision,
            preferred_element_type=preferred_element_type,
        )
