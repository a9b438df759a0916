"""Between PyTorch's tensors and JAX's arrays, in 64 bits."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from convgrad._arrays import is_inexact

if TYPE_CHECKING:
    import torch

WIDE = {
    "float16": "float64",
    "bfloat16": "float64",
    "float32": "float64",
    "complex64": "complex128",
}


def widest(value: ArrayLike) -> jax.Array:
    """Return an array in float64 or complex128 if it is a floating one."""
    array = np.asarray(value)
    return jnp.asarray(array.astype(WIDE.get(array.dtype.name, array.dtype)))


def from_torch(tensor: "torch.Tensor") -> np.ndarray:
    """Return a tensor as an array of NumPy."""
    found: np.ndarray = tensor.detach().resolve_conj().resolve_neg().cpu().numpy()
    return found


def is_tensor(leaf: object) -> bool:
    """Whether a leaf is a tensor of PyTorch."""
    return hasattr(leaf, "resolve_conj")


def pull(
    function: Callable[[Any, list[Any]], tuple[list[jax.Array], Any]],
    params: Any,
    leaves: Sequence[jax.Array],
    cotangents: "Sequence[torch.Tensor | None]",
) -> tuple[list[jax.Array], Any, Any, list[jax.Array] | None]:
    """Compute a layer and its gradients.

    Args:
      function: takes parameters and the input's leaves, returns the output's leaves and the rest.
      params: a tree of floating arrays.
      leaves: of the input.
      cotangents: gradients of the output's leaves in PyTorch's convention, None where there is
        none; where their shapes are not the outputs', no gradient is taken.

    Returns:
      The output's leaves, the rest, and the gradients of params and of the floating leaves; None
      and None where there is no gradient.
    """
    moving = [i for i, leaf in enumerate(leaves) if is_inexact(leaf.dtype)]

    def of(params: Any, chosen: list[jax.Array]) -> Any:
        full = list(leaves)
        for i, leaf in zip(moving, chosen, strict=True):
            full[i] = leaf
        outputs, rest = function(params, full)
        tracked = [x for x in outputs if is_inexact(x.dtype)]
        return tracked, (outputs, rest)

    tracked, back, (outputs, rest) = jax.vjp(of, params, [leaves[i] for i in moving], has_aux=True)
    given = iter([g for x, g in zip(outputs, cotangents, strict=False) if is_inexact(x.dtype)])
    seeds = [_seed(x, next(given, None)) for x in tracked]
    if not any(g is not None for g in cotangents) or any(seed is None for seed in seeds):
        return outputs, rest, None, None
    of_params, of_leaves = back(seeds)
    # JAX's cotangents are the conjugates of PyTorch's gradients.
    return outputs, rest, jax.tree.map(jnp.conj, of_params), [jnp.conj(g) for g in of_leaves]


def _seed(output: jax.Array, cotangent: "torch.Tensor | None") -> jax.Array | None:
    if cotangent is None:
        return jnp.zeros_like(output)
    given = from_torch(cotangent)
    return jnp.asarray(given).conj().astype(output.dtype) if given.shape == output.shape else None
