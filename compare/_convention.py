"""A function that JAX and PyTorch define otherwise at some point, and how a row of them is run."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from ._values import compare_values, to_host

# Relative and absolute. Special functions and powers are good to some units of the last place in
# both libraries; what the rows are about is larger by far.
TOLERANCE = {"float32": 2e-5, "float64": 1e-11}


@dataclass(frozen=True)
class Convention:
    """A function at a point, in JAX, in PyTorch, and as this package has it.

    Args:
      name: the function, and where it is looked at.
      jax, torch: the function, of arrays and of tensors.
      ours: this package's, of arrays; None where it has none.
      point: its arguments, as nested lists.
      note: what a reader of the row should know.
      same: whether JAX and PyTorch agree, and the row is there to say so.
      derive: whether the gradients are compared too.
      float64: the tolerance in float64, where a side is less good than that dtype.
    """

    name: str
    jax: Callable[..., Any]
    torch: Callable[..., Any]
    ours: Callable[..., Any] | None
    point: tuple[Any, ...]
    note: str = ""
    same: bool = False
    derive: bool = True
    float64: float = TOLERANCE["float64"]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Finding:
    """A value or a gradient from the three sides; an error stands there by its class's name."""

    name: str
    jax: Any
    torch: Any
    ours: Any
    differs: bool  # JAX from PyTorch
    agree: bool  # ours with PyTorch; true where there is none of ours
    reason: str


@dataclass(frozen=True)
class ConventionResult:
    """A row that was run."""

    row: Convention
    arguments: tuple[np.ndarray, ...]
    findings: tuple[Finding, ...]

    @property
    def agree(self) -> bool:
        """Whether ours agrees with PyTorch, and JAX where the row says so."""
        return all(f.agree for f in self.findings) and not (self.row.same and self.differs)

    @property
    def differs(self) -> bool:
        """Whether JAX differs from PyTorch in anything."""
        return any(f.differs for f in self.findings)


def arguments(row: Convention, dtype: str) -> tuple[np.ndarray, ...]:
    """Make a row's point: arrays of a dtype, or of the complex one of its precision."""
    wide = {"float32": "complex64", "float64": "complex128"}[dtype]
    arrays = [np.asarray(argument) for argument in row.point]
    return tuple(a.astype(wide if np.iscomplexobj(a) else dtype) for a in arrays)


def run_convention(row: Convention, dtype: str = "float32") -> ConventionResult:
    """Evaluate a row on all sides: values, and gradients of their sums."""
    point = arguments(row, dtype)
    tolerance = row.float64 if dtype == "float64" else TOLERANCE[dtype]
    jaxs = in_jax(row.jax, point, row.derive)
    torchs = in_torch(row.torch, point, row.derive)
    ours = in_jax(row.ours, point, row.derive) if row.ours else None
    return ConventionResult(
        row, point, tuple(_finding(name, jaxs, torchs, ours, tolerance) for name in torchs)
    )


def _finding(
    name: str,
    jaxs: Mapping[str, Any],
    torchs: Mapping[str, Any],
    ours: Mapping[str, Any] | None,
    tolerance: float,
) -> Finding:
    theirs = torchs[name]
    apart = _apart(name, jaxs[name], theirs, tolerance)
    reason = _apart(name, ours[name], theirs, tolerance) if ours else ""
    mine = ours[name] if ours else None
    return Finding(name, jaxs[name], theirs, mine, bool(apart), not reason, reason)


def _apart(name: str, a: Any, b: Any, tolerance: float) -> str:
    if isinstance(a, str) or isinstance(b, str):
        return "" if isinstance(a, str) and isinstance(b, str) else f"{a} and {b}"
    return compare_values(name, a, b, rtol=tolerance, atol=tolerance).reason


def names(count: int) -> list[str]:
    """Name the gradients of a function with so many arguments."""
    return ["gradient"] if count == 1 else [f"gradient {i + 1}" for i in range(count)]


def in_jax(
    function: Callable[..., Any], point: Sequence[np.ndarray], derive: bool = True
) -> dict[str, Any]:
    """Return a function's value and gradients in JAX, by name."""
    inputs = [jnp.asarray(argument) for argument in point]

    def pull(*inputs: jax.Array) -> tuple[jax.Array, ...]:
        value, back = jax.vjp(function, *inputs)
        return value, *back(jnp.ones_like(value))

    every = _tried(lambda: jax.jit(pull)(*inputs)) if derive else "underived"
    if not isinstance(every, str):
        return dict(zip(["value", *names(len(inputs))], map(to_host, every), strict=True))
    found: dict[str, Any] = {"value": _tried(lambda: to_host(jax.jit(function)(*inputs)))}
    return found | (dict.fromkeys(names(len(inputs)), every) if derive else {})


def in_torch(
    function: Callable[..., Any], point: Sequence[np.ndarray], derive: bool = True
) -> dict[str, Any]:
    """Return a function's value and gradients in PyTorch, by name."""
    inputs = [torch.tensor(argument, requires_grad=derive) for argument in point]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a variance without degrees of freedom
        value = function(*inputs)
    found: dict[str, Any] = {"value": to_host(value)}
    if derive:
        gradients = _tried(lambda: _pull_torch(value, inputs))
        for i, name in enumerate(names(len(inputs))):
            found[name] = gradients if isinstance(gradients, str) else to_host(gradients[i])
    return found


def _pull_torch(value: torch.Tensor, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    if not value.requires_grad:
        return [torch.zeros_like(x) for x in inputs]
    found = torch.autograd.grad(value.sum(), inputs, allow_unused=True)
    pairs = zip(found, inputs, strict=True)
    return [torch.zeros_like(x) if g is None else g for g, x in pairs]


def _tried(program: Callable[[], Any]) -> Any:
    try:
        return program()
    except Exception as error:
        return type(error).__name__
