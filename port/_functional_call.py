"""Calling a module with other parameters, by PyTorch's names: what `grad.func` offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike

from convgrad._arrays import is_array

from ._layouts import SAME
from ._state import state_dict
from ._tree import Entry, Tree, tree

WHERE = "functional_call"


def functional_call(
    module: nnx.Module,
    dicts: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    args: Any,
    kwargs: Mapping[str, Any] | None,
    *,
    tie_weights: bool,
    strict: bool,
) -> tuple[Any, dict[str, jax.Array]]:
    """Return the output of a copy of a module with other values, and the copy's state then."""
    if not isinstance(module, nnx.Pytree):
        raise TypeError(f"{WHERE}: module must be an nnx.Module, got {type(module)}")
    given = _join(dicts)
    copy = nnx.clone(module)
    found = tree(copy)
    tied = _tied(found)
    _check_names(found, given, tied, type(module).__name__, strict)
    _check_ties(given, tied, tie_weights)
    for name, value in given.items():
        if name in found.entries:
            _set(found.entries[name], value)
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise TypeError(f"{WHERE}: kwargs must be a dict or None, got {type(kwargs)}")
    positional = args if isinstance(args, tuple) else () if args is None else (args,)
    output = copy(*positional, **(kwargs or {}))
    return output, state_dict(copy)


def stack_module_state(
    models: Sequence[nnx.Module],
) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
    """Return the parameters and the other variables of modules of one class, stacked."""
    where = "stack_module_state"
    if not isinstance(models, Sequence | nnx.List):
        raise TypeError(f"{where}: models must be a list of modules, got {type(models)}")
    if not models:
        raise RuntimeError(f"{where}: Expected at least one model, got 0.")
    if any(type(model) is not type(models[0]) for model in models):
        raise RuntimeError(f"{where}: Expected all models to be of the same class.")
    if not isinstance(models[0], nnx.Pytree):
        raise TypeError(f"{where}: models must be nnx.Modules, got {type(models[0])}")
    states = [state_dict(model) for model in models]
    entries = tree(models[0]).entries
    names = [group[0] for group in _groups(entries)]  # a tied one has its first name only
    stacked = {name: jnp.stack([state[name] for state in states]) for name in names}
    params = {n: x for n, x in stacked.items() if isinstance(entries[n].variables[0], nnx.Param)}
    return params, {name: x for name, x in stacked.items() if name not in params}


def _join(dicts: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Make one dictionary of several, which may share no name."""
    if isinstance(dicts, Mapping):
        return dict(dicts)
    if not isinstance(dicts, Sequence):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(dicts)}"
        )
    if not all(isinstance(part, Mapping) for part in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [name for part in dicts for name in part]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(
            f"{repeated} appeared in multiple dictionaries; behavior of functional call is "
            "ambiguous"
        )
    return {name: value for part in dicts for name, value in part.items()}


def _groups(entries: Mapping[str, Entry]) -> list[list[str]]:
    """Return the names of each tensor, of which a tied one has several."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, entry in entries.items():
        groups.setdefault(tuple(id(v) for v in entry.variables), []).append(name)
    return list(groups.values())


def _tied(found: Tree) -> list[list[str]]:
    return [group for group in _groups(found.entries) if len(group) > 1]


def _check_names(
    found: Tree, given: Mapping[str, Any], tied: list[list[str]], name: str, strict: bool
) -> None:
    for key in given:
        prefix, dot, _ = str(key).rpartition(".")
        if prefix + dot not in found.prefixes:
            raise AttributeError(f"{WHERE}: {name} has no attribute `{prefix}`, got {key!r}")
    if not strict:
        return
    there = set(given).union(*(group for group in tied if set(group) & set(given)))
    lines = [
        f"\n\t{kind} key(s): {', '.join(map(repr, keys))}."
        for kind, keys in (
            ("Unexpected", [key for key in given if key not in found.entries]),
            ("Missing", [key for key in found.entries if key not in there]),
        )
        if keys
    ]
    if lines:
        raise RuntimeError(f"Error(s) in reparametrizing for {name}:{''.join(lines)}")


def _check_ties(given: Mapping[str, Any], tied: list[list[str]], tie_weights: bool) -> None:
    for group in tied:
        names = [name for name in group if name in given]
        same = all(given[name] is given[names[0]] for name in names)
        if tie_weights and not same:
            raise ValueError(
                f"functional_call got multiple values for keys {names}, which are tied. Consider "
                "using tie_weights=False"
            )
        if not tie_weights and names and not (same and len(names) == len(group)):
            raise NotImplementedError(
                f"{WHERE}: tie_weights=False: {group} are one nnx.Variable, which has one value: "
                "give all of them the same one, or give the module variables of their own"
            )


def _set(entry: Entry, value: ArrayLike) -> None:
    """Put a tensor in, in its own dtype, and in its own shape where the layout allows it."""
    if not is_array(value):
        raise TypeError(f"{WHERE}: {entry.name} must be an array, got {type(value)}")
    array = jnp.asarray(value)
    if entry.layout is SAME and len(entry.variables) == 1:
        entry.variables[0].set_value(array)
        return
    shape = entry.form().shape
    if array.shape != shape:
        raise RuntimeError(
            f"{WHERE}: size mismatch for {entry.name}: got shape {array.shape}, the shape in the "
            f"module is {shape}"
        )
    for variable, part in zip(entry.variables, entry.values(array), strict=True):
        variable.set_value(part)
