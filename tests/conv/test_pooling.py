"""Max, average and adaptive pooling beside torch.nn.functional's."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from tests.support.agree import assert_agree, assert_refused, assert_same, draw, to_numpy, to_torch
from tests.support.cases import POOL_CASES, PoolCase
from tests.support.pools import DIMS, INTEGERS, both

F = torch.nn.functional
EACH_CASE = [(dims, case) for dims in DIMS for case in POOL_CASES[dims]]
EACH_ID = [f"{dims}d-{case}" for dims, case in EACH_CASE]

NAN = float("nan")
INF = float("inf")


def assert_indices_agree(ours: Any, theirs: Any, x: np.ndarray) -> None:
    """Values and indices under jit."""
    for mine, right in zip(jax.jit(ours)(x), theirs(to_torch(x)), strict=True):
        assert_same(mine, right)


@pytest.mark.parametrize(("dims", "case"), EACH_CASE, ids=EACH_ID)
def test_max_pool(dims: int, case: PoolCase) -> None:
    x = draw(0, case.input)
    assert_agree(*both("max_pool", dims, case.kernel, **case.arguments), x)
    with_indices = both("max_pool", dims, case.kernel, return_indices=True, **case.arguments)
    assert_indices_agree(*with_indices, x)


@pytest.mark.parametrize(("dims", "case"), EACH_CASE, ids=EACH_ID)
@pytest.mark.parametrize("count_include_pad", [True, False])
def test_avg_pool(dims: int, case: PoolCase, count_include_pad: bool) -> None:
    settings = {**case.arguments, "count_include_pad": count_include_pad}
    assert_agree(*both("avg_pool", dims, case.kernel, **settings), draw(0, case.input))


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("divisor", [1, 3, -2])
@pytest.mark.parametrize("ceil_mode", [True, False])
def test_avg_pool_divisor_override(dims: int, divisor: int, ceil_mode: bool) -> None:
    settings = {"ceil_mode": ceil_mode, "divisor_override": divisor, "padding": 1}
    for dtype in ("float64", "int64"):
        x = draw(0, (2, 2, *(6, 5, 4)[:dims]), dtype)
        assert_agree(*both("avg_pool", dims, 3, 2, **settings), x)


@pytest.mark.parametrize(
    ("dims", "kernel", "settings"),
    [
        (1, 2, {"dilation": 2}),
        (1, 3, {"dilation": 3, "stride": 1, "padding": 1}),
        (1, 2, {"dilation": 4, "stride": 3, "padding": 1, "ceil_mode": True}),
        (2, 2, {"dilation": 2, "stride": 1}),
        (2, (3, 2), {"dilation": (1, 3), "stride": 2, "padding": (1, 0)}),
        (2, (2, 3), {"dilation": (3, 2), "stride": (2, 3), "padding": 1, "ceil_mode": True}),
        (3, 2, {"dilation": (2, 1, 3), "stride": 2, "padding": 1}),
    ],
)
def test_dilated_max_pool(dims: int, kernel: Any, settings: dict[str, Any]) -> None:
    x = draw(0, (2, 3, *(9, 8, 7)[:dims]))
    assert_agree(*both("max_pool", dims, kernel, **settings), x)
    assert_indices_agree(*both("max_pool", dims, kernel, return_indices=True, **settings), x)


ADAPTIVE = [
    (1, (2, 3, 5), 3),
    (1, (2, 3, 7), (4,)),
    (1, (2, 10), 4),
    (1, (2, 3, 4), 9),
    (1, (2, 3, 8), 2),
    (1, (0, 3, 8), 3),
    (1, (2, 3, 8), 1),
    (2, (2, 3, 5, 7), (3, 4)),
    (2, (3, 6, 4), 2),
    (2, (2, 3, 7, 10), [None, 4]),
    (2, (2, 3, 3, 4), (5, 9)),
    (2, (0, 3, 5, 4), 3),
    (3, (2, 2, 5, 7, 4), (3, 4, 2)),
    (3, (2, 5, 4, 6), (None, 1, 4)),
    (3, (1, 2, 3, 3, 3), 4),
    (3, (0, 2, 5, 4, 3), 2),
]


@pytest.mark.parametrize(("dims", "shape", "size"), ADAPTIVE)
def test_adaptive_pools(dims: int, shape: tuple[int, ...], size: Any) -> None:
    x = draw(0, shape)
    assert_agree(*both("adaptive_avg_pool", dims, size), x)
    assert_agree(*both("adaptive_max_pool", dims, size), x)
    assert_indices_agree(*both("adaptive_max_pool", dims, size, return_indices=True), x)


@pytest.mark.parametrize("dims", DIMS)
def test_adaptive_pools_without_windows(dims: int) -> None:
    """Nothing comes out, of which PyTorch has no gradient."""
    x = np.ones((2, 3, *(5, 4, 3)[:dims]))
    assert_agree(*both("adaptive_avg_pool", dims, 0), x, gradients=False)
    assert_agree(*both("adaptive_max_pool", dims, 0), x, gradients=False)


@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_adaptive_mean_of_complex_numbers(dims: int, dtype: str) -> None:
    """PyTorch takes them for a single window only, of which it takes the plain mean."""
    assert_agree(*both("adaptive_avg_pool", dims, 1), draw(0, (2, 3, *(4, 5, 3)[:dims]), dtype))


@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("shape", [(2, 0), (2, 3), (0, 3)])
def test_adaptive_mean_of_nothing(dims: int, shape: tuple[int, int]) -> None:
    assert_agree(*both("adaptive_avg_pool", dims, 1), np.ones((*shape, *(0, 4, 3)[:dims])))


SPECIAL = {
    "ties": [1.0, 1, 1, 2, 2, 0, 0, 0, 3, 3, 3, 3],
    "nan-first": [NAN, 1, 2, 3, NAN, 5, 6, 7, NAN, 9, 1, 2],
    "nan-last": [1, NAN, 3, NAN, 5, 6, NAN, NAN, NAN, 2, 1, NAN],
    "nan-and-inf": [INF, NAN, -INF, NAN, INF, INF, -INF, NAN, 2, INF, 1, NAN],
    "minus-inf": [-INF, -INF, -INF, -INF, -INF, -INF, 1, -INF, -INF, -INF, -INF, -INF],
    "inf": [INF, INF, 1, INF, INF, 2, 3, INF, INF, INF, INF, INF],
    "signed-zeros": [0.0, -0.0, -0.0, 0.0, -0.0, -0.0, 0.0, 0.0, -0.0, 0.0, -0.0, -0.0],
}


@pytest.mark.parametrize("values", SPECIAL.values(), ids=SPECIAL)
@pytest.mark.parametrize("dims", DIMS)
def test_choice_among_equals_and_the_unordered(dims: int, values: list[float]) -> None:
    """Which element of a window gets the gradient, and its index."""
    x = np.array(values).reshape({1: (1, 1, 12), 2: (1, 1, 3, 4), 3: (1, 1, 2, 2, 3)}[dims])
    for settings in ({"stride": 1}, {"stride": 1, "padding": 1}, {"stride": 2, "ceil_mode": True}):
        assert_agree(*both("max_pool", dims, 2, **settings), x)
        assert_indices_agree(*both("max_pool", dims, 2, return_indices=True, **settings), x)
    assert_agree(*both("adaptive_max_pool", dims, 2), x)
    assert_indices_agree(*both("adaptive_max_pool", dims, 2, return_indices=True), x)


@pytest.mark.parametrize("values", SPECIAL.values(), ids=SPECIAL)
def test_choice_among_equals_in_long_windows(values: list[float]) -> None:
    x = np.array(values * 6).reshape(1, 2, 36)
    settings = {"stride": 5, "padding": 8}
    assert_agree(*both("max_pool", 1, 17, **settings), x)
    assert_indices_agree(*both("max_pool", 1, 17, return_indices=True, **settings), x)
    square = x.reshape(1, 1, 2, 36)
    settings = {"stride": 1, "padding": (1, 8), "dilation": (1, 2)}
    assert_agree(*both("max_pool", 2, (2, 18), **settings), square)
    assert_indices_agree(*both("max_pool", 2, (2, 18), return_indices=True, **settings), square)


@pytest.mark.parametrize("dims", DIMS)
def test_averages_of_the_unordered(dims: int) -> None:
    """An infinity or NaN spoils the windows that it is in, and no other."""
    for values in (SPECIAL["nan-first"], SPECIAL["minus-inf"], SPECIAL["nan-and-inf"]):
        x = np.array(values).reshape({1: (1, 1, 12), 2: (1, 1, 3, 4), 3: (1, 1, 2, 2, 3)}[dims])
        for settings in ({"stride": 1}, {"stride": 2, "padding": 1, "ceil_mode": True}):
            assert_agree(*both("avg_pool", dims, 2, **settings), x)
        assert_agree(*both("adaptive_avg_pool", dims, 2), x)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("dims", DIMS)
def test_integer_max_pool(dims: int, dtype: str) -> None:
    x = draw(0, (2, 3, *(7, 6, 5)[:dims]), dtype)
    x.flat[::5] = np.iinfo(dtype).min
    x.flat[3::7] = np.iinfo(dtype).max
    settings = {"stride": 2, "padding": 1, "return_indices": True}
    assert_indices_agree(*both("max_pool", dims, 3, **settings), x)
    if dims > 1:
        assert_agree(*both("max_pool", dims, 3, stride=2, padding=1), x)


@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("count_include_pad", [True, False])
def test_integer_avg_pool_divides_towards_zero(dims: int, count_include_pad: bool) -> None:
    x = draw(0, (2, 3, *(7, 6, 5)[:dims]), "int64")
    settings = {"stride": 2, "padding": 1, "count_include_pad": count_include_pad}
    assert_agree(*both("avg_pool", dims, 3, **settings), x)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("max_pool", (3, 2, 1)),
        ("avg_pool", (3, 2, 1)),
        ("adaptive_avg_pool", (3,)),
        ("adaptive_avg_pool", (1,)),
        ("adaptive_max_pool", (3,)),
    ],
)
def test_two_byte_floats_are_as_exact_as_pytorch(
    name: str, args: tuple[int, ...], dims: int, dtype: str
) -> None:
    """Error against float64 at most twice PyTorch's, or one unit of the dtype."""
    x = draw(0, (2, 3, *(200, 20, 9)[:dims]), dtype)
    ours, theirs = both(name, dims, *args)
    if (name, dims) == ("avg_pool", 3):
        assert_refused(ours, theirs, [jnp.asarray(x)], TypeError, ["avg_pool3d", dtype])
        return
    right = theirs(to_torch(to_numpy(jnp.asarray(x)).astype("float64")))
    mine = to_numpy(jax.jit(ours)(x)) - right.numpy()
    other = to_numpy(theirs(to_torch(x))) - right.numpy()
    unit = float(jnp.finfo(dtype).eps) / 2 * right.abs().max().item()
    assert np.abs(mine).max() <= max(2 * np.abs(other).max(), unit)
    assert_agree(ours, theirs, x)


@pytest.mark.optimised
@pytest.mark.parametrize(
    ("dims", "shape"),
    [(1, (8, 32, 20001)), (2, (4, 32, 161, 161)), (3, (2, 16, 48, 49, 50))],
    ids=["1d", "2d", "3d"],
)
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("max_pool", (3, 2, 1)),
        ("max_pool", (2, 1, 0, 3)),
        ("avg_pool", (3, 2, 1)),
        ("avg_pool", (5, 1, 2)),
        ("adaptive_avg_pool", (7,)),
        ("adaptive_max_pool", (7,)),
    ],
    ids=lambda value: str(value).replace(", ", "-") if isinstance(value, tuple) else value,
)
def test_large_shapes_against_float64(
    name: str, args: tuple[int, ...], dims: int, shape: tuple[int, ...]
) -> None:
    """Compiled code takes other paths at millions of elements; the oracle is torch in float64."""
    x = draw(0, shape, "float32")
    ours, theirs = both(name, dims, *args)
    tx = to_torch(x.astype("float64"), requires_grad=True)
    right = theirs(tx)
    g = draw(1, tuple(right.shape), "float32")
    (gradient,) = torch.autograd.grad(right, tx, to_torch(g.astype("float64")))
    value, pull = jax.vjp(jax.jit(ours), jnp.asarray(x))
    # An adaptive window in one dimension sums thousands of numbers: rounding grows with the root.
    assert_same(value, right.float())
    assert_same(pull(jnp.asarray(g))[0], gradient.float())


@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("max_pool", (3, 2, 1)),
        ("avg_pool", (3, 2, 1)),
        ("adaptive_avg_pool", (2,)),
        ("adaptive_max_pool", (2,)),
    ],
)
def test_second_order(name: str, args: tuple[int, ...], dims: int) -> None:
    """The Hessian of sum(pool(x)^3), forward over reverse."""
    x = draw(0, (1, *(5, 3, 3)[:dims]))
    ours, theirs = both(name, dims, *args)
    mine = jax.hessian(lambda x: (ours(x) ** 3).sum())(jnp.asarray(x))
    right = torch.autograd.functional.hessian(lambda x: (theirs(x) ** 3).sum(), to_torch(x))
    assert_same(mine, right)


@pytest.mark.parametrize(
    ("kernel", "stride", "added"), [(3, 2, True), (2, 2, False), (3, 1, False)]
)
def test_where_gradients_of_maxima_are_added(kernel: int, stride: int, added: bool) -> None:
    """On CPU at the maxima where windows overlap at a stride, else by choices; alike in both."""
    x = draw(1, (2, 3, 13, 12))
    ours, theirs = both("max_pool", 2, kernel, stride)
    g = draw(2, theirs(to_torch(x)).shape)
    program = jax.jit(lambda x: jax.vjp(ours, x)[1](g)[0]).lower(jnp.asarray(x)).compile()
    assert ("scatter" in program.as_text()) == (added and jax.default_backend() == "cpu")
    leaf = to_torch(x).requires_grad_()
    (right,) = torch.autograd.grad(theirs(leaf), leaf, to_torch(g))
    assert_same(program(jnp.asarray(x)), right)
