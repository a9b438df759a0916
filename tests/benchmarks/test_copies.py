"""Which arrays ResNet-50's compiled programs copy to another order in memory."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import jax
import pytest

from benchmarks._network_sides import jax_function
from benchmarks._trace import operations
from benchmarks.nets import NETWORKS
from convgrad import _jax

pytestmark = [
    pytest.mark.optimised,
    pytest.mark.skipif(not _jax.has_avx512(), reason="oneDNN takes all orders with AVX-512 only"),
]
LAYERS = 53


class Copy(NamedTuple):
    """A copy whose result lies otherwise in memory: its shape, and the order before and after."""

    shape: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


def shape_and_order(text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Read f32[2,3]{1,0}; without an order the last axis is innermost."""
    shape, *order = (
        tuple(int(n) for n in numbers.split(",") if n)
        for numbers in re.findall(r"[\[{]([\d,]*)[\]}]", text)
    )
    return shape, order[0] if order else tuple(reversed(range(len(shape))))


def copies(text: str) -> Iterator[Copy]:
    """Read them off a compiled program, fused or not; XLA turns transposes into them."""
    known = operations(text)
    for operation in known.values():
        if operation.opcode != "copy":
            continue
        shape, order = shape_and_order(operation.shape)
        _, before = shape_and_order(known[operation.operands[0]].shape)
        wide = [[i for i in o if shape[i] > 1] for o in (before, order)]
        if wide[0] != wide[1]:
            yield Copy(shape, before, order)


def program(mode: str) -> str:
    function, params, x = jax_function(NETWORKS["resnet50"], mode, "float32")
    return jax.jit(lambda *a: function(*a)).lower(params, x).compile().as_text()


def test_copies_are_read() -> None:
    text = """
    %a = f32[2,3,4]{2,1,0} parameter(0)
    %same = f32[2,3,4]{2,1,0} copy(%a)
    ROOT %copy.1 = f32[2,3,4]{1,2,0} copy(%a), metadata={op_name="x"}
    """
    assert list(copies(text)) == [Copy((2, 3, 4), (2, 1, 0), (1, 2, 0))]


def test_a_forward_program_copies_its_input_and_its_last_image() -> None:
    text = program("forward")
    assert text.count(_jax.ONEDNN) >= LAYERS
    found = {copy.shape for copy in copies(text)}
    assert found == {(4, 3, 160, 160), (4, 2048, 5, 5)}


def test_a_training_step_copies_for_weights_gradients_and_kernels_only() -> None:
    """An image and a gradient a layer, with channels before the batch; kernels to be turned."""
    found = list(copies(program("train")))
    images = [copy for copy in found if copy.shape[1] == 4]
    assert len(images) <= 2 * LAYERS + 4
    assert {(copy.before, copy.after) for copy in images} == {((3, 2, 0, 1), (3, 2, 1, 0))}
    kernels = [copy for copy in found if copy.shape[1] != 4]
    assert all(copy.shape[0] == copy.shape[1] and max(copy.shape[2:]) <= 3 for copy in kernels)
    assert len(kernels) <= 28
