"""PyTorch's functions within a layer: seen as they are called, and called otherwise."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from ._pytorch import Tape
from ._sides import Call
from ._widened import Widened, name_of, widened
from .faults import KINDS, Guess, Kind, Site

Function = Callable[[Any, Any], Any]  # of PyTorch's, called with args and kwargs


class _Watched(Widened):
    """Counts the calls of functions, hands each to `meet`, and knows which layer makes them."""

    def __init__(self, owners: list[str]) -> None:
        super().__init__()
        self.owners = owners
        self.number = -1

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call the function, or what is to stand in its place."""
        name = name_of(func)
        if name not in KINDS:
            return super().__torch_function__(func, types, args, kwargs)
        self.number += 1

        def function(args: Any, kwargs: Any) -> Any:
            return super(_Watched, self).__torch_function__(func, types, args, kwargs)

        return self.meet(name, function, args, kwargs or {})

    def meet(
        self, name: str, function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Make one call."""
        raise NotImplementedError


class _Recorder(_Watched):
    """Keeps all calls."""

    def __init__(self, owners: list[str]) -> None:
        super().__init__(owners)
        self.sites: list[Site] = []
        self.flattened: list[tuple[int, ...]] = []

    def meet(
        self, name: str, function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        kept = {n: _copy(v) for n, v in bound(KINDS[name], args, kwargs).items()}
        output = function(args, kwargs)
        self.sites.append(Site(self.number, self.owners[-1], name, kept, _copy(output)))
        return output


class _Trial(_Watched):
    """Makes one call as a guess has it."""

    def __init__(self, owners: list[str], number: int, guess: Guess) -> None:
        super().__init__(owners)
        self.wanted, self.guess = number, guess

    def meet(
        self, name: str, function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        if self.number != self.wanted:
            return function(args, kwargs)
        kind = KINDS[name]
        arguments = bound(kind, args, kwargs)
        return self.guess.compute(lambda a: function(*unbound(kind, a, len(args))), arguments)


def bound(kind: Kind, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's arguments by name."""
    named = dict(zip(kind.parameters, args, strict=False))
    if kind.rest and len(args) > len(kind.parameters):
        named[kind.rest] = tuple(args[len(kind.parameters) :])
    return named | {("input" if n == "self" else n): v for n, v in kwargs.items()}


def unbound(
    kind: Kind, arguments: Mapping[str, Any], count: int
) -> tuple[list[Any], dict[str, Any]]:
    """Return arguments as (args, kwargs), as many of the former as there were at first."""
    rest = dict(arguments)
    args = [rest.pop(name) for name in kind.parameters[:count] if name in rest]
    args += rest.pop(kind.rest, ()) if kind.rest else ()
    return args, rest


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def sites(tape: Tape, call: Call) -> list[Site]:
    """Return all calls of functions with known faults in the forward of a layer."""
    with _owners(call) as owners, torch.no_grad(), widened(_Recorder(owners)) as recorder:
        tape.forward(call)
    tape.restore(call)
    return recorder.sites


def attempt(tape: Tape, call: Call, number: int, guess: Guess) -> list[torch.Tensor] | None:
    """Run a layer with one call made as a guess has it; None where that is not possible."""
    with _owners(call) as owners, torch.no_grad(), widened(_Trial(owners, number, guess)):
        try:
            return tape.forward(call)
        except (RuntimeError, ValueError, IndexError, TypeError, KeyError, NotImplementedError):
            return None
        finally:
            tape.restore(call)


@contextmanager
def _owners(call: Call) -> Iterator[list[str]]:
    """Keep the paths of the layers whose forward is under way."""
    owners = [call.path]
    handles = []
    for name, module in call.module.named_modules():
        if not name:
            continue

        def enter(*_: object, path: str = call.full(name)) -> None:
            owners.append(path)

        def leave(*_: object) -> None:
            owners.pop()

        handles.append(module.register_forward_pre_hook(enter))
        handles.append(module.register_forward_hook(leave, always_call=True))
    try:
        yield owners
    finally:
        for handle in handles:
            handle.remove()
