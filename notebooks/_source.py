"""A notebook's source: code cells once, prose and phrases in each language.

`source/NN_name.py` is a script in jupytext's percent format. A code cell stands there once. A piece
of prose stands there once in each language, as neighbouring markdown cells that say which:
`lang="en"`. Texts that a program shows, such as the label of an axis, are written `_("time (s)")`;
the notebook in another language has the phrase from `source/NN_name.toml` in its place, as a plain
string.
"""

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import jupytext
import nbformat

FOLDER = Path(__file__).parent
SOURCES = tuple(sorted((FOLDER / "source").glob("[0-9]*.py")))
INSTALL = FOLDER / "source" / "install.py"
LANGUAGES = {"en": "English", "es": "Español", "pt": "Português"}


class SourceError(ValueError):
    """A source is not the same in all languages."""


def groups(path: Path) -> list[dict[str, Any]]:
    """Read a source: a code cell is {"code": cell}, a piece of prose {language: cell}.

    Raises:
      SourceError: where a piece of prose lacks a language, or has one twice.
    """
    found: list[dict[str, Any]] = []
    for cell in jupytext.read(path, fmt="py:percent").cells:
        if cell.cell_type == "code":
            found.append({"code": cell})
            continue
        language = cell.metadata.get("lang")
        if language not in LANGUAGES:
            raise SourceError(
                f"{path.name}: a markdown cell's lang is {language!r}:\n{cell.source}"
            )
        last = found[-1] if found else {}
        if last and "code" not in last and len(last) < len(LANGUAGES):
            if language in last:
                raise SourceError(
                    f"{path.name}: two cells in {language}, the second:\n{cell.source}"
                )
            last[language] = cell
        else:
            found.append({language: cell})
    for group in found:
        if "code" not in group and (missing := LANGUAGES.keys() - group.keys()):
            told = next(iter(group.values())).source
            raise SourceError(
                f"{path.name}: no cell in {', '.join(sorted(missing))} beside:\n{told}"
            )
    return found


def headings(prose: str) -> list[int]:
    """Return the levels of a text's headings."""
    return [len(marks) for marks in re.findall(r"^(#+) ", prose, re.M)]


def numbers(prose: str) -> Counter[str]:
    """Count a text's numbers; a decimal comma counts as a point."""
    return Counter(
        found.replace(",", ".") for found in re.findall(r"(?<![\w.])\d+(?:[.,]\d+)?", prose)
    )


def names(prose: str) -> Counter[str]:
    """Count the pieces of code in a text."""
    return Counter(re.findall(r"`([^`\n]+)`", prose))


def differences(path: Path) -> list[str]:
    """Say where a source's languages differ in headings, numbers, or pieces of code."""
    found = []
    for group in groups(path):
        if "code" in group:
            continue
        english = group["en"].source
        for language in LANGUAGES:
            other = group[language].source
            for what, of in (("headings", headings), ("numbers", numbers), ("code", names)):
                if of(other) != of(english):
                    found.append(
                        f"{path.name}: {what} of {language}, {of(other)}, are not English's, "
                        f"{of(english)}, in:\n{english}"
                    )
    return found


def phrases(path: Path) -> dict[str, dict[str, str]]:
    """Read the phrases of a source: {in English: {language: phrase}}."""
    return tomllib.loads(path.with_suffix(".toml").read_text(encoding="utf-8"))


def _calls(code: str) -> list[tuple[ast.Call, str]]:
    """Find the phrases in a code cell: the call `_("...")` and its text."""
    return [
        (node, node.args[0].value)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "_"
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]


def used_phrases(path: Path) -> set[str]:
    """Return the English texts that a source's code shows."""
    return {
        text
        for group in groups(path)
        if "code" in group
        for _, text in _calls(group["code"].source)
    }


def translated(code: str, language: str, known: dict[str, dict[str, str]]) -> str:
    """Put a language's phrases into a code cell.

    Raises:
      SourceError: for a text without a phrase in this language.
    """
    lines = code.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    out, done = b"", 0
    for node, text in sorted(_calls(code), key=lambda call: (call[0].lineno, call[0].col_offset)):
        if language != "en":
            if language not in known.get(text, {}):
                raise SourceError(f"no phrase in {language} for {text!r}")
            text = known[text][language]
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        begin = starts[node.lineno - 1] + node.col_offset
        out += code.encode()[done:begin] + _literal(text).encode()
        done = starts[node.end_lineno - 1] + node.end_col_offset
    return (out + code.encode()[done:]).decode()


def _literal(text: str) -> str:
    """Write a string as Python has it, in double quotes where they need no escape."""
    if '"' in text:
        return repr(text)
    return '"' + repr('"' + text)[2:-1].replace("\\'", "'") + '"'


def notebook(path: Path, language: str) -> nbformat.NotebookNode:
    """Make the notebook of a source in one language, without outputs."""
    known = phrases(path)
    title, *rest = groups(path)
    made = nbformat.v4.new_notebook()
    made.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "lang": language,
    }
    for number, group in enumerate([title, *groups(INSTALL), *rest]):
        code = group.get("code")
        cell = code if code is not None else group[language]
        new = nbformat.v4.new_markdown_cell if code is None else nbformat.v4.new_code_cell
        text = cell.source if code is None else translated(code.source, language, known)
        metadata = {key: value for key, value in cell.metadata.items() if key == "tags"}
        made.cells.append(new(text, id=f"cell-{number:03}", metadata=metadata))
    return made


def committed(path: Path, language: str) -> Path:
    """Return where the executed notebook of a source lies."""
    return FOLDER / language / f"{path.stem}.ipynb"
