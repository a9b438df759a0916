"""Rows 10 to 13: a gradient, the graph behind it, its picture, and the Jacobian."""

from typing import Any

import jax
import numpy as np
import torch

import grad

from .._row import Row
from .._values import Told

Results = dict[str, Any]


def square() -> tuple[np.ndarray, ...]:
    """Make x = [[1, 2], [3, 4]]."""
    return (np.array([[1, 2], [3, 4]], np.float32),)


# Row 10


def mean_jax(x: Any) -> Results:
    """Differentiate a = mean(3 y^2), y = x - 2, by jax.grad, by backward and by hand."""
    return {
        "a": jax.jit(grad.mean_of_squares)(x),
        "gradient": jax.jit(jax.grad(grad.mean_of_squares))(x),
        "gradient by backward": grad.backward(grad.mean_of_squares, x),
        "by hand, 3/2 x - 3": 1.5 * x - 3,
    }


def mean_torch(x: Any) -> Results:
    """Differentiate a = mean(3 y^2), y = x - 2, by backward and by hand."""
    x = torch.tensor(x, requires_grad=True)
    y = x - 2
    z = 3 * y * y
    a = z.mean()
    (gradient,) = torch.autograd.grad(a, x, retain_graph=True)
    a.backward()
    return {
        "a": a,
        "gradient": gradient,
        "gradient by backward": x.grad,
        "by hand, 3/2 x - 3": 1.5 * x - 3,
    }


# Row 11


def walk(node: Any) -> str:
    """Walk back from a node, one step at a time: the same in both libraries."""
    names = []
    while node is not None:
        name = node.name() if callable(node.name) else node.name
        names.append(name.removeprefix("torch::autograd::"))
        node = node.next_functions[0][0] if node.next_functions else None
    return ", ".join(names)


def graph_jax(x: Any) -> Results:
    """Ask which operation made y, and walk back to x."""
    y: Any = grad.graph(lambda x: x - 2, x)
    back = y.grad_fn.next_functions[0][0]
    return {
        "y is made by": y.grad_fn.name,
        "one step back is x": back.variable is x,
        "x is made by": grad.graph(lambda x: x, x).grad_fn,
        "back from the mean": walk(grad.graph(grad.mean_of_squares, x).grad_fn),
    }


def graph_torch(x: Any) -> Results:
    """Ask which operation made y, and walk back to x."""
    x = torch.tensor(x, requires_grad=True)
    y: Any = x - 2
    back = y.grad_fn.next_functions[0][0]
    return {
        "y is made by": y.grad_fn.name(),
        "one step back is x": back.variable is x,
        "x is made by": x.grad_fn,
        "back from the mean": walk((y * y * 3).mean().grad_fn),
    }


# Row 12


def flow(node: Any) -> str:
    """Write the chain that ends in a node in the order of the computation."""
    chain: list[str] = []
    while node.next_functions:
        name = node.name() if callable(node.name) else node.name
        parents = [parent for parent, _ in node.next_functions if parent is not None]
        edges = f" ({len(parents)} edges in)" if len(parents) > 1 else ""
        chain.insert(0, name.removesuffix("Backward0") + edges)
        node = parents[0]
    return " -> ".join(["x", *chain])


def flow_jax(x: Any) -> Results:
    """Read the flow chart off the traced program, and draw it."""
    graph: Any = grad.graph(grad.mean_of_squares, x)
    drawing = graph.to_svg()
    return {
        "flow": flow(graph.grad_fn),
        "nodes": len(graph.nodes),
        "drawing": Told(f"SVG, {len(drawing)} characters: figure 5"),
    }


def flow_torch(x: Any) -> Results:
    """Read the flow chart off the graph that the computation left behind."""
    y = torch.tensor(x, requires_grad=True) - 2
    a = (y * y * 3).mean()
    seen: set[Any] = set()
    waiting: list[Any] = [a.grad_fn]
    while waiting:
        node = waiting.pop()
        seen.add(node)
        waiting += [parent for parent, _ in node.next_functions if parent is not None]
    return {
        "flow": flow(a.grad_fn),
        "nodes": len(seen),
        "drawing": Told("none of its own"),
    }


# Row 13


def jacobian_jax(x: Any) -> Results:
    """Put the Jacobian of a map from R^4 to R^1 beside the gradient."""
    jacobian = jax.jit(jax.jacobian(lambda v: grad.mean_of_squares(v.reshape(2, 2))[None]))
    gradient = jax.jit(jax.grad(grad.mean_of_squares))(x)
    row = jacobian(x.ravel())
    return {
        "Jacobian": row,
        "its shape": row.shape,
        "gradient": gradient,
        "its shape, the data's": gradient.shape,
        "transposed Jacobian is the gradient": bool((row.T.reshape(2, 2) == gradient).all()),
    }


def jacobian_torch(x: Any) -> Results:
    """Put the Jacobian of a map from R^4 to R^1 beside the gradient."""
    x = torch.tensor(x, requires_grad=True)

    def mean_of_squares(x: torch.Tensor) -> torch.Tensor:
        return (3 * (x - 2) ** 2).mean()

    row = torch.autograd.functional.jacobian(
        lambda v: mean_of_squares(v.reshape(2, 2))[None], x.detach().ravel()
    )
    mean_of_squares(x).backward()
    return {
        "Jacobian": row,
        "its shape": tuple(row.shape),
        "gradient": x.grad,
        "its shape, the data's": tuple(x.grad.shape),
        "transposed Jacobian is the gradient": bool((row.T.reshape(2, 2) == x.grad).all()),
    }


GRADIENT = [[-1.5, 0.0], [1.5, 3.0]]

ROWS = (
    Row(
        10,
        "x = [[1, 2], [3, 4]], y = x-2, z = 3*y*y, a = mean(z), and da/dx",
        square,
        mean_jax,
        mean_torch,
        ("a", "gradient", "by hand, 3/2 x - 3"),
        {
            "a": 4.5,
            "gradient": GRADIENT,
            "gradient by backward": GRADIENT,
            "by hand, 3/2 x - 3": GRADIENT,
        },
    ),
    Row(
        11,
        "The graph behind it: a subtraction made y, one step back is x itself, nothing made x",
        square,
        graph_jax,
        graph_torch,
        ("y is made by", "one step back is x", "x is made by", "back from the mean"),
        {"y is made by": "SubBackward0", "one step back is x": True},
        lambda: (walk,),
        lambda: (walk,),
    ),
    Row(
        12,
        "The picture of that graph, a flow chart",
        square,
        flow_jax,
        flow_torch,
        ("flow", "drawing"),
        {"flow": "x -> Sub -> Mul (2 edges in) -> Mul -> Mean"},
        lambda: (flow,),
        lambda: (flow,),
    ),
    Row(
        13,
        "The Jacobian of a is a row; the gradient has the data's shape: its transpose",
        square,
        jacobian_jax,
        jacobian_torch,
        ("Jacobian", "its shape", "gradient", "its shape, the data's"),
        {
            "Jacobian": [[-1.5, 0.0, 1.5, 3.0]],
            "gradient": GRADIENT,
            "transposed Jacobian is the gradient": True,
        },
    ),
)
