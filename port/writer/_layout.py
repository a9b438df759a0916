"""Lines of at most a hundred columns, broken at brackets."""

from collections.abc import Sequence

WIDTH = 100
OPEN, CLOSE = "([{", ")]}"


def statement(text: str, indent: int) -> list[str]:
    """Return a statement as lines: whole, or with what its last bracket holds on its own lines."""
    space = " " * indent
    if len(space + text) <= WIDTH:
        return [space + text]
    found = _bracket(text)
    if found is None:
        return [space + text]
    start, end = found
    inside = text[start + 1 : end]
    parts = _parts(inside)
    inner = " " * (indent + 4)
    if len(inner + inside) <= WIDTH and not inside.rstrip().endswith(","):
        middle = [inner + inside]
        if len(parts) == 1 and text[start] == "(" and text[start - 1 : start].strip() == "":
            pass
    else:
        middle = []
        for part in parts:
            middle += statement(part + ",", indent + 4)
    return [space + text[: start + 1], *middle, *statement(text[end:], indent)]


def _bracket(text: str) -> tuple[int, int] | None:
    """Return the outermost bracket that opens last, quotes aside."""
    depth, quote = 0, ""
    pairs: list[tuple[int, int]] = []
    opened = 0
    for place, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in OPEN:
            if depth == 0:
                opened = place
            depth += 1
        elif sign in CLOSE:
            depth -= 1
            if depth == 0:
                pairs.append((opened, place))
    filled = [(a, b) for a, b in pairs if b > a + 1]
    return filled[-1] if filled else None


def _parts(inside: str) -> Sequence[str]:
    """Split at the commas outside of brackets and quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for place, sign in enumerate(inside):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in OPEN:
            depth += 1
        elif sign in CLOSE:
            depth -= 1
        elif sign == "," and depth == 0:
            parts.append(inside[start:place].strip())
            start = place + 1
    last = inside[start:].strip()
    return [*parts, last] if last else parts
