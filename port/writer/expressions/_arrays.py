"""Casts, arrays made from numbers, and what samples others."""

from collections.abc import Callable, Mapping, Sequence

from ...converter import DType
from ...functional._cdist import MODES
from .._text import Text, call, held, method, write

Expression = Callable[..., Text]


def _cast(x: object, dtype: object = None, *_: object, **__: object) -> Text:
    return Text(write(x)) if dtype is None else method(x, "astype", dtype)


def _same(x: object, *_: object, **__: object) -> Text:
    return x if isinstance(x, Text) else Text(write(x))


def _full(size: object, value: object, dtype: object = None) -> Text:
    return call("jnp.full", size, value, *[] if dtype is None else [dtype])


def _filled(name: str) -> Expression:
    def fill(size: object, *_: object, dtype: object = None) -> Text:
        return call(f"jnp.{name}", size, *[DType("float32") if dtype is None else dtype])

    return fill


def _new(name: str) -> Expression:
    def fill(x: object, size: object, dtype: object = None) -> Text:
        return call(f"jnp.{name}", size, Text(f"{held(x)}.dtype") if dtype is None else dtype)

    return fill


def _like(name: str) -> Expression:
    return lambda x, dtype=None: call(f"jnp.{name}", x, *[] if dtype is None else [dtype])


def _fill(x: object, value: object) -> Text:
    return call("jnp.full_like", x, value)


def _copy(x: object, source: object, *_: object) -> Text:
    taken = method(source, "astype", Text(f"{held(x)}.dtype"))
    return call("jnp.broadcast_to", taken, Text(f"{held(x)}.shape"))


def _arange(*bounds: object, dtype: object = None) -> Text:
    return call("jnp.arange", *bounds, **{} if dtype is None else {"dtype": dtype})


def _linspace(start: object, end: object, steps: object, dtype: object = None) -> Text:
    return call("jnp.linspace", start, end, steps, **{} if dtype is None else {"dtype": dtype})


def _grid_sample(
    x: object, grid: object, mode: Text | int, padding: Text | int, align_corners: object
) -> Text:
    if isinstance(mode, Text) or isinstance(padding, Text):
        return call(
            'OPERATIONS["aten.grid_sampler.default"]', x, grid, mode, padding, align_corners
        )
    modes = {} if mode == 0 else {"mode": ("bilinear", "nearest", "bicubic")[mode]}
    edges = {} if padding == 0 else {"padding_mode": ("zeros", "border", "reflection")[padding]}
    return call("F.grid_sample", x, grid, **modes, **edges, align_corners=align_corners)


def _cdist(x1: object, x2: object, p: object = 2, compute_mode: Text | int | None = None) -> Text:
    if isinstance(compute_mode, Text):
        return call('OPERATIONS["aten.cdist.default"]', x1, x2, p, compute_mode)
    power = {} if p == 2 and not isinstance(p, Text) else {"p": p}
    mode = {"compute_mode": MODES[compute_mode]} if compute_mode else {}
    return call("F.cdist", x1, x2, **power, **mode)


def _meshgrid(tensors: Sequence[object], indexing: str = "ij") -> Text:
    return call("jnp.meshgrid", *tensors, indexing=indexing)


def _embedding(weight: object, indices: object, *_: object) -> Text:
    return call("F.embedding", indices, weight)


def _bernoulli(x: object, p: object = None, rng: object = None) -> Text:
    drawn = call("jax.random.bernoulli", rng, x if p is None else p, Text(f"{held(x)}.shape"))
    return method(drawn, "astype", Text(f"{held(x)}.dtype"))


def _type_as(x: object, other: object) -> Text:
    return method(x, "astype", Text(f"{held(other)}.dtype"))


def _interpolated(mode: str, **more: object) -> Expression:
    def by_size(x: object, size: object, *others: object) -> Text:
        corners = [] if mode.startswith("nearest") else [others[0]]
        factors = others[len(corners)]
        given = {"size": size} if size is not None else {"scale_factor": _one(factors)}
        modes = {} if mode == "nearest" else {"mode": mode}
        aligned = {"align_corners": corners[0]} if corners else {}
        return call("F.interpolate", x, **given, **modes, **aligned, **more)

    return by_size


def _one(values: object) -> object:
    """Return one number for several that are the same."""
    return values[0] if isinstance(values, tuple) and len(set(values)) == 1 else values


def _item(x: object, index: object) -> Text:
    return Text(f"{held(x)}[{write(index)}]")


def _size(x: object, dim: object) -> Text:
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
