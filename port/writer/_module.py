"""The whole module: what it is, how its weights are read, and a function a block."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from typing import Any

import jax
import numpy as np

from ..converter import Graph, Program, Value
from ..converter._structure import Structure
from ._bodies import Body
from ._canonical import canonical
from ._families import Family, families
from ._function import Writer, render, signature
from ._layout import statement
from ._loops import looped
from ._names import free, letters, snake
from ._reading import Reader
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
            i.name: _literal(small[i.target])
            for i in self.graph.inputs
            if i.kind == "constant" and i.target in small
        }
        self.arrays = {k: a for k, a in program.constants.items() if k not in small}
        self.reader = Reader(self.graph, literals)
        self.root = tree(self.graph)
        _keep(self.root, {node.name for node in self.reader.nodes})
        self.families: list[Family] = []
        self.callees: dict[int, tuple[Any, Body, dict[str, Any]]] = {}
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
            f"{i.target.split('.')[-1]}: {_shape(i.shape)}, {i.dtype}"
            for i in self.graph.inputs
            if i.kind == "argument" and i.dtype is not None
        ]
        names = [i.split(":")[0] for i in shapes]
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

    def _main(self, name: str) -> Iterator[str]:
        family, structure = self.main, self.graph.arguments
        positional, named = structure.parts
        heads: list[str] = []
        opened: list[str] = []
        for part in positional.parts:
            head = part.leaf if part.kind == "leaf" else _common(part, len(heads))
            heads.append(head)
            if part.kind != "leaf":
                opened += list(_unpacked(part, head))
        for key, part in zip(named.keys, named.parts, strict=True):
            heads.append(key)
            if part.kind != "leaf":
                opened += list(_unpacked(part, key))
        heads += ["rng"] * family.draws
        inputs = [str(output[0]) for output in family.base.inputs]
        writer = Writer(family, inputs, {f.name for f in self.families} | set(heads))
        lines = looped(writer.body())
        yield from statement(f"def {name}({', '.join(['params', 'buffers', *heads])}):", 0)
        yield '    """Compute the network: the output, and the buffers."""'
        whole = "params | buffers" if self.program.buffers or self.arrays else "params"
        yield f"    p = {whole}"
        for text in opened:
            yield from statement(text, 4)
        yield from render(lines)

        def leaf(value: Any) -> str:
            if isinstance(value, Value):
                output = self.reader.resolve(value.name)
                place = family.base.given.index(output) if output in family.base.given else None
                if place is not None:
                    return str(writer.value(family.base.outputs[place]))
                if output in self.reader.versions:
                    return f'p["{self.reader.versions[output]}"]'
                if output[0] in self.reader.arrays:
                    return f'p["{self.reader.arrays[output[0]]}"]'
                return output[0]
            return repr(value)

        output = _built(self.graph.output, leaf)
        updated = "{k: p[k] for k in buffers}" if self.graph.updates else "buffers"
        yield from statement(f"return {output}, {updated}", 4)


def main_name(graph: Graph) -> str:
    """Return the name of the network's function, and of the module."""
    name = snake(graph.kind.rsplit(".", 1)[-1])
    return free("network" if name in ("sequential", "module") else name, ())


def _keep(block: Block, names: set[str]) -> None:
    """Leave out nodes that are other names of values, and calls without anything left."""
    kept: list[Any] = []
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


def _literal(array: Any) -> str:
    value = np.asarray(array).reshape(-1)[0].item()
    kind = array.dtype.name if array.dtype.name != "bool" else "bool_"
    shape = f".reshape({array.shape})" if array.ndim else ""
    return f"jnp.{kind}({value!r}){shape}"


def _shape(shape: Sequence[Any]) -> str:
    return "x".join(str(n) for n in shape) or "a number"


def _common(part: Structure, place: int) -> str:
    """Return a name for an argument that is a container."""
    first = str(part.leaves()[0]) if part.leaves() else f"arg{place}"
    return re.sub(r"(_\d+)+$", "", first) or f"arg{place}"


def _unpacked(part: Structure, text: str) -> Iterator[str]:
    """Yield statements that name the parts of an argument."""
    for k, inner in enumerate(part.parts):
        if part.kind == "dict":
            index = f"{text}[{part.keys[k]!r}]"
        elif part.kind in ("namedtuple", "dataclass"):
            index = f"{text}.{part.keys[k]}"
        else:
            index = f"{text}[{k}]"
        if inner.kind == "leaf":
            yield f"{inner.leaf} = {index}"
        else:
            yield from _unpacked(inner, index)


def _built(part: Structure, leaf: Any) -> str:
    """Return a structure in Python."""
    if part.kind == "leaf":
        return str(leaf(part.leaf))
    inner = [_built(p, leaf) for p in part.parts]
    if part.kind == "list":
        return f"[{', '.join(inner)}]"
    if part.kind == "dict":
        pairs = zip(part.keys, inner, strict=True)
        return "{" + ", ".join(f"{key!r}: {text}" for key, text in pairs) + "}"
    if part.kind in ("namedtuple", "dataclass"):
        made = f"collections.namedtuple({part.type.__name__!r}, {list(part.keys)!r})"
        return f"{made}({', '.join(inner)})"
    return f"({', '.join(inner)},)" if len(inner) == 1 else f"({', '.join(inner)})"
