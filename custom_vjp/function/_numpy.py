"""Running a user's code on values where JAX traces: `jax.pure_callback` around all of it."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from convgrad._arrays import Array, is_inexact

from ._call import Record
from ._manual import vary_alike
from ._tangents import without_derivative

# What makes values of a shape up.
Make = Callable[[tuple[int, ...]], np.ndarray]
# A function of values: arrays in, arrays and a description of everything else out.
Run = Callable[[Sequence[ArrayLike]], tuple[list[Array], Any]]


def on_values(run: Run, arrays: Sequence[ArrayLike], owner: str, needed: Exception) -> Any:
    """Run a function of unknown output shapes on values, one element at a time under vmap.

    The shapes are those of a run on made-up values. What is not an array must not depend on the
    values: it is compared at every call.

    Returns:
      The traced arrays, one more that is True, and the description of the rest. The last array is
      there to be used: JAX leaves out a call whose results are not, and with it the comparison.
    """
    example, rest = _example(run, arrays, owner, needed)
    shapes = [_shape(value) for value in example]

    def compared(values: Sequence[ArrayLike]) -> list[np.ndarray]:
        results, again = run(values)
        _check_same(rest, again, owner)
        if len(results) != len(shapes):
            raise ValueDependentError(
                f"{owner}: the number of arrays depends on the values; return and save the same "
                "ones at every call"
            )
        return [_fit(r, s, owner) for r, s in zip(results, shapes, strict=True)]

    _try_others(compared, arrays)
    flag = jax.ShapeDtypeStruct((), bool)
    flat = jax.pure_callback(
        lambda *values: [*compared(values), np.True_],
        [*shapes, flag],
        *arrays,
        vmap_method="sequential",
    )
    return vary_alike(flat, *arrays), rest


def on_values_of_shape(
    run: Callable[..., Any], args: Sequence[Any], shapes: Sequence[jax.ShapeDtypeStruct], owner: str
) -> list[Any]:
    """Run a function of known output shapes on values; its derivative is refused."""

    def callback(*args: Any) -> list[np.ndarray]:
        results = zip(run(*args), shapes, strict=True)
        return [np.zeros(s.shape, s.dtype) if r is None else _fit(r, s, owner) for r, s in results]

    def call(*args: Any) -> list[Any]:
        results = jax.pure_callback(callback, list(shapes), *args, vmap_method="sequential")
        return vary_alike(results, *jax.tree.leaves(args))

    def refuse() -> None:
        raise TypeError(
            f"{owner} cannot be differentiated: it needs the values of its arguments (it computes "
            "with NumPy), and JAX sees nothing of that. Write it with jax.numpy, or let it call "
            "the apply of another Function"
        )

    return without_derivative(call, refuse)(*args)


def refuse_numbers(outputs: Sequence[object], name: str) -> None:
    """Raise where forward, called back with values, returns a number of Python's."""
    for value in outputs:
        if isinstance(value, int | float | complex):
            raise TypeError(
                f"{name}.forward returns {value!r}, a {type(value).__name__} of Python, but where "
                "JAX traces only arrays can depend on values: return np.asarray of it"
            )


class ValueDependentError(ValueError):
    """Shapes, or what is not an array, that depend on values."""


def _example(run: Run, arrays: Sequence[ArrayLike], owner: str, needed: Exception) -> Any:
    """Run on made-up values, of whatever kind the function takes."""
    first: Exception | None = None
    for make in (_fractions, _identity, np.zeros, np.ones):
        try:
            return _on_made_up(run, make, arrays)
        except Exception as error:
            first = first or error
    raise TypeError(
        f"{owner} asks for the values of its arguments where JAX traces (jit, vmap, grad of grad). "
        "It would be called back with them, but running it on made-up values to learn the shapes "
        f"of its results failed: {type(first).__name__}: {first}. Write it with jax.numpy"
    ) from needed


def _try_others(compared: Callable[..., Any], arrays: Sequence[ArrayLike]) -> None:
    """Compare with other values already while tracing, if the function takes them."""
    try:
        _on_made_up(compared, _others, arrays)
    except ValueDependentError:
        raise
    except Exception:  # it does not take them
        pass


def _on_made_up(run: Callable[..., Any], make: Make, arrays: Sequence[ArrayLike]) -> Any:
    with jax.ensure_compile_time_eval(), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return run([_made_up(make, array) for array in arrays])


def _made_up(make: Make, array: Any) -> jax.Array:
    floating = is_inexact(array.dtype)
    fill = make if floating else np.zeros  # 0 is an index into anything
    return jnp.asarray(np.asarray(fill(array.shape)).astype(array.dtype))


def _fractions(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.1, 0.9, shape)


def _others(shape: tuple[int, ...]) -> np.ndarray:
    return 3 - 9 * _fractions(shape)


def _identity(shape: tuple[int, ...]) -> np.ndarray:
    if len(shape) < 2:
        return np.ones(shape)
    return np.broadcast_to(np.eye(shape[-2], shape[-1]), shape)


def _shape(value: ArrayLike) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(
        np.shape(value), jax.dtypes.canonicalize_dtype(np.asarray(value).dtype)
    )


def _fit(value: ArrayLike, shape: jax.ShapeDtypeStruct, owner: str) -> np.ndarray:
    array = np.asarray(value)
    if array.shape != shape.shape:
        raise ValueDependentError(
            f"{owner}: a result has shape {array.shape} for these values, but {shape.shape} was "
            "expected; shapes may not depend on values where JAX traces"
        )
    if not np.can_cast(array.dtype, shape.dtype, "same_kind"):
        raise TypeError(f"{owner}: a result has dtype {array.dtype}, expected {shape.dtype}")
    return array.astype(shape.dtype)


def _check_same(rest: Any, again: Any, owner: str) -> None:
    """Compare what forward left beside arrays; `rest` may be a Record, or a tuple with one."""
    if isinstance(rest, tuple) and isinstance(again, tuple):
        for a, b in zip(rest, again, strict=True):
            _check_same(a, b, owner)
        return
    if isinstance(rest, Record):
        _check_constants(rest, again, owner)
        rest, again = (
            dataclasses.replace(r, constants=(), outputs=(), paths=()) for r in (rest, again)
        )
    if rest != again:
        raise ValueDependentError(
            f"{owner}: the structure of what it returns or keeps on ctx depends on the values of "
            "its arguments, which cannot be where JAX traces"
        )


def _check_constants(rest: Record, again: Record, owner: str) -> None:
    pairs = [
        *zip(rest.paths, rest.constants, again.constants, strict=False),
        *zip(["an output"] * len(rest.outputs), rest.outputs, again.outputs, strict=False),
    ]
    for name, old, new in pairs:
        if old is not new and not (type(old) is type(new) and (old == new or old != old)):
            raise ValueDependentError(
                f"{owner}: {name} is {new!r} for these values and {old!r} for others. Where JAX "
                "traces, only arrays may depend on values: make it one with np.asarray"
            )
