"""What `convert` returns: names, structures, open sizes, states, draws, transformations."""

import collections
import dataclasses
import subprocess
import sys
import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch import nn

import port
from tests.support.agree import assert_same, draw, to_torch


class Named(NamedTuple):
    first: torch.Tensor
    second: torch.Tensor


@dataclasses.dataclass
class Record:
    value: Any
    absent: Any = None


torch.export.register_dataclass(Record, serialized_type_name="tests.Record")


class Structured(nn.Module):
    def forward(self, pair: Any, *, scale: torch.Tensor, power: int = 1) -> dict[str, Any]:
        a, inner = pair
        total = a * scale**power + inner["b"]
        return {
            "tuple": (total, [a]),
            "named": Named(a, total),
            "ordered": collections.OrderedDict(x=a),
            "record": Record(total),
            "none": None,
            "number": power,
        }


def _of(module: nn.Module, *args: torch.Tensor, **settings: Any) -> port.Program:
    return port.convert(module, args, **settings)


def _exported(
    module: nn.Module, x: torch.Tensor, decomposed: bool = False, **settings: Any
) -> torch.export.ExportedProgram:
    with warnings.catch_warnings():
        # PyTorch's use of deprecated names of its own.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        exported = torch.export.export(module, (x,), strict=False, **settings)
        return exported.run_decompositions() if decomposed else exported


def _x(*shape: int) -> torch.Tensor:
    return to_torch(draw(0, shape))


def test_names_are_those_of_the_state_dict() -> None:
    module = nn.Sequential(nn.Conv1d(2, 3, 1), nn.BatchNorm1d(3)).double()
    program = _of(module, _x(2, 2, 4))
    assert program.params.keys() | program.buffers.keys() == module.state_dict().keys()
    assert program.params.keys() == dict(module.named_parameters()).keys()
    for name, tensor in module.state_dict().items():
        assert_same((program.params | program.buffers)[name], tensor, name)


def test_arrays_are_copies_and_the_module_is_left_as_it_was() -> None:
    module = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(3)).double()
    module[1].eval()
    before = {name: t.clone() for name, t in module.state_dict().items()}
    program = _of(module, _x(4, 3), train=True)
    assert [part.training for part in module.modules()] == [True, True, False]
    assert all(torch.equal(t, before[name]) for name, t in module.state_dict().items())
    with torch.no_grad():
        module[1].weight.fill_(7)
    np.testing.assert_array_equal(program.params["1.weight"], 1)


def test_structures_of_arguments_and_output() -> None:
    module = Structured()
    a, b, scale = _x(2, 3), _x(3), _x(1)
    right = module((a, {"b": b}), scale=scale, power=2)
    program = port.convert(module, ((a, {"b": b}),), {"scale": scale, "power": 2})
    arrays = (jnp.asarray(a.numpy()), {"b": jnp.asarray(b.numpy())})
    output, buffers = program({}, {}, arrays, scale=jnp.asarray(scale.numpy()), power=2)
    assert buffers == {}
    assert list(output) == list(right)
    assert_same(output["tuple"][0], right["tuple"][0])
    assert isinstance(output["tuple"][1], list)
    assert output["named"]._fields == ("first", "second")
    assert type(output["named"]).__name__ == "Named"
    assert isinstance(output["ordered"], collections.OrderedDict)
    assert isinstance(output["record"], Record)
    assert output["record"].absent is None
    assert_same(output["record"].value, right["record"].value)
    assert output["none"] is None
    assert output["number"] == 2
    jitted, _ = jax.jit(lambda a: program({}, {}, a, scale=scale.numpy(), power=2))(arrays)
    assert_same(jitted["record"].value, right["record"].value)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda p, x: p({}, {}, x), ValueError, ["params", "weight"]),
        (lambda p, x: p(p.params, {}, x[:, :3]), ValueError, ["input", "(2, 4)", "(2, 3)"]),
        (lambda p, x: p(p.params, {}, x, x), TypeError, ["arguments[0]", "1 values"]),
        (lambda p, x: p(p.params, {}, x, k=1), TypeError, ["arguments[1]", "dict"]),
        (lambda p, x: p(p.params, {}, "x"), TypeError, ["input", "array"]),
    ],
)
def test_wrong_calls_are_refused(call: Any, error: type[Exception], words: list[str]) -> None:
    program = _of(nn.Linear(4, 2).double(), _x(2, 4))
    with pytest.raises(error) as caught:
        call(program, np.ones((2, 4)))
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_number_is_what_it_was_exported_for() -> None:
    program = port.convert(Structured(), ((_x(2), {"b": _x(2)}),), {"scale": _x(1), "power": 2})
    x = jnp.ones(2)
    with pytest.raises(ValueError, match=r"power must be 2.*got 3"):
        program({}, {}, (x, {"b": x}), scale=jnp.ones(1), power=3)


def test_open_sizes() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 4)

        def forward(self, x: torch.Tensor) -> Any:
            batch = x.size(0)
            y = self.layer(x.view(batch, 6)).reshape(batch * 2, 2)
            return y, torch.zeros(batch, 2 * batch + 1), batch

    module = Net().double()
    sizes = ({0: torch.export.Dim("batch", min=2)},)
    exported = _exported(module, _x(4, 2, 3), dynamic_shapes=sizes)
    program = port.convert(exported)
    for batch in (2, 5):
        x = _x(batch, 2, 3)
        right = module(x)
        output, _ = jax.jit(lambda p, x: program(p, {}, x))(program.params, x.numpy())
        assert_same(output[0], right[0])
        assert output[1].shape == tuple(right[1].shape)
        assert output[2] == batch
    with pytest.raises(ValueError, match=r"shape \(s\d+, 2, 3\).*got .*\(4, 2, 2\)"):
        program(program.params, {}, np.ones((4, 2, 2)))


def test_an_exported_program_has_its_mode() -> None:
    exported = _exported(nn.Linear(2, 2), torch.ones(1, 2))
    with pytest.raises(ValueError, match="must be left out"):
        port.convert(exported, train=True)


def test_a_decomposed_graph() -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 2)
    )
    module, x = module.double().eval(), _x(1, 3, 6, 6)
    program = port.convert(_exported(module, x, decomposed=True))
    assert any(node.operation == "aten.convolution.default" for node in program.graph.nodes)
    output, _ = program(program.params, program.buffers, x.numpy())
    assert_same(output, module(x))


def test_a_decomposed_training_graph_updates_its_buffers() -> None:
    module = nn.Sequential(nn.Conv1d(2, 3, 1), nn.BatchNorm1d(3), nn.ReLU()).double().train()
    x = _x(4, 2, 5)
    program = port.convert(_exported(module, x, decomposed=True))
    output, buffers = program(program.params, program.buffers, x.numpy())
    assert_same(output, module(x))
    for name, buffer in module.named_buffers():
        assert_same(buffers[name], buffer, name)


def test_buffers_of_every_kind() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("total", torch.zeros(3, dtype=torch.float64))
            self.register_buffer("kept", torch.ones(3, dtype=torch.float64), persistent=False)
            self.register_buffer("calls", torch.tensor(0))
            self.plain = torch.full((3,), 2.0, dtype=torch.float64)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            self.total[1:] += x.sum(0)[1:]
            self.total.mul_(2)
            self.kept = self.kept + self.plain
            return x * self.total * self.calls

    module, x = Net(), _x(2, 3)
    program = _of(module, x)
    assert program.buffers.keys() == {"total", "kept", "calls"}
    output, buffers = program({}, program.buffers, x.numpy())
    again, twice = program({}, buffers, x.numpy())
    assert_same(output, module(x))
    assert_same(again, module(x))
    for name, buffer in module.named_buffers():
        assert_same(twice[name], buffer, name)


def test_tied_parameters_are_one() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 3)
            self.outer = nn.Linear(3, 3)
            self.outer.weight = self.inner.weight
            self.again = self.inner

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.again(self.outer(self.inner(x)))

    module, x = Net().double(), _x(2, 3)
    program = _of(module, x)
    assert program.params.keys() == dict(module.named_parameters()).keys()
    assert program.graph.tied["outer.weight"] == "inner.weight"
    assert [node.module for node in program.graph.nodes] == ["inner", "outer", "inner"]
    pulled = jax.grad(lambda p: program(p, {}, x.numpy())[0].sum())(program.params)
    module(x).sum().backward()
    for name, parameter in module.named_parameters():
        assert_same(pulled[name], parameter.grad, name)


def test_nodes_know_their_module_and_line() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), nn.Linear(2, 2)))
    program = _of(network, torch.ones(1, 2))
    assert [node.module for node in program.graph.nodes] == ["0", "1.0", "1.1"]
    last = program.graph.nodes[-1]
    assert [frame.path for frame in last.stack] == ["", "1", "1.1"]
    assert last.stack[-1].kind == "torch.nn.modules.linear.Linear"
    assert "forward" in last.line
    values = program.values(program.params, {}, np.ones((1, 2), "float32"))
    assert values[last.name].shape == (1, 2)


def test_random_numbers() -> None:
    network = nn.Sequential(nn.Dropout(0.25), nn.Dropout(0.5), nn.Dropout2d(0.5))
    x = torch.ones(8, 50, 4, 4)
    program = _of(network, x, train=True)
    run = jax.jit(lambda key: program({}, {}, x.numpy(), rng=key)[0])
    output = run(jax.random.key(0))
    assert set(np.unique(output)) == {0, 1 / (0.75 * 0.5 * 0.5)} or np.allclose(
        np.unique(output), [0, 1 / (0.75 * 0.5 * 0.5)]
    )
    # Of 6400 a share of 3/32 is left; the standard error is that of 400 whole channels.
    assert abs(float((output != 0).mean()) - 0.75 * 0.25) < 0.08
    np.testing.assert_array_equal(output, run(jax.random.key(0)))
    assert (output != run(jax.random.key(1))).any()
    with pytest.raises(ValueError, match=r"rng must be given.*'0'.*rng=None"):
        program({}, {}, x.numpy())


def test_no_gradient_flows_out_of_no_grad() -> None:
    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                y = (x * 2).relu_()
            with torch.autocast("cpu", enabled=False):
                z = x.sin()
            return y * z

    x = _x(5).requires_grad_()
    program = _of(Net(), x)
    Net()(x).sum().backward()
    pulled = jax.grad(lambda x: program({}, {}, x)[0].sum())(jnp.asarray(x.detach().numpy()))
    assert_same(pulled, x.grad)


def test_what_is_decomposed_leaves_the_rest_as_it_was() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 4).double()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.special.entr(self.linear(x).exp())
            with torch.no_grad():
                z = torch.special.entr(y.abs()).mul_(2)
            return y * z + y.detach()

    module, x = Net(), _x(5, 3).requires_grad_()
    program = _of(module, x)
    operations = [node.operation for node in program.graph.nodes]
    assert "aten.linear.default" in operations
    assert "aten.special_entr.default" not in operations
    assert {node.module for node in program.graph.nodes} == {"", "linear"}
    assert all("entr" in node.line for node in program.graph.nodes if "log" in node.operation)
    given = jnp.asarray(x.detach().numpy())
    right = module(x)
    assert_same(program(program.params, {}, given)[0], right)
    right.sum().backward()
    pulled = jax.grad(lambda x: program(program.params, {}, x)[0].sum())(given)
    assert_same(pulled, x.grad)


def test_spectral_norm_in_training() -> None:
    """It writes to its buffers by the argument `out`, where no gradient flows."""
    module = torch.nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4)).double()
    x = _x(5, 3)
    program = _of(module, x, train=True)

    def loss(params: Any) -> Any:
        output, buffers = program(params, program.buffers, x.numpy())
        return (output**2).sum(), buffers

    pulled, buffers = jax.grad(loss, has_aux=True)(program.params)
    (module.train()(x) ** 2).sum().backward()
    for name, parameter in module.named_parameters():
        assert_same(pulled[name], parameter.grad, name)
    for name, buffer in module.named_buffers():
        assert_same(buffers[name], buffer, name)


def test_transformations() -> None:
    module = nn.Sequential(nn.Conv1d(2, 3, 2), nn.GELU(), nn.Flatten(), nn.Linear(9, 2)).double()
    x, direction = _x(1, 2, 4), to_torch(draw(1, (1, 2, 4)))
    program = _of(module, x)

    def run(x: jax.Array) -> jax.Array:
        return program(program.params, {}, x)[0]

    value, tangent = jax.jvp(run, (x.numpy(),), (direction.numpy(),))
    right, theirs = torch.autograd.functional.jvp(module, x, direction)
    assert_same(value, right)
    assert_same(tangent, theirs)
    many = _x(3, 1, 2, 4)
    assert_same(jax.vmap(run)(many.numpy()), torch.stack([module(part) for part in many]))
    hessian = jax.hessian(lambda x: run(x)[0, 0])(jnp.asarray(x.numpy()))
    assert_same(hessian, torch.autograd.functional.hessian(lambda x: module(x)[0, 0], x))


def test_parameters_may_have_another_dtype() -> None:
    module = nn.Sequential(nn.Conv1d(2, 3, 2), nn.BatchNorm1d(3), nn.ReLU())
    program = _of(module, torch.ones(1, 2, 4))
    half = jax.tree.map(lambda a: a.astype("bfloat16"), (program.params, program.buffers))
    output, _ = program(*half, jnp.ones((1, 2, 4), "bfloat16"))
    assert output.dtype == "bfloat16"


def test_float64_needs_64_bit_dtypes() -> None:
    with jax.enable_x64(False):
        with pytest.raises(ValueError, match=r"weight is float64.*jax_enable_x64"):
            _of(nn.Linear(2, 2).double(), _x(1, 2))
        module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        program = _of(module, torch.ones(2, 2), train=True)
        output, buffers = program(program.params, program.buffers, np.ones((2, 2), "float32"))
        assert output.dtype == "float32"
        assert buffers["1.num_batches_tracked"] == 1


@pytest.mark.parametrize(
    "layer",
    [
        nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True),
        nn.LSTM(3, 4, bias=False),
        nn.LSTM(3, 4, 2, proj_size=2),
        nn.GRU(3, 4, 2, bidirectional=True),
        nn.RNN(3, 4, batch_first=True),
        nn.RNN(3, 4, 2, nonlinearity="relu"),
    ],
    ids=lambda layer: f"{layer}",
)
def test_recurrent_layers(layer: nn.Module) -> None:
    layer, x = layer.double(), _x(2, 5, 3)
    program = _of(layer, x)
    assert sum(node.operation.endswith(".input") for node in program.graph.nodes) == 1

    def loss(params: Any) -> Any:
        leaves = jax.tree.leaves(program(params, {}, x.numpy())[0])
        return sum((leaf**2).sum() for leaf in leaves), leaves

    pulled, output = jax.jit(jax.grad(loss, has_aux=True))(program.params)
    right = torch.utils._pytree.tree_leaves(layer(x))
    for mine, theirs in zip(output, right, strict=True):
        assert_same(mine, theirs)
    sum((leaf**2).sum() for leaf in right).backward()
    for name, parameter in layer.named_parameters():
        assert_same(pulled[name], parameter.grad, name)


def test_arguments_may_be_arrays() -> None:
    program = port.convert(nn.Linear(3, 2), (np.ones((4, 3), "float32"),))
    output, _ = program(program.params, {}, torch.ones(4, 3))
    assert output.shape == (4, 2)


def test_torch_is_not_imported() -> None:
    code = "import sys, conv, port, port.converter, port.writer; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
