"""Which outputs of a jaxpr depend differentiably on which of its inputs.

The answer is PyTorch's: a value has a ``grad_fn`` when some operation on floating point values
leads to it from a tracked input. ``floor`` or ``sign`` connect although their derivative is zero;
``stop_gradient``, integers and booleans cut the path, and so does a predicate.

Sets of inputs are integers used as bit masks: bit ``i`` stands for input ``i``.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import jax

from convgrad import _jax

from ._arrays import is_inexact
from ._errors import FUNCTION, FUNCTION_TANGENTS, NotLinearError
from ._jax import open_jaxpr

if TYPE_CHECKING:
    from ._jax import Atom, Jaxpr, JaxprEqn, Program

# For each output of an equation, the mask of those of its inputs that it depends on.
Flow = list[int]


def dependence(jaxpr: Program) -> tuple[frozenset[int], ...]:
    """Return for each output of a (closed) jaxpr the indices of the inputs it depends on."""
    return tuple(
        frozenset(i for i in range(mask.bit_length()) if mask >> i & 1)
        for mask in _jaxpr_flow(jaxpr)
    )


def equation_flow(eqn: JaxprEqn) -> Flow:
    """Return for each output of one equation the mask of the inputs it depends on."""
    name = _jax.name_of(eqn)
    rule = _RULES.get(name)
    if rule is None and name.startswith(("custom_jvp_call", "custom_vjp_call")):
        rule = _all
    try:
        flow = (rule or _all)(eqn)
    except _jax.Moved:
        flow = _all(eqn)
    sources = _union(1 << i for i, atom in enumerate(eqn.invars) if carries_gradient(atom))
    return [
        mask & sources if carries_gradient(var) else 0
        for var, mask in zip(eqn.outvars, flow, strict=True)
    ]


def carries_gradient(atom: Atom) -> bool:
    """Whether a jaxpr's variable (or literal) has a floating point or complex dtype."""
    return is_inexact(getattr(atom.aval, "dtype", int))


def has_custom_vjp(jaxpr: Program) -> bool:
    """Whether a jaxpr calls, at any depth, a function with a backward pass of its own."""
    return _calls("custom_vjp_call", open_jaxpr(jaxpr))


def has_custom_jvp(jaxpr: Program) -> bool:
    """Whether a jaxpr calls, at any depth, a function with a derivative that forward mode knows."""
    jaxpr = open_jaxpr(jaxpr)
    return _calls("custom_jvp_call", jaxpr) or _calls(FUNCTION, jaxpr)


def _calls(name: str, jaxpr: Jaxpr) -> bool:
    known = _custom.setdefault(jaxpr, {})
    if name not in known:
        known[name] = any(_jax.name_of(eqn).startswith(name) for eqn in _jax.equations(jaxpr))
    return known[name]


def has_forward_mode(jaxpr: Program) -> bool:
    """Whether all that a jaxpr pushes forward can be: no backward has to be transposed in vain."""
    for eqn in _jax.equations(open_jaxpr(jaxpr)):
        if _jax.name_of(eqn) == FUNCTION_TANGENTS:
            count = _jax.parameter(eqn, "residuals")
            avals = [atom.aval for atom in eqn.invars]
            try:
                jax.eval_shape(_jax.parameter(eqn, "of").push, avals[:count], avals[count:])
            except NotLinearError:
                return False
            except (NameError, _jax.Moved):  # such as an axis that is bound further out
                pass
    return True


_cache: weakref.WeakKeyDictionary[Jaxpr, Flow] = weakref.WeakKeyDictionary()
_custom: weakref.WeakKeyDictionary[Jaxpr, dict[str, bool]] = weakref.WeakKeyDictionary()


def _jaxpr_flow(jaxpr: Program) -> Flow:
    jaxpr = open_jaxpr(jaxpr)
    if jaxpr not in _cache:
        _cache[jaxpr] = _compute_flow(jaxpr)
    return _cache[jaxpr]


def _compute_flow(jaxpr: Jaxpr) -> Flow:
    reach: dict[Atom, int] = {
        var: 1 << i for i, var in enumerate(jaxpr.invars) if carries_gradient(var)
    }

    def look_up(atom: Atom) -> int:
        return 0 if _jax.is_literal(atom) else reach.get(atom, 0)

    for eqn in jaxpr.eqns:
        sources = [look_up(atom) for atom in eqn.invars]
        if any(sources):
            for var, mask in zip(eqn.outvars, equation_flow(eqn), strict=True):
                reach[var] = _through(mask, sources)
    return [look_up(atom) for atom in jaxpr.outvars]


def _union(masks: Iterable[int]) -> int:
    total = 0
    for mask in masks:
        total |= mask
    return total


def _through(mask: int, sources: Sequence[int]) -> int:
    """Compose: what the inputs named by ``mask`` depend on, given what each depends on."""
    return _union(source for i, source in enumerate(sources) if mask >> i & 1)


# The rules. An unknown primitive connects everything; so does a function with a derivative of its
# own, whose forward code does not say what its backward does (a step function with a surrogate
# derivative is the common case). PyTorch treats its custom Functions so as well.


def _all(eqn: JaxprEqn) -> Flow:
    return [(1 << len(eqn.invars)) - 1] * len(eqn.outvars)


def _none(eqn: JaxprEqn) -> Flow:
    return [0] * len(eqn.outvars)


def _each_its_own(eqn: JaxprEqn) -> Flow:
    if len(eqn.invars) != len(eqn.outvars):
        return _all(eqn)
    return [1 << i for i in range(len(eqn.outvars))]


def _call(eqn: JaxprEqn) -> Flow:
    inner = _jax.program(eqn)
    if len(open_jaxpr(inner).invars) != len(eqn.invars):
        return _all(eqn)
    return _jaxpr_flow(inner)


def _cond(eqn: JaxprEqn) -> Flow:
    flows = [_jaxpr_flow(branch) for branch in _jax.branches(eqn)]
    return [_union(masks) << 1 for masks in zip(*flows, strict=True)]  # input 0 is the predicate


def _while(eqn: JaxprEqn) -> Flow:
    skipped, consts = _jax.while_counts(eqn)
    body = _jaxpr_flow(_jax.program(eqn))
    fixed = [1 << (skipped + i) for i in range(consts)]
    carry = [1 << (skipped + consts + i) for i in range(len(body))]
    while True:  # the trip count is unknown: zero, one, two, ... trips together
        step = [old | _through(mask, fixed + carry) for old, mask in zip(carry, body, strict=True)]
        if step == carry:
            return carry
        carry = step


def _while_loop(eqn: JaxprEqn) -> Flow:
    """Follow ``grad.while_loop``, which may return the states that it kept beside the last one."""
    carry = _while(eqn)
    return [*carry, 0, 0, *carry] if _jax.parameter(eqn, "keep") else carry


def _scan(eqn: JaxprEqn) -> Flow:
    """Follow the carry trip by trip; the states soon repeat, and then the rest is known."""
    consts, count = _jax.scan_counts(eqn)
    body = _jaxpr_flow(_jax.program(eqn))
    inputs = [1 << i for i in range(len(eqn.invars))]
    fixed, carry, slices = (
        inputs[:consts],
        inputs[consts : consts + count],
        inputs[consts + count :],
    )
    stacked = [0] * (len(body) - count)
    seen: dict[tuple[int, ...], int] = {}
    trips, length = 0, _jax.scan_length(eqn)
    while trips < length:
        if tuple(carry) in seen:
            period = trips - seen[tuple(carry)]
            if (length - trips) % period == 0:
                break
        else:
            seen[tuple(carry)] = trips
        step = [_through(mask, fixed + carry + slices) for mask in body]
        carry = step[:count]
        stacked = [old | new for old, new in zip(stacked, step[count:], strict=True)]
        trips += 1
    return carry + stacked


_RULES: dict[str, Callable[[JaxprEqn], Flow]] = {
    "stop_gradient": _none,
    "sort": _each_its_own,
    "optimization_barrier": _each_its_own,
    "cond": _cond,
    "while": _while,
    "while_loop": _while_loop,
    "scan": _scan,
    **dict.fromkeys(
        (
            "jit",
            "pjit",
            "closed_call",
            "core_call",
            "checkpoint",
            "remat",
            "remat2",
            "shard_map",
        ),
        _call,
    ),
}
