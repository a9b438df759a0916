"""A user's `vmap` staticmethod, as a rule of `jax.custom_batching.custom_vmap`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jax.tree_util import PyTreeDef
from jax.typing import ArrayLike

from convgrad._arrays import Array, is_array
from convgrad._errors import NEEDS_VALUES
from convgrad._jax import is_traced

from ._call import Call, defines, jax_array
from ._numpy import on_values, refuse_numbers
from ._words import torch_words


class VmapInfo(NamedTuple):
    """The first argument of vmap: the size of the mapped axis, and PyTorch's randomness option."""

    batch_size: int
    randomness: str


def mapped_forward(call: Call, arrays: Sequence[ArrayLike]) -> Callable[..., Any]:
    """Return forward, with the user's vmap as its batching rule if there is one to honour.

    As in PyTorch that takes a forward without ctx. Any other is batched by JAX.
    """
    forward = call.function.forward
    traced = any(is_traced(array) for array in arrays)
    if not (traced and call.two_parts and defines(call.function, "vmap")):
        return forward
    structure: list[Any] = []

    def run(values: Sequence[ArrayLike]) -> tuple[list[Array], Any]:
        leaves, tree = jax.tree.flatten(forward(*call.inputs(call.fill(map(jax_array, values)))))
        others = tuple(None if is_array(leaf) else leaf for leaf in leaves)
        return [leaf for leaf in leaves if is_array(leaf)], (tree, others)

    def flat(*values: jax.Array) -> list[jax.Array]:
        try:
            outputs, rest = run(values)
        except NEEDS_VALUES as error:
            (*outputs, _), rest = on_values(run, values, f"{call.name}.forward", error)
            refuse_numbers(rest[1], call.name)
        structure[:] = rest
        return [jnp.asarray(out) for out in outputs]

    def rule(
        size: int, batched: Sequence[bool], *values: jax.Array
    ) -> tuple[list[Array], list[bool]]:
        outputs = _call_vmap(call, size, batched, values, structure[0])
        return [out for out, _ in outputs], [is_batched for _, is_batched in outputs]

    mapped = custom_vmap(flat)
    mapped.def_vmap(rule)

    def forward_with_rule(*_: object) -> Any:
        given = iter(mapped(*arrays))
        tree, others = structure
        return tree.unflatten([next(given) if leaf is None else leaf for leaf in others])

    return forward_with_rule


def _call_vmap(
    call: Call, size: int, batched: Sequence[bool], values: Sequence[jax.Array], tree: PyTreeDef
) -> list[tuple[Array, bool]]:
    function, name = call.function, call.name
    if function.generate_vmap_rule:
        raise RuntimeError(
            f"{name} has both generate_vmap_rule=True and a vmap staticmethod: remove one of them"
        )
    dims: list[int | None] = [None] * len(call.leaves)
    for i, is_batched in zip(call.traced, batched, strict=True):
        dims[i] = 0 if is_batched else None
    in_dims, inputs = call.inputs(dims), call.inputs(call.fill(map(jax_array, values)))
    with torch_words(f"{name}.vmap"):
        returned = function.vmap(VmapInfo(size, "error"), in_dims, *inputs)
    if not (isinstance(returned, tuple) and len(returned) == 2):
        raise TypeError(f"{name}.vmap must return (output, out_dims), got {returned!r}")
    output, out_dims = returned
    leaves, structure = jax.tree.flatten(output)
    if structure != tree:
        raise ValueError(
            f"{name}.vmap must return as its output what forward returns, {tree}; got {structure}"
        )
    spread = jax.tree.broadcast(out_dims, output, is_leaf=lambda d: d is None)
    flat_dims = jax.tree.leaves(spread, is_leaf=lambda d: d is None)
    return [
        (leaf if dim is None else jnp.moveaxis(leaf, dim, 0), dim is not None)
        for leaf, dim in zip(leaves, flat_dims, strict=True)
        if is_array(leaf)
    ]
