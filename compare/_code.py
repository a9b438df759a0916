"""The code of a row's sides, as a reader wants to see it."""

import ast
import inspect
import io
import keyword
import textwrap
import tokenize
from html import escape
from typing import Any

from ._row import Row


def source(thing: Any) -> str:
    """Return a definition's source; a custom_vjp's with both of its passes, without its manual."""
    if hasattr(thing, "defvjp"):
        name = thing.__wrapped__.__name__
        passes = f"{name}.defvjp({thing.fwd.__name__}, {thing.bwd.__name__})"
        parts = [_without_docstring(thing.__wrapped__), source(thing.fwd), source(thing.bwd)]
        return "\n\n".join([*parts, passes])
    return textwrap.dedent(inspect.getsource(thing)).rstrip()


def _without_docstring(function: Any) -> str:
    text = textwrap.dedent(inspect.getsource(function)).rstrip()
    definition = ast.parse(text).body[0]
    assert isinstance(definition, ast.FunctionDef | ast.ClassDef)
    first = definition.body[0]
    if ast.get_docstring(definition) is None or first.end_lineno is None:
        return text
    lines = text.splitlines()
    return "\n".join(lines[: first.lineno - 1] + lines[first.end_lineno :])


def jax_code(row: Row) -> str:
    """Return the JAX side's program, after the definitions that it uses."""
    return "\n\n\n".join(source(part) for part in (*row.jax_parts(), row.jax))


def torch_code(row: Row) -> str:
    """Return the PyTorch side's program, after the definitions that it uses."""
    return "\n\n\n".join(source(part) for part in (*row.torch_parts(), row.torch))


CLASSES = {tokenize.STRING: "s", tokenize.COMMENT: "c", tokenize.NUMBER: "n"}


def to_html(code: str) -> str:
    """Mark a Python program's keywords, strings, numbers and comments for a page."""
    lines = code.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    out, done = [], 0
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        kind = "k" if keyword.iskeyword(token.string) else CLASSES.get(token.type)
        begin, end = (starts[line - 1] + column for line, column in (token.start, token.end))
        if kind is None or begin < done:
            continue
        out.append(escape(code[done:begin]))
        out.append(f'<span class="{kind}">{escape(code[begin:end])}</span>')
        done = end
    return "".join([*out, escape(code[done:])])
