"""What the flax.nnx modules have in common: signatures, modes, arguments, and chance."""

import inspect
from collections.abc import Iterable
from typing import Any, TypeVar

import jax
from flax import nnx

from ._arguments import boolean

Self = TypeVar("Self", bound="Layer")
Randomness = nnx.Rngs | nnx.RngStream | jax.Array


class InitSignature:
    """The class's signature is that of its __init__; flax's metaclass hides it from `help`."""

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        signature = inspect.signature(owner.__init__)  # type: ignore[misc]
        return signature.replace(parameters=list(signature.parameters.values())[1:])


class Layer(nnx.Module):
    """A module with the signature of its __init__, whose mode is set as in PyTorch.

    A mode is what flax's own layers have: `deterministic` where something is drawn by chance,
    `use_running_average` where there are running statistics. Both set it for the whole tree, in
    whichever of the two libraries a layer is.
    """

    __signature__ = InitSignature()

    def train(self: Self, mode: bool = True, **attributes: Any) -> Self:
        """Set this module and all below it to training, or with False to evaluation."""
        evaluation = not boolean("mode", mode, "train")
        self.set_attributes(
            deterministic=evaluation,
            use_running_average=evaluation,
            raise_if_not_found=False,
            **attributes,
        )
        return self

    def eval(self: Self, **attributes: Any) -> Self:
        """Set this module and all below it to evaluation."""
        return self.train(False, **attributes)


def settled(value: Any) -> Any:
    """Return an argument as it can be kept: flax asks for what has a hash, a tuple for a list."""
    return tuple(settled(part) for part in value) if isinstance(value, list | tuple) else value


def repeated(value: Any, n: int) -> Any:
    """Return an argument as PyTorch keeps it: a tuple of n, or what was given, of any length."""
    return tuple(value) if isinstance(value, Iterable) else (value,) * n


def own_stream(rngs: nnx.Rngs | nnx.RngStream | None, name: str, where: str) -> Any:
    """Return a stream for one module to keep, split off the one of a name; None of None."""
    if isinstance(rngs, nnx.Rngs):
        return rngs[name].fork()
    if isinstance(rngs, nnx.RngStream):
        return rngs.fork()
    if rngs is None:
        return nnx.data(None)
    raise TypeError(
        f"{where}: rngs must be nnx.Rngs, one of its streams, or None, got rngs={rngs!r}"
    )


def next_key(source: Randomness | None, name: str, where: str) -> jax.Array:
    """Return the key of one call."""
    if isinstance(source, nnx.Rngs):
        return source[name]()
    if isinstance(source, nnx.RngStream):
        return source()
    if isinstance(source, jax.Array):
        return source
    raise TypeError(
        f"{where}: rngs must be nnx.Rngs, one of its streams, or a JAX key, got rngs={source!r}"
    )
