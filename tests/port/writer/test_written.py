"""Written modules: executed beside PyTorch, without torch, and as short as one would write them."""

import importlib.util
import os
import subprocess
import sys
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch import nn

import port
from port.__main__ import main
from tests.port.convert.test_operations import GROUPS, Group, operands
from tests.port.convert.test_operations import Network as Groups
from tests.support import zoo
from tests.support.agree import assert_same, to_torch
from tests.support.converted import assert_near
from tests.support.networks import FEW, MANY, Network


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _run(path: Path, *args: Any) -> Any:
    """Run what was written, with its own weights."""
    module = _imported(path)
    params, buffers = module.load()
    return jax.jit(getattr(module, path.stem))(params, buffers, *args)


def _compare(network: Network, folder: Path, train: bool) -> str:
    """Compare what was written with PyTorch; return its source."""
    module, args = network.draw()
    program = port.convert(module, args, train=train)
    path = program.save(folder)
    output, buffers = _run(path, *(jnp.asarray(a.numpy()) for a in args))
    module.train(train)
    with torch.no_grad():
        assert_near(output, module(*args), network.tolerance, "output")
    for name, buffer in module.named_buffers():
        assert_near(buffers[name], buffer, network.tolerance, name)
    text = path.read_text()
    assert "import torch" not in text
    assert max(map(len, text.splitlines())) <= 100
    return text


@pytest.mark.parametrize("network", FEW, ids=str)
def test_written_network(network: Network, tmp_path: Path) -> None:
    _compare(network, tmp_path, False)


@pytest.mark.parametrize("network", [n for n in FEW if n.training], ids=str)
def test_written_network_in_training(network: Network, tmp_path: Path) -> None:
    _compare(network, tmp_path, True)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:The tensor attribute")  # of a module, as torch warns
@pytest.mark.parametrize("network", MANY, ids=str)
def test_many_written_networks(network: Network, tmp_path: Path) -> None:
    _compare(network, tmp_path, False)


@pytest.mark.long
@pytest.mark.parametrize("network", [n for n in MANY if n.training], ids=str)
def test_many_written_networks_in_training(network: Network, tmp_path: Path) -> None:
    _compare(network, tmp_path, True)


def test_resnet18_is_short(tmp_path: Path) -> None:
    network = next(n for n in FEW if n.name.endswith("resnet18"))
    for train in (False, True):
        text = _compare(network, tmp_path / str(train), train)
        assert len(text.splitlines()) < 150
        # One function for eight blocks, and one for twenty norms.
        assert [line.split("(")[0] for line in text.splitlines() if line.startswith("def ")] == [
            "def load",
            "def resnet",
            "def basic_block",
            "def batch_norm",
        ]


ALONE = """
import importlib.util
import sys

for name in ("torch", "torchvision", "timm"):
    assert importlib.util.find_spec(name) is None, name
import jax
import numpy as np
import resnet

params, buffers = resnet.load()
x = np.load("x.npy")
output, _ = jax.jit(resnet.resnet)(params, buffers, x)
np.save("y.npy", output)
"""


def test_what_is_written_runs_without_torch(tmp_path: Path) -> None:
    """By a Python that has what is installed here, but for torch and what belongs to it."""
    torch.manual_seed(0)
    module = zoo.torchvision().models.resnet18().eval()
    x = torch.randn(1, 3, 64, 64)
    folder, site = tmp_path / "written", tmp_path / "site"
    port.convert(module, (x,)).save(folder)
    np.save(folder / "x.npy", x.numpy())
    site.mkdir()
    for installed in Path(torch.__file__).parents[1].iterdir():
        if not installed.name.startswith(("torch", "functorch", "timm")):
            (site / installed.name).symlink_to(installed)
    done = subprocess.run(
        [sys.executable, "-S", "-c", ALONE],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{site}:{Path(__file__).parents[3]}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    right = module(x)
    # Twenty layers, each with roundings of its own, in float32.
    assert_same(np.load(folder / "y.npy"), right, scale=10)


class Block(nn.Module):
    """Copies differ in stride, groups, bias and in whether there is a shortcut."""

    def __init__(self, now: int, after: int, stride: int, groups: int, bias: bool) -> None:
        super().__init__()
        self.wide = nn.Conv2d(now, after, 3, stride, 1, groups=groups, bias=bias)
        self.norm = nn.BatchNorm2d(after)
        self.drop = nn.Dropout(0.3)
        moved = stride > 1 or now != after
        self.shortcut = nn.Conv2d(now, after, 1, stride) if moved else nn.Identity()
        self.joined = not moved or after < 8

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.drop(torch.relu(self.norm(self.wide(x))))
        return y + self.shortcut(x) if self.joined else y


class Blocks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.start = Block(3, 4, 1, 1, True)
        self.blocks = nn.ModuleList(Block(4, 4, 1, 1, True) for _ in range(4))
        self.deep = Block(4, 4, 1, 4, True)
        self.end = Block(4, 8, 2, 1, False)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        x = self.start(x)
        for block in self.blocks:
            x = block(x)
        y = self.deep(x)
        return self.end(y), {"deep": y, "twice": self.deep(x)}


@pytest.mark.parametrize("train", [False, True])
def test_copies_that_differ_are_one_function(train: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Blocks().double()
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    program = port.convert(module, (x,), train=train)
    path = program.save(tmp_path)
    text = path.read_text()
    assert text.count("\ndef block(") == 1
    assert "for i in range(4):" in text
    key = [jax.random.key(3)] if train else []
    output, buffers = _run(path, x.numpy(), *key)
    settings = {"rng": key[0]} if train else {}
    right, after = program(program.params, program.buffers, x.numpy(), **settings)
    # The same operations in the same order: the draws too are the program's.
    for mine, theirs in zip(
        jax.tree.leaves((output, dict(buffers))), jax.tree.leaves((right, after)), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-12)
    if not train:
        assert_near(output, module.eval()(x), 1e-12, "output")
    assert len(text.splitlines()) < 80


class Named(nn.Module):
    """Arguments with the names that a written module uses itself, and outputs of every origin."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(3, dtype=torch.float64))
        self.weight = nn.Parameter(torch.ones(3, dtype=torch.float64))

    def forward(
        self, key: torch.Tensor, p: torch.Tensor, pair: Any, power: int = 2, *, conv: torch.Tensor
    ) -> Any:
        before = self.count.clone()
        self.count += key.sum(0)
        y = torch.relu(key * 2 + p).sin() * pair["a"] ** power + conv
        return [y, key, before, self.weight, torch.tensor(2.5), {"p": p, "pair": pair["b"][0]}, 7]


def test_names_and_outputs_of_every_kind(tmp_path: Path) -> None:
    torch.manual_seed(0)
    key, p, a, b, conv = torch.randn(5, 2, 3, dtype=torch.float64)
    args, kwargs = (key, p, {"a": a, "b": [b]}), {"power": 3, "conv": conv}
    module = Named()
    program = port.convert(module, args, kwargs)
    path = program.save(tmp_path)
    given = [key.numpy(), p.numpy(), {"a": a.numpy(), "b": [b.numpy()]}, 3, conv.numpy()]
    assert "broadcast_to" not in path.read_text()  # `self.count += ...` is one statement
    written = _imported(path)
    params, buffers = written.load()
    output, buffers = written.named(params, buffers, *given)
    assert_near(output[:-1], module(*args, **kwargs)[:-1], 1e-12, "output")
    assert output[-1] == 7
    assert_same(buffers["count"], module.count)


class Attention(nn.Module):
    """Heads by hand, and the loss inside, as many write their networks."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(7, 8)
        self.joined, self.out = nn.Linear(8, 24), nn.Linear(8, 7)

    def forward(self, indices: torch.Tensor, target: torch.Tensor) -> Any:
        x = self.words(indices)
        n, t, c = x.shape
        q, k, v = (
            part.view(n, t, 2, c // 2).transpose(1, 2) for part in self.joined(x).split(c, dim=2)
        )
        scores = (q @ k.transpose(-2, -1)).softmax(-1)
        y = self.out((scores @ v).transpose(1, 2).reshape(n, t, c))
        return y, torch.nn.functional.cross_entropy(y.flatten(0, 1), target.flatten())


def test_attention_by_hand_and_its_loss(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Attention().double()
    indices, target = torch.randint(0, 7, (2, 3, 5))
    path = port.convert(module, (indices, target)).save(tmp_path)
    assert_near(_run(path, indices.numpy(), target.numpy())[0], module(indices, target), 1e-12, "")
    text = path.read_text()
    assert "F.cross_entropy(" in text
    assert ".reshape(x.shape[0], 5, 2, 4).swapaxes(1, 2)" in text
    assert "OPERATIONS" not in text


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__.strip("_"))
def test_written_operations(group: Group, tmp_path: Path) -> None:
    """The whole table of operations, as it is written."""
    arrays = operands()
    tensors = [to_torch(a) for a in arrays]
    path = port.convert(Groups(group), tuple(tensors)).save(tmp_path)
    output, _ = _run(path, *arrays)
    right = group(*tensors)
    assert output.keys() == right.keys()
    for name, value in right.items():
        assert_same(output[name], torch.as_tensor(value), name)


class Apart(nn.Module):
    """Distances, and what goes back to where it was the largest."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        largest, places = nn.functional.max_pool1d(x[None], 2, return_indices=True)
        return (
            torch.cdist(x, y),
            torch.cdist(x, y, 1.0, "donot_use_mm_for_euclid_dist"),
            nn.functional.pdist(x, 3.0),
            nn.functional.pairwise_distance(x, y[:3], keepdim=True),
            nn.functional.cosine_similarity(x, y[:3], -1),
            torch.dist(x, y[:3]),
            nn.functional.max_unpool1d(largest, places, 2),
        )


def test_distances_are_written_by_their_names(tmp_path: Path) -> None:
    torch.manual_seed(0)
    args = torch.randn(3, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    module = Apart()
    path = port.convert(module, args).save(tmp_path)
    output, _ = _run(path, *(jnp.asarray(a.numpy()) for a in args))
    assert_near(output, module(*args), 1e-12, "output")
    text = path.read_text()
    for call in (
        "F.cdist(x, y)",
        'F.cdist(x, y, p=1.0, compute_mode="donot_use_mm_for_euclid_dist")',
        "F.pdist(x, p=3.0)",
        "F.pairwise_distance(x, t, keepdim=True)",
        "F.cosine_similarity(x, a, dim=-1)",
        "K.dist(x, y)",
    ):
        assert call in text, text


def test_keys_are_those_of_the_program() -> None:
    program = port.convert(nn.Sequential(nn.Dropout(0.5)), (torch.ones(50),), train=True)
    rng = jax.random.key(0)
    output, _ = program({}, {}, np.ones(50, "float32"), rng=rng)
    key = jax.random.fold_in(rng, zlib.crc32(b"0"))
    np.testing.assert_array_equal(output, port.functional.dropout(jnp.ones(50), 0.5, rng=key))


MODEL = """
import torch

class Net(torch.nn.Module):
    def __init__(self, classes=2):
        super().__init__()
        self.table = torch.nn.Embedding(10, 4)
        self.layer = torch.nn.Linear(4, classes)

    def forward(self, words, weights):
        return self.layer((self.table(words) * weights[..., None]).sum(1))

def make():
    return Net(3)

made = make().double()
"""


@pytest.mark.parametrize(
    ("name", "dtype"), [("make", "float32"), ("made", "float64"), ("Net", "float32")]
)
def test_command_line(
    name: str, dtype: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    sizes = ["--input", "2x5:int64", "--input", f"2x5:{dtype}"]
    out = tmp_path / "written"
    assert main([f"{tmp_path}/model.py:{name}", *sizes, "--out", str(out)]) == 0
    path = out / "net.py"
    assert capsys.readouterr().out.strip() == str(path)
    words, weights = np.ones((2, 5), "int64"), np.ones((2, 5), dtype)
    output, _ = _run(path, words, weights)
    assert output.shape == (2, 2 if name == "Net" else 3)
    assert output.dtype == dtype


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("model.py", "file.py:name"),
        ("nowhere.py:make", "nowhere.py is no file"),
        ("model.py:other", "no other in"),
        ("no_such_package:make", "no module no_such_package"),
        ("model.py:lost", "aten.linalg_svdvals.default"),
    ],
)
def test_command_line_refuses(
    network: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = """
class Lost(torch.nn.Module):
    def forward(self, x):
        return torch.linalg.svdvals(x)

def lost():
    return Lost()
"""
    (tmp_path / "model.py").write_text(MODEL + lost)
    place = network if network.startswith("no_") else f"{tmp_path}/{network}"
    out = tmp_path / "written"
    assert main([place, "--input", "2x5", "--out", str(out)]) == 1
    assert words in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("sizes", ["3x", "axb", "2x3:float8", ""])
def test_command_line_refuses_sizes(sizes: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["model.py:make", "--input", sizes, "--out", "nowhere"])
    assert "must be sizes" in capsys.readouterr().err
