"""Elementwise operations, and Python's arithmetic of sizes."""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from custom_vjp import functional as K  # PyTorch's derivatives at kinks, ties and poles

Array = jax.Array
Operand = jax.Array | float


def _add(x: Operand, y: Operand, *, alpha: float = 1) -> Array:
    if _boolean(x) and _boolean(y):
        return jnp.logical_or(x, y)
    return jnp.add(x, y if alpha == 1 else alpha * y)


def _boolean(x: Operand) -> bool:
    return isinstance(x, bool) or getattr(x, "dtype", None) == jnp.bool_


def _sub(x: Operand, y: Operand, alpha: float = 1) -> Array:
    return jnp.subtract(x, y if alpha == 1 else alpha * y)


def _rsub(x: Operand, y: Operand, alpha: float = 1) -> Array:
    return jnp.subtract(y, x if alpha == 1 else alpha * x)


def _div(x: Operand, y: Operand, *, rounding_mode: str | None = None) -> Array:
    if rounding_mode is None:
        return jnp.divide(x, y)
    whole = jnp.issubdtype(jnp.result_type(x, y), jnp.integer)
    if rounding_mode == "floor":
        return jnp.floor_divide(x, y)
    if whole:  # towards zero
        quotient = jnp.floor_divide(x, y)
        return quotient + ((quotient < 0) & (quotient * y != x))
    return jnp.trunc(jnp.divide(x, y))


def _pow(x: Array, exponent: Operand) -> Array:
    if isinstance(exponent, int | float) and exponent == 2:
        return x * x
    return K.pow(x, exponent)


def _clamp(x: Array, min: Operand | None = None, max: Operand | None = None) -> Array:
    return K.clamp(x, min, max)


def _addcmul(x: Array, a: Array, b: Array, *, value: float = 1) -> Array:
    return x + (a * b if value == 1 else value * a * b)


def _addcdiv(x: Array, a: Array, b: Array, *, value: float = 1) -> Array:
    return x + (a / b if value == 1 else value * a / b)


def _lerp(start: Array, end: Array, weight: Operand) -> Array:
    return start + weight * (end - start)


def _round(x: Array, *, decimals: int = 0) -> Array:
    return jnp.round(x, decimals)


def _nan_to_num(
    x: Array, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Array:
    return jnp.nan_to_num(x, nan=nan or 0.0, posinf=posinf, neginf=neginf)


def _copy(x: Array, source: ArrayLike, non_blocking: bool = False) -> Array:
    del non_blocking
    return jnp.broadcast_to(jnp.asarray(source, x.dtype), x.shape)


def _cast(x: Array, dtype: str | None = None, *_: object, **__: object) -> Array:
    return x if dtype is None else x.astype(dtype)


def _to_device(x: Array, _device: object = None, dtype: str | None = None, *_: object) -> Array:
    return _cast(x, dtype)


def _same(x: Array, *_: object, **__: object) -> Array:
    return x


def _sum_of_sizes(sizes: tuple[int, ...]) -> int:
    return sum(sizes)


_UNARY: Mapping[str, Callable[..., Any]] = {
    "abs": K.abs,
    "absolute": K.abs,
    "acos": jnp.arccos,
    "acosh": jnp.arccosh,
    "asin": jnp.arcsin,
    "asinh": jnp.arcsinh,
    "atan": jnp.arctan,
    "atanh": jnp.arctanh,
    "bitwise_not": jnp.bitwise_not,
    "ceil": jnp.ceil,
    "cos": jnp.cos,
    "cosh": jnp.cosh,
    "digamma": K.digamma,
    "erf": jax.scipy.special.erf,
    "erfc": jax.scipy.special.erfc,
    "erfinv": jax.scipy.special.erfinv,
    "exp": jnp.exp,
    "exp2": jnp.exp2,
    "expm1": jnp.expm1,
    "floor": jnp.floor,
    "frac": lambda x: x - jnp.trunc(x),
    "isfinite": jnp.isfinite,
    "isinf": jnp.isinf,
    "isnan": jnp.isnan,
    "lgamma": K.lgamma,
    "log": jnp.log,
    "log10": jnp.log10,
    "log1p": jnp.log1p,
    "log2": jnp.log2,
    "logical_not": jnp.logical_not,
    "neg": jnp.negative,
    "reciprocal": lambda x: 1 / x,
    "rsqrt": jax.lax.rsqrt,
    "sgn": jnp.sign,
    "sign": K.sign,
    "sin": jnp.sin,
    "sinh": jnp.sinh,
    "sqrt": jnp.sqrt,
    "square": jnp.square,
    "tan": jnp.tan,
    "trunc": jnp.trunc,
}
_COMPARISONS: Mapping[str, Callable[..., Any]] = {
    "eq": jnp.equal,
    "ge": jnp.greater_equal,
    "gt": jnp.greater,
    "le": jnp.less_equal,
    "lt": jnp.less,
    "ne": jnp.not_equal,
}
# Of two arrays, or an array and a number, either way.
_BINARY: Mapping[str, Callable[..., Any]] = {
    "add": _add,
    "sub": _sub,
    "subtract": _sub,
    "mul": jnp.multiply,
    "multiply": jnp.multiply,
    "div": _div,
    "divide": _div,
    "true_divide": jnp.divide,
    "pow": _pow,
    "remainder": jnp.remainder,
    "fmod": jnp.fmod,
    "bitwise_and": jnp.bitwise_and,
    "bitwise_or": jnp.bitwise_or,
    "bitwise_xor": jnp.bitwise_xor,
    "rsub": _rsub,
    **_COMPARISONS,
}
_PAIRS: Mapping[str, Callable[..., Any]] = {
    "atan2": K.atan2,
    "floor_divide": K.floor_divide,
    "fmax": K.fmax,
    "fmin": K.fmin,
    "hypot": K.hypot,
    "logaddexp": K.logaddexp,
    "logical_and": jnp.logical_and,
    "logical_or": jnp.logical_or,
    "logical_xor": jnp.logical_xor,
    "maximum": K.maximum,
    "minimum": K.minimum,
}

OPERATIONS: Mapping[str, Callable[..., Any]] = {
    **{f"aten.{name}.default": function for name, function in _UNARY.items()},
    **{f"aten.{name}.default": function for name, function in _PAIRS.items()},
    **{
        f"aten.{name}.{overload}": function
        for name, function in _BINARY.items()
        for overload in ("Tensor", "Scalar", "Tensor_Tensor", "Tensor_Scalar")
    },
    "aten.pow.Scalar": K.pow,
    "aten.div.Tensor_mode": _div,
    "aten.div.Scalar_mode": _div,
    "aten.floor_divide.Scalar": K.floor_divide,
    "aten.xlogy.Tensor": K.xlogy,
    "aten.clamp.default": _clamp,
    "aten.clamp.Tensor": _clamp,
    "aten.clip.default": _clamp,
    "aten.clamp_min.default": _clamp,
    "aten.clamp_min.Tensor": _clamp,
    "aten.clamp_max.default": lambda x, max: _clamp(x, None, max),
    "aten.clamp_max.Tensor": lambda x, max: _clamp(x, None, max),
    "aten.addcmul.default": _addcmul,
    "aten.addcdiv.default": _addcdiv,
    "aten.lerp.Scalar": _lerp,
    "aten.lerp.Tensor": _lerp,
    "aten.round.default": _round,
    "aten.round.decimals": _round,
    "aten.nan_to_num.default": _nan_to_num,
    "aten.copy.default": _copy,
    "aten.alias.default": _same,
    "aten.clone.default": _same,
    "aten.contiguous.default": _same,
    "aten.lift_fresh_copy.default": _same,
    "aten.detach.default": jax.lax.stop_gradient,
    "aten.to.dtype": _cast,
    "aten._to_copy.default": _cast,
    "aten.to.dtype_layout": _cast,
    "aten.to.device": _to_device,
    "aten.type_as.default": lambda x, other: x.astype(other.dtype),
    "aten.to.other": lambda x, other, *_: x.astype(other.dtype),
    # Sizes: Python's integers.
    "aten.sym_size.int": lambda x, dim: x.shape[dim],
    "aten.sym_numel.default": lambda x: x.size,
    **{
        f"operator.{name}": getattr(operator, name)
        for name in (
            "add",
            "and_",
            "eq",
            "floordiv",
            "ge",
            "getitem",
            "gt",
            "le",
            "lt",
            "mod",
            "mul",
            "ne",
            "neg",
            "or_",
            "pow",
            "sub",
            "truediv",
        )
    },
    "torch.sym_float": float,
    "torch.sym_int": int,
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_not": operator.not_,
    "torch.sym_ite": lambda test, a, b: a if test else b,
    "torch.sym_sum": _sum_of_sizes,
    "torch._sym_sqrt": math.sqrt,
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.trunc": math.trunc,
    "builtins.round": round,
}
