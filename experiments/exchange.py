"""What the devices of a compiled program send each other, read off its text."""

import math
import re
from collections import Counter
from typing import Any

COLLECTIVE = re.compile(
    r"= (.*?) (all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter)(?:-start)?\("
)
TYPE = re.compile(r"([a-z]+\d*)\[([\d,]*)\]")
BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s16": 2, "u16": 2, "f64": 8}
BYTES |= {"s64": 8, "u64": 8, "c64": 8, "c128": 16}


def collectives(compiled: Any) -> tuple[dict[str, int], int]:
    """Count the collective operations of a compiled program, and the bytes of their results.

    The bytes are one device's: what it is given by all of them together.

    Args:
      compiled: what `jax.jit(function).lower(...).compile()` returns.

    Returns:
      How often each kind stands in the program, and bytes.

    Example:
      >>> import jax
      >>> collectives(jax.jit(lambda x: x + 1).lower(1.0).compile())
      ({}, 0)
    """
    found = COLLECTIVE.findall(compiled.as_text())
    size = sum(_size(dtype, shape) for types, _ in found for dtype, shape in TYPE.findall(types))
    return dict(Counter(kind for _, kind in found)), size


def _size(dtype: str, shape: str) -> int:
    return BYTES.get(dtype, 4) * math.prod(int(n) for n in shape.split(",") if n)


def sent(size: float, devices: int) -> float:
    """Return the bytes that each device sends for an all-reduce of `size` bytes, in a ring.

    Every part goes round twice, but for one hop each time: once to be added up, once to be known.
    """
    return 2 * (devices - 1) / devices * size
