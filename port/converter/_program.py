"""A converted network: a pure function of parameters, buffers and arguments."""

import inspect
import os
import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._tensors import numbers
from ._graph import DType, DTypes, Graph, Input, Node, Value, replace
from .operations import OPERATIONS

Arrays = Mapping[str, jax.Array]


class Program:
    """A network of PyTorch as a pure JAX function: what `port.convert` returns.

    It holds the graph of PyTorch's operations as plain data, and needs no torch.

    Attributes:
      params: {name in the state_dict: array}; a parameter with several names has its first.
      buffers: {name: array}, of the buffers that the state_dict has and of those it leaves out.
      constants: {name: array}, tensors that the network makes in Python.
      graph: the operations in order. Each `Node` carries the path of the module that it is part of
        (`node.module`, dotted as in the state_dict, '' for the network itself), the modules around
        it with their classes and which call of each it is (`node.stack`), and its line of Python
        (`node.line`). `values` gives what each node computes.

    Example:
      >>> import jax, torch
      >>> from port import convert
      >>> program = convert(torch.nn.Conv2d(3, 8, 3), (torch.ones(1, 3, 5, 5),))
      >>> sorted(program.params), program.buffers
      (['bias', 'weight'], {})
      >>> output, buffers = program(program.params, program.buffers, jax.numpy.ones((1, 3, 5, 5)))
      >>> output.shape
      (1, 8, 3, 3)
    """

    def __init__(self, graph: Graph, params: Arrays, buffers: Arrays, constants: Arrays) -> None:
        self.graph = graph
        self.params = dict(params)
        self.buffers = dict(buffers)
        self.constants = dict(constants)
        self._freed = graph.last_uses()

    def __call__(
        self,
        params: Arrays,
        buffers: Arrays,
        *args: Any,
        rng: jax.Array | None = None,
        **kwargs: Any,
    ) -> tuple[Any, dict[str, jax.Array]]:
        """Compute the network.

        Args:
          params: arrays by the names in `self.params`.
          buffers: arrays by the names in `self.buffers`.
          *args: the network's arguments, of the shapes that it was exported for.
          rng: a key, where the network draws random numbers (dropout in training).
          **kwargs: its keyword arguments.

        Returns:
          The output, in PyTorch's structure, and all buffers, updated where the network does so.

        Raises:
          ValueError: missing names, shapes other than the exported ones, or no key where one is
            needed.
          TypeError: arguments of another structure.
        """
        values = self._inputs(params, buffers, args, kwargs)
        self._compute(values, rng, self._freed)
        return self._output(values), dict(buffers) | self._updates(values)

    def values(
        self,
        params: Arrays,
        buffers: Arrays,
        *args: Any,
        rng: jax.Array | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return what every input and every node of the graph is, by name."""
        values = self._inputs(params, buffers, args, kwargs)
        self._compute(values, rng, {})
        return values

    def source(self) -> str:
        """Return the program as a Python module of plain JAX, without torch, that one can keep.

        Functions have the names of the network's classes, one for all copies of a block; what
        copies differ in are its arguments. The network's own function is called as the program
        is: `network(params, buffers, *args)`, and `load` reads the weights that `save` writes.

        Returns:
          Python, formatted by ruff where that is installed.

        Example:
          >>> import torch
          >>> from port import convert
          >>> program = convert(torch.nn.Linear(4, 2), (torch.ones(3, 4),))
          >>> print(program.source().splitlines()[-1])
              return F.linear(x, p["weight"], p["bias"]), buffers
        """
        from ..writer import source

        return source(self)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the module that `source` gives, and weights.safetensors beside it.

        Args:
          folder: where to; it is made if there is none.

        Returns:
          The module's path. It bears the name of the network's class.
        """
        from ..writer import save

        return save(self, folder)

    def _inputs(
        self, params: Arrays, buffers: Arrays, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> dict[str, Any]:
        structure = self.graph.arguments
        given = structure.flatten((args, dict(kwargs)), "arguments")
        arguments = dict(zip(structure.leaves(), given, strict=True))
        held = {"param": params, "buffer": buffers, "constant": self.constants}
        values: dict[str, Any] = {}
        sizes: dict[str, int] = {}
        for i in self.graph.inputs:
            if i.kind == "argument":
                values[i.name] = _argument(i, arguments[i.name], sizes)
            elif i.target in held[i.kind]:
                values[i.name] = jnp.asarray(held[i.kind][i.target])
            else:
                raise ValueError(f"program: {i.kind}s must have {i.target!r}, and have not")
        return values

    def _compute(
        self,
        values: dict[str, Any],
        rng: jax.Array | None,
        freed: Mapping[str, Iterable[str]],
    ) -> None:
        for node in self.graph.nodes:
            with jax.named_scope(node.module or node.name):
                try:
                    values[node.name] = apply(node, values, rng)
                except Exception as error:
                    error.add_note(f"in {node.operation} of module {node.module!r}: {node.line}")
                    raise
            for name in freed.get(node.name, ()):
                del values[name]

    def _output(self, values: Mapping[str, Any]) -> Any:
        structure = self.graph.output
        leaves = (replace(leaf, lambda v: values[v.name]) for leaf in structure.leaves())
        return structure.build(leaves)

    def _updates(self, values: Mapping[str, Any]) -> dict[str, jax.Array]:
        return {name: values[value.name] for name, value in self.graph.updates.items()}


def apply(node: Node, values: Mapping[str, Any], rng: jax.Array | None) -> Any:
    """Compute a node; those that draw random numbers get the key folded with their module."""

    def known(leaf: Value | DType) -> Any:
        return values[leaf.name] if isinstance(leaf, Value) else canonical(leaf.name)

    function = OPERATIONS[node.operation]
    args, kwargs = replace(node.args, known), replace(node.kwargs, known)
    if draws(node.operation) and rng is not None:
        kwargs = {**kwargs, "rng": key(rng, draw_name(node.module, node.draw))}
    elif needs_key(node):
        raise ValueError(
            f"program: rng must be given, as module {node.module!r} draws random numbers "
            f"({node.operation}), got rng=None"
        )
    return _cast(function(*args, **kwargs), node.cast)


def _cast(result: Any, dtype: DTypes) -> Any:
    if isinstance(dtype, tuple):
        return tuple(_cast(part, to) for part, to in zip(result, dtype, strict=True))
    return result if dtype is None else result.astype(canonical(dtype))


def canonical(dtype: str) -> np.dtype:
    """Return a dtype, of 32 bits where JAX has those of 64 switched off."""
    return jax.dtypes.canonicalize_dtype(dtype)


def key(rng: jax.Array, name: str) -> jax.Array:
    """Return a key that belongs to a name."""
    return jax.random.fold_in(rng, zlib.crc32(name.encode()))


def draw_name(module: str, draw: int) -> str:
    """Return the name of a draw: its module, and which of the module's draws it is."""
    return f"{module}#{draw}" if draw else module


@cache
def draws(operation: str) -> bool:
    """Whether an operation draws random numbers, or may."""
    try:
        return "rng" in inspect.signature(OPERATIONS[operation]).parameters
    except (TypeError, ValueError):  # a function that is not written in Python
        return False


# Operations that draw only if an argument is above 0, and another one, if any, is true.
SWITCHES: dict[str, tuple[int, int | None]] = {
    "aten.dropout.default": (1, 2),
    "aten.feature_dropout.default": (1, 2),
    "aten.alpha_dropout.default": (1, 2),
    "aten.feature_alpha_dropout.default": (1, 2),
    "aten.native_dropout.default": (1, 2),
    "aten.scaled_dot_product_attention.default": (4, None),
    "aten._scaled_dot_product_flash_attention_for_cpu.default": (3, None),
    "aten.lstm.input": (5, 6),
    "aten.gru.input": (5, 6),
    "aten.rnn_tanh.input": (5, 6),
    "aten.rnn_relu.input": (5, 6),
}


def needs_key(node: Node) -> bool:
    """Whether a node cannot be computed without a key."""
    if not draws(node.operation):
        return False
    if node.operation not in SWITCHES:
        return True
    return all(
        place is None or (len(node.args) > place and bool(node.args[place]))
        for place in SWITCHES[node.operation]
    )


def _argument(i: Input, value: Any, sizes: dict[str, int]) -> Any:
    """Check an argument against the exported one; open sizes are set by the first that has them."""
    if i.dtype is None:
        if value is not i.value and value != i.value:
            raise ValueError(
                f"program: {i.target} must be {i.value!r}, which the network was exported for, "
                f"got {value!r}"
            )
        return value
    try:
        x = jnp.asarray(numbers(value))
    except TypeError as error:
        raise TypeError(f"program: {i.target}: {error}") from None
    fits = len(x.shape) == len(i.shape) and all(
        n == (sizes.setdefault(size, n) if isinstance(size, str) else size)
        for n, size in zip(x.shape, i.shape, strict=True)
    )
    if not fits:
        shape = ", ".join(map(str, i.shape)) + "," * (len(i.shape) == 1)
        raise ValueError(
            f"program: {i.target} must have the shape ({shape}) that the network was exported for, "
            f"got {i.target}.shape={x.shape}"
        )
    return x
