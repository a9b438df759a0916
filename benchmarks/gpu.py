"""`python -m benchmarks.gpu`: the layers on an NVIDIA GPU, PyTorch with cuDNN, raw lax and ours.

With each side's defaults: on recent cards all multiply float32 in TF32. PyTorch chooses its cuDNN
algorithms by timing them (`torch.backends.cudnn.benchmark`), as XLA does. Every layer is timed as
it is, where launching a kernel takes about as long as the kernel, and with a larger batch.
"""

import argparse
import json
import random
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import torch
from rich.console import Console
from rich.progress import Progress

from ._gpu_sides import compiled, draw, raw_last, torch_calls
from ._layers import LAYERS, MORE, Layer, load, pick
from ._measure import Record
from ._report import geometric_mean, ratios, show
from ._sides import ours, raw

SIDES = ("torch", "torch_channels_last", "lax", "ours")
LAST = ("lax_last", "ours_last")
ROLES = ("forward", "both")
GRADIENTS = ("input", "weight")
# A result further from float64 than this, in standard deviations, is wrong and not inexact: TF32
# has 10 bits, and sums have some thousand products; bfloat16 has 7, and results are rounded to it.
WRONG = {"float32": 2e-2, "bfloat16": 1e-1, "float16": 2e-2}
# What one measurement takes at least, in seconds: so many calls are queued and waited for at once.
QUEUE = 4e-3


def larger(layer: Layer, times: int) -> Layer:
    """Return the layer with `times` the batch."""
    return replace(layer, input=(times * layer.input[0], *layer.input[1:]))


def turns(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Time queues of each call in shuffled order; the median, milliseconds a call."""
    shuffle = random.Random(0)
    counts = {}
    for name, call in calls.items():
        wait(call())
        taken = min(_queue(call, 3) for _ in range(2))
        counts[name] = max(3, min(400, round(QUEUE / taken)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        order = list(calls)
        shuffle.shuffle(order)
        for name in order:
            times[name].append(1000 * _queue(calls[name], counts[name]))
    return {name: statistics.median(taken) for name, taken in times.items()}


def _queue(call: Callable[[], Any], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        result = call()
    wait(result)
    return (time.perf_counter() - start) / count


def wait(result: Any) -> None:
    """Wait for all work of the device, JAX's and PyTorch's."""
    jax.block_until_ready([a for a in result if isinstance(a, jax.Array)])
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _apart(mine: Any, right: torch.Tensor) -> float:
    """Return the largest difference, in standard deviations of what is right."""
    if isinstance(mine, jax.Array):
        mine = torch.from_dlpack(mine)
    return float((mine.double() - right.double()).abs().max() / right.double().std())


def measure(
    layer: Layer,
    device: str,
    dtype: str,
    names: Sequence[str],
    wanted: Sequence[str],
    rounds: int,
    pool: ThreadPoolExecutor,
) -> tuple[Record, dict[str, float]]:
    """Check and time one layer; return also how far marked results are from unmarked ones."""
    record = Record(layer.name, layer.why)
    tensors = draw(layer, device, dtype)
    wait(())
    arrays = tuple(map(jnp.from_dlpack, tensors))
    last, kernel = raw_last(layer)
    x, _, g = (jnp.moveaxis(a, 1, -1) for a in arrays)
    w = jax.random.normal(jax.random.key(0), kernel, dtype) * arrays[1].std()
    in_jax = {
        "lax": (raw(layer), arrays, False),
        "ours": (ours(layer), arrays, True),
        "lax_last": (last, (x, w, g), False),
        "ours_last": (last, (x, w, g), True),
    }
    calls: dict[str, dict[str, Callable[[], Any]]] = {}
    for side in names:
        if side in in_jax:
            function, operands, marked = in_jax[side]
            calls[side] = compiled(function, operands, wanted, pool, marked)
        elif side == "torch" or layer.dims > 1:
            calls[side] = torch_calls(layer, tensors, channels_last=side != "torch")
    right = torch_calls(layer, tuple(a.double() for a in tensors), channels_last=False)["both"]()
    for side, found in calls.items():
        if not side.endswith("_last") or side.startswith("torch"):
            record.error[side] = [_apart(a, b) for a, b in zip(found["both"](), right, strict=True)]
            if not max(record.error[side]) <= WRONG[dtype]:
                raise RuntimeError(f"{side} is wrong, errors {record.error[side]}")
    apart = {}
    for marked_side, other in (("ours", "lax"), ("ours_last", "lax_last")):
        if {marked_side, other} <= calls.keys():
            a, b = (calls[side]["both"]() for side in (marked_side, other))
            apart[marked_side] = max(
                _apart(m, torch.from_dlpack(n)) for m, n in zip(a, b, strict=True)
            )
            if not apart[marked_side] <= WRONG[dtype]:
                raise RuntimeError(f"{marked_side} and {other} are apart by {apart[marked_side]}")
    for role in wanted:
        these = {side: found[role] for side, found in calls.items() if role in found}
        record.milliseconds[role] = turns(these, rounds)
    jax.clear_caches()
    return record, apart


def versions() -> dict[str, str]:
    """Say what the figures were measured on."""
    found = {"device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"}
    driver = Path("/proc/driver/nvidia/version")
    number = re.search(r"\d{3}\.\d+(\.\d+)?", driver.read_text() if driver.exists() else "")
    if number:
        found["driver"] = number[0]
    found["cuda of torch"] = str(torch.version.cuda)
    found["cudnn of torch"] = str(torch.backends.cudnn.version())
    for name in ("jax", "jaxlib", "jax-cuda13-plugin", "nvidia-cudnn-cu13", "flax", "torch"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    found["date"] = time.strftime("%Y-%m-%d", time.gmtime())
    return found


def _summary(records: list[Record], wanted: Sequence[str]) -> Iterator[str]:
    """Compare sides for each role: means, and what differs by more than a fifth."""
    for ours_side, other in (("ours", "lax"), ("ours", "torch"), ("ours_last", "lax_last")):
        for role in wanted:
            found = ratios(records, role, ours_side, other)
            if not found:
                continue
            far = sorted((v, k) for k, v in found.items() if not 0.8 < v < 1.25)
            yield (
                f"{role}: {other} over {ours_side} {geometric_mean(found.values()):.2f}; "
                + (", ".join(f"{layer} {ratio:.2f}" for ratio, layer in far) or "none far from 1")
            )


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument(
        "--more-layers",
        action="store_true",
        help="layers of more networks, not those of layers.json",
    )
    parser.add_argument("--dtype", choices=WRONG, default="float32")
    parser.add_argument("--layers", nargs="+", metavar="NAME", help="only these layers")
    parser.add_argument(
        "--batches", nargs="+", type=int, default=[1, 16], help="times the batch (1 and 16)"
    )
    parser.add_argument(
        "--gradients", action="store_true", help="time each gradient by itself, too"
    )
    parser.add_argument(
        "--last", action="store_true", help="time JAX with the channels last, too, as Flax calls it"
    )
    parser.add_argument("--jobs", type=int, default=2, help="programs compiled at a time (2)")
    parser.add_argument("--rounds", type=int, default=5, help="queues a side and role (5)")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds for all of it")
    parser.add_argument("--out", type=Path, help="folder for results.json")
    options = parser.parse_args()
    if jax.default_backend() != "gpu" or not torch.cuda.is_available():
        parser.error(f"this times GPUs, JAX is on {jax.default_backend()}")
    torch.backends.cudnn.benchmark = True
    layers = load(MORE if options.more_layers else LAYERS)
    if options.layers:
        try:
            layers = pick(layers, options.layers)
        except ValueError as error:
            parser.error(f"--layers: {error}")
    sides = SIDES + LAST if options.last else SIDES
    wanted = ROLES + GRADIENTS if options.gradients else ROLES
    start = time.perf_counter()
    console = Console(width=None if sys.stdout.isatty() else 150)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    data: dict[str, Any] = {"versions": versions(), "dtype": options.dtype, "batches": {}}
    missing = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for times in options.batches:
            records: list[Record] = []
            apart: list[dict[str, float]] = []
            with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
                for layer in bar.track(layers):
                    if time.perf_counter() - start > options.limit:
                        missing += 1
                        continue
                    try:
                        how = ("cuda", options.dtype, sides, wanted, options.rounds, pool)
                        record, facts = measure(larger(layer, times), *how)
                    except Exception as error:
                        console.print(f"[red]{layer.name}, {times} times the batch[/]: {error}")
                        missing += 1
                        continue
                    records.append(record)
                    apart.append(facts)
                    data["batches"].setdefault(str(times), []).append(
                        {**record.data(), "marked and unmarked apart": facts}
                    )
                    if options.out:  # after each layer, so that nothing is lost
                        (options.out / "results.json").write_text(json.dumps(data, indent=1) + "\n")
            console.print(f"{times} times the batch", style="bold")
            if records:
                show(records, console)
                for line in _summary(records, wanted):
                    console.print(line)
                most = max((v for facts in apart for v in facts.values()), default=0.0)
                console.print(f"marked and unmarked apart by at most {most:.1e} deviations")
    console.print(", ".join(f"{k} {v}" for k, v in data["versions"].items()), style="dim")
    if missing:
        console.print(f"{missing} layers failed, or {options.limit:g} seconds were over")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
