"""HLO text is read as it stands, and time is shared out among what is under way."""

import pytest

from benchmarks._trace import _shares, operations

TEXT = """\
HloModule jit_f, is_scheduled=true

%fused_computation (param_0: f32[4,3,8,8]) -> f32[4,8,8,3] {
  %param_0 = f32[4,3,8,8]{3,2,1,0} parameter(0)
  %transpose.1 = f32[4,8,8,3]{2,1,3,0} transpose(%param_0), dimensions={0,2,3,1}
  ROOT %copy.1 = f32[4,8,8,3]{3,2,1,0} copy(%transpose.1), metadata={op_name="jit(f)/jvp(a.0)/t"}
}

ENTRY %main (x: f32[4,3,8,8], w: f32[3,3,3,5]) -> (f32[4,8,8,5]) {
  %x = f32[4,3,8,8]{3,2,1,0} parameter(0), metadata={op_name="x"}
  %w = f32[3,3,3,5]{3,2,1,0} parameter(1), metadata={op_name="w"}
  %copy_fusion = f32[4,8,8,3]{3,2,1,0} fusion(%x), kind=kLoop, calls=%fused_computation
  %conv.2 = f32[4,8,8,5]{2,1,3,0} convolution(%copy_fusion, %w), window={size=3x3 pad=1_1x1_1}
  ROOT %tuple.5 = (f32[4,8,8,5]{2,1,3,0}) tuple(%conv.2)
}
"""


def test_operations() -> None:
    found = operations(TEXT)
    fusion, convolution = found["copy_fusion"], found["conv.2"]
    assert (fusion.kind, fusion.shape, fusion.operands) == (
        "copy or transpose",
        "f32[4,8,8,3]",
        ["x"],
    )
    assert [o.opcode for o in fusion.inner] == ["parameter", "transpose", "copy"]
    assert fusion.source == "jit(f)/jvp(a.0)/t"  # of what it is made of, where it says nothing
    assert (convolution.kind, convolution.shape) == ("convolution", "f32[4,8,8,5]{2,1,3,0}")
    assert found["tuple.5"].opcode == "tuple"


@pytest.mark.parametrize(
    ("events", "spent"),
    [
        ([(0, 4, "a"), (4, 9, "b")], {"a": 4, "b": 5}),
        ([(0, 1, "a"), (6, 9, "b")], {"a": 6, "b": 3}),  # a goes on in other threads
        ([(0, 6, "a"), (2, 4, "b")], {"a": 5, "b": 1}),
        ([(0, 2, "a"), (2, 4, "a")], {"a": 4}),
    ],
)
def test_shares(events: list[tuple[float, float, str]], spent: dict[str, float]) -> None:
    assert _shares(events) == spent
