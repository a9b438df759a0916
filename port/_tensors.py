"""What may stand in a state: JAX's arrays, NumPy's, and tensors of PyTorch, without its import."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from convgrad import _arrays

if TYPE_CHECKING:
    import torch

# Dtypes that NumPy has from ml_dtypes only: PyTorch gives such tensors to it by way of float32.
WIDENED = ("bfloat16", "float8")


def numbers(value: Any) -> np.ndarray | jax.Array:
    """Return a member of a state as an array, its dtype kept.

    Raises:
      TypeError: it is no array, or one of other things than numbers.
    """
    if isinstance(value, nnx.Variable):
        value = value.get_value()
    if _is_tensor(value):
        value = _from_torch(value)
    if not _arrays.is_array(value):
        raise TypeError(
            f"expected an array of JAX or NumPy, or a tensor of PyTorch, but received {type(value)}"
        )
    if not (jnp.issubdtype(value.dtype, jnp.number) or value.dtype == bool):
        raise TypeError(f"expected numbers, but received an array of dtype {value.dtype}")
    return value


def _is_tensor(value: object) -> bool:
    """Whether a value is a tensor of PyTorch, which need not be installed."""
    return all(hasattr(value, name) for name in ("detach", "resolve_conj", "numpy"))


def _from_torch(tensor: "torch.Tensor") -> np.ndarray:
    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    name = str(plain.dtype).removeprefix("torch.")
    if name.startswith(WIDENED):
        return plain.float().numpy().astype(jnp.dtype(getattr(jnp, name)))
    return plain.numpy()
