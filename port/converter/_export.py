"""`convert`: a module of torch, or an exported program, as a `Program`. Torch is needed here."""

import contextlib
import dataclasses
import io
import logging
import os
import sys
import traceback
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from convgrad._arrays import is_inexact

from .._tensors import numbers
from ._casts import with_casts
from ._graph import Graph, Node
from ._program import Program, needs_key
from .operations import OPERATIONS

if TYPE_CHECKING:
    import torch

SYMBOLS = "torch.fx.experimental.symbolic_shapes"  # it warns of what is reported here
# What torch.export says of every recurrent layer, and of nothing else.
WEIGHTS = r"The tensor attributes? (self\.[\w.]*_flat_weights\[\d+\],? )+w(as|ere) assigned"

HELP = (
    "port.convert reads modules of PyTorch, and torch is not installed. "
    "Get it with: pip install 'convgrad[torch]'"
)


def convert(
    module: "torch.nn.Module | torch.export.ExportedProgram",
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    train: bool = False,
) -> Program:
    """Convert a network of PyTorch to a JAX program, by torch.export.

    Args:
      module: a torch.nn.Module, or what torch.export.export made of one.
      args: example arguments, tensors or arrays: the program is made for their shapes and dtypes.
        Of an exported program, whose arguments are known, none.
      kwargs: example keyword arguments.
      train: whether to convert the network as in training: dropout drops, and batch norm takes the
        batch's statistics and updates its running ones.

    Returns:
      A `Program` with the module's parameters and buffers, copied. The module is left as it was.

    Raises:
      NotImplementedError: operations that the table has not; all of them, each with the module and
        the line of Python.
      ValueError: control flow, or a size, that depends on data; float64 without 64-bit dtypes.
      TypeError: no module, or args that are no tuple.

    Example:
      >>> import torch
      >>> from port import convert
      >>> network = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.ReLU())
      >>> program = convert(network, (torch.ones(3, 4),))
      >>> output, _ = program(program.params, program.buffers, torch.ones(3, 4).numpy())
      >>> output.shape
      (3, 2)
    """
    try:
        import torch

        from ._read import read
    except ImportError as error:
        raise ImportError(HELP) from error
    with _quiet():
        if isinstance(module, torch.export.ExportedProgram):
            if args or kwargs or train:
                raise ValueError(
                    "convert: an exported program has its arguments and its mode; "
                    "args, kwargs and train must be left out"
                )
            exported, aliases = module, {}
        else:
            _check(module, args)
            exported = _export(module, tuple(args), dict(kwargs or {}), train)
            aliases = _aliases(module)
        graph, tensors = read(exported, aliases)
        lacking = missing(graph)
        if lacking:
            raise NotImplementedError(_report(lacking))
    held: dict[str, dict[str, jax.Array]] = {"param": {}, "buffer": {}, "constant": {}}
    for i in graph.inputs:
        if i.kind != "argument":
            held[i.kind][i.target] = as_jax(tensors[i.name], i.target)
    # An exported program does not say in which mode it was made, but by what it does.
    train = train or bool(graph.updates) or any(needs_key(node) for node in graph.nodes)
    graph = dataclasses.replace(with_casts(graph), train=train)
    return Program(graph, held["param"], held["buffer"], held["constant"])


def _check(module: object, args: object) -> None:
    """Refuse what is no network, and arguments that are no sequence of them."""
    import torch

    if not isinstance(module, torch.nn.Module):
        raise TypeError(
            "convert: module must be a torch.nn.Module or a torch.export.ExportedProgram, "
            f"got {module!r}"
        )
    if not isinstance(args, tuple | list):
        raise TypeError(
            f"convert: args must be a tuple of the network's arguments, got {type(args).__name__}"
        )


def _export(
    module: "torch.nn.Module", args: tuple[Any, ...], kwargs: dict[str, Any], train: bool
) -> "torch.export.ExportedProgram":
    import torch
    from torch.utils import _pytree

    def as_tensor(leaf: Any) -> Any:
        return (
            torch.from_numpy(np.array(leaf)) if isinstance(leaf, np.ndarray | jax.Array) else leaf
        )

    args, kwargs = _pytree.tree_map(as_tensor, (args, kwargs))
    said = io.StringIO()
    with _mode(module, train):
        try:
            with contextlib.redirect_stderr(said):  # torch prints the graph so far
                return torch.export.export(module, args, kwargs, strict=False)
        except Exception as error:
            if "DataDependent" not in type(error).__name__:
                print(said.getvalue(), end="", file=sys.stderr)
                raise
            raise ValueError(
                "convert: the network's control flow, or a size, depends on the values in a "
                f"tensor, and torch.export cannot follow it:\n  {_place(error)}\nChoose by "
                "torch.where, or give the value as a Python number, which the program is then made "
                "for"
            ) from error


def _place(error: Exception) -> str:
    """Return the lines that led to an error: the network's own, and those of torch.nn behind it."""
    from ._nodes import LIBRARY

    places: list[str] = []
    for frame in traceback.extract_tb(error.__traceback__)[1:]:
        own = frame.line and not frame.filename.startswith(LIBRARY)
        layer = frame.filename.startswith(f"{LIBRARY}nn{os.sep}")
        if own or (layer and frame.name not in ("_wrapped_call_impl", "_call_impl")):
            places.append(f"{frame.filename}:{frame.lineno}, in {frame.name}: {frame.line}")
    return "\n  ".join(places[-3:])


def _aliases(module: "torch.nn.Module") -> dict[str, str]:
    """Return {path: first path} of the modules that have several."""
    first: dict[int, str] = {}
    paths = module.named_modules(remove_duplicate=False)
    return {path: known for path, m in paths if (known := first.setdefault(id(m), path)) != path}


@contextlib.contextmanager
def _mode(module: "torch.nn.Module", train: bool) -> Iterator[None]:
    """Set training or evaluation mode, and set every submodule back afterwards."""
    before = [(part, part.training) for part in module.modules()]
    module.train(train)
    try:
        yield
    finally:
        for part, mode in before:
            part.training = mode


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence torch's warnings about its own code: deprecated names, recurrent layers' weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", module="torch")
        warnings.filterwarnings("ignore", WEIGHTS)
        log, level = logging.getLogger(SYMBOLS), logging.getLogger(SYMBOLS).level
        log.setLevel(logging.ERROR)
        try:
            yield
        finally:
            log.setLevel(level)


def missing(graph: Graph) -> list[Node]:
    """Return the nodes whose operation is not in the table."""
    return [node for node in graph.nodes if node.operation not in OPERATIONS]


def _report(nodes: Sequence[Node]) -> str:
    by_operation: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        by_operation[node.operation].append(node)
    lines = ["convert: the table of operations (port/converter/operations) has no"]
    for operation, found in by_operation.items():
        first = found[0]
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        lines.append(f"  {operation}, in module {first.module!r}{more}\n    {first.line}")
    return "\n".join(lines)


def as_jax(tensor: Any, name: str) -> jax.Array:
    """Copy a tensor, in PyTorch's order of axes.

    Raises:
      ValueError: a floating dtype of 64 bits where JAX has those switched off.
    """
    array = numbers(tensor)
    if is_inexact(array.dtype) and jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype:
        raise ValueError(
            f"convert: {name} is {array.dtype.name}, and JAX has 64-bit dtypes switched off: "
            "jax.config.update('jax_enable_x64', True), or convert module.float()"
        )
    return jnp.array(array)
