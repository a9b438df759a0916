"""Views, slices, joins and splits."""

from collections.abc import Callable, Mapping, Sequence

from .._text import Text, axes, call, held, method, write

Expression = Callable[..., Text]
Bound = Text | int | None  # of a slice
END = 2**63 - 1


def _reshape(x: object, shape: Text | Sequence[object], *_: object) -> Text:
    if isinstance(shape, Text):
        return method(x, "reshape", shape)
    return method(x, "reshape", *shape)


def _flatten(x: object, start: Text | int = 0, end: Text | int = -1) -> Text:
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


def _permute(x: object, dims: Text | Sequence[object]) -> Text:
    return method(x, "transpose", *([dims] if isinstance(dims, Text) else dims))


def _expand(x: object, size: Text | Sequence[object], implicit: object = False) -> Text:
    del implicit
    if not isinstance(size, Text) and any(s == -1 for s in size if not isinstance(s, Text)):
        return call('OPERATIONS["aten.expand.default"]', x, size)
    return call("jnp.broadcast_to", x, size)


def _squeeze(x: object, dim: object = None) -> Text:
    """PyTorch leaves dimensions that are not of size 1; the ones here are."""
    return method(x, "squeeze", *[] if dim is None else [axes(dim)])


def _at(dim: Text | int, index: str) -> str | None:
    """Return an index of one dimension, or None where the dimension is counted from the end."""
    if isinstance(dim, Text) or dim < -1 or dim > 4:
        return None
    return f"..., {index}" if dim == -1 else ", ".join([":"] * dim + [index])


def _bounds(start: Bound, end: Bound, step: Text | int) -> str:
    first = "" if start in (0, None) and not isinstance(start, Text) else write(start)
    last = "" if end is None or (not isinstance(end, Text) and end >= END) else write(end)
    return f"{first}:{last}" + (f":{write(step)}" if step != 1 else "")


def _slice(
    x: object, dim: Text | int = 0, start: Bound = None, end: Bound = None, step: Text | int = 1
) -> Text:
    if _bounds(start, end, step) == ":":
        return x if isinstance(x, Text) else Text(write(x))
    index = _at(dim, _bounds(start, end, step))
    if index is None:
        return call('OPERATIONS["aten.slice.Tensor"]', x, dim, start, end, step)
    return Text(f"{held(x)}[{index}]")


def _slice_scatter(
    x: object,
    source: Text,
    dim: Text | int = 0,
    start: Bound = None,
    end: Bound = None,
    step: Text | int = 1,
) -> Text:
    if _bounds(start, end, step) == ":":
        return source
    index = _at(dim, _bounds(start, end, step))
    if index is None:
        return call('OPERATIONS["aten.slice_scatter.default"]', x, source, dim, start, end, step)
    return Text(f"{held(x)}.at[{index}].set({write(source)})")


def _select(x: object, dim: Text | int, index: object) -> Text:
    at = _at(dim, write(index))
    if at is None:
        return call("jnp.take", x, index, dim)
    return Text(f"{held(x)}[{at}]")


def _select_scatter(x: object, source: object, dim: Text | int, index: object) -> Text:
    at = _at(dim, write(index))
    if at is None:
        return call('OPERATIONS["aten.select_scatter.default"]', x, source, dim, index)
    return Text(f"{held(x)}.at[{at}].set({write(source)})")


def _index(x: object, indices: Sequence[object]) -> Text:
    parts = ", ".join(":" if i is None else write(i) for i in indices)
    return Text(f"{held(x)}[{parts}]")


def _masked_fill(x: object, mask: object, value: object) -> Text:
    return call("jnp.where", mask, value, x)


def _where(condition: object, x: object, y: object) -> Text:
    return call("jnp.where", condition, x, y)


def _joined(name: str) -> Expression:
    def join(tensors: Text | Sequence[object], dim: object = 0) -> Text:
        given = tensors if isinstance(tensors, Text) else list(tensors)
        return call(f"jnp.{name}", given, *[dim] * (dim != 0))

    return join


def _split(x: object, size: Text | tuple[int, ...], dim: object = 0) -> Text:
    if isinstance(size, tuple):
        ends = [sum(size[: i + 1]) for i in range(len(size) - 1)]
        return call("jnp.split", x, tuple(ends), dim)
    return call('OPERATIONS["aten.split_with_sizes.default"]', x, size, dim)


def _unbind(x: object, dim: object = 0) -> Text:
    if dim == 0:
        return x if isinstance(x, Text) else Text(write(x))
    return call("jnp.moveaxis", x, dim, 0)


def _roll(x: object, shifts: object, dims: object = ()) -> Text:
    return call("jnp.roll", x, axes(shifts), *[] if dims == () else [axes(dims)])


def _repeat(x: object, repeats: object) -> Text:
    return call("jnp.tile", x, repeats)


EXPRESSIONS: Mapping[str, Expression] = {
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
    "aten.where.self": _where,
    "aten.where.ScalarOther": _where,
    "aten.where.ScalarSelf": _where,
    "aten.masked_fill.Scalar": _masked_fill,
    "aten.masked_fill.Tensor": _masked_fill,
    "aten.cat.default": _joined("concatenate"),
    "aten.stack.default": _joined("stack"),
    "aten.split_with_sizes.default": _split,
    "aten.chunk.default": lambda x, count, dim=0: call("jnp.split", x, count, dim),
    "aten.unbind.int": _unbind,
    "aten.roll.default": _roll,
    "aten.repeat.default": _repeat,
}
