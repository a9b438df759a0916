"""Reads what a module's call computes out of a graph."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..converter import Graph, Node, Value
from ..converter._graph import DTypes, names
from ..converter._program import draws, needs_key
from ._bodies import (
    Array,
    Body,
    Input,
    Item,
    Leaf,
    Literal,
    Output,
    OwnSize,
    Reference,
    Result,
    Shape,
    Slot,
)
from ._calls import SIZES, parameter_names, with_defaults
from ._families import Family
from ._tree import Block

Callee = tuple[Family, Body, dict[str, Any]]  # what a block became, and with which settings
Refer = Callable[[Any], Reference | None]

# Operations that give their first argument as it is.
SAME = (
    "aten.alias.default",
    "aten.clone.default",
    "aten.contiguous.default",
    "aten.lift_fresh_copy.default",
    "aten.to.device",
)
# Views that change nothing where the shape stays.
SHAPES = (
    "aten.expand.default",
    "aten.reshape.default",
    "aten.slice.Tensor",
    "aten.squeeze.dim",
    "aten.view.default",
    "aten.flatten.using_ints",
)
RESHAPES = ("aten.view.default", "aten.reshape.default")
JOINS = ("aten.cat.default", "aten.stack.default")
DROPOUTS = (
    "aten.dropout.default",
    "aten.feature_dropout.default",
    "aten.alpha_dropout.default",
    "aten.feature_alpha_dropout.default",
)


class Reader:
    """Reads bodies out of a graph."""

    def __init__(self, graph: Graph, literals: Mapping[str, str]) -> None:
        self.graph = graph
        self.literals = literals
        self.arrays = {i.name: i.target for i in graph.inputs if i.kind != "argument"}
        self.by_name = {node.name: node for node in graph.nodes}
        self.arguments = [i.name for i in graph.inputs if i.kind == "argument"]
        self.updated = {i.name for i in graph.inputs if i.target in graph.versions.values()}
        self.aliases: dict[str, Output] = {}
        self.shapes = {i.name: i.shape for i in graph.inputs}
        self.nodes: list[Node] = []
        for node in graph.nodes:
            self._sort(node)
        self.versions = {self.resolve(name): of for name, of in graph.versions.items()}
        self.users: dict[Output, set[str]] = {}
        for node in self.nodes:
            for name in node.uses():
                self.users.setdefault(self.resolve(name), set()).add(node.name)
        self.ends = {
            self.resolve(name)
            for name in names((graph.output.leaves(), list(graph.updates.values())))
        }

    def _sort(self, node: Node) -> None:
        """Keep a node, or note what its result is another name of."""
        source = node.args[0] if node.args and isinstance(node.args[0], Value) else None
        if source is not None and node.cast is None and source.name not in self.graph.versions:
            first, k = self.resolve(source.name)
            if node.operation == "operator.getitem":
                of = self.by_name.get(first)
                if of is not None and outputs(of) > 1 and isinstance(node.args[1], int):
                    self.aliases[node.name] = (first, node.args[1] % outputs(of))
                    self.shapes[node.name] = node.shape
                    return
            elif first in self.updated:
                pass  # it is what the buffer was here, whatever is written to that later
            elif self._is_same(node, source.name) and node.name not in self.graph.versions:
                self.aliases[node.name] = (first, k)
                self.shapes[node.name] = node.shape
                return
        self.shapes[node.name] = node.shape
        self.nodes.append(node)

    def _is_same(self, node: Node, source: str) -> bool:
        if node.operation in DROPOUTS:
            return not needs_key(node)
        if node.operation in SAME:
            return not needs_key(node)
        if node.operation in SHAPES:
            return bool(node.shape is not None and self.shapes.get(source) == node.shape)
        if node.operation == "aten.to.dtype":
            return self._dtype(source) == node.dtype
        return False

    def _dtype(self, name: str) -> DTypes:
        if name in self.by_name:
            return self.by_name[name].dtype
        return next((i.dtype for i in self.graph.inputs if i.name == name), None)

    def resolve(self, name: str) -> Output:
        """Return the node, and which of its outputs, that a name stands for."""
        return self.aliases.get(name, (name, 0))

    def joined(self, block: Block) -> tuple[Output, ...] | None:
        """Return the values that a block takes, if all it does with them is to join them."""
        inside = {node.name for node in block.nodes()}
        taken: set[Output] = set()
        lists: set[tuple[Output, ...]] = set()
        for node in block.nodes():
            first = node.args[0] if node.args else None
            whole: tuple[Output, ...] = ()
            if node.operation in JOINS and isinstance(first, tuple):
                whole = tuple(self.resolve(value.name) for value in first)
                lists.add(whole)
            for output in map(self.resolve, node.uses()):
                if output[0] not in inside and output[0] not in self.arrays:
                    taken.add(output)
                    if output not in whole:
                        return None
        outer = [given for given in lists if taken & set(given)]
        return outer[0] if len(outer) == 1 and set(outer[0]) == taken else None

    def body(
        self,
        block: Block,
        callees: Mapping[int, Callee],
        whole: tuple[Output, ...] | None = None,
    ) -> Body:
        """Read a block.

        `callees` has, by id, the functions that the blocks inside became, and `whole` values that
        are one input, a list.
        """
        body = Body(block, inputs=[whole] if whole else [])
        inside = {node.name for node in block.nodes()}
        local: dict[Output, Reference] = {}

        def reference(output: Any) -> Reference | None:
            if isinstance(output[0], tuple):
                return Input(0) if output == whole else None
            name, _ = output
            if output in self.versions:
                return self._array(self.versions[output], block.path)
            if name in self.literals:
                return Literal(self.literals[name])
            if name in self.arrays:
                return self._array(self.arrays[name], block.path)
            if output not in local:
                local[output] = Input(len(body.inputs))
                body.inputs.append(output)
            return local[output]

        for entry in block.items:
            number = len(body.items)
            if isinstance(entry, Node):
                body.items.append(self._operation(entry, block.path, reference))
                given = [(entry.name, k) for k in range(outputs(entry))]
            else:
                function, inner, settings = callees[id(entry)]
                body.items.append(self._call(entry, function, inner, settings, block, reference))
                given = inner.given
            for k, output in enumerate(given):
                local[output] = Result(number, k)
        for output in local:
            made = isinstance(local[output], Result)
            used = self.users.get(output, set()) - inside
            if made and (used or output in self.ends) and output not in self.versions:
                body.given.append(output)
                body.outputs.append(local[output])
        if block.up is None:
            for name in self.arguments:
                if (name, 0) in self.ends:
                    found = reference((name, 0))
                    assert found is not None
                    body.given.append((name, 0))
                    body.outputs.append(found)
        return body

    def _array(self, target: str, path: str) -> Array:
        if not path:
            return Array(target)
        if target.startswith(path + "."):
            return Array(target[len(path) + 1 :])
        return Array(target, whole=True)

    def _operation(self, node: Node, path: str, reference: Refer) -> Item:
        leaves: list[Leaf] = []
        parameters = parameter_names(node.operation)
        args = with_defaults(node.operation, node.args)

        def placed(argument: object, name: str) -> Any:
            if isinstance(argument, Value):
                leaves.append(Leaf(reference(self.resolve(argument.name)), name))
            elif isinstance(argument, tuple) and any(names(argument)):
                parts = [self.resolve(p.name) for p in argument if isinstance(p, Value)]
                whole = reference(tuple(parts)) if len(parts) == len(argument) else None
                if whole is None:
                    return tuple(placed(part, name) for part in argument)
                leaves.append(Leaf(whole, name))
            else:
                leaves.append(Leaf(canonical(argument, name), name))
            return Slot(len(leaves) - 1)

        called = [
            parameters[k] if k < len(parameters) else _guess(node.operation, k)
            for k in range(len(args))
        ]
        form = (
            tuple(placed(a, name) for a, name in zip(args, called, strict=True)),
            {key: placed(value, key) for key, value in node.kwargs.items()},
        )
        self._of_input(node, leaves)
        inner = _under(node.module, path)
        updates: dict[int, Reference] = {
            k: self._array(target, path)
            for (first, k), target in self.versions.items()
            if first == node.name
        }
        drawn = draws(node.operation) and needs_key(node)
        if drawn:
            leaves.append(Leaf(node.draw, "draw"))
        skeleton = tuple(_skeleton(leaf) for leaf in leaves)
        casts = repr(node.cast)
        shape = repr(form)
        key = (inner, node.operation, skeleton, shape, casts, tuple(updates.items()), drawn)
        return Item(
            key,
            leaves,
            form,
            inner,
            outputs(node),
            updates,
            node=node,
            draw=len(leaves) - 1 if drawn else None,
        )

    def _of_input(self, node: Node, leaves: list[Leaf]) -> None:
        """Put the input's own sizes in the place of numbers that are always these."""
        source = node.args[0].name if node.args and isinstance(node.args[0], Value) else ""
        shape: Any = self.shapes.get(source)
        for leaf in leaves:
            if leaf.name == "groups" and shape and leaf.value == shape[1] != 1:
                leaf.value = OwnSize("[1]", leaf.value)
            elif leaf.name == "shape" and shape and node.operation in RESHAPES:
                if isinstance(leaf.value, tuple) and all(isinstance(n, int) for n in shape):
                    leaf.value = Shape(leaf.value, shape)
            elif leaf.name == "normalized_shape" and isinstance(leaf.value, tuple):
                leaf.value = OwnSize(f"[-{len(leaf.value)}:]", leaf.value)

    def _call(
        self,
        block: Block,
        function: Family,
        inner: Body,
        settings: Mapping[str, Any],
        outer: Block,
        reference: Refer,
    ) -> Item:
        leaves: list[Leaf] = []

        def slot(value: object, name: str) -> Slot:
            leaves.append(Leaf(value, name))
            return Slot(len(leaves) - 1)

        def placed(output: Any) -> Any:
            if isinstance(output[0], tuple):
                return tuple(placed(part) for part in output)
            return slot(reference(output), "input")

        args = tuple(placed(output) for output in inner.inputs)
        form = (args, {name: slot(value, name) for name, value in settings.items()})
        path = _under(block.path, outer.path)
        key = (path, function.number, repr(form), len(inner.given))
        return Item(key, leaves, form, path, len(inner.given), {}, callee=function)


def outputs(node: Node) -> int:
    """Return how many values an operation gives."""
    several = (
        isinstance(node.shape, tuple) and node.shape and isinstance(node.shape[0], tuple | None)
    )
    if node.operation in ("aten.batch_norm.default", "aten.instance_norm.default"):
        trained = bool(node.args[5]) and node.args[3] is not None
        return 3 if trained else 1
    return len(node.shape) if several else 1


def canonical(value: object, name: str) -> Any:
    """Return one integer for the same ones in all dimensions."""
    if name in SIZES and isinstance(value, tuple) and value and len(set(value)) == 1:
        return value[0]
    return value


def _under(module: str, path: str) -> str:
    if path and module == path:
        return ""
    return module.removeprefix(path + ".") if path else module


def _skeleton(leaf: Leaf) -> str:
    """Say what kind of a leaf it is; an optional array is one, whether it is there or not."""
    if isinstance(leaf.value, Array) and not leaf.value.whole:
        return f"array {leaf.value.name}" if leaf.name not in ("bias", "weight") else "array"
    if leaf.value is None and leaf.name in ("bias", "weight"):
        return "array"
    if isinstance(leaf.value, Array | Literal):
        return repr(leaf.value)
    return "value" if isinstance(leaf.value, Input | Result) else "number"


# Names of arguments of operations that are no functions of a library.
GUESSES: Mapping[str, Sequence[str]] = {
    "aten.view.default": ("input", "shape"),
    "aten.reshape.default": ("input", "shape"),
    "aten.expand.default": ("input", "shape"),
    "aten.slice.Tensor": ("input", "dim", "start", "end", "step"),
    "aten.select.int": ("input", "dim", "index"),
    "aten.permute.default": ("input", "dims"),
    "aten.transpose.int": ("input", "dim0", "dim1"),
    "aten.roll.default": ("input", "shifts", "dims"),
    "aten.split.Tensor": ("input", "size", "dim"),
    "aten.split_with_sizes.default": ("input", "sizes", "dim"),
    "aten.chunk.default": ("input", "chunks", "dim"),
    "aten.mul.Tensor": ("input", "factor"),
    "aten.mul.Scalar": ("input", "factor"),
    "aten.div.Tensor": ("input", "divisor"),
    "aten.bernoulli.p": ("input", "p"),
    "aten.bernoulli.float": ("input", "p"),
    "aten.mean.dim": ("input", "dim", "keepdim"),
    "aten.arange.default": ("end",),
    "aten.upsample_bilinear2d.vec": ("input", "size", "align_corners", "scale_factor"),
    "aten.upsample_nearest2d.vec": ("input", "size", "scale_factor"),
}


def _guess(operation: str, k: int) -> str:
    named = GUESSES.get(operation, ())
    return named[k] if k < len(named) else "setting"
