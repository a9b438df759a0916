"""`fixed_point`: the `x` that a function maps to itself, with its derivative there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from convgrad._arrays import Array
from convgrad._dependence import has_custom_vjp

from .. import _jaxprs
from ._arguments import (
    keeping,
    read_count,
    read_init,
    read_number,
    read_solver,
    read_state,
    require_function,
    settled,
)
from ._solvers import FixedPointInfo, Search, State

if TYPE_CHECKING:
    from convgrad._jax import ClosedJaxpr

LinearSolver = Callable[[Callable[[Any], Any], Any], Any]


def fixed_point(
    func: Callable[..., Any],
    init: Any,
    *args: Any,
    tol: float | None = None,
    max_steps: int = 1000,
    solver: str = "iteration",
    damping: float = 1.0,
    history: int = 5,
    backward_solver: str | LinearSolver | None = None,
    backward_tol: float | None = None,
    backward_max_steps: int | None = None,
    unconverged: str = "nan",
    return_info: bool = False,
) -> Any:
    """Return the `x` with `x = func(x, *args)`, differentiated where it lies.

    With `J = d func / d x` at the fixed point, the implicit function theorem gives

    `dx = (I - J)^-1 (d func / d args) dargs`,

    which does not ask how `x` was found: reverse mode solves `u = J^T u + v` and forward mode
    `w = J w + b`, and no step of the search is kept. Memory is that of one evaluation of `func`
    and its derivative, whatever the number of steps (Anderson's keeps `history` states more).

    Reverse and forward mode at any order, `jit`, `vmap` (each example with its own number of
    steps), `scan` and `checkpoint` work. Gradients flow to `args` and to arrays that `func`
    closes over. They do not flow to `init`: where the search starts does not move its end.

    Args:
      func: a function of the state and `args` to the next state, of the same structure, shapes
        and dtypes. It is traced.
      init: the first state, an array or a pytree of arrays, floating point or complex.
      *args: what else `func` takes: pytrees of arrays, or anything else.
      tol: ends the search: `norm(func(x) - x) <= tol + tol * norm(x)`, the norm being
        Euclidean, over all elements of the state. If None, `eps^(2/3)` of the coarsest dtype
        of the state: 4e-11 in float64, 2e-5 in float32. The error of `x` is larger than the
        last change, by `1 / (1 - L)` where each step shrinks changes by `L`.
      max_steps: the largest number of evaluations of `func`.
      solver: `"iteration"`, `x = func(x)` again and again, which needs a `func` that is
        contracting there; or `"anderson"`, Anderson's acceleration, which takes fewer steps
        and needs `history` states of memory.
      damping: how far a step goes towards `func(x)`: 1 is all the way.
      history: how many states Anderson's acceleration mixes.
      backward_solver: how the derivative's linear equation is solved: one of the two names, None
        for the same as `solver`, or a function `(matvec, b) -> w` with `matvec(w) = b`,
        such as `lambda matvec, b: jax.scipy.sparse.linalg.gmres(matvec, b)[0]`.
      backward_tol: ends that: `norm(J w + b - w) <= backward_tol * norm(b)`; None for `tol`.
      backward_max_steps: its largest number of steps; None for `max_steps`.
      unconverged: what comes of a search that did not reach `tol`: `"nan"`, a state of NaN,
        and so are all derivatives (of that example, under `vmap`); or `"keep"`, the last
        state, and the derivative as if it were the fixed point. A linear equation that
        was not solved gives a derivative of NaN, or the last one, likewise.
      return_info: return `(x, info)`, with `info.steps`, `info.residual` and
        `info.converged`.

    Returns:
      The fixed point, in the structure of `init`.

    Raises:
      TypeError: `func` or `backward_solver` cannot be called; a leaf of `init` is no
        array of a floating point or complex dtype; `func` returns another structure or
        dtype; a setting has the wrong type.
      ValueError: `func` changes a shape; a setting is out of its range.

    NaN is the default as it cannot be overlooked, costs nothing, and works inside of every
    transformation; to train with a fixed small number of steps take `unconverged="keep"`. A state
    that becomes NaN or infinite ends the search at once.

    Departs from PyTorch: a loop there is unrolled by autograd, with the gradient of the steps that
    were taken; at a fixed point the two agree to the order of `tol`.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from grad import fixed_point
      >>> def root(a):  # x = cos(a x)
      ...     return fixed_point(lambda x, a: jnp.cos(a * x), jnp.float32(0.5), a)
      >>> x, slope = jax.value_and_grad(root)(jnp.float32(1.0))
      >>> print(f"{x:.3f} {slope:.3f}")
      0.739 -0.297

      A layer whose output is the state that it leaves alone, a deep equilibrium layer:

      >>> def layer(w, x):
      ...     return fixed_point(
      ...         lambda z, w, x: jnp.tanh(w @ z + x), jnp.zeros_like(x), w, x, solver="anderson"
      ...     )
      >>> w, x = jnp.array([[0.0, 0.5], [-0.5, 0.0]]), jnp.array([1.0, 0.0])
      >>> z = layer(w, x)
      >>> print(jnp.allclose(z, jnp.tanh(w @ z + x)), jax.jacfwd(layer)(w, x).shape)
      True (2, 2, 2)

      How it ended:

      >>> x, info = fixed_point(lambda x: 2 * x, jnp.ones(2), max_steps=20, return_info=True)
      >>> print(x, info.steps, info.converged)
      [nan nan] 20 False

    Reference: Bai, Kolter and Koltun, Deep Equilibrium Models (2019); Walker and Ni, Anderson
    Acceleration for Fixed-Point Iterations (2011).
    """
    require_function("func", func)
    leaves, treedef = read_init(init)
    if unconverged not in ("nan", "keep"):
        raise ValueError(
            f'fixed_point: unconverged must be "nan" or "keep", got unconverged={unconverged!r}.'
        )
    coarsest = max(float(jnp.finfo(leaf.dtype).eps) for leaf in leaves)
    search = Search(
        read_solver("solver", solver),
        coarsest ** (2 / 3) if tol is None else read_number("tol", tol),
        read_count("max_steps", max_steps),
        read_number("damping", damping, most=1.0),
        read_count("history", history),
    )
    if search.damping == 0:
        raise ValueError("fixed_point: damping must be above 0, got damping=0: no step is taken.")
    keep = unconverged == "keep"
    if callable(backward_solver):
        solve_linear = backward_solver
    else:
        linear = Search(
            search.solver
            if backward_solver is None
            else read_solver("backward_solver", backward_solver),
            search.tol if backward_tol is None else read_number("backward_tol", backward_tol),
            search.max_steps
            if backward_max_steps is None
            else read_count("backward_max_steps", backward_max_steps),
            1.0 if search.solver == "anderson" else search.damping,
            search.history,
        )

        def solve_linear(matvec: Callable[[State], State], b: State) -> State:
            found, info = linear.linear(matvec, b)
            return found if keep else _or_nan(found, info.converged)

    def flat(*state: jax.Array) -> list[jax.Array]:
        returned = func(jax.tree.unflatten(treedef, state), *args)
        return read_state(returned, state, treedef)

    leaves = settled(flat, leaves)
    closed, consts = _jaxprs.trace(keeping(flat), [jax.typeof(x) for x in leaves])
    x, info = _solve(closed, search, solve_linear, keep)(consts, leaves)
    found = jax.tree.unflatten(treedef, x)
    return (found, info) if return_info else found


def _solve(
    closed: ClosedJaxpr, search: Search, solve_linear: LinearSolver, keep: bool
) -> Callable[[list[ArrayLike], State], tuple[State, FixedPointInfo]]:
    """Return the function of what `func` closes over, and of the first state, to the last."""

    def step(consts: Sequence[ArrayLike], x: State) -> State:
        return _jaxprs.call(closed, [*consts, *x])

    @jax.custom_jvp
    def solve(consts: list[ArrayLike], first: State) -> tuple[State, FixedPointInfo]:
        x, info = search.root(lambda x: step(consts, x), first)
        return (x if keep else _or_nan(x, info.converged)), info

    @solve.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        consts, first = primals
        x, info = solve(consts, first)
        # J, once for all steps; and b, the derivative of func at a state that stays.
        push = _pushforward(lambda x: step(consts, x), x, closed)
        _, b = jax.jvp(lambda consts: step(consts, x), (consts,), (tangents[0],))

        def matvec(w: State) -> State:
            return [a - c for a, c in zip(w, push(w), strict=True)]

        moved = jax.lax.custom_linear_solve(matvec, b, solve_linear, solve_linear)
        still = FixedPointInfo(
            np.zeros(jnp.shape(info.steps), jax.dtypes.float0),
            jnp.zeros_like(info.residual),
            np.zeros(jnp.shape(info.converged), jax.dtypes.float0),
        )
        return (x, info), (moved, still)

    return solve


def _pushforward(
    step: Callable[[State], State], x: State, closed: ClosedJaxpr
) -> Callable[[State], State]:
    """Return `w -> J w`. Through a `jax.custom_vjp` it is `J^T` transposed."""
    if not has_custom_vjp(closed):
        return jax.linearize(step, x)[1]
    y, pull = jax.vjp(step, x)
    return lambda w: jax.linear_transpose(pull, y)((w,))[0]


def _or_nan(xs: State, there: Array) -> State:
    return [jnp.where(there, x, jnp.asarray(jnp.nan, x.dtype)) for x in xs]
