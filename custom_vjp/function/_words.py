"""Tensors' attributes that arrays of JAX have not, and what to write in their place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from convgrad._arrays import is_array

_NEEDS = "ask ctx.needs_input_grad, which has one bool for each input"
_DETACH = "write jax.lax.stop_gradient(x), or grad.detach(x)"
_ASTYPE = "write x.astype(dtype)"
_ITSELF = "leave it out"

_ADVICE = {
    "requires_grad": _NEEDS,
    "requires_grad_": _NEEDS,
    "grad_fn": _NEEDS,
    "is_leaf": _NEEDS,
    "detach": _DETACH,
    "data": _DETACH,
    "numpy": "write np.asarray(x)",
    "dim": "write x.ndim",
    "ndimension": "write x.ndim",
    "numel": "write x.size",
    "new_zeros": "write jnp.zeros(shape, x.dtype)",
    "new_ones": "write jnp.ones(shape, x.dtype)",
    "new_full": "write jnp.full(shape, value, x.dtype)",
    "masked_fill": "write jnp.where(mask, value, x)",
    "expand": "write jnp.broadcast_to(x, shape)",
    "expand_as": "write jnp.broadcast_to(x, y.shape)",
    "view_as": "write x.reshape(y.shape)",
    "permute": "write x.transpose(axes)",
    "t": "write x.T",
    "unsqueeze": "write jnp.expand_dims(x, axis)",
    "gather": "write jnp.take_along_axis(x, index, axis)",
    "index_select": "write jnp.take(x, index, axis)",
    "type_as": "write x.astype(y.dtype)",
    "clamp": "write x.clip(min, max), or custom_vjp.clamp for PyTorch's gradient at the bounds",
    **dict.fromkeys(("to", "float", "double", "half", "long", "int", "bool"), _ASTYPE),
    **dict.fromkeys(("contiguous", "cpu", "cuda"), _ITSELF),
}


@contextmanager
def torch_words(where: str) -> Iterator[None]:
    """Say what to write where code asks an array for what only PyTorch's tensors have."""
    try:
        yield
    except AttributeError as error:
        name = str(error.name)
        advice = _ADVICE.get(name)
        if name.endswith("_") and not name.endswith("__") and advice is None:
            advice = (
                f"arrays do not change: write x = x.{name[:-1]}(...), or x = x.at[...].set(...)"
            )
        if advice is None or not is_array(error.obj):
            raise
        raise AttributeError(
            f"{where}: an array of JAX has no attribute {name!r}: {advice}"
        ) from error
