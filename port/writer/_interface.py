"""Arguments and outputs of any structure, in Python."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from ..converter._structure import Structure


def common(part: Structure, place: int) -> str:
    """Return a name for an argument that is a container."""
    first = str(part.leaves()[0]) if part.leaves() else f"arg{place}"
    return re.sub(r"(_\d+)+$", "", first) or f"arg{place}"


def unpacked(part: Structure, text: str) -> Iterator[str]:
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
            yield from unpacked(inner, index)


def built(part: Structure, leaf: Callable[[Any], str]) -> str:
    """Return a structure in Python."""
    if part.kind == "leaf":
        return str(leaf(part.leaf))
    inner = [built(p, leaf) for p in part.parts]
    if part.kind == "list":
        return f"[{', '.join(inner)}]"
    if part.kind == "dict":
        pairs = zip(part.keys, inner, strict=True)
        return "{" + ", ".join(f"{key!r}: {text}" for key, text in pairs) + "}"
    if part.kind in ("namedtuple", "dataclass"):
        made = f"collections.namedtuple({part.type.__name__!r}, {list(part.keys)!r})"
        return f"{made}({', '.join(inner)})"
    return f"({', '.join(inner)},)" if len(inner) == 1 else f"({', '.join(inner)})"


def literal(array: jax.Array | np.ndarray) -> str:
    """Return an array of one number in Python."""
    value = np.asarray(array).reshape(-1)[0].item()
    kind = array.dtype.name if array.dtype.name != "bool" else "bool_"
    shape = f".reshape({array.shape})" if array.ndim else ""
    return f"jnp.{kind}({value!r}){shape}"


def sizes(shape: Sequence[int | str]) -> str:
    """Return a shape as one says it: 2x3x64x64."""
    return "x".join(str(n) for n in shape) or "a number"
