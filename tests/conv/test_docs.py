"""Docstrings of one, two and three dimensions: whole, and read by help and by doctest."""

import doctest
import inspect
import pydoc

import pytest

import conv
from conv._docs import WIDTH, documented

FILES = ("_avg_pool", "_convolution", "_gradients", "_lp_pool", "_max_pool", "_max_unpool")
KINDS = (
    "adaptive_pool",
    "edge_pad",
    "lp_pool",
    "pad",
    "pool",
    "transposed",
    "unpool",
)
OF_MODULES = ("_modules", *(f"_{kind}_modules" for kind in KINDS))
MODULES = {f"conv.{file}" for file in (*FILES, "_transposed", *OF_MODULES)}
DOORS = [name for name in conv.__all__ if getattr(conv, name).__module__ in MODULES]


def test_all_are_here() -> None:
    assert len(DOORS) == 69  # 23 kinds in three dimensions


@pytest.mark.parametrize("name", DOORS)
def test_each_is_whole(name: str) -> None:
    door = getattr(conv, name)
    text = inspect.getdoc(door)
    assert text is not None
    places = [text.index(part) for part in ("Args:", "Raises:", "Example:", "Reference: torch.nn.")]
    assert places == sorted(places)
    assert "$" not in text
    assert text.endswith(f".{name}.")
    assert max(map(len, text.splitlines())) <= WIDTH
    arguments = text[text.index("Args:") : text.index("Raises:")]
    shared = "stride, padding, dilation, groups:"
    told = shared.rstrip(":").split(", ") if shared in arguments else []
    for argument in inspect.signature(door).parameters:
        assert f"  {argument}: " in arguments or argument in told


@pytest.mark.parametrize("name", DOORS)
def test_each_speaks_of_its_own_dimensions(name: str) -> None:
    text = inspect.getdoc(getattr(conv, name)) or ""
    units = {"1": "samples", "2": "pixels", "3": "voxels"}
    own = next(digit for digit in name if digit in units)
    for digit, unit in units.items():
        if digit != own:
            assert unit not in text
            assert f"conv{digit}d" not in text


def test_help_and_doctest_read_them() -> None:
    shown = pydoc.plain(pydoc.render_doc(conv.conv2d))
    assert "weight: the kernels, (O, C / groups, kH, kW)" in shown
    (found,) = doctest.DocTestFinder().find(conv.conv2d, "conv2d")
    assert len(found.examples) == 4


def test_a_template_with_an_unknown_word_is_an_error() -> None:
    def door() -> None:
        """Do it.

        Example:
          >>> 1
          1
        """

    with pytest.raises(KeyError, match="unknown"):
        documented("Args:\n  x: $unknown.\n", "torch", 1)(door)
