"""Methods by name: what `_choose` names is computed here."""

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import lax

from . import _depthwise, _fourier, _grouped, _pointwise, _transposed, _volume, _weight
from ._apart import tap_by_tap, weight_tap_by_tap
from ._choose import choose
from ._columns import by_columns, by_columns_in_steps
from ._direct import direct
from ._innermost import by_groups
from ._layout import crop_space, cropped_away, pad_space
from ._problem import Problem
from ._steps import block_of, blocks_of
from ._winograd import by_tiles, weight_by_tiles


def solve(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Compute a problem in canonical form by the method that is chosen for it."""
    method = choose(p).method
    if set(p.spread) == {1} and cropped_away(p.space, p.padding):
        return jnp.zeros(p.result_shape, x.dtype)
    if p.role == "weight":
        return weight(p, method, x, w)
    if method == "of_samples":
        return of_samples(p, x, w)
    x, padding = _without_crop(p, x)
    p = replace(p, padding=padding, space=x.shape[2:])
    return transposed(p, method, x, w) if p.role == "transposed" else forward(p, method, x, w)


def _without_crop(p: Problem, x: jax.Array) -> tuple[jax.Array, tuple[tuple[int, int], ...]]:
    return (x, p.padding) if p.role == "transposed" else crop_space(x, p.padding)


def forward(p: Problem, method: str, x: jax.Array, w: jax.Array) -> jax.Array:
    """Compute a convolution: (N, O, *out)."""
    if method == "pointwise":
        return _pointwise.strided_pointwise(x, w, p.out, p.stride, p.groups)
    if method == "patchify":
        return _pointwise.patchify(x, w, p.out)
    if method == "depthwise":
        return _depthwise.depthwise(x, w, p.out, p.stride, p.padding, p.dilation)
    if method == "depthwise_last":
        last = jnp.moveaxis(x, 1, -1)  # as it came: the two transposes cancel
        y = _depthwise.depthwise_last(last, w, p.out, p.stride, p.padding, p.dilation)
        return jnp.moveaxis(y, -1, 1)
    if method == "elementwise":
        return _grouped.elementwise(x, w, p.groups, p.out, p.padding, p.dilation)
    if method == "by_groups":
        return by_groups(p, x, w)
    if method == "product_a_group":
        return _grouped.by_columns_of_groups(p, x, w)
    if method == "blocks":
        return in_blocks(p, x, w)
    if method == "group_by_group":
        arguments = (p.groups, p.out, p.stride, p.padding, p.dilation)
        return _grouped.group_by_group(x, w, *arguments)
    if method == "winograd":
        return by_tiles(p, x, w)
    if method == "tap_by_tap":
        return tap_by_tap(p, x, w)
    if method == "spectra":
        return _fourier.by_spectra(x, w, p.groups, p.out[0], p.padding[0])
    if method == "depth_sums":
        return _volume.by_sums(x, w, p.out, p.padding, p.dilation, p.stride)
    if method == "depth_slices":
        return _volume.by_slices(x, w, p.out, p.stride, p.padding, p.dilation)
    if method in ("columns", "columns_in_steps"):
        by = by_columns if method == "columns" else by_columns_in_steps
        return by(x, w, p.out, p.stride, p.padding, p.dilation)
    return direct(x, w, p.stride, p.padding, p.dilation, p.channels_last)


def in_blocks(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Merge groups to blocks and convolve one after the other, each into its output channels.

    A loop, so that temporary arrays are one block's, and one block is compiled.
    """
    many = blocks_of(p)
    count = p.groups // many
    merged = _grouped.merged(w, p.groups, many)
    inner = block_of(p, many)
    if count == 1:
        return solve_block(inner, x, merged)

    def block(k: jax.Array, y: jax.Array) -> jax.Array:
        c, o = inner.in_channels, inner.out_channels
        data = lax.dynamic_slice_in_dim(x, k * c, c, 1)
        kernel = lax.dynamic_slice_in_dim(merged, k * o, o, 0)
        one = solve_block(inner, data, kernel)
        return lax.dynamic_update_slice_in_dim(y, one, k * o, 1)

    start = jnp.zeros((p.batch, p.out_channels, *p.out), x.dtype)
    return lax.fori_loop(0, count, block, start)


def solve_block(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolve one block: directly, or as any transposed convolution."""
    if p.role == "transposed" or p.dims == 3:
        return solve(p, x, w)
    return direct(x, w, p.stride, p.padding, p.dilation)


def transposed(p: Problem, method: str, x: jax.Array, w: jax.Array) -> jax.Array:
    """Compute a convolution of spread input: (N, O, *out)."""
    if method == "elementwise_phases":
        arguments = (p.groups, p.out, p.padding, p.spread, p.dilation)
        return _depthwise.elementwise_phases(x, w, *arguments)
    if method == "depthwise_spread":
        spaced = pad_space(x, p.padding, [s - 1 for s in p.spread])
        none = ((0, 0),) * p.dims
        return _depthwise.depthwise(spaced, w, p.out, p.stride, none, p.dilation)
    if method == "blocks":
        return in_blocks(p, x, w)
    if method == "product":
        return _transposed.by_product(x, w, p.out, p.padding, p.spread, p.dilation)
    if method in ("phases_as_one", "phases_by_groups"):
        by = _transposed.as_one if method == "phases_as_one" else _transposed.as_one_by_groups
        q = p.whole_strides()
        return by(q, x, pad_space(w, [(0, m - k) for m, k in zip(q.kernel, p.kernel, strict=True)]))
    return _transposed.by_phases(x, w, p.out, p.padding, p.spread, p.dilation)


def weight(p: Problem, method: str, x: jax.Array, g: jax.Array) -> jax.Array:
    """Compute a weight gradient: (O, C / groups, *kernel)."""
    if method == "exchanged":
        return exchanged(p, x, g)
    x, padding = crop_space(x, p.padding)
    if method in ("winograd", "tap_by_tap"):
        by = weight_by_tiles if method == "winograd" else weight_tap_by_tap
        return by(replace(p, padding=padding, space=x.shape[2:]), x, g)
    arguments = (x, g, p.kernel, p.stride, padding, p.dilation)
    if method == "pointwise":
        flat = _weight.pointwise_weight(x, g, p.stride, p.groups)
        return flat.reshape(p.out_channels, -1, *p.kernel)
    if method == "depthwise":
        return _depthwise.depthwise_weight(*arguments)
    if method == "elementwise":
        return _grouped.elementwise_weight(x, g, p.groups, *arguments[2:])
    if method == "product_a_group":
        return _grouped.product_weight(x, g, p.groups, *arguments[2:])
    if method == "group_by_group":
        return _grouped.group_by_group_weight(x, g, p.groups, *arguments[2:])
    if method == "spectra":
        return _fourier.weight_by_spectra(x, g, p.groups, p.kernel[0], padding[0])
    if method == "volume":
        return by_volume(p, x, g, padding)
    if method == "images":
        return _weight.images_weight(*arguments)
    if method == "columns":
        return _weight.columns_weight(*arguments)
    return _weight.chunked_weight(*arguments)


def of_samples(p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
    """Compute a grouped convolution as a weight gradient: (N, O, *out).

    Its images stand for input channels, its input channels for images, its kernel for gradients.
    """
    per_group, _ = p.per_group
    split = x.reshape(p.batch, p.groups, per_group, *p.space)
    images = jnp.moveaxis(split, (2, 1), (0, 1)).reshape(per_group, -1, *p.space)
    return solve(p.as_weight(), images, w.swapaxes(0, 1)).swapaxes(0, 1)


def by_volume(
    p: Problem, x: jax.Array, g: jax.Array, padding: tuple[tuple[int, int], ...]
) -> jax.Array:
    """Compute a three-dimensional weight gradient by a two-dimensional one."""
    images, gradients, in_gradients = _weight.volume_weight(
        x, g, p.kernel, p.stride, padding, p.dilation
    )
    flat = replace(
        p,
        batch=images.shape[0],
        in_channels=images.shape[1],
        out_channels=gradients.shape[1],
        space=images.shape[2:],
        kernel=p.kernel[1:],
        out=p.out[1:],
        stride=p.stride[1:],
        padding=padding[1:],
        spread=p.spread[1:],
        dilation=p.dilation[1:],
    )
    result = solve(flat, images, gradients)
    if in_gradients:
        split = result.reshape(p.kernel[0], p.out_channels, p.in_channels, *p.kernel[1:])
        return jnp.moveaxis(split, 0, 2)
    return result.reshape(p.out_channels, p.in_channels, *p.kernel)


def exchanged(
    p: Problem,
    x: jax.Array,
    g: jax.Array,
    solve: Callable[[Problem, jax.Array, jax.Array], jax.Array] = solve,
) -> jax.Array:
    """Compute the weight gradient of a transposed convolution as one of a plain convolution.

    With z the spread x: w[k] = sum over j of z[j + d k - low] g[j] is, counted from the other end,
    sum over i of g[d q - a + s i] x[i], with q = K-1-k and a = d (K-1) - low.
    """
    pairs = tuple(
        (d * (k - 1) - low, low + (n - 1) * s - m + 1)
        for k, d, (low, _), n, s, m in zip(
            p.kernel, p.dilation, p.padding, p.space, p.spread, p.out, strict=True
        )
    )
    other = replace(
        p,
        in_channels=p.out_channels,
        out_channels=p.in_channels,
        space=p.out,
        out=p.space,
        stride=p.spread,
        spread=(1,) * p.dims,
        padding=pairs,
    )
    result = solve(other, g, x)
    per_group, out_per_group = p.per_group
    grouped = result.reshape(p.groups, per_group, out_per_group, *p.kernel).swapaxes(1, 2)
    whole = grouped.reshape(p.out_channels, per_group, *p.kernel)
    return jnp.flip(whole, range(2, 2 + p.dims))
