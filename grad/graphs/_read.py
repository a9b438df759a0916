"""Reading a computational graph off a jaxpr."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from convgrad import _jax
from convgrad._arrays import Array, is_inexact
from convgrad._dependence import carries_gradient, equation_flow
from convgrad._jax import array_type, is_literal, name_of, open_jaxpr

from ._calls import Call, calls
from ._names import ELEMENTWISE, is_jax_call, jax_function_name, node_name, operands
from ._node import CONSTANT, AccumulateGrad, Edge, Node

if TYPE_CHECKING:
    from convgrad._jax import Atom, ClosedJaxpr, Jaxpr, JaxprEqn

_COPIES = frozenset(("copy", "copy_p", "optimization_barrier", "reduce_precision"))
_NO_BIAS: dict[str, tuple[Edge, ...]] = {"conv_general_dilated": (CONSTANT,)}  # PyTorch's third
_SLICES = frozenset(("slice", "dynamic_slice"))


def read(
    closed: ClosedJaxpr, values: Sequence[Array], names: Sequence[str]
) -> tuple[list[Edge], tuple[AccumulateGrad, ...]]:
    """Return the edge of every output of a closed jaxpr, and a leaf for every inexact input."""
    inputs: list[Edge] = []
    leaves: list[AccumulateGrad] = []
    for value, name in zip(values, names, strict=True):
        if is_inexact(value.dtype):
            shape = tuple(value.shape)
            leaf = AccumulateGrad("AccumulateGrad", "", shape, value.dtype, (), value, name)
            leaves.append(leaf)
            inputs.append((leaf, 0))
        else:
            inputs.append(CONSTANT)
    return _Reader(open_jaxpr(closed), inputs).read(), tuple(leaves)


class _Reader:
    """One pass over one jaxpr, which keeps for every variable the edge that leads to it."""

    def __init__(self, jaxpr: Jaxpr, inputs: Sequence[Edge]) -> None:
        self.jaxpr = jaxpr
        self.edges: dict[Atom, Edge] = dict(zip(jaxpr.invars, inputs, strict=True))
        self.users: dict[Atom, list[JaxprEqn | None]] = defaultdict(list)
        self.makers: dict[Atom, JaxprEqn] = {}
        for eqn in jaxpr.eqns:
            self.makers.update((var, eqn) for var in eqn.outvars)
            for atom in eqn.invars:
                if not is_literal(atom):
                    self.users[atom].append(eqn)
        for atom in jaxpr.outvars:
            if not is_literal(atom):
                self.users[atom].append(None)

    def read(self) -> list[Edge]:
        for step in calls(self.jaxpr):
            if isinstance(step, Call):
                self.join(step)
            elif any(self.edge(atom)[0] is not None for atom in step.invars):
                self.edges.update(zip(step.outvars, self.step(step), strict=True))
        return [self.edge(atom) for atom in self.jaxpr.outvars]

    def join(self, call: Call) -> None:
        """Make one node of the equations of a call."""
        tracked = [atom for atom in call.inputs if self.edge(atom)[0] is not None]
        if not tracked:
            return
        own = {id(eqn) for eqn in call.eqns}
        results = [
            var
            for eqn in call.eqns
            for var in eqn.outvars
            if carries_gradient(var) and any(id(user) not in own for user in self.users[var])
        ]
        if not results:
            return
        operands = tuple(self.edge(atom) for atom in call.operands or tracked)
        if call.name == "ConvolutionBackward0" and len(operands) == 2:
            operands = (*operands, CONSTANT)
        aval = array_type(results[0])
        node = Node(call.name, call.op, tuple(aval.shape), aval.dtype, operands)
        self.edges.update((var, (node, k)) for k, var in enumerate(results))

    def edge(self, atom: Atom) -> Edge:
        if is_literal(atom) or not carries_gradient(atom):
            return CONSTANT
        return self.edges.get(atom, CONSTANT)

    def step(self, eqn: JaxprEqn) -> list[Edge]:
        """Return the edges of an equation's outputs."""
        if self.is_transparent(eqn):
            return [self.edge(atom) for atom in eqn.invars]
        if is_jax_call(eqn) and jax_function_name(eqn) is None:
            inner = open_jaxpr(_jax.program(eqn))
            return _Reader(inner, [self.edge(atom) for atom in eqn.invars]).read()
        found = self.pattern(eqn)
        if found is not None:
            return [(found, 0)]
        flow = equation_flow(eqn)
        tracked = sum(1 << i for i, a in enumerate(eqn.invars) if self.edge(a)[0] is not None)
        if not any(mask & tracked for mask in flow):
            return [CONSTANT] * len(flow)
        connected = 0
        for mask in flow:
            connected |= mask
        node = _node(
            node_name(eqn),
            eqn,
            tuple(
                self.edge(eqn.invars[i]) if connected >> i & 1 else CONSTANT for i in operands(eqn)
            )
            + _NO_BIAS.get(name_of(eqn), ()),
        )
        return [(node, k) if mask & tracked else CONSTANT for k, mask in enumerate(flow)]

    def is_transparent(self, eqn: JaxprEqn) -> bool:
        """Whether an equation is JAX's bookkeeping, for which PyTorch has no operation."""
        name, source, result = name_of(eqn), array_type(eqn.invars[0]), array_type(eqn.outvars[0])
        if name in _COPIES:
            return True
        if name == "convert_element_type":
            return source.dtype == result.dtype
        if name == "broadcast_in_dim":
            maker = self.makers.get(eqn.invars[0])
            keeps = maker is not None and name_of(maker).startswith("reduce_")
            if keeps and source.size == result.size:
                return True  # keepdims
            return self.is_implicit(eqn)
        return False

    def is_implicit(self, eqn: JaxprEqn) -> bool:
        """Whether a broadcast only feeds elementwise operations, directly or broadcast again."""
        users = self.users[eqn.outvars[0]]
        return bool(users) and all(
            user is not None
            and (
                name_of(user) in ELEMENTWISE
                or (name_of(user) == "broadcast_in_dim" and self.is_implicit(user))
            )
            for user in users
        )

    def only_maker(self, atom: Atom) -> JaxprEqn | None:
        """Return the equation that made `atom` when nothing else uses it."""
        if is_literal(atom) or len(self.users[atom]) != 1:
            return None
        return self.makers.get(atom)

    def pattern(self, eqn: JaxprEqn) -> Node | None:
        """Recognise what PyTorch has as one operation and JAX as several."""
        try:
            return self.mean(eqn) or self.select(eqn)
        except _jax.Moved:
            return None

    def mean(self, eqn: JaxprEqn) -> Node | None:
        """Recognise a sum divided by the number of its terms."""
        if name_of(eqn) != "div" or not is_literal(eqn.invars[1]):
            return None
        maker, kept = self.only_maker(eqn.invars[0]), False
        while maker is not None and name_of(maker) == "broadcast_in_dim":
            maker, kept = self.only_maker(maker.invars[0]), True
        if maker is None or name_of(maker) != "reduce_sum":
            return None
        (atom,), axes = maker.invars, _jax.reduced_axes(maker)
        source, result = array_type(atom), array_type(eqn.outvars[0])
        count = int(np.prod([source.shape[axis] for axis in axes], dtype=np.int64))
        divisor = np.asarray(_jax.literal_value(eqn.invars[1]))
        if divisor != count or result.size * count != source.size:
            return None
        whole = len(axes) == source.ndim and not kept
        return _node(f"MeanBackward{int(not whole)}", eqn, (self.edge(atom),), op="mean")

    def select(self, eqn: JaxprEqn) -> Node | None:
        """Recognise `x[i]`: slices of length 1 whose dimensions are then dropped."""
        if name_of(eqn) != "squeeze":
            return None
        maker = self.only_maker(eqn.invars[0])
        if maker is None or name_of(maker) not in _SLICES:
            return None
        source, part = array_type(maker.invars[0]), array_type(maker.outvars[0])
        narrowed = {d for d, n in enumerate(part.shape) if n != source.shape[d]}
        if not narrowed or not narrowed <= set(_jax.dropped_dimensions(eqn)):
            return None
        edge = self.edge(maker.invars[0])
        shape = list(source.shape)
        node = None
        for gone, dimension in enumerate(sorted(_jax.dropped_dimensions(eqn))):
            del shape[dimension - gone]
            node = Node("SelectBackward0", "select", tuple(shape), part.dtype, (edge,))
            edge = (node, 0)
        return node


def _node(
    name: str, eqn: JaxprEqn, next_functions: tuple[Edge, ...], op: str | None = None
) -> Node:
    avals = [array_type(v) for v in eqn.outvars if carries_gradient(v)] or [
        array_type(eqn.outvars[0])
    ]
    return Node(name, op or name_of(eqn), tuple(avals[0].shape), avals[0].dtype, next_functions)
