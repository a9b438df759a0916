"""What a guess is: one call of a function of PyTorch, made as JAX's layer may have made it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Site:
    """A call of one of PyTorch's functions in the forward of a layer.

    Attributes:
      number: which call it is, among those of the layer.
      owner: path of the innermost layer that makes it.
      name: the function's.
      arguments: its arguments by name; those left out are not there.
      output: what it returned.
      wanted: shape of JAX's output, if the call is all that the layer does.
      flattened: shapes that the network flattens, to guess the order of a Linear's columns.
    """

    number: int
    owner: str
    name: str
    arguments: Mapping[str, Any]
    output: Any
    wanted: tuple[int, ...] | None = None
    flattened: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Guess:
    """A fault that JAX's layer may have.

    Attributes:
      cause: in words.
      topic: guesses of different topics can be true together.
      change: gives the arguments that the function is called with.
      after: gives the result for the function's.
      run: computes the result from the arguments, in the place of the function.
    """

    cause: str
    topic: str = ""
    change: Callable[[Arguments], Arguments] | None = None
    after: Callable[[Any], Any] | None = None
    run: Callable[[Arguments], Any] | None = None

    def compute(self, function: Callable[[Arguments], Any], arguments: Arguments) -> Any:
        """Make the call as the guess has it."""
        if self.change is not None:
            arguments = self.change(dict(arguments))
        result = function(arguments) if self.run is None else self.run(arguments)
        return result if self.after is None else self.after(result)


def both(one: Guess, other: Guess) -> Guess:
    """Return two guesses of different topics as one; neither may have a `run` of its own."""

    def change(arguments: Arguments) -> Arguments:
        for guess in (one, other):
            if guess.change is not None:
                arguments = guess.change(dict(arguments))
        return arguments

    def after(result: Any) -> Any:
        for guess in (one, other):
            if guess.after is not None:
                result = guess.after(result)
        return result

    return Guess(f"{one.cause}; {other.cause}", "several", change, after)


def given(**values: Any) -> Callable[[Arguments], Arguments]:
    """Return a change that gives some arguments other values."""
    return lambda arguments: arguments | values


@dataclass(frozen=True)
class Kind:
    """Functions of PyTorch that share their faults.

    Attributes:
      names: of the functions.
      parameters: names of their parameters, in order.
      guesses: gives the faults of a call.
    """

    names: tuple[str, ...]
    parameters: tuple[str, ...]
    guesses: Callable[[Site], Iterable[Guess]]
    rest: str = ""  # the parameter that takes all further arguments
    keywords: Mapping[str, str] = field(default_factory=dict)  # other names for parameters
