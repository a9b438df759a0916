"""The sides of whole networks agree, for small ones of each kind; what is profiled has names."""

import jax
import pytest

import conv
from benchmarks._network_sides import MODES, jax_function, torch_program
from benchmarks._trace import operations
from benchmarks.nets import NETWORKS
from benchmarks.profile import _module_kinds, origin


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "name",
    [
        name if name in ("resnet18", "unet") else pytest.param(name, marks=pytest.mark.long)
        for name in NETWORKS
    ],
)
def test_sides_agree(name: str, mode: str) -> None:
    network = NETWORKS[name]
    theirs = torch_program(network, mode, "float32", "torch", small=True)
    assert theirs is not None
    function, params, x = jax_function(network, mode, "float32", small=True)
    mine = jax.jit(function)(params, x)
    mine = mine[0] if mode == "train" else (mine.astype("float32") ** 2).mean() ** 0.5
    # Some tens of layers in float32, and a mean over all of the output.
    assert float(mine) == pytest.approx(theirs.result(), rel=1e-4)


def test_operations_bear_their_modules_names() -> None:
    network = NETWORKS["resnet18"]
    function, params, x = jax_function(network, "train", "float32", small=True)
    with conv.accelerate(False):
        text = jax.jit(function).lower(params, x).compile().as_text()
    kinds = _module_kinds(network, small=True)
    found = {origin(operation, kinds)[1:] for operation in operations(text).values()}
    for kind in ("Conv2d", "BatchNorm2d", "Linear"):
        assert (kind, "forward") in found
        assert (kind, "backward") in found
