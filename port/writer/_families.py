"""One function for all copies of a block: where they differ, and what may be left out."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._bodies import Array, Body, Input, OwnSize, Reference, Result, Shape
from ._names import another, free
from .expressions import LIGHT

MISSING = object()


@dataclass
class Segment:
    """Items that some copies have and others not.

    Attributes:
      start, end: the items, from the first to behind the last.
      result: what they give to others; None where that is nothing.
      instead: what others take where the items are left out.
      flag: the argument that says whether they are there.
    """

    start: int
    end: int
    result: Result | None
    instead: Reference | None
    flag: str = ""


@dataclass
class Setting:
    """A number that differs between copies: an argument.

    Attributes:
      name: of the argument.
      values: one a copy; MISSING where the copy has none.
      places: the leaves that it is: (item, leaf).
      word: the argument's name in the end, which nothing else has.
    """

    name: str
    values: list[Any]
    places: list[tuple[int, int]]
    word: str = ""

    @property
    def default(self) -> Any:
        """The value of most copies, or MISSING where there is no such."""
        known = [repr(v) for v in self.values if v is not MISSING]
        most, count = Counter(known).most_common(1)[0]
        first = next(v for v in self.values if repr(v) == most and v is not MISSING)
        if 2 * count > len(known) or len(set(known)) == 1:
            return first
        return None if any(v is MISSING for v in self.values) else MISSING


@dataclass
class Copy:
    """A call, held against the base.

    Attributes:
      body: the call.
      items: which of its items are the base's, by the base's numbers.
      instead: what it takes where the base takes a result of an item that it lacks.
    """

    body: Body
    items: dict[int, int]
    instead: dict[Result, Reference] = field(default_factory=dict)


@dataclass
class Family:
    """Copies that one function computes.

    Attributes:
      number: tells families apart.
      base: the copy with the most items.
      copies: all of them, the base first.
      segments: what some of them lack.
      shapes: {(item, leaf): what is written for a shape that differs between copies}.
      settings: in what else they differ.
      name: of the function.
      draws: whether it needs a key.
    """

    number: int
    base: Body
    copies: list[Copy] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    shapes: dict[tuple[int, int], tuple[int | OwnSize, ...]] = field(default_factory=dict)
    settings: list[Setting] = field(default_factory=list)
    name: str = ""
    draws: bool = False

    def add(self, body: Body) -> bool:
        """Take a copy in, if the function can compute it too."""
        copy = _fit(self.base, body)
        if copy is None:
            return False
        segments = _segments(self.base, [*self.copies, copy])
        if segments is None:
            return False
        self.segments = segments
        self.copies.append(copy)
        return True

    def call(self, body: Body) -> dict[str, Any]:
        """Return the settings of a copy."""
        place = next(i for i, copy in enumerate(self.copies) if copy.body is body)
        return {s.name: s.values[place] for s in self.settings}

    def settle_names(self, taken: set[str]) -> None:
        """Give the settings names that no function has, and no variable."""
        known = set(taken)
        for setting in self.settings:
            wanted = "probability" if setting.name == "p" else setting.name
            flag = any(segment.flag == setting.name for segment in self.segments)
            if flag and wanted in known:
                wanted = f"with_{wanted}"
            setting.word = free(wanted, known)
            known.add(setting.word)


def families(bodies: Sequence[Body], first: int) -> list[Family]:
    """Put bodies into families, numbered from `first`."""
    found: list[Family] = []
    for body in sorted(bodies, key=lambda b: -len(b.items)):
        if not any(family.add(body) for family in found):
            family = Family(first + len(found), body)
            family.copies.append(Copy(body, {i: i for i in range(len(body.items))}))
            found.append(family)
    order = {id(body): place for place, body in enumerate(bodies)}
    found.sort(key=lambda family: min(order[id(copy.body)] for copy in family.copies))
    for number, family in enumerate(found, first):
        family.number = number
        _settle(family)
    return found


def _fit(base: Body, body: Body) -> Copy | None:
    """Find a body's items among the base's, in order."""
    if (len(body.inputs), len(body.given)) != (len(base.inputs), len(base.given)):
        return None
    items: dict[int, int] = {}
    place = 0
    for number, item in enumerate(body.items):
        while place < len(base.items) and base.items[place].key != item.key:
            place += 1
        if place == len(base.items):
            return None
        items[place] = number
        place += 1
    back = {number: place for place, number in items.items()}
    copy = Copy(body, items)

    def agree(of_base: Reference, of_body: Reference) -> bool:
        """Whether two references are the same, or the first is of what the body lacks."""
        if isinstance(of_body, Result):
            of_body = Result(back[of_body.item], of_body.k)
        if of_base == of_body:
            return True
        if isinstance(of_base, Result) and of_base.item not in items:
            return copy.instead.setdefault(of_base, of_body) == of_body
        return False

    for place, number in items.items():
        for a, b in zip(base.items[place].leaves, body.items[number].leaves, strict=True):
            if isinstance(a.value, Array) or isinstance(b.value, Array):
                if len({leaf.value for leaf in (a, b) if leaf.value is not None}) > 1:
                    return None
            elif isinstance(a.value, Input | Result) and not agree(a.value, b.value):
                return None
    given = zip(base.outputs, body.outputs, strict=True)
    return copy if all(agree(a, b) for a, b in given) else None


def _segments(base: Body, copies: Sequence[Copy]) -> list[Segment] | None:
    """Return the runs of items that the same copies lack; None where they are no optional steps.

    A step has one result at most, and where it is left out, another value stands for that.
    """
    there = [tuple(i in copy.items for copy in copies) for i in range(len(base.items))]
    segments: list[Segment] = []
    for start, end in _runs(there):
        if all(there[start]):
            continue
        given = set(_taken(base, start, end))
        if len(given) > 1:
            return None
        result = next(iter(given), None)
        # Of several copies the one that lacks least says what stands for the result.
        known = [c for c in copies if result in c.instead]
        least = max(known, key=lambda c: len(c.items), default=None)
        instead = least.instead[result] if least is not None and result is not None else None
        segments.append(Segment(start, end, result, instead))
    instead_of = {s.result: s.instead for s in segments if s.result is not None}
    for copy in copies:
        for result, taken in copy.instead.items():
            found: Reference | None = result
            while isinstance(found, Result) and found.item not in copy.items:
                found = instead_of.get(found)
            if found != taken:
                return None
    return segments


def _runs(there: Sequence[object]) -> Iterator[tuple[int, int]]:
    """Yield the runs of what is the same, each as (first, behind the last)."""
    start = 0
    for place in range(1, len(there) + 1):
        if place == len(there) or there[place] != there[start]:
            yield start, place
            start = place


def _taken(base: Body, start: int, end: int) -> Iterator[Result]:
    """Yield what others take of a run of items."""
    for number, item in enumerate(base.items):
        if not start <= number < end:
            for leaf in item.leaves:
                if isinstance(leaf.value, Result) and start <= leaf.value.item < end:
                    yield leaf.value
    for output in base.outputs:
        if isinstance(output, Result) and start <= output.item < end:
            yield output


def _settle(family: Family) -> None:
    """Find the settings: numbers that differ, those that always go together as one."""
    names: set[str] = set()
    for place, item in enumerate(family.base.items):
        for k, leaf in enumerate(item.leaves):
            if isinstance(leaf.value, Input | Result):
                continue
            values = [_value(copy, place, k) for copy in family.copies]
            if isinstance(leaf.value, Shape):
                form = _common_shape([v for v in values if v is not MISSING])
                if form is not None:
                    family.shapes[place, k] = form
                    continue
                values = [v if v is MISSING else v.target for v in values]
            known = {repr(v) for v in values if v is not MISSING}
            if isinstance(leaf.value, Array) or any(isinstance(v, Array) for v in values):
                continue
            if len(known) > 1 and leaf.name == "groups":
                values = _depthwise(values)
            told_apart = leaf.name == "groups" and any(isinstance(v, bool) for v in values)
            name = "depthwise" if told_apart else leaf.name
            if len(known) > 1 and not _joined(family.settings, name, values, (place, k)):
                if name in names and _word(item.path):
                    name = f"{_word(item.path)}_{name}"
                name = another(name, names)
                names.add(name)
                family.settings.append(Setting(name, values, [(place, k)]))
    _widen(family)
    flags: dict[tuple[bool, ...], str] = {}
    for segment in family.segments:
        values = [segment.start in copy.items for copy in family.copies]
        if tuple(values) not in flags:
            name = another(_flag(family.base, segment), names)
            names.add(name)
            flags[tuple(values)] = name
            family.settings.append(Setting(name, values, []))
        segment.flag = flags[tuple(values)]
    family.draws = any(
        item.draw is not None or (item.callee is not None and item.callee.draws)
        for item in family.base.items
    )


def _common_shape(shapes: Sequence[Shape]) -> tuple[int | OwnSize, ...] | None:
    """Return one shape for all: numbers, sizes of what is reshaped, and one that is left (-1)."""
    if len({(len(s.target), len(s.source)) for s in shapes}) > 1:
        return None
    form: list[int | OwnSize] = []
    for j in range(len(shapes[0].target)):
        numbers = [s.target[j] for s in shapes]
        own = [
            i
            for i in range(len(shapes[0].source))
            if all(s.source[i] == n for s, n in zip(shapes, numbers, strict=True))
        ]
        if own and (own[0] == j == 0 or len(set(numbers)) > 1):
            form.append(OwnSize(f"[{own[0]}]"))
        else:
            form.append(numbers[0] if len(set(numbers)) == 1 else -1)
    return tuple(form) if form.count(-1) < 2 else None


def _depthwise(values: Sequence[Any]) -> list[Any]:
    """Return groups as whether there is one a channel, where otherwise there is one."""
    if all(v is MISSING or v == 1 or isinstance(v, OwnSize) for v in values):
        return [v if v is MISSING else v != 1 for v in values]
    return [v.number if isinstance(v, OwnSize) else v for v in values]


def _widen(family: Family) -> None:
    """Take a setting, too, for a number of the same name that only some copies have."""
    known = {place for setting in family.settings for place in setting.places}
    for segment in family.segments:
        for place in range(segment.start, segment.end):
            for k, leaf in enumerate(family.base.items[place].leaves):
                values = [_value(copy, place, k) for copy in family.copies]
                number = not isinstance(leaf.value, Input | Result | Array | None)
                if number and (place, k) not in known:
                    _joined(family.settings, leaf.name, values, (place, k))


def _value(copy: Copy, place: int, k: int) -> Any:
    if place not in copy.items:
        return MISSING
    return copy.body.items[copy.items[place]].leaves[k].value


def _joined(
    settings: Sequence[Setting], name: str, values: Sequence[Any], place: tuple[int, int]
) -> bool:
    """Make a place part of a setting of the same name that has the same values."""
    for setting in settings:
        same_name = re.fullmatch(rf"(\w+_)?{name}(_\d+)?", setting.name)
        pairs = list(zip(setting.values, values, strict=True))
        if same_name and all(a is MISSING or b is MISSING or repr(a) == repr(b) for a, b in pairs):
            setting.values = [b if a is MISSING else a for a, b in pairs]
            setting.places.append(place)
            return True
    return False


def _word(path: str) -> str:
    """Return a path's last part that is a word."""
    words = [part for part in path.split(".") if part and not part.isdigit()]
    return words[-1] if words else ""


def _flag(base: Body, segment: Segment) -> str:
    items = base.items[segment.start : segment.end]
    first = items[0]
    if len(items) == 1 and first.node is not None and first.node.operation.startswith("aten.add"):
        return "residual"
    words = [part for part in first.path.split(".") if part and not part.isdigit()]
    if words:
        return words[0]
    operation = first.node.operation.split(".")[1] if first.node is not None else "longer"
    return "activation" if f"aten.{operation}" in LIGHT else operation
