"""Calls that repeat with the next number, as loops."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ._bodies import Result, Slot
from ._families import Family


@dataclass
class Line:
    """A statement; `loop` is its call, where it may be part of a loop."""

    text: str
    depth: int
    loop: tuple[str, str, str] | None = None


def split(path: str) -> tuple[str, str]:
    """Return a path without the number at its end, and the number."""
    found = re.fullmatch(r"(.*?)(0|[1-9]\d*)", path)
    return (found[1], found[2]) if found else (path, "")


def growth(family: Family, start: int) -> int:
    """Return the end of a run of calls that each take a list: the one before, and its result."""
    items, end = family.base.items, start
    known: Any = None
    while end < len(items) and not any(s.start <= end < s.end for s in family.segments):
        item = items[end]
        if item.callee is None or item.outputs != 1 or len(item.form[0]) != 1:
            break
        parts = item.form[0][0]
        if not isinstance(parts, tuple):
            break
        references = tuple(item.leaves[slot.k].value for slot in parts)
        settings = [repr(item.leaves[slot.k].value) for slot in item.form[1].values()]
        head, digits = split(item.path)
        same = (item.callee.number, settings, head)
        if known and (references, same, int(digits or -1)) != known:
            break
        known = ((*references, Result(end)), same, int(digits or -1) + 1)
        end += 1
    varied = any(start <= item < end for s in family.settings for item, _ in s.places)
    return (
        end if end - start >= 3 and not varied and _whole(family, start, end, known[0]) else start
    )


def _whole(family: Family, start: int, end: int, values: tuple[Any, ...]) -> bool:
    """Whether what a run gives is taken as the list of these values only."""

    def inside(value: object) -> bool:
        return isinstance(value, Result) and start <= value.item < end

    for item in family.base.items[end:]:
        for part in (*item.form[0], *item.form[1].values()):
            slots = part if isinstance(part, tuple) else (part,)
            taken = tuple(item.leaves[s.k].value for s in slots if isinstance(s, Slot))
            if any(map(inside, taken)) and taken != values:
                return False
    return not any(map(inside, family.base.outputs))


def looped(lines: Sequence[Line]) -> list[Line]:
    """Write three and more calls, of modules with one number after another, as a loop."""
    found: list[Line] = []
    place = 0
    while place < len(lines):
        run = [lines[place]]
        while place + len(run) < len(lines) and _follows(run[-1], lines[place + len(run)]):
            run.append(lines[place + len(run)])
        if len(run) < 3:
            found += run[:1]
            place += 1
            continue
        path, _, _ = run[0].loop  # type: ignore[misc]
        head, digits = split(path)
        start = int(digits)
        bounds = f"{start}, {start + len(run)}" if start else str(len(run))
        found.append(Line(f"for i in range({bounds}):", run[0].depth))
        found.append(Line(_numbered(run[0].text, path, head), run[0].depth + 1))
        place += len(run)
    return found


def _numbered(text: str, path: str, head: str) -> str:
    whole, inside = f'"{path}"', f'f"{{name}}.{path}"'
    if inside in text:
        return text.replace(inside, f'f"{{name}}.{head}{{i}}"')
    return text.replace(whole, f'f"{head}{{i}}"')


def _follows(line: Line, after: Line) -> bool:
    if line.loop is None or after.loop is None or line.depth != after.depth:
        return False
    (path, target, text), (path_after, target_after, text_after) = line.loop, after.loop
    (head, last), (head_after, last_after) = split(path), split(path_after)
    if not (last and last_after) or int(last_after) != int(last) + 1:
        return False
    same = _numbered(text, path, head)
    return (same, head, target) == (
        _numbered(text_after, path_after, head_after),
        head_after,
        target_after,
    )
