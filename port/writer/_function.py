"""The text of one function: statements over variables that take the place of what has been used."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ._bodies import Array, Input, Item, Leaf, Literal, OwnSize, Reference, Result, Slot
from ._families import MISSING, Copy, Family, Segment
from ._layout import statement
from ._loops import Line, growth, split
from ._names import free, letters, snake
from ._text import TEST, Text, call, held, method, write
from .expressions import LIGHT, METHODS, expression

# Modules whose name says nothing about what they give.
GENERIC = r"(conv|bn|norm|fc|act|relu|features|layers?|blocks?)\d*"
LONGEST = 72  # characters of an expression inside of another
MOST = 6  # values that are unpacked


class Writer:
    """Writes one function."""

    def __init__(self, family: Family, arguments: Sequence[str], taken: set[str]) -> None:
        self.family = family
        self.items = family.base.items
        self.path = family.base.block.path
        self.taken = set(taken)
        self.settings = {
            place: setting.word for setting in family.settings for place in setting.places
        }
        self.variables: dict[Reference, str] = {}
        self.inline: dict[Reference, Text] = {}
        self.lists: dict[tuple[Reference | None, ...], str] = {}
        self.lines: list[Line] = []
        self.depth = 1
        self.words = {s.name: s.word for s in family.settings}
        self.taken |= set(self.words.values())
        for k, name in enumerate(arguments):
            self.variables[Input(k)] = name
            self.taken.add(name)
        self.last, self.uses = self._lives()
        self.names = letters()

    def _lives(self) -> tuple[dict[Reference, int], dict[Reference, int]]:
        """Return the item that uses a value last, and how many uses there are."""
        last: dict[Reference, int] = {}
        uses: dict[Reference, int] = {}
        for number, item in enumerate(self.items):
            for leaf in item.leaves:
                if isinstance(leaf.value, Input | Result):
                    last[leaf.value] = number
                    uses[leaf.value] = uses.get(leaf.value, 0) + 1
        for output in self.family.base.outputs:
            last[output] = len(self.items)
            uses[output] = uses.get(output, 0) + 1
        for segment in self.family.segments:
            # What stands in for a segment's result lives until there.
            if segment.instead is not None:
                last[segment.instead] = max(last.get(segment.instead, 0), segment.end - 1)
                uses[segment.instead] = uses.get(segment.instead, 0) + 2
            if segment.result is not None:
                uses[segment.result] = uses.get(segment.result, 0) + 2
        return last, uses

    def body(self) -> list[Line]:
        """Write all items."""
        segments = {segment.start: segment for segment in self.family.segments}
        number = 0
        while number < len(self.items):
            segment = segments.get(number)
            grown = growth(self.family, number)
            if segment is not None:
                self._segment(segment)
                number = segment.end
            elif grown > number:
                self._growth(number, grown)
                number = grown
            else:
                self._item(number)
                number += 1
        return self.lines

    def _growth(self, start: int, end: int) -> None:
        """Write calls that each take the list of all values before, as a loop."""
        first = self.items[start]
        references = tuple(self._reference(start, part) for part in first.form[0][0])
        name = free("features", self.taken)
        self.taken.add(name)
        self._line(f"{name} = [{', '.join(self.value(r) for r in references)}]")
        self.lists[references] = name
        head, digits = split(first.path)
        self._line(f"for i in range({int(digits)}, {int(digits) + end - start}):")
        label = self.label(Array(f"{head}{{i}}"))
        if not label.startswith("f"):
            label = f"f{label}" if self.path else f'f"{head}{{i}}"'
        self.depth += 1
        self._line(f"{name}.append({self._call(start, first, label)})")
        self.depth -= 1
        for number in range(start, end):
            references = (*references, Result(number))
            self.lists[references] = name

    def _segment(self, segment: Segment) -> None:
        """Write items that only some copies have, under their flag."""
        kept = dict(self.variables)
        target = None
        if segment.result is not None:
            old = "" if segment.instead is None else str(self.value(segment.instead))
            if segment.instead is None:  # what takes the result is left out with it
                target = self._fresh(self.items[segment.result.item])
            elif self.last[segment.instead] < segment.end and old.isidentifier():
                target = old
                self.last[segment.instead] = self._last_use(segment.instead)
            else:
                target = self._fresh(self.items[segment.result.item])
                self._line(f"{target} = {old}")
        self._line(f"if {self.words[segment.flag]}:")
        self.depth += 1
        before = len(self.lines)
        for number in range(segment.start, segment.end):
            self._item(number, segment, target)
        if len(self.lines) == before:
            self._line("pass")
        self.depth -= 1
        self.variables = {**kept, **self.variables}
        if segment.result is not None and target is not None:
            self.variables[segment.result] = target

    def _last_use(self, reference: Reference) -> int:
        """Return the item that takes a value last."""
        return max(
            number
            for number, item in enumerate(self.items)
            if any(leaf.value == reference for leaf in item.leaves)
        )

    def value(self, reference: Reference) -> Text:
        """Return how a reference is written."""
        if reference in self.inline:
            return self.inline[reference]
        if isinstance(reference, Literal):
            return Text(reference.text)
        if isinstance(reference, Array):
            return Text(f"p[{self.label(reference)}]")
        return Text(self.variables[reference])

    def label(self, array: Array) -> str:
        """Return an array's name, or a module's, in Python."""
        if array.whole or not self.path:
            return f'"{array.name}"'
        return f'f"{{name}}.{array.name}"' if array.name else "name"

    def _leaf(self, number: int, k: int) -> Any:
        leaf = self.items[number].leaves[k]
        if (number, k) in self.settings:
            word = Text(self.settings[number, k])
            if word.endswith("depthwise") and leaf.name == "groups":
                return Text(f"{held(self._leaf(number, 0))}.shape[1] if {word} else 1", TEST)
            return word
        if isinstance(leaf.value, Array) or leaf.value is None:
            found = [self._of_copy(copy, number, k) for copy in self.family.copies]
            array = next((v for v in found if isinstance(v, Array)), None)
            if array is not None and any(v is None for v in found):
                return Text(f"p.get({self.label(array)})")
        if isinstance(leaf.value, Input | Array | Result | Literal):
            return self.value(leaf.value)
        if (number, k) in self.family.shapes:
            parts = self.family.shapes[number, k]
            return tuple(self._own(number, n) if isinstance(n, OwnSize) else n for n in parts)
        if isinstance(leaf.value, OwnSize):
            return self._own(number, leaf.value)
        return leaf.value

    def _own(self, number: int, size: OwnSize) -> Text:
        """Return a size of an operation's first argument."""
        return Text(f"{held(self._leaf(number, 0))}.shape{size.index}")

    def _of_copy(self, copy: Copy, number: int, k: int) -> Any:
        if number not in copy.items:
            return MISSING
        return copy.body.items[copy.items[number]].leaves[k].value

    def _text(self, number: int) -> Text:
        """Return an item's expression."""
        item = self.items[number]
        if item.callee is not None:
            return self._call(number, item)
        assert item.node is not None
        args, kwargs = self._filled(number, item.form[0]), self._filled(number, item.form[1])
        if item.draw is not None:
            draw = self._leaf(number, item.draw)
            which = [] if draw == 0 else [draw]
            kwargs["rng"] = call("key", Text("rng"), Text(self.label(Array(item.path))), *which)
        text = expression(item.node.operation, args, kwargs)
        cast = item.node.cast
        if isinstance(cast, str):
            text = method(text, "astype", Text(f"jnp.{cast if cast != 'bool' else 'bool_'}"))
        return text

    def _filled(self, number: int, form: Any) -> Any:
        """Return a form with the leaves' text in their places."""
        if isinstance(form, Slot):
            return self._leaf(number, form.k)
        if isinstance(form, tuple):
            references = tuple(self._reference(number, part) for part in form)
            if references in self.lists:
                return Text(self.lists[references])
            return tuple(self._filled(number, part) for part in form)
        if isinstance(form, dict):
            return {key: self._filled(number, part) for key, part in form.items()}
        return form

    def _reference(self, number: int, part: object) -> Any:
        return self.items[number].leaves[part.k].value if isinstance(part, Slot) else None

    def _call(self, number: int, item: Item, label: str | None = None) -> Text:
        function = item.callee
        args: list[object] = [Text("p"), Text(label or self.label(Array(item.path)))]
        for part in item.form[0]:
            given = self._filled(number, part)
            args.append(list(given) if isinstance(given, tuple) else given)
        kwargs = {}
        for name, slot in item.form[1].items():
            value = self._leaf(number, slot.k)
            setting = next(s for s in function.settings if s.name == name)
            if value is not MISSING and (
                isinstance(value, Text) or repr(value) != repr(setting.default)
            ):
                kwargs[setting.word] = value
        if function.draws:
            args.insert(2 + len(function.base.inputs), Text("rng"))
        return call(function.name, *args, **kwargs)

    def _item(self, number: int, segment: Segment | None = None, target: str | None = None) -> None:
        item = self.items[number]
        text = self._text(number)
        used = [k for k in range(item.outputs) if self.uses.get(Result(number, k))]
        final = segment is not None and segment.result is not None
        if final and segment.result.item == number and item.outputs == 1:  # type: ignore[union-attr]
            self._line(f"{target} = {text}", self._loop(item, target, number))
            return
        if item.outputs == 1:
            self._one(number, item, text, bool(used))
            return
        targets = []
        if len(used) == 1 and not item.updates:
            text = Text(f"{held(text)}[{used[0]}]") if item.callee is None else text
        if item.callee is None and not item.updates and (len(used) == 1 or item.outputs > MOST):
            name = self._target(number, item)
            self._line(f"{name} = {text}")
            for k in used:
                whole = len(used) == 1
                self.variables[Result(number, k)] = name if whole else f"{name}[{k}]"
            return
        assigned: set[str] = set()
        for k in range(item.outputs):
            if k in item.updates:
                targets.append(f"p[{self.label(item.updates[k])}]")  # type: ignore[arg-type]
            elif k in used:
                name = self._target(number, item, assigned)
                assigned.add(name)
                targets.append(name)
                self.variables[Result(number, k)] = name
            else:
                targets.append("_")
        self._line(f"{', '.join(targets)} = {text}")

    def _one(self, number: int, item: Item, text: Text, used: bool) -> None:
        result = Result(number)
        if 0 in item.updates:
            place = f"p[{self.label(item.updates[0])}]"  # type: ignore[arg-type]
            more = text.removeprefix(f"{place} + ")
            self._line(f"{place} = {text}" if more == text else f"{place} += {more}")
            return
        if self._inlined(number, text):
            self.inline[result] = text
            return
        name = self._target(number, item) if used else "_"
        self._line(f"{name} = {text}", self._loop(item, name, number))
        self.variables[result] = name

    def _inlined(self, number: int, text: Text) -> bool:
        """Whether a value is written where it is used: once, by a short operation, right after."""
        result, after = Result(number), number + 1
        if self.uses.get(result) != 1:
            return False
        edges = {s.start for s in self.family.segments} | {s.end for s in self.family.segments}
        if after == len(self.items):
            last = result in self.family.base.outputs and len(self.family.base.outputs) == 1
            return last and after not in edges
        inside = [
            self.inline[leaf.value] for leaf in self._taken(number) if leaf.value in self.inline
        ]
        if len(text) > LONGEST or after in edges or any("(" in text for text in inside):
            return False
        user = self.items[after]
        operation = user.node.operation.rsplit(".", 1)[0] if user.node is not None else ""
        once = [leaf.value for leaf in user.leaves].count(result) == 1
        return operation in (*LIGHT, *METHODS) and not user.updates and once

    def _taken(self, number: int) -> Iterator[Leaf]:
        for leaf in self.items[number].leaves:
            if isinstance(leaf.value, Input | Result):
                yield leaf

    def _target(self, number: int, item: Item, more: set[str] | None = None) -> str:
        """Return the variable of a new value: one whose value is used up, or a new one."""
        live = {
            self.variables[r].split("[")[0] for r in self.variables if self.last.get(r, -1) > number
        } | (more or set())
        for leaf in self._operands(number):
            name = self.variables.get(leaf, "")
            if name.isidentifier() and name not in live:
                return name
        return self._fresh(item)

    def _operands(self, number: int) -> Iterator[Reference]:
        """Yield the values behind an item, those inside of an expression too."""
        for leaf in self._taken(number):
            if leaf.value in self.inline:
                yield from self._operands(leaf.value.item)
            else:
                yield leaf.value

    def _fresh(self, item: Item) -> str:
        words = [w for w in item.path.split(".") if w and not w.isdigit()]
        word = snake(words[0]) if words and item.callee is not None else ""
        if word and not re.fullmatch(GENERIC, word):
            name = free(word, self.taken)
        else:
            name = next(n for n in self.names if n not in self.taken)
        self.taken.add(name)
        return name

    def _loop(self, item: Item, target: str | None, number: int) -> tuple[str, str, str] | None:
        """Return a call's function, module and what else it is told, if it may be in a loop."""
        if item.callee is None or len(item.form[0]) != 1 or isinstance(item.form[0][0], tuple):
            return None
        source = self._leaf(number, 0)
        if source != target:
            return None
        return item.path, str(target), str(self._call(number, item))

    def _line(self, text: str, loop: tuple[str, str, str] | None = None) -> None:
        self.lines.append(Line(text, self.depth, loop))


def render(lines: Sequence[Line]) -> Iterator[str]:
    """Yield lines of source."""
    for line in lines:
        yield from statement(line.text, 4 * line.depth)


def signature(family: Family, arguments: Sequence[str]) -> str:
    """Return a function's head."""
    parts = ["p", "name", *arguments, *["rng"] * family.draws]
    needed = [s for s in family.settings if s.default is MISSING]
    given = [s for s in family.settings if s.default is not MISSING]
    parts += ["*"] * bool(needed) + [s.word for s in needed]
    parts += [f"{s.word}={write(s.default)}" for s in given]
    return f"def {family.name}({', '.join(parts)}):"
