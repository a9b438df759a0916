"""`while_loop`: `lax.while_loop` that reverse mode goes through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import PyTreeDef
from jax.typing import ArrayLike

from convgrad._arrays import is_array
from convgrad._integers import as_integer

from .._jaxprs import Body, trace
from ._plan import make_plan
from ._primitive import Loop, bind

if TYPE_CHECKING:
    from convgrad._jax import Shaped

T = TypeVar("T")


def while_loop(
    cond_fun: Callable[[T], Any],
    body_fun: Callable[[T], T],
    init_val: T,
    *,
    max_steps: int | None = None,
) -> T:
    """Run `body_fun` for as long as `cond_fun` holds: `lax.while_loop` with gradients.

    `y = init_val`; while `cond_fun(y)`: `y = body_fun(y)`. With `n` steps the gradient is
    that of `body_fun` applied `n` times; `n` itself carries none.

    Reverse and forward mode, any order of both, `jit`, `vmap` (each example with its own
    number of steps), `scan` and `checkpoint` work. Without differentiation this is
    `lax.while_loop`, in time and in memory. A loop in Python moves over in one line::

        while y.norm() < 1000:                                                      # PyTorch
            y = y * 2
        y = while_loop(lambda y: jnp.linalg.norm(y) < 1000, lambda y: y * 2, y)     # here

    The derivative keeps the state every few steps and recomputes the steps between:

    ============  =======================  ==================================================
    max_steps     states in memory         body_fun is run, in value and gradient together
    ============  =======================  ==================================================
    an int `m`    `2 sqrt(m)`              three times a step: for the value, once more from
                                           the kept states, and for the derivative of the step
    None          460 (96 of more than     as above up to 8464 (256) steps, once more a step for
                  256 KiB)                 every 92 (16) times as many
    ============  =======================  ==================================================

    The memory is set aside for `m`, not for the steps that are taken: give the `max_steps` that
    the loop can need when its state is large. Beside the states there is what one step needs, and
    the arrays that the functions close over are never stacked.

    Outside of `jit` every call traces and compiles the loop anew. A program with `max_steps`
    has a callback to Python for its error, which `jax.export` cannot write to disk.

    Args:
      cond_fun: a function of the state to a boolean scalar.
      body_fun: a function of the state to the next one, of the same structure, shapes and dtypes.
        Both may close over arrays, and gradients flow to those too.
      init_val: the first state, any pytree of arrays of any shape and dtype; integers, booleans
        and PRNG keys carry no gradient.
      max_steps: the largest number of steps, a positive int; None for no limit.

    Returns:
      The first state for which `cond_fun` fails, in the structure of `init_val`.

    Raises:
      TypeError: `cond_fun` does not return a boolean scalar; `body_fun` changes the
        structure, a shape or a dtype; `max_steps` is not an int.
      ValueError: `max_steps` is not positive, or above 2^30.
      RuntimeError: `cond_fun` still holds after `max_steps` steps (for some example, under
        `vmap`). Called directly it is raised by the call. Under `jit`, where no value is
        known while tracing, it is raised when the program runs, or at the latest when a result
        is waited for (printed, compared, given to `jax.block_until_ready`), and JAX chooses
        the class: `jax.errors.JaxRuntimeError`, which is a RuntimeError, or a ValueError in a
        program that ran before without the error. The message is in it. Without
        `max_steps`, a loop of more than 2^26 steps (2^20 where the state takes more than
        256 KiB) cannot be differentiated and says so likewise.

    Departs from PyTorch: the loop stays inside the compiled program, so `cond_fun` and
    `body_fun` are traced and cannot branch on values in Python.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from grad import while_loop
      >>> def root(a):  # Newton's method
      ...     far = lambda x: jnp.abs(x * x - a) > 1e-6 * a
      ...     return while_loop(far, lambda x: (x + a / x) / 2, a, max_steps=100)
      >>> print(root(jnp.float32(9.0)))
      3.0
      >>> print(f"{jax.grad(root)(jnp.float32(9.0)):.4f}")
      0.1667
      >>> y = jnp.array([3.0, 4.0])
      >>> double = lambda y: while_loop(lambda y: jnp.linalg.norm(y) < 1000, lambda y: y * 2, y)
      >>> print(double(y), jax.jvp(double, (y,), (jnp.ones(2),))[1])
      [ 768. 1024.] [256. 256.]

    Reference: a `while` of Python around PyTorch's operations; `jax.lax.while_loop`.
    """
    for name, function in (("cond_fun", cond_fun), ("body_fun", body_fun)):
        if not callable(function):
            raise TypeError(f"{name} must be a function, got {type(function).__name__}.")
    limit = _read_max_steps(max_steps)
    paths, treedef = jax.tree_util.tree_flatten_with_path(init_val)
    names = [f"init_val{jax.tree_util.keystr(path)}" for path, _ in paths]
    leaves = [_read_leaf(name, leaf) for name, (_, leaf) in zip(names, paths, strict=True)]
    impls = [_key_impl(leaf) for leaf in leaves]

    def pack(state: Sequence[jax.Array]) -> T:
        wrapped = [
            x if impl is None else jax.random.wrap_key_data(x, impl=impl)
            for x, impl in zip(state, impls, strict=True)
        ]
        return jax.tree.unflatten(treedef, wrapped)

    def cond(*state: jax.Array) -> ArrayLike:
        return _read_condition(cond_fun(pack(state)))

    def body(*state: jax.Array) -> list[jax.Array]:
        result = body_fun(pack(state))
        structure: PyTreeDef = jax.tree.structure(result)
        if structure != treedef:
            raise TypeError(
                "body_fun must return the structure of init_val, "
                f"{treedef}: it returned {structure}."
            )
        return [
            _read_output(name, x, impl)
            for name, x, impl in zip(names, jax.tree.leaves(result), impls, strict=True)
        ]

    body.__name__ = getattr(body_fun, "__name__", "body")
    state = [x if i is None else jax.random.key_data(x) for x, i in zip(leaves, impls, strict=True)]
    while True:
        body_jaxpr, body_consts = trace(body, [jax.typeof(x) for x in state])
        promoted = [
            _match(name, x, aval)
            for name, x, aval in zip(names, state, body_jaxpr.out_avals[: len(state)], strict=True)
        ]
        if all(new is old for new, old in zip(promoted, state, strict=True)):
            break
        state = promoted
    cond_jaxpr, cond_consts = trace(cond, [jax.typeof(x) for x in state])
    loop = Loop(
        len(cond_consts),
        len(body_consts),
        cond_jaxpr,
        Body.of(body_jaxpr),
        make_plan(limit, sum(x.size * x.dtype.itemsize for x in state)),
        checked=limit is not None,
    )
    return pack(bind(loop, *cond_consts, *body_consts, *state))


def _read_max_steps(max_steps: object) -> int | None:
    if max_steps is None:
        return None
    limit = as_integer(max_steps)
    if limit is None:
        raise TypeError(f"max_steps must be a positive int or None, got {max_steps!r}.")
    if not 0 < limit <= 2**30:
        raise ValueError(f"max_steps must be positive and at most 2^30, got {max_steps}.")
    return limit


def _read_leaf(name: str, leaf: object) -> jax.Array:
    if not is_array(leaf) and not isinstance(leaf, bool | int | float | complex):
        raise TypeError(
            f"{name} must be an array or a number, got {type(leaf).__name__}: {leaf!r}."
        )
    return jnp.asarray(leaf)


def _key_impl(leaf: jax.Array) -> Any:
    """Return how a PRNG key is made from its bits, None for any other array."""
    is_key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return jax.random.key_impl(leaf) if is_key else None


def _read_condition(result: Any) -> ArrayLike:
    aval = jax.typeof(result) if is_array(result) or isinstance(result, bool) else None
    if aval is None or aval.shape != () or aval.dtype != np.bool_:
        got = type(result).__name__ if aval is None else f"{aval.dtype} of shape {aval.shape}"
        raise TypeError(f"cond_fun must return a boolean scalar: it returned {got}.")
    return result


def _read_output(name: str, x: object, impl: Any) -> jax.Array:
    if not is_array(x) and not isinstance(x, bool | int | float | complex):
        raise TypeError(
            f"body_fun must return arrays: it returned {type(x).__name__} for {name}: {x!r}."
        )
    x = jnp.asarray(x)
    if _key_impl(x) != impl:
        was = "a PRNG key" if impl is not None else "an array"
        raise TypeError(f"body_fun must keep dtypes: {name} is {was}, it returned {x.dtype}.")
    return x if impl is None else jax.random.key_data(x)


def _match(name: str, x: jax.Array, new: Shaped) -> jax.Array:
    """Return `x`, in the dtype of the body's output where `x` is a Python number."""
    if new.shape != x.shape:
        raise TypeError(
            f"body_fun must keep shapes: {name} has shape {x.shape}, it returned {new.shape}."
        )
    if new.dtype == x.dtype:
        return x
    if jax.typeof(x).weak_type and jnp.promote_types(x.dtype, new.dtype) == new.dtype:
        return x.astype(new.dtype)
    raise TypeError(
        f"body_fun must keep dtypes: {name} is {x.dtype}, it returned {new.dtype}. Convert one of "
        "them with .astype."
    )
