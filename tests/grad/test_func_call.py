"""grad.func.functional_call on flax.nnx modules beside torch.func.functional_call."""

import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx

import port
from grad import func
from tests.support.agree import assert_same, draw, to_torch

X = draw(0, (4, 3))


class Net(nnx.Module):
    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.first = nnx.Linear(3, 5, rngs=rngs, param_dtype=jnp.float64)
        self.norm = port.BatchNorm1d(5, dtype=jnp.float64)
        self.second = port.Linear(5, 2, dtype=jnp.float64, rngs=rngs)

    def __call__(self, x: Any, scale: float = 1.0) -> Any:
        return self.second(jnp.tanh(self.norm(self.first(x)))) * scale


class NetInTorch(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(3, 5, dtype=torch.float64)
        self.norm = torch.nn.BatchNorm1d(5, dtype=torch.float64)
        self.second = torch.nn.Linear(5, 2, dtype=torch.float64)

    def forward(self, x: Any, scale: float = 1.0) -> Any:
        return self.second(torch.tanh(self.norm(self.first(x)))) * scale


def pair(seed: int = 0) -> tuple[Any, Any, dict[str, Any]]:
    """Two modules, neither with the values of the state that comes with them."""
    module, original = Net(), NetInTorch()
    state = {
        name: np.asarray(value) if value.ndim == 0 else np.abs(draw(seed + i, tuple(value.shape)))
        for i, (name, value) in enumerate(original.state_dict().items())
    }
    return module, original, state


def test_output_state_and_the_module_itself() -> None:
    module, original, state = pair()
    before = port.state_dict(module)
    tensors = {name: to_torch(value) for name, value in state.items()}
    right = torch.func.functional_call(original, tensors, (to_torch(X),), {"scale": 2.0})
    found, after = func.functional_call(module, state, X, {"scale": 2.0}, return_state=True)
    assert_same(found, right.detach())
    assert list(after) == list(tensors)
    for name, value in after.items():  # where PyTorch has moved the running values in the dict
        assert_same(value, tensors[name])
    assert np.any(after["norm.running_mean"] != state["norm.running_mean"])
    for name, value in port.state_dict(module).items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["", "jit"])
def test_gradients_by_name(wrap: Any) -> None:
    """Of a loss of parameters alone; the buffers come from the second dict."""
    module, original, state = pair()
    params = {name: v for name, v in state.items() if name in dict(original.named_parameters())}
    buffers = {name: v for name, v in state.items() if name not in params}

    def ours(params: Any) -> Any:
        return (func.functional_call(module, (params, buffers), (X,)) ** 2).sum()

    def theirs(params: Any, rest: Any, x: Any) -> Any:
        return (torch.func.functional_call(original, (params, rest), x) ** 2).sum()

    tensors = ({name: to_torch(v) for name, v in part.items()} for part in (params, buffers))
    right = torch.func.grad(theirs)(*tensors, to_torch(X))
    found = wrap(func.grad(ours))({name: jnp.asarray(v) for name, v in params.items()})
    assert found.keys() == right.keys()
    for name, value in found.items():
        assert_same(value, right[name], scale=10)


def test_what_is_not_named_stays_and_dtypes_are_kept() -> None:
    layer, original = nnx.Linear(3, 2, rngs=nnx.Rngs(0)), torch.nn.Linear(3, 2)
    port.load_state_dict(layer, original.state_dict())
    weight = draw(1, (2, 3))
    found = func.functional_call(layer, {"weight": weight}, X.astype("float32"))
    right = torch.func.functional_call(
        original, {"weight": to_torch(weight).float()}, to_torch(X).float()
    )
    np.testing.assert_allclose(found, right.detach().numpy(), rtol=1e-5, atol=1e-6)
    wide = port.Linear(3, 2, rngs=nnx.Rngs(0))
    both = {"weight": weight, "bias": draw(2, (2,))}
    assert_same(
        func.functional_call(wide, both, X),
        torch.func.functional_call(
            original, {n: to_torch(v) for n, v in both.items()}, to_torch(X)
        ),
    )
    assert port.state_dict(wide)["weight"].dtype == "float32"


class Tied(nnx.Module):
    def __init__(self) -> None:
        self.a = nnx.Param(jnp.ones(3))
        self.b = self.a

    def __call__(self, x: Any) -> Any:
        return x + self.a[...] * self.b[...]


class TiedInTorch(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
        self.b = self.a

    def forward(self, x: Any) -> Any:
        return x + self.a * self.b


def test_tied_weights() -> None:
    value, other = draw(1, (3,)), draw(2, (3,))
    for state in ({"a": value}, {"b": value}, {}):
        right = torch.func.functional_call(
            TiedInTorch(), {n: to_torch(v) for n, v in state.items()}, to_torch(X)
        )
        assert_same(func.functional_call(Tied(), state, X), right.detach())
        if state:
            func.functional_call(Tied(), state, X, strict=True)
    tensor = to_torch(value)
    both = {"a": value, "b": value}
    right = torch.func.functional_call(TiedInTorch(), {"a": tensor, "b": tensor}, to_torch(X))
    assert_same(func.functional_call(Tied(), both, X, tie_weights=False), right.detach())
    for module, state in (
        (Tied(), {"a": value, "b": other}),
        (TiedInTorch(), {"a": tensor, "b": to_torch(other)}),
    ):
        call = func if isinstance(module, Tied) else torch.func
        with pytest.raises(
            ValueError, match=r"got multiple values for keys \['a', 'b'\], which ar"
        ):
            call.functional_call(module, state, X)
    with pytest.raises(NotImplementedError, match=r"tie_weights=False: .* are one nnx.Variable"):
        func.functional_call(Tied(), {"a": value}, X, tie_weights=False)


@pytest.mark.parametrize(
    ("dicts", "options", "words"),
    [
        ("s", {}, "Expected all elements of parameter_and_buffer_dicts to be dictionaries"),
        (3, {}, "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but"),
        ([3], {}, "Expected all elements of parameter_and_buffer_dicts to be dictionaries"),
        ([{"a": 1}, {"a": 2}], {}, r"\['a'\] appeared in multiple dictionaries"),
        ({"q.a": X}, {}, "has no attribute `q`"),
        ({"a": 3.0}, {}, "functional_call: a must be|3.0 is not an instance of torch.Tensor"),
        (
            {"c": X[0]},
            {"strict": True},
            r"Error\(s\) in reparametrizing for Tied.*:\n\tUnexpected key\(s\): 'c'.\n\tMissing",
        ),
    ],
)
def test_refusals(dicts: Any, options: Any, words: str) -> None:
    tensors = jax.tree.map(to_torch, dicts)
    with pytest.raises(Exception, match=words) as theirs:
        torch.func.functional_call(TiedInTorch(), tensors, to_torch(X), **options)
    with pytest.raises(type(theirs.value), match=words):
        func.functional_call(Tied(), dicts, X, **options)


def test_further_refusals() -> None:
    module = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
    with pytest.raises(TypeError, match=r"functional_call: module must be an nnx.Module, got"):
        func.functional_call(lambda x: x, {}, X)
    with pytest.raises(TypeError, match="functional_call: kwargs must be a dict or None, got"):
        func.functional_call(module, {}, X, 3)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r"size mismatch for weight: got shape \(3, 2, 1\), the"):
        func.functional_call(module, {"weight": np.ones((3, 2, 1))}, X)
    assert func.functional_call(module, {"other": X}, X).shape == (4, 2)  # ignored, as in PyTorch


def test_ensembles() -> None:
    """stack_module_state, functional_call and vmap together, as PyTorch's page has them."""
    models, originals = [Net() for _ in range(3)], [NetInTorch() for _ in range(3)]
    for i, (model, original) in enumerate(zip(models, originals, strict=True)):
        original.load_state_dict({n: to_torch(v) for n, v in pair(10 * i)[2].items()})
        port.load_state_dict(model, original.state_dict())
    params, buffers = func.stack_module_state(models)
    right_params, right_buffers = torch.func.stack_module_state(originals)
    for found, right in ((params, right_params), (buffers, right_buffers)):
        assert found.keys() == right.keys()
        for name, value in found.items():
            assert_same(value, right[name].detach())

    def ours(params: Any, buffers: Any, x: Any) -> Any:
        return func.functional_call(models[0], (params, buffers), (x,))

    found = func.vmap(ours, in_dims=(0, 0, None))(params, buffers, jnp.asarray(X))
    for value, original in zip(found, originals, strict=True):
        assert_same(value, original(to_torch(X)).detach())
    with pytest.raises(RuntimeError, match="stack_module_state: Expected at least one model, got"):
        func.stack_module_state([])
    with pytest.raises(RuntimeError, match="stack_module_state: Expected all models to be of the "):
        func.stack_module_state([models[0], Tied()])
    with pytest.raises(TypeError, match="stack_module_state: models must be a list of modules"):
        func.stack_module_state(3)
    one, _ = func.stack_module_state([Tied(), Tied()])
    assert list(one) == list(torch.func.stack_module_state([TiedInTorch()])[0]) == ["a"]


def test_grad_does_not_import_port() -> None:
    code = "import grad, grad.func, sys; assert not {'port', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
