"""python -m compare model: two networks by their places, and what it says of wrong ones."""

import json
from pathlib import Path

import pytest

from compare._cli import main

TORCH = """
import torch
def network():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(64, 2))
def with_input():
    return network(), (torch.ones(1, 3, 6, 6).cumsum(-1),)
def broken():
    raise ValueError("no such network")
"""
JAX = """
from flax import nnx
import jax.numpy as jnp
import port
class Flat(nnx.Module):
    def __init__(self, order):
        self.order = order
    def __call__(self, x):
        return x.transpose(self.order).reshape(len(x), -1)
def network(order=(0, 1, 2, 3)):
    rngs = nnx.Rngs(0)
    return port.Sequential(
        port.Conv2d(3, 4, 3, rngs=rngs), Flat(order), port.Linear(64, 2, rngs=rngs))
def last():
    return network((0, 2, 3, 1))
def program(module):
    import torch
    return port.convert(module, (torch.ones(1, 3, 6, 6),), train=True)
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "torch.py").write_text(TORCH, encoding="utf-8")
    (tmp_path / "jax.py").write_text(JAX, encoding="utf-8")
    return f"{tmp_path}/torch.py", f"{tmp_path}/jax.py"


def test_the_command(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    theirs, ours = files
    size = ["--input", "2x3x6x6"]
    assert main(["model", f"{theirs}:network", f"{ours}:network", *size]) == 0
    out = capsys.readouterr().out
    assert "JAX and PyTorch agree (a training step, 4 calls of layers)" in out
    assert "torch 2." in out
    assert max(map(len, out.splitlines())) <= 160
    assert main(["model", f"{theirs}:network", f"{ours}:last", *size, "--eval"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "first in 1: flatten order: (H, W, C) for (C, H, W)" in out
    assert main(["model", f"{theirs}:with_input", f"{ours}:program", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["agree"] is True
    assert told["versions"]["torch"].startswith("2.")
    assert [layer["path"] for layer in told["layers"]] == ["0", "1", "2", ""]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{t}:network", "{j}:network"], "give --input"),
        (["{t}:nothing", "{j}:network", "--input", "2x3x6x6"], "there is no nothing in"),
        (["{t}.py:network", "{j}:network", "--input", "2x3x6x6"], "is no file"),
        (["{t}:network", "{j}:network", "--input", "2x3x"], "must be sizes"),
        (["{t}:network", "{j}:network", "--input", "2x5x6x6"], "does not take args"),
        (["{t}:broken", "{j}:network", "--input", "2x3x6x6"], "no such network"),
        (["{t}:network"], "required"),
    ],
)
def test_wrong_usage_of_the_command(
    files: tuple[str, str],
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [a.format(t=files[0], j=files[1]) for a in arguments]
    assert main(["model", *given]) == 2
    told = capsys.readouterr()
    assert words in told.err
    assert told.out == ""
