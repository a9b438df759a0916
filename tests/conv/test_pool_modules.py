"""The nnx modules of pools, pads, folding and unpooling beside torch.nn's."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx

import conv
from port import state_dict
from tests.support.agree import assert_same, draw, to_torch

SPACE = {1: (8,), 2: (7, 6), 3: (5, 6, 4)}
FAMILIES: dict[str, list[tuple[Any, ...]]] = {
    "MaxPool": [(2,), (3, 2, 1), (2, 1, 0, 2, True, True), (3, 2, 1, 1, True)],
    "AvgPool": [(2,), (3, 2, 1, True, False)],
    "AdaptiveAvgPool": [(3,), (1,)],
    "AdaptiveMaxPool": [(3,), (2, True)],
    "LPPool": [(2, 2), (3, 2, 1, True)],
    "ConstantPad": [(1, 0.5), (2, -3)],
    "ZeroPad": [(2,)],
    "ReflectionPad": [(1,)],
    "ReplicationPad": [(2,)],
    "CircularPad": [(1,)],
}
CASES = [
    (f"{name}{n}d", n, args)
    for name, every in FAMILIES.items()
    for n in (1, 2, 3)
    for args in every
]
CASES += [
    ("MaxPool2d", 2, ((3, 2), (2, 1), (1, 0))),
    ("AvgPool2d", 2, ((3, 2), None, (1, 0), False, True, 3)),
    ("AvgPool3d", 3, (2, [1, 2, 1], 0, False, True, -2)),
    ("AdaptiveAvgPool2d", 2, ((None, 4),)),
    ("AdaptiveMaxPool3d", 3, ([2, None, 3],)),
    ("LPPool2d", 2, (float("inf"), (2, 3))),
    *((f"{name}Pad1d", 1, ((2, -1),)) for name in ("Zero", "Reflection", "Replication")),
    *((f"{name}Pad2d", 2, ((1, 0, 2, 1),)) for name in ("Zero", "Reflection", "Circular")),
    ("ConstantPad3d", 3, ((1, 0, 2, 1, 0, 1), 2.5)),
    ("Unfold", 2, (2,)),
    ("Unfold", 2, ((2, 3), 1, (1, 0), 2)),
]


@pytest.mark.parametrize(("name", "dims", "args"), CASES, ids=[f"{c[0]}{c[2]}" for c in CASES])
def test_call(name: str, dims: int, args: tuple[Any, ...]) -> None:
    ours, theirs = getattr(conv, name)(*args), getattr(torch.nn, name)(*args)
    for lead in ((2, 3), (3,)):
        x = draw(0, (*lead, *SPACE[dims]))
        found, right = nnx.jit(lambda m, x: m(x))(ours, x), theirs(to_torch(x))
        pairs = zip(found, right, strict=True) if isinstance(right, tuple) else [(found, right)]
        for mine, other in pairs:
            assert_same(mine, other)


MODULES = [f"{name}{n}d" for name in FAMILIES for n in (1, 2, 3)]
MODULES += [f"MaxUnpool{n}d" for n in (1, 2, 3)] + ["FractionalMaxPool2d", "FractionalMaxPool3d"]
MODULES += ["Fold", "Unfold"]


@pytest.mark.parametrize("name", MODULES)
def test_signature_is_pytorchs(name: str) -> None:
    mine = inspect.signature(getattr(conv, name)).parameters
    theirs = inspect.signature(getattr(torch.nn, name)).parameters
    assert [n for n in mine if n != "rngs"] == list(theirs)
    assert [mine[n].default for n in theirs] == [p.default for p in theirs.values()]
    assert f"Reference: torch.nn.{name}." in getattr(conv, name).__doc__


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_unpool(dims: int) -> None:
    x = draw(0, (2, 3, *SPACE[dims]))
    sizes: list[dict[str, Any]] = [{"output_size": x.shape[2:]}, {"output_size": list(x.shape)}]
    for args in ((2,), (3, 2, 1)):
        pool = getattr(torch.nn, f"MaxPool{dims}d")(*args, return_indices=True)
        values, indices = pool(to_torch(x))
        ours, theirs = (getattr(side, f"MaxUnpool{dims}d")(*args) for side in (conv, torch.nn))
        for size in sizes:
            found = nnx.jit(lambda m, v, i, size=size: m(v, i, **size))(
                ours, values.numpy(), indices.numpy()
            )
            assert_same(found, theirs(values, indices, **size))


def test_fold() -> None:
    for args in (((6, 7), 2), ((6, 7), (2, 3), 1, (1, 0), 2)):
        unfold = torch.nn.Unfold(*args[1:])
        columns = unfold(to_torch(draw(0, (2, 3, 6, 7))))
        assert_same(conv.Fold(*args)(columns.numpy()), torch.nn.Fold(*args)(columns))


@pytest.mark.parametrize("dims", [2, 3])
def test_fractional_pool(dims: int) -> None:
    x = draw(0, (2, 3, *(7, 6, 8)[:dims]))
    u = np.random.default_rng(0).uniform(size=(2, 3, dims))
    ours, theirs = (getattr(side, f"FractionalMaxPool{dims}d") for side in (conv, torch.nn))
    for sizes in ({"output_size": 3}, {"output_ratio": 0.5}):
        right = theirs(2, **sizes, return_indices=True, _random_samples=to_torch(u))(to_torch(x))
        found = ours(2, **sizes, return_indices=True, _random_samples=u)(x)
        for mine, other in zip(found, right, strict=True):
            assert_same(mine, other)
    drawn = ours(2, output_size=3, rngs=nnx.Rngs(0))
    assert any(not np.array_equal(drawn(x), drawn(x)) for _ in range(5))
    assert nnx.jit(lambda m, x: m(x))(drawn, x).shape == (2, 3, *(3,) * dims)
    wrong: list[dict[str, Any]] = [{}, {"output_size": 3, "output_ratio": 0.5}]
    wrong += [{"output_ratio": 1.5}, {"output_ratio": 0.0}]
    for sizes in wrong:
        with pytest.raises(ValueError):  # noqa: PT011 - PyTorch's words are its own
            theirs(2, **sizes)
        with pytest.raises(ValueError, match=rf"^FractionalMaxPool{dims}d: .*output_ratio"):
            ours(2, **sizes, _random_samples=u)


@pytest.mark.parametrize("dims", [2, 3])
def test_chance_of_a_fractional_pool(dims: int) -> None:
    """A stream of its own, or one of the call; samples that are given are a buffer."""
    x = draw(0, (2, 3, *(7, 6, 8)[:dims]))
    ours, theirs = (getattr(side, f"FractionalMaxPool{dims}d") for side in (conv, torch.nn))
    rngs = nnx.Rngs(0)
    pool = ours(2, output_size=3, rngs=rngs)
    several = [np.asarray(nnx.jit(lambda m, x: m(x))(pool, x)) for _ in range(5)]
    assert any(not np.array_equal(several[0], one) for one in several)
    for one in several:
        assert one.shape == (2, 3, *(3,) * dims)
    key = jax.random.key(3)
    u = jax.random.uniform(key, (2, 3, dims), x.dtype)
    expected = theirs(2, output_size=3, _random_samples=to_torch(u))
    for source in (key, nnx.RngStream(key, tag="windows"), nnx.Rngs(windows=key)):
        if isinstance(source, jax.Array):
            assert_same(pool(x, rngs=source), expected(to_torch(x)))
        else:
            assert pool(x, rngs=source).shape == several[0].shape
    assert_same(ours(2, output_size=3)(x, rngs=key), expected(to_torch(x)))
    bare = ours(2, output_size=3)
    with pytest.raises(ValueError, match=f"^FractionalMaxPool{dims}d: rngs must be given, for"):
        bare(x)
    with pytest.raises(TypeError, match=f"^FractionalMaxPool{dims}d: rngs must be nnx.Rngs, one"):
        ours(2, output_size=3, rngs=0)
    with pytest.raises(TypeError, match=f"^FractionalMaxPool{dims}d: rngs must be nnx.Rngs, one"):
        bare(x, rngs=0)
    given = ours(2, output_size=3, _random_samples=u)
    assert list(state_dict(given)) == list(expected.state_dict()) == ["_random_samples"]
    assert list(state_dict(pool)) == list(theirs(2, output_size=3).state_dict()) == []


@pytest.mark.parametrize("name", ["ConstantPad", "ZeroPad", "ReflectionPad", "CircularPad"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_pads_that_are_refused(name: str, dims: int) -> None:
    """A tuple is taken as it is, and refused where `pad` refuses it, as in PyTorch."""
    ours, theirs = (getattr(side, f"{name}{dims}d") for side in (conv, torch.nn))
    more = (0.0,) if name == "ConstantPad" else ()
    with pytest.raises(TypeError, match=f"^{name}{dims}d: padding must be an integer"):
        ours(1.5, *more)
    x = np.ones((1, 1, *SPACE[dims]))
    for padding in ((1,) * (2 * dims + 1), -9, (1.5,) * (2 * dims)):
        with pytest.raises((RuntimeError, TypeError)):
            theirs(padding, *more)(to_torch(x))
        with pytest.raises((ValueError, TypeError), match=r"^pad: "):
            ours(padding, *more)(x)


def test_in_a_network() -> None:
    """Modules without parameters stand in nnx.Sequential, and are split and merged."""
    net = nnx.Sequential(
        conv.ReflectionPad2d(1), conv.Conv2d(3, 4, 3, rngs=nnx.Rngs(0)), conv.MaxPool2d(2)
    )
    graph, state = nnx.split(net)
    x = jnp.asarray(draw(0, (2, 3, 8, 8), "float32"))
    np.testing.assert_array_equal(nnx.merge(graph, state)(x), net(x))
    gradient = nnx.grad(lambda m, x: (m(x) ** 2).sum())(net, x)
    assert gradient["layers"][1]["weight"].shape == (4, 3, 3, 3)
