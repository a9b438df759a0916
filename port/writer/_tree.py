"""The graph as a tree of module calls, with those that are not worth a function left out."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..converter import Frame, Graph, Node

# Containers and layers of torch.nn; other classes are the network's own.
LIBRARY = "torch.nn.modules."
CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")
# A layer that takes so many arrays, or computes so many operations, gets a function.
ARRAYS, OPERATIONS, PLACES = 3, 3, 3


@dataclass
class Block:
    """One call of a module.

    Attributes:
      path: of the module.
      kind: its class, with the package it is from.
      items: what it computes, in order: nodes and other modules' calls.
      up: the call that it is part of.
    """

    path: str
    kind: str
    items: "list[Node | Block]" = field(default_factory=list)
    up: "Block | None" = None

    def nodes(self) -> Iterator[Node]:
        """Yield its nodes and those of the calls inside."""
        for item in self.items:
            if isinstance(item, Node):
                yield item
            else:
                yield from item.nodes()

    def blocks(self) -> "Iterator[Block]":
        """Yield the calls inside, the innermost first, and then itself."""
        for item in self.items:
            if isinstance(item, Block):
                yield from item.blocks()
        yield self

    @property
    def name(self) -> str:
        """Name of the class."""
        return self.kind.rsplit(".", 1)[-1]


def tree(graph: Graph) -> Block:
    """Return the network's call, with the calls that become functions as blocks inside."""
    root = _grown(graph)
    arrays = {i.name for i in graph.inputs if i.kind in ("param", "buffer")}
    kinds: dict[str, list[Block]] = {}
    for block in root.blocks():
        kinds.setdefault(block.kind, []).append(block)
    shapes: dict[str, set[str]] = {}
    for block in kinds.get(f"{LIBRARY}container.Sequential", []):
        if block.up is not None:
            shapes.setdefault(_shape(block), set()).add(_place(block))

    def kept(block: Block) -> bool:
        if block.up is None:
            return True
        count = len(list(block.nodes()))
        alike = len(kinds[block.kind])
        if block.name in CONTAINERS and block.kind.startswith(LIBRARY):
            places = shapes.get(_shape(block), ())
            return count > 1 and len(places) >= PLACES and _of_layers(block)
        if block.kind.startswith(LIBRARY):
            taken = Counter(name in arrays for node in block.nodes() for name in node.uses())
            return alike > 1 and (taken[True] >= ARRAYS or count >= OPERATIONS)
        return (alike > 1 and count > 1) or count > 2 * OPERATIONS

    return _reduced(root, kept)


def _grown(graph: Graph) -> Block:
    """Return the tree of all module calls."""
    root = Block("", graph.kind)
    stack: list[tuple[Block, Frame | None]] = [(root, None)]
    for node in graph.nodes:
        frames = [frame for frame in node.stack if frame.path]
        # A size is read where it is needed first; that is no reason to leave a module.
        if frames or node.dtype is not None or node.shape is not None:
            depth = 0
            for (_, open_), frame in zip(stack[1:], frames, strict=False):
                if open_ != frame:
                    break
                depth += 1
            del stack[depth + 1 :]
            for frame in frames[depth:]:
                block = Block(frame.path, frame.kind, up=stack[-1][0])
                stack[-1][0].items.append(block)
                stack.append((block, frame))
        stack[-1][0].items.append(node)
    return root


def _shape(block: Block) -> str:
    """Return what two calls of the same layers have in common."""
    parts = [(node.module.removeprefix(block.path), node.operation) for node in block.nodes()]
    return repr(parts)


def _of_layers(block: Block) -> bool:
    """Whether there are only layers of torch.nn inside."""
    return all(inner.kind.startswith(LIBRARY) for inner in block.blocks())


def _place(block: Block) -> str:
    """Return where a block stands in the nearest class of the network's own."""
    up = block.up
    while up is not None and up.up is not None and up.kind.startswith(LIBRARY):
        up = up.up
    assert up is not None
    return f"{up.kind}: {block.path.removeprefix(up.path)}"


def _reduced(block: Block, kept: Callable[[Block], bool]) -> Block:
    """Return the block with the items of calls that are not kept in their place."""
    items: list[Node | Block] = []
    for item in block.items:
        if isinstance(item, Node):
            items.append(item)
        else:
            inner = _reduced(item, kept)
            items += [inner] if kept(item) else inner.items
    made = Block(block.path, block.kind, items, block.up)
    for item in items:
        if isinstance(item, Block):
            item.up = made
    return made
