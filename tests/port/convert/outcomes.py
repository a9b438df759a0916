"""Every network of the list beside PyTorch once more, and the table of what came out.

    python -m tests.port.convert.outcomes --log build/networks.jsonl [--only WORD] [--seconds N]

A run goes on where the log ends, stops after so many seconds, and prints the table of what is known
by then: port/README.md has the whole one.
"""

import argparse
import json
import os
import re
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import torch

import port
from tests.support.compiling import FAST, as_flags
from tests.support.converted import assert_at_rest, assert_in_training
from tests.support.networks import LACKING, MANY, Network

COLUMNS = {
    "output": "eval: output",
    "gradients": "gradients",
    "training output": "training: output",
    "training gradients": "gradients",
    "training buffers": "buffers",
}


def compared(network: Network) -> dict[str, Any]:
    """Return the largest differences of a network, or what went wrong."""
    try:
        found = assert_at_rest(network)
        if network.training:
            found |= {f"training {key}": v for key, v in assert_in_training(network).items()}
    except Exception as error:
        return {"fails": f"{type(error).__name__}: {error}"}
    return dict(found)


def refused(network: Network) -> dict[str, Any]:
    """Return why a network cannot be converted."""
    module, args = network.draw()
    try:
        port.convert(module, args)
    except (NotImplementedError, ValueError) as error:
        return {"lacks": str(error)}
    return {"fails": "it can be converted"}


def table(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield f"| network | {' | '.join(COLUMNS.values())} |"
    yield "|---|" + "---|" * len(COLUMNS)
    for network in (*MANY, *LACKING):
        row = rows.get(network.name)
        if row is None:
            continue
        why = row.get("fails") or row.get("lacks")
        cells = [f"{row[key]:.0e}" if key in row else "" for key in COLUMNS]
        if "lacks" in row:
            missing = re.findall(r"^  (\w+\.\S+?), in", row["lacks"], re.MULTILINE)
            lines = [line.strip() for line in row["lacks"].splitlines()]
            code = lines[-2].split(": ", 1)[-1] if len(lines) > 2 else lines[0]
            cells[0] = "lacks " + ", ".join(missing) if missing else f"depends on data: `{code}`"
        elif why is not None:
            cells[0] = f"fails: {str(why).strip().splitlines()[0]}"
        yield f"| {network} | {' | '.join(cells)} |"


def main() -> int:
    """Compare, log and print; return 1 if something failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True, metavar="FILE")
    parser.add_argument("--only", default="", metavar="WORD", help="of the networks' names")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()
    started = time.monotonic()
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {as_flags(FAST)}"
    jax.config.update("jax_enable_x64", True)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows: dict[str, Any] = {}
    if options.log.exists():
        for line in options.log.read_text().splitlines():
            rows |= json.loads(line)
    options.log.parent.mkdir(parents=True, exist_ok=True)
    for kind, networks in ((compared, MANY), (refused, LACKING)):
        for network in networks:
            if network.name in rows or options.only not in network.name:
                continue
            if time.monotonic() - started > options.seconds:
                break
            rows[network.name] = kind(network)
            with options.log.open("a") as log:
                log.write(json.dumps({network.name: rows[network.name]}) + "\n")
            jax.clear_caches()
    print("\n".join(table(rows)))
    left = sum(n.name not in rows for n in (*MANY, *LACKING))
    print(f"{left} networks are not in the log yet" if left else "all networks", file=sys.stderr)
    return int(any("fails" in row for row in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
