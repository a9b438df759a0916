"""A linear map of tangents that knows its transpose: what a custom function differentiates to.

JAX differentiates in two steps: it first builds the linear map from tangents in to tangents out,
and for reverse mode transposes that map. `tangent_map_p` is such a map, left closed: transposing it
calls `pull`, evaluating it calls `push`. Neither is run before it is needed.

`jax.custom_derivatives.linear_call` is nearly the same, but has no batching rule and cannot be
differentiated in its residuals.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero, zero_from_primal
from jax.tree_util import PyTreeDef
from jax.typing import ArrayLike

from convgrad import _jax
from convgrad._arrays import is_inexact
from convgrad._errors import FUNCTION_TANGENTS
from convgrad._jax import Axis, varying

from ._manual import vary

if TYPE_CHECKING:
    from convgrad._jax import ClosedJaxpr, Shaped, ShapedArray, Tangent

Arrays = Sequence[Any]

USER = "the derivative of a custom_vjp.Function"


@dataclasses.dataclass(eq=False, frozen=True, repr=False)
class TangentMap:
    """The two directions of a linear map, each a function of residuals and of what flows.

    Attributes:
      name: what it belongs to; shown in jaxprs.
      push: (residuals, tangents in) -> tangents out, all of them arrays.
      pull: (residuals, cotangents out) -> cotangents in; either may hold None for a zero.
      outputs: types of the tangents out.
      constant: raises where the map is differentiated in its residuals, if that is not allowed.
    """

    name: str
    push: Callable[[Arrays, Arrays], Arrays]
    pull: Callable[[Arrays, Arrays], Arrays]
    outputs: tuple[ShapedArray, ...]
    constant: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return self.name

    def __call__(self, residuals: Arrays, tangents: Arrays) -> list[jax.Array]:
        """Apply the map, or record it where JAX traces."""
        return tangent_map_p.bind(*residuals, *tangents, of=self, residuals=len(residuals))


def _evaluate(*args: ArrayLike, of: TangentMap, residuals: int) -> list[ArrayLike]:
    pushed = of.push(args[:residuals], args[residuals:])
    return [vary(t, varying(aval)) for t, aval in zip(pushed, of.outputs, strict=True)]


def _types(
    *_: ShapedArray, of: TangentMap, **__: Any
) -> tuple[list[ShapedArray], list[ClosedJaxpr]]:
    return list(of.outputs), []


tangent_map_p = _jax.new_operation(
    FUNCTION_TANGENTS, USER, evaluate=_evaluate, lower=_evaluate, outputs=_types
)


def _transpose(
    cotangents: Sequence[Tangent], *args: Any, of: TangentMap, residuals: int
) -> list[ArrayLike | None]:
    given = [None if _jax.is_zero(ct) else ct for ct in cotangents]
    tangents = args[residuals:]
    pulled = of.pull(args[:residuals], given)
    wanted: list[ArrayLike | None] = [None] * residuals
    for ct, t in zip(pulled, tangents, strict=True):
        known = ct is None or not _jax.is_asked_for(t)
        wanted.append(None if known else vary(ct, varying(t.aval)))
    return wanted


def _jvp(
    primals: Arrays, tangents: Sequence[Tangent], *, of: TangentMap, residuals: int
) -> tuple[list[jax.Array], Sequence[Tangent]]:
    """Differentiate once more: linear in what flows, and push's own derivative in the residuals."""
    saved, flowing = primals[:residuals], primals[residuals:]
    out = of(saved, flowing)
    total: Sequence[Tangent] = [_jax.zero_tangent(o) for o in out]
    if any(not _jax.is_zero(t) for t in tangents[residuals:]):
        moved = [_jax.instantiated(t) for t in tangents[residuals:]]
        total = of(saved, moved)
    live = [i for i, t in enumerate(tangents[:residuals]) if not _jax.is_zero(t)]
    if live:
        if of.constant is not None:
            of.constant()

        def push(*changed: jax.Array) -> Arrays:
            values = list(saved)
            for i, value in zip(live, changed, strict=True):
                values[i] = value
            return of.push(values, flowing)

        _, more = jax.jvp(push, [saved[i] for i in live], [tangents[i] for i in live])
        total = [_jax.sum_of_tangents(a, b) for a, b in zip(total, more, strict=True)]
    return out, total


def _batch(
    axis: Axis, args: Arrays, dims: Sequence[int | None], *, of: TangentMap, residuals: int
) -> Any:
    """Map both directions. Whatever flows is made batched, so that the pulled back is as well."""
    if all(d is None for d in dims):
        out = of(args[:residuals], args[residuals:])
        return out, [None] * len(out)
    moved = [a if d is None else jnp.moveaxis(a, d, 0) for a, d in zip(args, dims, strict=True)]
    flowing = [
        jnp.broadcast_to(a, (axis.size, *jnp.shape(a))) if d is None else a
        for a, d in zip(moved[residuals:], dims[residuals:], strict=True)
    ]
    over = [None if d is None else 0 for d in dims[:residuals]]
    mapped = {"axis_size": axis.size, "axis_name": axis.name}

    def push(saved: Arrays, tangents: Arrays) -> Arrays:
        return jax.vmap(of.push, (over, 0), **mapped)(list(saved), list(tangents))

    def pull(saved: Arrays, cotangents: Arrays) -> Arrays:
        return jax.vmap(of.pull, (over, 0), **mapped)(list(saved), list(cotangents))

    outputs = tuple(_jax.stacked(axis.size, out, axis.mesh_axis) for out in of.outputs)
    batched = TangentMap(of.name, push, pull, outputs, of.constant)
    out = batched(moved[:residuals], flowing)
    return out, [0] * len(out)


_jax.define_rules(tangent_map_p, USER, jvp=_jvp, batch=_batch, transpose=_transpose)


def flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], PyTreeDef]:
    """Return leaves and structure, as `jax.tree.flatten`."""
    return jax.tree.flatten(tree, is_leaf)


def is_zero(tangent: object) -> bool:
    """Whether a tangent given to a rule is a zero known as such."""
    return type(tangent) is SymbolicZero


def zero(primal: ArrayLike) -> SymbolicZero:
    """Return the tangent of a value that depends on nothing."""
    return zero_from_primal(primal, symbolic_zeros=True)


def tangent_type(primal: ArrayLike) -> ShapedArray:
    """Return the type that a tangent of this value has."""
    return _jax.strict_tangent_aval(primal)


def shape_of(array: ArrayLike | Shaped) -> jax.ShapeDtypeStruct:
    """Return shape and dtype."""
    return jax.ShapeDtypeStruct(jnp.shape(array), jnp.result_type(array))


def without_derivative(
    function: Callable[..., Any], refuse: Callable[[], Any]
) -> Callable[..., Any]:
    """Let `function` through, and call `refuse` (which raises) where its derivative is needed."""
    guarded = jax.custom_jvp(function)

    def refused(*_: object) -> Any:
        return refuse()

    def rule(primals: Any, tangents: Any) -> Any:
        out = guarded(*primals)
        leaves, tree = flatten(out)
        live = [t for t in jax.tree.leaves(tangents) if not is_zero(t)]
        floats = [leaf for leaf in leaves if is_inexact(leaf.dtype)]
        name = getattr(function, "__name__", "function")
        barrier = TangentMap(name, refused, refused, tuple(map(tangent_type, floats)))
        moved = iter(barrier([], live) if live else map(zero, floats))
        return out, tree.unflatten(
            [next(moved) if is_inexact(leaf.dtype) else zero(leaf) for leaf in leaves]
        )

    guarded.defjvp(rule, symbolic_zeros=True)
    return guarded
