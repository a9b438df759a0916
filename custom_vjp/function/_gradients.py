"""What backward and jvp are given and what they may return: PyTorch's rules, checked while tracing.

A gradient of PyTorch is the conjugate of JAX's cotangent. It is conjugated on the way into backward
and out of it, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import jax.numpy as jnp
from jax.tree_util import PyTreeDef
from jax.typing import ArrayLike

from convgrad._arrays import conj, is_array, is_complex, is_inexact

from ._call import Call, Record
from ._tangents import flatten

if TYPE_CHECKING:
    from convgrad._jax import Shaped

T = TypeVar("T")


def to_outputs(
    record: Record,
    outputs: Sequence[jax.ShapeDtypeStruct],
    cotangents: Sequence[ArrayLike | None],
) -> list[Any]:
    """Make the arguments of backward: a gradient for each output, zeros or None where none came.

    `outputs` are shapes of all output arrays, `cotangents` JAX's of the differentiable ones.
    """
    given = iter(cotangents)
    arrays: list[jax.Array | None] = []
    for out, differentiable in zip(outputs, record.differentiable, strict=True):
        cotangent = next(given) if differentiable else None
        if cotangent is not None:
            arrays.append(conj(jnp.asarray(cotangent)))
        else:
            arrays.append(jnp.zeros(out.shape, out.dtype) if record.materialize else None)
    return _per_child(record.output_tree, _spread(arrays, record.is_output))


def _spread(arrays: Sequence[T], is_array: Sequence[bool]) -> list[T | None]:
    values = iter(arrays)
    return [next(values) if a else None for a in is_array]


def _per_child(tree: PyTreeDef, leaves: Sequence[Any]) -> list[Any]:
    """One value for each element of a tuple; a tree of another kind is one value."""
    if not _is_tuple(tree):
        return [tree.unflatten(leaves)]
    rest = iter(leaves)
    return [
        child.unflatten([next(rest) for _ in range(child.num_leaves)]) for child in tree.children()
    ]


def _is_tuple(tree: PyTreeDef) -> bool:
    kind = tree.node_data()
    return kind is not None and issubclass(kind[0], tuple)


def to_inputs(
    call: Call, leaves: Sequence[Any], returned: Any, live: Sequence[bool]
) -> list[jax.Array | None]:
    """Check what backward returned; give JAX the cotangents of the live traced arrays, or None."""
    gradients = returned if isinstance(returned, tuple) else (returned,)
    count, wanted = len(gradients), len(call.names)
    if count < wanted or any(g is not None for g in gradients[wanted:]):
        raise ValueError(
            f"{call.name}.backward must return one gradient for each input of forward "
            f"({', '.join(call.names)}), so {wanted}, but it returned {count}; give None for an "
            "input without gradient"
        )
    per_leaf: list[Any] = []
    for i, child in enumerate(call.tree.children()):
        inputs = leaves[len(per_leaf) : len(per_leaf) + child.num_leaves]
        per_leaf += _leaves_of(call, i, gradients[i], child, inputs)
    cotangents: list[jax.Array | None] = []
    for position, wants in zip(call.traced, live, strict=True):
        gradient = per_leaf[position]
        if wants and gradient is not None:
            argument = call.names[call.argument[position]]
            gradient = _fit(call, argument, gradient, leaves[position])
            cotangents.append(conj(gradient))
        elif wants:
            cotangents.append(None)
    return cotangents


def _leaves_of(
    call: Call, i: int, gradient: Any, tree: PyTreeDef, inputs: Sequence[Any]
) -> list[Any]:
    """Take the gradient of one argument apart as the argument itself is."""
    where = f"{call.name}.backward: the gradient of {call.names[i]}"
    if gradient is None:
        return [None] * tree.num_leaves
    if not any(map(_has_shape, inputs)):
        what = repr(inputs[0]) if len(inputs) == 1 else "no array"
        raise ValueError(f"{where} must be None, as {call.names[i]} is {what}; got {gradient!r}")
    if tree == jax.tree.structure(0):
        if not is_array(gradient):
            raise TypeError(
                f"{where} must be an array or None, got {gradient!r} of type "
                f"{type(gradient).__name__}; several gradients are returned as a tuple"
            )
        return [gradient]
    parts, structure = flatten(gradient, is_leaf=lambda leaf: leaf is None)
    if structure != jax.tree.structure(tree.unflatten([0] * tree.num_leaves)):
        raise ValueError(f"{where} must be None or have its structure, {tree}; got {structure}")
    return parts


def _fit(call: Call, argument: str, gradient: ArrayLike, like: Shaped) -> jax.Array:
    """Bring a gradient to the shape and dtype of its input where PyTorch does."""
    where = f"{call.name}.backward: the gradient of {argument}"
    shape, dtype = like.shape, like.dtype
    gradient = jnp.asarray(gradient)
    if is_complex(gradient.dtype) and not is_complex(dtype):
        raise TypeError(
            f"{where} has dtype {gradient.dtype}, but {argument} is real ({dtype}); return its "
            "real part"
        )
    added = gradient.ndim - len(shape)
    if added < 0 or any(
        n not in (1, m) for n, m in zip(shape, gradient.shape[max(added, 0) :], strict=True)
    ):
        raise ValueError(
            f"{where} has shape {gradient.shape}, but {argument} has shape {shape}; return one of "
            f"that shape, or one that summing over broadcast axes brings to it"
        )
    stretched = [
        axis
        for axis, size in enumerate(gradient.shape)
        if axis < added or (shape[axis - added] == 1 and size != 1)
    ]
    if stretched:
        gradient = gradient.sum(stretched).reshape(shape)
    return gradient.astype(dtype)


def to_jvp(
    call: Call, record: Record, leaves: Sequence[Any], tangents: Sequence[jax.Array | None]
) -> list[Any]:
    """Make the arguments of jvp: a tangent for each input, zeros or None where it does not move.

    `tangents` has one for each traced array, or None.
    """
    moving = dict(zip(call.traced, tangents, strict=True))
    spread = []
    for i, leaf in enumerate(leaves):
        tangent = moving.get(i)
        if tangent is None and record.materialize and _has_shape(leaf) and is_inexact(leaf.dtype):
            tangent = jnp.zeros(leaf.shape, leaf.dtype)
        spread.append(tangent)
    return _per_child(call.tree, spread)


def from_jvp(
    call: Call, record: Record, outputs: Sequence[jax.ShapeDtypeStruct], returned: Any
) -> list[jax.Array]:
    """Check what jvp returned; give JAX the tangents of the differentiable outputs."""
    tree = record.output_tree
    per_output = returned if isinstance(returned, tuple) else (returned,)
    children = tree.children() if _is_tuple(tree) else [tree]
    if len(per_output) != len(children):
        raise ValueError(
            f"{call.name}.jvp must return one tangent for each output of forward, so "
            f"{len(children)}, but it returned {len(per_output)}"
        )
    spread: list[Any] = []
    for i, (value, child) in enumerate(zip(per_output, children, strict=True)):
        parts = [None] * child.num_leaves
        if value is not None:
            parts, structure = flatten(value, is_leaf=lambda leaf: leaf is None)
            if structure.num_leaves != child.num_leaves:
                raise ValueError(
                    f"{call.name}.jvp: the tangent of output {i} must have its structure, "
                    f"{child}; got {structure}"
                )
        spread += parts
    given = [value for value, array in zip(spread, record.is_output, strict=True) if array]
    tangents = []
    for i, (value, out) in enumerate(zip(given, outputs, strict=True)):
        if not record.differentiable[i]:
            continue
        if value is None:
            raise TypeError(
                f"{call.name}.jvp returned None for output {i}: return its tangent, of shape "
                f"{out.shape}, and jnp.zeros_like of it where it does not move"
            )
        if not is_array(value):
            raise TypeError(
                f"{call.name}.jvp: the tangent of output {i} must be an array, got {value!r} of "
                f"type {type(value).__name__}"
            )
        if value.shape != out.shape:
            raise ValueError(
                f"{call.name}.jvp: the tangent of output {i} has shape {value.shape}, but the "
                f"output has shape {out.shape}"
            )
        tangents.append(jnp.asarray(value).astype(out.dtype))
    return tangents


def _has_shape(leaf: object) -> bool:
    return is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)
