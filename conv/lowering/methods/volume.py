"""Three-dimensional convolutions by two-dimensional ones: depth becomes batch or channels."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .._layout import channels_first, channels_last, pad_space, total
from .._method import Method, Solve
from .._problem import Problem
from .direct import convolve_last


def _slices(p: Problem, x: jax.Array) -> list[jax.Array]:
    """Return, for each element of the kernel's depth, the input's slices that it meets."""
    stride, dilation = p.stride[0], p.dilation[0]
    padded = pad_space(x, [p.padding[0], *[(0, 0)] * (x.ndim - 3)])
    span = stride * (p.out[0] - 1) + 1
    return [
        lax.slice_in_dim(padded, dilation * u, dilation * u + span, stride, 2)
        for u in range(p.kernel[0])
    ]


def _by_slices(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Stack the slices that a window meets into channels: one 2-D convolution over all depths."""
    n, c = x.shape[:2]
    o, depth, out = p.out_channels, p.kernel[0], p.out
    slices = _slices(p, x)
    flat = jnp.stack(slices, 1).reshape(n, depth * c, *slices[0].shape[2:])
    images = flat.transpose(0, 2, 3, 4, 1).reshape(n * out[0], *x.shape[3:], depth * c)
    kernel = w.transpose(3, 4, 2, 1, 0).reshape(*w.shape[3:], depth * c, o)
    y = convolve_last(p, images, kernel, p.stride[1:], p.padding[1:], p.dilation[1:])
    return channels_first(y.reshape(n, out[0], *y.shape[1:]))


def _by_sums(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve each slice with every depth of the kernel, then add shifted results (stride 1)."""
    o, depth, out, dilation = p.out_channels, p.kernel[0], p.out, p.dilation
    n, c, depth_in = x.shape[:3]
    images = channels_last(x).reshape(n * depth_in, *x.shape[3:], c)
    kernel = w.transpose(3, 4, 1, 2, 0).reshape(*w.shape[3:], c, depth * o)
    y = convolve_last(p, images, kernel, p.stride[1:], p.padding[1:], dilation[1:])
    y = y.reshape(n, depth_in, *y.shape[1:3], depth, o)
    rooms = ((0, 0), p.padding[0], (0, 0), (0, 0), (0, 0))
    shifted = [
        lax.slice_in_dim(
            jnp.pad(y[..., u, :], rooms), dilation[0] * u, dilation[0] * u + out[0], axis=1
        )
        for u in range(depth)
    ]
    return channels_first(total(shifted))


def _of_slices(p: Problem, **changes: Any) -> Problem:
    """Drop the depth: its slices are images."""
    names = ("space", "kernel", "out", "stride", "padding", "spread", "dilation")
    sizes = {name: getattr(p, name)[1:] for name in names}
    return replace(p, batch=p.batch * p.out[0], **sizes, **changes)


def _flat(p: Problem) -> Problem:
    """Return the weight gradient of two dimensions whose images are slices."""
    return _of_slices(p, in_channels=p.in_channels * p.kernel[0])


def _weight(p: Problem, x: jax.Array, g: jax.Array, solve: Solve) -> jax.Array:
    """Turn depth into batch, and the kernel's into channels: a gradient of two dimensions.

    Of the input's: zeros in the place of gradients that are not there would carry a NaN of the
    input to kernel elements that do not meet it.
    """
    n, c = x.shape[:2]
    images = jnp.stack(_slices(p, x), 2).reshape(n, c * p.kernel[0], p.out[0], *x.shape[3:])
    left, right = (a.swapaxes(1, 2).reshape(-1, a.shape[1], *a.shape[3:]) for a in (images, g))
    return solve(_flat(p), left, right).reshape(p.result_shape)


def _takes(p: Problem) -> bool:
    return p.dims == 3 and p.groups == 1 and not p.spreads


def _in_frames(p: Problem) -> bool:
    """Whether each slice of the input is convolved by itself."""
    return p.kernel[0] == p.spread[0] == 1 and p.padding[0] == (0, 0)


def _in_depth(p: Problem) -> bool:
    """Whether each position of a slice is convolved by itself, along the depth."""
    plain = p.kernel[1:] == p.stride[1:] == p.spread[1:] == (1, 1)
    return plain and p.padding[1:] == ((0, 0), (0, 0))


def _merged(p: Problem) -> Problem:
    """Return the problem of two dimensions that one with a kernel of 1 x k x k or k x 1 x 1 is.

    Its images are slices, or its rows are all positions of a slice; its channels come last.
    """
    order = p.kernel_order
    if order is not None:
        gone = 2 if _in_frames(p) else 4
        kept = [axis for i, axis in enumerate(order) if i != gone]
        order = tuple(axis - (axis > order[gone]) for axis in kept)
    if _in_frames(p):
        return _of_slices(p, channels_last=True, kernel_order=order)
    return replace(
        p,
        space=(p.space[0], p.space[1] * p.space[2]),
        kernel=(p.kernel[0], 1),
        out=(p.out[0], p.out[1] * p.out[2]),
        stride=(p.stride[0], 1),
        padding=(p.padding[0], (0, 0)),
        spread=(p.spread[0], 1),
        dilation=(p.dilation[0], 1),
        channels_last=True,
        kernel_order=order,
    )


def _flat_images(p: Problem, x: jax.Array) -> jax.Array:
    """Merge (N, C, depth, *slice) to the images of `_merged`: no copy, with channels innermost."""
    n, c, depth, *sizes = x.shape
    shape = (n * depth, *sizes, c) if _in_frames(p) else (n, depth, sizes[0] * sizes[1], c)
    return channels_first(channels_last(x).reshape(shape))


def _met_slices(p: Problem, x: jax.Array) -> jax.Array:
    if p.stride[0] == 1 or not _in_frames(p):
        return x
    return lax.slice_in_dim(x, 0, p.stride[0] * (p.out[0] - 1) + 1, p.stride[0], axis=2)


def _in_two_dimensions(p: Problem, x: jax.Array, w: jax.Array, solve: Solve) -> jax.Array:
    q = _merged(p)
    y = solve(q, _flat_images(p, _met_slices(p, x)), w.reshape(*w.shape[:2], *q.kernel))
    return channels_first(channels_last(y).reshape(p.batch, *p.out, p.out_channels))


def _weight_in_two_dimensions(p: Problem, x: jax.Array, g: jax.Array, solve: Solve) -> jax.Array:
    images, gradients = _flat_images(p, _met_slices(p, x)), _flat_images(p, g)
    return solve(_merged(p), images, gradients).reshape(p.result_shape)


IN_TWO_DIMENSIONS = Method(
    "in_two_dimensions",
    {
        "forward": _in_two_dimensions,
        "transposed": _in_two_dimensions,
        "weight": _weight_in_two_dimensions,
    },
    lambda p: p.dims == 3 and p.groups == 1 and (_in_frames(p) or _in_depth(p)),
    grows=True,
    in_float32=False,
    inner=_merged,
)

DEPTH_SUMS = Method("depth_sums", {"forward": _by_sums}, lambda p: _takes(p) and p.stride[0] == 1)
DEPTH_SLICES = Method("depth_slices", {"forward": _by_slices}, _takes)
VOLUME = Method("volume", {"weight": _weight}, _takes, grows=True, inner=_flat)
