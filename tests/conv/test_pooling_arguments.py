"""What max, average and adaptive pooling take and refuse, beside torch.nn.functional's."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import conv
from tests.support.agree import assert_refused, assert_same, draw, to_torch
from tests.support.pools import DIMS, INTEGERS, both

F = torch.nn.functional
DTYPES = (*INTEGERS, "bool", "float16", "bfloat16", "float32", "float64", "complex64", "complex128")
KINDS = {
    "max_pool": ((2,), {}),
    "max_pool-indices": ((2,), {"return_indices": True}),
    "avg_pool": ((2,), {}),
    "adaptive_avg_pool": ((2,), {}),
    "adaptive_avg_pool-mean": ((1,), {}),
    "adaptive_max_pool": ((2,), {}),
    "adaptive_max_pool-indices": ((2,), {"return_indices": True}),
}


@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_function_takes_the_dtypes_that_pytorchs_takes(kind: str, dims: int) -> None:
    args, kwargs = KINDS[kind]
    name = kind.split("-")[0]
    ours, theirs = both(name, dims, *args, **kwargs)
    taken = []
    for dtype in DTYPES:
        x = jnp.ones((1, 2, *(4,) * dims), dtype)
        try:
            right = theirs(to_torch(x))
        except (RuntimeError, NotImplementedError):
            with pytest.raises(TypeError, match=rf"^{name}{dims}d: input must .*dtype={dtype}"):
                jax.eval_shape(ours, x)
            continue
        taken.append(dtype)
        for mine, one in zip(jax.tree.leaves(ours(x)), _leaves(right), strict=True):
            assert_same(mine, one)
    assert {"float32", "float64"} <= set(taken) != set(DTYPES)


def _leaves(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple) else (value,)


def _common_refusals(dims: int) -> list[tuple]:
    """(what, shape, args, kwargs, error, words) of max and average pooling alike."""
    full = (2, 3, *(6,) * dims)
    many = (2,) * (dims + 1)
    return [
        ("rank-low", full[2:], (2,), {}, ValueError, ["input", str(full[2:])]),
        ("rank-high", (1, *full), (2,), {}, ValueError, ["input", str((1, *full))]),
        ("space-0", (2, 3, *(0,) * dims), (2,), {}, ValueError, ["only the batch may be 0"]),
        ("channels-0", (2, 0, *full[2:]), (2,), {}, ValueError, ["only the batch may be 0"]),
        ("kernel-0", full, (0,), {}, ValueError, ["kernel_size", "positive"]),
        ("kernel-below-0", full, (-1,), {}, ValueError, ["kernel_size=-1"]),
        ("kernel-float", full, (2.0,), {}, TypeError, ["kernel_size", "2.0"]),
        ("kernel-bool", full, (True,), {}, TypeError, ["kernel_size", "True"]),
        ("kernel-none", full, (None,), {}, TypeError, ["kernel_size", "None"]),
        ("kernel-empty", full, ((),), {}, ValueError, ["kernel_size", "()"]),
        ("kernel-many", full, (many,), {}, ValueError, ["kernel_size", str(many)]),
        ("kernel-large", full, (7,), {}, ValueError, ["window", "kernel_size=7"]),
        ("stride-0", full, (2, 0), {}, ValueError, ["stride", "positive"]),
        ("stride-below-0", full, (2, -1), {}, ValueError, ["stride=-1"]),
        ("stride-float", full, (2, 1.0), {}, TypeError, ["stride", "1.0"]),
        ("stride-many", full, (2, many), {}, ValueError, ["stride", str(many)]),
        ("padding-below-0", full, (2, 2, -1), {}, ValueError, ["padding=-1"]),
        ("padding-large", full, (3, 2, 2), {}, ValueError, ["padding", "half", "(3,", "(2,"]),
        ("padding-none", full, (2, 2, None), {}, TypeError, ["padding", "None"]),
        ("padding-many", full, (2, 2, (1,) * (dims + 1)), {}, ValueError, ["padding"]),
        ("ceil-int", full, (2,), {"ceil_mode": 1}, TypeError, ["ceil_mode", "bool", "1"]),
        ("ceil-numpy", full, (2,), {"ceil_mode": np.True_}, TypeError, ["ceil_mode", "np.True_"]),
        ("ceil-none", full, (2,), {"ceil_mode": None}, TypeError, ["ceil_mode", "None"]),
    ]


def _refusals(dims: int) -> list[tuple]:
    """(function, what, shape, args, kwargs, error, words)."""
    full = (2, 3, *(6,) * dims)
    many = (2,) * (dims + 1)
    rows = [(n, *row) for n in ("max_pool", "avg_pool") for row in _common_refusals(dims)]
    rows += [
        ("max_pool", "dilation-0", full, (2,), {"dilation": 0}, ValueError, ["dilation=0"]),
        ("max_pool", "dilation-large", full, (3,), {"dilation": 3}, ValueError, ["dilation=3"]),
        ("max_pool", "dilation-none", full, (2,), {"dilation": None}, TypeError, ["dilation"]),
        ("avg_pool", "count-int", full, (2,), {"count_include_pad": 1}, TypeError, ["bool"]),
    ]
    if dims > 1:
        for value, error in ((0, ValueError), (1.5, TypeError), (True, TypeError)):
            kwargs = {"divisor_override": value}
            what = f"divisor-{value}"
            rows.append(("avg_pool", what, full, (2,), kwargs, error, ["divisor_override"]))
    if dims == 3:
        beyond = ["kernel_size", "without padding"]
        rows.append(("avg_pool", "kernel-beyond", full, (7, 1, 1), {}, ValueError, beyond))
    for name in ("adaptive_avg_pool", "adaptive_max_pool"):
        rows += [
            (name, "rank-low", full[2:], (2,), {}, ValueError, ["input", str(full[2:])]),
            (name, "rank-high", (1, *full), (2,), {}, ValueError, ["input"]),
            (name, "space-0", (2, 3, *(0,) * dims), (2,), {}, ValueError, ["may be 0"]),
            (name, "size-below-0", full, (-1,), {}, ValueError, ["output_size=-1"]),
            (name, "size-float", full, (2.0,), {}, TypeError, ["output_size", "2.0"]),
            (name, "size-bool", full, (True,), {}, TypeError, ["output_size", "True"]),
            (name, "size-none", full, (None,), {}, TypeError, ["output_size", "None"]),
            (name, "size-empty", full, ((),), {}, ValueError, ["output_size", "()"]),
            (name, "size-many", full, (many,), {}, ValueError, ["output_size", str(many)]),
        ]
    return rows


@pytest.mark.parametrize(
    ("dims", "row"),
    [(dims, row) for dims in DIMS for row in _refusals(dims)],
    ids=[f"{row[0]}{dims}d-{row[1]}" for dims in DIMS for row in _refusals(dims)],
)
def test_refusals_side_by_side(dims: int, row: tuple) -> None:
    name, _, shape, args, kwargs, error, words = row
    ours, theirs = both(name, dims, *args, **kwargs)
    x = np.ones(shape, "float32")
    assert_refused(ours, theirs, [x], error, [f"{name}{dims}d", *words])


def test_arguments_may_be_numpy_integers() -> None:
    x = draw(0, (2, 3, 8, 8), "float32")
    expected = F.max_pool2d(to_torch(x), 3, 2, 1)
    assert_same(conv.max_pool2d(x, np.int64(3), (np.int32(2),), np.uint8(1)), expected)
    assert_same(conv.avg_pool2d(x, np.int8(2)), F.avg_pool2d(to_torch(x), 2))
    assert_same(conv.adaptive_avg_pool2d(x, np.int64(3)), F.adaptive_avg_pool2d(to_torch(x), 3))


def test_indices_are_as_wide_as_jax_allows() -> None:
    x = jnp.ones((1, 4), "float32")
    assert conv.max_pool1d(x, 2, return_indices=True)[1].dtype == jnp.int64
    with jax.enable_x64(False):
        assert conv.max_pool1d(x, 2, return_indices=True)[1].dtype == jnp.int32
