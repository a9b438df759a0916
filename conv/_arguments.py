"""The arguments of every door, brought to one canonical form. No JAX here."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from convgrad._integers import as_integer

Pairs = tuple[tuple[int, int], ...]
IntOrTuple = int | Sequence[int]
# Of a convolution: stride, padding, dilation, groups.
Arguments = tuple[IntOrTuple, IntOrTuple | str, IntOrTuple, int]


def integer(name: str, value: object, where: str) -> int:
    """Return `value` as an int; Booleans and floats are refused, as by PyTorch."""
    number = as_integer(value)
    if number is None:
        raise TypeError(f"{where}: {name} must be an integer, got {name}={value!r}")
    return number


def boolean(name: str, value: object, where: str) -> bool:
    """Return `value` when it is a Boolean; integers and NumPy's are refused, as by PyTorch."""
    if isinstance(value, bool):
        return value
    raise TypeError(f"{where}: {name} must be a bool, got {name}={value!r}")


def integers(name: str, value: Any, n: int, where: str, expand: bool = True) -> tuple[int, ...]:
    """Return `value`, an int or a sequence of n ints, as a tuple of n ints.

    A sequence of one is expanded like the int in it, where `expand` allows it.
    """
    if not isinstance(value, tuple | list) and np.ndim(value) == 0:
        return (integer(name, value, where),) * n
    parts = tuple(integer(f"{name}[{i}]", part, where) for i, part in enumerate(value))
    if len(parts) == 1 and expand:
        return parts * n
    if len(parts) != n:
        raise ValueError(
            f"{where}: {name} must be one integer or {n} of them, one a spatial dimension, "
            f"got {name}={value!r}"
        )
    return parts


def at_least(name: str, values: tuple[int, ...], least: int, where: str) -> None:
    """Refuse `values` when one of them is below `least`."""
    if any(value < least for value in values):
        rule = {0: "must not be negative", 1: "must be positive"}[least]
        shown = values[0] if len(set(values)) == 1 else values
        raise ValueError(f"{where}: {name} {rule}, got {name}={shown}")


def bounded_integers(
    name: str, value: Any, n: int, least: int, where: str, expand: bool = True
) -> tuple[int, ...]:
    """Return `value` as n ints, each of them `least` or more."""
    values = integers(name, value, n, where, expand)
    at_least(name, values, least, where)
    return values


def padding_pairs(
    padding: IntOrTuple | str,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    where: str,
) -> Pairs:
    """Return a convolution's `padding` (int, tuple, 'valid' or 'same') as (low, high) pairs."""
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * len(kernel)
        if padding != "same":
            raise ValueError(
                f"{where}: padding as a string must be 'valid' or 'same', got padding={padding!r}"
            )
        if any(s != 1 for s in stride):
            raise ValueError(
                f"{where}: padding='same' is defined for stride 1 only, got stride={stride}"
            )
        return same_pairs(kernel, dilation)
    sizes = bounded_integers("padding", padding, len(kernel), 0, where)
    return tuple((p, p) for p in sizes)


def same_pairs(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> Pairs:
    """Split d(k-1) zeros a dimension in two; the odd one goes to the high side."""
    totals = (d * (k - 1) for k, d in zip(kernel, dilation, strict=True))
    return tuple((total // 2, total - total // 2) for total in totals)
