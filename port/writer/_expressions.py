"""How each operation is written in JAX, by a person: jnp, operators and indices."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..converter import DType
from ..functional._cdist import MODES
from ._calls import has_call, library_call
from ._text import SIGN, Text, binary, call, held, method, write

Expression = Callable[..., Text]
# Operations short enough to hold another call in their arguments.
LIGHT = (
    "aten.relu",
    "aten.relu6",
    "aten.silu",
    "aten.gelu",
    "aten.sigmoid",
    "aten.tanh",
    "aten.hardswish",
    "aten.hardsigmoid",
    "aten.hardtanh",
    "aten.leaky_relu",
    "aten.elu",
    "aten.softmax",
    "aten.add",
    "aten.sub",
    "aten.mul",
    "aten.div",
    "aten.dropout",
)
END = 2**63 - 1


def expression(operation: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Text:
    """Return what an operation is in Python."""
    if operation in EXPRESSIONS:
        return EXPRESSIONS[operation](*args, **kwargs)
    if has_call(operation):
        return library_call(operation, args, kwargs)
    return call(f'OPERATIONS["{operation}"]', *args, **kwargs)


def _operator(sign: str) -> Expression:
    return lambda x, y: binary(sign, x, y)


def _add(sign: str) -> Expression:
    def add(x: Any, y: Any, alpha: Any = 1) -> Text:
        return binary(sign, x, y if alpha == 1 else binary("*", alpha, y))

    return add


def _rsub(x: Any, y: Any, alpha: Any = 1) -> Text:
    return binary("-", y, x if alpha == 1 else binary("*", alpha, x))


def _power(x: Any, exponent: Any) -> Text:
    if exponent == 2 and not isinstance(exponent, Text):
        return call("jnp.square", x)
    return call("K.pow", x, exponent)


def _divide(x: Any, y: Any, rounding_mode: str | None = None) -> Text:
    if rounding_mode is None:
        return binary("/", x, y)
    if rounding_mode == "floor":
        return binary("//", x, y)
    return call('OPERATIONS["aten.div.Tensor_mode"]', x, y, rounding_mode=rounding_mode)


def _addcmul(x: Any, a: Any, b: Any, value: Any = 1) -> Text:
    product = binary("*", a, b)
    return binary("+", x, product if value == 1 else binary("*", value, product))


def _lerp(start: Any, end: Any, weight: Any) -> Text:
    return binary("+", start, binary("*", weight, binary("-", end, start)))


def _addmm(x: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Text:
    product = binary("@", a, b)
    return _add("+")(x if beta == 1 else binary("*", beta, x), product, alpha)


def _matmul(x: Any, y: Any) -> Text:
    return binary("@", x, y)


def _einsum(equation: str, operands: Sequence[Any], path: Any = None) -> Text:
    del path
    return call("jnp.einsum", equation.replace(" ", ""), *operands)


def _reduction(name: str) -> Expression:
    def reduce(x: Any, dim: Any = None, keepdim: Any = False, dtype: Any = None) -> Text:
        source = x if dtype is None else method(x, "astype", dtype)
        axes = () if dim in ((), None) else (_axes(dim),)
        return method(source, name, *axes, **({} if keepdim is False else {"keepdims": keepdim}))

    return reduce


def _axes(dim: Any) -> Any:
    """Return one dimension as a number."""
    return dim[0] if isinstance(dim, tuple) and len(dim) == 1 else dim


def _whole(name: str) -> Expression:
    return lambda x, dtype=None: method(x if dtype is None else method(x, "astype", dtype), name)


def _arg(name: str) -> Expression:
    def reduce(x: Any, dim: Any = None, keepdim: Any = False) -> Text:
        return method(x, name, *[dim] * (dim is not None), **{"keepdims": True} if keepdim else {})

    return reduce


def _reshape(x: Any, shape: Any, *_: Any) -> Text:
    if isinstance(shape, Text):
        return method(x, "reshape", shape)
    return method(x, "reshape", *shape)


def _flatten(x: Any, start: Any = 0, end: Any = -1) -> Text:
    if start == 1 and end == -1:
        return method(x, "reshape", Text(f"{held(x)}.shape[0]"), -1)
    if start == 0 and end == -1:
        return method(x, "reshape", -1)
    shape = f"{held(x)}.shape"
    if end == -1:
        return method(x, "reshape", Text(f"*{shape}[:{write(start)}]"), -1)
    if isinstance(start, Text) or isinstance(end, Text) or end < 0:
        return call('OPERATIONS["aten.flatten.using_ints"]', x, start, end)
    before = f"*{shape}[:{start}]" if start > 1 else f"{shape}[0]"
    ahead = [Text(before)] if start else []
    return method(x, "reshape", *ahead, -1, Text(f"*{shape}[{end + 1}:]"))


def _permute(x: Any, dims: Any) -> Text:
    return method(x, "transpose", *([dims] if isinstance(dims, Text) else dims))


def _expand(x: Any, size: Any, implicit: Any = False) -> Text:
    del implicit
    if not isinstance(size, Text) and any(s == -1 for s in size if not isinstance(s, Text)):
        return call('OPERATIONS["aten.expand.default"]', x, size)
    return call("jnp.broadcast_to", x, size)


def _squeeze(x: Any, dim: Any = None) -> Text:
    """PyTorch leaves dimensions that are not of size 1; the ones here are."""
    return method(x, "squeeze", *[] if dim is None else [_axes(dim)])


def _at(dim: Any, index: str) -> str | None:
    """Return an index of one dimension, or None where the dimension is counted from the end."""
    if isinstance(dim, Text) or dim < -1 or dim > 4:
        return None
    return f"..., {index}" if dim == -1 else ", ".join([":"] * dim + [index])


def _bounds(start: Any, end: Any, step: Any) -> str:
    first = "" if start in (0, None) and not isinstance(start, Text) else write(start)
    last = "" if end is None or (not isinstance(end, Text) and end >= END) else write(end)
    return f"{first}:{last}" + (f":{write(step)}" if step != 1 else "")


def _slice(x: Any, dim: Any = 0, start: Any = None, end: Any = None, step: Any = 1) -> Text:
    if _bounds(start, end, step) == ":":
        return x if isinstance(x, Text) else Text(write(x))
    index = _at(dim, _bounds(start, end, step))
    if index is None:
        return call('OPERATIONS["aten.slice.Tensor"]', x, dim, start, end, step)
    return Text(f"{held(x)}[{index}]")


def _slice_scatter(
    x: Any, source: Any, dim: Any = 0, start: Any = None, end: Any = None, step: Any = 1
) -> Text:
    if _bounds(start, end, step) == ":":
        return source
    index = _at(dim, _bounds(start, end, step))
    if index is None:
        return call('OPERATIONS["aten.slice_scatter.default"]', x, source, dim, start, end, step)
    return Text(f"{held(x)}.at[{index}].set({write(source)})")


def _select(x: Any, dim: Any, index: Any) -> Text:
    at = _at(dim, write(index))
    if at is None:
        return call("jnp.take", x, index, dim)
    return Text(f"{held(x)}[{at}]")


def _select_scatter(x: Any, source: Any, dim: Any, index: Any) -> Text:
    at = _at(dim, write(index))
    if at is None:
        return call('OPERATIONS["aten.select_scatter.default"]', x, source, dim, index)
    return Text(f"{held(x)}.at[{at}].set({write(source)})")


def _index(x: Any, indices: Sequence[Any]) -> Text:
    parts = ", ".join(":" if i is None else write(i) for i in indices)
    return Text(f"{held(x)}[{parts}]")


def _masked_fill(x: Any, mask: Any, value: Any) -> Text:
    return call("jnp.where", mask, value, x)


def _joined(name: str) -> Expression:
    def join(tensors: Any, dim: Any = 0) -> Text:
        given = tensors if isinstance(tensors, Text) else list(tensors)
        return call(f"jnp.{name}", given, *[dim] * (dim != 0))

    return join


def _split(x: Any, size: Any, dim: Any = 0) -> Text:
    if isinstance(size, tuple):
        ends = [sum(size[: i + 1]) for i in range(len(size) - 1)]
        return call("jnp.split", x, tuple(ends), dim)
    return call('OPERATIONS["aten.split_with_sizes.default"]', x, size, dim)


def _unbind(x: Any, dim: Any = 0) -> Text:
    if dim == 0:
        return x if isinstance(x, Text) else Text(write(x))
    return call("jnp.moveaxis", x, dim, 0)


def _roll(x: Any, shifts: Any, dims: Any = ()) -> Text:
    return call("jnp.roll", x, _axes(shifts), *[] if dims == () else [_axes(dims)])


def _cast(x: Any, dtype: Any = None, *_: Any, **__: Any) -> Text:
    return Text(write(x)) if dtype is None else method(x, "astype", dtype)


def _same(x: Any, *_: Any, **__: Any) -> Text:
    return x if isinstance(x, Text) else Text(write(x))


def _full(size: Any, value: Any, dtype: Any = None) -> Text:
    return call("jnp.full", size, value, *[] if dtype is None else [dtype])


def _filled(name: str) -> Expression:
    def fill(size: Any, *_: Any, dtype: Any = None) -> Text:
        return call(f"jnp.{name}", size, *[DType("float32") if dtype is None else dtype])

    return fill


def _new(name: str) -> Expression:
    def fill(x: Any, size: Any, dtype: Any = None) -> Text:
        return call(f"jnp.{name}", size, Text(f"{held(x)}.dtype") if dtype is None else dtype)

    return fill


def _like(name: str) -> Expression:
    return lambda x, dtype=None: call(f"jnp.{name}", x, *[] if dtype is None else [dtype])


def _fill(x: Any, value: Any) -> Text:
    return call("jnp.full_like", x, value)


def _copy(x: Any, source: Any, *_: Any) -> Text:
    taken = method(source, "astype", Text(f"{held(x)}.dtype"))
    return call("jnp.broadcast_to", taken, Text(f"{held(x)}.shape"))


def _arange(*bounds: Any, dtype: Any = None) -> Text:
    return call("jnp.arange", *bounds, **{} if dtype is None else {"dtype": dtype})


def _linspace(start: Any, end: Any, steps: Any, dtype: Any = None) -> Text:
    return call("jnp.linspace", start, end, steps, **{} if dtype is None else {"dtype": dtype})


def _repeat(x: Any, repeats: Any) -> Text:
    return call("jnp.tile", x, repeats)


def _grid_sample(x: Any, grid: Any, mode: Any, padding: Any, align_corners: Any) -> Text:
    if isinstance(mode, Text) or isinstance(padding, Text):
        return call(
            'OPERATIONS["aten.grid_sampler.default"]', x, grid, mode, padding, align_corners
        )
    modes = {} if mode == 0 else {"mode": ("bilinear", "nearest", "bicubic")[mode]}
    edges = {} if padding == 0 else {"padding_mode": ("zeros", "border", "reflection")[padding]}
    return call("F.grid_sample", x, grid, **modes, **edges, align_corners=align_corners)


def _cdist(x1: Any, x2: Any, p: Any = 2, compute_mode: Any = None) -> Text:
    if isinstance(compute_mode, Text):
        return call('OPERATIONS["aten.cdist.default"]', x1, x2, p, compute_mode)
    power = {} if p == 2 and not isinstance(p, Text) else {"p": p}
    mode = {"compute_mode": MODES[compute_mode]} if compute_mode else {}
    return call("F.cdist", x1, x2, **power, **mode)


def _meshgrid(tensors: Sequence[Any], indexing: str = "ij") -> Text:
    return call("jnp.meshgrid", *tensors, indexing=indexing)


def _embedding(weight: Any, indices: Any, *_: Any) -> Text:
    return call("F.embedding", indices, weight)


def _bernoulli(x: Any, p: Any = None, rng: Any = None) -> Text:
    drawn = call("jax.random.bernoulli", rng, x if p is None else p, Text(f"{held(x)}.shape"))
    return method(drawn, "astype", Text(f"{held(x)}.dtype"))


def _interpolated(mode: str) -> Expression:
    def by_size(x: Any, size: Any, *others: Any) -> Text:
        corners = [] if mode.startswith("nearest") else [others[0]]
        factors = others[len(corners)]
        given = {"size": size} if size is not None else {"scale_factor": _one(factors)}
        modes = {} if mode == "nearest" else {"mode": mode}
        aligned = {"align_corners": corners[0]} if corners else {}
        return call("F.interpolate", x, **given, **modes, **aligned)

    return by_size


def _one(values: Any) -> Any:
    """Return one number for several that are the same."""
    return values[0] if isinstance(values, tuple) and len(set(values)) == 1 else values


def _item(x: Any, index: Any) -> Text:
    return Text(f"{held(x)}[{write(index)}]")


def _size(x: Any, dim: Any) -> Text:
    return Text(f"{held(x)}.shape[{write(dim)}]")


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
    "operator.getitem": _item,
    "operator.neg": lambda x: Text(f"-{held(x)}", SIGN),
    "aten.sym_size.int": _size,
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
    "aten.view.default": _reshape,
    "aten.reshape.default": _reshape,
    "aten._unsafe_view.default": _reshape,
    "aten.flatten.using_ints": _flatten,
    "aten.permute.default": _permute,
    "aten.transpose.int": lambda x, a, b: method(x, "swapaxes", a, b),
    "aten.swapaxes.default": lambda x, a, b: method(x, "swapaxes", a, b),
    "aten.t.default": lambda x: Text(f"{held(x)}.T"),
    "aten.unsqueeze.default": lambda x, dim: call("jnp.expand_dims", x, dim),
    "aten.squeeze.default": _squeeze,
    "aten.squeeze.dim": _squeeze,
    "aten.expand.default": _expand,
    "aten.slice.Tensor": _slice,
    "aten.slice_scatter.default": _slice_scatter,
    "aten.select.int": _select,
    "aten.select_scatter.default": _select_scatter,
    "aten.index.Tensor": _index,
    "aten.masked_fill.Scalar": _masked_fill,
    "aten.masked_fill.Tensor": _masked_fill,
    "aten.cat.default": _joined("concatenate"),
    "aten.stack.default": _joined("stack"),
    "aten.split_with_sizes.default": _split,
    "aten.chunk.default": lambda x, count, dim=0: call("jnp.split", x, count, dim),
    "aten.unbind.int": _unbind,
    "aten.roll.default": _roll,
    "aten.to.dtype": _cast,
    "aten._to_copy.default": _cast,
    "aten.to.dtype_layout": _cast,
    "aten.to.device": _same,
    "aten.alias.default": _same,
    "aten.clone.default": _same,
    "aten.contiguous.default": _same,
    "aten.lift_fresh_copy.default": _same,
    "aten.full.default": _full,
    "aten.zeros.default": _filled("zeros"),
    "aten.ones.default": _filled("ones"),
    "aten.empty.memory_format": _filled("zeros"),
    "aten.new_zeros.default": _new("zeros"),
    "aten.new_ones.default": _new("ones"),
    "aten.new_empty.default": _new("zeros"),
    "aten.zeros_like.default": _like("zeros_like"),
    "aten.ones_like.default": _like("ones_like"),
    "aten.zero.default": _like("zeros_like"),
    "aten.fill.Scalar": _fill,
    "aten.fill.Tensor": _fill,
    "aten.copy.default": _copy,
    "aten.arange.default": _arange,
    "aten.arange.start": _arange,
    "aten.arange.start_step": _arange,
    "aten.linspace.default": _linspace,
    "aten.repeat.default": _repeat,
    "aten.grid_sampler.default": _grid_sample,
    "aten.cdist.default": _cdist,
    "aten.meshgrid.indexing": _meshgrid,
    "aten.embedding.default": _embedding,
    "aten.bernoulli.p": _bernoulli,
    "aten.bernoulli.float": _bernoulli,
    "aten.upsample_nearest1d.vec": _interpolated("nearest"),
    "aten.upsample_nearest2d.vec": _interpolated("nearest"),
    "aten.upsample_nearest3d.vec": _interpolated("nearest"),
    "aten.upsample_linear1d.vec": _interpolated("linear"),
    "aten.upsample_bilinear2d.vec": _interpolated("bilinear"),
    "aten.upsample_trilinear3d.vec": _interpolated("trilinear"),
    "aten.upsample_bicubic2d.vec": _interpolated("bicubic"),
}
