"""compare.models refuses what is no pair of networks, and says why."""

from typing import Any

import pytest
from flax import nnx

import compare
import port
from tests.support.ported import Net, pair

BAD = [
    (lambda t, j, x: (1, j, (x,)), TypeError, "torch_module must be a torch.nn.Module, got 1"),
    (lambda t, j, x: (t, t, (x,)), TypeError, "must be a network in JAX, got a torch.nn.Module"),
    (lambda t, j, x: (t, Net, (x,)), TypeError, "must be a port.Program, an nnx.Module or a"),
    (lambda t, j, x: (t, j, x), TypeError, "args must be a tuple of the network's arguments"),
    (lambda t, j, x: (t, j, (x[:, :2],)), ValueError, "torch_module does not take args: Runtime"),
    (
        lambda t, j, x: (t, port.Sequential(port.Linear(2, 2, rngs=nnx.Rngs(0))), (x,)),
        ValueError,
        "no weight has the same name on both sides; JAX has 0.bias, 0.weight, PyTorch bn.bias",
    ),
    (
        lambda t, j, x: (t, nnx.eval_shape(Net), (x,)),
        ValueError,
        "jax_model has no values: nnx.eval_shape made it",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "words"), BAD)
def test_bad_input_is_refused(arguments: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        compare.models(*arguments(*pair()))
    assert str(caught.value).startswith("models: ")
    assert words in str(caught.value)


def test_a_program_in_another_mode_is_refused() -> None:
    theirs, _, x = pair()
    program = port.convert(theirs, (x,))
    with pytest.raises(ValueError, match="converted for evaluation, got train=True; convert"):
        compare.models(theirs, program, (x,), train=True)
