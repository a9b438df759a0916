"""`Function`: subclass it as torch.autograd.Function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax

from convgrad._jax import is_traced

from ._call import defines, describe
from ._engine import evaluate

_METHODS = ("forward", "setup_context", "backward", "vjp", "jvp", "vmap")


def _default(method: Callable[..., Any]) -> Any:
    method.is_default = True  # type: ignore[attr-defined]
    return staticmethod(method)


class Function:
    r"""A function with a gradient of its own: subclass it, and call `apply`.

    .. math:: y = f(x), \qquad \bar x = \mathrm{backward}(\bar y)

    where the bar marks the gradient of a later scalar. A subclass has staticmethods, as in PyTorch:

    - `forward(ctx, *args)`, or `forward(*args)` and `setup_context(ctx, inputs, output)`;
    - `backward(ctx, *grad_outputs)`: one gradient for each input, None where there is none;
    - if wanted, `jvp(ctx, *grad_inputs)` for forward mode. Without it, forward mode takes the
      transpose of backward, if that is linear in grad_output;
    - if wanted, `vmap(info, in_dims, *args)` for a forward without ctx. Without it, JAX batches
      forward and backward (`generate_vmap_rule` is accepted, True or False).

    The methods get arrays of JAX, also where `apply` or `jax.grad` is given NumPy's, or `jax.grad`
    a number. `apply` works under jit, grad, vmap, scan and checkpoint. It returns what forward
    returns, with NumPy arrays made JAX's. What is no array (a string, a number, None) is passed
    through. An argument or an output may be a list or dict of arrays; its gradient is one too, or
    None.

    Code that asks for values (`np.asarray(x)`, `float(x)`, `if x > 0`) runs as it is where nothing
    is traced. Under jit and vmap the whole forward, or backward, is called back with the values
    (`jax.pure_callback`), element by element under vmap. Then the shapes of its results are learnt
    from one run on made-up values; they may not depend on values, nor may what is set on ctx unless
    it is an array; and there is no derivative through it, so that a second derivative needs a
    backward of jax.numpy operations, or of other Functions. Prints happen whenever Python runs: at
    each call if nothing is traced, else while tracing; in code that is called back, at each call.

    Complex numbers: `backward` receives and returns PyTorch's gradients, which are the conjugates
    of JAX's cotangents, so that the same formulas hold. `jax.grad` returns JAX's, as ever.

    Where it departs from PyTorch:

    - A gradient that is not needed is dropped, and with it what was computed for it alone, whether
      or not backward asks ctx.needs_input_grad. In forward outside of differentiation that is all
      False.
    - `ctx.mark_dirty` does nothing, as arrays do not change: use what apply returns.
    - All methods may run any number of times.
    - A second derivative that takes something on ctx for a constant, which is silent in PyTorch,
      warns (UserWarning).
    - Arrays that forward uses without being given them must not be traced.
    - Instances are refused, also to be called once, as old code of PyTorch did.

    As in PyTorch, methods may be classmethods, and the staticmethod may be forgotten.

    Raises:
      TypeError: an instance; a method that cannot be called; a saved value or a gradient that is no
        array; forward mode where jvp is needed; the derivative of code that asks for values.
      jax.errors.UnexpectedTracerError (a TypeError): a method that closes over a traced array.
      ValueError: the wrong number of gradients, or one of a wrong shape. As in PyTorch a gradient
        that broadcasting made larger is summed, and its dtype is cast.
      NotImplementedError: no forward; no backward, where it is needed.
      RuntimeError: ctx.saved_tensors where nothing was saved; the second derivative of what is
        marked with once_differentiable.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from custom_vjp import Function
      >>> class Exp(Function):
      ...     @staticmethod
      ...     def forward(ctx, x):
      ...         y = jnp.exp(x)
      ...         ctx.save_for_backward(y)
      ...         return y
      ...
      ...     @staticmethod
      ...     def backward(ctx, grad_output):
      ...         (y,) = ctx.saved_tensors
      ...         return grad_output * y
      >>> jax.grad(Exp.apply)(0.0)
      Array(1., dtype=float32)
      >>> jax.grad(jax.grad(Exp.apply))(0.0)
      Array(1., dtype=float32)

    Reference: torch.autograd.Function.
    """

    generate_vmap_rule = False

    @_default
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs: `forward(ctx, *args)`, or `forward(*args)` with setup_context."""

    @_default
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save on ctx what backward needs of inputs and output."""

    @_default
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Return the gradients of the inputs, given those of the outputs."""

    @_default
    def vjp(ctx: Any, *grad_outputs: Any) -> Any:
        """Another name of backward."""

    @_default
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Return the tangents of the outputs, given those of the inputs."""

    @_default
    def vmap(info: Any, in_dims: tuple[Any, ...], *args: Any) -> Any:
        """Return `(output, out_dims)` of forward on arrays with a mapped axis more."""

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call the function.

        Args:
          *args: what forward takes; arrays are differentiated, anything else is passed on.
          **kwargs: arguments of forward by name; their gradients come after the others'.

        Returns:
          What forward returns.

        Reference: torch.autograd.Function.apply.
        """
        _check_methods(cls)
        call, arrays = describe(cls, args, kwargs)
        outcome = evaluate(call, arrays)
        return outcome.record.output(outcome.outputs)

    def __new__(cls, *_: Any, **__: Any) -> Any:
        """Refuse: a Function has no instances."""
        raise TypeError(
            f"{cls.__name__} is not instantiated, as ctx takes the place of self: call "
            f"{cls.__name__}.apply(...)"
        )


def _check_methods(cls: type[Function]) -> None:
    if not defines(cls, "forward"):
        raise NotImplementedError(
            f"{cls.__name__} has no forward: define the staticmethod forward(ctx, *args)"
        )
    if defines(cls, "backward") and defines(cls, "vjp"):
        raise RuntimeError(f"{cls.__name__} has both backward and vjp: remove one of them")
    for name in _METHODS:
        method = getattr(cls, name)
        if not callable(method):
            raise TypeError(
                f"{cls.__name__}.{name} must be a method, under @staticmethod or @classmethod, got "
                f"{method!r}"
            )
        _check_closure(f"{cls.__name__}.{name}", method)


def _check_closure(name: str, method: Any) -> None:
    """Raise if a method closes over a traced array: no gradient would reach it."""
    while isinstance(method, functools.partial):
        method = method.func
    method = inspect.unwrap(method)
    cells = getattr(method, "__closure__", None) or ()
    for variable, cell in zip(method.__code__.co_freevars if cells else (), cells, strict=True):
        try:
            held = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
        if any(is_traced(leaf) for leaf in jax.tree.leaves(held)):
            raise jax.errors.UnexpectedTracerError(
                f"{name} uses {variable} of the enclosing function, which is traced (by jit, grad "
                f"or vmap), and no gradient could reach it: pass {variable} to apply and take it "
                "as an argument of forward"
            )


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a backward whose result cannot be differentiated: a second derivative raises.

    The formula is the backward's own; only derivatives of it are cut.

    Args:
      backward: the function under @staticmethod.

    Returns:
      The same function, marked.

    Raises:
      RuntimeError: later, where a second derivative is computed.

    Example:
      >>> import jax
      >>> from custom_vjp import Function, once_differentiable
      >>> class Double(Function):
      ...     @staticmethod
      ...     def forward(ctx, x):
      ...         return 2 * x
      ...
      ...     @staticmethod
      ...     @once_differentiable
      ...     def backward(ctx, grad_output):
      ...         return 2 * grad_output
      >>> jax.grad(Double.apply)(1.0)
      Array(2., dtype=float32)

    Reference: torch.autograd.function.once_differentiable.
    """

    @functools.wraps(backward)
    def marked(ctx: Any, *grad_outputs: Any) -> Any:
        return backward(ctx, *grad_outputs)

    marked.once_differentiable = True  # type: ignore[attr-defined]
    return marked
