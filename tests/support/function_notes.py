"""The lecture's functions, those of PyTorch's notes on extending autograd, and a few more."""

from typing import Any

from tests.support.function_library import Library

# The lecture's notebook.


def my_add(lib: Library) -> Any:
    class MyAdd(lib.Function):
        @staticmethod
        def forward(ctx, x1, x2):
            ctx.save_for_backward(x1, x2)
            return x1 + x2

        @staticmethod
        def backward(ctx, grad_output):
            x1, x2 = ctx.saved_tensors
            return grad_output * lib.xp.ones_like(x1), grad_output * lib.xp.ones_like(x2)

    return MyAdd


def my_split(lib: Library) -> Any:
    class MySplit(lib.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return lib.clone(x), lib.clone(x)

        @staticmethod
        def backward(ctx, grad_x1, grad_x2):
            print(f"grad_x1: {grad_x1}")
            print(f"grad_x2: {grad_x2}")
            return grad_x1 + grad_x2

    return MySplit


def my_max(lib: Library) -> Any:
    class MyMax(lib.Function):
        @staticmethod
        def forward(ctx, x):
            values = lib.numpy(x)
            maximum = values.max()
            argmax = lib.array((values == maximum).astype(values.dtype))
            ctx.save_for_backward(argmax)
            return lib.array(maximum)

        @staticmethod
        def backward(ctx, grad_output):
            (argmax,) = ctx.saved_tensors
            return grad_output * argmax

    return MyMax


# PyTorch's notes and tutorials on extending autograd.


def exp(lib: Library) -> Any:
    class Exp(lib.Function):
        @staticmethod
        def forward(ctx, i):
            result = lib.xp.exp(i)
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx, grad_output):
            (result,) = ctx.saved_tensors
            return grad_output * result

    return Exp


def linear(lib: Library) -> Any:
    class Linear(lib.Function):
        @staticmethod
        def forward(input, weight, bias):
            output = input @ weight.T
            return output if bias is None else output + bias

        @staticmethod
        def setup_context(ctx, inputs, output):
            input, weight, bias = inputs
            ctx.save_for_backward(input, weight, bias)

        @staticmethod
        def backward(ctx, grad_output):
            input, weight, bias = ctx.saved_tensors
            grad_input = grad_weight = grad_bias = None
            if ctx.needs_input_grad[0]:
                grad_input = grad_output @ weight
            if ctx.needs_input_grad[1]:
                grad_weight = grad_output.T @ input
            if bias is not None and ctx.needs_input_grad[2]:
                grad_bias = grad_output.sum(0)
            return grad_input, grad_weight, grad_bias

    return Linear


def mul_constant(lib: Library) -> Any:
    class MulConstant(lib.Function):
        @staticmethod
        def forward(tensor, constant):
            return tensor * constant

        @staticmethod
        def setup_context(ctx, inputs, output):
            _, constant = inputs
            ctx.constant = constant

        @staticmethod
        def backward(ctx, grad_output):
            ctx.set_materialize_grads(False)
            return grad_output * ctx.constant, None

        @staticmethod
        def jvp(ctx, tensor_tangent, _):
            return tensor_tangent * ctx.constant

    return MulConstant


def my_cube(lib: Library) -> Any:
    class MyCube(lib.Function):
        """Returns what backward needs, so that a second derivative goes through it."""

        @staticmethod
        def forward(x):
            return x**3, 3 * x**2

        @staticmethod
        def setup_context(ctx, inputs, output):
            (x,) = inputs
            _, dx = output
            ctx.save_for_backward(x, dx)
            ctx.save_for_forward(x, dx)

        @staticmethod
        def backward(ctx, grad_output, grad_dx):
            x, dx = ctx.saved_tensors
            return grad_output * dx + grad_dx * 6 * x

        @staticmethod
        def jvp(ctx, x_tangent):
            x, dx = ctx.saved_tensors
            return x_tangent * dx, x_tangent * 6 * x

    return MyCube


def cube_of_intermediate(lib: Library) -> Any:
    class Cube(lib.Function):
        """Saves neither input nor output: a constant to the second derivative."""

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3 * x**2)
            ctx.x = x
            return x**3

        @staticmethod
        def backward(ctx, grad_output):
            (slope,) = ctx.saved_tensors
            return grad_output * slope + 0 * ctx.x

    return Cube


def legendre(lib: Library) -> Any:
    class LegendrePolynomial3(lib.Function):
        @staticmethod
        def forward(ctx, input):
            ctx.save_for_backward(input)
            return 0.5 * (5 * input**3 - 3 * input)

        @staticmethod
        def backward(ctx, grad_output):
            (input,) = ctx.saved_tensors
            return grad_output * 1.5 * (5 * input**2 - 1)

    return LegendrePolynomial3


def relu(lib: Library) -> Any:
    class MyReLU(lib.Function):
        @staticmethod
        def forward(ctx, input):
            ctx.save_for_backward(input)
            return input.clip(0)

        @staticmethod
        def backward(ctx, grad_output):
            (input,) = ctx.saved_tensors
            return lib.xp.where(input < 0, lib.xp.zeros_like(grad_output), grad_output)

    return MyReLU


def sinh(lib: Library) -> Any:
    class Sinh(lib.Function):
        """Returns its intermediates, so that a second derivative goes through them."""

        @staticmethod
        def forward(ctx, x):
            expx = lib.xp.exp(x)
            expnegx = lib.xp.exp(-x)
            ctx.save_for_backward(expx, expnegx)
            return (expx - expnegx) / 2, expx, expnegx

        @staticmethod
        def backward(ctx, grad_out, _grad_out_exp, _grad_out_negexp):
            expx, expnegx = ctx.saved_tensors
            grad_input = grad_out * (expx + expnegx) / 2
            grad_input = grad_input + _grad_out_exp * expx
            return grad_input - _grad_out_negexp * expnegx

    return Sinh


# Gradients that are not the derivative.


def reverse_gradient(lib: Library) -> Any:
    class ReverseGradient(lib.Function):
        @staticmethod
        def forward(ctx, x, strength=0.5):
            ctx.strength = strength
            return x.reshape(x.shape)

        @staticmethod
        def backward(ctx, grad_output):
            return -ctx.strength * grad_output, None

    return ReverseGradient


def straight_through(lib: Library) -> Any:
    class StraightThrough(lib.Function):
        """Its output is used in backward: the second derivative takes backward, not round's."""

        @staticmethod
        def forward(ctx, x):
            y = lib.xp.round(x)
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, grad_output):
            (y,) = ctx.saved_tensors
            return grad_output * y

    return StraightThrough


def clip_gradient(lib: Library) -> Any:
    class ClipGradient(lib.Function):
        """Its backward is not linear."""

        @staticmethod
        def forward(ctx, x, bound):
            ctx.bound = bound
            return 2 * x

        @staticmethod
        def backward(ctx, grad_output):
            return lib.xp.clip(grad_output, -ctx.bound, ctx.bound), None

    return ClipGradient
