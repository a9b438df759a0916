"""PyTorch's names for JAX's operations, and the order of their operands."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import jax

from convgrad import _jax
from convgrad._dependence import carries_gradient
from convgrad._errors import FUNCTION
from convgrad._jax import array_type, is_literal, name_of, open_jaxpr

if TYPE_CHECKING:
    from convgrad._jax import Jaxpr, JaxprEqn

_JAX_FOLDER = os.path.dirname(os.path.abspath(jax.__file__)) + os.sep

# Operations whose operands PyTorch broadcasts by itself, without a node.
_ARITHMETIC = frozenset(("add", "add_any", "sub", "mul", "div", "rem", "pow", "atan2", "complex"))
_CHOICES = frozenset(("max", "min", "select_n", "clamp", "eq", "ne", "lt", "le", "gt", "ge"))
ELEMENTWISE = _ARITHMETIC | _CHOICES
_COMMUTATIVE = frozenset(("add", "mul", "max", "min"))

_NAMES = {
    "add_any": "AddBackward0",
    "max": "MaximumBackward0",
    "min": "MinimumBackward0",
    "rem": "FmodBackward0",
    "integer_pow": "PowBackward0",
    "square": "PowBackward0",
    "logistic": "SigmoidBackward0",
    "log1p": "Log1PBackward0",
    "erf_inv": "ErfinvBackward0",
    "cumlogsumexp": "LogcumsumexpBackward0",
    "transpose": "PermuteBackward0",
    "reshape": "ViewBackward0",
    "squeeze": "SqueezeBackward1",
    "dynamic_slice": "SliceBackward0",
    "dynamic_update_slice": "SliceScatterBackward0",
    "concatenate": "CatBackward0",
    "select_n": "WhereBackward0",
    "pad": "ConstantPadNdBackward0",
    "rev": "FlipBackward0",
    "tile": "RepeatBackward0",
    "gather": "IndexBackward0",
    "scatter": "IndexPutBackward0",
    "scatter-add": "IndexPutBackward0",
    "convert_element_type": "ToCopyBackward0",
    "conv_general_dilated": "ConvolutionBackward0",
    "top_k": "TopkBackward0",
}

# jax.numpy and jax.nn functions that JAX compiles as a whole and PyTorch has as one operation.
_JAX_FUNCTIONS = {
    "norm": "LinalgVectorNormBackward0",
    "_where": "WhereBackward0",
    "clip": "ClampBackward1",
    "_var": "VarBackward0",
    "_std": "StdBackward0",
    "relu": "ReluBackward0",
    "relu6": "HardtanhBackward0",
    "logaddexp": "LogaddexpBackward0",
    "silu": "SiluBackward0",
    "softplus": "SoftplusBackward0",
    "leaky_relu": "LeakyReluBackward0",
    "elu": "EluBackward0",
    "selu": "EluBackward0",
    "log_softmax": "LogSoftmaxBackward0",
    "sort": "SortBackward0",
    "_flip": "FlipBackward0",
    "_pad": "ConstantPadNdBackward0",
    "cumsum": "CumsumBackward0",
    "cumprod": "CumprodBackward0",
    "remainder": "RemainderBackward0",
    "tril": "TrilBackward0",
    "triu": "TriuBackward0",
    "inv": "LinalgInvExBackward0",
    "det": "LinalgDetBackward0",
    "solve": "LinalgSolveExBackward0",
}


def node_name(eqn: JaxprEqn) -> str:
    """Return PyTorch's name for an equation's operation; one in its style where it has none."""
    name = name_of(eqn)
    builder = _BUILDERS.get(name)
    if builder is not None:
        try:
            return builder(eqn)
        except _jax.Moved:
            return _NAMES.get(name) or _camel(name)
    if name == FUNCTION:
        return f"{_jax.parameter(eqn, 'of').name}Backward"
    if name.startswith(("custom_jvp_call", "custom_vjp_call")):
        inner = _inner(eqn)
        return jax_function_name(eqn) or f"{_function_name(inner)}Backward"
    if name.startswith(("remat", "checkpoint")):
        return f"checkpoint[{_function_name(_inner(eqn))}]"
    if name in ("jit", "pjit"):
        return jax_function_name(eqn) or f"jit[{_function_name(_inner(eqn))}]"
    return _NAMES.get(name) or _camel(name)


def is_jax_call(eqn: JaxprEqn) -> bool:
    """Whether an equation calls a function that JAX itself, and not the user, compiled."""
    return name_of(eqn) in ("jit", "pjit") and _written_in_jax(_inner(eqn))


def jax_function_name(eqn: JaxprEqn) -> str | None:
    """Return PyTorch's name for a call to one of JAX's own functions, where it has one."""
    inner = _inner(eqn)
    return _JAX_FUNCTIONS.get(_function_name(inner)) if _written_in_jax(inner) else None


def operands(eqn: JaxprEqn) -> list[int]:
    """Return which inputs of an equation PyTorch would list as operands, in its order.

    Indices, predicates and other integers are not listed, nor are the Python numbers that PyTorch
    takes as attributes.
    """
    name, atoms = name_of(eqn), eqn.invars
    shown = [i for i, atom in enumerate(atoms) if carries_gradient(atom)]
    literal = [is_literal(atom) for atom in atoms]
    if name in _COMMUTATIVE and literal[0]:
        return [1, 0]
    if name == "sub" and literal[0]:
        return [1]
    if name == "select_n":
        return shown[::-1]  # JAX lists the value for False first
    if name == "clamp":
        return [1] if literal[0] and literal[2] else [1, 0, 2]
    if name == "pad":
        return [0]
    if name == "pow" or (is_jax_call(eqn) and _called(eqn) != "_where"):
        return [i for i in shown if not literal[i]]
    return shown


def _inner(eqn: JaxprEqn) -> Jaxpr | None:
    try:
        return open_jaxpr(_jax.program(eqn))
    except _jax.Moved:
        return None


def _called(eqn: JaxprEqn) -> str:
    try:
        return _jax.called(eqn)
    except _jax.Moved:
        return _function_name(_inner(eqn))


def _function_name(jaxpr: Jaxpr | None) -> str:
    name = _jax.function_name(jaxpr) or "function"
    return "lambda" if name == "<lambda>" else name


def _written_in_jax(jaxpr: Jaxpr | None) -> bool:
    filename = _jax.function_file(jaxpr)
    return filename is not None and os.path.abspath(filename).startswith(_JAX_FOLDER)


def _camel(name: str) -> str:
    words = name.replace("-", "_").split("_")
    return "".join(word[:1].upper() + word[1:] for word in words) + "Backward0"


def _reduction(whole: str, some: str) -> Callable[[JaxprEqn], str]:
    def build(eqn: JaxprEqn) -> str:
        return whole if len(_jax.reduced_axes(eqn)) == array_type(eqn.invars[0]).ndim else some

    return build


def _dot(eqn: JaxprEqn) -> str:
    contracted, batch = _jax.contraction(eqn)
    ranks = sorted(array_type(atom).ndim for atom in eqn.invars)
    if batch or len(contracted) != 1 or ranks[1] > 2 or ranks[0] == 0:
        return "BmmBackward0"
    return {2: "DotBackward0", 3: "MvBackward0", 4: "MmBackward0"}[sum(ranks)]


def _pow(eqn: JaxprEqn) -> str:
    base, exponent = (is_literal(atom) for atom in eqn.invars)
    return f"PowBackward{0 if exponent else 2 if base else 1}"


def _sub(eqn: JaxprEqn) -> str:
    return "RsubBackward1" if is_literal(eqn.invars[0]) else "SubBackward0"


def _broadcast(eqn: JaxprEqn) -> str:
    same = array_type(eqn.invars[0]).size == array_type(eqn.outvars[0]).size
    return "UnsqueezeBackward0" if same else "ExpandBackward0"


def _clamp(eqn: JaxprEqn) -> str:
    return f"ClampBackward{int(len(operands(eqn)) == 1)}"


def _pool(kind: str) -> Callable[[JaxprEqn], str]:
    def build(eqn: JaxprEqn) -> str:
        rank = max(2, _jax.window_rank(eqn) - 2)
        return f"{kind}Pool{rank}D{'WithIndices' if kind == 'Max' else ''}Backward0"

    return build


def _block(eqn: JaxprEqn) -> str:
    return f"{name_of(eqn)}[{_function_name(_inner(eqn))}]"


def _cond(eqn: JaxprEqn) -> str:
    names = [_function_name(open_jaxpr(branch)) for branch in _jax.branches(eqn)]
    return f"cond[{'|'.join(reversed(names) if len(names) == 2 else names)}]"  # True comes last


_BUILDERS: dict[str, Callable[[JaxprEqn], str]] = {
    "reduce_sum": _reduction("SumBackward0", "SumBackward1"),
    "reduce_max": _reduction("MaxBackward1", "AmaxBackward0"),
    "reduce_min": _reduction("MinBackward1", "AminBackward0"),
    "reduce_prod": _reduction("ProdBackward0", "ProdBackward1"),
    "reduce_window_max": _pool("Max"),
    "reduce_window_sum": _pool("Avg"),
    "dot_general": _dot,
    "pow": _pow,
    "sub": _sub,
    "broadcast_in_dim": _broadcast,
    "clamp": _clamp,
    "scan": _block,
    "while": _block,
    "while_loop": _block,
    "cond": _cond,
}
