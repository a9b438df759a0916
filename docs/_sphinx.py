"""What the site adds to Sphinx: formulas without a script, what commands print."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import latex2mathml.converter
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from notebooks._source import LANGUAGES, SOURCES, committed

ROOT = Path(__file__).parents[1]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all of it."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.add_directive("notebooks", Notebooks)
    app.add_directive("printed", Printed)
    app.add_directive("semantics", Semantics)
    app.connect("autodoc-process-docstring", _plain_signs, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", _signature)
    app.connect("doctree-read", _examples)
    app.connect("html-page-context", _language)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def formula(latex: str, display: str) -> str:
    """Write a formula as MathML."""
    written = latex2mathml.converter.convert(re.sub(r"\s+", " ", latex).strip(), display=display)
    return written.replace("\n", " ")


def _inline(self: Any, node: nodes.math) -> None:
    self.body.append(formula(node.astext(), "inline"))
    raise nodes.SkipNode


def _block(self: Any, node: nodes.math_block) -> None:
    self.body.append(f'<div class="math">{formula(node.astext(), "block")}</div>')
    raise nodes.SkipNode


def _language(_app: Sphinx, name: str, _template: str, context: dict[str, Any], *_: Any) -> None:
    """Say the language of a translated page, for who hears it read."""
    parts = name.split("/")
    if len(parts) > 2 and parts[0] == "tutorials" and parts[1] in LANGUAGES:
        context["language"] = parts[1]


def _signature(*event: Any) -> tuple[str, None] | None:
    """Leave out a signature that says nothing."""
    return ("", None) if event[-2] == "(*_, **__)" else None


def _examples(_app: Sphinx, tree: nodes.document) -> None:
    """Take the empty line away that ends an example for doctest."""
    for block in tree.findall(nodes.literal_block):
        text = block.astext().rstrip()
        block.rawsource = text
        block.children = [nodes.Text(text)]


def _plain_signs(*event: Any) -> None:
    lines = event[-1]
    lines[:] = plain_signs(lines)


def plain_signs(lines: list[str]) -> list[str]:
    """Escape what docstrings mean as it stands, (N, *) or |x - y|, but not in code and formulas."""
    escaped, inside = [], -1  # the indent of what opened a block of code, or -1
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent <= inside:
            inside = -1
        if inside < 0 and not line.lstrip().startswith((">>>", "...", "..")):
            parts = re.split(r"(`+[^`]+`+)", line)
            parts[::2] = [re.sub(r"(?<!\\)([*|]|(?<=\w)_(?!\w))", r"\\\1", p) for p in parts[::2]]
            escaped.append("".join(parts))
        else:
            escaped.append(line)
        if inside < 0 and (line.rstrip().endswith("::") or line.lstrip().startswith(".. ")):
            inside = indent
    return escaped


def run(command: str) -> str:
    """Run `python -m ...` in the repository, and return what it prints."""
    words = command.split()
    if words[0] != "python":
        raise ValueError(f"a printed command begins with python, got {command!r}")
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr}")
    return done.stdout


class Printed(SphinxDirective):
    """What a command prints, below the command."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Run the command while the page is read."""
        command = self.arguments[0]
        text = f"$ {command}\n{run(command).rstrip()}"
        return [nodes.literal_block(text, text, language="text", classes=["printed"])]


class Notebooks(SphinxDirective):
    """A table of the notebooks, by their titles in each language."""

    def run(self) -> list[nodes.Node]:
        """Read the titles off the notebooks."""
        lines = [f"| | {' | '.join(LANGUAGES.values())} |", f"|---|{'---|' * len(LANGUAGES)}"]
        for source in SOURCES:
            links = (f"[{_title(source, code)}]({code}/{source.stem}.ipynb)" for code in LANGUAGES)
            lines.append(f"| {int(source.stem[:2])} | {' | '.join(links)} |")
        return self.parse_text_to_nodes("\n".join(lines))


def _title(source: Path, language: str) -> str:
    """Return a notebook's first heading."""
    cells = json.loads(committed(source, language).read_text(encoding="utf-8"))["cells"]
    found = re.search(r"^# (.+)$", "".join(cells[0]["source"]), re.M)
    assert found is not None
    return found[1]


class Semantics(SphinxDirective):
    """The table of `python -m compare semantics`: what differs, at a point, on all three sides."""

    def run(self) -> list[nodes.Node]:
        """Run the command while the page is read."""
        data = json.loads(run("python -m compare semantics --json"))
        lines = ["| at | | JAX | PyTorch | convgrad |", "|---|---|---|---|---|"]
        for row in data["rows"]:
            if not row["control"]:
                lines += _row(row)
        same = ", ".join(row["name"] for row in data["rows"] if row["control"])
        about = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
        tally = "{agree} of {rows} rows agree with PyTorch".format(**data["tally"])
        lines += ["", f"{tally}: {about}.", "", f"The same in both: {same}."]
        made = self.parse_text_to_nodes("\n".join(lines))
        return [nodes.container("", *made, classes=["semantics"])]


def _row(row: dict[str, Any]) -> list[str]:
    note = f" ({row['note']})" if row["note"] else ""
    point = ", ".join(f"`{_short(argument)}`" for argument in row["arguments"])
    title = f"**{_text(row['name'])}**: {point}{note}"
    lines = []
    for found in row["findings"]:
        if found["differs"] or not found["agree"]:
            sides = (found["jax"], found["torch"], found["ours"] if row["has_ours"] else None)
            lines.append(f"| {title} | {_text(found['name'])} | {' | '.join(map(_cell, sides))} |")
            title = ""
    return lines


def _text(words: str) -> str:
    return words.replace("|", r"\|").replace("_", r"\_").replace("*", r"\*").replace("<", r"\<")


def _cell(value: Any) -> str:
    return "" if value is None else f"`{_short(value)}`"


def _short(value: Any) -> str:
    """Write numbers as one reads them: 4 digits, complex ones as a+bi."""
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    if isinstance(value, dict):
        return f"{value['real']:.4g}{value['imag']:+.4g}j" if "real" in value else str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
