"""Modules side by side with PyTorch's: built alike, with one state, called and differentiated."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from flax import nnx

import port
from tests.support.agree import assert_same, draw, dtype_name, is_inexact, to_torch


@dataclass(frozen=True)
class Case:
    """One module by its name and arguments, and the inputs of one call."""

    name: str
    args: tuple[Any, ...] = ()
    inputs: tuple[Any, ...] = ((2, 4, 6),)  # shapes to draw, or arrays
    kwargs: dict[str, Any] = field(default_factory=dict)
    training: bool = True
    state: bool = True  # whether to give it another state than its first
    fixed: tuple[int, ...] = ()  # inputs that PyTorch has no gradient of

    def __str__(self) -> str:
        given = [*map(repr, self.args), *(f"{k}={v!r}" for k, v in self.kwargs.items())]
        return f"{self.name}({', '.join(given)}){'' if self.training else '.eval()'}"

    def varied(self, arrays: Sequence[Any]) -> list[int]:
        """The places of the inputs that have a gradient."""
        return [i for i, x in enumerate(arrays) if is_inexact(x) and i not in self.fixed]

    def arrays(self, dtype: str = "float64") -> list[np.ndarray]:
        return [
            x if isinstance(x, np.ndarray) else draw(i, x, dtype) for i, x in enumerate(self.inputs)
        ]


def random_state(module: torch.nn.Module, seed: int = 0) -> dict[str, torch.Tensor]:
    """A state of a module's names, shapes and dtypes, different from what modules begin with."""
    state = {}
    for i, (name, tensor) in enumerate(module.state_dict().items()):
        kind = dtype_name(tensor)
        drawn = draw(seed + i, tensor.shape, kind)
        positive = np.abs(drawn) + 0.1 if name.endswith("running_var") else drawn
        state[name] = to_torch(positive.astype(drawn.dtype)) if is_inexact(drawn) else tensor + 7
    return state


def build(
    case: Case, dtype: str = "float64", ours_case: Case | None = None
) -> tuple[Any, torch.nn.Module]:
    """The module on both sides, with one state, in one mode; `ours_case`: arrays are JAX's."""
    theirs = getattr(torch.nn, case.name)(*case.args, **case.kwargs).to(getattr(torch, dtype))
    kind = getattr(port, case.name)
    taken = inspect.signature(kind).parameters
    extra = {"dtype": jnp.dtype(dtype), "rngs": nnx.Rngs(0)}
    mine = case if ours_case is None else ours_case
    kwargs = mine.kwargs | {name: value for name, value in extra.items() if name in taken}
    ours = kind(*mine.args, **kwargs)
    if case.state:
        theirs.load_state_dict(random_state(theirs))
    assert port.load_state_dict(ours, theirs.state_dict()) == ([], [])
    theirs.train(case.training)
    return ours.train(case.training), theirs


def leaves(value: Any) -> list[Any]:
    """The arrays of an output: of one, or of a tuple, without what is None."""
    parts = value if isinstance(value, tuple | list) else (value,)
    return [part for part in parts if part is not None]


def assert_modules_agree(
    cases: Sequence[Case],
    dtype: str = "float64",
    scale: float = 1.0,
    ours_cases: Sequence[Case] | None = None,
) -> None:
    """Outputs, gradients of inputs and parameters, and new states, of all cases in one program."""
    mine = cases if ours_cases is None else ours_cases
    sides = [build(case, dtype, ours) for case, ours in zip(cases, mine, strict=True)]
    plans = []
    for case, (ours, theirs) in zip(cases, sides, strict=True):
        arrays = case.arrays(dtype)
        outputs = leaves(theirs.train(case.training)(*map(to_torch, arrays)))
        cotangents = [
            draw(50 + i, y.shape, dtype_name(y))
            for i, y in enumerate(outputs)
            if is_inexact_torch(y)
        ]
        theirs.load_state_dict({k: to_torch(v) for k, v in port.state_dict(ours).items()})
        plans.append((arrays, cotangents))

    def one(case: Case, ours: Any, state: Any, arrays: Any, cotangents: Any) -> Any:
        inexact = {k: v for k, v in state.items() if is_inexact(v)}
        places = case.varied(arrays)

        def call(parts: Any, chosen: Any) -> Any:
            full = list(arrays)
            for i, x in zip(places, chosen, strict=True):
                full[i] = x
            module = nnx.clone(ours)
            port.load_state_dict(module, {**state, **parts})
            outputs = leaves(module(*full))
            return [y for y in outputs if is_inexact(y)], (outputs, port.state_dict(module))

        _, pull, (outputs, after) = jax.vjp(
            call, inexact, [arrays[i] for i in places], has_aux=True
        )
        return outputs, after, pull(cotangents)

    @jax.jit
    def program(states: Any, plans: Any) -> Any:
        return [
            one(case, ours, state, *plan)
            for case, (ours, _), state, plan in zip(cases, sides, states, plans, strict=True)
        ]

    found = program([port.state_dict(ours) for ours, _ in sides], plans)
    for case, (_, theirs), plan, result in zip(cases, sides, plans, found, strict=True):
        _assert_one(case, theirs, plan, result, scale)


def is_inexact_torch(value: torch.Tensor) -> bool:
    return value.is_floating_point() or value.is_complex()


def _assert_one(
    case: Case, theirs: torch.nn.Module, plan: Any, result: Any, scale: float = 1.0
) -> None:
    arrays, cotangents = plan
    outputs, after, (of_state, of_inputs) = result
    varied = case.varied(arrays)
    tensors = [to_torch(x, requires_grad=i in varied) for i, x in enumerate(arrays)]
    right = leaves(theirs(*(t.clone() for t in tensors)))  # inplace=True writes to what it gets
    assert len(outputs) == len(right), str(case)
    for mine, expected in zip(outputs, right, strict=True):
        assert_same(mine, expected, f"output of {case}", scale)
    parameters = dict(theirs.named_parameters())
    wanted = [*(x for x in tensors if x.requires_grad), *parameters.values()]
    gradients = torch.autograd.grad(
        [y for y in right if y.requires_grad],
        wanted,
        [
            to_torch(c)
            for c, y in zip(cotangents, filter(is_inexact_torch, right), strict=True)
            if y.requires_grad
        ],
        materialize_grads=True,
    )
    mine = [*of_inputs, *(of_state[name] for name in parameters)]
    names = [*(f"input {i}" for i in range(len(of_inputs))), *parameters]
    for name, ours, expected in zip(names, mine, gradients, strict=True):
        assert_same(ours, expected, f"gradient of {name} of {case}", scale)
    state = theirs.state_dict()
    assert sorted(after) == sorted(state), str(case)
    for name, value in after.items():
        assert_same(value, state[name], f"{name} after {case}", scale)
