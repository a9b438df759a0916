"""What a node of torch.fx says: its operation, what it writes to, and where it stands in Python."""

import os
import re
from pathlib import Path
from typing import Any

import torch
from torch import fx

LIBRARY = f"{Path(torch.__file__).parent}{os.sep}"


def operation_name(target: object) -> str:
    """Return the name of what a node calls: 'aten.conv2d.default', 'operator.getitem'."""
    if isinstance(target, torch._ops.OpOverload):
        return str(target)
    if isinstance(target, torch._ops.HigherOrderOperator):
        return f"higher_order.{target.name()}"
    module = getattr(target, "__module__", "").removeprefix("_")
    return f"{module}.{getattr(target, '__name__', target)}"


def without_write(name: str) -> str | None:
    """Return the operation that gives what `name` writes: aten.relu.default for aten.relu_."""
    space, base, overload = f"{name}..".split(".")[:3]
    if not base.endswith("_") or base.endswith("__"):
        return None
    return f"{space}.{base[:-1]}.{overload}"


def without_out(target: Any) -> str | None:
    """Return the operation that gives what `target` writes to its argument `out`.

    It has the same arguments but that one: aten.div.Tensor for aten.div.out.
    """
    taken = [(a.name, str(a.type)) for a in target._schema.arguments if not a.is_out]
    packet = target.overloadpacket
    for name in packet.overloads():
        found = getattr(packet, name)
        if [(a.name, str(a.type)) for a in found._schema.arguments] == taken:
            return str(found)
    return None


def written(target: object) -> str | None:
    """Return the name of the first argument that an operation writes to."""
    schema = getattr(target, "_schema", None)
    for argument in schema.arguments if schema else ():
        if argument.alias_info is not None and argument.alias_info.is_write:
            return str(argument.name)
    return None


def attribute(module: object, path: str) -> Any:
    for part in path.split("."):
        module = getattr(module, part)
    return module


def dtype(value: object) -> Any:
    if isinstance(value, torch.Tensor):
        return str(value.dtype).removeprefix("torch.")
    if isinstance(value, tuple | list):
        return tuple(dtype(part) for part in value)
    return None


def where(node: fx.Node) -> str:
    """Return the line of Python behind a node: the innermost one outside of torch."""
    trace = node.meta.get("stack_trace") or ""
    frames = re.findall(r'File "(.+?)", line (\d+), in (\S+)\n(?:\s+(.+))?', trace)
    own = [f for f in frames if not f[0].startswith(LIBRARY)]
    if not (own or frames):
        return ""
    file, line, function, code = (own or frames)[-1]
    return f"{file}:{line}, in {function}: {code}".rstrip(": ")
