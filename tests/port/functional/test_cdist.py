"""Distances of pairs of vectors beside PyTorch's: coincident points, ties, modes, refusals."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional as F

import port
from port.functional import cdist, pairwise_distance, pdist
from port.functional._cdist import MODES
from tests.support.agree import assert_agree, assert_refused, assert_same, draw, to_torch
from tests.support.opinfo import assert_samples_agree, calls, database, samples

INF = float("inf")
POWERS = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 7.5, INF]
NEEDED, PRODUCT, EXACT = MODES
# Whole numbers, so that a product of matrices is exact: the first two of A coincide, and with the
# first of B; several differences are equal, and several are 0.
A = np.array([[1.0, 2.0, -1.0], [1.0, 2.0, -1.0], [0.0, 2.0, 3.0], [3.0, -1.0, -1.0]])
B = np.array([[1.0, 2.0, -1.0], [3.0, 0.0, 1.0], [3.0, 4.0, 1.0]])


def both(*args: Any) -> tuple[Any, Any]:
    return lambda a, b: cdist(a, b, *args), lambda a, b: torch.cdist(a, b, *args)


def same(p: Any) -> tuple[Any, Any]:
    return lambda x: pdist(x, p), lambda x: torch.pdist(x, p)


@pytest.mark.parametrize("p", POWERS)
def test_coincident_points_and_ties(p: float) -> None:
    """Where the distance is 0, so is the gradient; with p = inf all of the largest get it whole."""
    for mode in MODES if p == 2 else [PRODUCT]:
        assert_agree(*both(p, mode), A, B)
    assert_agree(lambda x: cdist(x, x, p), lambda x: torch.cdist(x, x, p), A)
    assert_agree(*same(p), A)
    for eps in (0.0, 1e-6):
        assert_agree(
            lambda a, b, eps=eps: pairwise_distance(a, b, p, eps),
            lambda a, b, eps=eps: F.pairwise_distance(a, b, p, eps),
            A[:3],
            B,
            gradients=p > 0,  # of p = 0 it has none, where cdist has zeros
        )


SHAPES = [
    ((4, 3), (5, 3)),
    ((2, 4, 3), (2, 5, 3)),
    ((5, 1, 4, 3), (2, 1, 3)),
    ((1, 3), (2, 4, 3)),
    ((3, 0), (4, 0)),
    ((0, 3), (4, 3)),
    ((2, 0, 3), (2, 0, 3)),
    ((0, 2, 3), (1, 4, 3)),
    ((4, 1), (30, 1)),
]


@pytest.mark.parametrize("p", [1.5, 2.0, INF])
def test_shapes(p: float) -> None:
    for i, shapes in enumerate(SHAPES):
        a, b = (draw(i + 20 * j, shape) for j, shape in enumerate(shapes))
        assert_agree(*both(p), a, b, gradients=bool(a.size and b.size))
        found = jax.eval_shape(jax.grad(lambda a, b: cdist(a, b, p).sum(), (0, 1)), a, b)
        assert [g.shape for g in found] == list(shapes)
    for shape in ((5, 3), (2, 3), (1, 3), (0, 3), (3, 0)):
        x = draw(3, shape)
        # The gradient of no vectors ends PyTorch's process.
        assert_agree(*same(p), x, gradients=shape[0] > 0 and bool(x.size))
        assert jax.eval_shape(jax.grad(lambda x: pdist(x, p).sum()), x).shape == shape


@pytest.mark.parametrize("p", [1, 2, 2.5])
def test_float32(p: float) -> None:
    for shapes in (((6, 4), (5, 4)), ((30, 4), (2, 7, 4))):
        a, b = (draw(i, shape, "float32") for i, shape in enumerate(shapes))
        # The rounding of |a|^2 + |b|^2 - 2 a b grows by the root: distances are of the size of 1.
        assert_agree(*both(p), a, b, scale=4.0)
        assert_agree(*both(p, EXACT), a, b)
    assert_agree(*same(p), draw(4, (6, 4), "float32"))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_two_bytes(dtype: str) -> None:
    """PyTorch multiplies them, and does nothing else with them, if it has to do something."""
    a, b = draw(0, (4, 3), dtype), draw(1, (5, 3), dtype)
    ours, theirs = both(2.0, PRODUCT)
    # Compared with the exact distances: both round |a|^2 + |b|^2 - 2 a b to two bytes.
    exact = torch.cdist(to_torch(a).double(), to_torch(b).double())
    found = jax.jit(ours)(a, b)
    error = (theirs(to_torch(a), to_torch(b)).double() - exact).abs().max().item()
    assert found.dtype == dtype
    assert np.abs(np.asarray(found, "float64") - exact.numpy()).max() <= 2 * error
    for p, mode in ((2.0, NEEDED), (2.0, EXACT), (1.0, PRODUCT)):
        assert_refused(*both(p, mode), [a, b], TypeError, ["cdist: x1", dtype])
    assert_refused(*same(2.0), [a], TypeError, ["pdist: input", dtype])
    assert_agree(*both(1.0), draw(0, (4, 0), dtype), draw(1, (5, 0), dtype), gradients=False)
    assert_agree(*same(1.0), draw(0, (1, 3), dtype), gradients=False)


def test_more_than_25_vectors_are_multiplied() -> None:
    """A difference of 1 beside 1e5 is lost in float32, here as in PyTorch."""
    a = np.stack([np.full(26, 1e5), np.arange(26.0)], 1).astype("float32")
    for count, exact in ((25, True), (26, False)):
        for first, second in ((a[:count], a[:3]), (a[:3], a[:count])):
            found, right = cdist(first, second), torch.cdist(to_torch(first), to_torch(second))
            apart = np.abs(first[:, None, 1] - second[None, :, 1])
            assert np.array_equal(found, apart) == np.array_equal(right, apart) == exact
    np.testing.assert_array_equal(cdist(a, a, compute_mode=EXACT)[0], a[:, 1])


def test_second_derivatives_of_a_product() -> None:
    """PyTorch has them of the distances that it multiplies."""
    ours, theirs = both(2.0, PRODUCT)
    for a, b in ((A, B), (draw(0, (4, 3)), draw(1, (2, 5, 3)))):
        for power in (1, 2):
            tensors = to_torch(a, requires_grad=True), to_torch(b, requires_grad=True)
            first = torch.autograd.grad(
                (theirs(*tensors) ** power).sum(), tensors, create_graph=True
            )
            second = torch.autograd.grad(sum((g**3).sum() for g in first), tensors)

            def gradients(a: Any, b: Any, power: int = power) -> Any:
                return jax.grad(lambda a, b: (ours(a, b) ** power).sum(), (0, 1))(a, b)

            def penalty(a: Any, b: Any, gradients: Any = gradients) -> Any:
                return sum((g**3).sum() for g in gradients(a, b))

            found = jax.jit(jax.grad(penalty, (0, 1)))(a, b)
            for mine, right in zip(found, second, strict=True):
                assert_same(mine, right, f"second gradient of y^{power}", scale=10.0)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0])
def test_second_derivatives_where_pytorch_has_none(p: float) -> None:
    """Those of PyTorch's norm of the differences, which are the same numbers."""

    def norms(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.linalg.vector_norm(a[:, None] - b, p, -1)

    a, b = draw(0, (4, 3)), draw(1, (5, 3))
    tensors = to_torch(a, requires_grad=True), to_torch(b, requires_grad=True)
    first = torch.autograd.grad((norms(*tensors) ** 2).sum(), tensors, create_graph=True)
    second = torch.autograd.grad(sum((g**2).sum() for g in first), tensors)
    once = torch.autograd.grad(torch.cdist(*tensors, p).sum(), tensors, create_graph=True)
    with pytest.raises(NotImplementedError):
        torch.autograd.grad(once[0].sum(), tensors)

    def penalty(a: Any, b: Any) -> Any:
        found = jax.grad(lambda a, b: (cdist(a, b, p) ** 2).sum(), (0, 1))(a, b)
        return sum((g**2).sum() for g in found)

    for mine, right in zip(jax.jit(jax.grad(penalty, (0, 1)))(a, b), second, strict=True):
        assert_same(mine, right, scale=10.0)
    tangents = draw(2, (4, 3)), draw(3, (5, 3))
    _, moved = jax.jvp(lambda a, b: cdist(a, b, p), (a, b), tangents)
    points, directions = (tuple(map(to_torch, pair)) for pair in ((a, b), tangents))
    _, right = torch.autograd.functional.jvp(norms, points, directions)
    assert_same(moved, right)


def test_every_derivative_is_finite_at_coincident_points() -> None:
    functions = [
        function
        for p in (0.0, 0.5, 1.0, 2.0, 3.0, INF)
        for function in (
            lambda x, p=p: cdist(x, A, p).sum(),
            lambda x, p=p: pdist(x, p).sum(),
            lambda x, p=p: pairwise_distance(x, A, p, 0.0).sum(),
        )
    ]
    functions.append(lambda x: cdist(x, A, 2.0, PRODUCT).sum())
    every = jax.jit(lambda x: [jax.hessian(function)(x) for function in functions])
    for found in every(A):
        assert np.isfinite(found).all()


@pytest.mark.parametrize("p", [1.0, 2.0, INF])
def test_vmap(p: float) -> None:
    a, b = draw(0, (2, 4, 3)), draw(1, (2, 5, 3))
    right = torch.cdist(to_torch(a), to_torch(b), p)
    assert_same(jax.jit(jax.vmap(lambda a, b: cdist(a, b, p)))(a, b), right)
    assert_same(jax.vmap(lambda b: cdist(a[0], b, p))(b)[0], right[0])
    wide = jax.vmap(lambda a: cdist(a, b[0], p, PRODUCT), 1, 1)(a.swapaxes(0, 1))
    assert_same(wide.swapaxes(0, 1)[0], right[0])
    pairs = torch.stack([torch.pdist(to_torch(x), p) for x in a])
    assert_same(jax.vmap(lambda x: pdist(x, p))(a), pairs)


def test_nan_and_infinity() -> None:
    """A nan is a nan, also with p = 0; PyTorch may lose one with p = inf."""
    a = np.array([[np.nan, 1.0], [np.inf, 1.0], [0.0, 1.0]])
    for p in (0.0, 1.0, 2.0, 3.0):
        assert_same(cdist(a, A[:, :2], p), torch.cdist(to_torch(a), to_torch(A[:, :2]), p))
        assert_same(pdist(a, p), torch.pdist(to_torch(a), p))
    assert np.isnan(cdist(a, A[:, :2], INF)[0]).all()
    assert np.isinf(cdist(a, A[:, :2], INF)[1]).all()


REFUSED: list[tuple[list[Any], tuple[Any, ...], type[Exception], str]] = [
    ([A, B], (-1.0,), ValueError, "cdist: p must not be negative or nan, got p=-1.0"),
    ([A, B], (float("nan"),), ValueError, "cdist: p must not be negative or nan"),
    ([A, B], ("a",), TypeError, "cdist: p"),
    ([A, B], (None,), TypeError, "cdist: p"),
    ([A, B], (2.0, "mm"), ValueError, "cdist: compute_mode must be one of use_mm_for"),
    ([A, B], (2.0, None), ValueError, "cdist: compute_mode must be one of use_mm_for"),
    ([A, B], (2.0, 1), ValueError, "cdist: compute_mode must be one of use_mm_for"),
    ([A[0], B], (), ValueError, "cdist: x1 must have two dimensions or more"),
    ([A, B[0]], (), ValueError, "cdist: x2 must have two dimensions or more"),
    ([A, B[:, :2]], (), ValueError, "cdist: x1 and x2 must have vectors of one length"),
    (
        [np.ones((2, 3, 1)), np.ones((3, 3, 1))],
        (),
        ValueError,
        "cdist: x1 and x2 must have batches",
    ),
    ([A, B.astype("float32")], (), TypeError, "cdist: x1 and x2 must have the same dtype"),
    ([A.astype("int64"), B.astype("int64")], (), TypeError, "cdist: x1"),
    ([A > 0, B > 0], (), TypeError, "cdist: x1"),
    ([A + 0j, B + 0j], (), TypeError, "cdist: x1"),
    ([A, B.astype("int64")], (), TypeError, "cdist: x2"),
]


@pytest.mark.parametrize(("arrays", "args", "error", "words"), REFUSED)
def test_cdist_refuses(arrays: Any, args: Any, error: type[Exception], words: str) -> None:
    assert_refused(*both(*args), arrays, error, [words])


@pytest.mark.parametrize(
    ("array", "p", "error", "words"),
    [
        (A[0], 2.0, ValueError, "pdist: input must have two dimensions"),
        (A[None], 2.0, ValueError, "pdist: input must have two dimensions"),
        (A, -1, ValueError, "pdist: p must not be negative or nan"),
        (A, float("nan"), ValueError, "pdist: p must not be negative or nan"),
        (A, "a", TypeError, "pdist: p"),
        (A, None, TypeError, "pdist: p"),
        (A.astype("int64"), 2.0, TypeError, "pdist: input"),
        (A[:1].astype("int64"), 2.0, TypeError, "pdist: input"),
        (A + 0j, 2.0, TypeError, "pdist: input"),
    ],
)
def test_pdist_refuses(array: Any, p: Any, error: type[Exception], words: str) -> None:
    assert_refused(*same(p), [array], error, [words])


def test_arrays_only_and_keywords() -> None:
    with pytest.raises(TypeError):
        torch.cdist([[1.0]], to_torch(A))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^cdist: x1"):
        cdist([[1.0]], A)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^cdist: p must be known while tracing"):
        jax.jit(lambda p: cdist(A, B, p))(2.0)
    found = jax.jit(cdist, static_argnames=("p", "compute_mode"))(
        x1=A, x2=B, p=3, compute_mode=EXACT
    )
    assert_same(found, torch.cdist(to_torch(A), to_torch(B), p=3, compute_mode=EXACT))
    assert_same(pdist(input=jnp.asarray(A), p=True), torch.pdist(to_torch(A), p=True))


@pytest.mark.parametrize("p", [0.0, 2.0])
def test_module(p: float) -> None:
    for settings in ({}, {"eps": 0.0}, {"eps": 1e-3, "keepdim": True}):
        ours, theirs = (side.PairwiseDistance(p, **settings) for side in (port, torch.nn))
        assert_agree(ours, theirs, A[:3], B, gradients=p > 0)
        assert_agree(ours, theirs, A[0], B, gradients=p > 0)


def test_samples_of_the_database() -> None:
    for name in ("cdist", "pdist"):
        assert name in database(port.functional)
        found = calls(samples(name, "float64", port.functional))[::2]
        # PyTorch has no second derivatives of it, and no forward mode.
        assert_samples_agree(found, full_every=None)
    assert len(calls(samples("cdist", "float64", port.functional))) > 50


@pytest.mark.parametrize("p", [1.5, INF])
def test_large(p: float) -> None:
    """Many vectors at once: rows and columns of the pairs, and sums of long rows."""
    x = draw(0, (300, 20), "float32")
    assert_same(jax.jit(lambda x: pdist(x, p))(x), torch.pdist(to_torch(x), p), scale=10.0)
    assert_same(
        jax.jit(lambda x: cdist(x, x[:7], p, EXACT))(x),
        torch.cdist(to_torch(x), to_torch(x[:7]), p, EXACT),
        scale=10.0,
    )
