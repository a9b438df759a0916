"""models: a network in PyTorch and the same in JAX, layer by layer."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .._torch import require_torch
from ._report import Report

if TYPE_CHECKING:
    import torch

    from ._pytorch import Tape
    from ._sides import Side

RTOL = 1e-9  # of the scale: both sides are in float64, which rounds at 1e-16


def models(
    torch_module: "torch.nn.Module",
    jax_model: Any,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    train: bool | None = None,
    rtol: float = RTOL,
    seed: int = 0,
) -> Report:
    r"""Compare a network of PyTorch with the same in JAX, layer by layer.

    The network of PyTorch runs once, forward and back. Then each of its layers, and each module
    that holds layers, runs alone on both sides, on PyTorch's own input and from PyTorch's own
    gradient of the output: so differences do not add up. Compared are the weights, the output, the
    gradients of the input and of the weights, the buffers afterwards, and the weights after a step
    of gradient descent. All of it is in float64: two values of a kind agree if

    .. math:: |a - b| \le \mathrm{rtol} \cdot \max(s_\mathrm{layer}, s_\mathrm{network})

    where the scales are the layer's largest value and the median of those of all layers.

    Of the first layer that parts a likely cause is sought: PyTorch's layer is run with one fault
    after the other (a kernel that is not flipped, axes in another layout, another padding, epsilon,
    momentum, ...) until it gives what JAX's gives.

    Args:
      torch_module: a torch.nn.Module; it is copied and left as it is.
      jax_model: what `port.convert` returns; or an nnx.Module whose state has PyTorch's names (see
        `port.state_dict`), of this package's layers, flax's, or your own; or a function of the
        network's arguments. Layers that take their channels last get them so.
      args: the network's arguments: tensors or arrays.
      kwargs: its keyword arguments.
      train: whether in training, where norms take the batch's statistics and update their own;
        None for the mode that a program was converted in, or that torch_module is in. Dropout is
        compared by what it drops and by which factor it keeps, and is off for all else.
      rtol: how far apart values may be, relative to the scale.
      seed: for the gradient of the network's output, which is random.

    Returns:
      A `Report`, true if all agrees: `.first` has the path of the first layer that parts ('' where
      it is the network's own code between its layers), `.cause` the likely cause, `.layers`
      everything. Printed it is a table.

    Raises:
      ImportError: where torch is not installed.
      TypeError: arguments of other types than these.
      ValueError: a network of PyTorch that does not take args; two networks that have no name of a
        weight in common; a program in another mode than asked for.

    A layer of JAX is found by the path of PyTorch's; one that is not there is compared as part of
    what holds it. Of a function there are no parts: its fault is sought in all of PyTorch's layers.

    Example:
      >>> import torch
      >>> from flax import nnx
      >>> import compare, port
      >>> theirs = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.LayerNorm(6))
      >>> ours = port.Sequential(
      ...     port.Conv2d(3, 4, 3, rngs=nnx.Rngs(0)), port.LayerNorm(6, eps=1e-6, rngs=nnx.Rngs(0))
      ... )
      >>> _ = port.load_state_dict(ours, theirs.state_dict())
      >>> report = compare.models(theirs, ours, (torch.ones(2, 3, 8, 8).cumsum(-1),))
      >>> report.first, report.cause
      ('1', 'eps: JAX has 1e-06, PyTorch 1e-05')
    """
    torch = require_torch()
    import jax

    from port import Program

    _check(torch, torch_module, jax_model, args, kwargs)
    if isinstance(jax_model, Program):
        if train is not None and train != jax_model.graph.train:
            made = "training" if jax_model.graph.train else "evaluation"
            raise ValueError(
                f"models: the program was converted for {made}, got train={train}; "
                f"convert the network with train={train}"
            )
        train = jax_model.graph.train
    elif train is None:
        train = bool(torch_module.training)

    from ._pytorch import Tape
    from ._walk import compared

    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        try:
            tape = Tape(torch_module, args, kwargs or {}, train, seed)
        except (RuntimeError, ValueError, IndexError) as error:
            raise ValueError(
                f"models: torch_module does not take args: {type(error).__name__}: {error}"
            ) from error
        side = _side(jax_model, tape)
        _check_names(side, tape)
        return compared(tape, side, rtol)


def _check(
    torch: ModuleType, torch_module: object, jax_model: object, args: object, kwargs: object
) -> None:
    if not isinstance(torch_module, torch.nn.Module):
        raise TypeError(f"models: torch_module must be a torch.nn.Module, got {torch_module!r}")
    if isinstance(jax_model, torch.nn.Module):
        raise TypeError(
            "models: jax_model must be a network in JAX, got a torch.nn.Module: "
            f"{type(jax_model).__name__}"
        )
    if isinstance(jax_model, type) or not callable(jax_model):
        raise TypeError(
            "models: jax_model must be a port.Program, an nnx.Module or a function, got "
            f"{jax_model!r}"
        )
    if _is_abstract(jax_model):
        raise ValueError(
            "models: jax_model has no values: nnx.eval_shape made it; load its weights first"
        )
    if not isinstance(args, tuple | list):
        raise TypeError(
            f"models: args must be a tuple of the network's arguments, got {type(args).__name__}"
        )
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise TypeError(f"models: kwargs must be a mapping, got {type(kwargs).__name__}")


def _is_abstract(jax_model: object) -> bool:
    """Whether a network has shapes in the place of arrays."""
    import jax
    from flax import nnx

    leaves = jax.tree.leaves(nnx.state(jax_model)) if isinstance(jax_model, nnx.Pytree) else []
    return any(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves)


def _side(jax_model: Any, tape: "Tape") -> "Side":
    from port import Program

    if isinstance(jax_model, Program):
        from ._programs import ProgramSide

        return ProgramSide(jax_model, *tape.root.given)
    from ._modules import ModuleSide

    return ModuleSide(jax_model, tape.train)


def _check_names(side: "Side", tape: "Tape") -> None:
    """Refuse two networks that have nothing to do with each other."""
    ours, theirs = side.names(), set(tape.module.state_dict())
    if ours is None or not theirs or ours & theirs:
        return
    raise ValueError(
        f"models: no weight has the same name on both sides; JAX has {_few(ours)}, "
        f"PyTorch {_few(theirs)}"
    )


def _few(names: set[str]) -> str:
    shown = sorted(names)[:4]
    return ", ".join(shown) + (", ..." if len(names) > len(shown) else "") if shown else "none"
