"""Functions of torch.testing._internal.autograd_function_db that compute with NumPy."""

from typing import Any

import numpy as np

from tests.support.function_library import Library


def numpy_mul(lib: Library) -> Any:
    class NumpyMul(lib.Function):
        @staticmethod
        def forward(x, y):
            return lib.array(lib.numpy(x) * lib.numpy(y))

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            gx = NumpyMul.apply(grad_output, y) if ctx.needs_input_grad[0] else None
            gy = NumpyMul.apply(grad_output, x) if ctx.needs_input_grad[1] else None
            return gx, gy

        @staticmethod
        def vmap(info, in_dims, x, y):
            move = lib.xp.moveaxis
            x = x[..., None] if in_dims[0] is None else move(x, in_dims[0], -1)
            y = y[..., None] if in_dims[1] is None else move(y, in_dims[1], -1)
            return move(NumpyMul.apply(x, y), -1, 0), 0

        @staticmethod
        def jvp(ctx, x_tangent, y_tangent):
            x, y = ctx.saved_tensors
            return x_tangent * y + y_tangent * x

    return NumpyMul


def numpy_cube(lib: Library) -> Any:
    Mul = numpy_mul(lib)

    class NumpyCube(lib.Function):
        @staticmethod
        def forward(input):
            values = lib.numpy(input)
            return lib.array(values**3), lib.array(3 * values**2)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0], output[1])
            ctx.save_for_forward(inputs[0], output[1])

        @staticmethod
        def backward(ctx, grad_output, grad_saved):
            input, dinput = ctx.saved_tensors
            return Mul.apply(grad_output, dinput) + 6 * Mul.apply(grad_saved, input)

        @staticmethod
        def vmap(info, in_dims, input):
            return NumpyCube.apply(input), (in_dims[0], in_dims[0])

        @staticmethod
        def jvp(ctx, input_tangent):
            input, dinput = ctx.saved_tensors
            return Mul.apply(input_tangent, dinput), 6 * Mul.apply(input_tangent, input)

    return NumpyCube


def numpy_cube_not_composable(lib: Library) -> Any:
    class NumpyCubeNotComposable(lib.Function):
        @staticmethod
        def forward(input):
            values = lib.numpy(input)
            return lib.array(values**3), values

        @staticmethod
        def setup_context(ctx, inputs, output):
            _, values = output
            ctx.values = values

        @staticmethod
        @lib.once_differentiable
        def backward(ctx, grad_output, grad_saved):
            return grad_output * lib.array(3 * np.asarray(ctx.values) ** 2)

    return NumpyCubeNotComposable


def numpy_exp(lib: Library) -> Any:
    Mul = numpy_mul(lib)

    class NumpyExp_(lib.Function):
        """Writes to a copy: an array of JAX cannot be written to."""

        @staticmethod
        def forward(x):
            values = lib.numpy(x).copy()
            np.exp(values, values)
            return lib.array(values)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(output)
            ctx.save_for_forward(output)

        @staticmethod
        def backward(ctx, grad_output):
            (output,) = ctx.saved_tensors
            return Mul.apply(grad_output, output)

        @staticmethod
        def vmap(info, in_dims, x):
            return NumpyExp_.apply(x), in_dims[0]

        @staticmethod
        def jvp(ctx, x_tangent):
            (output,) = ctx.saved_tensors
            return x_tangent * output

    return NumpyExp_


def numpy_take(lib: Library) -> Any:
    class NumpyTake(lib.Function):
        @staticmethod
        def forward(x, ind, ind_inv, dim):
            return lib.array(np.take_along_axis(lib.numpy(x), lib.numpy(ind), dim))

        @staticmethod
        def setup_context(ctx, inputs, output):
            _x, ind, ind_inv, dim = inputs
            ctx.save_for_backward(ind, ind_inv)
            ctx.save_for_forward(ind, ind_inv)
            ctx.dim = dim

        @staticmethod
        def backward(ctx, grad_output):
            ind, ind_inv = ctx.saved_tensors
            return NumpyTake.apply(grad_output, ind_inv, ind, ctx.dim), None, None, None

        @staticmethod
        def vmap(info, in_dims, x, ind, ind_inv, dim):
            def expand(array, bdim):
                if bdim is None:
                    return lib.xp.broadcast_to(array, (info.batch_size, *array.shape))
                return lib.xp.moveaxis(array, bdim, 0)

            logical = x.ndim if in_dims[0] is None else x.ndim - 1
            dim = dim if dim >= 0 else dim + logical
            parts = [expand(a, d) for a, d in zip((x, ind, ind_inv), in_dims, strict=False)]
            return NumpyTake.apply(*parts, dim + 1), 0

        @staticmethod
        def jvp(ctx, x_tangent, ind_tangent, ind_inv_tangent, _):
            assert ind_tangent is None
            assert ind_inv_tangent is None
            ind, ind_inv = ctx.saved_tensors
            return NumpyTake.apply(x_tangent, ind, ind_inv, ctx.dim)

    return NumpyTake


def numpy_sort(lib: Library) -> Any:
    Take = numpy_take(lib)

    class NumpySort(lib.Function):
        @staticmethod
        def forward(x, dim):
            x = lib.numpy(x)
            ind = np.argsort(x, axis=dim)
            ind_inv = np.argsort(ind, axis=dim)
            x = np.take_along_axis(x, ind, axis=dim)
            return lib.array(x), lib.array(ind), lib.array(ind_inv)

        @staticmethod
        def setup_context(ctx, inputs, output):
            _x, dim = inputs
            _, ind, ind_inv = output
            ctx.mark_non_differentiable(ind, ind_inv)
            ctx.save_for_backward(ind, ind_inv)
            ctx.save_for_forward(ind, ind_inv)
            ctx.dim = dim

        @staticmethod
        def backward(ctx, grad_output, _0, _1):
            ind, ind_inv = ctx.saved_tensors
            return Take.apply(grad_output, ind_inv, ind, ctx.dim), None

        @staticmethod
        def vmap(info, in_dims, x, dim):
            x = lib.xp.moveaxis(x, in_dims[0], 0)
            dim = dim if dim >= 0 else dim + x.ndim - 1
            return NumpySort.apply(x, dim + 1), (0, 0, 0)

        @staticmethod
        def jvp(ctx, x_tangent, _):
            ind, ind_inv = ctx.saved_tensors
            return Take.apply(x_tangent, ind, ind_inv, ctx.dim), None, None

    return NumpySort
