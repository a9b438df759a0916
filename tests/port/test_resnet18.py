"""ResNet-18 by hand takes PyTorch's state, computes what PyTorch computes, and gives it back."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx

import port
from tests.support.agree import draw, to_numpy, to_torch
from tests.support.resnet import ResNet18, TorchResNet18

# Relative to the largest of all numbers compared: the network is deep, its sums have 4608 terms.
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
CLASSES = 10


@cache
def pytorchs(dtype: str) -> TorchResNet18:
    """PyTorch's network with the statistics of some batches, as a trained one has them."""
    torch.manual_seed(0)
    network = TorchResNet18(CLASSES)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
        for _ in range(3):
            network(torch.randn(4, 3, 64, 64))
    return network.to(getattr(torch, dtype))


def built(dtype: str, drawn: bool = False) -> ResNet18:
    """The same by hand, on the same state; initial values are computed where asked for only."""

    def make() -> ResNet18:
        return ResNet18(CLASSES, dtype=jnp.dtype(dtype), rngs=nnx.Rngs(0))

    ours = make() if drawn else nnx.eval_shape(make)
    assert port.load_state_dict(ours, pytorchs(dtype).state_dict()) == ([], [])
    return ours


def close(mine: Any, right: Any, dtype: str, what: str, scale: float = 1.0) -> None:
    mine, right = to_numpy(mine), to_numpy(right)
    assert mine.dtype == right.dtype, what
    atol = TOLERANCE[dtype] * scale * np.abs(right).max()
    np.testing.assert_allclose(mine, right, rtol=0, atol=atol, err_msg=what)


@cache
def program(training: bool, dtype: str) -> Any:
    ours = built(dtype).train(training)

    @jax.jit
    def run(parameters: Any, state: Any, x: jax.Array, cotangent: jax.Array) -> Any:
        def logits(parameters: Any, x: jax.Array) -> Any:
            network = nnx.clone(ours)
            port.load_state_dict(network, {**state, **parameters})
            return network(x), port.state_dict(network)

        y, pull, after = jax.vjp(logits, parameters, x, has_aux=True)
        return y, after, *pull(cotangent)

    return run


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logits_gradients_and_buffers(training: bool, dtype: str) -> None:
    theirs = TorchResNet18(CLASSES).to(getattr(torch, dtype))
    theirs.load_state_dict(pytorchs(dtype).state_dict())
    theirs.train(training)
    state = port.state_dict(built(dtype))
    parameters = {name: state[name] for name, _ in theirs.named_parameters()}
    x, cotangent = draw(0, (2, 3, 64, 64), dtype), draw(1, (2, CLASSES), dtype)
    tensor = to_torch(x, requires_grad=True)
    expected = theirs(tensor)
    (expected * to_torch(cotangent)).sum().backward()

    found, after, gradients, of_x = program(training, dtype)(parameters, state, x, cotangent)
    close(found, expected, dtype, "logits")
    # In training the last block divides by the deviation of eight numbers: in float32 PyTorch's
    # gradients are 1.1e-5 away from those that it has in float64, and so are these, twice that.
    scale = 4.0 if training else 1.0
    close(of_x, tensor.grad, dtype, "gradient of x", scale)
    for name, parameter in theirs.named_parameters():
        close(gradients[name], parameter.grad, dtype, f"gradient of {name}", scale)
    buffers = dict(theirs.named_buffers())
    assert sorted(after) == sorted([*parameters, *buffers])
    for name, buffer in buffers.items():
        close(after[name], buffer, dtype, name)
        assert training == bool((np.asarray(state[name]) != np.asarray(after[name])).any())


def test_state_goes_back_without_loss(tmp_path: Any) -> None:
    theirs, ours = pytorchs("float32"), built("float32", drawn=True)
    state = theirs.state_dict()
    assert list(port.state_dict(ours)) == list(state)
    port.write(tmp_path / "resnet18.safetensors", port.state_dict(ours))
    for back in (
        {name: torch.from_dlpack(array) for name, array in port.state_dict(ours).items()},
        {n: torch.from_numpy(a) for n, a in port.read(tmp_path / "resnet18.safetensors").items()},
    ):
        other = TorchResNet18(CLASSES)
        assert other.load_state_dict(back) == ([], [])
        for name, tensor in other.state_dict().items():
            assert tensor.dtype == state[name].dtype
            assert torch.equal(tensor, state[name]), name


def test_a_state_of_another_network_leaves_it_as_it_was() -> None:
    ours = built("float32", drawn=True)
    before = port.state_dict(ours)
    state = TorchResNet18(1000).state_dict() | {"extra": torch.zeros(1)}
    del state["layer1.0.bn1.bias"]
    with pytest.raises(RuntimeError) as caught:
        port.load_state_dict(ours, state)
    with pytest.raises(RuntimeError) as right:
        TorchResNet18(CLASSES).load_state_dict(state)
    words = str(right.value).replace("torch.Size([1000])", "(1000,)")
    words = words.replace("torch.Size([10])", "(10,)").replace("TorchResNet18", "ResNet18")
    for shape in ("1000, 512", "10, 512"):
        words = words.replace(f"torch.Size([{shape}])", f"({shape})")
    assert str(caught.value) == words
    for name, value in port.state_dict(ours).items():
        np.testing.assert_array_equal(value, before[name])
