"""States go from PyTorch's modules into JAX's and back: names, layouts, dtypes, and all errors."""

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx

import conv
import port
from tests.support.agree import assert_same, draw, to_torch

Layer = tuple[Callable[[nnx.Rngs], nnx.Module], Callable[[], torch.nn.Module], tuple[int, ...]]
WIDE: dict[str, Any] = {"param_dtype": jnp.float64}

# Flax's layers, PyTorch's, and PyTorch's input: one a line of the table of layouts.
LAYERS: dict[str, Layer] = {
    "Linear": (
        lambda rngs: nnx.Linear(5, 4, **WIDE, rngs=rngs),
        lambda: torch.nn.Linear(5, 4),
        (3, 5),
    ),
    "Linear without bias": (
        lambda rngs: nnx.Linear(5, 4, use_bias=False, **WIDE, rngs=rngs),
        lambda: torch.nn.Linear(5, 4, bias=False),
        (3, 5),
    ),
    "LinearGeneral": (
        lambda rngs: nnx.LinearGeneral(5, (2, 3), **WIDE, rngs=rngs),
        lambda: torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.Unflatten(1, (2, 3))),
        (3, 5),
    ),
    "Conv 1-D": (
        lambda rngs: nnx.Conv(4, 6, 3, padding="VALID", **WIDE, rngs=rngs),
        lambda: torch.nn.Conv1d(4, 6, 3),
        (2, 4, 8),
    ),
    "Conv 2-D": (
        lambda rngs: nnx.Conv(
            4, 6, (3, 2), (2, 1), feature_group_count=2, padding=1, **WIDE, rngs=rngs
        ),
        lambda: torch.nn.Conv2d(4, 6, (3, 2), (2, 1), 1, groups=2),
        (2, 4, 8, 7),
    ),
    "Conv 3-D": (
        lambda rngs: nnx.Conv(2, 3, (3, 2, 1), padding="VALID", **WIDE, rngs=rngs),
        lambda: torch.nn.Conv3d(2, 3, (3, 2, 1)),
        (2, 2, 5, 4, 3),
    ),
    "ConvTranspose 1-D": (
        lambda rngs: nnx.ConvTranspose(4, 6, 5, 2, padding="VALID", **WIDE, rngs=rngs),
        lambda: torch.nn.ConvTranspose1d(4, 6, 5, 2),
        (2, 4, 8),
    ),
    "ConvTranspose 2-D, flipped by lax": (
        lambda rngs: nnx.ConvTranspose(
            4, 6, (3, 2), 2, padding="VALID", transpose_kernel=True, **WIDE, rngs=rngs
        ),
        lambda: torch.nn.ConvTranspose2d(4, 6, (3, 2), 2),
        (2, 4, 5, 6),
    ),
    "Embed": (
        lambda rngs: nnx.Embed(7, 3, **WIDE, rngs=rngs),
        lambda: torch.nn.Embedding(7, 3),
        (2, 4),
    ),
    "BatchNorm": (
        lambda rngs: nnx.BatchNorm(4, use_running_average=True, **WIDE, rngs=rngs),
        lambda: torch.nn.BatchNorm2d(4).eval(),
        (2, 4, 5, 6),
    ),
    "LayerNorm": (
        lambda rngs: nnx.LayerNorm(
            5, epsilon=1e-5, use_fast_variance=False, reduction_axes=-1, **WIDE, rngs=rngs
        ),
        lambda: torch.nn.LayerNorm(5),
        (3, 5),
    ),
    "RMSNorm": (
        lambda rngs: nnx.RMSNorm(5, epsilon=1e-5, **WIDE, rngs=rngs),
        lambda: torch.nn.RMSNorm(5, 1e-5),
        (3, 5),
    ),
    "GroupNorm": (
        lambda rngs: nnx.GroupNorm(4, 2, epsilon=1e-5, use_fast_variance=False, **WIDE, rngs=rngs),
        lambda: torch.nn.GroupNorm(2, 4),
        (2, 4, 5, 6),
    ),
    "InstanceNorm": (
        lambda rngs: nnx.InstanceNorm(4, use_fast_variance=False, **WIDE, rngs=rngs),
        lambda: torch.nn.InstanceNorm2d(4, 1e-6, affine=True),
        (2, 4, 5, 6),
    ),
    "PReLU": (lambda _: nnx.PReLU(0.1, **WIDE), lambda: torch.nn.PReLU(), (3, 5)),
}


def random_state(module: torch.nn.Module, seed: int = 0) -> dict[str, torch.Tensor]:
    """A state of a module's names and shapes, of numbers that float32 holds: flax's statistics."""
    return {
        name: to_torch(draw(seed + i, tensor.shape)).abs().float().double()
        if tensor.is_floating_point()
        else torch.tensor(7)
        for i, (name, tensor) in enumerate(module.state_dict().items())
    }


def last(x: Any) -> Any:
    """Channels last: (N, C, ...) -> (N, ..., C)."""
    return np.moveaxis(x, 1, -1)


@pytest.mark.parametrize("name", LAYERS)
def test_flax_layers_take_pytorchs_state_and_give_it_back(name: str) -> None:
    ours_of, theirs_of, shape = LAYERS[name]
    ours, theirs = ours_of(nnx.Rngs(0)), theirs_of().double()
    state = random_state(theirs)
    theirs.load_state_dict(state)
    if name == "LinearGeneral":  # its PyTorch needs a second layer to take that shape
        state = {key.removeprefix("0."): value for key, value in state.items()}
    keys = port.load_state_dict(ours, state)
    assert keys == ([], [])
    x = np.arange(8).reshape(2, 4) % 7 if name == "Embed" else draw(99, shape)
    found = jax.jit(lambda x: ours(x))(x if name == "Embed" else last(x))
    expected = theirs(to_torch(x)).detach().numpy()
    kept = name in ("Embed", "LinearGeneral")
    assert_same(found, torch.from_numpy(expected if kept else last(expected)))
    back = port.state_dict(ours)
    assert list(back) == [key for key in state if key != "num_batches_tracked"]
    for key, value in back.items():
        np.testing.assert_array_equal(value, state[key].to(torch.float64))


@pytest.mark.parametrize("kv", [8, 6])
def test_flax_attention_is_packed_as_pytorchs(kv: int) -> None:
    ours = nnx.MultiHeadAttention(
        2, 8, in_kv_features=kv, qkv_features=8, decode=False, **WIDE, rngs=nnx.Rngs(0)
    )
    theirs = torch.nn.MultiheadAttention(8, 2, kdim=kv, vdim=kv, batch_first=True).double()
    state = random_state(theirs)
    theirs.load_state_dict(state)
    port.load_state_dict(ours, state)
    x, y = draw(7, (3, 4, 8)), draw(8, (3, 5, kv))
    expected = theirs(*map(to_torch, (x, y, y)), need_weights=False)[0]
    found = jax.jit(lambda x, y: ours(x, y))(x, y)
    assert_same(found.astype("float32"), expected.float())  # flax takes a square root in float32
    back = port.state_dict(ours)
    assert sorted(back) == sorted(state)
    for key, value in back.items():
        np.testing.assert_array_equal(value, state[key])


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("transposed", [False, True])
def test_convolutions_take_pytorchs_state(dims: int, transposed: bool) -> None:
    name = f"Conv{'Transpose' if transposed else ''}{dims}d"
    ours = getattr(conv, name)(4, 6, 3, groups=2, rngs=nnx.Rngs(0))
    theirs = getattr(torch.nn, name)(4, 6, 3, groups=2)
    assert port.load_state_dict(ours, theirs.state_dict()) == ([], [])
    for key, value in port.state_dict(ours).items():
        assert_same(value, theirs.state_dict()[key], key)


def test_classes_that_derive_from_flax_layers_or_are_in_no_line() -> None:
    """A subclass has the names of the layer above it, and its own; all else its attributes'."""
    layer = nnx.LoRALinear(3, 4, lora_rank=2, rngs=nnx.Rngs(0))
    shapes = {name: value.shape for name, value in port.state_dict(layer).items()}
    assert shapes == {"weight": (4, 3), "bias": (4,), "lora.lora_a": (3, 2), "lora.lora_b": (2, 4)}
    several = nnx.LinearGeneral(3, 4, batch_axis={0: 5}, rngs=nnx.Rngs(0))
    assert port.state_dict(several)["kernel"].shape == (5, 3, 4)
    cell = nnx.GRUCell(3, 4, rngs=nnx.Rngs(0))
    assert list(port.state_dict(cell)) == ["dense_i.weight", "dense_i.bias", "dense_h.weight"]


class Twice(nnx.Module):
    """Lists, mappings, a buffer, random streams, and one parameter under two names."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.scale = nnx.BatchStat(jnp.ones(3))  # after the parameters, though it comes first
        self.blocks = nnx.List([conv.Conv1d(1, 1, 1, bias=False, rngs=rngs) for _ in range(11)])
        self.heads = nnx.Dict(b=nnx.Linear(2, 3, rngs=rngs), a=nnx.Linear(2, 3, rngs=rngs))
        self.pair = nnx.data((nnx.Linear(1, 1, rngs=rngs), {"x": nnx.Param(jnp.ones(()))}))
        self.net = nnx.Sequential(nnx.Dropout(0.5, rngs=rngs), nnx.relu, self.heads["b"])
        self.none = nnx.Param(None)
        self.rngs = rngs
        self.gain = nnx.Param(jnp.ones(2))


def test_names_of_a_tree() -> None:
    module = Twice(nnx.Rngs(0))
    expected = ["gain", "scale", *(f"blocks.{i}.weight" for i in range(11))]
    expected += ["heads.b.weight", "heads.b.bias", "heads.a.weight", "heads.a.bias"]
    expected += ["pair.0.weight", "pair.0.bias", "pair.1.x", "net.2.weight", "net.2.bias"]
    state = port.state_dict(module)
    assert sorted(state) == sorted(expected)
    assert list(state)[:13] == expected[:13]
    # After a merge too, where flax has sorted the attributes.
    merged = nnx.merge(*nnx.split(module))
    assert sorted(port.state_dict(merged)) == sorted(expected)
    blocks = [name for name in port.state_dict(merged) if name.startswith("blocks")]
    assert blocks == expected[2:13]


def test_a_shared_parameter_has_both_names_and_takes_the_last_as_in_pytorch() -> None:
    shared = torch.nn.Linear(2, 2)
    theirs = torch.nn.Sequential(shared, torch.nn.ReLU(), shared)
    linear = conv.Conv1d(2, 2, 1, rngs=nnx.Rngs(0))
    ours = nnx.Sequential(linear, nnx.relu, linear)
    assert list(port.state_dict(ours)) == list(theirs.state_dict())
    state = {key: value + i for i, (key, value) in enumerate(random_state(theirs).items())}
    theirs.load_state_dict(state)
    port.load_state_dict(
        ours, {k: v.reshape(*v.shape, 1)[..., :1] if v.ndim == 2 else v for k, v in state.items()}
    )
    np.testing.assert_array_equal(linear.weight[..., 0], shared.weight.detach())
    np.testing.assert_array_equal(linear.bias[...], shared.bias.detach())


def twins() -> tuple[nnx.Module, torch.nn.Module]:
    """One network on both sides: convolution, norm, and two more levels."""
    theirs = torch.nn.Sequential(
        OrderedDict(
            stem=torch.nn.Conv2d(3, 4, 3),
            body=torch.nn.Sequential(
                torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Conv2d(4, 2, 1)
            ),
        )
    )

    class Net(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.stem = conv.Conv2d(3, 4, 3, rngs=rngs)
            self.body = nnx.Sequential(
                nnx.BatchNorm(4, rngs=rngs), nnx.relu, conv.Conv2d(4, 2, 1, rngs=rngs)
            )

    Net.__name__ = "Sequential"  # the name of PyTorch's is in its messages
    return Net(nnx.Rngs(0)), theirs


def plain(message: str) -> str:
    """PyTorch's words, with shapes as JAX writes them."""
    message = re.sub(r"torch\.Size\(\[(\d+)\]\)", r"(\1,)", message)
    return re.sub(r"torch\.Size\(\[([\d, ]*)\]\)", r"(\1)", message)


FAULTS: dict[str, dict[str, Any]] = {
    "missing": {"stem.bias": None, "body.0.running_var": None, "body.2.weight": None},
    "unexpected": {"body.2.b.c": 0, "head": 0, "body.0.x": 0, "stem.w": 0, "body.x": 0, "x.y": 0},
    "shapes": {"stem.weight": (4, 3, 3), "body.0.weight": (5,), "body.2.bias": ()},
    "all": {"stem.weight": (3, 4, 3, 3), "stem.bias": None, "a": 0, "stem.z": 0, "body.1.w": 0},
    "wrapped": {"module.stem.weight": 0},
}


@pytest.mark.parametrize("metadata", [True, False])
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("fault", FAULTS)
def test_errors_are_pytorchs_and_the_module_stays(fault: str, strict: bool, metadata: bool) -> None:
    ours, theirs = twins()
    state = theirs.state_dict() if metadata else dict(theirs.state_dict())
    if not metadata:
        del state["body.0.num_batches_tracked"]  # not asked for without a version
    for name, what in FAULTS[fault].items():
        if what is None:
            del state[name]
        else:
            state[name] = torch.zeros(what)
    before = port.state_dict(ours)
    expected: Any
    try:
        expected = theirs.load_state_dict(state, strict)
    except RuntimeError as error:
        expected = error
    if isinstance(expected, RuntimeError):
        with pytest.raises(RuntimeError) as caught:
            port.load_state_dict(ours, state, strict)
        assert str(caught.value) == plain(str(expected))
        for name, value in port.state_dict(ours).items():
            np.testing.assert_array_equal(value, before[name])
    else:
        assert not strict
        assert port.load_state_dict(ours, state, strict) == tuple(expected)
        assert_same(port.state_dict(ours)["stem.weight"], theirs.state_dict()["stem.weight"])


def test_a_count_of_batches_is_asked_for_where_pytorch_asks() -> None:
    """A state with the version of PyTorch's norms has to hold it; a plain mapping need not."""

    class Counted(nnx.Module):
        def __init__(self) -> None:
            self.num_batches_tracked = nnx.BatchStat(jnp.zeros((), int))

    theirs = torch.nn.BatchNorm1d(2, affine=False)
    state = theirs.state_dict()
    for name in ("running_mean", "running_var"):
        del state[name]
    ours = Counted()
    state["num_batches_tracked"] += 3
    assert port.load_state_dict(ours, state) == ([], [])
    assert ours.num_batches_tracked[...] == 3
    assert port.state_dict(ours)["num_batches_tracked"].dtype == jnp.int64
    del state["num_batches_tracked"]
    assert state._metadata[""]["version"] == 2
    with pytest.raises(RuntimeError, match=r'Missing key.*"num_batches_tracked"'):
        port.load_state_dict(ours, state)
    assert port.load_state_dict(ours, dict(state)) == ([], [])
    # Of one number in one dimension, as PyTorch 0.3 wrote them.
    port.load_state_dict(ours, {"num_batches_tracked": np.array([5])})
    assert ours.num_batches_tracked[...] == 5


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64", "complex64"])
@pytest.mark.parametrize("given", ["bfloat16", "float32", "float64", "int64"])
def test_values_are_cast_to_the_dtype_of_the_parameter(dtype: str, given: str) -> None:
    theirs = torch.nn.Conv1d(3, 2, 2, dtype=getattr(torch, dtype))
    ours = conv.Conv1d(3, 2, 2, dtype=jnp.dtype(dtype), rngs=nnx.Rngs(0))
    state = {
        "weight": torch.linspace(-3, 3, 12).reshape(2, 3, 2).to(getattr(torch, given)),
        "bias": torch.tensor([1 / 3, 7e4]).to(getattr(torch, given)),
    }
    theirs.load_state_dict(state)
    port.load_state_dict(ours, state)
    for name, value in port.state_dict(ours).items():
        np.testing.assert_array_equal(
            np.asarray(value, "complex128"), theirs.state_dict()[name].to(torch.complex128)
        )
        assert value.dtype == jnp.dtype(dtype)


def test_kinds_of_arrays() -> None:
    ours = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
    conjugated = torch.ones(2, 2, dtype=torch.complex64).conj()
    tensor = torch.nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0]]).T)
    for weight in (
        tensor,
        tensor.detach().numpy(),
        jnp.array([[1.0, 3.0], [2.0, 4.0]]),
        nnx.Param(jnp.array([[1.0, 3.0], [2.0, 4.0]])),
        np.array([[1.0, 3.0], [2.0, 4.0]], ">f8"),
        torch.tensor([[1.0, 3.0], [2.0, 4.0]], dtype=torch.float8_e4m3fn),
    ):
        port.load_state_dict(ours, {"weight": weight, "bias": np.zeros(2)})
        np.testing.assert_array_equal(ours.kernel[...], [[1, 2], [3, 4]])
    layer = conv.Conv1d(2, 2, 1, bias=False, dtype=jnp.complex64, rngs=nnx.Rngs(0))
    port.load_state_dict(layer, {"weight": (1j * conjugated[..., None]).conj()})
    np.testing.assert_array_equal(layer.weight[..., 0], -1j * np.ones((2, 2)))


def test_values_that_are_no_arrays_are_named_together() -> None:
    ours = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
    for weight, words in (
        (1.5, "expected an array of JAX or NumPy, or a tensor of PyTorch, but received <class"),
        ([[1.0, 2.0], [3.0, 4.0]], "but received <class 'list'>"),
        (np.array([["a", "b"], ["c", "d"]]), "expected numbers, but received .* <U1"),
        (torch.ones(2, 2, device="meta"), "meta"),
        (torch.ones(2, 2).to_sparse(), "[Ss]parse"),
    ):
        with pytest.raises(RuntimeError, match=words) as caught:
            port.load_state_dict(ours, {"weight": weight, "bias": np.ones(3)})
        assert 'While copying the parameter named "weight", ' in str(caught.value)
        assert "size mismatch for bias" in str(caught.value)


def test_what_is_loaded_is_a_copy() -> None:
    """PyTorch goes on training its tensors; a donated array of JAX's is gone."""
    ours = conv.Conv1d(64, 64, 3, rngs=nnx.Rngs(0))
    theirs = torch.nn.Conv1d(64, 64, 3)
    port.load_state_dict(ours, theirs.state_dict())
    before = np.array(ours.weight[...])
    with torch.no_grad():
        theirs.weight += 1
    np.testing.assert_array_equal(ours.weight[...], before)
    state = {name: jnp.asarray(value) for name, value in port.state_dict(ours).items()}
    port.load_state_dict(ours, state)
    state["weight"].delete()
    np.testing.assert_array_equal(ours.weight[...], before)


def test_a_module_without_values_gets_them() -> None:
    theirs = torch.nn.Linear(3, 2)
    ours = nnx.eval_shape(lambda: nnx.Linear(3, 2, rngs=nnx.Rngs(0)))
    assert port.state_dict(ours)["weight"].shape == (2, 3)
    port.load_state_dict(ours, theirs.state_dict())
    x = draw(0, (4, 3), "float32")
    assert_same(ours(x), theirs(to_torch(x)))


def test_values_go_to_where_the_parameters_lie() -> None:
    devices = np.array(jax.devices()[:1])
    spread = jax.sharding.NamedSharding(jax.sharding.Mesh(devices, "x"), jax.P("x"))
    ours = nnx.Linear(4, 2, rngs=nnx.Rngs(0))
    ours.kernel.set_value(jax.device_put(ours.kernel[...], spread))
    port.load_state_dict(ours, torch.nn.Linear(4, 2).state_dict())
    assert ours.kernel[...].sharding == spread


def test_states_under_jit() -> None:
    """A state may be an argument of a program, and come out of it."""
    theirs = torch.nn.Linear(3, 2)

    @jax.jit
    def program(state: Any, x: jax.Array) -> Any:
        layer = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
        port.load_state_dict(layer, state)
        return layer(x), port.state_dict(layer)

    x = draw(0, (4, 3), "float32")
    state = {name: jnp.asarray(value.detach()) for name, value in theirs.named_parameters()}
    found, back = program(state, x)
    assert_same(found, theirs(to_torch(x)))
    np.testing.assert_array_equal(back["weight"], state["weight"])


def test_refusals() -> None:
    layer = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
    with pytest.raises(TypeError, match=r"state must be a mapping .* pass its state_dict\(\)"):
        port.load_state_dict(layer, torch.nn.Linear(2, 2))
    with pytest.raises(TypeError, match="state must be a mapping"):
        port.load_state_dict(layer, [("weight", np.ones((2, 2)))])
    with pytest.raises(TypeError, match=r"state_dict: module must be an nnx.Module, got .*Linear"):
        port.state_dict(torch.nn.Linear(2, 2))
    with pytest.raises(TypeError, match=r"load_state_dict: module must be an nnx.Module"):
        port.load_state_dict({}, {})
    layer.weight = nnx.Param(jnp.ones(2))
    with pytest.raises(ValueError, match="Linear: two variables have the name 'weight'"):
        port.state_dict(layer)
    ring = nnx.Sequential(nnx.Linear(2, 2, rngs=nnx.Rngs(0)))
    ring.child = nnx.Dict(up=ring)
    with pytest.raises(ValueError, match=r"Sequential: child.up is a module that holds it"):
        port.state_dict(ring)
