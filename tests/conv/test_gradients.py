"""conv1d_input ... conv3d_weight beside torch.nn.grad's, and beside the gradients of conv1d ...."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import conv
from tests.support.agree import assert_agree, assert_refused, assert_same, draw, to_numpy, to_torch
from tests.support.cases import CONV_CASES, ConvCase

F = torch.nn.functional

# Those of the table that are given in PyTorch's terms: padding in numbers, a batch, and no empty
# size, which torch.nn.grad cannot have.
CASES = [
    case
    for case in CONV_CASES
    if not isinstance(case.arguments.get("padding"), str)
    and len(case.input) == len(case.weight)
    and 0 not in case.input
]


def functions(dims: int, what: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    name = f"conv{dims}d_{what}"
    return getattr(conv, name), getattr(torch.nn.grad, name)


def output_shape(case: ConvCase) -> tuple[int, ...]:
    function = getattr(F, f"conv{case.dims}d")
    x, w = (torch.zeros(shape, device="meta") for shape in (case.input, case.weight))
    return tuple(function(x, w, **case.arguments).shape)


def test_the_table_is_not_empty() -> None:
    assert len(CASES) > 15
    assert {case.dims for case in CASES} == {1, 2, 3}


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_value_and_gradients(case: ConvCase, dtype: str) -> None:
    x, w = draw(0, case.input, dtype), draw(1, case.weight, dtype)
    g = draw(2, output_shape(case), dtype)
    ours, theirs = functions(case.dims, "input")
    assert_agree(
        lambda w, g: ours(case.input, w, g, **case.arguments),
        lambda w, g: theirs(case.input, w, g, **case.arguments),
        w,
        g,
    )
    ours, theirs = functions(case.dims, "weight")
    assert_agree(
        lambda x, g: ours(x, case.weight, g, **case.arguments),
        lambda x, g: theirs(x, case.weight, g, **case.arguments),
        x,
        g,
    )


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_two_byte_floats_are_as_exact_as_pytorch(dims: int, dtype: str) -> None:
    """Error against float64 at most twice PyTorch's, or one unit of the dtype."""
    space = (20, 9, 6)[:dims]
    arrays = [draw(0, (2, 8, *space), dtype), draw(1, (6, 8, *(3,) * dims), dtype)]
    arrays.append(draw(2, (2, 6, *space), dtype))
    x, w, g = (jnp.asarray(a) for a in arrays)
    wide = [to_torch(to_numpy(a).astype("float64")) for a in (x, w, g)]
    for what, one, shape in (("input", 1, x.shape), ("weight", 0, w.shape)):

        def order(value: Any, shape: Any, grad: Any, what: str = what) -> tuple[Any, ...]:
            return (shape, value, grad) if what == "input" else (value, shape, grad)

        ours, theirs = functions(dims, what)
        right = theirs(*order(wide[one], shape, wide[2]), padding=1).numpy()
        mine = to_numpy(ours(*order((x, w)[one], shape, g), padding=1))
        other = to_numpy(theirs(*order(to_torch((x, w)[one]), shape, to_torch(g)), padding=1))
        unit = float(jnp.finfo(dtype).eps) / 2 * np.abs(right).max()
        assert np.abs(mine - right).max() <= max(2 * np.abs(other - right).max(), unit), what


@pytest.mark.optimised
@pytest.mark.parametrize(
    ("dims", "input", "weight"),
    [
        (1, (4, 64, 20000), (64, 64, 3)),
        (2, (4, 32, 160, 160), (32, 32, 3, 3)),
        (3, (2, 16, 24, 48, 48), (16, 16, 3, 3, 3)),
    ],
    ids=["1d", "2d", "3d"],
)
def test_large_shapes_against_float64(
    dims: int, input: tuple[int, ...], weight: tuple[int, ...]
) -> None:
    """Compiled code takes other paths at millions of elements; the oracle is torch in float64."""
    x, w = draw(0, input, "float32"), draw(1, weight, "float32")
    g = draw(2, (input[0], weight[0], *input[2:]), "float32")
    tx, tw, tg = (to_torch(a.astype("float64")) for a in (x, w, g))
    ours, theirs = functions(dims, "input")
    assert_same(ours(input, w, g, padding=1), theirs(input, tw, tg, padding=1).float())
    ours, theirs = functions(dims, "weight")
    # Each number adds up to a hundred thousand products.
    assert_same(ours(x, weight, g, padding=1), theirs(tx, weight, tg, padding=1).float(), scale=5.0)


def test_shapes_and_numbers_may_be_spelled_in_all_ways() -> None:
    x, w, g = (draw(i, s, "float32") for i, s in enumerate([(1, 2, 9), (4, 2, 3), (1, 4, 5)]))
    expected = torch.nn.grad.conv1d_input((1, 2, 9), to_torch(w), to_torch(g), 2, 1)
    shape = [np.int64(1), 2, 9]
    assert_same(conv.conv1d_input(shape, w, g, stride=np.int64(2), padding=(1,)), expected)
    assert_same(conv.conv1d_input(x.shape, jnp.asarray(w), g, [2], np.uint8(1)), expected)
    expected = torch.nn.grad.conv1d_weight(to_torch(x), (4, 2, 3), to_torch(g), 2, 1)
    assert_same(conv.conv1d_weight(x, [4, 2, np.int32(3)], g, (2,), [1]), expected)


@pytest.mark.parametrize("what", ["input", "weight"])
def test_jit_vmap_and_forward_mode(what: str) -> None:
    """Bilinear: the tangent of a product is the sum of two calls, by PyTorch."""
    x, w, g = draw(0, (1, 2, 9)), draw(1, (4, 2, 3)), draw(2, (3, 1, 4, 7))
    dw, dg = draw(3, x.shape if what == "weight" else w.shape), draw(4, g.shape)
    ours, theirs = functions(1, what)
    value = x if what == "weight" else w

    def call(function: Any, value: Any, grad: Any) -> Any:
        if what == "input":
            return function((1, 2, 9), value, grad)
        return function(value, (4, 2, 3), grad)

    batched = jax.jit(jax.vmap(lambda v, g: call(ours, v, g), (None, 0)))
    right = [call(theirs, to_torch(value), to_torch(one)) for one in g]
    assert_same(batched(value, g), torch.stack(right))
    _, tangent = jax.jvp(batched, (value, g), (dw, dg))
    right = [
        call(theirs, to_torch(dw), to_torch(one)) + call(theirs, to_torch(value), to_torch(d))
        for one, d in zip(g, dg, strict=True)
    ]
    assert_same(tangent, torch.stack(right))


def _refusals(dims: int) -> list[tuple]:
    """(what, value of the call's parts that differ from a good one, error, words)."""
    ones = (1,) * dims
    many = (1,) * (dims + 1)
    return [
        ("grad-shape", {"grad": (1, 4, *(9,) * dims)}, ValueError, ["grad_output", "9"]),
        ("grad-rank", {"grad": (1, 1, 4, *(6,) * dims)}, ValueError, ["grad_output"]),
        ("grad-channels", {"grad": (1, 3, *(6,) * dims)}, ValueError, ["grad_output", "(1, 3"]),
        ("channels", {"x": (1, 3, *(8,) * dims)}, ValueError, ["channels", "got 3"]),
        ("groups-0", {"groups": 0}, ValueError, ["groups=0"]),
        ("groups-uneven", {"groups": 3}, ValueError, ["channels"]),
        ("groups-float", {"groups": 1.0}, TypeError, ["groups", "1.0"]),
        ("stride-below-0", {"stride": -1}, ValueError, ["stride=-1"]),
        ("stride-float", {"stride": 1.0}, TypeError, ["stride", "1.0"]),
        ("stride-many", {"stride": many}, ValueError, ["stride", str(many)]),
        ("padding-below-0", {"padding": -1}, ValueError, ["padding=-1"]),
        ("padding-float", {"padding": 0.5}, TypeError, ["padding", "0.5"]),
        ("padding-same", {"padding": "same"}, TypeError, ["padding", "'same'"]),
        ("dilation-0", {"dilation": 0}, ValueError, ["dilation=0"]),
        ("dilation-many", {"dilation": (*ones, 1)}, ValueError, ["dilation"]),
        ("dtype-mixed", {"dtype": "float64"}, TypeError, ["float64", "float32"]),
    ]


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("kind", ["input", "weight"])
@pytest.mark.parametrize("which", range(len(_refusals(1))), ids=[r[0] for r in _refusals(1)])
def test_refusals_side_by_side(which: int, kind: str, dims: int) -> None:
    _, changes, error, words = _refusals(dims)[which]
    parts = {"x": (1, 2, *(8,) * dims), "w": (4, 2, *(3,) * dims), "grad": (1, 4, *(6,) * dims)}
    settings = {k: v for k, v in changes.items() if k not in (*parts, "dtype")}
    parts |= {k: v for k, v in changes.items() if k in parts}
    grad = np.ones(parts["grad"], "float32")
    value = np.ones(parts["w" if kind == "input" else "x"], changes.get("dtype", "float32"))
    ours, theirs = functions(dims, kind)

    def call(function: Any) -> Any:
        if kind == "input":
            return lambda v, g: function(parts["x"], v, g, **settings)
        return lambda v, g: function(v, parts["w"], g, **settings)

    assert_refused(call(ours), call(theirs), [value, grad], error, [f"conv{dims}d_{kind}", *words])


@pytest.mark.parametrize("kind", ["input", "weight"])
@pytest.mark.parametrize("shape", [5, None, (1, 2), (1, 2, 8.0), (1, 2, 8, 8)])
def test_shapes_that_are_none(kind: str, shape: Any) -> None:
    ours, theirs = functions(1, kind)
    value, grad = np.ones((4, 2, 3) if kind == "input" else (1, 2, 8)), np.ones((1, 4, 6))

    def call(function: Any) -> Any:
        if kind == "input":
            return lambda v, g: function(shape, v, g)
        return lambda v, g: function(v, shape, g)

    error = ValueError if isinstance(shape, tuple) and len(shape) in (2, 4) else TypeError
    name = f"{kind}_size"
    assert_refused(call(ours), call(theirs), [value, grad], error, [f"conv1d_{kind}: {name}"])


@pytest.mark.parametrize("kind", ["input", "weight"])
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool", "complex64", "complex128"])
def test_other_dtypes_are_refused(kind: str, dtype: str) -> None:
    ours, theirs = functions(1, kind)
    value, grad = np.ones((4, 2, 3) if kind == "input" else (1, 2, 8), dtype), np.ones((1, 4, 6))

    def call(function: Any) -> Any:
        if kind == "input":
            return lambda v, g: function((1, 2, 8), v, g)
        return lambda v, g: function(v, (4, 2, 3), g)

    arrays = [value, grad.astype(dtype)]
    assert_refused(call(ours), call(theirs), arrays, TypeError, ["grad_output", dtype])


DILATED = [c for c in CASES if np.any(np.asarray(c.arguments.get("dilation", 1)) > 1)]


def test_dilated_cases_have_all_dimensions_and_groups() -> None:
    assert {case.dims for case in DILATED} == {1, 2, 3}
    assert any(case.arguments.get("groups", 1) > 1 for case in DILATED)


@pytest.mark.parametrize("case", DILATED, ids=str)
def test_dilated_gradients_of_integers(case: ConvCase) -> None:
    x, w = draw(0, case.input, "int64"), draw(1, case.weight, "int64")
    g = draw(2, output_shape(case), "int64")
    for kind, value, shape in (("input", w, case.input), ("weight", x, case.weight)):
        ours, theirs = functions(case.dims, kind)
        arguments = (shape, value) if kind == "input" else (value, shape)
        expected = theirs(*map(to_torch, arguments), to_torch(g), **case.arguments)
        assert_same(ours(*arguments, g, **case.arguments), expected, kind)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
def test_of_integers_only_long_ones_have_dilated_gradients(dtype: str) -> None:
    ours, theirs = functions(1, "input")
    arrays = [np.ones((4, 2, 3), dtype), np.ones((1, 4, 4), dtype)]
    assert_refused(
        lambda w, g: ours((1, 2, 8), w, g, dilation=2),
        lambda w, g: theirs((1, 2, 8), w, g, dilation=2),
        arrays,
        TypeError,
        ["grad_output", "int64", dtype],
    )
