"""grid_sample and affine_grid against PyTorch: values, both gradients, edges and ties."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional as F

import port.functional as functional
from port.functional import affine_grid, grid_sample
from tests.support.agree import assert_agree, assert_refused, assert_same, draw, to_torch
from tests.support.opinfo import assert_samples_agree, calls, samples
from tests.support.sweeps import long, some

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")


def _options(mode: str, padding: str, align: bool) -> dict[str, Any]:
    return {"mode": mode, "padding_mode": padding, "align_corners": align}


def _places(shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    """Draw places, a third of them outside, some of them far away."""
    wide = draw(1, shape)
    wide[:, 0] *= 3
    return (0.8 * wide).astype(jnp.dtype(dtype))


CASES = [
    (dims, mode, padding, align)
    for dims, modes in ((2, MODES), (3, MODES[:2]))
    for mode in modes
    for padding in PADDINGS
    for align in (False, True)
]


@pytest.mark.parametrize(
    ("dims", "mode", "padding", "align", "dtype"),
    [
        *some([(*case, "float32") for case in CASES], 4, 1),
        *((*case, "float64") for case in CASES[::5]),
    ],
)
def test_agreement(dims: int, mode: str, padding: str, align: bool, dtype: str) -> None:
    options = _options(mode, padding, align)
    shape = (4, 5, 6)[-dims:]
    assert_agree(
        lambda x, g: grid_sample(x, g, **options),
        lambda x, g: F.grid_sample(x, g, **options),
        draw(0, (2, 3, *shape), dtype),
        _places((*(2, 3, 5, 4)[: dims + 1], dims), dtype),
        scale=4.0,  # a place far away is itself rounded, by as much as it is far
    )


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("dims", "mode"), [(2, m) for m in MODES] + [(3, m) for m in MODES[:2]])
def test_elements_edges_and_halves(dims: int, mode: str, padding: str, align: bool) -> None:
    """Places on elements, half-way between them, on the border and on its multiples."""
    options = _options(mode, padding, align)
    line = np.arange(-12, 13) / 4  # of 4 elements: all of these, exact in binary
    grid = np.stack(np.meshgrid(line, line), -1)
    if dims == 3:
        grid = np.concatenate([grid, np.roll(grid[..., :1], 5, 0)], -1)[:, :, None]
    sizes = {True: (5, 3, 5), False: (4, 2, 4)}[align][-dims:]
    assert_agree(
        lambda x, g: grid_sample(x, g, **options),
        lambda x, g: F.grid_sample(x, g, **options),
        draw(2, (1, 2, *sizes)),
        grid[None],
    )


@pytest.mark.parametrize("mode", ["bicubic", *long(MODES[:2])])
@pytest.mark.parametrize(
    ("padding", "align"), [("zeros", True), ("border", True), *(("reflection", a) for a in (0, 1))]
)
def test_one_element(mode: str, padding: str, align: int) -> None:
    options = _options(mode, padding, bool(align))
    assert_agree(
        lambda x, g: grid_sample(x, g, **options),
        lambda x, g: F.grid_sample(x, g, **options),
        draw(3, (2, 2, 1, 3)),
        _places((2, 4, 3, 2)),
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_two_bytes(mode: str, dtype: str) -> None:
    """Nearer to the exact result than PyTorch, which rounds the places to two bytes."""
    x, grid = draw(4, (1, 2, 6, 7), dtype), _places((1, 5, 4, 2), dtype)
    exact = F.grid_sample(*(to_torch(a).double() for a in (x, grid)), mode, align_corners=True)
    theirs = F.grid_sample(to_torch(x), to_torch(grid), mode, align_corners=True)
    found = grid_sample(x, grid, mode, align_corners=True)
    assert found.dtype == x.dtype
    error = np.abs(np.asarray(found, np.float64) - exact.numpy()).max()
    rounding = 2.0**-11 if dtype == "float16" else 2.0**-8
    assert error <= 2 * rounding * np.abs(exact.numpy()).max()
    assert error <= (theirs.double() - exact).abs().max().item()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e20, -3e9])
@pytest.mark.parametrize(
    ("dims", "mode"), [(2, "bilinear"), (2, "nearest"), (3, "bilinear"), (3, "nearest")]
)
def test_places_that_are_no_places(dims: int, mode: str, value: float) -> None:
    grid = np.full((1,) * (dims + 1) + (dims,), 0.1)
    grid[..., 0] = value
    x = draw(5, (1, 2, *(3, 4, 5)[-dims:]))
    found = grid_sample(x, grid, mode, align_corners=False)
    expected = F.grid_sample(to_torch(x), to_torch(grid), mode, align_corners=False)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("padding", ["border", "reflection"])
def test_nan_is_the_first_element_where_padded(mode: str, padding: str) -> None:
    x = draw(6, (1, 2, 4, 4))
    grid = np.full((1, 1, 1, 2), np.nan)
    found = np.asarray(grid_sample(x, grid, mode, padding, align_corners=False))
    if mode == "bicubic":
        assert np.isnan(found).all()  # the weights are nan
    else:
        np.testing.assert_array_equal(found[0, :, 0, 0], x[0, :, 0, 0])


@pytest.mark.filterwarnings("ignore:Default grid_sample and affine_grid behavior")
@pytest.mark.filterwarnings("ignore:grid_sample. align_corners is False by default")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_samples(dtype: str) -> None:
    groups = calls(samples("grid_sample", dtype, functional))
    assert len(groups) >= 18
    assert_samples_agree(groups[0 if dtype == "float64" else 2 :: 8], None)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Default grid_sample and affine_grid behavior")
@pytest.mark.filterwarnings("ignore:grid_sample. align_corners is False by default")
def test_all_samples() -> None:
    assert_samples_agree(calls(samples("grid_sample", "float64", functional)), None)


def test_second_derivatives() -> None:
    x, grid = draw(7, (1, 2, 4, 5)), _places((1, 3, 3, 2))

    def ours(x: Any, g: Any) -> Any:
        gradients = jax.grad(
            lambda x, g: jnp.sum(grid_sample(x, g, align_corners=False) ** 3), (0, 1)
        )
        return sum(jnp.sum(jnp.sin(part)) for part in gradients(x, g))

    xs = [to_torch(a, True) for a in (x, grid)]
    value = (F.grid_sample(*xs, align_corners=False) ** 3).sum()
    first = torch.autograd.grad(value, xs, create_graph=True)
    expected = torch.autograd.grad(sum(part.sin().sum() for part in first), xs)
    for found, right in zip(jax.jit(jax.grad(ours, (0, 1)))(x, grid), expected, strict=True):
        assert_same(found, right)


def test_forward_mode_and_vmap() -> None:
    x, grid = draw(8, (3, 1, 2, 4, 5)), _places((3, 1, 3, 3, 2))

    def function(x: Any, g: Any) -> Any:
        return grid_sample(x, g, align_corners=True)

    tangents = (draw(9, x.shape), draw(10, grid.shape))
    mapped = jax.vmap(lambda *a: jax.jvp(function, a[:2], a[2:]))
    value, tangent = mapped(x, grid, *tangents)

    def flat(a: Any) -> torch.Tensor:
        return to_torch(a).flatten(0, 1)

    def theirs(x: Any, g: Any) -> Any:
        return F.grid_sample(x, g, align_corners=True)

    assert_same(value[:, 0], theirs(flat(x), flat(grid)))
    # PyTorch has no forward mode here: the product with a random vector, taken in reverse mode.
    weights = draw(11, tangent.shape)
    xs = [flat(a).requires_grad_() for a in (x, grid)]
    pulled = torch.autograd.grad(theirs(*xs), xs, flat(weights))
    expected = sum((p * flat(t)).sum() for p, t in zip(pulled, tangents, strict=True))
    np.testing.assert_allclose((weights * tangent).sum(), expected.numpy(), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("size", [(2, 3, 4, 7), (2, 1, 3, 5, 2)])
def test_affine_grid(size: tuple[int, ...], align: bool, dtype: str) -> None:
    dims = len(size) - 2
    assert_agree(
        lambda t: affine_grid(t, size, align),
        lambda t: F.affine_grid(t, list(size), align),
        draw(12, (2, dims, dims + 1), dtype),
        scale=4.0 if dtype == "bfloat16" else 1.0,  # PyTorch rounds the places to two bytes
    )


def test_affine_grid_of_one_element_warns() -> None:
    theta = draw(13, (1, 2, 3))
    with pytest.warns(UserWarning, match="axis of one element"):
        found = affine_grid(theta, (1, 1, 1, 3), align_corners=True)
    with pytest.warns(UserWarning, match="unit-size grids"):
        expected = F.affine_grid(to_torch(theta), [1, 1, 1, 3], align_corners=True)
    assert_same(found, expected)
    assert_same(
        affine_grid(theta, [1, 1, 1, 1], False), F.affine_grid(to_torch(theta), [1, 1, 1, 1], False)
    )


def test_default_of_align_corners_warns() -> None:
    with pytest.warns(UserWarning, match="align_corners"):
        grid = affine_grid(np.eye(2, 3)[None], (1, 1, 2, 2))
    with pytest.warns(UserWarning, match="align_corners"):
        found = grid_sample(np.ones((1, 1, 2, 2)), grid)
    np.testing.assert_allclose(found, np.ones((1, 1, 2, 2)))


def test_empty_batch_and_no_channels() -> None:
    grid = np.zeros((0, 3, 3, 2), np.float32)
    assert grid_sample(np.ones((0, 2, 4, 4), np.float32), grid, align_corners=False).shape == (
        0,
        2,
        3,
        3,
    )
    grid = np.zeros((1, 0, 3, 2), np.float32)
    assert grid_sample(np.ones((1, 0, 4, 4), np.float32), grid, align_corners=False).shape == (
        1,
        0,
        0,
        3,
    )


REFUSED: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any], type[Exception], str]] = [
    ((1, 2, 4), (1, 3, 1), {}, ValueError, "(1, 2, 4)"),
    ((1, 2, 4, 4), (1, 3, 3, 3, 2), {}, ValueError, "(1, 3, 3, 3, 2)"),
    ((1, 2, 4, 4), (2, 3, 3, 2), {}, ValueError, "batch"),
    ((1, 2, 4, 4), (1, 3, 3, 3), {}, ValueError, "(1, 3, 3, 3)"),
    ((1, 2, 0, 4), (1, 3, 3, 2), {}, ValueError, "(1, 2, 0, 4)"),
    ((1, 1, 2, 2, 2), (1, 1, 1, 1, 3), {"mode": "bicubic"}, ValueError, "mode='bicubic'"),
    ((1, 1, 2, 2), (1, 1, 1, 2), {"mode": "linear"}, ValueError, "mode='linear'"),
    ((1, 1, 2, 2), (1, 1, 1, 2), {"padding_mode": None}, ValueError, "padding_mode=None"),
    ((1, 1, 2, 2), (1, 1, 1, 2), {"align_corners": 1}, TypeError, "align_corners=1"),
]


@pytest.mark.parametrize(("shape", "grid", "options", "error", "word"), REFUSED)
def test_refusals(
    shape: tuple[int, ...],
    grid: tuple[int, ...],
    options: dict[str, Any],
    error: type[Exception],
    word: str,
) -> None:
    options = {"align_corners": False, **options}
    assert_refused(
        lambda x, g: grid_sample(x, g, **options),
        lambda x, g: F.grid_sample(x, g, **options),
        [np.ones(shape), np.ones(grid)],
        error,
        ["grid_sample: ", word],
    )


@pytest.mark.parametrize(
    ("x", "g"), [("int32", "int32"), ("float32", "float64"), ("uint8", "uint8")]
)
def test_dtypes_refused(x: str, g: str) -> None:
    assert_refused(
        lambda x, g: grid_sample(x, g, align_corners=False),
        lambda x, g: F.grid_sample(x, g, align_corners=False),
        [np.ones((1, 1, 2, 2), x), np.ones((1, 1, 1, 2), g)],
        TypeError,
        [x],
    )


AFFINE_REFUSED: list[tuple[Any, str, Any, type[Exception], str]] = [
    ((1, 2, 3), "int32", (1, 1, 2, 2), TypeError, "int32"),
    ((1, 2, 3), "complex64", (1, 1, 2, 2), TypeError, "complex64"),
    ((2, 3), "float32", (1, 1, 2, 2), ValueError, "(2, 3)"),
    ((1, 2, 3), "float32", (1, 1, 2, 2, 2), ValueError, "(1, 2, 3)"),
    ((1, 2, 3), "float32", (1, 1, 2), ValueError, "size=(1, 1, 2)"),
    ((1, 2, 3), "float32", (2, 1, 2, 2), ValueError, "size=(2, 1, 2, 2)"),
    ((1, 2, 3), "float32", (1, 0, 2, 2), ValueError, "size=(1, 0, 2, 2)"),
    ((1, 2, 3), "float32", (1, 1, 2.0, 2), TypeError, "size[2]"),
]


@pytest.mark.parametrize(("shape", "dtype", "size", "error", "word"), AFFINE_REFUSED)
def test_affine_grid_refusals(
    shape: Any, dtype: str, size: Any, error: type[Exception], word: str
) -> None:
    assert_refused(
        lambda t: affine_grid(t, size, align_corners=False),
        lambda t: F.affine_grid(t, size, align_corners=False),
        [np.ones(shape, dtype)],
        error,
        ["affine_grid: ", word],
    )
