"""PyTorch's side: the network runs once, and each layer's call is kept, to be run again alone."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np
import torch
from torch.utils import _pytree
from torch.utils.hooks import RemovableHandle

from ._sides import Call, Result
from ._widened import double, widened

CALLS = 3  # of one layer; a layer in a loop has hundreds
RANDOM = 1e-9  # of the largest value: two runs that differ by more are random


class Tape:
    """A network of PyTorch in float64, and the calls of its layers.

    Attributes:
      module: a copy of the network.
      calls: in the order in which they ended, so that a layer comes before what it is part of.
      paths: of all layers.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        train: bool,
        seed: int,
    ) -> None:
        self.module = _copied(module).train(train)
        self.train = train
        self.paths = [path for path, _ in self.module.named_modules()]
        self.calls: list[Call] = []
        given = _pytree.tree_map(lambda leaf: double(_tensor(leaf)), (tuple(args), dict(kwargs)))
        with self._watched() as root, widened(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            args, kwargs = _pytree.tree_map(_tracked, given)
            self.module(*args, **kwargs)
            self._pull(root, seed)

    @contextmanager
    def _watched(self) -> Iterator[list[torch.Tensor]]:
        """Keep what the layers take and give while the network runs."""
        before = {name: b.detach().clone() for name, b in self.module.named_buffers()}
        handles: list[RemovableHandle] = []
        stack: list[Call] = []
        counts: dict[str, int] = {}
        root: list[torch.Tensor] = []
        for path, module in self.module.named_modules():

            def enter(module: torch.nn.Module, args: Any, kwargs: Any, path: str = path) -> None:
                counts[path] = counts.get(path, -1) + 1
                held = _pytree.tree_map(_held, (args, kwargs))
                buffers = {name: b.detach().clone() for name, b in module.named_buffers()}
                floats = [id(x) for x in _pytree.tree_leaves((args, kwargs)) if _floating(x)]
                shared = [floats.index(number) for number in floats]
                call = Call(path, counts[path], module, held, buffers=buffers, shared=shared)
                stack.append(call)

            def leave(_module: object, _args: object, output: Any) -> None:
                call = stack.pop()
                tensors = [x for x in _pytree.tree_leaves(output) if isinstance(x, torch.Tensor)]
                call.outputs = [_held(x) for x in tensors]
                call.cotangents = [None] * len(tensors)
                for i, tensor in enumerate(tensors):
                    if tensor.requires_grad:
                        tensor.register_hook(_keeper(call, i))
                if call.index < CALLS:
                    self.calls.append(call)
                    if stack:
                        stack[-1].inside.append(call)
                if not stack:
                    root[:] = tensors

            handles.append(module.register_forward_pre_hook(enter, with_kwargs=True))
            handles.append(module.register_forward_hook(leave))
        try:
            yield root
        finally:
            for handle in handles:
                handle.remove()
            self._restore(self.module, before)

    def _pull(self, root: list[torch.Tensor], seed: int) -> None:
        """Go back through the network from random gradients of its outputs."""
        rng = np.random.default_rng(seed)
        tracked = [x for x in root if x.requires_grad]
        if not tracked:
            return
        drawn = [torch.tensor(_normal(rng, x), dtype=x.dtype) for x in tracked]
        torch.autograd.backward(tracked, drawn)
        for parameter in self.module.parameters():
            parameter.grad = None

    @property
    def root(self) -> Call:
        """The network's own call."""
        return self.calls[-1]

    def restore(self, call: Call) -> None:
        """Set the buffers of a layer to what they were before a call."""
        self._restore(call.module, call.buffers)

    @staticmethod
    def _restore(module: torch.nn.Module, buffers: dict[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, buffer in module.named_buffers():
                if name in buffers and buffer.shape == buffers[name].shape:
                    buffer.copy_(buffers[name])

    def forward(self, call: Call) -> list[torch.Tensor]:
        """Run a layer again on what it was given, and return the leaves of the output."""
        given = _pytree.tree_map(_held, call.given)
        return self._run(call, given)

    def _run(self, call: Call, given: tuple[Any, Any]) -> list[torch.Tensor]:
        self.restore(call)
        args, kwargs = given
        found = call.module(*args, **kwargs)
        return [x for x in _pytree.tree_leaves(found) if isinstance(x, torch.Tensor)]

    def run(self, call: Call) -> Result:
        """Compute a layer alone, and its gradients from its output's own."""
        parameters = dict(call.module.named_parameters())
        given = _pytree.tree_map(_leaf, call.given)
        inputs = [x for x in _pytree.tree_leaves(given) if _floating(x)]
        with widened():
            # A copy of each, as layers may write to what they get.
            outputs = self._run(call, _pytree.tree_map(_passed, given))
            after = {name: b.detach().clone() for name, b in call.module.named_buffers()}
            pairs = [
                (x, g)
                for x, g in zip(outputs, call.cotangents, strict=True)
                if g is not None and x.requires_grad
            ]
            wanted = [*inputs, *(p for p in parameters.values() if p.requires_grad)]
            found: list[torch.Tensor | None] = [None] * len(wanted)
            if pairs and wanted:
                found = list(
                    torch.autograd.grad(
                        [x for x, _ in pairs], wanted, [g for _, g in pairs], allow_unused=True
                    )
                )
        self.restore(call)
        call.random = any(_apart(a, b) for a, b in zip(outputs, call.outputs, strict=True))
        of_inputs, of_parameters = found[: len(inputs)], iter(found[len(inputs) :])
        gradients = {
            name: _numpy(torch.zeros_like(p) if g is None else g)
            for name, p in parameters.items()
            if p.requires_grad
            for g in [next(of_parameters)]
        }
        return Result(
            [_numpy(x) for x in outputs],
            [
                _numpy(torch.zeros_like(x) if g is None else g)
                for x, g in zip(inputs, of_inputs, strict=True)
            ],
            gradients if pairs else {},
            {name: _numpy(b) for name, b in after.items()},
            {name: _numpy(p) for name, p in parameters.items()},
        )


def _copied(module: torch.nn.Module) -> torch.nn.Module:
    """Copy a network in float64; tensors that hooks compute anew (weight_norm's) are copied too."""
    memo: dict[int, torch.Tensor] = {}
    for part in module.modules():
        for value in vars(part).values():
            if isinstance(value, torch.Tensor) and value.grad_fn is not None:
                memo[id(value)] = value.detach().clone()
    try:
        made = copy.deepcopy(module, memo)
    except Exception as error:
        raise TypeError(
            f"models: torch_module cannot be copied by copy.deepcopy, which the comparison needs, "
            f"to leave it as it is: {type(error).__name__}: {error}"
        ) from error
    for part in made.modules():  # the user's own hooks have no part in this
        part._backward_hooks.clear()
    for parameter in made.parameters():
        parameter.grad = None
    return made._apply(double)


def _tensor(leaf: Any) -> Any:
    return torch.tensor(np.asarray(leaf)) if isinstance(leaf, np.ndarray | jax.Array) else leaf


def _floating(leaf: object) -> bool:
    return isinstance(leaf, torch.Tensor) and (leaf.is_floating_point() or leaf.is_complex())


def _tracked(leaf: Any) -> Any:
    """Return a tensor with gradients that can be written to."""
    return leaf.detach().clone().requires_grad_().clone() if _floating(leaf) else _held(leaf)


def _held(leaf: Any) -> Any:
    return leaf.detach().clone() if isinstance(leaf, torch.Tensor) else leaf


def _leaf(leaf: Any) -> Any:
    held = _held(leaf)
    return held.requires_grad_() if _floating(held) else held


def _passed(leaf: Any) -> Any:
    return leaf.clone() if isinstance(leaf, torch.Tensor) else leaf


def _keeper(call: Call, index: int) -> Callable[[torch.Tensor], None]:
    def keep(gradient: torch.Tensor) -> None:
        call.cotangents[index] = gradient.detach().clone()

    return keep


def _normal(rng: np.random.Generator, like: torch.Tensor) -> np.ndarray:
    drawn = rng.standard_normal(tuple(like.shape))
    return drawn + 1j * rng.standard_normal(tuple(like.shape)) if like.is_complex() else drawn


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().resolve_conj().resolve_neg().cpu().numpy().copy()


def _apart(a: torch.Tensor, b: torch.Tensor) -> bool:
    if a.shape != b.shape:
        return True
    if not _floating(a):
        return bool((a != b).any())
    finite = torch.isfinite(a) & torch.isfinite(b)
    if not finite.any():
        return False
    difference = (a - b)[finite].abs().max()
    return bool(difference > RANDOM * b[finite].abs().max().clamp(min=1e-300))
