"""What `fixed_point` takes, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import PyTreeDef

from convgrad._arrays import is_array, is_inexact, is_number
from convgrad._integers import as_integer

from ._solvers import SOLVERS


def require_function(name: str, value: object) -> None:
    """Raise a TypeError for what cannot be called."""
    if not callable(value):
        raise TypeError(f"fixed_point: {name} must be a function, got {type(value).__name__}.")


def read_init(init: Any) -> tuple[list[jax.Array], PyTreeDef]:
    """Flatten the first state; require arrays that have derivatives."""
    paths, treedef = jax.tree_util.tree_flatten_with_path(init)
    if not paths:
        raise TypeError(f"fixed_point: init must have an array, got init={init!r}.")
    leaves = []
    for path, leaf in paths:
        name = f"init{jax.tree_util.keystr(path)}"
        if not is_array(leaf) and not is_number(leaf):
            raise TypeError(
                f"fixed_point: {name} must be an array, got {type(leaf).__name__}: {leaf!r}."
            )
        array = jnp.asarray(leaf)
        if not is_inexact(array.dtype):
            raise TypeError(
                f"fixed_point: {name} must have a floating point or complex dtype, got "
                f"{array.dtype}: the state is what is differentiated. Convert it with .astype."
            )
        leaves.append(array)
    return leaves, treedef


def read_state(returned: Any, state: Sequence[jax.Array], treedef: PyTreeDef) -> list[jax.Array]:
    """Flatten what func returned; require the structure and the shapes of the state."""
    given: PyTreeDef
    leaves, given = jax.tree.flatten(returned)
    if given != treedef:
        raise TypeError(
            f"fixed_point: func must return the structure of init, {treedef}, got {given}."
        )
    for leaf, x in zip(leaves, state, strict=True):
        if not is_array(leaf) and not is_number(leaf):
            raise TypeError(f"fixed_point: func must return arrays, got {type(leaf).__name__}.")
        if np.shape(leaf) != x.shape:
            raise ValueError(
                "fixed_point: func must keep the shapes of init, "
                f"{x.shape}, got {np.shape(leaf)}: broadcast init first."
            )
    return [jnp.asarray(leaf) for leaf in leaves]


def settled(flat: Callable[..., list[jax.Array]], leaves: list[jax.Array]) -> list[jax.Array]:
    """Return the state; where it has numbers of Python's, in the dtypes that func returns."""
    weak = [jax.typeof(x).weak_type for x in leaves]
    if not any(weak):
        return leaves
    outputs = jax.eval_shape(flat, *leaves)
    return [
        jax.lax.convert_element_type(x, jnp.result_type(x, out) if free else x.dtype)
        for x, out, free in zip(leaves, outputs, weak, strict=True)
    ]


def keeping(flat: Callable[..., list[jax.Array]]) -> Callable[..., list[jax.Array]]:
    """Return the function, which raises where func changes a dtype."""

    def strict(*state: jax.Array) -> list[jax.Array]:
        outputs = flat(*state)
        for x, out in zip(state, outputs, strict=True):
            free = jax.typeof(out).weak_type and jnp.promote_types(x.dtype, out.dtype) == x.dtype
            if out.dtype != x.dtype and not free:
                raise TypeError(
                    f"fixed_point: func must keep the dtypes of init, {x.dtype}, got {out.dtype}: "
                    "convert one of them with .astype."
                )
        return [
            jax.lax.convert_element_type(out, x.dtype)
            for x, out in zip(state, outputs, strict=True)
        ]

    return strict


def read_solver(name: str, value: object) -> str:
    """Return the name of a solver."""
    if value not in SOLVERS:
        names = " or ".join(f'"{known}"' for known in SOLVERS)
        function = ", or a function (matvec, b) -> w" if name == "backward_solver" else ""
        raise ValueError(f"fixed_point: {name} must be {names}{function}, got {name}={value!r}.")
    return str(value)


def read_number(name: str, value: Any, most: float = float("inf")) -> float:
    """Return a number from 0 to `most` that is known while tracing."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"fixed_point: {name} must be a number that is known while tracing, got {value!r}."
        ) from None
    if not 0 <= number <= most:
        bounds = "at least 0" if most == float("inf") else f"from 0 to {most:g}"
        raise ValueError(f"fixed_point: {name} must be {bounds}, got {name}={value!r}.")
    return number


def read_count(name: str, value: object) -> int:
    """Return a positive number of steps or states."""
    count = as_integer(value)
    if count is None:
        raise TypeError(f"fixed_point: {name} must be a positive int, got {name}={value!r}.")
    if not 0 < count < 2**31:
        raise ValueError(f"fixed_point: {name} must be a positive int32, got {name}={value!r}.")
    return count
