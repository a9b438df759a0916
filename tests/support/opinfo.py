"""PyTorch's own sample and error inputs for its functions, and each of them on both sides.

The database is part of torch.testing and takes seconds to import, so that it is loaded by the first
test that asks for it.
"""

import importlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch.utils import _pytree

import conv
from port.functional import pairwise_distance
from tests.support.agree import assert_same, draw, is_inexact, to_numpy, to_torch

Outputs = tuple[Any, ...]


@cache
def database(package: Any = conv) -> dict[str, Any]:
    """A package's functions: 'conv1d', 'pad-reflect', ... to PyTorch's entry that has them."""
    with warnings.catch_warnings():
        # PyTorch's use of deprecated names of its own, in modules that it imports on demand.
        warnings.simplefilter("ignore", DeprecationWarning)
        importlib.import_module("torch._decomp.decompositions_for_jvp")  # used by torch.func.jvp
        from torch.testing._internal.common_methods_invocations import op_db
    entries = {}
    for entry in op_db:
        name = entry.name.removeprefix("nn.functional.")
        if (name != entry.name or name == "cdist") and name in package.__all__:
            variant = f"-{entry.variant_test_name}" if entry.variant_test_name else ""
            entries[name + variant] = entry
    return entries


@dataclass(frozen=True)
class Sample:
    """One call of a function: its tensors, and how to make the call with others in their place.

    `tensors` are those that it is differentiated by; the others, of which PyTorch's samples ask no
    gradient (class numbers, weights of classes), are part of the call.
    """

    name: str
    theirs: Callable[..., Any]
    ours: Callable[..., Any]
    tensors: tuple[torch.Tensor, ...]


def _uniform(input: torch.Tensor, dims: int) -> torch.Tensor:
    """The numbers that PyTorch would draw for the windows of a fractional pool."""
    batch = input.shape[0] if input.ndim == dims + 2 else 1
    numbers = np.random.default_rng(0).uniform(size=(batch, input.shape[-dims - 1], dims))
    return torch.from_numpy(numbers).to(input.dtype)


def _sample(name: str, entry: Any, given: Any, package: Any, constants: bool) -> Sample:
    kwargs = dict(given.kwargs)
    if name.startswith("fractional"):
        kwargs["_random_samples"] = _uniform(given.input, int(name[-2]))
    leaves, spec = _pytree.tree_flatten((given.input, tuple(given.args), kwargs))
    found = [i for i, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
    places = [i for i in found if leaves[i].requires_grad or not constants]
    ours = getattr(package, name.split("-")[0])
    fixed = [x.detach().clone() if isinstance(x, torch.Tensor) else x for x in leaves]
    mine = [_translated(x) for x in fixed]

    def call(function: Callable[..., Any], base: list[Any], arrays: Sequence[Any]) -> Any:
        # Copies: PyTorch writes to some of them (running statistics).
        full = [x.clone() if isinstance(x, torch.Tensor) else x for x in base]
        for place, value in zip(places, arrays, strict=True):
            full[place] = value
        input, args, kwargs = _pytree.tree_unflatten(full, spec)
        return function(input, *args, **kwargs)

    # Constants are shown by their values, so that `calls` keeps calls with other ones apart.
    shown = [
        (tuple(x.shape) if i in places else x.tolist()) if isinstance(x, torch.Tensor) else x
        for i, x in enumerate(fixed)
    ]
    return Sample(
        f"{name}{_pytree.tree_unflatten(shown, spec)}",
        lambda *tensors: call(entry.op, fixed, tensors),
        lambda *arrays: call(ours, mine, arrays),
        tuple(leaves[i].detach() for i in places),
    )


def _translated(value: Any) -> Any:
    """Return what stands for an argument of PyTorch's in our call."""
    if isinstance(value, torch.Tensor):
        return jnp.asarray(to_numpy(value))
    if isinstance(value, torch.nn.PairwiseDistance):
        return pairwise_distance
    return value


@cache
def samples(name: str, dtype: str, package: Any = conv) -> list[Sample]:
    """All sample inputs that the database has for a function on the CPU."""
    entry = database(package)[name]
    torch.manual_seed(0)
    given = entry.sample_inputs("cpu", getattr(torch, dtype), requires_grad=True)
    return [_sample(name, entry, one, package, True) for one in given]


@cache
def errors(name: str, package: Any = conv) -> list[Sample]:
    """All error inputs that the database has for a function on the CPU; all tensors are given."""
    entry = database(package)[name]
    if entry.error_inputs_func is None:
        return []
    torch.manual_seed(0)
    found = entry.error_inputs("cpu")
    return [_sample(name, entry, one.sample_input, package, False) for one in found]


def _outputs(value: Any) -> Outputs:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _floating(value: Any) -> Any:
    """The differentiable output; positions of maxima come second and are integers."""
    return _outputs(value)[0]


def _like(arrays: Sequence[Any], seed: int) -> list[np.ndarray]:
    """Standard normal arrays with the shapes and dtypes of others."""
    return [draw(seed + i, a.shape, str(a.dtype).split(".")[-1]) for i, a in enumerate(arrays)]


def _conjugates(values: Any) -> Any:
    return jax.tree.map(jnp.conj, values)


def _inputs(sample: Sample) -> tuple[list[np.ndarray], dict[str, Any]]:
    """A sample's arrays, and random ones for its derivatives and for a second call."""
    xs = [x.numpy() for x in sample.tensors]
    assert all(is_inexact(x) for x in xs), sample.name
    more = {
        "cotangent": _like([_floating(sample.theirs(*sample.tensors))], 1)[0],
        "tangents": _like(sample.tensors, 2),
        "others": [np.flip(x).copy() for x in xs],  # others that are allowed, wherever these are
    }
    return xs, more


def _ours(sample: Sample, higher: bool, xs: Any, more: Any) -> dict[str, Outputs]:
    """Everything about one sample as one traceable function, in PyTorch's sign of conjugation."""

    def function(*xs: Any) -> Any:
        return _floating(sample.ours(*xs))

    def gradients(xs: Any, cotangent: Any) -> Any:
        return _conjugates(jax.vjp(function, *xs)[1](cotangent.conj()))

    found = {"value": _outputs(sample.ours(*xs))}
    if not higher:
        return found | {"gradient": gradients(xs, more["cotangent"])}
    first, pull = jax.vjp(gradients, xs, more["cotangent"])
    of_inputs, of_cotangent = pull(_conjugates(tuple(more["tangents"])))
    tangent = jax.jvp(function, xs, more["tangents"])[1]
    stacked = [jnp.stack([x, y]) for x, y in zip(xs, more["others"], strict=True)]
    return found | {
        "gradient": first,
        "second gradient": _conjugates((*of_inputs, of_cotangent)),
        "jvp": (tangent,),
        "vmap": _outputs(jax.vmap(sample.ours)(*stacked)),
    }


def _theirs(sample: Sample, higher: bool, more: dict[str, Any]) -> dict[str, Outputs]:
    """What PyTorch makes of the same sample."""
    xs = [x.clone().requires_grad_() for x in sample.tensors]
    value = _outputs(sample.theirs(*xs))
    cotangent = to_torch(more["cotangent"], requires_grad=True)
    # materialize_grads: zeros where the value, or the gradient, does not depend on a variable.
    first = torch.autograd.grad(
        value[0], xs, cotangent, create_graph=higher, materialize_grads=True
    )
    found = {"value": value, "gradient": first}
    if not higher:
        return found
    tangents = tuple(to_torch(t) for t in more["tangents"])
    second = torch.autograd.grad(first, [*xs, cotangent], tangents, materialize_grads=True)
    _, tangent = torch.func.jvp(lambda *xs: _floating(sample.theirs(*xs)), sample.tensors, tangents)
    others = _outputs(sample.theirs(*(to_torch(o) for o in more["others"])))
    stacked = tuple(torch.stack(pair) for pair in zip(value, others, strict=True))
    return found | {"second gradient": second, "jvp": (tangent,), "vmap": stacked}


def calls(chosen: Sequence[Sample]) -> list[list[Sample]]:
    """Put samples together that differ in their numbers (or strides) only."""
    groups: dict[str, list[Sample]] = {}
    for sample in chosen:
        groups.setdefault(sample.name, []).append(sample)
    return list(groups.values())


def assert_samples_agree(
    groups: Sequence[list[Sample]], full_every: int | None = 1, scale: float = 1.0
) -> None:
    """Compare samples, grouped by `calls`, with PyTorch: one call a group in one compiled program.

    Always the value and the gradients of all inputs for a random cotangent; for one group in
    `full_every` also the gradients of those gradients, forward mode, and vmap over two calls.
    `scale` widens the tolerance for a reason given by the caller.
    """
    assert groups
    plan = [full_every is not None and i % full_every == 0 for i in range(len(groups))]
    leaders = [group[0] for group in groups]

    @jax.jit
    def program(inputs: Any) -> Any:
        entries = zip(leaders, plan, inputs, strict=True)
        return [_ours(sample, full, xs, more) for sample, full, (xs, more) in entries]

    for turn in range(max(map(len, groups))):
        chosen = [group[min(turn, len(group) - 1)] for group in groups]
        inputs, expected = [], []
        for sample, full in zip(chosen, plan, strict=True):
            xs, more = _inputs(sample)
            inputs.append((xs, more))
            expected.append(_theirs(sample, full, more))
        for sample, found, right in zip(chosen, program(inputs), expected, strict=True):
            assert found.keys() == right.keys()
            for what, parts in found.items():
                for mine, theirs in zip(parts, right[what], strict=True):
                    assert_same(mine, theirs, f"{what} of {sample.name}", scale)
