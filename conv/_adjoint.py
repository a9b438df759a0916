"""A convolution's two gradients, as programs over checked arguments."""

from functools import partial

import jax
import jax.numpy as jnp

from ._lax import convolve
from ._sizes import ConvArguments
from ._transposed import as_forward_kernel


def _differing(x: jax.Array, *others: jax.Array) -> jax.Array:
    """Let x differ from device to device, inside of shard_map, where one of `others` does.

    A gradient with respect to what is the same on all devices would be summed over the devices.
    """
    if not jax.sharding.get_abstract_mesh().manual_axes:
        return x
    return sum((jnp.zeros_like(other, shape=x.shape) for other in others), x)


@partial(jax.jit, static_argnames=("shape", "args"), inline=True)
def input_gradient(
    weight: jax.Array, grad_output: jax.Array, shape: tuple[int, ...], args: ConvArguments
) -> jax.Array:
    """Return the gradient for the input, of the given shape."""
    if grad_output.dtype == jnp.int64:
        return _integer_input_gradient(weight, grad_output, shape, args)

    def forward(x: jax.Array) -> jax.Array:
        return convolve(x, weight, args.stride, args.padding, args.dilation, args.groups)

    grad_output = _differing(grad_output, weight)
    primal = jax.eval_shape(lambda: _differing(jnp.zeros(shape, weight.dtype), grad_output))
    return jax.linear_transpose(forward, primal)(grad_output)[0]


@partial(jax.jit, static_argnames=("shape", "args"), inline=True)
def weight_gradient(
    x: jax.Array, grad_output: jax.Array, shape: tuple[int, ...], args: ConvArguments
) -> jax.Array:
    """Return the gradient for the weight, of the given shape."""
    if grad_output.dtype == jnp.int64:
        return _integer_weight_gradient(x, grad_output, shape, args)

    def forward(weight: jax.Array) -> jax.Array:
        return convolve(x, weight, args.stride, args.padding, args.dilation, args.groups)

    grad_output = _differing(grad_output, x)
    primal = jax.eval_shape(lambda: _differing(jnp.zeros(shape, x.dtype), grad_output))
    return jax.linear_transpose(forward, primal)(grad_output)[0]


# JAX transposes no map of integers: their gradients are written out.


def _integer_input_gradient(
    weight: jax.Array, grad_output: jax.Array, shape: tuple[int, ...], args: ConvArguments
) -> jax.Array:
    reach = [d * (k - 1) for d, k in zip(args.dilation, weight.shape[2:], strict=True)]
    spread = [s * (n - 1) + 1 for s, n in zip(args.stride, grad_output.shape[2:], strict=True)]
    low = [r - p for r, (p, _) in zip(reach, args.padding, strict=True)]
    high = [n - a - b + r for n, a, b, r in zip(shape[2:], spread, low, reach, strict=True)]
    return convolve(
        grad_output,
        as_forward_kernel(weight, args.groups),
        (1,) * args.dims,
        tuple(zip(low, high, strict=True)),
        args.dilation,
        args.groups,
        input_dilation=args.stride,
    )


def _integer_weight_gradient(
    x: jax.Array, grad_output: jax.Array, shape: tuple[int, ...], args: ConvArguments
) -> jax.Array:
    # Channels become images, images channels: (C / groups, groups N) with (O, N).
    batch, channels, *space = x.shape
    images = x.reshape(batch, args.groups, channels // args.groups, *space)
    images = jnp.moveaxis(images, 2, 0).swapaxes(1, 2).reshape(shape[1], -1, *space)
    kernel = grad_output.swapaxes(0, 1)
    out = convolve(images, kernel, args.dilation, args.padding, args.stride, args.groups)
    return out.swapaxes(0, 1)[tuple(slice(n) for n in shape)]
