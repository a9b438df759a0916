"""A notebook as a page that needs nothing from elsewhere: formulas as MathML, pictures inside."""

import copy
import re
from html import escape
from pathlib import Path

import latex2mathml.converter
import nbformat
from nbconvert import HTMLExporter

from ._source import LANGUAGES, SOURCES

# Code, then $$ formulas $$, then $ formulas $: what comes first in a text is taken first.
PARTS = re.compile(
    r"(?P<code>```.*?```|`[^`\n]+`)|\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\n]+?)\$", re.S
)
HIDDEN = "hide-input"  # the tag of a cell whose code is not the matter: pages leave it out
CONTENTS = {"en": "The notebooks", "es": "Los cuadernos", "pt": "Os cadernos"}

CSS = """
:root { color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1f2430; --soft: #5b6272; --line: #dde1e8;
  --link: #1d4ed8; --key: #7c2d92; --text: #0a6b3d; --number: #a34a00; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14171d; --card: #1c2029; --ink: #e7eaf0; --soft: #a3abba; --line: #323846;
  --link: #93b4ff; --key: #d7a6ff; --text: #8fd9a8; --number: #ffb77a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 17px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 860px; margin: 0 auto; padding: 16px 16px 64px; overflow-wrap: break-word; }
nav { max-width: 860px; margin: 0 auto; padding: 16px 16px 0; display: flex; flex-wrap: wrap;
  gap: 4px 18px; font-size: .9rem; }
nav .here { font-weight: 700; color: var(--ink); text-decoration: none; }
a { color: var(--link); }
a.anchor-link { visibility: hidden; text-decoration: none; padding-left: 6px; }
:is(h1, h2, h3):hover a.anchor-link { visibility: visible; }
h1 { font-size: 1.8rem; line-height: 1.2; } h2 { font-size: 1.35rem; margin-top: 2.2em; }
pre, code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .86em; }
pre { line-height: 1.45; margin: 0; overflow-x: auto; }
.cell { margin: 10px 0; }
.prompt { display: none; }
.input_area, .text_cell_render pre { background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; padding: 10px 12px; overflow-x: auto; }
.output_subarea { padding: 6px 12px; overflow-x: auto; max-width: 100%; }
.output_png img { max-width: 100%; height: auto; background: #ffffff; border-radius: 8px; }
.output svg { display: block; max-width: 100%; height: auto; background: #ffffff; color: #1f2430;
  border-radius: 8px; }
audio { width: min(100%, 360px); }
table { border-collapse: collapse; display: block; overflow-x: auto; font-size: .92rem; }
th, td { border-bottom: 1px solid var(--line); padding: 4px 10px; text-align: left; }
details > summary { cursor: pointer; color: var(--link); }
/* Without one of these Chromium stretches no bracket. */
math { font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math",
  "DejaVu Math TeX Gyre", math; }
math[display="block"] { overflow-x: auto; overflow-y: hidden; padding: 4px 0; }
blockquote { margin: 0; padding-left: 14px; border-left: 3px solid var(--line);
  color: var(--soft); }
.highlight .k, .highlight .kn, .highlight .kc, .highlight .ow { color: var(--key); }
.highlight :is(.s1, .s2, .sd, .sa, .si, .se) { color: var(--text); }
.highlight :is(.mi, .mf, .mh) { color: var(--number); }
.highlight :is(.c1, .ch) { color: var(--soft); font-style: italic; }
"""


def with_mathml(prose: str) -> str:
    """Put MathML in the place of a text's formulas; code stays as it is."""

    def put(found: re.Match[str]) -> str:
        if found["code"]:
            return found[0]
        display = "block" if found["block"] else "inline"
        formula = latex2mathml.converter.convert(found["block"] or found["inline"], display=display)
        return formula.replace("\n", " ")

    return PARTS.sub(put, prose)


def page(made: nbformat.NotebookNode, path: Path, language: str) -> str:
    """Write an executed notebook as a page, with links to the others and to the other languages."""
    shown = copy.deepcopy(made)
    for cell in shown.cells:
        if cell.cell_type == "markdown":
            cell.source = with_mathml(cell.source)
        elif HIDDEN in cell.metadata.get("tags", []):
            cell.metadata["transient"] = {"remove_source": True}
    exporter = HTMLExporter(template_name="basic")
    body, _ = exporter.from_notebook_node(shown)
    body = re.sub(r'(href="[^":]+)\.ipynb', r"\1.html", body)
    title = re.search(r"^# (.+)$", made.cells[0].source, re.M)
    assert title is not None
    others = "".join(
        f'<a href="{other.stem}.html"{_here(other == path)}>{other.stem[:2]}</a>'
        for other in SOURCES
    )
    tongues = "".join(
        f'<a href="../{code}/{path.stem}.html" lang="{code}"{_here(code == language)}>{name}</a>'
        for code, name in LANGUAGES.items()
    )
    return f"""<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title[1])}</title>
<link rel="icon" href="data:,">
<style>{CSS}</style>
</head>
<body>
<nav><span>{CONTENTS[language]}</span>{others}<span></span>{tongues}</nav>
<main>{body}</main>
</body>
</html>
"""


def _here(here: bool) -> str:
    return ' class="here" aria-current="page"' if here else ""
