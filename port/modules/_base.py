"""What the modules have in common: signatures, modes, parameters, and where chance comes from."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from conv._layer import InitSignature, Layer, Randomness, next_key, own_stream, settled
from conv._modules import uniform

from ..functional._arguments import COMPLEX, FLOATING

__all__ = [
    "Buffer",
    "Chance",
    "InitSignature",
    "Layer",
    "Module",
    "Parameter",
    "Randomness",
    "Switched",
    "drawn",
    "parameter_dtype",
    "settled",
]

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
        self.rngs = own_stream(rngs, "dropout", type(self).__name__)

    def _key(self, rngs: Randomness | None, needed: bool = True) -> jax.Array | None:
        """Return the key of one call, or None where none is needed."""
        if self.deterministic or not needed:
            return None
        source = self.rngs if rngs is None else rngs
        name = type(self).__name__
        if source is None:
            raise ValueError(
                f"{name}: rngs must be given in training: {name}(..., rngs=nnx.Rngs(0)), or with "
                "the call; or call .eval() first"
            )
        return next_key(source, "dropout", name)


def parameter_dtype(dtype: DTypeLike | None, where: str, *, complex: bool = False) -> np.dtype:
    """Return the dtype of parameters: float32 by default."""
    allowed = FLOATING + COMPLEX if complex else FLOATING
    chosen = jnp.dtype(jnp.float32 if dtype is None else dtype)
    if chosen.name not in allowed:
        raise TypeError(f"{where}: dtype must be one of {', '.join(allowed)}, got dtype={dtype!r}")
    return chosen


def drawn(shape: tuple[int, ...], bound: float, dtype: DTypeLike, rngs: nnx.Rngs) -> nnx.Param:
    """Return a parameter from U(-bound, bound)."""
    return nnx.Param(uniform(rngs.params(), shape, bound, dtype))
