"""compare.models: networks that agree, faults that are named, and input that is refused."""

import copy
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx

import compare
import port
from tests.support.ported import FAULTS, Fault, Instead, Net, pair


@pytest.mark.parametrize("train", [True, False])
def test_networks_that_agree(train: bool) -> None:
    theirs, ours, x = pair()
    held = copy.deepcopy(theirs.state_dict())
    before = {name: np.asarray(a) for name, a in port.state_dict(ours).items()}
    report = compare.models(theirs, ours, (x,), train=train)
    assert report, str(report)
    assert report.first is None
    assert report.cause == ""
    assert report.unmatched == ()
    assert {layer.path for layer in report.compared} == {n for n, _ in theirs.named_modules()}
    kinds = {f.kind for layer in report.layers for f in layer.findings}
    assert len(kinds) == 6
    # Neither network is changed, nor is its mode.
    assert theirs.training
    assert ours.training
    for name, value in theirs.state_dict().items():
        assert torch.equal(value, held[name])
        assert np.array_equal(before[name], value.numpy())
    assert not any(p.grad is not None for p in theirs.parameters())
    assert not any(m._forward_hooks for m in theirs.modules())


def test_a_gradient_that_cancels_is_no_alarm() -> None:
    """The bias before a batch norm has no gradient but rounding: 1e-17, another on each side."""
    theirs, ours, x = pair()
    wide = copy.deepcopy(theirs).double()
    wide(x.double()).square().sum().backward()
    assert 0 < wide.conv1.bias.grad.abs().max() < 1e-12 * wide.conv1.weight.grad.abs().max()
    report = compare.models(theirs, ours, (x,))
    root = report.layers[-1]
    assert [f.agree for f in root.findings if f.name == "conv1.bias"] == [True, True]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_planted_fault_is_named(fault: Fault) -> None:
    theirs, ours, x = pair()
    fault.plant(ours)
    report = compare.models(theirs, ours, (x,), train=True)
    assert not report
    assert report.first == fault.layer, str(report)
    assert fault.words in report.cause, str(report)
    assert fault.words in str(report)
    assert [layer.path for layer in report.parting] == [fault.layer]


@pytest.mark.parametrize("train", [True, False])
def test_a_program_agrees(train: bool) -> None:
    theirs, _, x = pair()
    program = port.convert(theirs, (x,), train=train)
    report = compare.models(theirs, program, (x,))
    assert report, str(report)
    assert report.train is train
    assert {layer.path for layer in report.compared} >= {"conv1", "bn", "up", "fc2", ""}
    assert any(f.name == "running_var" for layer in report.compared for f in layer.findings)


def changed(program: port.Program, operation: str, **at: Any) -> port.Program:
    """Return a program with other arguments, by position, in the nodes of an operation."""

    def other(node: Any) -> Any:
        if node.operation != operation:
            return node
        args = [at.get(f"a{i}", a) for i, a in enumerate(node.args)]
        return dataclasses.replace(node, args=tuple(args))

    graph = dataclasses.replace(program.graph, nodes=tuple(map(other, program.graph.nodes)))
    return port.Program(graph, program.params, program.buffers, program.constants)


@pytest.mark.parametrize(
    ("operation", "at", "layer", "words"),
    [
        ("aten.batch_norm.default", {"a7": 1e-3}, "bn", "eps: JAX has 0.001"),
        ("aten.batch_norm.default", {"a6": 0.9}, "bn", "momentum: JAX takes 0.9"),
        ("aten.gelu.default", {}, "", ""),
        ("aten.dropout.default", {"a1": 0.5}, "drop", "dropout: JAX drops 0."),
    ],
)
def test_a_fault_in_a_program(operation: str, at: Any, layer: str, words: str) -> None:
    theirs, _, x = pair()
    program = changed(port.convert(theirs, (x,), train=True), operation, **at)
    report = compare.models(theirs, program, (x,))
    assert bool(report) is not bool(at)
    if at:
        assert report.first == layer, str(report)
        assert words in report.cause


def test_other_weights_in_a_program() -> None:
    theirs, _, x = pair()
    program = port.convert(theirs, (x,))
    program.params["conv2.weight"] = program.params["conv2.weight"][:, :, ::-1, ::-1]
    report = compare.models(theirs, program, (x,))
    assert report.first == "conv2"
    assert "kernel flipped" in report.cause


def test_a_function_has_no_layers_and_its_fault_is_found_in_pytorchs() -> None:
    theirs, ours, x = pair()
    theirs.eval()
    assert compare.models(theirs, ours.eval(), (x,))
    report = compare.models(theirs, lambda x: Net.__call__(ours, x), (x,))
    assert report, str(report)
    ours.norm.eps = 1e-3
    report = compare.models(theirs, lambda x: Net.__call__(ours, x), (x,))
    assert report.first == "norm"
    assert "eps: JAX has 0.001" in report.cause


class Channels(nnx.Module):
    """A network of flax's own layers, with the channels last."""

    def __init__(self, eps: float = 1e-5, last: bool = True) -> None:
        made = {"rngs": nnx.Rngs(0)}
        self.conv = nnx.Conv(3, 4, (3, 3), padding=1, **made)
        self.bn = nnx.BatchNorm(4, epsilon=eps, **made)
        self.up = nnx.ConvTranspose(4, 5, (4, 4), (2, 2), padding=2, transpose_kernel=True, **made)
        self.fc = nnx.Linear(5 * 12 * 10, 3, **made)
        self.last = last

    def __call__(self, x: jax.Array) -> jax.Array:
        x = self.up(nnx.relu(self.bn(self.conv(x))))
        return self.fc((x if self.last else jnp.moveaxis(x, -1, 1)).reshape(len(x), -1))


class First(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3, padding=1)
        self.bn = torch.nn.BatchNorm2d(4)
        self.up = torch.nn.ConvTranspose2d(4, 5, 4, 2, 1)
        self.fc = torch.nn.Linear(5 * 12 * 10, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.up(torch.relu(self.bn(self.conv(x)))).flatten(1))


def test_flaxs_layers_get_their_channels_last() -> None:
    torch.manual_seed(0)
    theirs, x = First().eval(), torch.randn(2, 3, 6, 5)
    for last in (False, True):
        ours = Channels(last=last)
        port.load_state_dict(ours, theirs.state_dict())
        report = compare.models(theirs, ours, (x,))
        if not last:
            assert report, str(report)
            continue
        assert report.first == ""
        assert report.cause == "flatten order: (H, W, C) for (C, H, W)"


class Odd(torch.nn.Module):
    """One layer twice, a keyword, integers, several outputs in a dict, writes in place."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(7, 4)
        self.shared = torch.nn.Linear(4, 4)
        self.bn = torch.nn.BatchNorm1d(4)
        self.act = torch.nn.ReLU(inplace=True)
        self.frozen = torch.nn.Linear(4, 2).requires_grad_(False)

    def forward(self, i: torch.Tensor, *, scale: torch.Tensor) -> dict[str, Any]:
        x = self.act(self.shared(self.table(i)))
        x = self.bn(self.shared(self.bn(x * scale)))
        return {"two": (x, self.frozen(x)), "i": i + 1}


class OddOurs(port.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.table = port.Embedding(7, 4, rngs=rngs)
        self.shared = port.Linear(4, 4, rngs=rngs)
        self.bn = port.BatchNorm1d(4, rngs=rngs)
        self.act = port.ReLU(inplace=True)
        self.frozen = port.Linear(4, 2, rngs=rngs)

    def forward(self, i: Any, *, scale: Any) -> Any:
        x = self.act(self.shared(self.table(i)))
        x = self.bn(self.shared(self.bn(x * scale)))
        return {"two": (x, self.frozen(x)), "i": i + 1}


def test_layers_called_twice_and_odd_arguments() -> None:
    torch.manual_seed(0)
    theirs, ours = Odd(), OddOurs(nnx.Rngs(0))
    port.load_state_dict(ours, theirs.state_dict())
    args = (np.array([0, 3, 3, 6, 1]),)
    kwargs = {"scale": jnp.full((1, 4), 1.5, jnp.float32)}
    for model in (ours, port.convert(theirs, args, kwargs, train=True)):
        report = compare.models(theirs, model, args, kwargs)
        assert report, str(report)
        calls = [(layer.path, layer.index) for layer in report.compared]
        assert calls.count(("bn", 1)) == calls.count(("shared", 1)) == 1


class Noise(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(3, 3)
        self.rrelu = torch.nn.RReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rrelu(self.fc(x))


def test_a_tensor_that_is_three_inputs_has_one_gradient() -> None:
    """Self-attention: a program has one value there."""
    torch.manual_seed(0)
    theirs, x = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), torch.randn(2, 5, 8)
    program = port.convert(theirs, (x,), train=True)
    report = compare.models(theirs, program, (x,))
    assert report, str(report)
    assert "self_attn" in {layer.path for layer in report.compared}


class Quiet(port.Module):
    def __init__(self) -> None:
        self.fc = port.Linear(3, 3, rngs=nnx.Rngs(0))

    def forward(self, x: Any) -> Any:
        return self.fc(x)


def test_what_is_random_is_said_not_to_be_compared() -> None:
    theirs, ours = Noise(), Quiet()
    port.load_state_dict(ours, theirs.state_dict())
    report = compare.models(theirs, ours, (torch.randn(4, 3),))
    assert report
    notes = {layer.path: layer.note for layer in report.layers}
    assert notes["rrelu"] == notes[""] == "it draws random numbers"
    assert "not compared: rrelu, the network: it draws random numbers" in str(report)


def test_layers_that_one_side_lacks() -> None:
    theirs, ours, x = pair()
    without = Instead(ours.fc2, lambda self, x: x @ self.weight[...].T)
    del without.bias
    ours.fc2 = without
    report = compare.models(theirs, ours, (x,))
    assert report.first == "fc2"
    assert "bias missing: JAX has none" in report.cause
    theirs.fc2.bias = None
    assert compare.models(theirs, ours, (x,))
    extra = pair()[1]
    port.load_state_dict(extra, theirs.state_dict(), strict=False)
    extra.fc2.bias.set_value(jnp.zeros(6))
    report = compare.models(theirs, extra, (x,))
    assert report.first == "fc2"
    assert "bias missing: PyTorch has none" in report.cause


def test_a_layer_that_raises() -> None:
    theirs, ours, x = pair()

    def refuse(self: Any, x: Any) -> Any:
        raise ValueError(f"no input of shape {x.shape}")

    ours.norm = Instead(ours.norm, refuse)
    report = compare.models(theirs, ours, (x,))
    assert report.first == "norm"
    assert report.cause == "JAX raises ValueError: no input of shape (2, 4, 6, 6)"


def test_an_unknown_fault_is_called_so() -> None:
    theirs, ours, x = pair()
    ours.norm = Instead(ours.norm, lambda self, x: jnp.sin(3 * x) * self.weight[...][0])
    report = compare.models(theirs, ours, (x,))
    assert report.first == "norm"
    assert report.cause.startswith("unknown: outputs apart by ")
