"""`python -m compare model torch.py:factory jax.py:factory`: the arguments, and the run."""

import argparse
import inspect
import json
import sys
from collections.abc import Callable
from typing import Any

from .._table import console_for
from .._versions import versions, versions_line


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's arguments."""
    made = argparse.ArgumentParser(
        prog="python -m compare model",
        description="Compare a network of PyTorch with the same in JAX, layer by layer: which "
        "is the first that parts, and why.",
        epilog="Exit status: 0 if all layers agree, 1 if one does not, 2 for wrong usage or where "
        "torch is missing.",
    )
    made.add_argument(
        "torch",
        metavar="torch.py:factory",
        help="a torch.nn.Module, or a function that returns one, or one and its arguments in a "
        "tuple; a file or a module before the colon",
    )
    made.add_argument(
        "jax",
        metavar="jax.py:factory",
        help="a function that returns an nnx.Module, which then gets PyTorch's weights; or one "
        "that takes PyTorch's network, and returns a module with its weights, a port.Program or "
        "a function",
    )
    made.add_argument(
        "--input",
        metavar="SIZES",
        action="append",
        default=[],
        help="sizes of a random argument: 1x3x32x32, or 8x16:int64 for zeros; once for each",
    )
    made.add_argument(
        "--eval", action="store_true", help="compare at rest, and not in PyTorch's own mode"
    )
    made.add_argument("--seed", type=int, default=0, help="for weights and input (0)")
    made.add_argument("--json", action="store_true", help="print the report as JSON")
    return made


def run(made: argparse.ArgumentParser, options: argparse.Namespace) -> bool:
    """Make both networks, compare them and print the report; say whether they agree."""
    from ._models import models
    from ._report import print_models, to_data

    try:
        theirs, ours, args = _networks(options)
        report = models(theirs, ours, args)
    except (ValueError, TypeError, RuntimeError, NotImplementedError) as error:
        made.error(str(error))
    if options.json:
        print(json.dumps(to_data(report, versions()), indent=1))
    else:
        console = console_for(sys.stdout)
        print_models(console, report)
        console.print(versions_line(versions()), style="dim")
    return report.agree


def _networks(options: argparse.Namespace) -> tuple[Any, Any, tuple[Any, ...]]:
    """Return PyTorch's network, JAX's, and the arguments."""
    import torch
    from flax import nnx

    from port import load_state_dict
    from port.__main__ import example
    from port._factory import load

    torch.manual_seed(options.seed)
    theirs = load(options.torch)
    theirs = theirs if isinstance(theirs, torch.nn.Module) else theirs()
    args: Any = ()
    if isinstance(theirs, tuple):
        theirs, args = theirs
    try:
        args = tuple(example(sizes) for sizes in options.input) or args
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"argument --input: {error}") from error
    if not args:
        raise ValueError(
            "give --input, such as --input 1x3x32x32; or let the factory return the network and "
            "its arguments: (network, (x,))"
        )
    if options.eval:
        theirs.eval()
    ours = load(options.jax)
    if isinstance(ours, nnx.Pytree) or not callable(ours):
        return theirs, ours, args
    if _takes_one(ours):
        return theirs, ours(theirs), args
    ours = ours()
    if isinstance(ours, nnx.Module):
        load_state_dict(ours, theirs.state_dict())
    return theirs, ours, args


def _takes_one(factory: Callable[..., Any]) -> bool:
    """Whether a factory has to be given something."""
    parameters = inspect.signature(factory).parameters.values()
    return any(
        p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        for p in parameters
    )
