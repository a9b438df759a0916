"""XLA's own lowering, and how to keep it from aborting.

Where XLA's algebraic simplifier exchanges the operands of a convolution, it takes a dimension whose
kernel is as long as the input's spread, at a stride one less and without padding, for one that
stands for groups, which it leaves as it is. If that was none (the gradient of a convolution with
kernel 2 and stride 2 has it), the exchanged convolution does not fit its operands, and the process
aborts. A row of zeros more at the end, and a row of the result less, is not taken for it.
"""

from collections.abc import Sequence
from typing import Any

import jax
from jax import lax

from convgrad import _jax


def misread(kernel_shape: Sequence[int], found: _jax.Convolution) -> list[int]:
    """List the spatial dimensions that the simplifier would misread.

    It makes dense convolutions of some grouped ones before: groups are no protection.
    """
    kernel = [kernel_shape[i] for i in found.numbers.rhs_spec[2:]]
    rows = zip(kernel, found.spread, found.stride, found.dilation, found.padding, strict=True)
    return [
        d
        for d, (k, spread, stride, dilation, pads) in enumerate(rows)
        if spread == k > 1 and stride == k - 1 and dilation == 1 and tuple(pads) == (0, 0)
    ]


def without_misreading(
    params: dict[str, Any], found: _jax.Convolution, lhs: jax.Array, rhs: jax.Array
) -> jax.Array:
    """Convolve with one row more in these dimensions, and drop it."""
    dims = misread(rhs.shape, found)
    padding = [
        (low, high + found.stride[d]) if d in dims else (low, high)
        for d, (low, high) in enumerate(found.padding)
    ]
    y = _jax.bind_convolution(lhs, rhs, params, padding=tuple(padding))
    for d in dims:
        axis = found.numbers.out_spec[2 + d]
        y = lax.slice_in_dim(y, 0, y.shape[axis] - 1, axis=axis)
    return y
