"""States in files: .safetensors in and out. A pickle is refused, by its content."""

import json
import os
import uuid
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import jax.numpy as jnp
import numpy as np

from ._tensors import numbers

_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2": "float8_e5m2",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
}
_LONGEST_HEADER = 100_000_000  # bytes, the format's own limit
_PICKLE = b"\x80"  # how a pickle of version 2 or later begins
_NEEDED = (
    "port reads and writes .safetensors with the package `safetensors`: pip install safetensors"
)


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Return the arrays of a .safetensors file by their names.

    Args:
      path: the file, as `write`, safetensors.torch.save_file or Hugging Face's hub make it.

    Returns:
      {name: NumPy array}, with the dtypes of the file: 64-bit ones whatever JAX's setting is, and
      bfloat16 and float8 from ml_dtypes. `read_metadata` returns the text that stands beside.

    Raises:
      ValueError: the file is a pickle (see below), or is damaged: it says how.
      OSError: there is no such file, or it can't be read.

    A pickle (.pt, .pth, .bin) runs whatever code its author put there when it is loaded, so that
    none is loaded here. PyTorch can load one with the weights only:

        state = torch.load("model.pth", weights_only=True)
        port.write("model.safetensors", state)

    Example:
      >>> import pathlib, tempfile
      >>> import numpy as np
      >>> from port import read, write
      >>> path = pathlib.Path(tempfile.mkdtemp(), "model.safetensors")
      >>> write(path, {"weight": np.ones((2, 3), "float32")})
      >>> read(path)["weight"].shape
      (2, 3)
    """
    with Path(path).open("rb") as file:
        _header(path, file)
        file.seek(0)
        data = file.read()
    library = _library()
    try:
        tensors = library.deserialize(data)
    except library.SafetensorError as error:
        raise ValueError(f"read: {path} is damaged: {error}") from None
    return {name: _array(path, name, tensor) for name, tensor in tensors}


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the text that a .safetensors file holds beside its arrays: {name: text}.

    Args:
      path: the file.

    Returns:
      {name: text}; empty where there is none.

    Raises:
      ValueError, OSError: as `read`.

    Example:
      >>> import pathlib, tempfile
      >>> from port import read_metadata, write
      >>> path = pathlib.Path(tempfile.mkdtemp(), "model.safetensors")
      >>> write(path, {}, metadata={"trained on": "digits"})
      >>> read_metadata(path)
      {'trained on': 'digits'}
    """
    with Path(path).open("rb") as file:
        return dict(_header(path, file).get("__metadata__", {}))


def write(
    path: str | os.PathLike[str],
    state: Mapping[str, Any],
    *,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write arrays by their names into a .safetensors file.

    The file is there as a whole or not at all: it is written beside its place and then moved there.

    Args:
      path: where to.
      state: {name: array}: JAX's, NumPy's, or PyTorch's tensors on any device, so that
        `write(path, model.state_dict())` takes a model of either. Dtypes are kept, bfloat16 too.
      metadata: {name: text} to write beside. Default: {"format": "pt"}, which says that layouts are
        PyTorch's: Hugging Face's libraries ask for it.

    Raises:
      TypeError: a name is no string, a value no array, or of a dtype that the format has not
        (complex128).
      OSError: the file can't be written.

    Example:
      >>> import pathlib, tempfile
      >>> from flax import nnx
      >>> from port import load_state_dict, read, state_dict, write
      >>> layer = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
      >>> path = pathlib.Path(tempfile.mkdtemp(), "layer.safetensors")
      >>> write(path, state_dict(layer))
      >>> load_state_dict(layer, read(path))
      <All keys matched successfully>
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"write: state must be a mapping of names to arrays, got {type(state)}")
    arrays = {name: _writable(name, value) for name, value in state.items()}
    text = {"format": "pt"} if metadata is None else dict(metadata)
    for name, value in text.items():
        if not (isinstance(name, str) and isinstance(value, str)):
            raise TypeError(f"write: metadata must be of strings only, got {name!r}: {value!r}")
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    content = _library().numpy.save(arrays, metadata=text)
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _library() -> ModuleType:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(_NEEDED) from error
    return safetensors


def _writable(name: str, value: object) -> np.ndarray:
    if not isinstance(name, str):
        raise TypeError(f"write: names must be strings, got {name!r}")
    try:
        array = np.asarray(numbers(value))
    except TypeError as error:
        raise TypeError(f"write: {name!r}: {error}") from None
    if array.dtype.name not in _DTYPES.values():
        raise TypeError(
            f"write: {name!r} must be of one of the dtypes {', '.join(_DTYPES.values())}, "
            f"got {array.dtype.name}"
        )
    return np.require(array, requirements=["C", "A"])


def _array(path: str | os.PathLike[str], name: str, tensor: Mapping[str, Any]) -> np.ndarray:
    if tensor["dtype"] not in _DTYPES:
        raise ValueError(f"read: {path}: NumPy has no dtype {tensor['dtype']}, which {name!r} has")
    own = _DTYPES[tensor["dtype"]]
    dtype = jnp.dtype(getattr(jnp, own, own))
    return np.frombuffer(tensor["data"], dtype).reshape(tensor["shape"])


def _header(path: str | os.PathLike[str], file: BinaryIO) -> dict[str, Any]:
    """Return the header of a file, once it is sure that the file is whole and of this format.

    Eight bytes with the header's length, the header as JSON, and the arrays' bytes.
    """
    size = os.fstat(file.fileno()).st_size
    start = file.read(9)
    length = int.from_bytes(start[:8], "little")
    if start[8:] not in (b"{", b"") or length > _LONGEST_HEADER:
        raise ValueError(_refusal(path, file))
    if size < 8 + length:
        raise ValueError(
            f"read: {path} is truncated: it ends inside of its header, after {size} bytes"
        )
    try:
        header = json.loads(b"{" + file.read(length - 1))
        ends = [part["data_offsets"][1] for key, part in header.items() if key != "__metadata__"]
        whole = 8 + length + max(ends, default=0)
    except (ValueError, TypeError, LookupError) as error:
        raise ValueError(f"read: {path} is damaged: its header is not as it should be") from error
    if size != whole:
        what = "truncated" if size < whole else "damaged"
        raise ValueError(f"read: {path} is {what}: it has {size} bytes, its header says {whole}")
    return header


def _refusal(path: str | os.PathLike[str], file: BinaryIO) -> str:
    """Say what a file is that is none of this format."""
    file.seek(0)
    start = file.read(256)
    if not start.startswith(_PICKLE) and not _is_torch_archive(file, start):
        return f"read: {path} is no .safetensors file: it begins with {start[:8]!r}"
    target = str(Path(path).with_suffix(".safetensors"))
    return (
        f"read: {path} is a pickle, which runs whatever code its author put into it when it is "
        "loaded: none is loaded here. PyTorch can load its weights only; write them anew:\n"
        f"    state = torch.load({str(path)!r}, weights_only=True)\n"
        f"    port.write({target!r}, state)"
    )


def _is_torch_archive(file: BinaryIO, start: bytes) -> bool:
    """Whether a file is a zip archive with a pickle in it: what torch.save writes."""
    try:
        with zipfile.ZipFile(file) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except zipfile.BadZipFile:  # it may be cut off
        return start.startswith(b"PK\x03\x04") and b"data.pkl" in start
