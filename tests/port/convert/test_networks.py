"""Whole networks, converted, beside PyTorch in float64: eight here, and the others when asked for.

Nothing but the order of sums differs: 1e-9 of the largest value is some thousand roundings.
"""

import jax
import pytest

import port
from tests.support.converted import assert_at_rest, assert_in_training
from tests.support.networks import FEW, LACKING, MANY, Network

# Some keep tensors in attributes of their modules between calls, of which torch warns.
KEEPS = "ignore:The tensor attribute"


@pytest.fixture(autouse=True)
def _without_others() -> None:
    """Programs of a whole network take memory; the next one needs none of the last."""
    jax.clear_caches()


def _of(networks: tuple[Network, ...], **flags: bool) -> list[Network]:
    return [n for n in networks if all(getattr(n, key) == value for key, value in flags.items())]


@pytest.mark.parametrize("network", FEW, ids=str)
def test_network(network: Network) -> None:
    assert_at_rest(network)


@pytest.mark.parametrize("network", _of(FEW, training=True), ids=str)
def test_network_in_training(network: Network) -> None:
    assert_in_training(network)


@pytest.mark.long
@pytest.mark.filterwarnings(KEEPS)
@pytest.mark.parametrize("network", MANY, ids=str)
def test_many_networks(network: Network) -> None:
    assert_at_rest(network)


@pytest.mark.long
@pytest.mark.parametrize("network", _of(MANY, training=True), ids=str)
def test_many_networks_in_training(network: Network) -> None:
    assert_in_training(network)


def test_the_list_is_long_enough() -> None:
    assert len({network.name for network in MANY}) == len(MANY) >= 60
    assert len(_of(MANY, gradients=True)) >= 15
    assert len(_of(MANY, training=True)) >= 10


@pytest.mark.long
@pytest.mark.parametrize("network", LACKING, ids=str)
def test_networks_whose_sizes_depend_on_data_are_refused(network: Network) -> None:
    module, args = network.draw()
    with pytest.raises(ValueError, match=r"depends on the values in a(.|\n)*torchvision/"):
        port.convert(module, args)
