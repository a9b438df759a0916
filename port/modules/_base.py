"""What the modules have in common: signatures, modes, parameters, and where chance comes from."""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from flax import nnx

from conv._modules import InitSignature, uniform

from ..functional._arguments import COMPLEX, FLOATING, boolean

Self = TypeVar("Self", bound="Layer")
Randomness = nnx.Rngs | nnx.RngStream | jax.Array
Parameter = nnx.Param  # torch.nn.Parameter's name for it


class Buffer(nnx.Variable):
    """What belongs to a module's state and is no parameter: torch.nn.Buffer.

    Args:
      data: an array.
      persistent: whether `state_dict` has it. Default: True.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from port import Buffer, state_dict
      >>> list(state_dict(nnx.Dict(mean=Buffer(jnp.zeros(3)))))
      ['mean']

    Reference: torch.nn.Buffer.
    """

    def __init__(self, data: Any, *, persistent: bool = True, **metadata: Any) -> None:
        super().__init__(data, persistent=persistent, **metadata)


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


class Switched(Layer):
    """A layer whose mode is `deterministic`, and with that `training`."""

    deterministic: bool = False

    @property
    def training(self) -> bool:
        """Whether this layer is in training."""
        return not self.deterministic

    @training.setter
    def training(self, value: bool) -> None:
        self.deterministic = not value

    def set_view(self, deterministic: bool | None = None) -> None:
        """Take a mode from `nnx.view`."""
        if deterministic is not None:
            self.deterministic = deterministic


class Module(Switched):
    """A network as one writes it in PyTorch, with `forward`: torch.nn.Module as an nnx.Module.

    `forward` is called where the module is. `training` is True at first, and set by `train` and
    `eval` of this module or of one above it, flax's too.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> import port
      >>> class Net(port.Module):
      ...     def __init__(self, *, rngs: nnx.Rngs) -> None:
      ...         super().__init__()
      ...         self.fc = port.Linear(3, 2, rngs=rngs)
      ...
      ...     def forward(self, x):
      ...         return self.fc(x), self.training
      >>> y, training = Net(rngs=nnx.Rngs(0)).eval()(jnp.ones((4, 3)))
      >>> y.shape, training
      ((4, 2), False)

    Reference: torch.nn.Module.
    """

    def add_module(self, name: str, module: Any) -> None:
        """Set an attribute, which is a module, by its name."""
        setattr(self, name, module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call `forward`."""
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's output: every subclass has its own."""
        raise NotImplementedError(  # in PyTorch's words
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )


class Chance(Switched):
    """A layer that draws random numbers in training.

    They come from the stream `dropout` (or the default one) of the nnx.Rngs that it is made with,
    or from `rngs` of a call: nnx.Rngs, a stream, or a JAX key.
    """

    def _set_chance(self, rngs: nnx.Rngs | nnx.RngStream | None) -> None:
        if isinstance(rngs, nnx.Rngs):
            self.rngs = rngs["dropout"].fork()
        elif isinstance(rngs, nnx.RngStream):
            self.rngs = rngs.fork()
        elif rngs is None:
            self.rngs = nnx.data(None)
        else:
            raise TypeError(
                f"{type(self).__name__}: rngs must be nnx.Rngs, one of its streams, or None, "
                f"got rngs={rngs!r}"
            )

    def _key(self, rngs: Randomness | None, needed: bool = True) -> jax.Array | None:
        """Return the key of one call, or None where none is needed."""
        if self.deterministic or not needed:
            return None
        source = self.rngs if rngs is None else rngs
        if isinstance(source, nnx.Rngs):
            return source["dropout"]()
        if isinstance(source, nnx.RngStream):
            return source()
        if isinstance(source, jax.Array):
            return source
        name = type(self).__name__
        if source is None:
            raise ValueError(
                f"{name}: rngs must be given in training: {name}(..., rngs=nnx.Rngs(0)), or with "
                "the call; or call .eval() first"
            )
        raise TypeError(
            f"{name}: rngs must be nnx.Rngs, one of its streams, or a JAX key, got rngs={source!r}"
        )


def settled(value: Any) -> Any:
    """Return an argument as it can be kept: flax asks for what has a hash, a tuple for a list."""
    return tuple(settled(part) for part in value) if isinstance(value, list | tuple) else value


def parameter_dtype(dtype: Any, where: str, *, complex: bool = False) -> Any:
    """Return the dtype of parameters: float32 by default."""
    allowed = FLOATING + COMPLEX if complex else FLOATING
    chosen = jnp.dtype(jnp.float32 if dtype is None else dtype)
    if chosen.name not in allowed:
        raise TypeError(f"{where}: dtype must be one of {', '.join(allowed)}, got dtype={dtype!r}")
    return chosen


def drawn(shape: tuple[int, ...], bound: float, dtype: Any, rngs: nnx.Rngs) -> nnx.Param:
    """Return a parameter from U(-bound, bound)."""
    return nnx.Param(uniform(rngs.params(), shape, bound, dtype))
