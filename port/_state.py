"""A module's state as PyTorch names it and lays it out: out of the module, and into it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from convgrad import _jax

from ._tensors import numbers
from ._tree import BATCHES, Entry, Tree, tree


class _WrongValueError(ValueError):
    """A value of a state that cannot go where its name says."""


class _Keys(NamedTuple):
    missing_keys: list[str]
    unexpected_keys: list[str]


class IncompatibleKeys(_Keys):
    """What `load_state_dict` did not find in a state, and what it found too much."""

    __slots__ = ()

    def __repr__(self) -> str:
        return super().__repr__() if any(self) else "<All keys matched successfully>"


def state_dict(module: nnx.Module) -> dict[str, jax.Array]:
    r"""Return the parameters and buffers of a module by their names in PyTorch.

    Names are the attributes' on the way down, with dots between them: members of lists, tuples and
    Sequential by their numbers. Variables of flax's own layers take PyTorch's names and layouts:
    ``kernel``, with the channels last, is ``weight``, with the channels first, and so on. A
    variable that is found twice is there under both names. Random streams, caches and intermediate
    values are left out.

    Args:
      module: an nnx.Module; modules of this package and of `conv`, flax's own, and yours.

    Returns:
      {name: array}, with the dtypes of the variables; a count of batches is an integer. The order
      is that in which attributes were set, parameters first; flax sorts them by name where it takes
      a module through jit, merge or eval_shape. Of a module that `nnx.eval_shape` made it has
      shapes and dtypes.

    Raises:
      TypeError: it is no module.
      ValueError: two variables would have one name, or a module holds itself.

    Example:
      >>> from flax import nnx
      >>> from port import state_dict
      >>> layers = nnx.Sequential(nnx.Conv(3, 8, (5, 5), rngs=nnx.Rngs(0)), nnx.relu)
      >>> {name: array.shape for name, array in state_dict(layers).items()}
      {'0.weight': (8, 3, 5, 5), '0.bias': (8,)}

    Only names and layouts carry over: flax's BatchNorm keeps another variance than PyTorch's, say.

    Reference: torch.nn.Module.state_dict.
    """
    return {name: entry.value() for name, entry in _tree(module, "state_dict").entries.items()}


def load_state_dict(
    module: nnx.Module, state: Mapping[str, Any], strict: bool = True
) -> IncompatibleKeys:
    r"""Put a state of PyTorch into a module, whose names are those of `state_dict`.

    Each array is copied into the dtype of the variable that it goes to, as in PyTorch, and to where
    that lies. Where anything is wrong the module stays as it was.

    Args:
      module: an nnx.Module; one that `nnx.eval_shape` made, without values, gets them.
      state: {name: array}, of JAX's or NumPy's arrays or of PyTorch's tensors, on any device: what
        `torch_module.state_dict()`, `port.read(path)` or `state_dict(module)` return.
      strict: whether missing and unexpected names are errors.

    Returns:
      A named tuple of two lists: missing_keys, unexpected_keys.

    Raises:
      TypeError: module is no module, or state is no mapping.
      RuntimeError: all missing and unexpected names (where strict), wrong shapes and values that
        are no arrays, together.

    Example:
      >>> import numpy as np
      >>> from flax import nnx
      >>> from port import load_state_dict
      >>> layer = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
      >>> load_state_dict(layer, {"weight": np.ones((3, 2)), "bias": np.zeros(3)})
      <All keys matched successfully>
      >>> layer.kernel.shape, layer.kernel.dtype
      ((2, 3), dtype('float32'))

    Reference: torch.nn.Module.load_state_dict.
    """
    found = _tree(module, "load_state_dict")
    if not isinstance(state, Mapping):
        hint = "; pass its state_dict()" if hasattr(state, "state_dict") else ""
        raise TypeError(
            f"load_state_dict: state must be a mapping of names to arrays, got {type(state)}{hint}"
        )
    keys = IncompatibleKeys(_missing(found, state), _unexpected(found, state))
    problems: list[str] = []
    new: list[tuple[nnx.Variable, jax.Array]] = []
    for name, entry in found.entries.items():
        if name in state:
            try:
                new += zip(entry.variables, _values(entry, state[name]), strict=True)
            except _WrongValueError as error:
                problems.append(str(error))
    if strict:
        problems = [*_complaints(keys), *problems]
    if problems:
        raise RuntimeError(
            f"Error(s) in loading state_dict for {type(module).__name__}:\n\t"
            + "\n\t".join(problems)
        )
    for variable, value in new:
        variable.set_value(value)
    return keys


def _tree(module: nnx.Module, where: str) -> Tree:
    if not isinstance(module, nnx.Pytree):
        raise TypeError(f"{where}: module must be an nnx.Module, got {type(module)}")
    return tree(module)


def _values(entry: Entry, value: object) -> list[jax.Array]:
    """Return what the variables of an entry get, or raise with PyTorch's words."""
    name, own = entry.name, entry.form()
    try:
        given = numbers(value)
    except (TypeError, RuntimeError) as error:  # RuntimeErrors are PyTorch's, of its tensors
        raise _WrongValueError(f'While copying the parameter named "{name}", {error}') from error
    if own.ndim == 0 and given.shape == (1,):  # PyTorch takes that from its version 0.3
        given = given[0]
    if given.shape != own.shape:
        raise _WrongValueError(
            f"size mismatch for {name}: copying a param with shape {given.shape} from checkpoint, "
            f"the shape in current model is {own.shape}."
        )
    # Cast before JAX sees it: with 64-bit dtypes off it would round an array of NumPy first. And
    # always a copy: a tensor's memory can change, an array of JAX's can be donated.
    with np.errstate(over="ignore"):  # to infinity, in silence, as in PyTorch
        copied = jnp.array(given.astype(own.dtype), copy=True)
    pairs = zip(entry.variables, entry.values(copied), strict=True)
    return [_placed(new, variable.get_value()) for variable, new in pairs]


def _placed(new: jax.Array, old: object) -> jax.Array:
    """Return an array where the one lies that it replaces, if that was put there by intent."""
    if not isinstance(old, jax.Array) or _jax.is_traced(old) or _jax.is_traced(new):
        return new
    if old.committed and new.sharding != old.sharding:
        return jax.device_put(new, old.sharding)
    return new


def _missing(found: Tree, state: Mapping[str, Any]) -> list[str]:
    """Return the names that a state lacks.

    PyTorch's norms count batches since version 2 of theirs; without a version none is asked for.
    """
    versions = getattr(state, "_metadata", None) or {}

    def optional(name: str) -> bool:
        prefix, _, last = name.rpartition(".")
        return last == BATCHES and (versions.get(prefix, {}).get("version") or 0) < 2

    return [name for name in found.entries if name not in state and not optional(name)]


def _unexpected(found: Tree, state: Mapping[str, Any]) -> list[str]:
    """Return the names that no variable has, in PyTorch's order: by the module they lead to."""

    def place(name: str) -> int:
        inside = [i for i, p in enumerate(found.prefixes) if str(name).startswith(p)]
        return max(inside, key=lambda i: (len(found.prefixes[i]), -i))

    extra = [n for n in state if n not in found.entries and n not in found.ignored]
    return sorted(extra, key=place)


def _complaints(keys: IncompatibleKeys) -> list[str]:
    kinds = (("Missing", keys.missing_keys), ("Unexpected", keys.unexpected_keys))
    quoted = {kind: ", ".join(f'"{name}"' for name in names) for kind, names in kinds}
    return [f"{kind} key(s) in state_dict: {names}. " for kind, names in quoted.items() if names]
