"""pad beside torch.nn.functional.pad: every mode, growing and cropping, and what is refused."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import conv
from tests.support.agree import assert_agree, assert_refused, draw, to_torch

PADS = [
    (-1, 2), (2, -1), (-2, -2), (3, 0), (4, 0), (5, 0), (0, 4), (-3, 0), (-4, 0), (-4, 1), (-5, 7),
    (1, 1), (0, 0), (1, 1, 1, 1), (1, 2, 0, 3), (-1, 1, 2, -2), (1, 1, 1, 1, 1, 1), (), (1,),
    (1, 2, 2, 1, 3, 0, 1, 1), (1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
]  # fmt: skip
SHAPES = [(4,), (3, 4), (2, 3, 4), (2, 2, 3, 4), (1, 2, 3, 4, 5), (0, 2, 3), (2, 0, 3), (2, 3, 0)]


def undefined(shape: tuple[int, ...], widths: tuple[int, ...], mode: str) -> bool:
    """Wrapping more than cropping left: PyTorch returns uninitialised memory (see pad's docs)."""
    if mode != "circular" or len(widths) % 2:
        return False
    pairs = zip(reversed(shape), zip(widths[::2], widths[1::2], strict=True), strict=False)
    return any(max(p) > max(n + min(p[0], 0) + min(p[1], 0), 0) and max(p) <= n for n, p in pairs)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_both_agree_or_both_refuse(shape: tuple[int, ...], mode: str) -> None:
    x = draw(0, shape)
    outcomes = set()
    for widths in PADS:
        if undefined(shape, widths, mode):
            with pytest.raises(ValueError, match="pad: mode='circular'"):
                conv.pad(x, widths, mode)
            continue
        ours = partial(conv.pad, pad=widths, mode=mode)
        theirs = partial(torch.nn.functional.pad, pad=widths, mode=mode)
        try:
            theirs(to_torch(x))
        except (RuntimeError, NotImplementedError):
            with pytest.raises(ValueError, match="pad"):
                ours(x)
            outcomes.add("refused")
        else:
            assert_agree(ours, theirs, x)
            outcomes.add("agreed")
    none_fits = mode != "constant" and (len(shape) == 1 or (0 in shape[1:] and mode != "circular"))
    assert outcomes == ({"refused"} if none_fits else {"refused", "agreed"})


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool", "complex64", "bfloat16"])
@pytest.mark.parametrize("mode", ["constant", "reflect", "circular"])
def test_dtypes(mode: str, dtype: str) -> None:
    x = draw(0, (2, 3, 4), "int32" if dtype == "bool" else dtype).astype(dtype)
    if dtype == "bool" and mode == "reflect":
        assert_refused(
            lambda x: conv.pad(x, (1, 2), mode),
            lambda x: torch.nn.functional.pad(x, (1, 2), mode),
            (x,),
            TypeError,
            ["bool"],
        )
        return
    assert_agree(
        lambda x: conv.pad(x, (1, 2), mode), lambda x: torch.nn.functional.pad(x, (1, 2), mode), x
    )


@pytest.mark.parametrize(("dtype", "value"), [("int32", 1.5), ("bool", 1.5), ("float32", -2.0)])
def test_value_is_cast(dtype: str, value: float) -> None:
    x = np.ones((2, 3), dtype)
    assert_agree(
        lambda x: conv.pad(x, (1, 2), value=value),
        lambda x: torch.nn.functional.pad(x, (1, 2), value=value),
        x,
    )


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        (((1, 1), "mirror"), ValueError, ["mode='mirror'", "reflect"]),
        (((1, 1), "reflect", 1.0), ValueError, ["value=1.0"]),
        ((1,), TypeError, ["pad=1"]),
        (((1.0, 1),), TypeError, ["pad[0]", "1.0"]),
        (((1, 1), "constant", 1j), TypeError, ["value", "1j"]),
    ],
)
def test_refusals(args: tuple, error: type[Exception], words: list[str]) -> None:
    x = np.ones((1, 1, 4), "float32")
    assert_refused(
        lambda x: conv.pad(x, *args),
        lambda x: torch.nn.functional.pad(x, *args),
        (x,),
        error,
        ["pad", *words],
    )


def test_zero_value_is_accepted_in_every_mode() -> None:
    x = draw(0, (2, 3, 4))
    assert_agree(
        lambda x: conv.pad(x, (1, 1), "reflect", 0.0),
        lambda x: torch.nn.functional.pad(x, (1, 1), "reflect", 0.0),
        x,
    )


def test_second_order() -> None:
    """The Hessian of sum(pad(x)^3) counts how often each element was copied."""
    x = draw(0, (1, 4))
    for mode in ("constant", "reflect", "replicate", "circular"):
        ours = jax.hessian(lambda x, m=mode: (conv.pad(x, (2, 1), m) ** 3).sum())(jnp.asarray(x))
        theirs = torch.autograd.functional.hessian(
            lambda x, m=mode: (torch.nn.functional.pad(x, (2, 1), m) ** 3).sum(), to_torch(x)
        )
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12)
