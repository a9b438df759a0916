"""An exported program of torch, read into a `Graph` and its arrays. Torch is needed here."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram, ExportGraphSignature
from torch.export.graph_signature import InputKind, OutputKind

from . import _trees
from ._decompose import decomposed
from ._graph import DType, Frame, Graph, Input, Node, Value, names
from ._nodes import attribute, dtype, operation_name, where, without_out, without_write, written
from ._places import COPIES, VIEWS, Place, Step, made, seen
from .operations import OPERATIONS

# Checks of what the exporter assumed, and hints to it.
SILENT = (
    "aten._assert_tensor_metadata.default",
    "aten._assert_scalar.default",
    "aten._assert_async.msg",
    "aten.sym_constrain_range.default",
    "aten.sym_constrain_range_for_size.default",
)
# Keyword arguments that say where and how a tensor lies in memory.
UNUSED = ("device", "layout", "pin_memory", "memory_format", "non_blocking", "requires_grad")
# Operations that change a buffer without saying so in their signature: position of `training`, and
# of the buffers, and at which places of the result their new values are.
UPDATES = {
    "aten.batch_norm.default": (5, {3: 1, 4: 2}),
    "aten.instance_norm.default": (5, {3: 1, 4: 2}),
}
LISTS = (
    "aten.chunk.default",
    "aten.split.Tensor",
    "aten.split.sizes",
    "aten.split_with_sizes.default",
    "aten.tensor_split.indices",
    "aten.tensor_split.sections",
    "aten.unbind.int",
)
INPUTS = {
    InputKind.PARAMETER: "param",
    InputKind.BUFFER: "buffer",
    InputKind.CONSTANT_TENSOR: "constant",
    InputKind.USER_INPUT: "argument",
}


def read(
    program: ExportedProgram, aliases: Mapping[str, str] | None = None
) -> tuple[Graph, dict[str, torch.Tensor]]:
    """Return the graph of an ExportedProgram, and its tensors by the names of its inputs.

    `aliases` has, for a module with several paths, the first of them.
    """
    return _Reader(program, aliases or {}).read()


class _Reader:
    """Goes through the exported graph once, in order."""

    def __init__(self, program: ExportedProgram, aliases: Mapping[str, str]) -> None:
        self.program = program
        self.aliases = aliases
        self.nodes: list[Node] = []
        self.places: dict[fx.Node, Place] = {}
        self.others: dict[fx.Node, Any] = {}  # Python numbers, lists of tensors, submodules
        self.lists: dict[fx.Node, tuple[Place, fx.Node]] = {}
        self.taken: set[str] = set()
        self.sizes: dict[str, int] = {}
        self.buffers: list[tuple[Place, str]] = []
        self.versions: dict[str, str] = {}
        self.now: fx.Node | None = None

    def read(self) -> tuple[Graph, dict[str, torch.Tensor]]:
        """Return the graph and its tensors."""
        signature = self.program.graph_signature
        graph = self.program.graph_module.graph
        inputs, tensors, tied = self._inputs(graph, signature)
        output = self._body(self.program.graph_module)
        leaves, updates = [], {}
        for spec, value in zip(signature.output_specs, output, strict=True):
            if spec.kind == OutputKind.USER_OUTPUT:
                leaves.append(value)
            elif spec.kind == OutputKind.BUFFER_MUTATION:
                updates[spec.target] = value
            else:
                raise NotImplementedError(
                    f"convert: the network writes to its {spec.kind.name.lower()}: {spec.target}"
                )
        for i in inputs:
            node = next(n for n in graph.nodes if n.op == "placeholder" and n.name == i.name)
            if node in self.places and self.places[node].root.version:
                if i.kind == "buffer":
                    updates[i.target] = self.places[node].read(self._emit)
                elif i.kind == "param":
                    raise NotImplementedError(
                        f"convert: the network writes to the parameter {i.target}"
                    )
        call = self.program.call_spec
        arguments = _trees.structure(call.in_spec)
        users = iter([i.name for i in inputs if i.kind == "argument"])
        stacks = (n.meta.get("nn_module_stack") for n in graph.nodes)
        kind = next((str(next(iter(s.values()))[1]) for s in stacks if s), "Module")
        made_of = Graph(
            tuple(inputs),
            tuple(self._pruned(leaves, updates)),
            arguments.filled(users),
            _trees.structure(call.out_spec).filled(iter(leaves)),
            updates,
            self.versions | {value.name: name for name, value in updates.items()},
            kind,
            tied,
            self.sizes,
        )
        return made_of, tensors

    def _inputs(
        self, graph: fx.Graph, signature: ExportGraphSignature
    ) -> tuple[list[Input], dict[str, torch.Tensor], dict[str, str]]:
        """Return the inputs, and the tensors of those that are no arguments."""
        specs = {spec.arg.name: spec for spec in signature.input_specs}
        inputs: list[Input] = []
        tensors: dict[str, torch.Tensor] = {}
        tied: dict[str, str] = {}
        first: dict[int, tuple[str, str]] = {}
        for node in graph.nodes:
            if node.op != "placeholder":
                continue
            spec = specs[node.name]
            if spec.kind not in INPUTS:
                raise NotImplementedError(
                    f"convert: an input of kind {spec.kind.name} ({node.name})"
                )
            value, kind = node.meta.get("val"), INPUTS[spec.kind]
            self.taken.add(node.name)
            target = spec.target or node.name
            if not isinstance(value, torch.Tensor):
                inputs.append(Input(node.name, kind, target, value=value))
                self.others[node] = value
                continue
            name = node.name
            if kind == "param":
                # A parameter with two names is the first one.
                held = self.program.state_dict[target]
                name, known = first.setdefault(id(held), (name, target))
                if known != target:
                    tied[target] = known
            self.places[node] = made(Value(name))
            if kind == "buffer":
                self.buffers.append((self.places[node], target))
            if name != node.name:
                continue
            inputs.append(Input(name, kind, target, self._shape(value), dtype(value)))
            if kind == "param" or (kind == "buffer" and target in self.program.state_dict):
                tensors[name] = self.program.state_dict[target]
            elif kind != "argument":
                tensors[name] = self.program.constants[target]
        return inputs, tensors, tied

    def _body(self, module: fx.GraphModule) -> tuple[Any, ...]:
        """Read a graph's nodes, and return what it gives."""
        for node in module.graph.nodes:
            self.now = node
            if node.op == "get_attr":
                self.others[node] = attribute(module, str(node.target))
            elif node.op == "call_function":
                self._call(node)
            elif node.op == "output":
                return tuple(self._argument(a) for a in node.args[0])
        return ()

    def _call(self, node: fx.Node) -> None:
        name = operation_name(node.target)
        if name in SILENT:
            return
        if name in REGIONS:
            self._region(node, name)
            return
        if name == "operator.getitem" and self._item(node):
            return
        target = written(node.target)
        if target is not None:
            self._in_place(node, name, target)
        elif name in OPERATIONS or not self._decomposed(node):
            self._plain(node, name)

    def _item(self, node: fx.Node) -> bool:
        """Read an item of a region's results, or a view out of a list of views."""
        source, index = node.args
        assert isinstance(source, fx.Node)
        if isinstance(self.others.get(source), tuple):
            self._alias(node, self.others[source][index])
            return True
        if source in self.lists:
            place, of = self.lists[source]
            value = self._emit_node(node, "operator.getitem", (self._argument(source), index), {})
            listed = operation_name(of.target)
            step = Step(
                listed,
                self._argument(of.args[1:]),
                self._keywords(of.kwargs),
                self._shape(of.args[0].meta["val"]),  # type: ignore[union-attr]
                self._shape(node.meta["val"]),
                index,  # type: ignore[arg-type]
            )
            self.places[node] = seen(place, step, value)
            return True
        return False

    def _alias(self, node: fx.Node, what: object) -> None:
        if isinstance(what, Place):
            self.places[node] = what
        else:
            self.others[node] = what

    def _plain(self, node: fx.Node, name: str) -> None:
        """Read an operation that writes nothing, or a norm that updates its buffers."""
        args, kwargs = self._argument(node.args), self._keywords(node.kwargs)
        value = self._emit_node(node, name, args, kwargs)
        if name in UPDATES:
            training, buffers = UPDATES[name]
            if args[training] and node.args[min(buffers)] is not None:
                for position, item in buffers.items():
                    new = self._emit("operator.getitem", (value, item), {}, None)
                    self._write(self.places[node.args[position]], new)  # type: ignore[index]
                value = self._emit(
                    "operator.getitem", (value, 0), {}, self._shape(node.meta["val"])
                )
        source = node.args[0] if node.args and isinstance(node.args[0], fx.Node) else None
        result = node.meta.get("val")
        if name in LISTS and source in self.places:
            self.lists[node] = (self.places[source], node)
            self.others[node] = value
        elif isinstance(result, torch.Tensor) and source in self.places:
            before = source.meta["val"]
            same = result.untyped_storage() is before.untyped_storage()
            if name in VIEWS or (same and name not in COPIES):
                step = Step(name, args[1:], kwargs, self._shape(before), self._shape(result))
                self.places[node] = seen(self.places[source], step, value)
            else:
                self.places[node] = made(value)
        elif isinstance(result, torch.Tensor):
            self.places[node] = made(value)
        else:
            self.others[node] = value

    def _decomposed(self, node: fx.Node) -> bool:
        """Read what torch decomposes an operation into, in its place, if it does."""
        found = decomposed(node)
        if found is None:
            return False
        graph, given = found
        for inner in graph.nodes:
            for key in ("nn_module_stack", "stack_trace"):
                inner.meta[key] = node.meta.get(key)
        parts = self._inlined(graph, given)
        whole = isinstance(node.meta.get("val"), torch.Tensor)
        self._alias(node, parts[0] if whole else parts)
        return True

    def _in_place(self, node: fx.Node, name: str, argument: str | None) -> None:
        """Read a write in place as the operation without it, and its result as the new value."""
        if argument == "self":
            target, plain = node.args[0], without_write(name)
        else:
            target, plain = node.kwargs.get("out"), without_out(node.target)
        if target not in self.places or plain is None:
            raise NotImplementedError(
                f"convert: {name} writes to its argument {argument!r}\n  {where(node)}"
            )
        assert isinstance(target, fx.Node)
        source = node.args[1] if name == "aten.copy_.default" else None
        if isinstance(source, fx.Node) and self.places.get(source) is self.places[target]:
            self.places[node] = self.places[target]  # `x += y` of an attribute: x is itself by now
            return
        kwargs = {key: value for key, value in node.kwargs.items() if key != "out"}
        value = self._emit_node(node, plain, self._argument(node.args), self._keywords(kwargs))
        place = self.places[target]
        try:
            self._write(place, value)
        except KeyError as error:
            raise NotImplementedError(
                f"convert: {name} writes through a view by {error.args[0]}\n  {where(node)}"
            ) from None
        self.places[node] = place

    def _write(self, place: Place, value: Value) -> None:
        """Write to a tensor, and note the buffer's value where the tensor is part of one."""
        place.write(self._emit, value)
        for buffer, name in self.buffers:
            if buffer.root is place.root:
                self.versions[place.root.value.name] = name

    def _region(self, node: fx.Node, name: str) -> None:
        """Read the graph inside of `with torch.no_grad()` and the like, in its place."""
        settings, body, given = REGIONS[name](node.args)
        module = self.others[body]
        if name.endswith("autocast") and settings:
            lines = [where(inner) for inner in module.graph.nodes]
            raise NotImplementedError(
                "convert: torch.autocast is not supported; convert the network without it\n"
                f"  {next(filter(None, lines), '')}"
            )
        parts = self._inlined(module.graph, given)
        self.now = node
        if name.endswith("set_grad_enabled") and not settings:
            parts = tuple(self._stopped(p) if isinstance(p, Place) else p for p in parts)
        self.others[node] = parts

    def _inlined(self, graph: fx.Graph, given: Sequence[fx.Node]) -> tuple[Any, ...]:
        """Read a graph that is part of this one, and return what it gives."""
        heads = [n for n in graph.nodes if n.op == "placeholder"]
        for head, outer in zip(heads, given, strict=True):
            self._alias(head, self.places.get(outer, self.others.get(outer)))
        parts: tuple[Any, ...] = ()
        for inner in graph.nodes:
            self.now = inner
            if inner.op == "get_attr":
                self.others[inner] = attribute(graph.owning_module, str(inner.target))
            elif inner.op == "call_function":
                self._call(inner)
            elif inner.op == "output":
                results = inner.args[0]
                results = results if isinstance(results, tuple | list) else (results,)
                parts = tuple(self.places.get(a, self.others.get(a)) for a in results)
        return parts

    def _stopped(self, place: Place) -> Place:
        """Return the place of a value without gradient."""
        return made(self._emit("aten.detach.default", (place.read(self._emit),), {}, None))

    def _argument(self, argument: Any) -> Any:
        """Return an argument in plain Python, with Values for nodes."""
        if isinstance(argument, fx.Node):
            if argument in self.places:
                return self.places[argument].read(self._emit)
            return self.others[argument]
        if isinstance(argument, tuple | list):
            return tuple(self._argument(part) for part in argument)
        if isinstance(argument, torch.dtype):
            return DType(str(argument).removeprefix("torch."))
        if isinstance(argument, torch.device | torch.layout | torch.memory_format):
            return None
        if isinstance(argument, slice):
            return tuple(self._argument(p) for p in (argument.start, argument.stop, argument.step))
        return argument

    def _keywords(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self._argument(v) for key, v in kwargs.items() if key not in UNUSED}

    def _emit_node(
        self, node: fx.Node, operation: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Value:
        return self._emit(operation, args, kwargs, self._shape(node.meta.get("val")), node)

    def _emit(
        self,
        operation: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        shape: Any,
        node: fx.Node | None = None,
    ) -> Value:
        """Add a node, at the place in the module tree and in Python where reading is now."""
        at = node or self.now
        assert at is not None
        wanted = node.name.rstrip("_") if node else operation.split(".")[1]
        name, count = wanted, 1
        while name in self.taken:
            name, count = f"{wanted}_{count}", count + 1
        self.taken.add(name)
        value = node.meta.get("val") if node else None
        added = Node(
            name,
            operation,
            tuple(args),
            dict(kwargs),
            self._stack(at),
            shape,
            dtype(value),
            line=where(at),
        )
        self.nodes.append(added)
        return Value(name)

    def _shape(self, value: object) -> Any:
        """Return a tensor's shape, with open sizes as strings, and note what they were."""
        if isinstance(value, torch.Tensor):
            for size in value.shape:
                if not isinstance(size, int):
                    self.sizes[str(size)] = size.node.hint
            return tuple(d if isinstance(d, int) else str(d) for d in value.shape)
        if isinstance(value, tuple | list):
            return tuple(self._shape(part) for part in value)
        return None

    def _stack(self, node: fx.Node) -> tuple[Frame, ...]:
        """Return the modules around a node; a module with two paths has its first."""
        frames = []
        for key, (path, kind) in (node.meta.get("nn_module_stack") or {}).items():
            if path.startswith("_empty_nn_module_stack"):
                continue
            path = path.split("@")[0]
            number = re.search(r"@(\d+)$", key)
            name = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
            frames.append(
                Frame(self.aliases.get(path, path), name, int(number[1]) if number else 0)
            )
        return tuple(frames)

    def _pruned(self, leaves: Sequence[Any], updates: Mapping[str, Value]) -> list[Node]:
        """Return the nodes that the results depend on."""
        needed = set(names((leaves, list(updates.values()))))
        kept = []
        for node in reversed(self.nodes):
            if node.name in needed:
                kept.append(node)
                needed.update(node.uses())
        return kept[::-1]


def _set_grad(args: Any) -> tuple[bool, fx.Node, Sequence[fx.Node]]:
    return args[0], args[1], args[2:]


def _autocast(args: Any) -> tuple[bool, fx.Node, Sequence[fx.Node]]:
    return args[2], args[4], args[5:]


# Operations whose body is a graph: what their arguments are, as (setting, body, what it takes).
REGIONS = {
    "higher_order.wrap_with_set_grad_enabled": _set_grad,
    "higher_order.wrap_with_autocast": _autocast,
}
