"""Training and evaluation, in trees that mix these modules with flax's; norms step by step."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx

import port
from tests.support.agree import assert_same, draw, to_torch


class Net(nnx.Module):
    """A flax module that holds both kinds."""

    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.ours = port.Sequential(port.BatchNorm1d(3), port.Dropout(0.5, rngs=rngs))
        self.flax = nnx.List([nnx.BatchNorm(3, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)])
        self.inner = Inner()


class Inner(port.Module):
    """One of ours, with a flax module in it."""

    def __init__(self) -> None:
        self.norm = nnx.BatchNorm(3, rngs=nnx.Rngs(0))
        self.act = port.RReLU()

    def forward(self) -> bool:
        return self.training


def modes(net: Net) -> list[bool]:
    return [
        net.ours[0].training,
        net.ours[1].training,
        not net.flax[0].use_running_average,
        not net.flax[1].deterministic,
        net.inner.training,
        not net.inner.norm.use_running_average,
        net.inner.act.training,
        net.ours.training,
    ]


def test_modes_reach_the_whole_tree_from_either_side() -> None:
    net = Net()
    assert all(modes(net))
    net.eval()  # flax's own
    assert not any(modes(net))
    net.train()
    assert all(modes(net))
    assert net.inner.eval() is net.inner  # this package's
    assert modes(net) == [True, True, True, True, False, False, False, True]
    assert net.inner.train(True)() is True
    assert net.inner.train(False)() is False
    net.inner.training = True
    assert net.inner() is True
    view = nnx.view(net, deterministic=True, use_running_average=True)
    assert not any(modes(view))
    assert modes(net)[:5] == [True] * 5
    merged = nnx.merge(*nnx.split(view))
    assert not any(modes(merged))


def test_norms_can_be_frozen_apart_from_the_rest() -> None:
    net = Net()
    net.set_attributes(use_running_average=True)
    assert modes(net) == [False, True, False, True, True, False, True, True]
    net.train()
    net.ours[0].training = False
    assert modes(net) == [False, *[True] * 7]
    net.ours[0].eval().train()
    assert all(modes(net))


def test_a_mode_is_a_bool_as_in_pytorch() -> None:
    with pytest.raises(ValueError, match="boolean"):
        torch.nn.ReLU().train(1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="train: mode must be a bool, got mode=1"):
        port.ReLU().train(1)  # type: ignore[arg-type]


@pytest.mark.parametrize("momentum", [0.3, None, 0.0, 1.0])
@pytest.mark.parametrize("jitted", [True, False])
def test_running_statistics_over_several_batches(momentum: float | None, jitted: bool) -> None:
    theirs = torch.nn.BatchNorm1d(3, momentum=momentum, dtype=torch.float64)
    ours = port.BatchNorm1d(3, momentum=momentum, dtype=jnp.float64)
    call: Any = nnx.jit(lambda m, x: m(x)) if jitted else (lambda m, x: m(x))
    for step in range(4):
        x = draw(step, (5, 3)) * (step + 1) + step
        assert_same(call(ours, x), theirs(to_torch(x)), f"step {step}")
        for name, value in theirs.named_buffers():
            assert_same(port.state_dict(ours)[name], value, f"{name} in step {step}")
    x = draw(9, (5, 3))
    ours.eval()
    theirs.eval()
    assert_same(call(ours, x), theirs(to_torch(x)))
    assert ours.num_batches_tracked[...] == 4
    ours.reset_running_stats()
    theirs.reset_running_stats()
    for name, value in theirs.named_buffers():
        assert_same(port.state_dict(ours)[name], value, name)


def test_running_statistics_that_are_no_longer_tracked() -> None:
    """Set after the fact: training leaves the buffers alone, evaluation still takes them."""
    theirs = torch.nn.BatchNorm2d(2, dtype=torch.float64)
    ours = port.BatchNorm2d(2, dtype=jnp.float64)
    x = 3 * draw(0, (4, 2, 3, 3)) + 1
    for norm in (theirs, ours):
        norm(to_torch(x) if norm is theirs else x)
        norm.track_running_stats = False
    assert_same(ours(x + 1), theirs(to_torch(x + 1)))
    for name, value in theirs.named_buffers():
        assert_same(port.state_dict(ours)[name], value, name)
    assert_same(ours.eval()(x), theirs.eval()(to_torch(x)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_two_bytes_with_parameters_of_four(dtype: str) -> None:
    theirs, ours = torch.nn.BatchNorm2d(3), port.BatchNorm2d(3)
    x = (10 * draw(0, (4, 3, 5, 5)) + 3).astype(jnp.dtype(dtype))
    assert_same(ours(x), theirs(to_torch(x)))
    for name, value in theirs.named_buffers():
        assert_same(port.state_dict(ours)[name], value, name)


def test_gradients_with_buffers_that_change() -> None:
    """nnx.grad of a module in training: gradients of parameters, and buffers that move on."""
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3)).double()
    wide = {"dtype": jnp.float64, "rngs": nnx.Rngs(0)}
    ours = port.Sequential(port.Linear(4, 3, **wide), port.BatchNorm1d(3, **wide))
    port.load_state_dict(ours, theirs.state_dict())
    x = draw(0, (5, 4))
    (theirs(to_torch(x)) ** 3).sum().backward()
    gradients = nnx.jit(nnx.grad(lambda m, x: (m(x) ** 3).sum()))(ours, x)
    assert_same(gradients["1"].weight[...], theirs[1].weight.grad)
    # A bias before a norm: its gradient is rounding on both sides.
    assert_same(gradients["0"].weight[...], theirs[0].weight.grad, scale=10)
    for name, value in theirs.named_buffers():
        assert_same(port.state_dict(ours)[name], value, name)


def test_a_table_with_max_norm_is_scaled_by_a_call() -> None:
    theirs = torch.nn.Embedding(5, 3, max_norm=0.5, dtype=torch.float64)
    ours = port.Embedding(5, 3, max_norm=0.5, dtype=jnp.float64, rngs=nnx.Rngs(0))
    port.load_state_dict(ours, theirs.state_dict())
    indices = np.array([1, 3, 3])
    theirs(to_torch(indices)).sum().backward()
    gradients = nnx.grad(lambda m: m(indices).sum())(ours)
    assert_same(gradients.weight[...], theirs.weight.grad)
    assert_same(ours.weight[...], theirs.weight)


def test_a_table_that_is_given() -> None:
    table = draw(0, (5, 3))
    theirs = torch.nn.Embedding.from_pretrained(to_torch(table), padding_idx=-1)
    ours = port.Embedding.from_pretrained(table, padding_idx=-1)
    assert ours.padding_idx == theirs.padding_idx
    assert_same(ours(np.array([4, 0])), theirs(torch.tensor([4, 0])))
    assert not theirs.weight.requires_grad
    assert not jax.tree.leaves(nnx.state(ours, nnx.Param))
    free = port.Embedding.from_pretrained(table, freeze=False)
    assert len(jax.tree.leaves(nnx.state(free, nnx.Param))) == 1
    assert list(port.state_dict(ours)) == list(theirs.state_dict())
    with pytest.raises(ValueError, match=r"embeddings must have two dimensions"):
        port.Embedding.from_pretrained(table[0])


def test_another_number_of_channels_without_parameters_is_a_warning() -> None:
    x = draw(0, (2, 4, 5))
    with pytest.warns(UserWarning, match="num_features"):
        theirs = torch.nn.InstanceNorm1d(3)(to_torch(x))
    with pytest.warns(UserWarning, match="must have num_features=3 channels, got 4"):
        ours = port.InstanceNorm1d(3)(x)
    assert_same(ours, theirs)


ONE = np.ones((1, 3))
REFUSED: list[tuple[str, tuple[Any, ...], dict[str, Any], Any, type[Exception], str]] = [
    ("BatchNorm1d", (3,), {}, np.ones((2, 3, 4, 5)), ValueError, r"2D or 3D input \(got 4D"),
    ("BatchNorm2d", (3,), {}, np.ones((2, 3, 4)), ValueError, r"expected 4D input \(got 3D input"),
    ("BatchNorm3d", (3,), {}, np.ones((2, 3, 4)), ValueError, r"expected 5D input \(got 3D input"),
    ("BatchNorm1d", (3,), {}, ONE, ValueError, "more than 1 value per channel"),
    ("BatchNorm1d", (3,), {}, np.ones((4, 2)), ValueError, "running_mean"),
    ("BatchNorm1d", (3,), {"affine": False}, np.ones((4, 3), int), TypeError, "int64"),
    ("InstanceNorm1d", (3,), {}, np.ones(3), ValueError, r"2D or 3D input \(got 1D input"),
    ("InstanceNorm2d", (3,), {"affine": True}, np.ones((2, 4, 5, 5)), ValueError, "channels"),
    ("InstanceNorm1d", (3,), {}, np.ones((2, 3, 1)), ValueError, "more than 1 spatial element"),
    ("LayerNorm", ((3, 4),), {}, np.ones((2, 3)), ValueError, "normalized_shape"),
    ("GroupNorm", (2, 4), {}, np.ones((2, 6, 3)), ValueError, "weight"),
    ("Linear", (3, 2), {}, np.ones((2, 4)), ValueError, "input"),
    ("Flatten", (2, 1), {}, np.ones((2, 3, 4)), ValueError, "start_dim must not come after"),
    ("Flatten", (4,), {}, np.ones((2, 3, 4)), ValueError, "start_dim must be from -3 to 2"),
    ("Unflatten", (1, (2, 2)), {}, np.ones((2, 6)), ValueError, "must have the product 6"),
    ("Unflatten", (1, (-1, -1)), {}, np.ones((2, 6)), ValueError, "must have the product 6"),
    ("Unflatten", (1, (4, -1)), {}, np.ones((2, 6)), ValueError, "must have the product 6"),
    ("Softmax2d", (), {}, np.ones((2, 6)), ValueError, "three or four dimensions"),
    ("CircularPad1d", (1,), {}, np.ones((2, 3, 4, 5)), ValueError, "pad: mode='circular'"),
    ("Upsample", (), {}, np.ones((2, 3, 4)), ValueError, "size"),
]


@pytest.mark.parametrize(("name", "args", "kwargs", "x", "error", "words"), REFUSED)
def test_refused_when_called(
    name: str, args: Any, kwargs: Any, x: Any, error: type[Exception], words: str
) -> None:
    theirs = getattr(torch.nn, name)(*args, **kwargs).double()
    with pytest.raises((ValueError, RuntimeError, IndexError, TypeError)):
        theirs(to_torch(x))
    extra = {"rngs": nnx.Rngs(0)} if name == "Linear" else {}
    if theirs.state_dict():
        extra["dtype"] = jnp.float64
    ours = getattr(port, name)(*args, **kwargs, **extra)
    with pytest.raises(error, match=words):
        jax.eval_shape(lambda: nnx.clone(ours)(x))


@pytest.mark.parametrize(
    ("name", "args", "error", "words"),
    [
        ("GroupNorm", (3, 4), ValueError, "num_channels must be a multiple of num_groups"),
        ("Dropout", (1.5,), ValueError, "Dropout: p must be between 0 and 1, got p=1.5"),
        ("Dropout2d", (-0.1,), ValueError, "p must be between 0 and 1"),
        ("Embedding", (3, 2, 3), ValueError, "padding_idx must be from -3 to 2"),
        ("Bilinear", (0, 2, 3), ValueError, "in1_features must be positive"),
        ("Unflatten", (1, 6), TypeError, "unflattened_size must be a tuple of integers"),
        ("Hardtanh", (1.0, 1.0), ValueError, "max_val must be above min_val"),
        ("Linear", (2.0, 3), TypeError, "in_features must be an integer"),
        ("LayerNorm", (2.0,), TypeError, "normalized_shape must be an integer"),
        ("BatchNorm1d", ("3",), TypeError, "num_features must be an integer"),
        ("Sigmoid", (1,), TypeError, "argument"),
    ],
)
def test_refused_when_made(name: str, args: Any, error: type[Exception], words: str) -> None:
    with pytest.raises((ValueError, TypeError, AssertionError)):
        getattr(torch.nn, name)(*args)
    extra = {"rngs": nnx.Rngs(0)} if name in ("Linear", "Embedding", "Bilinear") else {}
    with pytest.raises(error, match=words):
        getattr(port, name)(*args, **extra)


def test_dtypes_of_parameters_that_are_refused() -> None:
    for name, args in (("Linear", (2, 3)), ("BatchNorm1d", (3,)), ("LayerNorm", (3,))):
        extra = {"rngs": nnx.Rngs(0)} if name == "Linear" else {}
        with pytest.raises(TypeError, match="dtype must be one of float16"):
            getattr(port, name)(*args, dtype=jnp.int32, **extra)
