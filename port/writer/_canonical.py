"""A graph as one would write it: fewer kinds of operations, and constants computed once."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from ..converter import Input, Node, Program
from ..converter._graph import names
from ..converter._program import apply, draws
from ..converter.operations._losses import MEAN, REDUCTIONS

# Constants of more elements are computed by the written module, not read from a file.
LARGEST = 1 << 20


def canonical(program: Program) -> Program:
    """Return the same program with simpler nodes, and with arrays for what no input is part of."""
    graph = program.graph
    nodes = tuple(_simpler(node) for node in graph.nodes)
    return _folded(
        Program(
            dataclasses.replace(graph, nodes=nodes),
            program.params,
            program.buffers,
            program.constants,
        )
    )


def _simpler(node: Node) -> Node:
    """Return a node that does the same with an operation of fewer meanings."""
    if not _fixed(node.shape):
        return node
    operation, args = node.operation, node.args
    if operation in SPLITS:
        dim = args[2] if len(args) > 2 else node.kwargs.get("dim", 0)
        sizes = tuple(part[dim] for part in node.shape)
        changed: tuple[str, tuple[Any, ...]] = (
            "aten.split_with_sizes.default",
            (args[0], sizes, dim),
        )
        if len(set(sizes)) == 1:
            changed = ("aten.chunk.default", (args[0], len(sizes), dim))
    elif operation in ("aten.unflatten.int", "aten.view_as.default", "aten.reshape_as.default"):
        changed = ("aten.reshape.default", (args[0], node.shape))
    elif operation in ("aten.expand.default", "aten.expand_as.default"):
        changed = ("aten.expand.default", (args[0], node.shape))
    elif operation == "aten.hardtanh.default" and args[1:] == (0, 6):
        changed = ("aten.relu6.default", args[:1])
    elif operation in LOSSES:
        return _with_word(node, LOSSES[operation])
    else:
        return node
    return dataclasses.replace(node, operation=changed[0], args=changed[1], kwargs={})


def _with_word(node: Node, place: int) -> Node:
    """Return a loss with the name of its reduction, which is the argument at `place`."""
    word = REDUCTIONS[node.args[place] if len(node.args) > place else MEAN]
    args = (*node.args, *(None,) * place)[:place]
    return dataclasses.replace(node, args=(*args, word, *node.args[place + 1 :]))


# The losses, and where they have the number of their reduction.
LOSSES = {
    **{
        f"aten.{name}.default": 2
        for name in (
            "mse_loss",
            "l1_loss",
            "soft_margin_loss",
            "kl_div",
            "smooth_l1_loss",
            "huber_loss",
        )
    },
    **{
        f"aten.{name}.default": 3
        for name in (
            "cross_entropy_loss",
            "nll_loss",
            "nll_loss_nd",
            "nll_loss2d",
            "binary_cross_entropy",
        )
    },
    "aten.binary_cross_entropy_with_logits.default": 4,
}
SPLITS = (
    "aten.chunk.default",
    "aten.split.Tensor",
    "aten.split.sizes",
    "aten.split_with_sizes.default",
    "aten.tensor_split.indices",
    "aten.tensor_split.sections",
)


def _fixed(shape: object) -> bool:
    """Whether a shape has no open sizes."""
    if isinstance(shape, tuple):
        return all(_fixed(part) for part in shape)
    return isinstance(shape, int)


def _folded(program: Program) -> Program:
    """Compute what depends on constants alone, where that takes more than an operation or two."""
    graph = program.graph
    known = {i.name for i in graph.inputs if i.kind == "constant"}
    fixed = [n for n in graph.nodes if _depends_on(n, known)]
    users: dict[str, list[str]] = {}
    for node in graph.nodes:
        for name in node.uses():
            users.setdefault(name, []).append(node.name)
    ends = set(names((graph.output.leaves(), list(graph.updates.values()))))
    depths = _depths(fixed)
    last = [
        node
        for node in fixed
        if node.dtype is not None
        and isinstance(node.dtype, str)
        and (node.name in ends or any(user not in depths for user in users.get(node.name, ())))
        and depths[node.name] > 2
        and np.prod(node.shape, dtype=int) <= LARGEST
    ]
    if not last:
        return program
    values: dict[str, Any] = {
        i.name: program.constants[i.target] for i in graph.inputs if i.kind == "constant"
    }
    for node in fixed:
        values[node.name] = apply(node, values, None)
    return _with_constants(program, {node.name: values[node.name] for node in last})


def _depends_on(node: Node, known: set[str]) -> bool:
    """Whether a node is computed from constants; then its own name is one more."""
    if draws(node.operation) or (node.shape is not None and not _fixed(node.shape)):
        return False
    if not all(name in known for name in node.uses()):
        return False
    known.add(node.name)
    return True


def _depths(nodes: Sequence[Node]) -> dict[str, int]:
    """Return how many operations there are on the longest way to each node."""
    depths: dict[str, int] = {}
    for node in nodes:
        depths[node.name] = 1 + max((depths.get(used, 0) for used in node.uses()), default=0)
    return depths


def _with_constants(program: Program, arrays: Mapping[str, jax.Array]) -> Program:
    """Return the program with arrays in the place of nodes, and without what those alone needed."""
    graph = program.graph
    constants = dict(program.constants)
    inputs = list(graph.inputs)
    of = {node.name: node for node in graph.nodes}
    for name, array in arrays.items():
        module = of[name].module
        target = f"{module}.{name}" if module else name
        constants[target] = array
        inputs.append(Input(name, "constant", target, tuple(array.shape), array.dtype.name))
    needed = set(names((graph.output.leaves(), list(graph.updates.values()))))
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node.name in needed and node.name not in arrays:
            kept.append(node)
            needed.update(node.uses())
    inputs = [i for i in inputs if i.kind != "constant" or i.name in needed]
    held = {i.target for i in inputs if i.kind == "constant"}
    changed = dataclasses.replace(graph, inputs=tuple(inputs), nodes=tuple(kept[::-1]))
    left = {name: array for name, array in constants.items() if name in held}
    return Program(changed, program.params, program.buffers, left)
