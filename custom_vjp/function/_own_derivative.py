"""A function with a derivative of its own, as one operation: what a call of a Function is to JAX.

`jax.custom_jvp` is nearly that. But where JAX cuts a program into what is known and what a gradient
flows through, as it does with the step of a scan, it opens a `custom_jvp` and forgets its rule: a
second derivative is then the one of the code inside. An operation stays whole, and keeps its rule.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
from jax.typing import ArrayLike

from convgrad import _jax
from convgrad._errors import FUNCTION

from ._tangents import Arrays, is_zero, zero

if TYPE_CHECKING:
    from convgrad._jax import ClosedJaxpr, Jaxpr, ShapedArray

# From primals and tangents to results and their tangents.
Rule = Callable[[Arrays, Arrays], tuple[list[Any], list[Any]]]

USER = "a custom_vjp.Function under a transformation"


@dataclasses.dataclass(eq=False, repr=False)
class OwnDerivative:
    """One call: a function of arrays, and its rule of differentiation.

    Attributes:
      name: shown in jaxprs and graphs.
      primal: arrays -> list of arrays.
      rule: (primals, tangents) -> the same list, and the tangents of the first of them; zeros that
        are known as such are `SymbolicZero`.
      moving: how many results have a tangent, once `primal` or `rule` has run.
    """

    name: str
    primal: Callable[..., list[Any]]
    rule: Rule
    moving: Callable[[], int]
    _programs: dict[tuple[ShapedArray, ...], ClosedJaxpr] = dataclasses.field(default_factory=dict)

    def __repr__(self) -> str:
        return self.name

    def __call__(self, *arrays: ArrayLike) -> list[jax.Array]:
        """Call the function, or record the call where JAX traces."""
        return own_derivative_p.bind(*arrays, of=self)

    @property
    def jaxpr(self) -> Jaxpr | None:
        """The program of primal, None where it was not traced."""
        traced = next(iter(self._programs.values()), None)
        return None if traced is None else _jax.open_jaxpr(traced)

    def program(self, avals: Sequence[ShapedArray]) -> ClosedJaxpr:
        """Return primal as a closed jaxpr: the user's code is traced once for each set of types."""
        key = tuple(avals)
        if key not in self._programs:
            self._programs[key] = jax.make_jaxpr(self.primal)(*avals)
        return self._programs[key]

    def run(self, *arrays: ArrayLike) -> list[Any]:
        """Call primal, as it was traced if it was: with values it may keep other arrays."""
        if not self._programs:
            return self.primal(*arrays)
        return _jax.as_function(self.program([jax.typeof(array) for array in arrays]))(*arrays)

    def differentiate(self, primals: Arrays, tangents: Arrays) -> tuple[list[Any], list[Any]]:
        """Call rule; traced, where primal was."""
        if not self._programs:
            return self.rule(primals, tangents)
        flat = _Flowing(self.rule, tangents)
        args = [*primals, *flat.flowing(tangents)]
        count = len(primals)
        program = jax.make_jaxpr(lambda *xs: flat(xs[:count], xs[count:]))(*map(jax.typeof, args))
        found = _jax.as_function(program)(*args)
        return flat.split(found[: -flat.moving or None], found[len(found) - flat.moving :])


class _Flowing:
    """A rule as a function of arrays alone: without tangents that are known to be zero."""

    def __init__(self, rule: Rule, tangents: Arrays) -> None:
        self.rule = rule
        self.still = [is_zero(tangent) for tangent in tangents]
        self.known: list[bool] = []

    def flowing(self, tangents: Arrays) -> list[Any]:
        return [t for t, still in zip(tangents, self.still, strict=True) if not still]

    @property
    def moving(self) -> int:
        return len(self.known) - sum(self.known)

    def __call__(self, primals: Arrays, flowing: Arrays) -> tuple[list[Any], list[Any]]:
        given = iter(flowing)
        pairs = zip(primals, self.still, strict=True)
        out, moved = self.rule(primals, [zero(p) if still else next(given) for p, still in pairs])
        self.known[:] = map(is_zero, moved)
        return out, [tangent for tangent in moved if not is_zero(tangent)]

    def split(self, out: Arrays, moved: Arrays) -> tuple[list[Any], list[Any]]:
        """Put the zeros back."""
        found = iter(moved)
        pairs = zip(out, self.known, strict=False)
        return list(out), [zero(o) if known else next(found) for o, known in pairs]


def _evaluate(*args: ArrayLike, of: OwnDerivative) -> list[Any]:
    return of.run(*args)


def _types(*avals: ShapedArray, of: OwnDerivative) -> tuple[list[ShapedArray], list[ClosedJaxpr]]:
    program = of.program(avals)
    return list(program.out_avals), [program]


own_derivative_p = _jax.new_operation(
    FUNCTION, USER, evaluate=_evaluate, lower=_evaluate, outputs=_types
)


def _jvp(primals: Arrays, tangents: Arrays, *, of: OwnDerivative) -> tuple[list[Any], list[Any]]:
    given = [zero(p) if _jax.is_zero(t) else t for p, t in zip(primals, tangents, strict=True)]
    out, moved = of.differentiate(primals, given)
    moved = [*moved, *map(zero, out[len(moved) :])]
    return out, [_jax.zero_tangent(o) if is_zero(t) else t for o, t in zip(out, moved, strict=True)]


def _batch(axis: _jax.Axis, args: Arrays, dims: Sequence[int | None], *, of: OwnDerivative) -> Any:
    """Map function and rule. What has a tangent is made batched, as the tangent may be."""
    if all(dim is None for dim in dims):
        out = of(*args)
        return out, [None] * len(out)
    over = list(dims)
    mapped = {"axis_size": axis.size, "axis_name": axis.name}
    first = next(i for i, dim in enumerate(dims) if dim is not None)
    spread: list[bool] = []

    def apart(arrays: Arrays, results: Arrays) -> tuple[list[Any], list[Any]]:
        spread[:] = [
            i < of.moving() or _jax.is_mapped_as(result, arrays[first])
            for i, result in enumerate(results)
        ]
        pairs = list(zip(results, spread, strict=True))
        return [r for r, each in pairs if each], [r for r, each in pairs if not each]

    def together(some: Arrays, others: Arrays) -> list[Any]:
        each, alike = iter(some), iter(others)
        return [next(each) if is_spread else next(alike) for is_spread in spread]

    def primal(*arrays: ArrayLike) -> list[Any]:
        one = jax.vmap(lambda *xs: apart(xs, of.run(*xs)), over, (0, None), **mapped)
        return together(*one(*arrays))

    def rule(primals: Arrays, tangents: Arrays) -> tuple[list[Any], list[Any]]:
        flat = _Flowing(of.differentiate, tangents)

        def one(primals: Arrays, flowing: Arrays) -> Any:
            out, moved = flat(primals, flowing)
            return *apart(primals, out), moved

        axes = over, flat.flowing(over)
        some, others, moved = jax.vmap(one, axes, (0, None, 0), **mapped)(
            list(primals), flat.flowing(tangents)
        )
        return flat.split(together(some, others), moved)

    out = OwnDerivative(of.name, primal, rule, of.moving)(*args)
    return out, [0 if is_spread else None for is_spread in spread]


_jax.define_rules(own_derivative_p, USER, jvp=_jvp, batch=_batch)
