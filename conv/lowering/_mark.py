"""The mark that convolutions carry to where they are lowered, and who sets it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

import jax

from convgrad import _jax

# What the functions of this package do where nothing was said: they are always on.
_enabled: ContextVar[bool] = ContextVar("convgrad_enabled", default=True)


@contextmanager
def accelerate(enabled: bool = True) -> Iterator[None]:
    """Make convolutions fast that are traced inside, of any JAX library: on CPU above all.

    Use it as a context manager around a call (of a model of Flax, Equinox, Haiku or Keras, under
    jit or not), or as a decorator of the function that calls. It changes how
    `lax.conv_general_dilated` is compiled for CPU, forward and backward, at every order of
    differentiation and under vmap; results agree up to rounding. Where jaxlib carries oneDNN and
    the processor has AVX-512, products of two matrices (`lax.dot_general`: dense layers) are
    oneDNN's, too. A network that is not differentiated keeps its arrays with the channels innermost
    in memory from its first convolution to its last, whatever their shapes' order; a function of
    this package on an argument of the program begins with the argument's. For NVIDIA GPUs it
    changes what XLA finds no good kernel for: weight gradients of transposed and dilated layers,
    depthwise layers, long kernels. For TPUs it changes grouped layers. Programs for others are the
    same as without it, and so are programs traced outside. The functions and modules of this
    package have it always on.

    A function that `jax.jit` has compiled outside is traced anew inside, and kept beside.

    Args:
      enabled: False switches the rule off inside, for this package's functions too: every
        convolution is then lowered as JAX does it.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from flax import nnx
      >>> from conv import accelerate
      >>> layer = nnx.Conv(8, 8, (3, 3), feature_group_count=8, rngs=nnx.Rngs(0))
      >>> with accelerate():
      ...     y = layer(jnp.ones((1, 16, 16, 8)))
      >>> y.shape
      (1, 16, 16, 8)

    Reference: jax-ml/jax#13800, #23713, #31662 and #12868 tell what is slow without it.
    """
    before = _enabled.set(enabled)
    try:
        with _jax.marked(_jax.ON if enabled else _jax.OFF):
            yield
    finally:
        _enabled.reset(before)


def accelerated() -> AbstractContextManager[None]:
    """Mark what this package's own functions trace, unless `accelerate(False)` is in force."""
    if _jax.current_mark() == _jax.GIVEN:
        return nullcontext()
    return accelerate(_enabled.get())


def given(input: jax.Array) -> AbstractContextManager[object]:
    """Say of the convolution traced inside whether its input is an argument of the program."""
    if _enabled.get() and _jax.is_argument(input):
        return _jax.marked(_jax.GIVEN)
    return nullcontext()
