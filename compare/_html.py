"""The results as one page that needs nothing from elsewhere."""

from collections.abc import Sequence
from html import escape

from ._code import jax_code, to_html, torch_code
from ._format import difference_text, medium
from ._row import RowResult
from ._style import CSS
from ._table import tally
from ._values import Entry
from ._versions import versions_line
from .lecture import figures, why

TITLE = "Convolutions and gradients: the lecture in JAX beside PyTorch"
ABOUT = (
    "Every value on this page was computed twice when the page was made: by JAX, in compiled "
    "programs, and by PyTorch. Arrays are compared by shape, dtype and value; where the lecture "
    "states a number, both sides must have it."
)


def _badge(agree: bool) -> str:
    return '<span class="badge">agree</span>' if agree else '<span class="badge bad">differ</span>'


def _value(entry: Entry, side: str) -> str:
    value = entry.jax if side == "JAX" else entry.torch
    return f'<td class="value" data-side="{side}"><span>{escape(medium(value))}</span></td>'


def _entry(entry: Entry) -> str:
    known = entry.difference is not None
    difference = f"{difference_text(entry.difference)}" if known else ""
    row = (
        f'<tr class="entry{"" if entry.agree else " differs"}">'
        f'<td class="name">{escape(entry.name)}</td>{_value(entry, "JAX")}'
        f'{_value(entry, "PyTorch")}<td class="difference value" data-side="difference">'
        f"{difference}</td></tr>"
    )
    if entry.agree:
        return row
    return f'{row}<tr class="reason"><td colspan="4">{escape(entry.reason)}</td></tr>'


def _row(result: RowResult) -> str:
    row, found = result.row, result.comparison
    sides = "".join(
        f"<div><h3>{side}</h3><pre><code>{to_html(code)}</code></pre></div>"
        for side, code in (("JAX", jax_code(row)), ("PyTorch", torch_code(row)))
    )
    return (
        f'<tbody id="row-{row.number}"><tr class="title"><th colspan="4" scope="rowgroup">'
        f'<div class="head"><span class="number">{row.number}</span>'
        f'<span class="what">{escape(row.title)}</span>{_badge(found.agree)}</div></th></tr>'
        f"{''.join(map(_entry, found.entries))}"
        f'<tr class="code"><td colspan="4"><details><summary>The code of both sides</summary>'
        f'<div class="sides">{sides}</div></details></td></tr></tbody>'
    )


def _figures(results: Sequence[RowResult]) -> str:
    parts = []
    drawn = [*figures.drawings(), *why.drawings(results)]
    for number, (caption, svg) in enumerate(drawn, 1):
        kind = ' class="tall"' if number == 5 else ""
        parts.append(f"<figure{kind}>{svg}<figcaption>{escape(caption)}</figcaption></figure>")
    return "".join(parts)


def _link(result: RowResult) -> str:
    number = result.row.number
    kind = "" if result.comparison.agree else ' class="bad"'
    return f'<a href="#row-{number}"{kind}>{number}</a>'


def page(results: Sequence[RowResult], versions: dict[str, str]) -> str:
    """Write the page: the tally, the versions, every row with its code, the figures."""
    every = all(result.comparison.agree for result in results)
    links = "".join(map(_link, results))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{TITLE}</title>
<link rel="icon" href="data:,">
<style>{CSS}</style>
</head>
<body>
<main>
<h1>{TITLE}</h1>
<p class="tally">{_badge(every)} {escape(tally(results))}</p>
<p>{ABOUT}</p>
<p class="soft">{escape(versions_line(versions))}</p>
<nav aria-label="Rows">{links}<a href="#figures">figures</a></nav>
<h2>The rows</h2>
<table>
<colgroup><col class="name"><col><col><col class="difference"></colgroup>
<thead><tr><th scope="col">What the lecture shows</th><th scope="col">JAX</th>
<th scope="col">PyTorch</th><th scope="col" class="difference">Largest difference</th></tr></thead>
{chr(10).join(map(_row, results))}
</table>
<h2 id="figures">The figures</h2>
<div class="figures">{_figures(results)}</div>
</main>
</body>
</html>
"""
