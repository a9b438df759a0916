"""The computational graph behind a value, walked as PyTorch walks `grad_fn`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax

from convgrad._arrays import Array, is_array
from convgrad._errors import NEEDS_VALUES

from .._trees import OUTPUTS, flatten
from ._draw import to_dot, to_svg
from ._node import AccumulateGrad as AccumulateGrad
from ._node import Node as Node
from ._read import read


class Graph:
    """The graph of a function at given arguments; made by `grad.graph`.

    Attributes:
      name: the function's name.
      grad_fns: for each output, in flat order, the node that made it; None for an output that
        is an input itself or carries no gradient.
      leaves: a node for each floating point or complex argument, in flat order.
    """

    def __init__(
        self,
        name: str,
        grad_fns: tuple[Node | None, ...],
        leaves: tuple[AccumulateGrad, ...],
        indices: tuple[int, ...],
    ) -> None:
        self.name = name
        self.grad_fns = grad_fns
        self.leaves = leaves
        self.output_indices = indices

    @property
    def grad_fn(self) -> Node | None:
        """The node that made the output; None where it is an input or carries no gradient."""
        if len(self.grad_fns) != 1:
            raise ValueError(
                f"{self.name} has {len(self.grad_fns)} outputs: use .grad_fns, one for each."
            )
        return self.grad_fns[0]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes behind the outputs, each after the nodes that it was computed from."""
        return tuple(_forward_order(self.grad_fns))

    def to_dot(self) -> str:
        """Return the graph as DOT text, for Graphviz."""
        return to_dot(self.nodes, self.grad_fns, self.name)

    def to_svg(self) -> str:
        """Return a drawing as SVG text, in the direction of the computation, top down."""
        return to_svg(self.nodes, self.grad_fns, self.name)

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def __repr__(self) -> str:
        made_by = ", ".join("None" if fn is None else fn.name for fn in self.grad_fns)
        return f"<Graph of {self.name}: {len(self.nodes)} nodes, grad_fn={made_by}>"

    def __str__(self) -> str:
        numbers = {id(node): i for i, node in enumerate(self.nodes)}
        lines = [repr(self)]
        for node in self.nodes:
            parents = [
                "None" if parent is None else f"#{numbers[id(parent)]}"
                for parent, _ in node.next_functions
            ]
            arrow = f" <- {', '.join(parents)}" if parents else ""
            lines.append(f"  #{numbers[id(node)]} {node.title} {node.shape}{arrow}")
        return "\n".join(lines)


def graph(func: Callable[..., Any], *args: Any) -> Graph:
    """Read off the computational graph of `func` at `args`: what is behind its output.

    One node stands for one differentiable operation of the traced program, with PyTorch's name for
    it. From `.grad_fn` the walk back is PyTorch's: `node.next_functions[k]` is a pair of the
    node that made operand `k` and the number of that node's output, `(None, 0)` for a constant.
    A leaf is an `AccumulateGrad` node with the argument itself as its `.variable`.

    Nothing is computed; `func` is traced only.

    Args:
      func: a function of arrays that returns an array or a pytree of arrays.
      args: its arguments. Floating point and complex arrays, in any pytree, become leaves; all
        the rest (integer arrays, numbers, strings, functions) is constant.

    Returns:
      A `Graph`: `.grad_fn` (or `.grad_fns`, one for each output), `.leaves`, `.nodes`,
      `.to_dot()`, `.to_svg()`; a picture in a notebook.

    Raises:
      TypeError: `func` returns something that is not an array.
      jax.errors.ConcretizationTypeError: `func` branches on values in Python.

    The graph is JAX's where the two differ. One node each: `lax.scan` (named `scan[body]`),
    `cond`, `while`, `grad.while_loop`, `jax.checkpoint`, a function under `jax.jit`
    (`jit[name]`), and a function with its own derivative (`nameBackward`, as PyTorch names
    custom Functions). A sum divided by the number of its terms is a mean. Broadcasting inside an
    elementwise operation is no node, as in PyTorch. What PyTorch has as one operation and JAX
    traces into pieces is one node too where this package, `jax.nn`, `jax.numpy` or
    `nnx.Linear` were called for it: convolutions with their bias, pools, pads, softmax, gelu and
    the like. Their pieces show in a gradient's graph. JAX traces `1 / x` as one division where
    PyTorch makes two nodes; PyTorch puts a transpose in front of a linear layer's weight, where
    flax stores it transposed, and unsqueezes around pools of signals and unbatched convolutions.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import graph
      >>> x = jnp.ones((2, 2))
      >>> y = graph(lambda x: x - 2, x)
      >>> y.grad_fn.name
      'SubBackward0'
      >>> y.grad_fn.next_functions[0][0].variable is x
      True
      >>> graph(lambda x: x, x).grad_fn is None
      True

    Reference: `torch.Tensor.grad_fn`, `torch.autograd.graph.Node`; the lecture's flow chart.
    """
    leaves, treedef = jax.tree.flatten(args)
    arrays = [i for i, leaf in enumerate(leaves) if is_array(leaf)]

    def flat(*values: jax.Array) -> list[Array]:
        filled = list(leaves)
        for i, value in zip(arrays, values, strict=True):
            filled[i] = value
        outputs = func(*jax.tree.unflatten(treedef, filled))
        return flatten(OUTPUTS, outputs, "graph")[0]

    name = getattr(func, "__name__", type(func).__name__)
    values = [leaves[i] for i in arrays]
    try:
        closed = jax.make_jaxpr(flat)(*values)
    except NEEDS_VALUES as error:
        error.add_note(
            f"graph reads the traced program of {name}, which has no values to branch on: write "
            "the branch or loop with jax.lax (cond, while_loop), or pass what it depends on as a "
            "Python number."
        )
        raise
    named = _leaf_names(func, args)
    edges, leaf_nodes = read(closed, values, [named[i] for i in arrays])
    return Graph(
        name,
        tuple(None if isinstance(node, AccumulateGrad) else node for node, _ in edges),
        leaf_nodes,
        tuple(index for _, index in edges),
    )


def _leaf_names(func: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    """Name every leaf of the arguments by its parameter and its place in it: `params['w']`."""
    code = getattr(func, "__code__", None)
    parameters = code.co_varnames[: code.co_argcount] if code is not None else ()
    names = []
    for path, _ in jax.tree_util.tree_flatten_with_path(args)[0]:
        position = path[0].idx
        root = parameters[position] if position < len(parameters) else f"arg{position}"
        names.append(root + jax.tree_util.keystr(path[1:]).removesuffix(".value"))
    return names


def _forward_order(ends: tuple[Node | None, ...]) -> Iterator[Node]:
    """Yield every node behind `ends` once, operands first; no recursion, graphs are deep."""
    done: set[int] = set()
    for end in ends:
        stack: list[tuple[Node, bool]] = [] if end is None else [(end, False)]
        while stack:
            node, expanded = stack.pop()
            if id(node) in done:
                continue
            if expanded:
                done.add(id(node))
                yield node
                continue
            stack.append((node, True))
            parents = [parent for parent, _ in node.next_functions if parent is not None]
            stack.extend((parent, False) for parent in reversed(parents))
