"""The named values of a program: where they are, and the program with something added to each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from convgrad import _jax

if TYPE_CHECKING:
    from convgrad._jax import Atom, ClosedJaxpr, Jaxpr, JaxprEqn, Program

Wanted = frozenset[str] | None
Nudge = jax.Array | None  # what is added to a named value

NAME = "name"  # the operation of jax.ad_checkpoint.checkpoint_name
CALLS = ("jit", "pjit", "closed_call", "core_call")
CHECKPOINTS = ("checkpoint", "remat", "remat2")


class Site(NamedTuple):
    """A place where a value is named; inside of a scan with an axis in front for its steps."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype


def _is_wanted(equation: JaxprEqn, wanted: Wanted) -> bool:
    if _jax.name_of(equation) != NAME:
        return False
    return wanted is None or _jax.parameter(equation, "name") in wanted


def _inside(equation: JaxprEqn) -> list[Program]:
    """Return the programs inside of an equation that are looked into."""
    kind = _jax.name_of(equation)
    if kind == "cond":
        return list(_jax.branches(equation))
    if kind in (*CALLS, *CHECKPOINTS, "scan"):
        return [_jax.program(equation)]
    return []


def sites(program: Program, wanted: Wanted) -> list[Site]:
    """Return the named values of a program, in order."""
    found = []
    for equation in _jax.open_jaxpr(program).eqns:
        if _is_wanted(equation, wanted):
            aval = _jax.array_type(equation.outvars[0])
            found.append(Site(_jax.parameter(equation, "name"), aval.shape, aval.dtype))
        else:
            found += _sites_inside(equation, wanted)
    return found


def _sites_inside(equation: JaxprEqn, wanted: Wanted) -> list[Site]:
    found = [site for inner in _inside(equation) for site in sites(inner, wanted)]
    if found and _jax.name_of(equation) == "scan":
        length = _jax.scan_length(equation)
        return [site._replace(shape=(length, *site.shape)) for site in found]
    return found


def unreachable(program: Program) -> dict[str, str]:
    """Return the names that stand where they are not looked for, each with the operation."""
    hidden: dict[str, str] = {}
    for equation in _jax.open_jaxpr(program).eqns:
        inside = _inside(equation)
        for inner in inside:
            hidden |= unreachable(inner)
        if not inside:
            for other in _jax.inner_jaxprs(equation):
                for part in _jax.equations(_jax.open_jaxpr(other)):
                    if _is_wanted(part, None):
                        hidden[_jax.parameter(part, "name")] = _jax.name_of(equation)
    return hidden


def evaluate(
    closed: ClosedJaxpr, nudges: Sequence[Nudge], wanted: Wanted
) -> tuple[list[Any], list[Any]]:
    """Run a program without inputs, with something added to its named values.

    Args:
      closed: the program.
      nudges: for each of its sites what is added, or None.
      wanted: the names.

    Returns:
      Its outputs, and the named values.
    """
    return _run(_jax.open_jaxpr(closed), list(closed.consts), [], iter(nudges), wanted)


def _run(
    jaxpr: Jaxpr,
    consts: Sequence[ArrayLike],
    args: Sequence[ArrayLike],
    nudges: Iterator[Nudge],
    wanted: Wanted,
) -> tuple[list[Any], list[Any]]:
    known: dict[Atom, Any] = dict(
        zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True)
    )

    def look_up(atom: Atom) -> Any:
        return _jax.literal_value(atom) if _jax.is_literal(atom) else known[atom]

    values: list[Any] = []
    for equation in jaxpr.eqns:
        operands = [look_up(atom) for atom in equation.invars]
        if _is_wanted(equation, wanted):
            nudge = next(nudges)
            results = [operands[0] if nudge is None else operands[0] + nudge]
            values += results
        else:
            count = len(_sites_inside(equation, wanted))
            if count:
                inner = [next(nudges) for _ in range(count)]
                results, inside = _call(equation, operands, inner, wanted)
                values += inside
            else:
                results = _jax.rebind(equation, operands)
        known.update(zip(equation.outvars, results, strict=True))
    return [look_up(atom) for atom in jaxpr.outvars], values


def _program(
    program: Program, args: Sequence[ArrayLike], nudges: Sequence[Nudge], wanted: Wanted
) -> tuple[list[Any], list[Any]]:
    consts = getattr(program, "consts", ())  # none, where it is open
    return _run(_jax.open_jaxpr(program), consts, args, iter(nudges), wanted)


def _call(
    equation: JaxprEqn, operands: list[ArrayLike], nudges: list[Nudge], wanted: Wanted
) -> tuple[list[Any], list[Any]]:
    """Run an equation with named values inside; return its results and these."""
    kind = _jax.name_of(equation)
    if kind == "cond":
        return _cond(equation, operands, nudges, wanted)
    if kind == "scan":
        return _scan(equation, operands, nudges, wanted)
    program = _jax.program(equation)

    def run(operands: list[ArrayLike], nudges: list[Nudge]) -> tuple[list[Any], list[Any]]:
        return _program(program, operands, nudges, wanted)

    if kind in CHECKPOINTS:
        run = jax.checkpoint(
            run,
            prevent_cse=_jax.parameter(equation, "prevent_cse"),
            policy=_jax.parameter(equation, "policy"),
        )
    results, values = run(operands, nudges)
    return results, values


def _scan(
    equation: JaxprEqn, operands: list[ArrayLike], nudges: list[Nudge], wanted: Wanted
) -> tuple[list[Any], list[Any]]:
    """Hand each step its own part of what is added, and stack the values."""
    consts, count = _jax.scan_counts(equation)
    program = _jax.program(equation)

    def body(carry: Any, xs: Any) -> Any:
        slices, added = xs
        results, values = _program(program, [*operands[:consts], *carry, *slices], added, wanted)
        return results[:count], (results[count:], values)

    carry, (stacked, values) = jax.lax.scan(
        body,
        operands[consts : consts + count],
        (operands[consts + count :], nudges),
        length=_jax.scan_length(equation),
        reverse=_jax.parameter(equation, "reverse"),
        unroll=_jax.parameter(equation, "unroll"),
    )
    return [*carry, *stacked], values


def _cond(
    equation: JaxprEqn, operands: list[ArrayLike], nudges: list[Nudge], wanted: Wanted
) -> tuple[list[Any], list[Any]]:
    """Each branch has values of its own, which are zeros where another one is taken."""
    programs = list(_jax.branches(equation))
    counts = [len(sites(program, wanted)) for program in programs]
    empty = [
        jnp.zeros(site.shape, site.dtype) for program in programs for site in sites(program, wanted)
    ]

    def branch(i: int) -> Callable[..., tuple[list[Any], list[Any]]]:
        start = sum(counts[:i])
        stop = start + counts[i]

        def run(operands: list[ArrayLike], nudges: list[Nudge]) -> tuple[list[Any], list[Any]]:
            results, values = _program(programs[i], operands, nudges[start:stop], wanted)
            return results, [*empty[:start], *values, *empty[stop:]]

        return run

    index, *rest = operands
    branches = [branch(i) for i in range(len(programs))]
    results, values = jax.lax.switch(jnp.asarray(index, "int32"), branches, rest, nudges)
    return results, values
