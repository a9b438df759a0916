"""Operators, powers, products of matrices, reductions."""

from collections.abc import Callable, Mapping, Sequence

from .._text import SIGN, Text, axes, binary, call, held, method

Expression = Callable[..., Text]


def _operator(sign: str) -> Expression:
    return lambda x, y: binary(sign, x, y)


def _add(sign: str) -> Expression:
    def add(x: object, y: object, alpha: object = 1) -> Text:
        return binary(sign, x, y if alpha == 1 else binary("*", alpha, y))

    return add


def _rsub(x: object, y: object, alpha: object = 1) -> Text:
    return binary("-", y, x if alpha == 1 else binary("*", alpha, x))


def _power(x: object, exponent: object) -> Text:
    if exponent == 2 and not isinstance(exponent, Text):
        return call("jnp.square", x)
    return call("K.pow", x, exponent)


def _divide(x: object, y: object, rounding_mode: str | None = None) -> Text:
    if rounding_mode is None:
        return binary("/", x, y)
    if rounding_mode == "floor":
        return binary("//", x, y)
    return call('OPERATIONS["aten.div.Tensor_mode"]', x, y, rounding_mode=rounding_mode)


def _addcmul(x: object, a: object, b: object, value: object = 1) -> Text:
    product = binary("*", a, b)
    return binary("+", x, product if value == 1 else binary("*", value, product))


def _lerp(start: object, end: object, weight: object) -> Text:
    return binary("+", start, binary("*", weight, binary("-", end, start)))


def _addmm(x: object, a: object, b: object, beta: object = 1, alpha: object = 1) -> Text:
    product = binary("@", a, b)
    return _add("+")(x if beta == 1 else binary("*", beta, x), product, alpha)


def _matmul(x: object, y: object) -> Text:
    return binary("@", x, y)


def _einsum(equation: str, operands: Sequence[object], path: object = None) -> Text:
    del path
    return call("jnp.einsum", equation.replace(" ", ""), *operands)


def _reduction(name: str) -> Expression:
    def reduce(
        x: object, dim: object = None, keepdim: object = False, dtype: object = None
    ) -> Text:
        source = x if dtype is None else method(x, "astype", dtype)
        over = () if dim in ((), None) else (axes(dim),)
        return method(source, name, *over, **({} if keepdim is False else {"keepdims": keepdim}))

    return reduce


def _whole(name: str) -> Expression:
    return lambda x, dtype=None: method(x if dtype is None else method(x, "astype", dtype), name)


def _arg(name: str) -> Expression:
    def reduce(x: object, dim: object = None, keepdim: object = False) -> Text:
        return method(x, name, *[dim] * (dim is not None), **{"keepdims": True} if keepdim else {})

    return reduce


_SIGNS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "floordiv": "//",
    "truediv": "/",
    "mod": "%",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
}
_OVERLOADS = ("Tensor", "Scalar")

EXPRESSIONS: Mapping[str, Expression] = {
    **{f"aten.add.{o}": _add("+") for o in _OVERLOADS},
    **{f"aten.sub.{o}": _add("-") for o in _OVERLOADS},
    **{f"aten.rsub.{o}": _rsub for o in _OVERLOADS},
    **{f"aten.mul.{o}": _operator("*") for o in _OVERLOADS},
    **{f"aten.div.{o}": _divide for o in _OVERLOADS},
    **{
        f"aten.{name}.{o}": _operator(_SIGNS[name])
        for name in ("eq", "ne", "lt", "le", "gt", "ge")
        for o in _OVERLOADS
    },
    **{f"operator.{name}": _operator(sign) for name, sign in _SIGNS.items()},
    "operator.neg": lambda x: Text(f"-{held(x)}", SIGN),
    "aten.neg.default": lambda x: Text(f"-{held(x)}", SIGN),
    "aten.reciprocal.default": lambda x: binary("/", 1, x),
    "aten.bitwise_not.default": lambda x: Text(f"~{held(x)}", SIGN),
    "aten.pow.Tensor_Scalar": _power,
    "aten.pow.Tensor_Tensor": _power,
    "aten.pow.Scalar": _power,
    "aten.div.Tensor_mode": _divide,
    "aten.addcmul.default": _addcmul,
    "aten.lerp.Scalar": _lerp,
    "aten.lerp.Tensor": _lerp,
    "aten.addmm.default": _addmm,
    "aten.baddbmm.default": _addmm,
    "aten.matmul.default": _matmul,
    "aten.mm.default": _matmul,
    "aten.bmm.default": _matmul,
    "aten.mv.default": _matmul,
    "aten.einsum.default": _einsum,
    "aten.mean.dim": _reduction("mean"),
    "aten.sum.dim_IntList": _reduction("sum"),
    "aten.any.dim": _reduction("any"),
    "aten.all.dim": _reduction("all"),
    "aten.mean.default": _whole("mean"),
    "aten.sum.default": _whole("sum"),
    "aten.argmax.default": _arg("argmax"),
    "aten.argmin.default": _arg("argmin"),
}
