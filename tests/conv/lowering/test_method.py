"""A method asked for what it does not take is an error, never a default."""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import pytest

from conv.lowering import cpu, gpu, tpu
from conv.lowering._method import STOCK, Choice, Method
from conv.lowering._problem import Problem

PLAIN = Problem(
    role="forward",
    batch=2,
    in_channels=4,
    out_channels=6,
    groups=1,
    space=(8, 8),
    kernel=(3, 3),
    out=(8, 8),
    stride=(1, 1),
    padding=((1, 1), (1, 1)),
    spread=(1, 1),
    dilation=(1, 1),
    dtype="float32",
    limits=cpu.LIMITS,
)
X, W = jnp.ones((2, 4, 8, 8)), jnp.ones((6, 4, 3, 3))
METHODS = {
    name: value
    for module in (cpu, gpu)
    for name, value in vars(module).items()
    if isinstance(value, Method) and value is not STOCK
}


def test_a_method_serves_what_it_takes() -> None:
    y = Choice(METHODS["DIRECT"], "").solve(PLAIN, X, W)
    assert y.shape == PLAIN.result_shape


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    "change",
    [
        {"role": "other"},
        # Strides on both sides have no method.
        {"role": "transposed", "stride": (2, 2), "spread": (2, 2)},
        {"role": "weight", "stride": (2, 2), "spread": (2, 2)},
    ],
    ids=["unknown role", "transposed", "weight"],
)
def test_what_no_method_takes_is_an_error_in_each(name: str, change: dict[str, Any]) -> None:
    method = METHODS[name]
    p = replace(PLAIN, **change)
    if method.serves(p):
        # Methods whose formula has strides on both sides, which no order of choice asks for.
        assert name in ("DEPTHWISE_SPREAD", "EACH_DENSE")
        return
    with pytest.raises(ValueError, match=f"the method '{method.name}' does not serve Problem"):
        Choice(method, "").solve(p, X, W)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("POINTWISE", {}),
        ("PATCHIFY", {}),
        ("DEPTHWISE", {}),
        ("DEPTHWISE_LAST", {"groups": 4, "out_channels": 8}),
        ("DEPTHWISE_IN_STEPS", {"groups": 4, "out_channels": 4}),
        ("DIRECT", {"groups": 2}),
        ("COLUMNS", {"groups": 2}),
        ("TAP_BY_TAP", {"groups": 2}),
        ("SPECTRA", {}),
        ("ELEMENTWISE", {"groups": 2, "stride": (2, 2)}),
        ("EACH_DENSE", {}),
        ("DEPTH_SUMS", {}),
        ("VOLUME", {"role": "weight"}),
        ("EXCHANGED", {"role": "weight"}),
        ("OF_SAMPLES", {}),
        ("PHASES_AS_ONE", {"role": "transposed", "spread": (2, 2)}),
        ("IMAGE_PRODUCTS", {}),
        ("RESIDUES", {"role": "weight", "stride": (2, 2), "dilation": (2, 2)}),
    ],
)
def test_a_problem_of_another_family_is_an_error(name: str, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not serve"):
        Choice(METHODS[name], "").solve(replace(PLAIN, **change), X, W)


def test_stock_computes_nothing_itself() -> None:
    with pytest.raises(ValueError, match="the method 'stock' does not serve"):
        Choice(STOCK, "").solve(PLAIN, X, W)


def test_every_choice_of_an_order_serves_its_problem() -> None:
    """Over many problems of all roles: what is chosen serves, and so does what it turns into."""
    for platform in (cpu.CPU, gpu.GPU, tpu.TPU):
        for p in problems():
            p = replace(p, limits=platform.limits)
            choice = platform.choose(p)
            while choice is not None and not choice.stock:
                assert choice.method.serves(p), (choice.method.name, p)
                if choice.inner is None:
                    break
                assert choice.method.inner is not None
                p, choice = choice.method.inner(p), choice.inner


def problems() -> list[Problem]:
    found = []
    for dims in (1, 2, 3):
        for groups, ins, outs in (
            (1, 4, 6),
            (1, 64, 64),
            (4, 4, 4),
            (4, 4, 8),
            (2, 8, 8),
            (2, 64, 64),
        ):
            for size in (1, 2, 3, 4, 7, 40, 300, 3000):
                if size > 7 and dims > 1:
                    continue
                for stride, dilation in ((1, 1), (2, 1), (size, 1), (1, 3)):
                    for role in ("forward", "weight", "transposed", "spread weight"):
                        found.append(problem(dims, groups, ins, outs, size, stride, dilation, role))
    return found


def problem(
    dims: int, groups: int, ins: int, outs: int, size: int, stride: int, dilation: int, role: str
) -> Problem:
    space, pad = dilation * (size - 1) + 9, size // 2
    spread = stride if role in ("transposed", "spread weight") else 1
    step = 1 if spread > 1 else stride
    reach = (space - 1) * spread + 1 + 2 * pad
    out = (reach - dilation * (size - 1) - 1) // step + 1
    plain = spread == 1 and role == "transposed"
    return Problem(
        role="forward" if plain else role.removeprefix("spread "),
        batch=3,
        in_channels=ins,
        out_channels=outs,
        groups=groups,
        space=(space,) * dims,
        kernel=(size,) * dims,
        out=(out,) * dims,
        stride=(step,) * dims,
        padding=((pad, pad),) * dims,
        spread=(spread,) * dims,
        dilation=(dilation,) * dims,
        dtype="float32",
    )


def test_arrays_are_not_looked_at_to_choose() -> None:
    """A problem can be hashed: shapes and arguments, nothing else."""
    assert len({PLAIN, replace(PLAIN), replace(PLAIN, batch=3)}) == 2
