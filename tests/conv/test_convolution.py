"""conv1d, conv2d and conv3d beside torch.nn.functional's."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx

import conv
from tests.support.agree import assert_agree, assert_refused, assert_same, draw, to_numpy, to_torch
from tests.support.cases import CONV_CASES, ConvCase

OURS = {1: conv.conv1d, 2: conv.conv2d, 3: conv.conv3d}
THEIRS = {n: getattr(torch.nn.functional, f"conv{n}d") for n in OURS}

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


def arrays(case: ConvCase, dtype: str = "float64") -> list[np.ndarray]:
    shapes = [case.input, case.weight] + [case.weight[:1]] * case.bias
    return [draw(seed, shape, dtype) for seed, shape in enumerate(shapes)]


@pytest.mark.parametrize("case", CONV_CASES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_value_and_gradients(case: ConvCase, dtype: str) -> None:
    ours, theirs = OURS[case.dims], THEIRS[case.dims]
    # float32 sums: the largest here has 2,000 terms.
    assert_agree(
        partial(ours, **case.arguments), partial(theirs, **case.arguments), *arrays(case, dtype)
    )


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_integers_wrap_as_in_pytorch(dims: int, dtype: str) -> None:
    x, w = draw(0, (2, 4, *(9, 5, 4)[:dims]), dtype), draw(1, (6, 2, *(3, 2, 2)[:dims]), dtype)
    x = x * np.array(20).astype(dtype)  # int8 sums pass 127
    assert_agree(
        lambda x, w: OURS[dims](x, w, padding=1, groups=2),
        lambda x, w: THEIRS[dims](x, w, padding=1, groups=2),
        x,
        w,
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_two_byte_floats_are_as_exact_as_pytorch(dims: int, dtype: str) -> None:
    """Error against float64 at most twice PyTorch's, or one unit of the dtype."""
    x, w = draw(0, (2, 16, *(40, 9, 5)[:dims]), dtype), draw(1, (8, 16, *(3, 3, 3)[:dims]), dtype)
    b = draw(2, (8,), dtype)
    right = THEIRS[dims](*(to_torch(to_numpy(jnp.asarray(a)).astype("float64")) for a in (x, w, b)))
    scale = right.abs().max().item()
    mine = to_numpy(jax.jit(OURS[dims])(x, w, b)) - right.numpy()
    theirs = to_numpy(THEIRS[dims](to_torch(x), to_torch(w), to_torch(b))) - right.numpy()
    unit = float(jnp.finfo(dtype).eps) / 2 * scale
    assert np.abs(mine).max() <= max(2 * np.abs(theirs).max(), unit)
    assert_agree(OURS[dims], THEIRS[dims], x, w, b)


@pytest.mark.optimised
@pytest.mark.parametrize(
    ("dims", "input", "weight"),
    [(1, (4, 64, 20000), (64, 64, 3)), (2, (4, 32, 160, 160), (32, 32, 3, 3)),
     (3, (2, 16, 24, 48, 48), (16, 16, 3, 3, 3)), (2, (4, 96, 112, 112), (96, 1, 3, 3))],
    ids=["1d", "2d", "3d", "depthwise"],
)  # fmt: skip
def test_large_shapes_against_float64(
    dims: int, input: tuple[int, ...], weight: tuple[int, ...]
) -> None:
    """Compiled code takes other paths at millions of elements; the oracle is torch in float64."""
    x, w = draw(0, input, "float32"), draw(1, weight, "float32")
    groups = input[1] // weight[1]
    g = None
    tx, tw = (to_torch(a.astype("float64"), requires_grad=True) for a in (x, w))
    right = THEIRS[dims](tx, tw, padding=1, groups=groups)
    g = draw(2, tuple(right.shape), "float32")
    gradients = torch.autograd.grad(right, [tx, tw], to_torch(g.astype("float64")))
    value, pull = jax.vjp(lambda x, w: OURS[dims](x, w, padding=1, groups=groups), x, w)
    for mine, theirs in zip((value, *pull(jnp.asarray(g))), (right, *gradients), strict=True):
        # Weight gradients add up to a hundred thousand products.
        assert_same(mine, theirs.float(), scale=5.0)


def test_unbatched_is_the_batch_of_one() -> None:
    x, w = draw(0, (3, 8, 7)), draw(1, (4, 3, 3, 3))
    assert_agree(conv.conv2d, torch.nn.functional.conv2d, x, w)


def test_numpy_arrays_params_and_numpy_integers_are_arguments() -> None:
    x, w = draw(0, (1, 2, 9), "float32"), draw(1, (4, 2, 3), "float32")
    expected = torch.nn.functional.conv1d(to_torch(x), to_torch(w), stride=2, padding=1)
    assert_same(conv.conv1d(x, w, stride=np.int64(2), padding=(np.int32(1),)), expected)
    assert_same(conv.conv1d(x, nnx.Param(jnp.asarray(w)), stride=2, padding=1), expected)


def test_preferred_element_type_accumulates_wider() -> None:
    x, w = np.full((1, 1, 4), 100, "int8"), np.full((1, 1, 2), 100, "int8")
    wide = conv.conv1d(x, w, preferred_element_type=jnp.int32)
    expected = torch.nn.functional.conv1d(to_torch(x).int(), to_torch(w).int())
    assert_same(wide, expected)


X1, W1 = np.ones((1, 2, 8), "float32"), np.ones((4, 2, 3), "float32")
X2, W2 = np.ones((1, 2, 8, 8), "float32"), np.ones((4, 2, 3, 3), "float32")
X3, W3 = np.ones((1, 2, 8, 8, 8), "float32"), np.ones((4, 2, 3, 3, 3), "float32")
PAIRS = {1: (X1, W1), 2: (X2, W2), 3: (X3, W3)}


def _refusals(x: np.ndarray, w: np.ndarray) -> list[tuple]:
    """(what, arrays, arguments, error, words of the message)."""
    n = x.ndim - 2
    big = np.ones((4, 2, *(9,) * n), "float32")
    many = (1,) * (n + 1)
    return [
        ("rank-low", (x[0, 0], w), {}, ValueError, ["input", str(x.shape[2:])]),
        ("rank-high", (x[None], w), {}, ValueError, ["input", str((1, *x.shape))]),
        ("weight-rank", (x, w[0]), {}, ValueError, ["weight", str(w.shape[1:])]),
        ("channels", (x, w[:, :1]), {}, ValueError, ["channels", "1 * 1", "got 2"]),
        ("channels-groups", (x, w), {"groups": 2}, ValueError, ["2 * 2", "got 2"]),
        ("groups-0", (x, w), {"groups": 0}, ValueError, ["groups", "positive", "groups=0"]),
        ("groups-below-0", (x, w[:, :1]), {"groups": -2}, ValueError, ["groups=-2"]),
        ("groups-float", (x, w), {"groups": 1.0}, TypeError, ["groups", "integer", "1.0"]),
        ("groups-bool", (x, w), {"groups": True}, TypeError, ["groups", "integer", "True"]),
        ("out-groups", (x, w[:3, :1]), {"groups": 2}, ValueError, ["multiple", "groups=2"]),
        ("out-0", (x, w[:0]), {}, ValueError, ["weight.shape[0]", "positive"]),
        ("bias-length", (x, w, np.ones(2, "float32")), {}, ValueError, ["bias", "(4,)", "(2,)"]),
        ("bias-one", (x, w, np.ones(1, "float32")), {}, ValueError, ["bias", "(1,)"]),
        ("bias-rank", (x, w, np.ones((4, 1), "float32")), {}, ValueError, ["bias", "(4, 1)"]),
        ("dtype-weight", (x, w.astype("float64")), {}, TypeError, ["weight", "float64"]),
        ("dtype-bias", (x, w, np.ones(4)), {}, TypeError, ["bias", "float64", "float32"]),
        ("dtype-complex", (x.astype("complex64"), w), {}, TypeError, ["complex64", "float32"]),
        ("dtype-int", (x.astype("int32"), w), {}, TypeError, ["int32", "float32"]),
        ("dtype-bool", (x.astype("bool"), w.astype("bool")), {}, TypeError, ["bool"]),
        ("stride-0", (x, w), {"stride": 0}, ValueError, ["stride", "positive", "stride=0"]),
        ("stride-below-0", (x, w), {"stride": -1}, ValueError, ["stride=-1"]),
        ("stride-float", (x, w), {"stride": 1.0}, TypeError, ["stride", "1.0"]),
        ("stride-bool", (x, w), {"stride": True}, TypeError, ["stride", "True"]),
        ("stride-none", (x, w), {"stride": None}, TypeError, ["stride", "None"]),
        ("stride-many", (x, w), {"stride": many}, ValueError, ["stride", str(many)]),
        ("stride-empty", (x, w), {"stride": ()}, ValueError, ["stride", "()"]),
        ("padding-below-0", (x, w), {"padding": -1}, ValueError, ["padding", "padding=-1"]),
        ("padding-many", (x, w), {"padding": many}, ValueError, ["padding", str(many)]),
        ("padding-word", (x, w), {"padding": "full"}, ValueError, ["padding", "'full'"]),
        ("padding-none", (x, w), {"padding": None}, TypeError, ["padding", "None"]),
        ("dilation-0", (x, w), {"dilation": 0}, ValueError, ["dilation", "dilation=0"]),
        ("same-strided", (x, w), {"padding": "same", "stride": 2}, ValueError, ["same", "2"]),
        ("kernel-large", (x, big), {}, ValueError, ["kernel", "9", "8"]),
        ("kernel-dilated", (x, w), {"dilation": 4}, ValueError, ["kernel", "9", "8"]),
        ("kernel-0", (x, w[..., :0]), {}, ValueError, ["kernel_size", "0"]),
        ("space-0", (x[..., :0], w), {"padding": 2}, ValueError, ["spatial size of 0"]),
        ("space-0-kernel", (x[:0, ..., :1], w), {}, ValueError, ["kernel"]),
        (
            "dtype-dilated",
            (x.astype("int8"), w.astype("int8")),
            {"dilation": 2},
            TypeError,
            ["int8"],
        ),
        ("list", (x.tolist(), w), {}, TypeError, ["input", "array"]),
    ]


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize(
    "which", range(len(_refusals(X1, W1))), ids=[r[0] for r in _refusals(X1, W1)]
)
def test_refusals_side_by_side(dims: int, which: int) -> None:
    _, args, kwargs, error, words = _refusals(*PAIRS[dims])[which]
    assert_refused(
        partial(OURS[dims], **kwargs), partial(THEIRS[dims], **kwargs), args, error,
        [f"conv{dims}d", *words],
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_integers_that_pytorch_does_not_take(dtype: str) -> None:
    x, w = X1.astype(dtype), W1.astype(dtype)
    with pytest.raises(NotImplementedError):
        torch.nn.functional.conv1d(torch.from_numpy(x), torch.from_numpy(w))
    with pytest.raises(TypeError, match=dtype):
        conv.conv1d(x, w)
