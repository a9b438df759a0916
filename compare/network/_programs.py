"""JAX's side: a converted program, whose graph is cut into the calls of layers."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convgrad._arrays import is_inexact
from port import Program
from port.converter._graph import DType, Frame, Node, Value, names, replace
from port.converter._program import SWITCHES, apply

from ._arrays import WIDE, from_torch, is_tensor, pull, widest
from ._sides import Call, CannotRunError, Result

Key = tuple[Frame, ...]


class ProgramSide:
    """A program in float64, and the nodes of each call of a layer.

    A call's inputs are the values that its nodes take from outside. Which of PyTorch's tensors is
    which is found by shape, and among equal shapes by value.
    """

    rtol = 0.0
    lists_layers = False  # layers that compute nothing are not in a graph

    def __init__(self, program: Program, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        graph = program.graph
        self.nodes = [_widened(node) for node in graph.nodes]
        self.loud = {node.name: node for node in self.nodes}
        self.nodes = [_quiet(node) for node in self.nodes]
        self.params = {name: widest(x) for name, x in program.params.items()}
        self.buffers = {name: widest(x) for name, x in program.buffers.items()}
        self.graph = dataclasses.replace(
            graph,
            nodes=tuple(self.nodes),
            inputs=tuple(
                dataclasses.replace(i, dtype=WIDE.get(i.dtype or "", i.dtype)) for i in graph.inputs
            ),
        )
        self.tied = dict(graph.tied)
        wide = {name: widest(x) for name, x in program.constants.items()}
        self.program = Program(self.graph, self.params, self.buffers, wide)
        # Random operations other than dropout draw from this key; PyTorch's draw otherwise.
        self.rng = jax.random.key(0)
        self.values = self.program.values(
            self.params, self.buffers, *args, rng=self.rng, **dict(kwargs)
        )
        self.inputs = {i.name: i for i in graph.inputs}
        self.calls = self._calls()

    def _calls(self) -> dict[tuple[str, int], list[Node]]:
        """Return the nodes of each call, by path and number."""
        found: dict[str, dict[Key, list[Node]]] = {"": {(): list(self.nodes)}}
        for node in self.nodes:
            frames = [frame for frame in node.stack if frame.path]
            for depth in range(1, len(frames) + 1):
                key = tuple(frames[:depth])
                found.setdefault(key[-1].path, {}).setdefault(key, []).append(node)
        return {
            (path, k): nodes
            for path, calls in found.items()
            for k, nodes in enumerate(calls.values())
        }

    def has(self, call: Call) -> bool:
        """Whether the graph has nodes of a call."""
        return (call.path, call.index) in self.calls

    def names(self) -> set[str] | None:
        """Return the names of parameters and buffers."""
        return {*self.params, *self.buffers, *self.tied}

    def run(self, call: Call) -> Result:
        """Compute the nodes of a call."""
        nodes = self.calls[call.path, call.index]
        tensors = _tensors(call)
        try:
            return self._run(call, nodes, tensors)
        except Exception as error:
            raise CannotRunError(f"{type(error).__name__}: {error}") from error

    def _run(self, call: Call, nodes: list[Node], tensors: list[np.ndarray]) -> Result:
        inside = {node.name for node in nodes}
        free = list(dict.fromkeys(n for node in nodes for n in node.uses() if n not in inside))
        fixed: dict[str, Any] = {}
        arrays: dict[str, str] = {}  # the state_dict's name of a parameter or buffer, by value
        given: dict[str, int] = {}  # which tensor of the call a value is
        for name in free:
            kind = self.inputs[name].kind if name in self.inputs else ""
            if kind in ("param", "buffer"):
                arrays[name] = self.inputs[name].target
            elif name in self.graph.versions:  # a buffer that an earlier call wrote to
                target = self.graph.versions[name]
                kept = call.buffers.get(_under(target, call.path) or "")
                fixed[name] = self.values[name] if kept is None else jnp.asarray(from_torch(kept))
            else:
                fixed[name] = self.values[name]
                nearest = None if kind == "constant" else _nearest(self.values[name], tensors)
                if nearest is not None:
                    given[name] = nearest
        # Outputs that this call passes through are no nodes of it.
        outputs = self._outputs(call, nodes)
        used = {target for target in arrays.values() if target in self.params}
        held = {target: self.params[target] for target in used}
        buffers = {n: self.buffers[t] for n, t in arrays.items() if t in self.buffers}

        def compute(
            params: Mapping[str, jax.Array], leaves: list[jax.Array]
        ) -> tuple[list[jax.Array], dict[str, Any]]:
            values = {**fixed, **buffers}
            values |= {n: params[t] for n, t in arrays.items() if t in params}
            values |= {name: leaves[i] for name, i in given.items()}
            for node in nodes:
                values[node.name] = apply(node, values, self.rng)
            found = [leaves[o] if isinstance(o, int) else values[o] for o in outputs]
            return [jnp.asarray(x) for x in found], self._written(values, nodes)

        leaves = [jnp.asarray(x) for x in tensors]
        found, after, gradients, pulled = pull(compute, held, leaves, call.cotangents)
        own = {name: self._target(call.full(name)) for name, _ in call.module.named_parameters()}
        untouched = {
            name: self.buffers[target]
            for name, _ in call.module.named_buffers()
            if (target := call.full(name)) in self.buffers
        }
        new = {_under(t, call.path): x for t, x in after.items()}
        return Result(
            [np.asarray(x) for x in found],
            [] if pulled is None else [np.asarray(x) for x in pulled],
            {}
            if gradients is None
            else {
                name: np.asarray(gradients[t] if t in gradients else jnp.zeros_like(self.params[t]))
                for name, t in own.items()
                if t in self.params
            },
            {name: np.asarray(x) for name, x in (untouched | new).items() if name is not None},
            {name: np.asarray(self.params[t]) for name, t in own.items() if t in self.params},
        )

    def _target(self, name: str) -> str:
        return self.tied.get(name, name)

    def _outputs(self, call: Call, nodes: list[Node]) -> list[str | int]:
        """Return which values are the outputs of a call: names, or numbers of its inputs."""
        if not call.path:
            leaves = [leaf for leaf in self.graph.output.leaves() if isinstance(leaf, Value)]
            return [leaf.name for leaf in leaves]
        within = {id(node) for node in nodes}
        used = {n for node in self.nodes if id(node) not in within for n in node.uses()}
        used |= set(names(self.graph.output.leaves()))
        ends = [
            node.name
            for node in nodes
            if node.name in used and not self._is_update(node) and _is_array(self.values[node.name])
        ]
        if len(ends) == len(call.outputs) == 1:
            return list(ends)
        chosen: list[str | int] = []
        tensors = _tensors(call)
        for tensor in call.outputs:
            wanted = from_torch(tensor)
            near = [
                (_difference(self.values[name], wanted), name)
                for name in ends
                if np.shape(self.values[name]) == wanted.shape
            ]
            if near:
                chosen.append(min(near)[1])
                continue
            passed = _nearest(wanted, tensors)
            if passed is None:
                raise LookupError(f"no value of the program is output {len(chosen)} of the layer")
            chosen.append(passed)
        return chosen

    def _is_update(self, node: Node) -> bool:
        return node.name in self.graph.versions

    def _written(self, values: Mapping[str, Any], nodes: list[Node]) -> dict[str, Any]:
        written = {}
        for node in nodes:
            if node.name in self.graph.versions:
                written[self.graph.versions[node.name]] = values[node.name]
        for target, value in self.graph.updates.items():
            if value.name in {node.name for node in nodes}:
                written[target] = values[value.name]
        return written

    def dropped(self, call: Call) -> np.ndarray | None:
        """Return what a dropout layer that drops gives."""
        nodes = self.calls.get((call.path, call.index), [])
        loud = [self.loud[node.name] for node in nodes]
        if len(loud) != 1 or loud[0] == nodes[0]:
            return None
        (x,) = _tensors(call)
        values = {name: jnp.asarray(x) for name in loud[0].uses()}
        return np.asarray(apply(loud[0], values, self.rng))


def _widened(node: Node) -> Node:
    """Return a node in whose arguments, and casts, float64 stands for narrower dtypes."""

    def wide(leaf: Value | DType) -> Value | DType:
        return DType(WIDE.get(leaf.name, leaf.name)) if isinstance(leaf, DType) else leaf

    def cast(dtype: Any) -> Any:
        if isinstance(dtype, tuple):
            return tuple(cast(part) for part in dtype)
        return WIDE.get(dtype, dtype)

    args, kwargs = replace((node.args, dict(node.kwargs)), wide)
    return dataclasses.replace(node, args=args, kwargs=kwargs, cast=cast(node.cast))


def _quiet(node: Node) -> Node:
    """Return a node that does not drop."""
    if node.operation not in SWITCHES or len(node.args) <= SWITCHES[node.operation][0]:
        return node
    place = SWITCHES[node.operation][0]
    return dataclasses.replace(node, args=(*node.args[:place], 0.0, *node.args[place + 1 :]))


def _tensors(call: Call) -> list[np.ndarray]:
    from torch.utils import _pytree

    return [from_torch(x) for x in _pytree.tree_leaves(call.given) if is_tensor(x)]


def _is_array(value: object) -> bool:
    return hasattr(value, "dtype")


def _nearest(value: Any, tensors: list[np.ndarray]) -> int | None:
    """Return which tensor is a value, or comes nearest: of its shape and kind."""
    near = [
        (_difference(value, tensor), i)
        for i, tensor in enumerate(tensors)
        if _is_array(value)
        and tensor.shape == value.shape
        and is_inexact(tensor.dtype) == is_inexact(value.dtype)
    ]
    return min(near)[1] if near else None


def _difference(value: Any, tensor: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        apart = np.abs(np.asarray(value, complex) - np.asarray(tensor, complex))
    apart = apart[np.isfinite(apart)]
    return float(apart.mean()) if apart.size else math.inf if tensor.size else 0.0


def _under(target: str, path: str) -> str | None:
    """Return the rest of a name below a path."""
    if not path:
        return target
    return target[len(path) + 1 :] if target.startswith(f"{path}.") else None
