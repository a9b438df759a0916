"""The interpreter agrees with PyTorch for small networks of each kind, in float64."""

import jax
import numpy as np
import pytest
import torch

from benchmarks._interpret import as_jax, interpret, parameters, state
from benchmarks.nets import NETWORKS


def apart(mine: np.ndarray, right: np.ndarray) -> float:
    return float(np.abs(np.asarray(mine) - right).max() / np.abs(right).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_forward(name: str) -> None:
    module, x = NETWORKS[name].draw(small=True, dtype=torch.float64)
    y = jax.jit(interpret(module, train=False))(state(module), as_jax(x))
    with torch.no_grad():
        assert apart(y, module.eval()(x).numpy()) < 1e-9


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("resnet18", "unet") else pytest.param(name, marks=pytest.mark.long)
        for name in NETWORKS
    ],
)
def test_training(name: str) -> None:
    module, x = NETWORKS[name].draw(small=True, dtype=torch.float64)
    run = interpret(module, train=True)
    before = {key: t.clone() for key, t in module.state_dict().items()}
    loss, grads = jax.jit(jax.value_and_grad(lambda p, x: (run(p, x) ** 2).mean()))(
        parameters(module), as_jax(x)
    )
    right = (module.train()(x) ** 2).mean()
    right.backward()
    assert abs(float(loss) - right.item()) < 1e-9 * right.item()
    theirs = {
        key: np.zeros(p.shape) if p.grad is None else p.grad.numpy()
        for key, p in module.named_parameters()
    }
    assert grads.keys() == theirs.keys()
    # Of a parameter without effect (a bias before a norm) the gradient is rounding.
    least = 1e-4 * max(np.abs(g).max() for g in theirs.values())
    for key, right in theirs.items():
        far = np.abs(np.asarray(grads[key]) - right).max()
        assert far < 1e-9 * max(np.abs(right).max(), least), key
    for key, t in module.state_dict().items():
        if t.is_floating_point():
            assert torch.equal(t, before[key]), key
