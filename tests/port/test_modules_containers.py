"""Sequential, ModuleList and ModuleDict beside PyTorch's: members, order, names, and jit."""

from collections import OrderedDict
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx

import port
from tests.support.agree import assert_same, draw, to_torch

RNGS = nnx.Rngs(0)


def theirs(n: int) -> list[torch.nn.Module]:
    return [torch.nn.Linear(i + 1, i + 2, bias=False) for i in range(n)]


def ours(n: int) -> list[port.Linear]:
    return [port.Linear(i + 1, i + 2, bias=False, rngs=RNGS) for i in range(n)]


def shapes(state: Any) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(value.shape)) for name, value in state.items()]


def same(mine: Any, right: torch.nn.Module) -> None:
    """The same names with the same members, in one order."""
    assert shapes(port.state_dict(mine)) == shapes(right.state_dict())
    merged = nnx.merge(*nnx.split(mine))  # flax sorts attributes here
    assert shapes(port.state_dict(merged)) == shapes(right.state_dict())


@pytest.mark.parametrize("kind", ["Sequential", "ModuleList"])
def test_lists_change_as_pytorchs(kind: str) -> None:
    def made(library: Any, members: Any) -> Any:
        return library.Sequential(*members) if kind == "Sequential" else library.ModuleList(members)

    mine, right = made(port, ours(12)), made(torch.nn, theirs(12))
    same(mine, right)
    assert len(mine) == len(right) == 12
    assert [m.in_features for m in mine] == [m.in_features for m in right]
    for i in (0, 3, -1, -12):
        assert mine[i].in_features == right[i].in_features
    for part in (slice(2, 5), slice(None, None, 3), slice(-2, None)):
        assert type(mine[part]).__name__ == kind
        same(mine[part], right[part])
    assert mine[2:4][0] is mine[2]
    mine[1], right[1] = port.ReLU(), torch.nn.ReLU()
    same(mine, right)
    mine[-2], right[-2] = port.Linear(7, 7, rngs=RNGS), torch.nn.Linear(7, 7)
    same(mine, right)
    assert mine.append(port.BatchNorm1d(3)) is mine
    right.append(torch.nn.BatchNorm1d(3))
    mine.extend(ours(2))
    right.extend(theirs(2))
    same(mine, right)
    mine.insert(2, port.Linear(9, 1, rngs=RNGS))
    right.insert(2, torch.nn.Linear(9, 1))
    same(mine, right)
    assert mine.pop(3).in_features == right.pop(3).in_features
    same(mine, right)
    for i in (slice(1, 4), 0, -1):
        del mine[i]
        del right[i]
        same(mine, right)
    same(mine + made(port, ours(2)), right + made(torch.nn, theirs(2)))
    for i in (100, -100):
        with pytest.raises(IndexError):
            right[i]
        with pytest.raises(IndexError, match="out of range"):
            mine[i]
    with pytest.raises(IndexError, match="out of range"):
        mine.insert(100, port.ReLU())


def test_sequences_with_names() -> None:
    def made(linear: Any, relu: Any, sequential: Any) -> Any:
        return sequential(OrderedDict(z=linear(3, 4), act=relu(), a=linear(4, 2)))

    mine = made(lambda i, o: port.Linear(i, o, rngs=RNGS), port.ReLU, port.Sequential)
    right = made(torch.nn.Linear, torch.nn.ReLU, torch.nn.Sequential)
    same(mine, right)
    assert mine.act is mine[1]
    mine.a, right.a = port.Linear(4, 5, rngs=RNGS), torch.nn.Linear(4, 5)
    mine.add_module("last", port.Linear(5, 1, rngs=RNGS))
    right.add_module("last", torch.nn.Linear(5, 1))
    same(mine, right)
    port.load_state_dict(mine, right.state_dict())
    x = draw(0, (2, 3), "float32")
    assert_same(mine(x), right(to_torch(x)))
    assert_same(nnx.jit(lambda m, x: m(x))(mine, x), right(to_torch(x)))
    del mine[1]
    del right[1]
    same(mine, right)  # numbered anew


def test_more_than_ten_members_are_called_in_order() -> None:
    right = torch.nn.Sequential(*theirs(12))
    mine = port.Sequential(*ours(12))
    port.load_state_dict(mine, right.state_dict())
    x = draw(0, (2, 1), "float32")
    assert_same(nnx.jit(lambda m, x: m(x))(mine, x), right(to_torch(x)))


def test_an_empty_sequence_returns_its_input() -> None:
    assert port.Sequential()(3) == torch.nn.Sequential()(3) == 3
    assert len(port.Sequential()) == len(port.ModuleList()) == len(port.ModuleDict()) == 0


def test_functions_among_the_members() -> None:
    mine = port.Sequential(jnp.sin, port.Identity(), lambda x: x + 1)
    assert nnx.jit(lambda m, x: m(x))(mine, jnp.zeros(2)).tolist() == [1, 1]
    mine[0] = port.ReLU()  # a module in a function's place, and back
    mine[1] = jnp.cos
    assert mine(-jnp.ones(1)).tolist() == [2]


def test_dictionaries_change_as_pytorchs() -> None:
    right = torch.nn.ModuleDict({"z": torch.nn.Linear(1, 2), "a": torch.nn.ReLU()})
    mine = port.ModuleDict({"z": port.Linear(1, 2, rngs=RNGS), "a": port.ReLU()})
    mine["m"], right["m"] = port.Linear(2, 2, rngs=RNGS), torch.nn.Linear(2, 2)
    mine.update([("b", port.Linear(5, 2, rngs=RNGS)), ("z", port.Linear(8, 2, rngs=RNGS))])
    right.update([("b", torch.nn.Linear(5, 2)), ("z", torch.nn.Linear(8, 2))])
    same(mine, right)
    assert list(mine) == list(mine.keys()) == list(right) == ["z", "a", "m", "b"]
    assert [n for n, _ in mine.items()] == list(right)
    assert [type(m).__name__ for m in mine.values()] == [type(m).__name__ for m in right.values()]
    assert "m" in mine
    assert "keys" not in mine
    assert mine.pop("m").in_features == right.pop("m").in_features
    del mine["a"]
    del right["a"]
    same(mine, right)
    assert mine.b is mine["b"]
    for missing in ("m", "keys"):
        with pytest.raises(KeyError):
            right[missing]
        with pytest.raises(KeyError):
            mine[missing]
    mine.clear()
    assert len(mine) == 0


def test_dictionaries_keep_their_order_in_jit() -> None:
    mine = port.ModuleDict({"z": port.ReLU(), "a": port.Softsign(), "m": jnp.sin})
    orders = []

    @nnx.jit
    def call(m: Any, x: jax.Array) -> jax.Array:
        orders.append(list(m))
        for member in m.values():
            x = member(x)
        return x

    call(mine, jnp.ones(1))
    assert orders == [["z", "a", "m"]]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda nn, m: nn.Sequential(5), TypeError, "members must be modules or functions, got 5"),
        (lambda nn, m: nn.ModuleList([m, "x"]), TypeError, "members must be modules"),
        (lambda nn, m: nn.ModuleDict({1: m}), TypeError, "names must be strings, got 1"),
        (lambda nn, m: nn.ModuleDict({"a.b": m}), KeyError, "with a dot"),
        (lambda nn, m: nn.ModuleDict({"": m}), KeyError, "must not be empty"),
        (lambda nn, m: nn.ModuleDict({"keys": m}), KeyError, "attribute 'keys' already exists"),
        (lambda nn, m: nn.ModuleDict({"training": m}), KeyError, "'training' already exists"),
    ],
)
def test_refusals(change: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error):
        change(torch.nn, torch.nn.ReLU())
    with pytest.raises(error, match=words):
        change(port, port.ReLU())


def test_a_missing_forward() -> None:
    class Net(port.Module):
        pass

    with pytest.raises(NotImplementedError, match=r'Module \[Net\] is missing the required "forw'):
        Net()(np.ones(2))


def test_buffers() -> None:
    class Theirs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("kept", torch.zeros(2))
            self.register_buffer("gone", torch.zeros(3), persistent=False)

    class Ours(port.Module):
        def __init__(self) -> None:
            self.kept = port.Buffer(jnp.zeros(2))
            self.gone = port.Buffer(jnp.zeros(3), persistent=False)

    assert shapes(port.state_dict(Ours())) == shapes(Theirs().state_dict())
    assert not jax.tree.leaves(nnx.state(Ours(), nnx.Param))
    assert shapes(port.state_dict(nnx.merge(*nnx.split(Ours())))) == [("kept", (2,))]
