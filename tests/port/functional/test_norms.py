"""Norms beside live PyTorch, and beside float64 NumPy where PyTorch itself loses digits."""

import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional as F

import port.functional as functional
from port.functional import (
    batch_norm,
    batch_norm_update,
    group_norm,
    instance_norm,
    instance_norm_update,
    layer_norm,
    local_response_norm,
    normalize,
    rms_norm,
)
from port.functional._moments import IN_A_ROW, PART, moments
from tests.support.agree import assert_agree, assert_refused, assert_same, draw, to_torch

FLOATING = ("float16", "bfloat16", "float32", "float64")
X = draw(1, (4, 3, 5, 6))
MEAN, WEIGHT, BIAS = draw(2, (3,)), draw(4, (3,)), draw(5, (3,))
VAR = np.abs(draw(3, (3,))) + 0.5


def exact(x: np.ndarray, over: tuple[int, ...]) -> np.ndarray:
    """The normalised input, by the definition in float64."""
    wide = x.astype("float64")
    centred = wide - wide.mean(over, keepdims=True)
    return centred / np.sqrt((centred**2).mean(over, keepdims=True) + 1e-5)


# Batch and instance norm: running statistics.

BATCH = ("batch_norm", batch_norm, batch_norm_update, F.batch_norm, "training")
INSTANCE = (
    "instance_norm",
    instance_norm,
    instance_norm_update,
    F.instance_norm,
    "use_input_stats",
)


@pytest.mark.parametrize(("name", "ours", "update", "theirs", "switch"), [BATCH, INSTANCE])
@pytest.mark.parametrize(
    ("momentum", "dtype"),
    [*((m, "float64") for m in (0.0, 1.0, 0.7, -0.5)), *((0.1, dtype) for dtype in FLOATING)],
)
def test_running_statistics(
    name: str, ours: Any, update: Any, theirs: Any, switch: str, momentum: float, dtype: str
) -> None:
    x, mean, var, w, b = (a.astype(jnp.dtype(dtype)) for a in (X, MEAN, VAR, WEIGHT, BIAS))
    tensors = [to_torch(a) for a in (mean, var, w, b)]
    options = {switch: True, "momentum": momentum}
    expected = theirs(to_torch(x), *tensors, **options)
    for function in (ours, update):
        found = jax.jit(partial(function, **options))(x, mean, var, w, b)
        for mine, right in zip(found, (expected, *tensors[:2]), strict=True):
            assert_same(mine, right, name)


@pytest.mark.parametrize(("name", "ours", "update", "theirs", "switch"), [BATCH, INSTANCE])
def test_with_running_statistics_or_without(
    name: str, ours: Any, update: Any, theirs: Any, switch: str
) -> None:
    fixed = {switch: False, "eps": 0.0}
    for arguments in ((MEAN, VAR), (MEAN, VAR, WEIGHT), (MEAN, VAR, WEIGHT, BIAS)):
        right = theirs(to_torch(X), *map(to_torch, arguments), **fixed)
        assert_same(ours(X, *arguments, **fixed), right, name)
        y, mean, var = update(X, *arguments, **fixed)
        assert_same(y, right, name)
        np.testing.assert_array_equal(mean, MEAN)
        np.testing.assert_array_equal(var, VAR)
    own = {switch: True}
    right = theirs(to_torch(X), None, None, to_torch(WEIGHT), None, **own)
    assert_same(ours(X, None, None, WEIGHT, None, **own), right, name)
    y, mean, var = update(X, None, None, WEIGHT, None, **own)
    assert_same(y, right, name)
    assert mean is None
    assert var is None


def test_the_defaults_are_those_of_pytorch() -> None:
    assert_same(batch_norm(X, MEAN, VAR), F.batch_norm(*map(to_torch, (X, MEAN, VAR))))
    assert_same(instance_norm(X), F.instance_norm(to_torch(X)))


@pytest.mark.parametrize(("name", "ours", "update", "theirs", "switch"), [BATCH, INSTANCE])
@pytest.mark.parametrize("own", [False, True])
def test_gradients_in_both_modes(
    name: str, ours: Any, update: Any, theirs: Any, switch: str, own: bool
) -> None:
    options = {switch: own}
    assert_agree(
        lambda x, w, b: update(x, MEAN, VAR, w, b, **options)[0],
        lambda x, w, b: theirs(x, to_torch(MEAN), to_torch(VAR), w, b, **options),
        X,
        WEIGHT,
        BIAS,
    )


@pytest.mark.parametrize(("name", "ours", "update", "theirs", "switch"), [BATCH, INSTANCE])
def test_no_gradient_flows_through_running_statistics(
    name: str, ours: Any, update: Any, theirs: Any, switch: str
) -> None:
    def loss(x: jax.Array, mean: jax.Array, var: jax.Array, own: bool) -> jax.Array:
        y, mean, var = update(x, mean, var, **{switch: own})
        return (mean * 3 + var * 5).sum() + (0 if own else (y**2).sum())

    of_x, *of_statistics = jax.grad(loss, (0, 1, 2))(X, MEAN, VAR, True)
    assert not any(np.any(g) for g in (of_x, *of_statistics))
    _, *of_fixed = jax.grad(lambda *a: update(*a, **{switch: False})[0].sum(), (0, 1, 2))(
        X, MEAN, VAR
    )
    assert not any(np.any(g) for g in of_fixed)


def test_a_cumulative_average_takes_a_traced_momentum() -> None:
    """What the module does with momentum=None: 1 / number of batches."""
    module = torch.nn.BatchNorm2d(3, momentum=None).double()
    mean, var = np.zeros(3), np.ones(3)
    step = jax.jit(lambda x, m, v, n: batch_norm(x, m, v, training=True, momentum=1.0 / n))
    for n in range(1, 4):
        x = draw(n, (4, 3, 2, 2))
        _, mean, var = step(x, mean, var, n)
        module(to_torch(x))
    assert_same(mean, module.running_mean)
    assert_same(var, module.running_var)


# Dtypes.


@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight:UserWarning")
@pytest.mark.parametrize("dtype", FLOATING)
@pytest.mark.parametrize("other", FLOATING)
def test_parameters_of_another_dtype(dtype: str, other: str) -> None:
    """Taken where PyTorch takes them: float32 beside two bytes; with the same results."""
    x, row = X.astype(jnp.dtype(dtype)), draw(6, (6,)).astype(jnp.dtype(other))
    w, v = WEIGHT.astype(jnp.dtype(other)), VAR.astype(jnp.dtype(other))
    calls: list[tuple[Any, Any, list[Any]]] = [
        (
            partial(batch_norm, training=True),
            partial(F.batch_norm, training=True),
            [None, None, w, w],
        ),
        (batch_norm, F.batch_norm, [v, v, w, w]),
        (batch_norm, F.batch_norm, [v, v, None, w]),
        (instance_norm, F.instance_norm, [None, None, w, None]),
        (group_norm, F.group_norm, [3, w, w]),
        (layer_norm, F.layer_norm, [(6,), row, row]),
        (layer_norm, F.layer_norm, [(6,), None, row]),
        (rms_norm, F.rms_norm, [(6,), row]),
    ]
    for ours, theirs, arguments in calls:
        try:
            right = theirs(to_torch(x), *map(to_torch, arguments))
        except RuntimeError:
            with pytest.raises(TypeError, match="parameters must have input's dtype"):
                jax.eval_shape(lambda: ours(x, *arguments))  # noqa: B023
        else:
            assert_same(ours(x, *arguments), right, str(ours))


def test_mixed_parameters_are_refused() -> None:
    x, w = X.astype("float16"), WEIGHT.astype("float32")
    for arguments in ([None, None, w, w.astype("float16"), True], [w, w, w.astype("float16")]):
        assert_refused(
            batch_norm, F.batch_norm, [x, *arguments], TypeError, ["batch_norm", "float32"]
        )


NORMS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("batch_norm", (None, None), {"training": True}),
    ("group_norm", (3,), {}),
    ("instance_norm", (), {}),
    ("layer_norm", ((6,),), {}),
    ("layer_norm", ((5, 6),), {"eps": 0.1}),
    ("local_response_norm", (2,), {"alpha": 0.5}),
    ("normalize", (), {}),
    ("normalize", (3.0, (1, 2), 0.5), {}),
    ("rms_norm", ((6,),), {}),
    ("rms_norm", ((5, 6),), {"eps": 0.1}),
]


@pytest.mark.parametrize(("name", "arguments", "options"), NORMS)
def test_dtypes_and_gradients(name: str, arguments: Any, options: dict[str, Any]) -> None:
    ours = partial(getattr(functional, name), **options)
    theirs = partial(getattr(F, name), **options)
    for dtype in FLOATING:
        # PyTorch's CPU takes two bytes in three dimensions only: avg_pool3d has none.
        three = name == "local_response_norm" and dtype in ("float16", "bfloat16")
        x = X[..., 0] if three else X
        assert_agree(
            lambda x: ours(x, *arguments),
            lambda x: theirs(x, *arguments),
            x.astype(jnp.dtype(dtype)),
        )
    for dtype in ("int32", "bool", *(() if name in ("rms_norm", "normalize") else ("complex64",))):
        given = np.ones(X.shape).astype(dtype)
        assert_refused(
            lambda x: ours(x, *arguments),
            lambda x: theirs(x, *arguments),
            [given],
            TypeError,
            [f"{name}: ", dtype],
        )


def test_rms_norm_and_normalize_of_complex_numbers() -> None:
    z = draw(1, (3, 4), "complex128")
    assert_agree(lambda z: rms_norm(z, (4,)), lambda z: F.rms_norm(z, (4,)), z)
    assert_agree(normalize, F.normalize, z)


def test_normalize_where_there_is_nothing_to_divide_by() -> None:
    x = np.array([[0.0, 0.0], [3.0, 4.0], [1e-13, 0.0]])
    for p in (1.0, 2.0, 3.0, np.inf):
        assert_agree(partial(normalize, p=p), partial(F.normalize, p=p), x)
    with pytest.raises(ValueError, match="out must be None"):
        normalize(x, out=np.zeros((3, 2)))


# Digits.


@pytest.mark.parametrize("mean", [0.0, 1.0, 1e4, -1e6])
@pytest.mark.parametrize(
    "shape", [(32, 3, 8, 8), (1, 3, 40, 40), (2, 3, 50), (IN_A_ROW + 1, 3, 2), (500, 3)]
)
def test_the_variance_is_exact_at_any_mean(shape: tuple[int, ...], mean: float) -> None:
    """float32 with deviation 1: by the definition in float64, where PyTorch is off by 1e-3."""
    x = (draw(1, shape) + mean).astype("float32")
    over = (0, *range(2, len(shape)))
    zeros = np.zeros(3, "float32")
    y, _, var = batch_norm_update(x, zeros, zeros, None, None, True, 1.0)
    n = x.size / 3
    right = x.astype("float64").var(over) * n / (n - 1)
    # Sums of up to 3200 squares, in rows of 256 at most: a few units in the last place.
    np.testing.assert_allclose(var, right, rtol=1e-6)
    # Units in the last place of 4 deviations.
    np.testing.assert_allclose(y, exact(x, over), rtol=0, atol=3e-6)


def test_pytorch_is_less_exact_there() -> None:
    x = (draw(1, (32, 3, 8, 8)) + 1e4).astype("float32")
    theirs = F.batch_norm(to_torch(x), None, None, training=True).numpy()
    assert np.abs(theirs - exact(x, (0, 2, 3))).max() > 2e-4


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm", "group_norm", "layer_norm"])
def test_gradients_at_a_large_mean(name: str) -> None:
    """float32 at mean 1e4 and deviation 1, against PyTorch in float64."""
    x = (draw(1, (8, 4, 6, 6)) + 1e4).astype("float32")
    w, b = draw(2, (4,)).astype("float32"), draw(3, (4,)).astype("float32")
    if name == "layer_norm":
        w, b = draw(2, (6,)).astype("float32"), draw(3, (6,)).astype("float32")
    lead: tuple[Any, ...] = {"group_norm": (2,), "layer_norm": ((6,),)}.get(name, (None, None))
    more = {"training": True} if name == "batch_norm" else {}
    g = draw(4, x.shape).astype("float32")
    _, pull = jax.vjp(lambda x, w, b: getattr(functional, name)(x, *lead, w, b, **more), x, w, b)
    wide = [to_torch(a.astype("float64"), requires_grad=True) for a in (x, w, b)]
    y = getattr(F, name)(wide[0], *lead, *wide[1:], **more)
    right = torch.autograd.grad(y, wide, to_torch(g.astype("float64")))
    for mine, theirs in zip(pull(g), right, strict=True):
        scale = np.abs(theirs.numpy()).max()
        # Each is a sum of up to 300 terms in float32.
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize("place", [0, -1])
def test_an_outlier_costs_no_digits(place: int) -> None:
    """One element in a million, far away: in the part that the shift is taken from, or not."""
    x = draw(1, (16, 1, 250, 250)).astype("float32")
    x.ravel()[place] = 1e4
    variance = moments(jnp.asarray(x), (0, 2, 3)).variance
    # By the bound in `moments`: PART roundings.
    np.testing.assert_allclose(variance, x.astype("float64").var(), rtol=PART * 6e-8)


def test_a_part_that_is_like_no_other_costs_few_digits() -> None:
    """The worst case of the bound: all that the shift is taken from lies apart."""
    x = draw(1, (PART * 4, 2, 30)).astype("float32")
    x[:4] += 1e5
    found = moments(jnp.asarray(x), (0, 2))
    variance, y = found.variance, found.scaled(jnp.ones(()))
    wide = x.astype("float64")
    # Both terms of the difference are up to PART times the variance, with a few roundings each.
    np.testing.assert_allclose(variance.ravel(), wide.var((0, 2)), rtol=5 * PART * 6e-8)
    assert np.abs(y - (wide - wide.mean((0, 2), keepdims=True))).max() < 0.05


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("place", [0, -1])
def test_what_is_not_finite_stays_in_its_channel(value: float, place: int) -> None:
    x = draw(1, (16, 3, 5)).astype("float32")
    x[:, 1].flat[0] = 0
    x[place, 1, place] = value
    zeros, ones = np.zeros(3, "float32"), np.ones(3, "float32")
    tensors = [to_torch(zeros), to_torch(ones)]
    right = F.batch_norm(to_torch(x), *tensors, training=True)
    found = batch_norm(x, zeros, ones, training=True)
    for mine, theirs in zip(found, (right, *tensors), strict=True):
        keep = [0, 2]
        lone = mine[:, keep] if mine.ndim > 1 else mine[jnp.array(keep)]
        their_lone = theirs[:, keep] if theirs.ndim > 1 else theirs[keep]
        assert_same(lone, their_lone)
    if not np.isfinite(value):
        assert_same(found[0], right)
        assert_same(found[1], tensors[0])
        assert_same(found[2], tensors[1])


def test_a_constant_channel() -> None:
    """Variance 0, never below: y is b, the gradient 0, the second gradient PyTorch's."""
    x = np.full((6, 2, 5), 0.1, "float32")
    c = np.ones(2, "float32")
    y, mean, var = batch_norm(x, c, c, training=True, momentum=1.0)
    assert (var >= 0).all()
    np.testing.assert_allclose(var, 0, atol=1e-14)
    np.testing.assert_allclose(mean, 0.1, rtol=1e-6)
    np.testing.assert_allclose(y, 0, atol=1e-4)
    # 0.5, of which sums have no rounding that the division by sqrt(eps) would magnify.
    wide, g, t = np.full(x.shape, 0.5), draw(1, x.shape), draw(2, x.shape)
    tensor, cotangent = to_torch(wide, True), to_torch(g)
    out = F.batch_norm(tensor, None, None, training=True)
    (first,) = torch.autograd.grad((out**2 * cotangent).sum(), tensor, create_graph=True)
    (second,) = torch.autograd.grad(first, tensor, to_torch(t))
    gradient = jax.grad(lambda x: (batch_norm(x, None, None, training=True) ** 2 * g).sum())
    mine, mine_second = jax.jvp(gradient, (jnp.asarray(wide),), (jnp.asarray(t),))
    assert_same(mine, first)
    assert_same(mine_second, second)


# Programs.


@pytest.mark.optimised
def test_the_data_are_read_once_for_both_sums() -> None:
    shape = (8, 16, 32, 32)
    x, c = jnp.ones(shape, "float32"), jnp.ones(16, "float32")
    program = jax.jit(partial(batch_norm, training=True)).lower(x, c, c, c, c).compile().as_text()
    entry = program[program.index("ENTRY") :]
    (name,) = re.findall(r"(%\S+) = f32\[8,16,32,32\]\S* parameter\(0\)", entry)
    readers = [line for line in entry.splitlines() if name in line and "parameter(0)" not in line]
    # A part for the shift, the sums, the output.
    assert len(readers) == 3, readers
    whole = [line for line in readers if re.search(r"= \(?f32\[16,32,32\]", line)]
    assert len(whole) == 1, readers
    assert whole[0].count("f32[16,32,32]") == 2
    large = [line for line in entry.splitlines() if re.search(r"= f32\[8,16,32,32\]", line)]
    assert len(large) == 2, large  # the input and the output: nothing between is kept


def test_under_vmap_and_scan() -> None:
    x = draw(1, (3, *X.shape))
    for name, arguments, options in NORMS:
        ours = partial(getattr(functional, name), **options)
        right = torch.stack([getattr(F, name)(row, *arguments, **options) for row in to_torch(x)])
        assert_same(jax.jit(jax.vmap(lambda x: ours(x, *arguments)))(x), right, name)  # noqa: B023
    _, over_time = jax.lax.scan(
        lambda state, x: (batch_norm(x, *state, training=True)[1:], state), (MEAN, VAR), x
    )
    mean, var = to_torch(MEAN), to_torch(VAR)
    for i, row in enumerate(to_torch(x)):
        np.testing.assert_allclose(over_time[0][i], mean)
        np.testing.assert_allclose(over_time[1][i], var)
        F.batch_norm(row, mean, var, training=True)


def test_spread_over_devices_the_statistics_are_of_the_whole_batch() -> None:
    """On eight devices as on one; and what goes between them is small beside the data."""
    command = [sys.executable, "-m", "tests.support.sharded_norm"]
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    root = Path(functional.__file__).parents[2]
    done = subprocess.run(
        command, env=environment, cwd=root, capture_output=True, text=True, timeout=600, check=True
    )
    found = json.loads(done.stdout)
    # Sums of 18 432 terms in another order.
    assert found["apart"] < 1e-5
    assert "all-reduce" in found["collectives"]
    assert found["bytes"] < 32 * 16 * 24 * 24 * 4


@pytest.mark.parametrize(("platform", "together"), [("cpu", True), ("cuda", False), ("tpu", False)])
def test_one_reduction_of_both_sums_is_for_cpus_only(platform: str, together: bool) -> None:
    """Elsewhere XLA joins two itself, and adds up over devices what it could not join."""
    x, c = np.ones((8, 3, 4, 4), "float32"), np.ones(3, "float32")
    program = jax.jit(partial(batch_norm, training=True))
    text = jax.export.export(program, platforms=[platform])(x, c, c).mlir_module()
    pairs = re.findall(r"-> \(tensor<3x4x4xf32>, tensor<3x4x4xf32>\)", text)
    assert bool(pairs) is together


# Shapes, and what is refused.


@pytest.mark.parametrize("shape", [(0, 3, 4), (4, 3, 0), (4, 0, 3), (0, 3)])
def test_empty_inputs(shape: tuple[int, ...]) -> None:
    x, c = np.ones(shape), np.ones(shape[1])
    tensors = [to_torch(c), to_torch(c)]
    found = batch_norm(x, c, c, training=True)
    right = F.batch_norm(to_torch(x), *tensors, training=True)
    for mine, theirs in zip(found, (right, *tensors), strict=True):
        assert_same(mine, theirs)
    assert_same(batch_norm(x, c, c), F.batch_norm(to_torch(x), *tensors))
    if shape[1]:
        assert_same(group_norm(x, 3), F.group_norm(to_torch(x), 3))
    if len(shape) > 2:
        assert_same(instance_norm(x), F.instance_norm(to_torch(x)))
        assert_same(local_response_norm(x, 2), F.local_response_norm(to_torch(x), 2))
    assert_same(layer_norm(x, shape[-1:]), F.layer_norm(to_torch(x), shape[-1:]))
    assert_same(rms_norm(x, shape[-1:]), F.rms_norm(to_torch(x), shape[-1:]))


@pytest.mark.parametrize("size", [1, 2, 3, 6, 9])
@pytest.mark.parametrize("shape", [(2, 6, 3), (2, 6, 3, 4), (1, 6, 2, 2, 2), (1, 6, 2, 1, 2, 2)])
def test_local_response_norm(shape: tuple[int, ...], size: int) -> None:
    assert_agree(
        lambda x: local_response_norm(x, size, 0.3, 0.5, 2.0),
        lambda x: F.local_response_norm(x, size, 0.3, 0.5, 2.0),
        draw(1, shape),
    )


def test_local_response_norm_of_zeros_without_k() -> None:
    for beta in (0.75, 1.0, 2.0):
        assert_agree(
            lambda x: local_response_norm(x, 3, 1.0, beta, 0.0),  # noqa: B023
            lambda x: F.local_response_norm(x, 3, 1.0, beta, 0.0),  # noqa: B023
            np.array([[[0.0], [0.0], [0.0], [1.0], [2.0]]]),
        )


C = np.ones(3)
REFUSED: list[tuple[str, tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    ("batch_norm", (X[:1, :, :1, :1], None, None), {"training": True}, ValueError, "(1, 3, 1, 1)"),
    ("batch_norm", (X, None, None), {}, ValueError, "running_mean=None"),
    ("batch_norm", (X, C, None), {"training": True}, ValueError, "running_var=None alone"),
    ("batch_norm", (X, None, C), {}, ValueError, "running_mean=None alone"),
    ("batch_norm", (X, np.ones(4), np.ones(4)), {}, ValueError, "running_mean.shape=(4,)"),
    ("batch_norm", (X, None, None, np.ones(4)), {"training": True}, ValueError, "weight.shape"),
    ("batch_norm", (X, C, C, C, np.ones(2)), {}, ValueError, "bias.shape=(2,)"),
    ("batch_norm", (X[0, 0, 0], None, None), {"training": True}, ValueError, "(6,)"),
    ("batch_norm", (X, C, C), {"training": 1}, TypeError, "training=1"),
    ("batch_norm", (X, C, C), {"training": True, "momentum": None}, TypeError, "momentum=None"),
    ("batch_norm", (X, None, None), {"training": True, "eps": 0.0}, ValueError, "eps=0.0"),
    ("batch_norm", (X, C, C), {"eps": -1.0}, ValueError, "eps=-1.0"),
    ("instance_norm", (X[:, :, :1, :1],), {}, ValueError, "(4, 3, 1, 1)"),
    ("instance_norm", (X[0, 0],), {}, ValueError, "(5, 6)"),
    ("instance_norm", (X,), {"use_input_stats": False}, ValueError, "running_mean=None"),
    ("instance_norm", (X, C), {}, ValueError, "running_var=None alone"),
    ("instance_norm", (X, None, None, np.ones(4)), {}, ValueError, "weight.shape=(4,)"),
    ("instance_norm", (X,), {"use_input_stats": "yes"}, TypeError, "use_input_stats='yes'"),
    ("group_norm", (X, 0), {}, ValueError, "num_groups=0"),
    ("group_norm", (X, 2), {}, ValueError, "num_groups=2"),
    ("group_norm", (X, -1), {}, ValueError, "num_groups=-1"),
    ("group_norm", (X, 3.0), {}, TypeError, "num_groups=3.0"),
    ("group_norm", (X, True), {}, TypeError, "num_groups=True"),
    ("group_norm", (X, 3, np.ones(4)), {}, ValueError, "weight.shape=(4,)"),
    ("group_norm", (X, 3, None, np.ones((3, 1))), {}, ValueError, "bias.shape=(3, 1)"),
    ("group_norm", (X[0, 0, 0], 1), {}, ValueError, "(6,)"),
    ("group_norm", (X[:1, :, 0, 0], 3), {}, ValueError, "(1, 3)"),
    ("layer_norm", (X, 6), {}, TypeError, "normalized_shape=6"),
    ("layer_norm", (X, []), {}, ValueError, "normalized_shape=[]"),
    ("layer_norm", (X, [5]), {}, ValueError, "normalized_shape=[5]"),
    ("layer_norm", (X, [1, 4, 3, 5, 6]), {}, ValueError, "input.shape=(4, 3, 5, 6)"),
    ("layer_norm", (X, [6], np.ones((5, 6))), {}, ValueError, "weight.shape=(5, 6)"),
    ("layer_norm", (X, [6], None, np.ones(5)), {}, ValueError, "bias.shape=(5,)"),
    ("layer_norm", (X, [6.0]), {}, TypeError, "normalized_shape[0]=6.0"),
    ("rms_norm", (X, [5]), {}, ValueError, "normalized_shape=[5]"),
    ("rms_norm", (X, [6], np.ones(5)), {}, ValueError, "weight.shape=(5,)"),
    ("local_response_norm", (X[0, 0], 2), {}, ValueError, "(5, 6)"),
    ("local_response_norm", (X, 0), {}, ValueError, "size=0"),
    ("local_response_norm", (X, -1), {}, ValueError, "size=-1"),
    ("local_response_norm", (X, 2.0), {}, TypeError, "size=2.0"),
    ("local_response_norm", (X, 2), {"alpha": "1"}, TypeError, "alpha='1'"),
    ("normalize", (X,), {"dim": 4}, ValueError, "dim=4"),
    ("normalize", (X[0, 0, 0],), {}, ValueError, "dim=1"),
    ("normalize", (X,), {"eps": None}, TypeError, "eps=None"),
]


@pytest.mark.parametrize(("name", "arguments", "options", "error", "word"), REFUSED)
def test_refusals(
    name: str, arguments: Any, options: dict[str, Any], error: type[Exception], word: str
) -> None:
    assert_refused(
        partial(getattr(functional, name), **options),
        partial(getattr(F, name), **options),
        arguments,
        error,
        [f"{name}: ", word],
    )


@pytest.mark.parametrize(("name", "arguments", "options"), NORMS)
def test_arrays_are_asked_for(name: str, arguments: Any, options: dict[str, Any]) -> None:
    for value in ([[1.0, 2.0]], 1.0, None, "x"):
        with pytest.raises(TypeError, match=f"^{name}: input must be an array"):
            getattr(functional, name)(value, *arguments, **options)
