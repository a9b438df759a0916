"""`python -m checks.gpu`: whole networks on an NVIDIA GPU, PyTorch with cuDNN and ours.

Forward and a training step, float32 (TF32 on both sides) and bfloat16, with more images than on a
CPU. Written to a JSON file after each network, with versions; what takes more than 1.3 times
PyTorch's faster layout is listed at the end. It stops before the time that it is given is over.
"""

import argparse
import json
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax
import torch
from rich.console import Console

from benchmarks._network_sides import LAYOUTS, MODES, jax_function
from benchmarks.gpu import turns
from benchmarks.nets import NETWORKS, Network

LOST = 1.3
# Losses, or sizes of outputs, further apart than this are of two networks.
WRONG = {"float32": 2e-2, "bfloat16": 1e-1}
PACKAGES = ("jax", "jaxlib", "jax-cuda13-plugin", "jax-cuda12-plugin", "torch")


def torch_call(network: Network, mode: str, dtype: str, last: bool, times: int) -> Any:
    """Return PyTorch's call on the GPU; None where it has no such layout."""
    module, x = network.draw()
    x = torch.cat([x] * times).to("cuda", getattr(torch, dtype))
    module = module.to("cuda", getattr(torch, dtype)).train(mode == "train")
    if last:
        if x.ndim not in LAYOUTS:
            return None
        layout: Any = LAYOUTS[x.ndim]
        x, module = x.to(memory_format=layout), module.to(memory_format=layout)  # type: ignore[call-overload]
    learned, labels = list(module.parameters()), torch.arange(len(x), device="cuda")

    def forward() -> Any:
        with torch.no_grad():
            return (module(x),)

    def step() -> Any:
        y = module(x).float()
        loss = (
            torch.nn.functional.cross_entropy(y, labels)
            if network.classifies
            else y.square().mean()
        )
        return loss, *torch.autograd.grad(loss, learned, allow_unused=True)

    return forward if mode == "forward" else step


def jax_call(network: Network, mode: str, dtype: str, times: int) -> Any:
    """Compile ours for the GPU and return the call."""

    class Larger(Network):
        def draw(self, small: bool = False, dtype: torch.dtype = torch.float32) -> Any:
            module, x = super().draw(small, dtype)
            return module, torch.cat([x] * times)

    function, params, x = jax_function(Larger(**vars(network)), mode, dtype)
    compiled = jax.jit(function).lower(params, x).compile()
    return lambda: jax.tree.leaves(compiled(params, x))


def number(result: Any) -> float:
    """Return the mean square of the first array of a result: the loss's own square, or output's."""
    y = result[0]
    y = y.detach().float().cpu().numpy() if isinstance(y, torch.Tensor) else y.astype("float32")
    return float((y**2).mean())


def measure(network: Network, mode: str, dtype: str, times: int) -> dict[str, Any]:
    """Time the sides turn by turn; ours must give what PyTorch gives."""
    calls = {
        "torch": torch_call(network, mode, dtype, False, times),
        "torch_channels_last": torch_call(network, mode, dtype, True, times),
        "ours": jax_call(network, mode, dtype, times),
    }
    calls = {side: call for side, call in calls.items() if call is not None}
    results = {side: number(call()) for side, call in calls.items()}
    # With batch norm the sums are of the same images several times over: nothing else changes.
    wrong = abs(results["ours"] - results["torch"]) > WRONG[dtype] * abs(results["torch"])
    milliseconds = turns(calls, 7)
    best = min(ms for side, ms in milliseconds.items() if side != "ours")
    return {
        "network": network.name,
        "mode": mode,
        "dtype": dtype,
        "milliseconds": milliseconds,
        "ratio": milliseconds["ours"] / best,
        "results": results,
        "wrong": bool(wrong),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"


def main() -> int:
    """Measure until the time is over."""
    parser = argparse.ArgumentParser(prog="python -m checks.gpu", description=__doc__)
    parser.add_argument("--seconds", type=float, default=330.0, help="for all (330)")
    parser.add_argument("--times", type=int, default=8, help="the batch, times this (8)")
    parser.add_argument("--out", type=Path, default=Path("networks-gpu.json"))
    options = parser.parse_args()
    if jax.default_backend() != "gpu" or not torch.cuda.is_available():
        parser.error(f"needs a GPU for both: JAX is on {jax.default_backend()}")
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.matmul.allow_tf32 = True
    data: dict[str, Any] = {
        "device": jax.devices()[0].device_kind,
        "versions": {name: _version(name) for name in PACKAGES}
        | {"cudnn of torch": str(torch.backends.cudnn.version())},
        "batch times": options.times,
        "networks": [],
    }
    console, began, left = Console(width=120), time.monotonic(), []
    for dtype in ("float32", "bfloat16"):
        for network in NETWORKS.values():
            for mode in MODES:
                if time.monotonic() - began > options.seconds:
                    left.append(f"{network.name} {mode} {dtype}")
                    continue
                try:
                    found = measure(network, mode, dtype, options.times)
                except Exception as error:
                    found = {"network": network.name, "mode": mode, "dtype": dtype}
                    found["failed"] = f"{type(error).__name__}: {error}"[:300]
                data["networks"].append(found)
                console.print(found, markup=False)
                options.out.write_text(json.dumps(data, indent=1) + "\n")
                torch.cuda.empty_cache()
                jax.clear_caches()
    records = data["networks"]
    bad = [r for r in records if r.get("failed") or r.get("wrong")]
    slow = [r for r in records if r.get("ratio", 0) > LOST]
    for title, some in (("failed or wrong", bad), (f"slower than {LOST} times PyTorch", slow)):
        for r in some:
            what = r.get("failed") or f"{r['ratio']:.2f}, {r['results']}"
            console.print(f"{title}: {r['network']} {r['mode']} {r['dtype']}: {what}", markup=False)
    if left:
        console.print(f"no time for: {', '.join(left)}", markup=False)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
