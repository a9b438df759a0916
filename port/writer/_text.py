"""Pieces of Python: values that are text already, and how numbers are written."""

import math

from ..converter import DType

# How tightly an expression holds together: a name or call, signs, products, sums, ...
ATOM, SIGN, PRODUCT, SUM, COMPARISON, TEST = range(6)
OPERATORS = {"*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT, "+": SUM, "-": SUM}


class Text(str):
    """An expression; `level` says how tightly it holds together."""

    __slots__ = ("level",)
    level: int

    def __new__(cls, text: str, level: int = ATOM) -> "Text":
        """Make a text."""
        made = super().__new__(cls, text)
        made.level = level
        return made


def write(value: object) -> str:
    """Return how a value is written: a text as it is, a number as Python has it."""
    if isinstance(value, Text):
        return str(value)
    if isinstance(value, DType):
        return f"jnp.{value.name}" if value.name != "bool" else "jnp.bool_"
    if isinstance(value, float) and not math.isfinite(value):
        return "jnp.nan" if math.isnan(value) else "jnp.inf" if value > 0 else "-jnp.inf"
    if isinstance(value, tuple):
        inside = ", ".join(write(part) for part in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, list):
        return "[" + ", ".join(write(part) for part in value) + "]"
    return repr(value)


def held(value: object, level: int = ATOM) -> str:
    """Return how a value is written where it must hold together as tightly as `level`."""
    text = write(value)
    loose = value.level if isinstance(value, Text) else SIGN if text.startswith("-") else ATOM
    return f"({text})" if loose > level else text


def binary(sign: str, left: object, right: object) -> Text:
    """Return an operator between two values."""
    level = OPERATORS.get(sign, COMPARISON)
    tighter = level if sign in "+*" else level - 1
    return Text(f"{held(left, level)} {sign} {held(right, tighter)}", level)


def call(function: str, *args: object, **kwargs: object) -> Text:
    """Return a call."""
    parts = [write(a) for a in args] + [f"{name}={write(v)}" for name, v in kwargs.items()]
    return Text(f"{function}({', '.join(parts)})")


def method(value: object, name: str, *args: object, **kwargs: object) -> Text:
    """Return the call of a method."""
    return call(f"{held(value)}.{name}", *args, **kwargs)


def axes(dim: object) -> object:
    """Return one dimension as a number."""
    return dim[0] if isinstance(dim, tuple) and len(dim) == 1 else dim
