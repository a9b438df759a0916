"""conv_transpose1d, 2d and 3d, and their shape helper, beside torch.nn.functional's."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx

import conv
from tests.support.agree import assert_agree, assert_refused, assert_same, draw, to_numpy, to_torch
from tests.support.cases import TRANSPOSED_CASES, ConvCase
from tests.support.outcomes import refusal

OURS: dict[int, Any] = {n: getattr(conv, f"conv_transpose{n}d") for n in (1, 2, 3)}
THEIRS: dict[int, Any] = {n: getattr(torch.nn.functional, f"conv_transpose{n}d") for n in OURS}


def arrays(case: ConvCase, dtype: str = "float64") -> list[np.ndarray]:
    channels = case.weight[1] * case.arguments.get("groups", 1)
    shapes = [case.input, case.weight] + [(channels,)] * case.bias
    return [draw(seed, shape, dtype) for seed, shape in enumerate(shapes)]


@pytest.mark.parametrize("case", TRANSPOSED_CASES, ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
def test_value_and_gradients(case: ConvCase, dtype: str) -> None:
    ours, theirs = OURS[case.dims], THEIRS[case.dims]
    assert_agree(
        partial(ours, **case.arguments), partial(theirs, **case.arguments), *arrays(case, dtype)
    )


@pytest.mark.parametrize(
    ("x", "w", "arguments", "right"),
    [
        ([[1, 2]], [[[1, 2, 3]]], {"stride": 2}, [[1, 2, 5, 4, 6]]),
        ([[1, 2]], [[[1, 2, 3]]], {"stride": 2, "padding": 1}, [[2, 5, 4]]),
        (
            [[1, 2]],
            [[[1, 2, 3]]],
            {"stride": 2, "padding": 1, "output_padding": 1},
            [[2, 5, 4, 6]],
        ),
        ([[1, 2]], [[[1, 2, 3, 4]]], {"stride": 2, "padding": 1}, [[2, 5, 8, 6]]),
        ([[1, 2]], [[[1, 2]]], {"stride": 3}, [[1, 2, 0, 2, 4]]),
        (
            [[1], [2], [3], [4]],
            [[[1], [2]], [[3], [4]], [[5], [6]], [[7], [8]]],
            {"groups": 2},
            [[7], [10], [43], [50]],
        ),
    ],
)
def test_by_hand(x: Any, w: Any, arguments: dict[str, int], right: Any) -> None:
    """Small enough to follow on paper; the last has two input channels a group."""
    x, w = np.array(x, "float32"), np.array(w, "float32")
    expected = THEIRS[1](to_torch(x), to_torch(w), **arguments)
    np.testing.assert_array_equal(expected.numpy(), right)
    assert_same(conv.conv_transpose1d(x, w, **arguments), expected)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_int64_wraps_as_in_pytorch(dims: int, dilation: int) -> None:
    x = draw(0, (2, 4, *(5, 4, 3)[:dims]), "int64") * 2**60
    w = draw(1, (4, 2, *(3, 2, 2)[:dims]), "int64")
    settings = {"stride": 2, "groups": 2, "output_padding": 1, "dilation": dilation}
    assert_agree(partial(OURS[dims], **settings), partial(THEIRS[dims], **settings), x, w)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_two_byte_floats_are_as_exact_as_pytorch(dims: int, dtype: str) -> None:
    """Error against float64 at most twice PyTorch's, or one unit of the dtype."""
    x, w = draw(0, (2, 16, *(40, 9, 5)[:dims]), dtype), draw(1, (16, 8, *(3, 3, 3)[:dims]), dtype)
    b = draw(2, (8,), dtype)
    ours, theirs = partial(OURS[dims], stride=2), partial(THEIRS[dims], stride=2)
    right = theirs(*(to_torch(to_numpy(jnp.asarray(a)).astype("float64")) for a in (x, w, b)))
    scale = right.abs().max().item()
    mine = to_numpy(jax.jit(ours)(x, w, b)) - right.numpy()
    other = to_numpy(theirs(to_torch(x), to_torch(w), to_torch(b))) - right.numpy()
    unit = float(jnp.finfo(dtype).eps) / 2 * scale
    assert np.abs(mine).max() <= max(2 * np.abs(other).max(), unit)
    assert_agree(ours, theirs, x, w, b)


@pytest.mark.optimised
@pytest.mark.parametrize(
    ("dims", "input", "weight", "groups"),
    [
        (1, (4, 64, 10000), (64, 64, 4), 1),
        (2, (4, 32, 80, 80), (32, 32, 4, 4), 1),
        (3, (2, 16, 16, 24, 24), (16, 16, 4, 4, 4), 1),
        (2, (4, 64, 56, 56), (64, 1, 4, 4), 64),
    ],
    ids=["1d", "2d", "3d", "depthwise"],
)
def test_large_shapes_against_float64(
    dims: int, input: tuple[int, ...], weight: tuple[int, ...], groups: int
) -> None:
    """Compiled code takes other paths at millions of elements; the oracle is torch in float64."""
    x, w = draw(0, input, "float32"), draw(1, weight, "float32")
    settings = {"stride": 2, "padding": 1, "groups": groups}
    tx, tw = (to_torch(a.astype("float64"), requires_grad=True) for a in (x, w))
    right = THEIRS[dims](tx, tw, **settings)
    assert right.numel() > 2e6 or groups > 1
    g = draw(2, tuple(right.shape), "float32")
    gradients = torch.autograd.grad(right, [tx, tw], to_torch(g.astype("float64")))
    value, pull = jax.vjp(lambda x, w: OURS[dims](x, w, **settings), x, w)
    for mine, theirs in zip((value, *pull(jnp.asarray(g))), (right, *gradients), strict=True):
        # Weight gradients add up to forty thousand products.
        assert_same(mine, theirs.float(), scale=5.0)


def test_numpy_arrays_params_and_numpy_integers_are_arguments() -> None:
    x, w = draw(0, (1, 2, 5), "float32"), draw(1, (2, 4, 3), "float32")
    expected = THEIRS[1](to_torch(x), to_torch(w), stride=2, padding=1, output_padding=1)
    settings = {"padding": (np.int32(1),), "output_padding": np.uint8(1)}
    assert_same(conv.conv_transpose1d(x, w, stride=np.int64(2), **settings), expected)
    assert_same(conv.conv_transpose1d(x, nnx.Param(jnp.asarray(w)), None, 2, 1, 1), expected)


def test_preferred_element_type_accumulates_wider() -> None:
    x, w = np.full((1, 1, 4), 300, "float16"), np.full((1, 1, 2), 300, "float16")
    wide = conv.conv_transpose1d(x, w, preferred_element_type="float32")
    assert_same(wide, THEIRS[1](to_torch(x).float(), to_torch(w).float()))


def _pair(dims: int) -> tuple[np.ndarray, np.ndarray]:
    return np.ones((1, 2, *(8,) * dims), "float32"), np.ones((2, 4, *(3,) * dims), "float32")


def _refusals(x: np.ndarray, w: np.ndarray) -> list[tuple]:
    """(what, arrays, arguments, error, words of the message)."""
    n = x.ndim - 2
    many = (1,) * (n + 1)
    bias = partial(np.ones, dtype="float32")
    return [
        ("rank-low", (x[0, 0], w), {}, ValueError, ["input", str(x.shape[2:])]),
        ("rank-high", (x[None], w), {}, ValueError, ["input", str((1, *x.shape))]),
        ("weight-rank", (x, w[0]), {}, ValueError, ["weight", str(w.shape[1:])]),
        ("channels", (x, w[:1]), {}, ValueError, ["1 channels", "got 2"]),
        ("channels-0", (x[:, :0], w[:0]), {}, ValueError, ["weight.shape[0]", "positive"]),
        ("groups-0", (x, w), {"groups": 0}, ValueError, ["groups", "positive", "groups=0"]),
        ("groups-below-0", (x, w), {"groups": -2}, ValueError, ["groups=-2"]),
        ("groups-many", (x, w), {"groups": 3}, ValueError, ["weight.shape[0]", "groups=3"]),
        ("groups-float", (x, w), {"groups": 1.0}, TypeError, ["groups", "integer", "1.0"]),
        ("groups-bool", (x, w), {"groups": True}, TypeError, ["groups", "integer", "True"]),
        ("out-0", (x, w[:, :0]), {}, ValueError, ["weight.shape[1]", "positive"]),
        ("bias-length", (x, w, bias(2)), {}, ValueError, ["bias", "(4,)", "(2,)"]),
        ("bias-group", (x, w, bias(4)), {"groups": 2}, ValueError, ["bias", "(8,)", "(4,)"]),
        ("bias-one", (x, w, bias(1)), {}, ValueError, ["bias", "(1,)"]),
        ("bias-rank", (x, w, bias((4, 1))), {}, ValueError, ["bias", "(4, 1)"]),
        ("dtype-weight", (x, w.astype("float64")), {}, TypeError, ["weight", "float64"]),
        ("dtype-bias", (x, w, np.ones(4) * 1j), {}, TypeError, ["bias", "complex128", "float32"]),
        ("dtype-complex", (x.astype("complex64"), w), {}, TypeError, ["complex64", "float32"]),
        *(
            (f"dtype-{d}", (x.astype(d), w.astype(d)), {}, TypeError, [d])
            for d in ("bool", "int8", "uint8", "int16", "int32")
        ),
        ("stride-0", (x, w), {"stride": 0}, ValueError, ["stride", "positive", "stride=0"]),
        ("stride-below-0", (x, w), {"stride": -1}, ValueError, ["stride=-1"]),
        ("stride-float", (x, w), {"stride": 1.0}, TypeError, ["stride", "1.0"]),
        ("stride-bool", (x, w), {"stride": True}, TypeError, ["stride", "True"]),
        ("stride-none", (x, w), {"stride": None}, TypeError, ["stride", "None"]),
        ("stride-many", (x, w), {"stride": many}, ValueError, ["stride", str(many)]),
        ("stride-empty", (x, w), {"stride": ()}, ValueError, ["stride", "()"]),
        ("padding-below-0", (x, w), {"padding": -1}, ValueError, ["padding", "padding=-1"]),
        ("padding-many", (x, w), {"padding": many}, ValueError, ["padding", str(many)]),
        ("padding-same", (x, w), {"padding": "same"}, TypeError, ["padding", "'same'"]),
        ("padding-valid", (x, w), {"padding": "valid"}, TypeError, ["padding", "'valid'"]),
        ("padding-none", (x, w), {"padding": None}, TypeError, ["padding", "None"]),
        ("padding-large", (x, w), {"padding": 6}, ValueError, ["output", "padding", "-2", "(6,"]),
        ("padding-all", (x[..., :2], w), {"padding": 2}, ValueError, ["output", "= 0"]),
        ("dilation-0", (x, w), {"dilation": 0}, ValueError, ["dilation", "dilation=0"]),
        ("dilation-float", (x, w), {"dilation": 1.5}, TypeError, ["dilation", "1.5"]),
        ("extra", (x, w), {"output_padding": 1}, ValueError, ["output_padding", "stride=(1,"]),
        (
            "extra-large",
            (x, w),
            {"output_padding": 3, "stride": 2, "dilation": 3},
            ValueError,
            ["output_padding=(3,", "stride=(2,", "dilation=(3,"],
        ),
        ("extra-below-0", (x, w), {"output_padding": -1}, ValueError, ["output_padding=-1"]),
        ("extra-many", (x, w), {"output_padding": many}, ValueError, ["output_padding"]),
        ("extra-none", (x, w), {"output_padding": None}, TypeError, ["output_padding", "None"]),
        ("kernel-0", (x, w[..., :0]), {}, ValueError, ["kernel_size", "0"]),
        ("space-0", (x[..., :0], w), {}, ValueError, ["spatial size of 0"]),
        ("list", (x.tolist(), w), {}, TypeError, ["input", "array"]),
    ]


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize(
    "which", range(len(_refusals(*_pair(1)))), ids=[r[0] for r in _refusals(*_pair(1))]
)
def test_refusals_side_by_side(dims: int, which: int) -> None:
    what, args, kwargs, error, words = _refusals(*_pair(dims))[which]
    if what == "padding-all":  # PyTorch's float32 kernel lets this pass, that for float64 does not
        args = tuple(a.astype("float64") for a in args)
    assert_refused(
        partial(OURS[dims], **kwargs), partial(THEIRS[dims], **kwargs), args, error,
        [f"conv_transpose{dims}d", *words],
    )  # fmt: skip


@pytest.mark.parametrize("dims", [1, 2])
def test_a_bias_of_another_dtype_is_refused_where_pytorch_casts_it(dims: int) -> None:
    """PyTorch casts it in one and two dimensions; it refuses in three, and to two-byte floats."""
    x, w = _pair(dims)
    b = np.ones(4)
    assert THEIRS[dims](*map(to_torch, (x, w, b))).dtype == torch.float32
    with pytest.raises(TypeError, match=r"bias.dtype=float64"):
        OURS[dims](x, w, b)


def their_shape(
    dims: int, input: tuple[int, ...], weight: tuple[int, ...], arguments: dict[str, Any]
) -> tuple[int, ...] | None:
    """The shape that PyTorch gives, or None where it refuses.

    By meta tensors, which compute nothing, where these check everything; they do not look at
    negative padding, large output_padding, empty sizes and channels, and there PyTorch computes.
    """
    sizes = list(
        zip(
            input[-dims:],
            weight[2:],
            *(arguments[k] for k in ("stride", "padding", "output_padding", "dilation")),
            strict=True,
        )
    )
    outputs = [(n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, k, s, p, e, d in sizes]
    if any(s < 1 or p < 0 or e >= max(s, d) for _, _, s, p, e, d in sizes):
        input = tuple(n or 1 for n in input)  # in front of an empty batch nothing is checked
        where: dict[str, Any] = {"dtype": torch.float64}
    else:
        fits = weight[0] % arguments["groups"] == 0 and input[-dims - 1] == weight[0]
        fits &= min(*outputs, *input[-dims:]) > 0
        where = {"device": "meta"} if fits else {"dtype": torch.float64}
    try:
        x, w = (torch.zeros(shape, **where) for shape in (input, weight))
        return tuple(THEIRS[dims](x, w, **arguments).shape)
    except RuntimeError:
        return None


def our_shape(
    input: tuple[int, ...], weight: tuple[int, ...], arguments: dict[str, Any]
) -> tuple[int, ...] | None:
    try:
        return conv.conv_transpose_output_shape(input, weight, **arguments)
    except (ValueError, TypeError) as error:
        if refusal("conv_transpose_output_shape", error):
            return None
        raise


@pytest.mark.parametrize("case", TRANSPOSED_CASES, ids=str)
def test_shape_of_every_case(case: ConvCase) -> None:
    x, w = torch.ones(case.input), torch.ones(case.weight)
    expected = tuple(THEIRS[case.dims](x, w, **case.arguments).shape)
    assert conv.conv_transpose_output_shape(case.input, case.weight, **case.arguments) == expected


def test_ten_thousand_random_shapes() -> None:
    rng = np.random.default_rng(0)
    accepted = refused = 0
    for _ in range(10_000):
        dims = int(rng.integers(1, 4))
        groups = int(rng.integers(1, 4))
        channels = groups * int(rng.integers(1, 3)) + int(rng.random() < 0.05)
        kernel = tuple(int(k) for k in rng.integers(1, 5, dims))
        weight = (channels, int(rng.integers(1, 3)), *kernel)
        space = tuple(int(n) for n in rng.integers(0 if rng.random() < 0.1 else 1, 12, dims))
        batch = (int(rng.integers(0, 3)),) if rng.random() < 0.8 else ()
        input = (*batch, channels + int(rng.random() < 0.05), *space)
        arguments = {
            "stride": tuple(int(s) for s in rng.integers(1 - (rng.random() < 0.05), 4, dims)),
            "padding": tuple(int(p) for p in rng.integers(-(rng.random() < 0.05), 4, dims)),
            "output_padding": tuple(int(e) for e in rng.integers(0, 2, dims)),
            "dilation": tuple(int(d) for d in rng.integers(1, 4, dims)),
            "groups": groups,
        }
        expected = their_shape(dims, input, weight, arguments)
        assert our_shape(input, weight, arguments) == expected, (input, weight, arguments)
        accepted += expected is not None
        refused += expected is None
    assert min(accepted, refused) > 2_000  # both kinds were drawn


@pytest.mark.parametrize(
    ("input", "weight", "arguments", "words"),
    [
        ((1, 2), (3, 4), {}, r"weight_shape .* \(3, 4\)"),
        ((1, 2, 3), (2, 4, 3), {"padding": "same"}, "padding must be an integer"),
        ((1, 2, 3), (2, 4, 3), {"output_padding": 1}, r"output_padding=\(1,\) with stride=\(1,\)"),
        ((1, 2, 3), (3, 4, 3), {}, r"weight.shape\[0\] = 3 channels, got 2"),
        ((1, 2, 1), (2, 4, 3), {"padding": 3}, r"\+ 1 = -3: input.shape=\(1, 2, 1\)"),
    ],
)
def test_the_helper_refuses(
    input: tuple[int, ...], weight: tuple[int, ...], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=f"^conv_transpose_output_shape: .*{words}"):
        conv.conv_transpose_output_shape(input, weight, **arguments)
