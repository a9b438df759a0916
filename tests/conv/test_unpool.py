"""Max unpooling beside torch.nn.functional's: values, gradients, what is refused."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import conv
from tests.support.agree import assert_agree, assert_refused, assert_same, draw, to_torch

F = torch.nn.functional
SPACE = {1: (9,), 2: (7, 6), 3: (5, 6, 4)}


def unpool(dims: int, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Ours and theirs as functions of the numbers and their places."""
    ours, theirs = (getattr(side, f"max_unpool{dims}d") for side in (conv, F))
    return lambda x, i: ours(x, i, *args, **kwargs), lambda x, i: theirs(x, i, *args, **kwargs)


def pooled(dims: int, lead: tuple[int, ...], *args: Any, **kwargs: Any) -> Any:
    """An array pooled by PyTorch: its shape, the maxima, and where they stood."""
    x = draw(0, (*lead, *SPACE[dims]))
    pool = getattr(F, f"max_pool{dims}d")
    values, indices = pool(to_torch(x), *args, return_indices=True, **kwargs)
    return x.shape, values.numpy(), indices.numpy()


WINDOWS = [(2,), (2, 2), (3, 2, 1), (3, 1), (3, 3), (2, 1)]


@pytest.mark.parametrize("lead", [(2, 3), (3,), (1, 1), (0, 2)], ids=str)
@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_back_to_where_the_maxima_stood(
    dims: int, window: tuple[int, ...], lead: tuple[int, ...]
) -> None:
    """Also of windows that overlap, where a number is written twice."""
    shape, values, indices = pooled(dims, lead, *window)
    for size in (shape[-dims:], list(shape) if len(lead) == 2 else shape[-dims:]):
        assert_agree(*unpool(dims, *window, output_size=size), values, indices)
    if all(n % 2 == 0 for n in shape[-dims:]) and window == (2,):
        assert_agree(*unpool(dims, *window), values, indices)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_dtypes_and_a_round_trip(dims: int, dtype: str) -> None:
    x = draw(0, (2, 3, *(n - n % 2 for n in SPACE[dims])), dtype)
    ours, theirs = (
        lambda x, side=side: getattr(side, f"max_unpool{dims}d")(
            *getattr(side, f"max_pool{dims}d")(x, 2, return_indices=True), 2
        )
        for side in (conv, F)
    )
    assert_agree(ours, theirs, x)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_any_places(dims: int) -> None:
    """Random ones, many of them equal: the last number stays, each gets its place's gradient."""
    rng = np.random.default_rng(0)
    for seed in range(8):
        x = draw(seed, (2, 2, *(int(n) for n in rng.integers(1, 4, dims))))
        kernel = tuple(int(k) for k in rng.integers(1, 4, dims))
        stride = tuple(int(s) for s in rng.integers(1, 4, dims))
        padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
        least = [
            (n - 1) * s + k - 2 * p
            for n, s, k, p in zip(x.shape[2:], stride, kernel, padding, strict=True)
        ]
        size = [
            max(n + int(rng.integers(-s + 1, s)), 1) for n, s in zip(least, stride, strict=True)
        ]
        indices = rng.integers(0, np.prod(size), x.shape)
        if all(n - s < z < n + s for n, s, z in zip(least, stride, size, strict=True)):
            assert_agree(*unpool(dims, kernel, stride, padding, tuple(size)), x, indices)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_second_derivatives_forward_mode_and_vmap(dims: int) -> None:
    shape, values, indices = pooled(dims, (2, 1), 3, 2, 1)
    ours, theirs = unpool(dims, 3, 2, 1, output_size=shape[-dims:])
    t = to_torch(values, requires_grad=True)
    (first,) = torch.autograd.grad((theirs(t, to_torch(indices)) ** 3).sum(), t, create_graph=True)
    (second,) = torch.autograd.grad((first**2).sum(), t)

    def gradient(x: Any) -> Any:
        return jax.grad(lambda x: (ours(x, indices) ** 3).sum())(x)

    assert_same(jax.jit(gradient)(values), first.detach())
    assert_same(jax.jit(jax.grad(lambda x: (gradient(x) ** 2).sum()))(values), second)
    tangent = draw(5, values.shape)
    moved = jax.jit(lambda x, t: jax.jvp(lambda x: ours(x, indices), (x,), (t,))[1])
    assert_same(moved(values, tangent), theirs(to_torch(tangent), to_torch(indices)))
    expected = theirs(to_torch(values), to_torch(indices))
    mapped = jax.jit(jax.vmap(ours))(values, indices)  # one unbatched image after the other
    assert_same(mapped, expected)
    one_place = jax.vmap(ours, (None, 0))(values[0], indices)
    assert_same(one_place[1], theirs(to_torch(values[0]), to_torch(indices[1])))


REFUSED = [
    ((2,), {"padding": 3}, "output_size must not be negative"),
    ((2,), {"output_size": (99, 99, 99)}, "output_size must differ by less than stride"),
    ((2,), {"output_size": (1, 1, 1, 1, 1, 1)}, "output_size must have"),
    ((2,), {"output_size": 4}, "output_size must be a tuple of integers"),
    (((2, 2, 2, 2),), {}, "kernel_size must be one integer or"),
    ((2.0,), {}, "kernel_size must be an integer"),
    ((2,), {"stride": ()}, "stride must be one integer or"),
]


@pytest.mark.parametrize(("args", "settings", "words"), REFUSED, ids=[r[2] for r in REFUSED])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_arguments_that_are_refused(dims: int, args: Any, settings: Any, words: str) -> None:
    if (
        "output_size" in settings
        and len(np.shape(settings["output_size"]))
        and len(settings["output_size"]) == 3
    ):
        settings = {"output_size": settings["output_size"][:dims]}
    x = np.arange(1.0, 3.0).reshape(1, 1, *(2, 1, 1)[:dims])
    indices = np.array([0, 3]).reshape(x.shape)
    error = TypeError if "integer" in words and "or" not in words.split() else ValueError
    assert_refused(
        *unpool(dims, *args, **settings), [x, indices], error, [f"max_unpool{dims}d: {words}"]
    )


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_arrays_that_are_refused(dims: int) -> None:
    x = np.ones((1, 1, *(2, 2, 2)[:dims]))
    places = np.arange(x.size).reshape(x.shape)
    cases: list[tuple[Any, Any, type[Exception], str]] = [
        (x, places.astype("int32"), TypeError, "indices must be int64"),
        (x, places.astype("float64"), TypeError, "indices must be int64"),
        (x, places[..., :1], ValueError, "indices must have input's shape"),
        (x[0, 0], places[0, 0], ValueError, "input must have"),
        (x[None], places[None], ValueError, "input must have"),
        (x.astype("int64"), places, TypeError, "input must be of one of the dtypes"),
        (x[:, :0], places[:, :0], ValueError, "only the batch may be 0"),
        (x, places - 1, ValueError, "indices must be from 0 to"),
        (x, places + 10**6, ValueError, "indices must be from 0 to"),
    ]
    for numbers, indices, error, words in cases:
        ours, theirs = unpool(dims, 2)
        with pytest.raises((RuntimeError, NotImplementedError, IndexError)):
            theirs(to_torch(numbers), to_torch(indices))
        with pytest.raises(error, match=f"^max_unpool{dims}d: .*{words}"):
            ours(jnp.asarray(numbers), jnp.asarray(indices))


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_strides_and_windows_of_nothing(dims: int) -> None:
    """PyTorch refuses the stride for volumes, and takes the rest for what it is not."""
    x, places = jnp.ones((1, *(2, 2, 2)[:dims])), jnp.zeros((1, *(2, 2, 2)[:dims]), "int64")
    for name, args in (("stride", (2, 0)), ("kernel_size", (0,))):
        with pytest.raises(ValueError, match=f"^max_unpool{dims}d: {name} must be positive"):
            getattr(conv, f"max_unpool{dims}d")(x, places, *args)


def test_under_jit_unknown_places_outside_are_left_out() -> None:
    places = jnp.array([[1, -1, 99]])
    found = jax.jit(lambda x, i: conv.max_unpool1d(x, i, 2))(jnp.ones((1, 3)), places)
    np.testing.assert_array_equal(found, [[0.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
