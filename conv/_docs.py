"""What the docstrings of one, two and three dimensions have in common, written once.

A door's own docstring has its first line, what is true of it alone, and an example. Its decorator
adds the rest, before `help`, `conv2d?`, doctest and the site read it.
"""

import inspect
import re
import textwrap
from collections.abc import Callable
from string import Template
from typing import TypeVar

T = TypeVar("T", bound=Callable[..., object])

WIDTH = 96  # of a line, without the indent that it has in a file
ARGS, EXAMPLE = "Args:\n", "Example:\n"
ENTRY = re.compile(r" *[\w, ]+:( |$)")  # `weight: ...`, or a section's name
FUNCTIONAL = "torch.nn.functional"  # where most doors come from

# By the number of dimensions: what the text calls things.
WORDS = {
    1: {
        "things": "signals",
        "units": "samples",
        "space": "L",
        "out": "M",
        "kernel": "k",
        "fan": "k",
        "an_int": "an int",
        "each": "",
        "lengths": "",
        "none": "",
        "sides": "(left, right)",
    },
    2: {
        "things": "images",
        "units": "pixels",
        "space": "H, W",
        "out": "H', W'",
        "kernel": "kH, kW",
        "fan": "kH * kW",
        "an_int": "an int or a pair",
        "each": ": an int or (vertical, horizontal)",
        "lengths": ": an int or (height, width)",
        "none": ", or (H', W') where None keeps the input's size",
        "sides": "(left, right, top, bottom)",
    },
    3: {
        "things": "volumes",
        "units": "voxels",
        "space": "D, H, W",
        "out": "D', H', W'",
        "kernel": "kD, kH, kW",
        "fan": "kD * kH * kW",
        "an_int": "an int or one a dimension",
        "each": ": an int or one a dimension",
        "lengths": ": an int or (depth, height, width)",
        "none": ", or (D', H', W') where None keeps the input's size",
        "sides": "(left, right, top, bottom, front, back)",
    },
}

# What most Raises sections say.
REFUSED = """
Raises:
  ValueError: a shape, size or count that PyTorch refuses.
  TypeError: a dtype that PyTorch refuses, or arguments of a wrong type.
"""
REFUSED_WITH_WEIGHT = """
Raises:
  ValueError: a shape, size or count that PyTorch refuses.
  TypeError: a dtype that PyTorch refuses, dtypes that differ, or arguments of a wrong type.
"""


def documented(template: str, reference: str, dims: int, **own: str) -> Callable[[T], T]:
    """Fill a template's words in, and put it into a door's docstring.

    What stands in the template before Args follows the first line, what is left of the door's own
    text comes next, then the template's sections, the door's example, and the reference.
    """

    def document(door: T) -> T:
        text = inspect.getdoc(door)
        if text is None:  # python -OO
            return door
        filled = Template(template).substitute({**WORDS[dims], "dims": str(dims), **own})
        before, _, sections = filled.partition(ARGS)
        first, _, rest = text.partition("\n\n")
        remarks, _, example = rest.partition(EXAMPLE)
        last = f"Reference: {reference}.{door.__name__}."
        shared = _filled(before), _filled(ARGS + sections)
        parts = (first, shared[0], remarks, shared[1], EXAMPLE + example, last)
        door.__doc__ = "\n\n".join(part.strip("\n") for part in parts if part.strip())
        return door

    return document


def _filled(text: str) -> str:
    """Break lines anew, as words differ in length; what follows `name:` hangs below it."""
    whole: list[str] = []
    for line in text.split("\n"):
        before = whole[-1] if whole else ""
        if not line.strip() or not before or before.endswith(":") or ENTRY.match(line):
            whole.append(line)
        else:
            whole[-1] += f" {line.strip()}"
    return "\n".join(map(_wrapped, whole))


def _wrapped(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    further = indent + "  " if ENTRY.match(line) else indent
    return textwrap.fill(line, WIDTH, subsequent_indent=further, break_on_hyphens=False)
