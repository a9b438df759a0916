"""Operations that PyTorch has as one and that a program's text calls as one.

JAX traces `jax.nn.softmax` or `conv.max_pool2d` into the operations that it is made of. Every
equation knows the lines of Python that it comes from: those of one call are found by that, and
become one node.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import flax
import jax

from convgrad._dependence import carries_gradient
from convgrad._jax import array_type, frames, inner_jaxprs, is_literal, name_of, open_jaxpr

if TYPE_CHECKING:
    from convgrad._jax import Atom, Jaxpr, JaxprEqn

_HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_FOLDERS = {
    "conv": os.path.join(_HERE, "conv", ""),
    "custom_vjp": os.path.join(_HERE, "custom_vjp", ""),
    "jax": os.path.join(os.path.dirname(os.path.abspath(jax.__file__)), ""),
    "flax": os.path.join(os.path.dirname(os.path.abspath(flax.__file__)), "nnx", "nn", ""),
}


def _by_dims(name: str, backward: str, first: int = 1) -> dict[str, str]:
    return {f"{name}{n}d": backward.format(max(n, first)) for n in (1, 2, 3)}


# PyTorch's names for functions that are traced into pieces, by the library that they stand in.
_NAMES = {
    "conv": {
        **_by_dims("conv", "ConvolutionBackward0"),
        **_by_dims("conv_transpose", "ConvolutionBackward0"),
        **_by_dims("max_pool", "MaxPool{}DWithIndicesBackward0", 2),
        **_by_dims("avg_pool", "AvgPool{}DBackward0", 2),
        **_by_dims("adaptive_max_pool", "AdaptiveMaxPool{}DBackward0", 2),
        **_by_dims("adaptive_avg_pool", "AdaptiveAvgPool{}DBackward0", 2),
        "unfold": "Im2ColBackward0",
        "fold": "Col2ImBackward0",
        "pad": "ConstantPadNdBackward0",
    },
    "jax": {
        "softmax": "SoftmaxBackward0",
        "logsumexp": "LogsumexpBackward0",
        "gelu": "GeluBackward0",
        "glu": "GluBackward0",
        "relu6": "HardtanhBackward0",
        "hard_tanh": "HardtanhBackward0",
        "hard_sigmoid": "HardsigmoidBackward0",
        "hard_silu": "HardswishBackward0",
        "celu": "CeluBackward0",
        "mish": "MishBackward0",
        "log_sigmoid": "LogSigmoidBackward0",
        "take_along_axis": "GatherBackward0",
        "take": "IndexSelectBackward0",
        "roll": "RollBackward0",
        "diagonal": "DiagonalBackward0",
        "trace": "TraceBackward0",
        "hypot": "HypotBackward0",
        "median": "MedianBackward0",
    },
    "custom_vjp": {
        "abs": "AbsBackward0",
        "relu": "ReluBackward0",
        "leaky_relu": "LeakyReluBackward0",
        "hardtanh": "HardtanhBackward0",
        "maximum": "MaximumBackward0",
        "minimum": "MinimumBackward0",
        "fmax": "FmaxBackward0",
        "fmin": "FminBackward0",
        "copysign": "CopysignBackward0",
        "atan2": "Atan2Backward0",
        "hypot": "HypotBackward0",
        "xlogy": "XlogyBackward0",
        "logaddexp": "LogaddexpBackward0",
        "logaddexp2": "Logaddexp2Backward0",
        "lgamma": "LgammaBackward0",
        "digamma": "DigammaBackward0",
        "logit": "LogitBackward0",
        "softplus": "SoftplusBackward0",
        "gelu": "GeluBackward0",
        "vector_norm": "LinalgVectorNormBackward0",
    },
    "flax": {"Linear.__call__": "AddmmBackward0"},
}


class Call(NamedTuple):
    """One call of a known function, and the equations that it was traced into."""

    name: str
    op: str
    place: tuple[object, ...]
    eqns: list[JaxprEqn]

    @property
    def inputs(self) -> list[Atom]:
        """The variables that the equations take from elsewhere, as they are first used."""
        made = {var for eqn in self.eqns for var in eqn.outvars}
        used = {
            atom: None
            for eqn in self.eqns
            for atom in eqn.invars
            if not is_literal(atom) and atom not in made
        }
        return [atom for atom in used if carries_gradient(atom)]

    @property
    def operands(self) -> list[Atom] | None:
        """The inputs in PyTorch's order, constants too; None where only tracked ones count."""
        if self.name == "ConvolutionBackward0":
            convolution = next((e for e in self.eqns if name_of(e) == "conv_general_dilated"), None)
            if convolution is None:  # it is compiled as a whole, with its operands in order
                return self.inputs
            first = [self._origin(atom) for atom in convolution.invars]
            return first + [atom for atom in self.inputs if atom not in first]
        if self.name == "AddmmBackward0":
            *rest, bias = self.inputs
            return [bias, *rest]
        return None

    def _origin(self, atom: Atom) -> Atom:
        makers: dict[Atom, JaxprEqn] = {var: eqn for eqn in self.eqns for var in eqn.outvars}
        while atom in makers:
            atom = makers[atom].invars[0]
        return atom


def calls(jaxpr: Jaxpr) -> list[JaxprEqn | Call]:
    """Return the equations of a jaxpr, those of each call of a known function put together."""
    found: list[JaxprEqn | Call] = []
    for eqn in jaxpr.eqns:
        call = _call(eqn)
        last = found[-1] if found else None
        if call is None:
            found.append(eqn)
        elif isinstance(last, Call) and last.place == call.place:
            last.eqns.append(eqn)
        else:
            found.append(call)
    steps: list[JaxprEqn | Call] = []
    for item in found:
        if not isinstance(item, Call):
            steps.append(item)
        elif _is_one(item):
            steps.append(item._replace(name=_pad_name(item)) if item.op == "pad" else item)
        else:
            steps.extend(item.eqns)
    return steps


def _is_one(call: Call) -> bool:
    """Whether PyTorch has the call as one operation."""
    if call.name == "AddmmBackward0":
        return len(call.inputs) == 3 and all(array_type(atom).ndim <= 2 for atom in call.inputs)
    return bool(call.inputs)


def _pad_name(call: Call) -> str:
    """Tell the modes of `conv.pad` apart by what they are made of."""
    made_of = list(_primitives(call.eqns))
    dims = made_of.count("concatenate")
    if not dims:
        return call.name
    kind = "Reflection" if "rev" in made_of else "Replication"
    if kind == "Replication" and "broadcast_in_dim" not in made_of:
        return "CircularPadBackward"  # PyTorch's is a chain of copies
    return f"{kind}Pad{dims}DBackward0"


def _primitives(eqns: Sequence[JaxprEqn]) -> Iterator[str]:
    """Yield the names of the operations, those inside of compiled functions too."""
    for eqn in eqns:
        inner = inner_jaxprs(eqn) if name_of(eqn) in ("jit", "pjit") else []
        if not inner:
            yield name_of(eqn)
        for jaxpr in inner:
            yield from _primitives(open_jaxpr(jaxpr).eqns)


def _call(eqn: JaxprEqn) -> Call | None:
    """Return the outermost known function that an equation was traced in."""
    stack = frames(eqn)
    for i, (code, _) in enumerate(stack):
        for library, folder in _FOLDERS.items():
            name = _NAMES[library].get(code.co_qualname)
            if name is not None and code.co_filename.startswith(folder):
                return Call(name, code.co_name, (*stack[:i], code), [eqn])
    return None
