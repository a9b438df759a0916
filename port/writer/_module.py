"""The whole module: what it is, how its weights are read, and a function a block."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import islice

import jax

from ..converter import Graph, Node, Program, Value
from ._canonical import canonical
from ._families import Family, families
from ._function import Writer, render, signature
from ._interface import built, common, literal, sizes, unpacked
from ._layout import statement
from ._loops import looped
from ._names import free, letters, snake
from ._reading import Callee, Reader
from ._tree import Block, tree

KEY = '''
def key(rng, name):
    """Return a key that belongs to a module's name."""
    return jax.random.fold_in(rng, zlib.crc32(name.encode()))
'''
KEYS = '''
def key(rng, name, draw=0):
    """Return a key that belongs to a module's name, and to its first draw, or a later one."""
    name = f"{name}#{draw}" if draw else name
    return jax.random.fold_in(rng, zlib.crc32(name.encode()))
'''


def source(program: Program) -> str:
    """Return a program as a Python module of plain JAX; see `Program.source`."""
    return written(program)[0]


def written(program: Program) -> tuple[str, dict[str, jax.Array]]:
    """Return a program's module, and the arrays that it reads."""
    module = _Module(program)
    text = formatted("\n".join(module.lines()) + "\n")
    return text, program.params | program.buffers | module.arrays


def formatted(text: str) -> str:
    """Return a module as ruff formats it, where ruff is installed."""
    if find_spec("ruff") is None:
        return text
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length=100", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return done.stdout


class _Module:
    def __init__(self, program: Program) -> None:
        self.program = program = canonical(program)
        self.graph: Graph = program.graph
        small = {name: a for name, a in program.constants.items() if a.size == 1}
        literals = {
            i.name: literal(small[i.target])
            for i in self.graph.inputs
            if i.kind == "constant" and i.target in small
        }
        self.arrays = {k: a for k, a in program.constants.items() if k not in small}
        self.reader = Reader(self.graph, literals)
        self.root = tree(self.graph)
        _keep(self.root, {node.name for node in self.reader.nodes})
        self.families: list[Family] = []
        self.callees: dict[int, Callee] = {}
        self._sort()

    def _sort(self) -> None:
        """Make families of all blocks; those inside of others first."""
        waiting = [block for block in self.root.blocks() if block is not self.root]
        kinds: dict[str, list[Block]] = {}
        for block in waiting:
            kinds.setdefault(_group(block), []).append(block)
        inside = {k: {_group(b) for block in of for b in block.blocks()} for k, of in kinds.items()}
        while kinds:
            ready = next(
                (k for k in kinds if not (inside[k] - {k}) & set(kinds)), next(iter(kinds))
            )
            self._made(kinds.pop(ready))
        body = self.reader.body(self.root, self.callees)
        self.main = families([body], len(self.families))[0]

    def _made(self, blocks: Sequence[Block]) -> None:
        """Make functions of the blocks of a class, the innermost of nested ones first."""
        rest = list(blocks)
        while rest:
            now = [b for b in rest if all(id(i) in self.callees for i in b.blocks() if i is not b)]
            lists = [self.reader.joined(b) for b in now]
            vary = all(lists) and len({len(given) for given in lists if given}) > 1
            bodies = [
                self.reader.body(block, self.callees, given if vary else None)
                for block, given in zip(now, lists, strict=True)
            ]
            found = families(bodies, len(self.families))
            for family in found:
                self.families.append(family)
                for copy in family.copies:
                    body = copy.body
                    self.callees[id(body.block)] = (family, body, family.call(body))
            rest = [b for b in rest if id(b) not in self.callees]

    def _name(self) -> str:
        """Name all functions; return the main one's."""
        main = main_name(self.graph)
        taken = {main}
        for family in self.families:
            family.name = free(_wanted(family), taken)
            taken.add(family.name)
        for family in self.families:
            family.settle_names(taken)
        self.main.name = main
        return main

    def lines(self) -> Iterator[str]:
        """Yield the module's lines."""
        name = self._name()
        functions = [list(self._function(family)) for family in self._used()]
        main = list(self._main(name))
        body = "\n".join(line for lines in [*functions, main] for line in lines)
        draws = bool(re.search(r"\bkey\(rng", body))
        yield from self._head(name, body, draws)
        if draws:
            several = re.search(r"\bkey\(rng, [^()]*, (\d|draw)", body)
            yield from (KEYS if several else KEY).splitlines()
        yield from ["", ""]
        yield from main
        for lines in reversed(functions):
            yield from ["", ""]
            yield from lines

    def _used(self) -> list[Family]:
        return [family for family in self.families if family.copies]

    def _head(self, name: str, body: str, draws: bool) -> Iterator[str]:
        shapes = [
            f"{i.name}: {sizes(i.shape)}, {i.dtype}"
            for i in self.graph.inputs
            if i.kind == "argument" and i.dtype is not None
        ]
        names, _, _ = self._arguments()
        mode = "in training mode" if self.graph.updates or draws else "in evaluation mode"
        yield f'"""{self.graph.kind.rpartition(".")[2]} in JAX, {mode}.'
        yield ""
        yield "    params, buffers = load()"
        key = ", rng=jax.random.key(0)" if draws else ""
        yield f"    output, buffers = {name}(params, buffers, {', '.join(names)}{key})"
        yield ""
        yield f"Converted from {self.graph.kind}"
        yield f"for {'; '.join(shapes)}."
        yield "Arrays have their names in PyTorch's state_dict; `p` holds all of them."
        yield '"""'
        yield ""

        def has(word: str) -> bool:
            return bool(re.search(rf"(?<![\w.]){re.escape(word)}[.\[(]", body))

        if draws:
            yield "import zlib"
        if "collections.namedtuple" in body:
            yield "import collections"
        yield "from pathlib import Path"
        yield ""
        if has("jax") or draws:
            yield "import jax"
        yield "import jax.numpy as jnp"
        if has("lax"):
            yield "from jax import lax"
        yield ""
        if has("conv"):
            yield "import conv"
        if has("K"):
            yield "from custom_vjp import functional as K"
        if has("F"):
            yield "from port import functional as F"
        yield "from port import read"
        if has("OPERATIONS"):
            yield "from port.converter.operations import OPERATIONS"
        yield ""
        yield from self._load()

    def _load(self) -> Iterator[str]:
        """Yield the function that reads the weights."""
        buffers = {*self.program.buffers, *self.arrays}
        last = sorted({b.rsplit(".", 1)[-1] for b in buffers})
        clash = any(p.rsplit(".", 1)[-1] in last for p in self.program.params)
        if buffers:
            listed = ", ".join(f'"{b}"' for b in (sorted(buffers) if clash else last))
            comma = "," if listed.count(",") == 0 else ""
            yield from statement(f"BUFFERS = ({listed}{comma})", 0)
            yield ""
        yield ""
        yield 'def load(path=Path(__file__).with_name("weights.safetensors")):'
        yield '    """Return parameters and buffers."""'
        if not buffers:
            yield "    return {k: jnp.asarray(v) for k, v in read(path).items()}, {}"
            return
        yield "    state = {k: jnp.asarray(v) for k, v in read(path).items()}"
        test = "k in BUFFERS" if clash else 'k.split(".")[-1] in BUFFERS'
        yield f"    buffers = {{k: v for k, v in state.items() if {test}}}"
        yield "    return {k: v for k, v in state.items() if k not in buffers}, buffers"

    def _function(self, family: Family) -> Iterator[str]:
        arguments = list(islice(letters(), len(family.base.inputs)))
        writer = Writer(family, arguments, {f.name for f in [*self.families, self.main]})
        lines = looped(writer.body())
        yield from statement(signature(family, arguments), 0)
        yield f'    """{_described(family.base.block)}"""'
        yield from render(lines)
        outputs = [str(writer.value(o)) for o in family.base.outputs]
        if outputs:
            yield from statement(f"return {', '.join(outputs)}", 4)

    def _arguments(self) -> tuple[list[str], list[str], dict[str, str]]:
        """Return the main function's arguments, statements that unpack them, and their names.

        The names are of the graph's inputs; those that are numbers are not among the arguments'.
        """
        positional, named = self.graph.arguments.parts
        taken = {f.name for f in [*self.families, self.main]}
        names: dict[str, str] = {}
        for name in self.reader.arguments:
            names[name] = _other(name, taken)
            taken.add(names[name])
        heads: list[str] = []
        opened: list[str] = []
        for place, part in enumerate((*positional.parts, *named.parts)):
            keyword = place - len(positional.parts)
            if part.kind == "leaf":
                head = names[part.leaf]
            else:
                wanted = named.keys[keyword] if keyword >= 0 else common(part, place)
                head = _other(wanted, taken)
                taken.add(head)
                opened += list(unpacked(part.filled(iter(map(names.get, part.leaves()))), head))
            heads.append(head)
        return heads, opened, names

    def _main(self, name: str) -> Iterator[str]:
        family = self.main
        heads, opened, names = self._arguments()
        heads += ["rng"] * family.draws
        inputs = [names[str(output[0])] for output in family.base.inputs]
        taken = {f.name for f in self.families} | set(heads) | set(names.values())
        writer = Writer(family, inputs, taken)
        lines = looped(writer.body())
        yield from statement(f"def {name}({', '.join(['params', 'buffers', *heads])}):", 0)
        yield '    """Compute the network: the output, and the buffers."""'
        whole = "params | buffers" if self.program.buffers or self.arrays else "params"
        yield f"    p = {whole}"
        for text in opened:
            yield from statement(text, 4)
        yield from render(lines)

        def leaf(value: object) -> str:
            if not isinstance(value, Value):
                return repr(value)
            output = self.reader.resolve(value.name)
            if output in family.base.given:
                return str(writer.value(family.base.outputs[family.base.given.index(output)]))
            if output[0] in self.reader.literals:
                return self.reader.literals[output[0]]
            target = self.reader.versions.get(output) or self.reader.arrays[output[0]]
            return f'p["{target}"]'

        output = built(self.graph.output, leaf)
        updated = "{k: p[k] for k in buffers}" if self.graph.updates else "buffers"
        yield from statement(f"return {output}, {updated}", 4)


def _other(name: str, taken: set[str]) -> str:
    """Return an argument's name; a word of the written module's own is changed."""
    wanted = "x" if name == "input" and "x" not in taken else name
    return free(wanted, taken)


def main_name(graph: Graph) -> str:
    """Return the name of the network's function, and of the module."""
    name = snake(graph.kind.rsplit(".", 1)[-1])
    return free("network" if name in ("sequential", "module") else name, ())


def _keep(block: Block, names: set[str]) -> None:
    """Leave out nodes that are other names of values, and calls without anything left."""
    kept: list[Block | Node] = []
    for item in block.items:
        if isinstance(item, Block):
            _keep(item, names)
            if item.items:
                kept.append(item)
        elif item.name in names:
            kept.append(item)
    block.items = kept


def _group(block: Block) -> str:
    """Return what blocks of one function have in common: the class; of containers the layers."""
    if block.kind.startswith("torch.nn.modules.container."):
        return f"{block.kind}: {[node.operation for node in block.nodes()]}"
    return block.kind


def _wanted(family: Family) -> str:
    """Return the name of a function after its class; of a container after its layers."""
    block = family.base.block
    if not block.kind.startswith("torch.nn.modules.container."):
        return snake(block.name)
    parts = []
    for item in family.base.items:
        if item.callee is not None:
            parts.append(item.callee.name)
        elif item.node is not None:
            parts.append(item.node.operation.split(".")[1].strip("_"))
    return "_".join(parts) if len(parts) <= 3 else "block"


def _described(block: Block) -> str:
    """Say what a function computes."""
    space, _, name = block.kind.rpartition(".")
    if not space.startswith("torch.nn.modules"):
        return f"{name} of {space}."
    return f"torch.nn.{name}{f', {block.path!r}' if name == 'Sequential' else ''}."
