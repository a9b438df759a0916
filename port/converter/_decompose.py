"""Operations that the table has not, as torch decomposes them. Torch is needed here."""

import contextlib
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import fx
from torch._guards import detect_fake_mode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree

from ._nodes import operation_name
from .operations import OPERATIONS


def decomposed(node: fx.Node) -> tuple[fx.Graph, list[fx.Node]] | None:
    """Return a graph that computes what a node does, and the nodes that it takes.

    The rest of the program stays as it is exported; decomposed as a whole it would lose, too, where
    no gradient flows. None where torch knows no way that ends in the table's operations.
    """
    if not isinstance(node.target, torch._ops.OpOverload):
        return None
    leaves, structure = _pytree.tree_flatten((node.args, node.kwargs))
    values = [leaf.meta.get("val") if isinstance(leaf, fx.Node) else leaf for leaf in leaves]
    places = [k for k, value in enumerate(values) if isinstance(value, torch.Tensor)]

    def run(*tensors: torch.Tensor) -> Any:
        given = dict(zip(places, tensors, strict=True))
        filled = [given.get(k, value) for k, value in enumerate(values)]
        args, kwargs = _pytree.tree_unflatten(filled, structure)
        return node.target(*args, **kwargs)  # type: ignore[operator]

    tensors = [values[k] for k in places]
    try:
        with detect_fake_mode(tensors) or contextlib.nullcontext():
            graph = make_fx(run, decomposition_table=_table())(*tensors).graph
    except (NotImplementedError, RuntimeError):
        return None
    if any(n.op not in ("placeholder", "call_function", "output") for n in graph.nodes):
        return None
    called = [operation_name(n.target) for n in graph.nodes if n.op == "call_function"]
    if not all(name in OPERATIONS for name in called):
        return None
    return graph, [leaves[k] for k in places]


@cache
def _table() -> dict[Any, Callable[..., Any]]:
    """Return the decompositions that torch has of what the table has not."""
    known = torch.export.default_decompositions().items()
    return {op: made for op, made in known if operation_name(op) not in OPERATIONS}
