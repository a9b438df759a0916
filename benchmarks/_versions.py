"""What figures were measured on: processor, threads, versions."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from ._threads import can_pin


def versions() -> dict[str, str]:
    """Say what the figures were measured on."""
    packages = ("jax", "jaxlib", "flax", "equinox", "torch", "numpy")
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "torch threads": str(torch.get_num_threads()),
        "torch threads pinned": "yes" if can_pin() else "no",
        "allocator": os.environ.get("GLIBC_TUNABLES") or "the system's",
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _fields() -> dict[str, str]:
    """Return what Linux says of a processor, or nothing."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return {}
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in fields.items()}


def _processor() -> str:
    """Name the processor and its widest vector instructions."""
    fields = _fields()
    if not fields:
        return platform.processor() or platform.machine()
    flags = fields.get("flags", "").split()
    widest = next((f for f in ("avx512f", "avx2", "avx") if f in flags), platform.machine())
    return f"{fields.get('model name', platform.machine())} ({widest})"


def extensions() -> str:
    """Name the processor's instructions for matrices and two-byte numbers."""
    flags = _fields().get("flags", "").split()
    return " ".join(f for f in flags if f.startswith(("avx512", "avx_", "amx", "avx2"))) or "none"
