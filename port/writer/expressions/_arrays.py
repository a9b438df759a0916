"""Casts, arrays made from numbers, and what samples others."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...converter import DType
from ...functional._cdist import MODES
from .._text import Text, call, held, method, write

Expression = Callable[..., Text]


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


def _type_as(x: Any, other: Any) -> Text:
    return method(x, "astype", Text(f"{held(other)}.dtype"))


def _interpolated(mode: str, **more: Any) -> Expression:
    def by_size(x: Any, size: Any, *others: Any) -> Text:
        corners = [] if mode.startswith("nearest") else [others[0]]
        factors = others[len(corners)]
        given = {"size": size} if size is not None else {"scale_factor": _one(factors)}
        modes = {} if mode == "nearest" else {"mode": mode}
        aligned = {"align_corners": corners[0]} if corners else {}
        return call("F.interpolate", x, **given, **modes, **aligned, **more)

    return by_size


def _one(values: Any) -> Any:
    """Return one number for several that are the same."""
    return values[0] if isinstance(values, tuple) and len(set(values)) == 1 else values


def _item(x: Any, index: Any) -> Text:
    return Text(f"{held(x)}[{write(index)}]")


def _size(x: Any, dim: Any) -> Text:
    return Text(f"{held(x)}.shape[{write(dim)}]")


EXPRESSIONS: Mapping[str, Expression] = {
    "operator.getitem": _item,
    "aten.sym_size.int": _size,
    "aten.to.dtype": _cast,
    "aten._to_copy.default": _cast,
    "aten.to.dtype_layout": _cast,
    "aten.type_as.default": _type_as,
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
    "aten._upsample_bilinear2d_aa.vec": _interpolated("bilinear", antialias=True),
    "aten._upsample_bicubic2d_aa.vec": _interpolated("bicubic", antialias=True),
}
