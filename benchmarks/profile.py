"""`python -m benchmarks.profile NETWORK [--train]`: where our side's time goes, by operation.

Times are of XLA's trace (`_trace` says how they are shared out), by kind of HLO operation, by kind
of PyTorch module, by module, and the longest operations one by one with their shapes.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import jax
from rich.console import Console
from rich.table import Table

import conv

from ._network_sides import jax_function
from ._threads import can_pin, team
from ._timing import middle, turns
from ._trace import CONTAINERS, Operation, operations, trace
from .nets import NETWORKS, Network

Spent = Mapping[str, float]


def origin(operation: Operation, kinds: Mapping[str, str]) -> tuple[str, str, str]:
    """Return the module behind an operation, its class and the direction."""
    parts = operation.source.replace("(", "/").replace(")", "/").split("/")
    module = next((part for part in parts if part in kinds), "")
    direction = "backward" if "transpose" in parts and "jvp" in parts else "forward"
    return module, kinds.get(module, "?"), direction


def _module_kinds(network: Network, small: bool = False) -> dict[str, str]:
    module, _ = network.draw(small)
    return {name: type(m).__name__ for name, m in module.named_modules() if name}


def tables(
    spent: Spent, known: Mapping[str, Operation], kinds: Mapping[str, str], top: int
) -> list[Table]:
    """Return the tables; "inside" counts a fusion's instructions: many mean a repeated one."""
    total = sum(spent.values())

    def grouped(title: str, key: Callable[[Operation], tuple[str, ...]], heads: list[str]) -> Table:
        sums: dict[tuple[str, ...], float] = defaultdict(float)
        counts: Counter[tuple[str, ...]] = Counter()
        for name, time in spent.items():
            sums[key(known[name])] += time
            counts[key(known[name])] += 1
        table = Table(title=title, pad_edge=False)
        for head in heads:
            table.add_column(head)
        for head in ("ms", "%", "operations"):
            table.add_column(head, justify="right")
        for group, time in sorted(sums.items(), key=lambda item: -item[1])[:top]:
            table.add_row(*group, f"{time:.2f}", f"{100 * time / total:.1f}", str(counts[group]))
        return table

    longest = Table(title=f"the {top} longest operations", pad_edge=False)
    for head in ("operation", "kind", "result", "operands", "from"):
        longest.add_column(head, overflow="fold")
    for head in ("inside", "ms", "%"):
        longest.add_column(head, justify="right")
    for name, time in sorted(spent.items(), key=lambda item: -item[1])[:top]:
        operation = known[name]
        operands = [known[o].shape for o in operation.operands if o in known]
        module, _, direction = origin(operation, kinds)
        source = " ".join((module, direction, operation.source.rsplit("/", 1)[-1]))
        shapes = ", ".join(s for s in operands if s and not s.endswith("[]"))
        cells = (name, operation.kind, operation.shape, shapes, source)
        longest.add_row(
            *cells, str(len(operation.inner)), f"{time:.2f}", f"{100 * time / total:.1f}"
        )
    return [
        grouped("by kind of operation", lambda o: (o.kind,), ["kind"]),
        grouped(
            "by kind of operation and of module",
            lambda o: (o.kind, *origin(o, kinds)[1:]),
            ["kind", "module", "direction"],
        ),
        grouped("by kind of module", lambda o: origin(o, kinds)[1:], ["module", "direction"]),
        grouped("by module", lambda o: origin(o, kinds)[::2], ["module", "direction"]),
        longest,
    ]


def main() -> int:
    """Trace one network and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--train", action="store_true", help="a training step, not forward")
    parser.add_argument("--stock", action="store_true", help="JAX without this package")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--rounds", type=int, default=5, help="traced runs (5)")
    parser.add_argument("--top", type=int, default=30, help="rows of a table (30)")
    parser.add_argument("--hlo", metavar="FILE", help="write the program's HLO text there")
    options = parser.parse_args()
    if can_pin():
        team()
    network = NETWORKS[options.network]
    mode = "train" if options.train else "forward"
    function, params, x = jax_function(network, mode, options.dtype)
    with conv.accelerate(not options.stock):
        compiled = jax.jit(function).lower(params, x).compile()
    text = compiled.as_text() or ""
    if options.hlo:
        with open(options.hlo, "w") as file:
            file.write(text)
    known = operations(text)

    def call() -> Any:
        return jax.block_until_ready(compiled(params, x))

    plain = middle(turns({"ours": call}, options.rounds, 10.0)["ours"])
    leaves = [name for name, o in known.items() if o.opcode not in CONTAINERS]
    spent = trace(call, leaves, options.rounds)
    memory: Any = compiled.memory_analysis()
    console = Console(width=None if sys.stdout.isatty() else 200)
    megabytes = memory.temp_size_in_bytes / 2**20
    console.print(
        f"{network.name}, {mode}, {options.dtype}, input {network.input}: {plain:.1f} ms; "
        f"operations {sum(spent.values()):.1f} ms (each the least of {options.rounds} runs); "
        f"{megabytes:.0f} MB of temporaries"
    )
    for table in tables(spent, known, _module_kinds(network), options.top):
        console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
