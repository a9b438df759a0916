"""The other functions of torch.testing._internal.autograd_function_db."""

from typing import Any

from tests.support.function_library import Library


def mul_gen_vmap(lib: Library) -> Any:
    class MulGenVmap(lib.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, y):
            return x * y

        @staticmethod
        def setup_context(ctx, inputs, outputs):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            gx = MulGenVmap.apply(grad_output, y) if ctx.needs_input_grad[0] else None
            gy = MulGenVmap.apply(grad_output, x) if ctx.needs_input_grad[1] else None
            return gx, gy

        @staticmethod
        def jvp(ctx, x_tangent, y_tangent):
            x, y = ctx.saved_tensors
            return x_tangent * y + y_tangent * x

    return MulGenVmap


def cube_gen_vmap(lib: Library) -> Any:
    class CubeGenVmap(lib.Function):
        """As it stands in PyTorch: what it adds for grad_saved does not depend on grad_saved."""

        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x**3, 3 * x**2

        @staticmethod
        def setup_context(ctx, inputs, outputs):
            ctx.save_for_backward(inputs[0], outputs[1])
            ctx.save_for_forward(inputs[0], outputs[1])

        @staticmethod
        def backward(ctx, grad_output, grad_saved):
            _input, dinput = ctx.saved_tensors
            return grad_output * dinput + 6 * dinput

    return CubeGenVmap


def take_gen_vmap(lib: Library) -> Any:
    class TakeGenVmap(lib.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, ind, ind_inv, dim):
            return lib.take(x, ind, dim)

        @staticmethod
        def setup_context(ctx, inputs, outputs):
            _x, ind, ind_inv, dim = inputs
            ctx.save_for_backward(ind, ind_inv)
            ctx.save_for_forward(ind, ind_inv)
            ctx.dim = dim

        @staticmethod
        def backward(ctx, grad_output):
            ind, ind_inv = ctx.saved_tensors
            return TakeGenVmap.apply(grad_output, ind_inv, ind, ctx.dim), None, None, None

    return TakeGenVmap


def sort_gen_vmap(lib: Library) -> Any:
    Take = take_gen_vmap(lib)

    class SortGenVmap(lib.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, dim):
            ind = lib.xp.argsort(x, axis=dim)
            ind_inv = lib.xp.argsort(ind, axis=dim)
            return lib.take(x, ind, dim), ind, ind_inv

        @staticmethod
        def setup_context(ctx, inputs, outputs):
            _x, dim = inputs
            _, ind, ind_inv = outputs
            ctx.mark_non_differentiable(ind, ind_inv)
            ctx.save_for_backward(ind, ind_inv)
            ctx.dim = dim

        @staticmethod
        def backward(ctx, grad_output, _0, _1):
            ind, ind_inv = ctx.saved_tensors
            return Take.apply(grad_output, ind_inv, ind, ctx.dim), None

    return SortGenVmap


def select(lib: Library) -> Any:
    class Select(lib.Function):
        @staticmethod
        def forward(x, idx):
            return lib.clone(x[idx])

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, idx = inputs
            ctx.x_shape = x.shape
            ctx.idx = idx

        @staticmethod
        def backward(ctx, grad_output):
            return lib.put(ctx.x_shape, ctx.idx, grad_output), None

        @staticmethod
        def vmap(info, in_dims, x, idx):
            return Select.apply(lib.xp.moveaxis(x, in_dims[0], 1), idx), 0

        @staticmethod
        def jvp(ctx, x_tangent, _):
            return Select.apply(x_tangent, ctx.idx)

    return Select


def forward_has_default_args(lib: Library) -> Any:
    class ForwardHasDefaultArgs(lib.Function):
        @staticmethod
        def forward(x, idx=(2,)):
            return lib.clone(x[idx])

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, idx = inputs
            ctx.x_shape = x.shape
            ctx.idx = idx

        @staticmethod
        def backward(ctx, grad_output):
            return lib.put(ctx.x_shape, ctx.idx, grad_output), None

    return ForwardHasDefaultArgs


def scale_grad_gen_vmap(lib: Library) -> Any:
    class ScaleGradGenVmap(lib.Function):
        generate_vmap_rule = True
        scale = 3.14

        @staticmethod
        def forward(x):
            return lib.clone(x)

        @staticmethod
        def setup_context(ctx, inputs, outputs):
            pass

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * ScaleGradGenVmap.scale

        @staticmethod
        def jvp(ctx, x_tangent):
            return x_tangent * ScaleGradGenVmap.scale

    return ScaleGradGenVmap


def zero_gradients_gen_vmap(lib: Library) -> Any:
    class ZeroGradientsGenVmap(lib.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, y):
            return lib.clone(x), lib.clone(y)

        @staticmethod
        def setup_context(ctx, inputs, outputs):
            pass

        @staticmethod
        def backward(ctx, gx, gy):
            # The first is too large by purpose.
            return (
                lib.xp.zeros((3, 4, *gx.shape), dtype=gx.dtype),
                lib.xp.zeros(gy.shape, dtype=gy.dtype),
            )

        @staticmethod
        def jvp(ctx, gx, gy):
            return (
                lib.xp.zeros(gx.shape, dtype=gx.dtype),
                lib.xp.zeros(gy.shape, dtype=gy.dtype),
            )

    return ZeroGradientsGenVmap
