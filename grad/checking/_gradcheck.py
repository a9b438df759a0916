"""`gradcheck` and `gradgradcheck`: derivatives against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from convgrad._arrays import Array, is_complex

from .._trace import Inputs, Trace, require_same_complex_dtype, trace
from .._trees import require_arrays
from ..products._strict import union
from ._checks import (
    Tolerance,
    check_batched,
    check_deterministic,
    check_fast,
    check_full,
    check_undefined_backward,
    check_undefined_forward,
    check_zero_gradient,
)
from ._problem import GradcheckError, Problem, as_tuple, restrict

if TYPE_CHECKING:
    from convgrad._jax import Shaped


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Check the derivatives of `func` against finite differences.

    `|analytical - numerical| <= atol + rtol |numerical|` for every element of the Jacobian,
    where `numerical = (func(x + eps e) - func(x - eps e)) / (2 eps)` for each unit vector `e`.
    Complex outputs are two functions, their real and their imaginary part; a complex input moves
    along both axes, and the gradient is `df/dx + i df/dy`.

    Args:
      func: a function of arrays that returns an array or a pytree of arrays.
      inputs: where to check. A tuple or a list holds the arguments, `func(*inputs)`; anything
        else is the one argument. Arrays of a floating point or complex dtype are checked; they
        should be in double precision (`jax_enable_x64`). All else is passed on as it is.
      eps: the step of the finite differences.
      atol: the absolute tolerance.
      rtol: the relative tolerance.
      raise_exception: raise a GradcheckError when the check fails, instead of returning False.
      nondet_tol: by how much two evaluations at the same inputs may differ.
      check_undefined_grad: check that an output that is not used counts as one whose gradient
        is zero, and with `check_forward_ad` the same of inputs and tangents.
      check_grad_dtypes: check that gradients have the dtypes of their inputs.
      check_batched_grad: check gradients under `vmap`.
      check_batched_forward_grad: check tangents under `vmap`.
      check_forward_ad: check forward mode.
      check_backward_ad: check reverse mode.
      fast_mode: compare one random combination `v^T J u` for each output and input. A wrong
        element far below the others can hide in it.
      masked: accepted for PyTorch's sake; it is about sparse tensors.

    Returns:
      True, or False when the check fails and `raise_exception` is False.

    Raises:
      GradcheckError: the check fails. The message names the output, the input and the element
        that differs most, with both values.
      ValueError: no input is an array of a floating point or complex dtype; neither mode is to
        be checked, or a batched check without its mode; the outputs change their shapes.
      TypeError: an output is not an array; an input is a tracer.

    Warns of inputs that are not in double precision.

    Departs from PyTorch: every floating point or complex array counts as one that requires grad.
    Outputs and inputs are numbered among all leaves, not among the differentiable ones. The
    function itself must be deterministic, too, within `nondet_tol`.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import gradcheck
      >>> x = jnp.array([0.5, -1.0, 2.0])  # float32: it takes a larger step and tolerance
      >>> import warnings
      >>> with warnings.catch_warnings():
      ...     warnings.simplefilter("ignore")
      ...     print(gradcheck(jnp.sin, x, eps=1e-2, atol=1e-3))
      True

    Reference: `torch.autograd.gradcheck`.
    """
    del masked
    if not (check_forward_ad or check_backward_ad):
        raise ValueError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True"
        )
    if check_batched_grad and not check_backward_ad:
        raise ValueError("Setting check_batched_grad=True requires check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise ValueError(
            "Setting check_batched_forward_grad=True requires check_forward_ad to be True"
        )
    problem = Problem.read(func, inputs)
    check = check_fast if fast_mode else check_full
    try:
        check_deterministic(problem, nondet_tol, check_backward_ad)
        tolerance = Tolerance(eps, atol, rtol, nondet_tol)
        check(problem, tolerance, check_backward_ad, check_forward_ad)
        if not problem.differentiable:
            return True
        if check_forward_ad and check_undefined_grad:
            check_undefined_forward(problem)
        if check_batched_forward_grad:
            check_batched(problem, is_forward=True)
        if not check_backward_ad:
            return True
        if check_batched_grad:
            check_batched(problem, is_forward=False)
        check_zero_gradient(problem, check_grad_dtypes)
        if check_undefined_grad:
            check_undefined_backward(problem)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Check the second derivatives of `func` against finite differences.

    `gradcheck` of the function from `inputs` and `grad_outputs` to the gradients of
    `inputs`: `conj(J_i)^T grad_outputs`.

    Args:
      func: a function of arrays that returns an array or a pytree of arrays.
      inputs: where to check, as in `gradcheck`.
      grad_outputs: an array for each output that depends on an input, in its shape; random
        numbers between -1 and 1 when it is left out.
      eps: the step of the finite differences.
      atol: the absolute tolerance.
      rtol: the relative tolerance.
      gen_non_contig_grad_outputs: accepted for PyTorch's sake; arrays have no strides here.
      raise_exception: raise a GradcheckError when the check fails, instead of returning False.
      nondet_tol: by how much two evaluations at the same inputs may differ.
      check_undefined_grad: as in `gradcheck`.
      check_grad_dtypes: as in `gradcheck`.
      check_batched_grad: as in `gradcheck`.
      check_fwd_over_rev: check forward mode over reverse mode.
      check_rev_over_rev: check reverse mode over reverse mode.
      fast_mode: as in `gradcheck`.
      masked: accepted for PyTorch's sake; it is about sparse tensors.

    Returns:
      True, or False when the check fails and `raise_exception` is False.

    Raises:
      GradcheckError: the check fails.
      RuntimeError: `grad_outputs` has another number of arrays or other shapes than the
        outputs that depend on an input.
      ValueError: as in `gradcheck`; no output depends on an input.
      TypeError: an output or an entry of `grad_outputs` is not an array.

    Example:
      >>> import jax.numpy as jnp, warnings
      >>> from grad import gradgradcheck
      >>> with warnings.catch_warnings():  # float32
      ...     warnings.simplefilter("ignore")
      ...     print(gradgradcheck(jnp.sin, jnp.array([0.5, -1.0]), eps=1e-2, atol=1e-3))
      True

    Reference: `torch.autograd.gradgradcheck`.
    """
    del gen_non_contig_grad_outputs, masked
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise ValueError(
            "Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True"
        )
    for name, value in (
        ("check_undefined_grad", check_undefined_grad),
        ("check_batched_grad", check_batched_grad),
    ):
        if value and not check_rev_over_rev:
            raise ValueError(f"Setting {name}=True requires check_rev_over_rev to be True")
    arguments = as_tuple(inputs)
    count = len(arguments)
    seeds = _read_grad_outputs(_trace(func, arguments), grad_outputs)

    def gradients(*args: Any) -> list[jax.Array]:
        inner = _trace(func, args[:count])
        given = iter(args[count:])
        filled = [
            next(given) if sources else jnp.zeros(aval.shape, aval.dtype)
            for aval, sources in zip(inner.avals, inner.connected, strict=True)
        ]
        used = union(inner.connected)
        return [g for i, g in enumerate(inner.gradients(filled)) if i in used]

    return gradcheck(
        gradients,
        (*arguments, *seeds),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
    )


def _trace(func: Callable[..., Any], arguments: tuple[Any, ...]) -> Trace:
    call, point, _ = restrict(func, arguments, "gradgradcheck")
    return trace(call, Inputs.splatted(point), "gradgradcheck")


def _read_grad_outputs(traced: Trace, grad_outputs: Any) -> tuple[Array, ...]:
    """Check the gradients of the outputs that depend on an input, or draw them."""
    outputs = [o for o, sources in zip(traced.avals, traced.connected, strict=True) if sources]
    if not outputs:
        raise ValueError(
            "gradgradcheck expects a function with an output that depends differentiably on an "
            "input of a floating point or complex dtype, but no output does."
        )
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        return tuple(jnp.asarray(_draw(rng, output)) for output in outputs)
    given = as_tuple(grad_outputs)
    require_arrays("grad_outputs", grad_outputs, given, "gradgradcheck")
    if len(given) != len(outputs):
        raise RuntimeError(
            f"got {len(outputs)} tensors and {len(given)} gradients: grad_outputs must hold one "
            "array for each output that depends on an input."
        )
    for i, (seed, output) in enumerate(zip(given, outputs, strict=True)):
        if seed.shape != output.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {seed.shape} and output[{i}] "
                f"has a shape of {output.shape}."
            )
        require_same_complex_dtype(i, seed, output)
    return given


def _draw(rng: np.random.Generator, output: Shaped) -> np.ndarray:
    values = rng.uniform(-1, 1, output.shape)
    if is_complex(output.dtype):
        values = values + 1j * rng.uniform(-1, 1, output.shape)
    return values.astype(output.dtype)
