"""Where JAX's result has another dtype than PyTorch's, the graph says what to cast it to."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ._graph import DTypes, Graph, Node, replace
from ._program import apply, draws


def with_casts(graph: Graph) -> Graph:
    """Return the graph with `cast` set on the nodes that need one.

    Every operation is evaluated abstractly at the exported shapes and dtypes, with 64-bit dtypes;
    so a function of the table whose result has another shape than PyTorch's is found here, too.
    """
    seen: dict[str, Any] = {}
    with jax.enable_x64(True):
        values: dict[str, Any] = {}
        for i in graph.inputs:
            given = i.dtype is not None
            values[i.name] = _abstract(i.shape, i.dtype, graph.sizes) if given else i.value
        nodes = []
        for node in _numbered(graph.nodes):
            key = _key(node, values)
            if key not in seen:
                seen[key] = _evaluate(node, values)
            result = seen[key]
            cast = _check(node, result, graph.sizes)
            nodes.append(node if cast is None else dataclasses.replace(node, cast=cast))
            values[node.name] = _with_dtype(result, cast)
    return dataclasses.replace(graph, nodes=tuple(nodes))


def _numbered(nodes: Iterable[Node]) -> Iterator[Node]:
    """Yield the nodes, with the number of each draw in its module."""
    drawn: Counter[str] = Counter()
    for node in nodes:
        if draws(node.operation):
            yield dataclasses.replace(node, draw=drawn[node.module])
            drawn[node.module] += 1
        else:
            yield node


def _abstract(
    shape: Iterable[int | str], dtype: Any, sizes: Mapping[str, int]
) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(_known(shape, sizes), dtype)


def _known(shape: Iterable[int | str], sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sizes[n] if isinstance(n, str) else n for n in shape)


def _key(node: Node, values: Mapping[str, Any]) -> str:
    """Return what decides a node's shape and dtype."""
    taken = replace((node.args, dict(node.kwargs)), lambda v: values.get(v.name, v))
    return repr((node.operation, taken))


def _evaluate(node: Node, values: Mapping[str, Any]) -> Any:
    used = {name: values[name] for name in node.uses()}
    if not node.operation.startswith("aten.") or node.operation.startswith("aten.sym_"):
        return apply(node, used, None)  # of sizes and of lists: no JAX
    arrays = {n: v for n, v in used.items() if _is_abstract(v)}
    numbers = {n: v for n, v in used.items() if n not in arrays}
    if not arrays and node.dtype is None:
        return apply(node, numbers, None)

    def run(arrays: Mapping[str, Any], key: jax.Array) -> Any:
        return apply(node, {**numbers, **arrays}, key)

    return jax.eval_shape(run, arrays, jax.eval_shape(lambda: jax.random.key(0)))


def _is_abstract(value: object) -> bool:
    return any(hasattr(leaf, "dtype") for leaf in jax.tree_util.tree_leaves(value))


def _check(node: Node, result: Any, sizes: Mapping[str, int]) -> DTypes:
    """Return the dtype to cast to, or None; refuse another shape than the exported one."""
    return _compare(node, result, node.shape, node.dtype, sizes)


def _compare(
    node: Node, result: Any, shape: Any, dtype: DTypes, sizes: Mapping[str, int]
) -> DTypes:
    if isinstance(dtype, tuple):
        parts = zip(result, shape, dtype, strict=True)
        casts = tuple(_compare(node, r, s, d, sizes) for r, s, d in parts)
        return casts if any(casts) else None
    if dtype is None or not hasattr(result, "dtype"):
        return None
    if tuple(result.shape) != _known(shape, sizes):
        raise AssertionError(
            f"convert: {node.operation} of module {node.module!r} has the shape "
            f"{_known(shape, sizes)} in PyTorch, and {tuple(result.shape)} by the table of "
            f"operations\n  {node.line}"
        )
    return None if result.dtype.name == dtype else dtype


def _with_dtype(result: Any, cast: DTypes) -> Any:
    if isinstance(cast, tuple):
        return tuple(_with_dtype(r, c) for r, c in zip(result, cast, strict=True))
    return result if cast is None else jax.ShapeDtypeStruct(result.shape, jnp.dtype(cast))
