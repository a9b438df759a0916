"""What `vmap` does about random numbers: PyTorch's `randomness`, with keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax

from convgrad import _jax
from convgrad._arrays import is_array

if TYPE_CHECKING:
    from convgrad._jax import Atom, ClosedJaxpr, Jaxpr, JaxprEqn

KINDS = ("error", "different", "same")
DRAWS = ("random_bits", "random_gamma")  # operations whose first operand is a key

Flags = list[bool]


def read_randomness(value: object) -> str:
    """Return one of the three kinds."""
    if value not in KINDS:
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {value}"
        )
    return str(value)


def is_key(value: Any) -> bool:
    """Whether a value is a key, or an array of keys, of `jax.random.key`."""
    return is_array(value) and bool(jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key))


def fold_in(keys: jax.Array, number: jax.Array) -> jax.Array:
    """Return a key, or an array of keys, of one example's own."""
    flat = jax.vmap(jax.random.fold_in, (0, None))(keys.reshape(-1), number)
    return flat.reshape(keys.shape)


def require_mapped_draws(closed: ClosedJaxpr, randomness: str) -> None:
    """Raise if a program, all of whose inputs are mapped, draws by a key that is not."""
    jaxpr = _jax.open_jaxpr(closed)
    if not _draws_alike(jaxpr, [True] * len(jaxpr.invars))[0]:
        return
    if randomness == "error":
        raise RuntimeError(
            "vmap: called random operation while in randomness error mode: a key that is not "
            "mapped draws the same numbers for each example. Map the keys "
            "(jax.random.split(key, n)), pass the key as an argument with in_dims None and "
            "randomness='different', or ask for randomness='same'."
        )
    raise RuntimeError(
        "vmap: randomness='different' needs keys that can be told apart: a key that is neither "
        "mapped nor an argument made by jax.random.key draws the same numbers for each example. "
        "Pass it as an argument with in_dims None, or map jax.random.split(key, n)."
    )


def _draws_alike(jaxpr: Jaxpr, mapped: Flags) -> tuple[bool, Flags]:
    """Whether a jaxpr draws by an unmapped key, and which of its outputs are mapped."""
    known: dict[Atom, bool] = dict(zip(jaxpr.invars, mapped, strict=True))

    def look_up(atom: Atom) -> bool:
        return not _jax.is_literal(atom) and known.get(atom, False)

    alike = False
    for equation in jaxpr.eqns:
        flags = [look_up(atom) for atom in equation.invars]
        if _jax.name_of(equation) in DRAWS:
            alike |= not flags[0]
            outputs = [any(flags)] * len(equation.outvars)
        else:
            inside, outputs = _equation(equation, flags)
            alike |= inside
        known.update(zip(equation.outvars, outputs, strict=True))
    return alike, [look_up(atom) for atom in jaxpr.outvars]


def _equation(equation: JaxprEqn, flags: Flags) -> tuple[bool, Flags]:
    """Return the same of one equation: of what it calls, or else that all inputs reach all."""
    everywhere = [any(flags)] * len(equation.outvars)
    programs = [_jax.open_jaxpr(inner) for inner in _jax.inner_jaxprs(equation)]
    name = _jax.name_of(equation)
    if name == "scan" and len(programs) == 1:
        return _scan(equation, programs[0], flags)
    given = flags[1:] if name == "cond" else flags
    predicate = name == "cond" and flags[0]
    alike, outputs = False, [predicate] * len(equation.outvars)
    for inner in programs:
        fits = len(inner.invars) == len(given) and len(inner.outvars) == len(outputs)
        known = given if fits else [any(flags)] * len(inner.invars)
        inside, results = _draws_alike(inner, known)
        alike |= inside
        outputs = [a or b for a, b in zip(outputs, results if fits else everywhere, strict=True)]
    return alike, outputs if programs else everywhere


def _scan(equation: JaxprEqn, body: Jaxpr, flags: Flags) -> tuple[bool, Flags]:
    """A loop: the carry is mapped as soon as one step makes it so."""
    consts, count = _jax.scan_counts(equation)
    carry: Sequence[bool] = flags[consts : consts + count]
    while True:
        given = [*flags[:consts], *carry, *flags[consts + count :]]
        alike, outputs = _draws_alike(body, given)
        grown = [a or b for a, b in zip(carry, outputs[:count], strict=True)]
        if grown == list(carry):
            return alike, [*grown, *outputs[count:]]
        carry = grown
