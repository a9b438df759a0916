"""States in files: written and read on both sides, and every file that is refused."""

import json
import os
import pickle
import stat
import struct
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from flax import nnx

import port
from tests.support.agree import assert_same, draw, to_torch

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32"]
DTYPES += ["float64", "complex64", "float8_e4m3fn", "float8_e5m2"]


def tensors() -> dict[str, torch.Tensor]:
    """One of each dtype; a scalar, an empty one, and one whose memory is not in order."""
    state = {name: torch.arange(6).reshape(2, 3).to(getattr(torch, name)) for name in DTYPES}
    return state | {
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "turned": torch.arange(6.0).reshape(2, 3).T,
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }


def same(ours: Any, theirs: torch.Tensor, name: str) -> None:
    assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch."), name
    assert ours.shape == tuple(theirs.shape), name
    wide = "complex128" if theirs.is_complex() else "float64"
    theirs = theirs.detach().to(getattr(torch, wide))
    np.testing.assert_array_equal(np.asarray(ours).astype(wide), theirs.numpy(), name)


def test_reads_what_pytorchs_side_writes(tmp_path: Path) -> None:
    state = {name: tensor.contiguous() for name, tensor in tensors().items()}
    safetensors.torch.save_file(state, tmp_path / "a", metadata={"by": "torch"})
    found = port.read(tmp_path / "a")
    assert sorted(found) == sorted(state)
    for name, tensor in state.items():
        same(found[name], tensor, name)
    assert port.read_metadata(str(tmp_path / "a")) == {"by": "torch"}


@pytest.mark.parametrize("kind", ["torch", "numpy", "jax"])
def test_pytorchs_side_reads_what_is_written(tmp_path: Path, kind: str) -> None:
    state: dict[str, Any] = dict(tensors())
    if kind != "torch":
        port.write(tmp_path / "a", state)
        state = dict(port.read(tmp_path / "a"))
    if kind == "jax":
        state = {name: jnp.asarray(array) for name, array in state.items()}
    port.write(tmp_path / "b", state)
    found = safetensors.torch.load_file(tmp_path / "b")
    assert sorted(found) == sorted(state)
    for name, tensor in tensors().items():
        torch.testing.assert_close(found[name], tensor.detach(), rtol=0, atol=0)
        same(port.read(tmp_path / "b")[name], tensor, name)
    assert port.read_metadata(tmp_path / "b") == {"format": "pt"}


def test_other_byte_orders_and_strides(tmp_path: Path) -> None:
    array = np.arange(12, dtype=">f4").reshape(3, 4)[::2, ::-1]
    port.write(tmp_path / "a", {"x": array, "y": np.float32(3)})
    found = safetensors.torch.load_file(tmp_path / "a")
    np.testing.assert_array_equal(found["x"], array.astype("<f4"))
    assert found["y"].shape == ()


def test_a_model_goes_over_in_a_file(tmp_path: Path) -> None:
    theirs = torch.nn.Linear(3, 2)
    port.write(tmp_path / "model.safetensors", theirs.state_dict(), metadata={"a": "b"})
    ours = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
    assert port.load_state_dict(ours, port.read(tmp_path / "model.safetensors")) == ([], [])
    x = draw(0, (4, 3), "float32")
    assert_same(ours(x), theirs(to_torch(x)))
    assert port.read_metadata(tmp_path / "model.safetensors") == {"a": "b"}


def test_sixty_four_bits_are_read_where_jax_has_them_off(tmp_path: Path) -> None:
    port.write(tmp_path / "a", {"x": np.array([1 + 1e-12]), "n": np.array(2**40)})
    with jax.enable_x64(False):
        found = port.read(tmp_path / "a")
    assert found["x"] == 1 + 1e-12
    assert found["n"] == 2**40


def test_arrays_that_are_read_can_be_changed(tmp_path: Path) -> None:
    port.write(tmp_path / "a", {"x": np.zeros(3)})
    found = port.read(tmp_path / "a")["x"]
    found += 1
    assert found.sum() == 3


def with_header(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(**changes: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes


EIGHT = bytes(8)
DAMAGED = {
    "empty": (b"", "truncated: it ends inside of its header, after 0 bytes"),
    "five bytes": (b"\x05\0\0\0\0", "truncated: it ends inside of its header, after 5 bytes"),
    "half a header": (with_header({"x": tensor()})[:30], "truncated: it ends .* after 30 bytes"),
    "half the data": (with_header({"x": tensor()}, EIGHT[:3]), "truncated: it has .*, its header"),
    "too much": (
        with_header({"x": tensor()}, EIGHT + b"x"),
        "damaged: it has .* bytes, its header",
    ),
    "no JSON": (with_header(b'{"x": '), "damaged: its header is not as it should be"),
    "no offsets": (with_header({"x": {}}), "damaged: its header is not as it should be"),
    "no tensor": (with_header({"x": 5}), "damaged: its header is not as it should be"),
    "no text": (with_header(b'{"\xff": 1}'), "damaged: its header is not as it should be"),
    "shape": (with_header({"x": tensor(shape=[3])}, EIGHT), "damaged: .*shape"),
    "hole": (with_header({"x": tensor(data_offsets=[4, 12])}, bytes(12)), "damaged: .*offset"),
    "dtype": (with_header({"x": tensor(dtype="F31")}, EIGHT), "damaged: .*F31"),
    "new dtype": (
        with_header({"x": tensor(dtype="F4", shape=[16])}, EIGHT),
        "NumPy has no dtype F4, which 'x' has",
    ),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(100), "is no .safetensors file: it begins with"),
    "text": (b"version https://git-lfs.github.com", "is no .safetensors file: .*version"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused(tmp_path: Path, name: str) -> None:
    content, words = DAMAGED[name]
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^read: .*model.safetensors.*{words}"):
        port.read(path)
    if name == "new dtype":  # PyTorch has it
        assert safetensors.torch.load_file(path)["x"].dtype == torch.float4_e2m1fn_x2
    else:
        with pytest.raises(safetensors.SafetensorError):
            safetensors.torch.load_file(path)


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_a_file_that_was_cut_off_anywhere_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a"
    port.write(path, {"x": np.zeros(10), "y": np.ones(2)})
    whole = path.read_bytes()
    assert len(whole) > 200
    path.write_bytes(whole[:cut])
    with pytest.raises(ValueError, match="a is truncated"):
        port.read(path)
    if cut < 100:
        with pytest.raises(ValueError, match="a is truncated"):
            port.read_metadata(path)


class Harmful:
    def __reduce__(self) -> Any:
        return os.mkdir, ("harm",)


def harmful() -> dict[str, Any]:
    return {"weight": torch.ones(3), "hidden": Harmful()}


def write_pickles(folder: Path) -> None:
    torch.save(harmful(), folder / "zip.pth")
    torch.save(harmful(), folder / "legacy.pt", _use_new_zipfile_serialization=False)
    (folder / "cut.pth").write_bytes((folder / "zip.pth").read_bytes()[:-300])
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        (folder / f"{protocol}.safetensors").write_bytes(pickle.dumps(harmful(), protocol))


PICKLES = ["zip.pth", "legacy.pt", "cut.pth", *(f"{i}.safetensors" for i in (2, 3, 4, 5))]


@pytest.mark.parametrize("name", PICKLES)
def test_pickles_are_refused_by_their_content(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pickles(tmp_path)
    for reader in (port.read, port.read_metadata):
        with pytest.raises(ValueError, match="is a pickle, which runs whatever code") as caught:
            reader(name)
        assert name in str(caught.value)
    assert not Path("harm").exists()


def test_the_way_round_a_pickle_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": torch.ones(2, 3)}, "model.pth")
    with pytest.raises(ValueError, match="write them anew:\n") as caught:
        port.read("model.pth")
    lines = textwrap.dedent(str(caught.value).split("write them anew:\n")[1])
    assert len(lines.splitlines()) == 2
    exec(lines, {"torch": torch, "port": port})
    np.testing.assert_array_equal(port.read("model.safetensors")["weight"], np.ones((2, 3)))


def test_other_archives_are_no_pickles(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", b"")
    with pytest.raises(ValueError, match=r"is no .safetensors file: it begins with b'PK"):
        port.read(tmp_path / "a.npz")


def test_a_header_that_begins_as_a_pickle_is_none(tmp_path: Path) -> None:
    """Its length is 0x280: the file begins with the two bytes that a pickle begins with."""
    header = json.dumps({"x": tensor()}).encode()
    path = tmp_path / "a"
    path.write_bytes(with_header(header.ljust(0x280), EIGHT))
    assert path.read_bytes()[:2] == b"\x80\x02"
    assert port.read(path)["x"].shape == (2,)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        port.read(tmp_path / "none.safetensors")
    with pytest.raises(FileNotFoundError):
        port.write(tmp_path / "none" / "a", {})
    with pytest.raises(IsADirectoryError):
        port.read(tmp_path)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({1: np.ones(2)}, "names must be strings, got 1"),
        ({"x": 1.5}, "'x': expected an array of JAX or NumPy.*float"),
        ({"x": np.ones(2, "complex128")}, "'x' must be of one of the dtypes bool, .*complex128"),
        ({"x": np.array(["a"])}, "'x': expected numbers, but received an array of dtype <U1"),
        ([("x", np.ones(2))], "state must be a mapping"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, state: Any, words: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before")
    with pytest.raises(TypeError, match=f"^write: {words}"):
        port.write(path, state)
    with pytest.raises(TypeError, match="metadata must be of strings only, got 'a': 1"):
        port.write(path, {}, metadata={"a": 1})  # type: ignore[dict-item]
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_is_there_as_a_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    port.write(path, {"x": np.zeros(3)})

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        port.write(path, {"x": np.ones(3)})
    assert port.read(path)["x"].sum() == 0
    assert os.listdir(tmp_path) == ["a"]


def test_links_and_permissions_are_those_of_any_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "plain").write_bytes(b"")
    port.write(tmp_path / "link", {"x": np.ones(3)})
    assert (tmp_path / "link").is_symlink()
    assert port.read(tmp_path / "a")["x"].sum() == 3
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "plain")}
    assert len(modes) == 1


def test_torch_is_not_imported(tmp_path: Path) -> None:
    program = """
        import sys, numpy, port
        from flax import nnx
        layer = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
        port.write(sys.argv[1], port.state_dict(layer))
        print(port.load_state_dict(layer, port.read(sys.argv[1])), "torch" in sys.modules)
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), tmp_path / "a"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "<All keys matched successfully> False\n"
